# SPDX-License-Identifier: MIT
#
# The share of cache lines that two threads share: a line an allocator, a column a cell, a bar with its figure in each.
#
#   gnuplot -e "summary='DIR/summary.tsv'; out='DIR/line-sharing'" line-sharing.gp

picture = 'line-sharing'
parts = 'line-sharing'
directory(path) = path eq '' || path[strlen(path):*] eq '/' ? path : directory(path[1:strlen(path) - 1])
plots = directory(ARG0)
load plots.'begin.gp'

line_height = 0.029     # of small letters
page_top = 0.985 - line_height * (1.35 * |page_title| + 1.6)
page_bottom = 0.012 + line_height * |notes|
grey = '#444444'
unset border; unset tics; unset key
set lmargin at screen 0.18; set rmargin at screen 0.99
set tmargin at screen page_top - line_height * 4
set bmargin at screen page_bottom + line_height * 0.5
set xrange [0:shown]; set yrange [curves + 0.5:0.5]
# A bar and its figure share a column.
widest = shown > 4 ? 0.54 : 0.66

crowded = curves > 12
do for [kind in kinds] {
    load plots.'terminal.gp'
    unset label; unset object
    do for [i = 1:|page_title|] {
        set label page_title[i] at screen 0.012, 0.985 - line_height * (1.35 * i - 0.7) left font bold(title_size)
    }
    set label machine at screen 0.012, page_top + line_height * 0.8 left font font(small) tc rgb grey
    do for [i = 1:|notes|] {
        set label notes[i] at screen 0.012, page_bottom - line_height * (i - 0.5) left font font(small) tc rgb grey
    }
    narrow = shown > 4 ? small - 2 : small
    do for [j = 1:shown] {
        set label head_1[j] at first j - 1, screen page_top - line_height * 0.9 left font bold(shown > 4 ? narrow : normal)
        set label head_2[j] at first j - 1, screen page_top - line_height * 2.1 left font font(narrow) tc rgb grey
        set label head_3[j] at first j - 1, screen page_top - line_height * 3.1 left font font(narrow) tc rgb grey
    }
    do for [i = 1:curves] {
        set label curve_label[i] at screen 0.155, first i right
        do for [layer = 1:3] {
            set label '' at screen 0.168, first i point pt layer_form(curve_look[i], layer) ps layer_size(layer) lw 2 \
                lc rgb layer_ink(curve_look[i], layer, 0)
        }
    }
    # Columns 5 to 8 of a box are its sides. The whole of a bar is grey, what is shared dark.
    plot $shares using ($1 - 1):2:($1 - 1):($1 - 1 + widest):($2 - 0.3):($2 + 0.3) with boxxyerror fs solid 1 noborder fc rgb '#EEEEEE', \
         $shares using ($1 - 1):2:($1 - 1):($1 - 1 + widest * $3):($2 - 0.3):($2 + 0.3):(ink_of(curve_look[int($2)])) \
            with boxxyerror fs solid 1 noborder lc rgb variable, \
         $shares using ($1 - 1 + widest + 0.02):2:4 with labels left font font(small)
    set output
}
