/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes, rates and live counts of a fleet of servers, for empirical.c. Made from the first of the distributions
 * of Google's fleetbench (https://github.com/google/fleetbench, fleetbench/tcmalloc/distributions), which are
 * under the Apache License 2.0, and so is this table (empirical_fleet.LICENSE, beside it).
 *
 * Changed: 1064 sizes are merged into rows of a third of an octave each (two octaves above 32 760 bytes, one row
 * below 8). Of a row rates and live counts are the sums, its size is the mean by rate; all three are rounded to two
 * figures. Where one size has most of a row's live blocks, it is the row's, unrounded: half of all bytes are
 * in blocks of just 8192, and 8200 would be another class in most allocators. The live bytes of the rows up
 * to 32 760 are 2 % less than those of the original.
 */
#ifndef EMPIRICAL_FLEET_H
#define EMPIRICAL_FLEET_H

/* {size in bytes, allocations a second, mean live count} */
static const struct class fleet[] = {
    {4, 13000, 21000},     {8, 83000, 120000},        {13, 890, 1600},        {16, 100000, 2000000},
    {24, 120000, 720000},  {29, 2300, 12000},         {32, 620000, 3600000},  {48, 300000, 1400000},
    {56, 100000, 1200000}, {64, 550000, 4000000},     {88, 150000, 2500000},  {110, 140000, 910000},
    {140, 140000, 680000}, {180, 51000, 580000},      {230, 71000, 360000},   {280, 99000, 480000},
    {350, 68000, 170000},  {450, 15000, 170000},      {540, 42000, 300000},   {740, 12000, 160000},
    {900, 32000, 80000},   {1100, 30000, 180000},     {1500, 5200, 110000},   {1800, 2600, 110000},
    {2200, 23000, 300000}, {2900, 2100, 91000},       {4000, 23000, 130000},  {4096, 34000, 370000},
    {6144, 13000, 1900},   {6984, 530, 1300},         {8192, 26000, 1100000}, {12000, 560, 460},
    {15000, 520, 200},     {16384, 1600, 140000},     {23000, 710, 130},      {29000, 480, 120},
    {47000, 1400, 670},    {65536, 3500, 1400},       {330000, 190, 110},     {1048576, 27, 160},
    {5700000, 0.15, 1.4},  {17825792, 0.0018, 0.044},
};

#endif
