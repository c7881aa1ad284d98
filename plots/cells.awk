# SPDX-License-Identifier: MIT
#
# From summary.tsv to cells, each allocator's with a place on both axes. The first of the files that panels.gp has awk
# read: this one, curves.awk, axes.awk and words.awk print what a picture holds, as gnuplot commands. POSIX awk.
# Variable `picture`: slowdown-threads, slowdown-intensity or throughput-threads. Columns are found by their names.
# What is drawn: the ratio with its interval, or operations a second. Where threads were not concurrent no ratio
# is paired, so that of the medians is drawn, hollow and without an interval.

BEGIN {
    FS = "\t"
    over_work = picture == "slowdown-intensity"
    is_ratio = picture != "throughput-threads"
    metric = is_ratio ? "time_ns" : "ops_per_second"
    most_panels = 4
    many_allocators = 10 # of which the names are legible in two panels only
    curves = 0 # counted from 1, as gnuplot's arrays are
}

/^# / && match($0, /: /) {
    head[substr($0, 3, RSTART - 3)] = substr($0, RSTART + 2)
    next
}
/^#/ { next }
!columns {
    for (columns = 1; columns <= NF; columns++)
        place[$columns] = columns
    wanted = split("workload params threads allocator metric value ratio ratio_low ratio_high verdict status", name, " ")
    for (i = 1; i <= wanted; i++)
        if (failure == "" && !(name[i] in place))
            failure = "no column is called " name[i] ": this is not a summary.tsv"
    if (failure != "")
        exit
    next
}
{ read_row($place["workload"], $place["params"], $place["threads"] + 0, $place["allocator"], $place["metric"], $place["status"]) }

END {
    if (failure == "" && !columns)
        failure = "the file is empty"
    if (failure == "")
        make_picture()
    if (failure != "")
        print "failure = " quoted(failure)
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
    if (!(allocator in allocator_seen)) {
        allocator_seen[allocator]
        allocator_found[++allocators] = allocator
    }
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

# 0 where there is no figure: a logarithmic axis has no place for it either.
function number(text) {
    return text ~ /^[0-9.]+([eE][-+]?[0-9]+)?$/ ? text + 0 : 0
}

# ---- what is drawn where ----

function describe_baseline() {
    baseline_words = head["baseline"]
    if (baseline_words == "")
        baseline_words = baseline_name
    if (baseline_words ~ /^best:/) {
        candidates = split(substr(baseline_words, 6), candidate, ",")
        gsub(/,/, ", ", baseline_words)
        baseline_words = "the best of " (length(baseline_words) < 40 ? substr(baseline_words, 6) : candidates)
    }
}

# The campaign's order, then that of the file. The control comes last.
function order_allocators(    n, i, list, taken, control) {
    n = split(head["order"], list, ",")
    allocators_ordered = 0
    for (i = 1; i <= n; i++)
        if (list[i] in allocator_seen && !(list[i] in taken)) {
            taken[list[i]]
            allocator_at[++allocators_ordered] = list[i]
        }
    for (i = 1; i <= allocators; i++)
        if (!(allocator_found[i] in taken) && allocator_found[i] !~ /@control$/)
            allocator_at[++allocators_ordered] = allocator_found[i]
    for (i = 1; i <= allocators; i++)
        if (!(allocator_found[i] in taken) && allocator_found[i] ~ /@control$/)
            allocator_at[++allocators_ordered] = allocator_found[i]
}

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
