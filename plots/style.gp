# SPDX-License-Identifier: MIT
#
# The look of all pictures: one colour, mark and dash for each allocator's name, whatever stands beside it. Colours are
# Okabe and Ito's and dark ones that keep apart for the colour-blind; mark and dash alone tell the lines apart in black
# and white. Loaded by panels.gp, after curves.awk has named the curves.

set encoding utf8
face = 'sans-serif'
font(size) = face.','.sprintf('%g', size * font_unit)
bold(size) = face.':Bold,'.sprintf('%g', size * font_unit)
title_size = 29; normal = 25; small = 21 # in pixels of a picture 1600 wide; font_unit is the terminal's

# Marks: a filled form, in which a white dot or plus may lie. The hollow form is the filled one's number less one.
circle = 7; square = 5; up = 9; down = 11; diamond = 13; pentagon = 15; plus = 1; cross = 2; star = 3
plain = 0; dot = 7; bar = 1
solid = '1'; long = '(22,6)'; dashed = '(11,6)'; dotted = '(3,5)'; dashdot = '(16,5,3,5)'; dashdots = '(14,5,3,4,3,5)'

# name, colour, mark, what lies in it, dash, width
known = 20
array look[known + curves]
look[1]  = 'ao              #D55E00 circle   plain solid    5'
look[2]  = 'ao-static       #D55E00 circle   dot   dotted   4'
look[3]  = 'ao-debian       #E69F00 diamond  plain long     4'
look[4]  = 'ao-lockfree     #882255 circle   bar   dashdot  4'
look[5]  = 'ao-replicated   #AA4499 square   bar   dashed   4'
look[6]  = 'ao-percpu       #8B2500 diamond  bar   solid    5'
look[7]  = 'glibc           #000000 square   plain solid    4'
look[8]  = 'glibc-notcache  #444444 square   dot   dashed   4'
look[9]  = 'glibc-1arena    #444444 pentagon dot   dotted   4'
look[10] = 'jemalloc        #0072B2 up       plain dashed   4'
look[11] = 'mimalloc        #009E73 down     plain dashdot  4'
look[12] = 'tcmalloc        #56B4E9 pentagon bar   dashdots 4'
look[13] = 'tbbmalloc       #CC79A7 diamond  dot   dashed   4'
look[14] = 'scudo           #7A5C00 up       dot   long     4'
look[15] = 'null            #777777 plus     plain dotted   3'
look[16] = 'bump            #777777 star     plain dashdot  3'
look[17] = 'michael         #332288 down     dot   long     4'
look[18] = 'hoard           #999933 up       bar   dashdots 4'
look[19] = 'lea             #117733 pentagon plain dotted   4'
look[20] = 'glibc@control   #999999 cross    plain dashed   2'

# Any other name: its letters choose.
letters = 'abcdefghijklmnopqrstuvwxyz0123456789-_:/.=@ABCDEFGHIJKLMNOPQRSTUVWXYZ'
sum_of(name) = int(sum [i = 1:strlen(name)] (2 * i + 1) * (1 + strstrt(letters, substr(name, i, i))))
of(i, field) = word(look[i], field)
known_as(name) = sum [i = 1:known] (of(i, 1) eq name ? i : 0)

array curve_look[curves]
do for [i = 1:curves] {
    h = sum_of(curve_name[i])
    look[known + i] = '- '.word('#6A3D9A #1F4E79 #B15928 #2F6F4F #A6005A #4D4D4D #5B7F00', 1 + h % 7).' ' \
        .word('down circle up square pentagon diamond', 1 + int(h / 7) % 6).' ' \
        .word('bar dot', 1 + int(h / 42) % 2).' '.word('dashdots dotted', 1 + int(h / 84) % 2).' 4'
    curve_look[i] = known_as(curve_name[i]) ? known_as(curve_name[i]) : known + i
}

do for [i = 1:|look|] {
    eval sprintf("set style line %d lc rgb '%s' dt %s lw %s pt %d", \
                 i, of(i, 2), value(of(i, 5)), of(i, 6), value(of(i, 3)))
}

# A mark is drawn in three layers: the form, the same smaller, white where it is to be hollow, and what lies in it.
white = 0xFFFFFF
mark(i) = int(value(of(i, 3)))
within(i) = int(value(of(i, 4)))
ink_of(i) = int('0x'.substr(of(i, 2), 2, 7))
inside(i, hollow) = mark(i) > 3 && hollow > 0 ? white : ink_of(i)
layer_form(i, layer) = layer == 3 && within(i) ? within(i) : mark(i)
layer_ink(i, layer, hollow) = layer == 1 ? ink_of(i) : inside(i, layer == 3 && within(i) ? 1 - hollow : hollow)
layer_size(layer) = word('2.6 1.85 0.8', layer) * point_unit
