# SPDX-License-Identifier: MIT
#
# The safety matrix: a line an allocator, a column a path of a column of the matrix, a cell a colour, a mark and its
# counts. Colour and mark say the same, so that either may be missing.
#
#   gnuplot -e "summary='DIR/safety.tsv'; out='DIR/safety'" safety.gp

picture = 'safety'
if (!exists('summary') || !exists('out')) {
    print picture.": call it as gnuplot -e \"summary='DIR/safety.tsv'; out='DIR/".picture."'\" ".picture.'.gp'
    exit status 2
}
directory(path) = path eq '' || path[strlen(path):*] eq '/' ? path : directory(path[1:strlen(path) - 1])
plots = directory(ARG0)
escaped(s) = strstrt(s, "'") == 0 ? s : \
    substr(s, 1, strstrt(s, "'") - 1)."'\\''".escaped(substr(s, strstrt(s, "'") + 1, strlen(s)))
shell(s) = "'".escaped(s)."'"

allocators = 0
load '< LC_ALL=C awk -f '.shell(plots.'matrix.awk').' < '.shell(summary)
if (allocators == 0) {
    print picture.': '.summary.': no cells'
    exit status 1
}

set encoding utf8
unset key; unset border; unset tics
width = 1800; height = 210 + 52 * allocators
left = 0.085; right = 0.995
top_of = 1 - 150.0 / height; bottom_of = 56.0 / height
set lmargin at screen left; set rmargin at screen right
set tmargin at screen top_of; set bmargin at screen bottom_of
set xrange [0.5:cells + 0.5]; set yrange [allocators + 0.5:0.5]

if (!exists('kinds')) { kinds = 'png svg' }
do for [kind in kinds] {
    unit = kind eq 'png' ? 0.75 : 1.0
    if (kind eq 'png') {
        set terminal pngcairo size width,height noenhanced background 'white' font sprintf('sans-serif,%g', 17 * unit)
    } else {
        set terminal svg size width,height noenhanced background 'white' font sprintf('sans-serif,%g', 17 * unit)
    }
    set output out.'.'.kind
    unset label; unset arrow
    big = sprintf('sans-serif,%g', 26 * unit); small = sprintf('sans-serif,%g', 14 * unit)
    group = sprintf('sans-serif,%g', 19 * unit)
    set label 1 headline at screen 0.012, screen 1 - 26.0 / height font big
    set label 2 footline at screen 0.012, screen 20.0 / height font small tc rgb '#444444'
    tag = 3
    do for [i = 1:allocators] {
        set label tag allocator_name[i] at screen left - 0.006, first i right; tag = tag + 1
    }
    do for [i = 1:cells] {
        set label tag cell_name[i] at first i - 0.42, screen top_of + 27.0 / height font small; tag = tag + 1
    }
    do for [i = 1:groups] {
        set label tag group_name[i] at first group_first[i] - 0.45, screen top_of + 60.0 / height font group; tag = tag + 1
        if (i > 1) {
            set arrow from first group_first[i] - 0.5, screen bottom_of to first group_first[i] - 0.5, screen top_of + 70.0 / height \
                nohead lw 1.5 lc rgb '#333333'
        }
    }
    plot $matrix using 1:2:(0.47):(0.45):3 with boxxyerror fs solid 1 noborder lc rgb variable, \
         $matrix using 1:($2 - 0.17):4 with labels font sprintf('sans-serif,%g', 18 * unit), \
         $matrix using 1:($2 + 0.2):5 with labels font sprintf('sans-serif,%g', 12 * unit)
}
