# SPDX-License-Identifier: MIT
#
# Panels of curves that are no ratios. What the pictures latency, memory-time and scaling put in by add_point() and
# add_behind() comes out as panels.gp wants it. Goes on from read.awk and axes.awk.
# A picture sets linear_y where its y axis is no logarithmic one, and gives x_range_of(f), x_ticks_of(f) and y_ticks_of(f).

# The frame of that title; TOGETHER: what it shares with others, of which it is shown rather where MUCH is more.
function frame_of(title, together, much) {
    if (!(title in frame_seen)) {
        frame_seen[title] = ++frames
        frame_title[frames] = title
        frame_together[frames] = together
        frame_much[frames] = much
    }
    return frame_seen[title]
}

function add_point(f, a, at, v, hollow,    n) {
    n = ++points[f, a]
    point_x[f, a, n] = at
    point_y[f, a, n] = v
    point_hollow[f, a, n] = hollow
    some_hollow += hollow
    see_range(f, at, v)
    frame_points[f]++
}

# A line of its own behind the curves: an area where the picture sets behind_is_area.
function add_behind(f, a, at, v) {
    behind_lines[f, a] = behind_lines[f, a] sprintf("%.6g %.6g\n", at, v)
    see_range(f, at, v)
}

function see_range(f, at, v) {
    if (!(f in x_least) || at < x_least[f]) x_least[f] = at
    if (!(f in x_most) || at > x_most[f]) x_most[f] = at
    if (!(f in y_least) || v < y_least[f]) y_least[f] = v
    if (!(f in y_most) || v > y_most[f]) y_most[f] = v
}

# First the frame with the most of each that belong together, then the others; of both, those first whose frame_spread is the
# largest, which a picture may set: where the curves lie apart there is something to see.
function choose_frames(    pass, f, i, n, order) {
    for (pass = 1; pass <= 2; pass++) {
        n = 0
        for (f = 1; f <= frames; f++) {
            if (!frame_points[f] || is_best_of_its_own(f) != (pass == 1))
                continue
            for (i = n++; i > 0 && frame_spread[order[i]] < frame_spread[f]; i--)
                order[i + 1] = order[i]
            order[i + 1] = f
        }
        for (i = 1; i <= n; i++)
            if (panels < (allocators > 10 ? 2 : 4))
                chosen[++panels] = order[i]
            else
                left_out = left_out (panels_left_out++ ? "; " : "") frame_title[order[i]]
    }
}

function is_best_of_its_own(f,    g) {
    for (g = 1; g <= frames; g++)
        if (g != f && frame_together[g] == frame_together[f] && frame_points[g] &&
            (frame_much[g] > frame_much[f] || (frame_much[g] == frame_much[f] && g < f)))
            return 0
    return 1
}

function make_frames(    i) {
    cores = head["cores"] + 0
    order_allocators()
    choose_frames()
    printf "panels = %d\nrows = %d\ncolumns = %d\n", panels, (panels > 2 ? 2 : 1), (panels > 1 ? 2 : 1)
    print "array panel_title[panels]; array panel_words[panels]; array x_low[panels]; array x_high[panels]; array y_low[panels]; array y_high[panels]"
    print "array x_ticks[panels]; array y_ticks[panels]; array shade_from[panels]; array zero_ends[panels]"
    print "array first_curve[panels]; array last_curve[panels]; array first_behind[panels]; array last_behind[panels]"
    print "array perfect_from[panels]; array perfect_to[panels]"
    for (i = 1; i <= panels; i++)
        make_frame(i, chosen[i])
    print "$behind << END_OF_LINES"
    for (i = 1; i <= behinds; i++)
        printf "%s\n\n", behind[i]
    print "END_OF_LINES"
    printf "behinds = %d; array behind_name[%d]\n", behinds, max(behinds, 1)
    for (i = 1; i <= behinds; i++)
        printf "behind_name[%d] = %d\n", i, behind_curve[i]
    make_curves()
    print "baseline = ''"
    print "machine = " quoted(machine())
}

function make_frame(p, f,    i, a, first, first_line) {
    x_range_of(f)
    if (linear_y) {
        y_from = 0
        y_to = y_most[f] * 1.1
        if (f in highest && y_to > highest[f])
            y_to = highest[f]
    } else {
        i = max(y_most[f] / y_least[f], 10)
        y_from = y_least[f] / i ^ 0.06
        y_to = y_least[f] * i ^ 1.06
    }
    first = curves + 1
    first_line = behinds + 1
    for (i = allocators; i >= 1; i--) { # the first in order is drawn last: on top
        a = allocator_at[i]
        if (points[f, a])
            make_frame_curve(f, a)
    }
    spread_labels(first, curves)
    print_panel_words(p, panels > 1 ? frame_title[f] : "")
    printf "first_curve[%d] = %d; last_curve[%d] = %d\n", p, first, p, curves
    printf "first_behind[%d] = %d; last_behind[%d] = %d\n", p, first_line, p, behinds
    printf "x_low[%d] = %.6g; x_high[%d] = %.6g; y_low[%d] = %.6g; y_high[%d] = %.6g\n", p, x_from, p, x_to, p, y_from, p, y_to
    printf "x_ticks[%d] = %s\ny_ticks[%d] = %s\n", p, quoted(x_ticks_of(f)), p, quoted(y_ticks_of(f))
    printf "shade_from[%d] = 0; zero_ends[%d] = %.6g; perfect_from[%d] = %.6g; perfect_to[%d] = %.6g\n", p, p, axis_breaks_at,
        p, max(x_least[f], y_from), p, (is_perfect ? min(x_most[f], y_to) : 0)
}

function make_frame_curve(f, a,    i, n, line) {
    n = points[f, a]
    curves++
    for (i = 1; i <= n; i++)
        line = line sprintf("%.6g %.6g 0 0 %d\n", point_x[f, a, i], point_y[f, a, i], point_hollow[f, a, i])
    curve_name[curves] = a
    curve_lines[curves] = line
    curve_note[curves] = note_of[f, a]
    end_x[curves] = point_x[f, a, n]
    end_y[curves] = min(point_y[f, a, n], y_to)
    if ((f, a) in behind_lines) {
        behind[++behinds] = behind_lines[f, a]
        behind_curve[behinds] = curves
    }
}

# Round numbers from FROM to TO, about MOST of them.
function linear_ticks(from, to, most,    step, list, at, decade) {
    decade = 10 ^ int(log((to - from) / most) / log(10) - 1)
    for (step = decade; (to - from) / step > most; )
        step *= substr(sprintf("%e", step * 1.0001), 1, 1) == 2 ? 2.5 : 2
    for (at = int(from / step) * step; at <= to * 1.0001; at += step)
        if (at >= from * 0.9999)
            list = list sprintf(", '%.6g' %.6g", at, at)
    return substr(list, 3)
}

function left_out_words() {
    return panels_left_out ? " Left out for room" (length(left_out) < 150 ? ": " left_out : ", " panels_left_out \
        " cells" (frame_spread[chosen[1]] ? " where the allocators differ less" : "")) "." : ""
}

# What a frame shows, in words.
function cell_words(workload, params, threads) {
    return workload (params == "-" ? "" : ", " params) (threads ? ", " threads (threads == 1 ? " thread" : " threads") : "")
}
