# SPDX-License-Identifier: MIT
#
# From summary.tsv to cells, each allocator's with a place on both axes. Goes on from read.awk; with curves.awk, axes.awk
# and words.awk it makes the pictures slowdown-threads, slowdown-intensity and throughput-threads.
# What is drawn: the ratio with its interval, or operations a second. Where threads were not concurrent no ratio
# is paired, so that of the medians is drawn, hollow and without an interval.

BEGIN {
    over_work = picture == "slowdown-intensity"
    is_ratio = picture != "throughput-threads"
    metric = is_ratio ? "time_ns" : "ops_per_second"
    most_panels = 4
    many_allocators = 10 # of which the names are legible in two panels only
}

# ---- reading ----

function read_row(workload, params, threads, allocator, what, status,    panel, cell) {
    if (over_work && (workload != "intensity" || threads != 2))
        return
    if (what != metric && what != "time_ns" && what != "work_ns")
        return
    panel = workload SUBSEP (over_work ? "" : params)
    cell = workload SUBSEP params SUBSEP threads
    if (!(panel in panel_seen)) {
        panel_seen[panel] = ++panel_count
        panel_name[panel_count] = workload (over_work || params == "-" ? "" : ", " params)
        panel_workload[panel_count] = workload
    }
    if (!(cell in cell_seen)) {
        cell_seen[cell] = ++cells
        cell_panel[cells] = panel_seen[panel]
        cell_threads[cells] = threads
        cell_params[cells] = params
        if (!((panel, threads) in threads_seen)) {
            threads_seen[panel, threads]
            thread_counts[panel_seen[panel]]++
        }
    }
    cell = cell_seen[cell]
    see_allocator(allocator)
    value[cell, allocator, what] = number($place["value"])
    if (what == "time_ns") {
        state[cell, allocator] = status
        if ($place["verdict"] == "baseline") {
            baseline_of[cell] = allocator
            baseline_name = allocator
        }
    }
    if (what == metric && is_ratio) {
        ratio[cell, allocator] = number($place["ratio"])
        low[cell, allocator] = number($place["ratio_low"])
        high[cell, allocator] = number($place["ratio_high"])
    }
}

# ---- what is drawn where ----

# A cell's place on the x axis, and each allocator's on the y axis.
function place_cell(cell,    i, a, base) {
    no_work[cell] = cell_params[cell] ~ /(^|,)work=0(,|$)/
    base = value[cell, baseline_in(cell), "time_ns"]
    for (i = 1; i <= allocators; i++) {
        a = allocator_at[i]
        hollow[cell, a] = state[cell, a] == "not-concurrent"
        if (over_work)
            x[cell, a] = work_of(cell, a)
        else
            x[cell, a] = cell_threads[cell]
        if (!is_ratio)
            y[cell, a] = value[cell, a, metric] / 1e6
        else if (ratio[cell, a])
            y[cell, a] = ratio[cell, a]
        else if (hollow[cell, a] && base)
            y[cell, a] = value[cell, a, metric] / base
        if (!low[cell, a] || !high[cell, a])
            low[cell, a] = high[cell, a] = y[cell, a]
        if (x[cell, a] && y[cell, a]) {
            drawn[cell_panel[cell]]++
            has_curve[cell_panel[cell], a]
        }
    }
}

function baseline_in(cell,    i, best) {
    if (cell in baseline_of)
        return baseline_of[cell]
    if (!candidates)
        return baseline_words
    for (i = 1; i <= candidates; i++)
        if (value[cell, candidate[i], "time_ns"] &&
            (best == "" || value[cell, candidate[i], "time_ns"] < value[cell, best, "time_ns"]))
            best = candidate[i]
    return best
}

# The work that was timed in the allocator's own processes; without one, the median of the others.
function work_of(cell, a,    i, n, j, w, sorted) {
    if (value[cell, a, "work_ns"])
        return value[cell, a, "work_ns"]
    for (i = 1; i <= allocators; i++) {
        w = value[cell, allocator_at[i], "work_ns"]
        if (!w)
            continue
        for (j = n++; j > 0 && sorted[j] > w; j--)
            sorted[j + 1] = sorted[j]
        sorted[j + 1] = w
    }
    return n ? sorted[int((n + 1) / 2)] : 0
}
