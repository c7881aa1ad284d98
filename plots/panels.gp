# SPDX-License-Identifier: MIT
#
# The body of the pictures that have panels with curves: what awk says, once as PNG and once as SVG. Wants what begin.gp
# wants, and the words `x_words`, `y_words`, `has_band`.
#
# awk may set what these say otherwise: axes that are not logarithmic, curves whose points are not joined or have no marks,
# and lines or areas of $behind, drawn first, each of the curve that behind_name tells.

linear_x = 0; linear_y = 0; joined = 1; marked = 1; behinds = 0; behind_is_area = 0
load plots.'begin.gp'

# ---- the page, in shares of its width and height ----

line_height = 0.029     # of small letters
page_top = 0.985 - line_height * (1.35 * |page_title| + 1.6)
page_bottom = 0.012 + line_height * |notes|
label_font = normal * label_scale
longest = 6
do for [i = 1:curves] {
    if (strlen(curve_label[i]) > longest) { longest = strlen(curve_label[i]) }
}
names_width = 0.0094 * longest * label_scale + 0.007
over_work = picture eq 'slowdown-intensity'
to_name = over_work ? 0.07 : 0.04   # the line that leads to it
has_words = 0
do for [p = 1:panels] {
    if (panel_words[p] ne '') { has_words = 1 }
}
left_of = exists('room_for_ticks') ? room_for_ticks : 0.078
panel_width = 1.0 / columns
panel_height = (page_top - page_bottom) / rows

grey = '#444444'
set border 3 lw 1.5 lc rgb '#333333'
set grid ytics lt 1 lw 1 lc rgb '#E4E4E4'
set tics nomirror out scale 0.7
unset key

each = 'for [i = first_curve[p]:last_curve[p]] '
each_behind = 'for [i = first_behind[p]:last_behind[p]] $behind index i - 1 using 1:2 '
areas = each_behind."with filledcurves y1=0 fs transparent solid 0.18 noborder fc rgb '#888888', "
lines_behind = each_behind.'with lines ls curve_look[behind_name[i]], '
curves_joined = each.'$curve index i - 1 using 1:2 with lines ls curve_look[i] title curve_label[i]'
bars = each.'$curve index i - 1 using 1:($3 < $4 ? $3 : NaN):(0):($4 - $3) ' \
    .'with vectors heads size screen 0.004,90 ls curve_look[i] dt 1 lw 2 title curve_label[i], '
marks = each.'for [layer = 1:3] $curve index i - 1 using 1:2:(layer_ink(curve_look[i], layer, $5)) ' \
    .'with points pt layer_form(curve_look[i], layer) ps layer_size(layer) lw 2 lc rgb variable title curve_label[i]'
