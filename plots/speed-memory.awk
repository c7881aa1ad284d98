# SPDX-License-Identifier: MIT
#
# The picture speed-memory: of each allocator the geometric mean of its times' ratios against that of its peak memories' ratios, over
# the cells that have both. Where the baseline's peak is a few pages a ratio says how an allocator starts, not what it wastes: of such
# cells the time counts, the memory does not. Goes on from read.awk.

BEGIN {
    least_bytes = 262144
    page_x = 1400; page_y = 760; letter = 15; letters_high = 32; mark_size = 17 # in pixels, of the panel in speed-memory.gp
}

function read_row(workload, params, threads, allocator, what, status,    cell) {
    if (what != "time_ns" && what != "peak_resident_bytes")
        return
    cell = workload SUBSEP params SUBSEP threads
    if (!(cell in cell_seen)) {
        cell_seen[cell]
        cell_at[++cells] = cell
    }
    if ($place["verdict"] == "baseline") {
        baseline_name = allocator
        if (what != "time_ns")
            base_bytes[cell] = number($place["value"])
    }
    if (allocator ~ /@control$/ || is_floor(allocator) || !number($place["ratio"]) || status != "ok")
        return
    see_allocator(allocator)
    ratio[cell, allocator, what] = number($place["ratio"])
}

function make_picture(    i) {
    cores = head["cores"] + 0
    describe_baseline()
    order_allocators()
    for (i = 1; i <= allocators; i++)
        average(allocator_at[i])
    if (!curves) {
        nothing = 1
        failure = "no figure of time and peak memory in the same cell"
        return
    }
    range()
    place_words()
    place_labels()
    print "curves = " curves
    print "array curve_name[curves]; array curve_label[curves]; array point_x[curves]; array point_y[curves]"
    print "array hollow[curves]; array label_x[curves]; array label_y[curves]; array has_line[curves]; array line_x[curves]; array line_y[curves]"
    for (i = 1; i <= curves; i++)
        printf "curve_name[%d] = %s; curve_label[%d] = %s; point_x[%d] = %.6g; point_y[%d] = %.6g; hollow[%d] = %d\n" \
            "label_x[%d] = %.5f; label_y[%d] = %.5f; has_line[%d] = %d\n" \
            "line_x[%d] = %.5f; line_y[%d] = %.5f\n", i, quoted(curve_name[i]), i, quoted(label[i]), i, memory[i],
            i, time[i], i, of_cells[i] < most_cells, i, label_x[i] / page_x, i, label_y[i] / page_y, i, has_line[i],
            i, line_x[i] / page_x, i, line_y[i] / page_y
    printf "x_low = %.6g; x_high = %.6g; y_low = %.6g; y_high = %.6g\n", x_from, x_to, y_from, y_to
    printf "x_ticks = %s\ny_ticks = %s\n", quoted(ratio_ticks(x_from, x_to)), quoted(ratio_ticks(y_from, y_to))
    print "baseline = " quoted(called(baseline_words)) "\nmachine = " quoted(machine())
    print_lines("page_title", "Time and memory against " called(baseline_words) "'s, all workloads together; the nearer to the lower left corner the better", 88)
    print_lines("notes", notes(), 128)
}

function notes(    text, i, fewer) {
    text = "Geometric means of the ratios to " called(baseline_words) ": of the time over " most_cells (most_cells == 1 ? " cell" : " cells") \
        " of workload, parameters and threads; of the peak memory over the " most_memory " of them where " called(baseline_words) \
        " takes 256 KiB or more."
    for (i = 1; i <= curves; i++)
        if (of_cells[i] < most_cells)
            fewer = fewer (fewer == "" ? "" : ", ") called(curve_name[i]) " " of_cells[i]
    return text (fewer == "" ? "" : " Hollow, over fewer cells, so not quite comparable: " fewer ".")
}

function average(a,    i, n, m, t, b) {
    for (i = 1; i <= cells; i++)
        if ((cell_at[i], a, "time_ns") in ratio && (cell_at[i], a, "peak_resident_bytes") in ratio) {
            n++
            t += log(ratio[cell_at[i], a, "time_ns"])
            if (base_bytes[cell_at[i]] >= least_bytes) {
                m++
                b += log(ratio[cell_at[i], a, "peak_resident_bytes"])
            }
        }
    if (!m)
        return
    curve_name[++curves] = a
    time[curves] = exp(t / n)
    memory[curves] = exp(b / m)
    of_cells[curves] = n
    most_cells = max(most_cells, n)
    most_memory = max(most_memory, m)
    label[curves] = short_name(a)
}

function short_name(a) {
    a = called(a)
    if (length(a) > 18) {
        a = substr(a, 1, 16)
        sub(/[\300-\377][\200-\277]*$/, "", a) # a letter of UTF-8 may have been cut in two
        a = a ".."
    }
    return a
}

