# SPDX-License-Identifier: MIT
#
# The panels of a picture, and the curves in them. Goes on from cells.awk, which reads the summary and calls
# make_picture; axes.awk says what stands at the axes, words.awk what is written over and under the panels.

function make_picture(    i) {
    cores = head["cores"] + 0
    describe_baseline()
    order_allocators()
    for (i = 1; i <= cells; i++)
        place_cell(i)
    choose_panels()
    if (!panels) {
        nothing = 1
        failure = over_work ? "no figure of workload intensity on 2 threads" \
            : "no figure of list-reversal, nor of another workload on several thread counts"
        return
    }
    printf "panels = %d\nrows = %d\ncolumns = %d\n", panels, (panels > 2 ? 2 : 1), (panels > 1 ? 2 : 1)
    printf "array panel_title[panels]; array panel_words[panels]; array x_low[panels]; array x_high[panels]; array y_low[panels]\n"
    printf "array y_high[panels]; array x_ticks[panels]; array y_ticks[panels]; array shade_from[panels]\n"
    printf "array zero_ends[panels]; array band_words[panels]; array band_rows[panels]\n"
    printf "array first_curve[panels]; array last_curve[panels]\n"
    for (i = 1; i <= panels; i++)
        make_panel(i, chosen[i])
    make_curves()
    print "baseline = " quoted(called(baseline_words))
    print_lines("page_title", title(), 88)
    print "machine = " quoted(machine())
    print_lines("notes", notes(), 128)
}

function choose_panels(    pass, i) {
    for (pass = 1; pass <= 2; pass++)
        for (i = 1; i <= panel_count; i++) {
            if ((panel_workload[i] == "list-reversal" || over_work) != (pass == 1) || !drawn[i])
                continue
            if (pass == 2 && thread_counts[i] < 2)
                continue
            if (panels < (allocators > many_allocators ? 2 : most_panels))
                chosen[++panels] = i
            else
                left_out = left_out (panels_left_out++ ? "; " : "") panel_name[i]
        }
}

# ---- one panel ----

function make_panel(p, from,    i, a, n, c) {
    sort_columns(from)
    n = 0
    for (i = 1; i <= allocators; i++)
        n += (from, allocator_at[i]) in has_curve
    c = 0
    first = curves + 1
    range_y(from)
    for (i = allocators; i >= 1; i--) # the first in order is drawn last: on top
        if ((from, allocator_at[i]) in has_curve)
            make_curve(p, allocator_at[i], n, n - 1 - c++)
    spread_labels(first, curves)
    print_panel_words(p, over_work ? "" : panel_name[from])
    printf "first_curve[%d] = %d; last_curve[%d] = %d\n", p, first, p, curves
    band_rows = panels == 2 && log(4 / 3) > 0.07 * log(y_to / y_from) ? 2 : 1
    printf "band_rows[%d] = %d; band_words[%d] = %.3f\n", p, band_rows, p, band_words(from)
    printf "x_low[%d] = %.6g; x_high[%d] = %.6g\n", p, x_from, p, x_to
    printf "y_low[%d] = %.6g; y_high[%d] = %.6g\n", p, y_from, p, y_to
    printf "x_ticks[%d] = %s\n", p, quoted(over_work ? work_ticks() : thread_ticks())
    printf "y_ticks[%d] = %s\n", p, quoted(value_ticks())
    printf "shade_from[%d] = %.6g; zero_ends[%d] = %.6g\n", p, over_work ? 0 : shade(), p, (has_zero ? zero_at * 2 : 0)
}

# The cells of a panel from left to right, and the range of its x axis.
function sort_columns(from,    i, j, w) {
    columns_here = 0
    for (i = 1; i <= cells; i++) {
        if (cell_panel[i] != from)
            continue
        w = over_work ? work_of(i, "") : cell_threads[i]
        if (!w)
            continue
        for (j = columns_here++; j > 0 && column_x[j] > w; j--) {
            column_x[j + 1] = column_x[j]
            column[j + 1] = column[j]
        }
        column_x[j + 1] = w
        column[j + 1] = i
    }
    closest = 0
    has_zero = 0
    for (i = 1; i < columns_here; i++)
        if (over_work && no_work[column[i]]) { # as far to the left of the first as half a decade
            has_zero = 1
            zero_at = column_x[i] = column_x[i + 1] / 4
        }
    for (i = 1; i < columns_here; i++) {
        w = log(column_x[i + 1] / column_x[i])
        if (!closest || w < closest)
            closest = w
    }
    if (!closest)
        closest = log(2)
    w = log(column_x[columns_here] / column_x[1])
    w = w ? exp(w * (over_work ? 0.05 : 0.15)) : 2
    x_from = column_x[1] / w
    x_to = column_x[columns_here] * w
}