crowded = rows > 1
do for [kind in kinds] {
    load plots.'terminal.gp'
    set multiplot
    do for [p = 1:panels] {
        unset label; unset arrow; unset object
        left = ((p - 1) % columns) * panel_width + left_of
        right = left - left_of + panel_width - to_name - names_width
        bottom = page_top - (int((p - 1) / columns) + 1) * panel_height + line_height * 3.1
        top = bottom + panel_height - line_height * (panel_title[p] eq '' ? 3.6 : has_words ? 5.4 : 4.7)
        set lmargin at screen left
        set rmargin at screen right
        set bmargin at screen bottom
        set tmargin at screen top
        set xrange [x_low[p]:x_high[p]]
        set yrange [y_low[p]:y_high[p]]
        set logscale xy
        if (linear_x) { unset logscale x }
        if (linear_y) { unset logscale y }
        eval 'set xtics ('.x_ticks[p].') offset 0, tick_lift'
        eval 'set ytics ('.y_ticks[p].')'

        # ---- words ----
        if (p == 1) {
            do for [i = 1:|page_title|] {
                set label page_title[i] at screen 0.012, 0.985 - line_height * (1.35 * i - 0.7) left font bold(title_size)
            }
            set label y_words(baseline) at screen 0.016, (page_bottom + page_top) / 2 center rotate by 90
            set label machine at screen 0.012, page_top + line_height * 0.8 left font font(small) tc rgb grey
            do for [i = 1:|notes|] {
                set label notes[i] at screen 0.012, page_bottom - line_height * (i - 0.5) left font font(small) tc rgb grey
            }
        }
        set label panel_title[p] at screen left, top + line_height * (has_words ? 1.4 : 0.6) left font bold(normal)
        set label panel_words[p] at screen left, top + line_height * 0.45 left font font(small) tc rgb grey
        set label x_words at screen (left + right) / 2, bottom - line_height * 2.4 center

        # ---- what lies behind the curves ----
        if (shade_from[p] > 0) {
            set object rectangle from first shade_from[p], graph 0 to graph 1, graph 1 behind \
                fs solid noborder fc rgb '#EEEEEE'
            set label 'more threads' at graph 0.985, screen top - line_height * 0.6 right font font(small) tc rgb grey
            set label 'than cores' at graph 0.985, screen top - line_height * 1.5 right font font(small) tc rgb grey
        }
        if (has_band) {
            set object rectangle from graph 0, first 3 to graph 1, first 4 behind \
                fs transparent solid 0.6 noborder fc rgb '#F5D77F'
            set arrow from graph 0, first 3 to graph 1, first 3 nohead lw 1 lc rgb '#A08020' back
            set arrow from graph 0, first 4 to graph 1, first 4 nohead lw 1 lc rgb '#A08020' back
            set arrow from graph 0, first 1 to graph 1, first 1 nohead lw 2 lc rgb '#000000' back
            if (band_words[p] > 0 && band_rows[p] == 2) {
                set label '3-4x:' at graph band_words[p], first 3.67 center font font(small)
                set label 'the man page' at graph band_words[p], first 3.27 center font font(small)
            }
            if (band_words[p] > 0 && band_rows[p] == 1) {
                set label '3-4x: the man page' at graph band_words[p], first sqrt(12) center font font(small)
            }
        }
        if (exists('perfect_to') && perfect_to[p] > 0) {
            set arrow from first perfect_from[p], first perfect_from[p] to first perfect_to[p], first perfect_to[p] \
                nohead lw 2 dt (12,8) lc rgb grey back
            set label 'perfect' at first 0.65 * perfect_to[p], first 0.65 * perfect_to[p] right offset -1, 0.4 font font(small) tc rgb grey
        }
        if (zero_ends[p] > 0) {
            set label '//' at first zero_ends[p], graph 0 center font font(normal)
        }

        # ---- names, each at a line from its curve's end; over the work beside a piece of the line ----
        do for [i = first_curve[p]:last_curve[p]] {
            s = curve_look[i]
            mark_x = right + (over_work ? 0.5 * to_name : to_name - 0.01)
            if (over_work) {
                set arrow from screen right + 0.012, graph label_y[i] to screen right + to_name - 0.012, graph label_y[i] nohead ls s
            } else {
                if (!ends_early[i]) {
                    set arrow from first end_x[i], end_y[i] to screen mark_x, graph label_y[i] nohead ls s lw 1.5 dt 1
                }
            }
            do for [layer = 1:3] {
                set label '' at screen mark_x, graph label_y[i] point pt layer_form(s, layer) \
                    ps label_scale * layer_size(layer) lw 2 lc rgb layer_ink(s, layer, 0)
            }
            set label curve_label[i] at screen right + to_name, graph label_y[i] left font font(label_font)
        }

        # Bars by vectors: with yerrorbars the SVG terminal wipes out what lies behind each point. The titles are what
        # a browser shows of an SVG beside the pointer. Only what there is may be in the command: an empty iteration is none.
        eval 'plot '.(behinds == 0 || last_behind[p] < first_behind[p] ? '' : behind_is_area ? areas : lines_behind) \
            .(joined ? curves_joined.(marked ? ', ' : '') : '').(marked ? (joined ? bars : '').marks : '')
    }
    unset multiplot
    set output
}
