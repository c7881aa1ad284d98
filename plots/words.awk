# SPDX-License-Identifier: MIT
#
# The words of a picture: its title says what is seen, and rests on what a verdict may rest on; the machine; the notes
# at its foot. Goes on from axes.awk, and uses the names of all before it.

function title(    a) {
    a = subject()
    if (over_work)
        return work_title(a)
    return is_ratio ? slowdown_title(a) : throughput_title(a)
}

# AO_malloc where it is there, otherwise the first that is compared.
function subject(    i, j, a) {
    for (i = 1; i <= allocators; i++) {
        a = i == 1 && "ao" in allocator_seen ? "ao" : allocator_at[i]
        for (j = 1; j <= panels; j++)
            if ((chosen[j], a) in has_curve && a != baseline_words && a !~ /@control$/ && a != "null")
                return a
    }
    return baseline_words
}

function same_workload(    i) {
    for (i = 2; i <= panels; i++)
        if (panel_workload[chosen[i]] != panel_workload[chosen[1]])
            return ""
    return panel_workload[chosen[1]] ": "
}

function slowdown_title(a,    one, more, name, base) {
    name = called(a)
    base = called(baseline_words)
    one = range_of(a, 1)
    more = range_of(a, 0)
    if (a == baseline_words)
        return same_workload() name " alone, nothing to compare it with"
    if (one == "" && more == "")
        return same_workload() "no verdict on " name ", for its threads took turns"
    if (one == "")
        return same_workload() name " takes " more " times " base "'s time on " more_threads " threads"
    return same_workload() name " takes " one " times " base "'s time on one thread, " \
        (more != "" ? more " on " more_threads " threads" : "and no verdict on more")
}

# The allocator's ratios over the panels, on one thread or on more, where a verdict rests on them.
function range_of(a, on_one,    i, least, most, fewest, greatest) {
    least = fewest = 1e300
    most = 0
    for (i = 1; i <= cells; i++)
        if (is_chosen(cell_panel[i]) && (cell_threads[i] == 1) == on_one && y[i, a] && !hollow[i, a]) {
            least = min(least, y[i, a])
            most = max(most, y[i, a])
            fewest = min(fewest, cell_threads[i])
            greatest = max(greatest, cell_threads[i])
        }
    if (!most)
        return ""
    more_threads = fewest == greatest ? fewest : fewest " to " greatest
    return range_words(least, most)
}

function throughput_title(a,    text) {
    sort_columns(chosen[1])
    if (rates(a) == "")
        return panel_name[chosen[1]] ": no rate of " called(a) " to rely on, for its threads took turns"
    text = panel_name[chosen[1]] ": " rates(a)
    return a == baseline_words || rates(baseline_words) == "" ? text : text "; " rates(baseline_words)
}

# Its operations a second on the fewest and on the most threads that ran at once.
function rates(a,    i, cell, text, last) {
    for (i = 1; i <= columns_here; i++) {
        cell = column[i]
        if (!y[cell, a] || hollow[cell, a])
            continue
        last = short(y[cell, a]) (text == "" ? " million operations a second" : "") " on " cell_threads[cell] \
            (text != "" ? "" : cell_threads[cell] == 1 ? " thread" : " threads")
        if (text == "")
            text = called(a) " makes " last
    }
    return last == "" || index(text, last) ? text : text ", " last
}

function short(v) {
    return sprintf(v < 10 ? "%.1f" : "%.0f", v)
}

# Where the curve falls through a level for the last time, by a line between the points on logarithmic axes.
function falls_through(a, level,    i, cell, px, py, found, share) {
    for (i = 1; i <= columns_here; i++) {
        cell = column[i]
        if (!x[cell, a] || !y[cell, a] || hollow[cell, a])
            continue
        if (py > level && y[cell, a] <= level) {
            share = log(py / level) / log(py / y[cell, a])
            found = exp(log(px) + share * (log(max(x[cell, a], 1)) - log(px)))
        }
        px = max(x[cell, a], 1)
        py = y[cell, a]
    }
    return found
}

function work_title(a,    i, most, least, three, four) {
    sort_columns(chosen[1])
    least = 1e300
    for (i = 1; i <= columns_here; i++)
        if (y[column[i], a] && !hollow[column[i], a]) {
            most = max(most, y[column[i], a])
            least = min(least, y[column[i], a])
        }
    if (a == baseline_words)
        return "Pairs of 64 bytes on two threads: " called(a) " alone, nothing to compare it with"
    if (!most)
        return "Pairs of 64 bytes on two threads: no verdict on " called(a) ", for its threads took turns"
    three = falls_through(a, 3)
    four = falls_through(a, 4)
    if (three)
        return sprintf("Pairs of 64 bytes on two threads: %s takes up to %.1f times %s's time; that falls through %s3 at %.0f ns of private work a pair",
                       called(a), most, called(baseline_words), four ? sprintf("4 at %.0f ns and through ", four) : "", three)
    return sprintf("Pairs of 64 bytes on two threads: %s takes %s times %s's time%s", called(a), range_words(least, most),
                   called(baseline_words), columns_here < 2 ? "" : ", which does not cross the man page's 3 to 4")
}

function range_words(least, most) {
    return most - least < 0.005 ? sprintf("%.2f", most) : sprintf("%.2f to %.2f", least, most)
}

function notes(    text, i) {
    text = is_ratio ? "Bars: 95 % intervals, corrected for the number of allocators. " : ""
    if (is_ratio && !band_has_words)
        text = text "Band: the man page's 3 to 4. "
    if (has_control)
        text = text "control: " called(baseline_words) " against itself. "
    text = text "Marks that share an x value stand side by side."
    if (some_hollow)
        text = text " Hollow: the threads took turns, and no verdict rests on it" \
            (is_ratio ? " (ratio of medians, no interval)." : ".")
    for (i = 1; i <= allocators; i++)
        text = text failures_of(allocator_at[i])
    if (panels_left_out)
        text = text " Left out for room: " \
            (length(left_out) < 150 ? left_out : panels_left_out " more workloads and parameters") "."
    return text
}

# What else than figures there is of an allocator: each status once, with the places where it stands.
function failures_of(a,    i, p, s, statuses, status, seen, list, where, text, same) {
    for (i = 1; i <= cells; i++) {
        s = state[i, a]
        if (!is_chosen(cell_panel[i]) || s ~ /^(ok|not-concurrent|excluded)?$/)
            continue
        if (!(s in seen)) {
            seen[s]
            status[++statuses] = s
        }
        list[s, cell_panel[i]] = list[s, cell_panel[i]] ", " (over_work ? cell_params[i] : cell_threads[i])
    }
    for (s = 1; s <= statuses; s++) {
        same = 1
        where = ""
        for (p = 1; p <= panels; p++) {
            i = list[status[s], chosen[p]]
            same = same && i == list[status[s], chosen[1]]
            if (i != "")
                where = where (where == "" ? "" : "; ") substr(i, 3) " (" short_name(chosen[p]) ")"
        }
        if (same)
            where = substr(i, 3)
        text = text (s > 1 ? ", " : " " called(a) ": ") status[s] (status[s] == "unavailable" ? "" : (over_work ? " at " : " on ") where)
    }
    return text (statuses ? (over_work || text ~ /unavailable$/ ? "." : " threads.") : "")
}

# Without the workload, where all panels are of one.
function short_name(panel,    text) {
    text = panel_name[panel]
    if (same_workload() != "")
        sub(/^[^,]*, /, "", text)
    return text
}