# Room for all points and bars, for 1 and the band, and at the top for a line of words. A very wide interval may
# leave the picture: it must not press the others together.
function range_y(from,    i, j, cell, a, least, most, least_bar, most_bar) {
    least = least_bar = 1e300
    most = most_bar = 0
    for (i = 1; i <= cells; i++)
        for (j = 1; j <= allocators; j++) {
            cell = i
            a = allocator_at[j]
            if (!y[cell, a] || !x[cell, a] || (is_ratio ? !is_chosen(cell_panel[cell]) : cell_panel[cell] != from))
                continue
            least = min(least, y[cell, a])
            most = max(most, y[cell, a])
            least_bar = min(least_bar, low[cell, a])
            most_bar = max(most_bar, high[cell, a])
        }
    if (is_ratio) {
        least = min(least, 1)
        most = max(most, 4)
    } else if (most < 4 * least) {
        i = sqrt(most * least)
        least = i / 2
        most = i * 2
    }
    y_from = max(min(least, least_bar), least / 3)
    y_to = min(max(most, most_bar), most * 3)
    i = y_to / y_from
    y_from /= i ^ 0.06
    y_to *= i ^ (over_work ? 0.06 : panels > 2 ? 0.42 : 0.15)
}

# Points lie a little beside each other, so that their intervals can be told apart.
function shifted(at, curve, of_curves,    step) {
    step = min(closest * (over_work ? 0.15 : 0.3) / of_curves, log(x_to / x_from) * (panels > 1 ? 0.03 : 0.013))
    return at * exp((curve - (of_curves - 1) / 2) * step)
}

function make_curve(p, a, of_curves, rank,    i, cell, gap, at, line) {
    line = ""
    gap = 0
    curves++
    for (i = 1; i <= columns_here; i++) {
        cell = column[i]
        if (!x[cell, a] || !y[cell, a]) {
            gap = line != ""
            continue
        }
        at = has_zero && i == 1 ? zero_at : x[cell, a]
        if (line == "")
            begin_y[curves] = y[cell, a]
        line = line (gap ? "\n" : "") sprintf("%.6g %.6g %.6g %.6g %d\n", shifted(at, rank, of_curves), y[cell, a],
                                              low[cell, a], high[cell, a], hollow[cell, a])
        gap = 0
        end_x[curves] = shifted(at, rank, of_curves)
        end_y[curves] = y[cell, a]
        ends_early[curves] = i < columns_here ? column_x[i] : 0
        some_hollow += hollow[cell, a]
    }
    curve_name[curves] = a
    if (a ~ /@control$/)
        has_control = 1
    curve_lines[curves] = line
}

function is_chosen(panel,    i) {
    for (i = 1; i <= panels; i++)
        if (chosen[i] == panel)
            return 1
    return 0
}

# Where in the band from 3 to 4 its words cross nothing: their middle, in widths of the panel. 0: nowhere.
function band_words(from,    share, places, at, j, longest) {
    longest = 6
    for (j = 1; j <= curves; j++)
        longest = max(longest, length(label_of(j)))
    # Half the words' width over the panel's, both in shares of the page's (panels.gp).
    share = (band_rows == 2 ? 0.052 : 0.074) / \
        ((panels > 1 ? 0.5 : 1) - 0.08 - (over_work ? 0.07 : 0.04) - 0.0094 * longest)
    for (places = 0; places <= 20; places++) {
        # From the left where threads are counted, for there the curves are low; from the right over the work.
        at = share + (1 - 2 * share) * (over_work ? 20 - places : places) / 20
        for (j = 1; j <= allocators; j++)
            if (crosses(allocator_at[j], at - share - 0.03, at + share + 0.03))
                break
        if (j > allocators) {
            band_has_words = 1
            return at
        }
    }
    return 0
}

# Whether its curve or one of its intervals is in the band anywhere between two places. That points lie a little
# beside their thread count is the caller's 0.03.
function crosses(a, left, right,    i, k, cell, last, v, at) {
    for (i = 1; i <= columns_here; i++) {
        cell = column[i]
        if (!y[cell, a])
            continue
        at = across(column_x[i])
        if (at > left && at < right && low[cell, a] < 4.1 && high[cell, a] > 2.9)
            return 1
        for (k = 0; last && k <= 40; k++) {
            v = log(y[column[last], a]) * (1 - k / 40) + log(y[cell, a]) * k / 40
            at = across(column_x[last]) * (1 - k / 40) + across(column_x[i]) * k / 40
            if (v > log(3.05) && v < log(3.95) && at > left && at < right)
                return 1
        }
        last = i
    }
    return 0
}

function across(at) {
    return log(at / x_from) / log(x_to / x_from)
}