# Room for all points and 1 and names, not so near that every difference looks large.
function range(    i, least_x, most_x, least_y, most_y) {
    least_x = most_x = least_y = most_y = 1
    for (i = 1; i <= curves; i++) {
        least_x = min(least_x, memory[i]); most_x = max(most_x, memory[i])
        least_y = min(least_y, time[i]); most_y = max(most_y, time[i])
    }
    i = max(most_x / least_x, 1.3)
    most_x = sqrt(most_x * least_x * i)
    x_to = most_x * i ^ 0.2
    x_from = min(most_x / i ^ 1.12, x_to ^ -0.25) # the quarter where both are better has room for its words
    i = max(most_y / least_y, 1.3)
    most_y = sqrt(most_y * least_y * i)
    y_to = most_y * i ^ 0.12
    y_from = min(most_y / i ^ 1.12, y_to ^ -0.14)
}

function ratio_ticks(from, to,    n, i, step, decade, list, span) {
    span = to / from
    n = split(span < 2 ? "1 1.1 1.2 1.3 1.4 1.5 1.6 1.8 2 3 4 5 6 7 8 9 9.5" : span < 5 ? "1 1.2 1.5 2 2.5 3 4 5 6 7 8 9" \
              : span < 40 ? "1 1.5 2 3 5 7" : "1 3", step, " ")
    for (decade = 0.001; decade <= to; decade *= 10)
        for (i = 1; i <= n; i++)
            if (decade * step[i] >= from && decade * step[i] <= to)
                list = list sprintf(", '%g' %g", decade * step[i], decade * step[i])
    return substr(list, 3)
}

# ---- labels ----

function px(i) { return log(memory[i] / x_from) / log(x_to / x_from) * page_x }
function py(i) { return log(time[i] / y_from) / log(y_to / y_from) * page_y }

# What labels keep off: the words in the corners, as speed-memory.gp has them, and the lines at 1.
function place_words() {
    take(130, 40, 260, 80)
    take(page_x - 130, page_y - 40, 260, 80)
    take(page_x / 2, log(1 / y_from) / log(y_to / y_from) * page_y, page_x, 4)
    take(log(1 / x_from) / log(x_to / x_from) * page_x, page_y / 2, 4, page_y)
}

function take(at_x, at_y, wide, high) {
    box_x[++boxes] = at_x; box_y[boxes] = at_y; box_w[boxes] = wide; box_h[boxes] = high
}

# Each name at the first place around its mark, then further off with a line to it, where it covers neither mark nor name. Those in a
# crowd choose first.
function place_labels(    i, j, k, order, crowd, best) {
    for (i = 1; i <= curves; i++)
        for (j = 1; j <= curves; j++)
            crowd[i] += i != j && (px(i) - px(j)) ^ 2 + 4 * (py(i) - py(j)) ^ 2 < 200 ^ 2
    for (k = 1; k <= curves; k++) {
        best = 0
        for (i = 1; i <= curves; i++)
            if (!(i in order) && (!best || crowd[i] > crowd[best]))
                best = i
        order[best]
        place_label(best)
    }
}

function place_label(i,    pass, away, turn, n, k, angle, c, s, w, at_x, at_y) {
    w = letter * length(label[i])
    n = split("0 180 90 270 30 330 150 210 60 300 120 240", angle, " ")
    for (pass = 1; pass <= 2; pass++) # rather across another than on it
        for (away = mark_size + 6; away < 600; away += 14)
            for (turn = 1; turn <= n; turn++) {
                c = cos(angle[turn] * 0.0174533); s = sin(angle[turn] * 0.0174533)
                at_x = px(i) + c * (away + w / 2)
                at_y = py(i) + s * (away + letters_high / 2)
                if (!is_free(at_x, at_y, w, letters_high) || (pass == 1 && away > 40 && !reaches(i, c, s, away)))
                    continue
                take(at_x, at_y, w, letters_high)
                for (k = mark_size; away > 40 && k < away; k += 8)
                    take(px(i) + c * k, py(i) + s * k, 4, 4)
                label_x[i] = at_x; label_y[i] = at_y
                has_line[i] = away > 40
                line_x[i] = px(i) + c * (away - 3); line_y[i] = py(i) + s * (away - 3)
                return
            }
    label_x[i] = px(i); label_y[i] = py(i)
}

# Whether its line would cross no name and no other mark. The lines at 1, boxes 3 and 4, it may cross.
function reaches(i, c, s, away,    k, j, at_x, at_y) {
    for (k = mark_size; k < away; k += 4) {
        at_x = px(i) + c * k
        at_y = py(i) + s * k
        for (j = 1; j <= boxes; j++)
            if (j != 3 && j != 4 && abs(at_x - box_x[j]) < box_w[j] / 2 && abs(at_y - box_y[j]) < box_h[j] / 2)
                return 0
        for (j = 1; j <= curves; j++)
            if (j != i && abs(at_x - px(j)) < mark_size * 0.7 && abs(at_y - py(j)) < mark_size * 0.7)
                return 0
    }
    return 1
}

function is_free(at_x, at_y, w, h,    j) {
    if (at_x - w / 2 < 4 || at_x + w / 2 > page_x - 4 || at_y - h / 2 < 4 || at_y + h / 2 > page_y - 4)
        return 0
    for (j = 1; j <= boxes; j++)
        if (abs(at_x - box_x[j]) < (w + box_w[j]) / 2 && abs(at_y - box_y[j]) < (h + box_h[j]) / 2)
            return 0
    for (j = 1; j <= curves; j++)
        if (abs(at_x - px(j)) < w / 2 + mark_size && abs(at_y - py(j)) < h / 2 + mark_size)
            return 0
    return 1
}
