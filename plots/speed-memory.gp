# SPDX-License-Identifier: MIT
#
# Time against memory, a point an allocator: the picture to choose by.
#
#   gnuplot -e "summary='DIR/summary.tsv'; out='DIR/speed-memory'" speed-memory.gp

picture = 'speed-memory'
parts = 'speed-memory'
directory(path) = path eq '' || path[strlen(path):*] eq '/' ? path : directory(path[1:strlen(path) - 1])
plots = directory(ARG0)
load plots.'begin.gp'

line_height = 0.029     # of small letters
page_top = 0.985 - line_height * (1.35 * |page_title| + 1.6)
page_bottom = 0.012 + line_height * |notes|
grey = '#444444'
set border 3 lw 1.5 lc rgb '#333333'
set grid lt 1 lw 1 lc rgb '#E4E4E4'
set tics nomirror out scale 0.7
unset key
set lmargin at screen 0.095; set rmargin at screen 0.97
set tmargin at screen page_top - line_height * 0.6
set bmargin at screen page_bottom + line_height * 3.1
set logscale xy
set xrange [x_low:x_high]; set yrange [y_low:y_high]
eval 'set ytics ('.y_ticks.')'
$points << END
END
set print $points
do for [i = 1:curves] { print sprintf('%.9g %.9g %d', point_x[i], point_y[i], hollow[i]) }
unset print

crowded = 0
do for [kind in kinds] {
    load plots.'terminal.gp'
    unset label; unset arrow; unset object
    eval 'set xtics ('.x_ticks.') offset 0, tick_lift'
    do for [i = 1:|page_title|] {
        set label page_title[i] at screen 0.012, 0.985 - line_height * (1.35 * i - 0.7) left font bold(title_size)
    }
    set label machine at screen 0.012, page_top + line_height * 0.8 left font font(small) tc rgb grey
    do for [i = 1:|notes|] {
        set label notes[i] at screen 0.012, page_bottom - line_height * (i - 0.5) left font font(small) tc rgb grey
    }
    set label 'time / '.baseline."'s (log scale)  —  faster below" at screen 0.016, (page_bottom + page_top) / 2 center rotate by 90
    set label 'peak memory / '.baseline."'s (log scale)  —  smaller to the left" at screen 0.53, page_bottom + line_height * 0.8 center

    # The quarter where both are better.
    if (x_low < 1 && y_low < 1) {
        set object rectangle from graph 0, graph 0 to first 1, first 1 behind fs solid noborder fc rgb '#E3F2EA'
    }
    set arrow from first 1, graph 0 to first 1, graph 1 nohead lw 2 lc rgb '#000000' back
    set arrow from graph 0, first 1 to graph 1, first 1 nohead lw 2 lc rgb '#000000' back
    set label 'faster and smaller' at graph 0.01, graph 0.03 left font font(small) tc rgb '#1E6B45'
    set label 'slower and larger' at graph 0.99, graph 0.97 right font font(small) tc rgb grey
    do for [i = 1:curves] {
        if (has_line[i]) {
            set arrow from first point_x[i], first point_y[i] to graph line_x[i], graph line_y[i] nohead lw 1 lc rgb '#777777' back
        }
        set label curve_label[i] at graph label_x[i], graph label_y[i] center
    }
    plot for [i = 1:curves] for [layer = 1:3] $points every ::i - 1::i - 1 \
        using 1:2:(layer_ink(curve_look[i], layer, $3)) \
        with points pt layer_form(curve_look[i], layer) ps layer_size(layer) lw 2 lc rgb variable title curve_label[i]
    set output
}
