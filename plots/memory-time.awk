# SPDX-License-Identifier: MIT
#
# The picture memory-time: of memory-time.tsv what is resident over the run, and behind it what the program had asked for and
# not freed. Goes on from frames.awk.

BEGIN {
    linear_y = 1
    behind_is_area = 1
    most_times_live = 8 # what takes more leaves the picture, for it would press the others flat
    least_live = 1 # MiB: below, what an allocator takes to begin with says nothing of the workload
    most_points = 300 # a curve; of more, the highest of each stretch
}

function read_row(workload, params, threads, allocator, what, status,    f, n) {
    if ($place["ms"] !~ /^[0-9.]/ || $place["resident_bytes"] !~ /^-?[0-9.]/ || allocator ~ /@control$/)
        return
    f = frame_of(cell_words(workload, params, threads), workload SUBSEP params, threads)
    see_allocator(allocator)
    n = ++samples[f, allocator]
    sample_ms[f, allocator, n] = $place["ms"]
    sample_resident[f, allocator, n] = max($place["resident_bytes"], 0) / 1048576
    sample_live[f, allocator, n] = $place["live_bytes"] ~ /^[0-9]/ ? $place["live_bytes"] / 1048576 : -1
    last_ms[f, allocator] = max(last_ms[f, allocator], $place["ms"])
}

function make_picture(    f, i) {
    if (!frames) {
        nothing = 1
        failure = "no figure of memory over time"
        return
    }
    for (f = 1; f <= frames; f++) {
        for (i = 1; i <= allocators; i++)
            add_curve(f, allocator_found[i])
        frame_spread[f] = most_live[f] < least_live ? 0 : spread(f)
        if (most_live[f])
            highest[f] = most_live[f] * most_times_live
        for (i = 1; i <= allocators; i++)
            if (f in highest && peak[f, allocator_found[i]] > highest[f]) {
                some_leave = 1
                note_of[f, allocator_found[i]] = sprintf("  %.0f MiB", peak[f, allocator_found[i]])
            }
    }
    make_frames()
    printf "marked = 0; linear_x = 1; linear_y = 1; behind_is_area = 1\n"
    print_lines("page_title", capital((panels == 1 ? frame_title[chosen[1]] ": " : "") \
                "resident memory over the run; the nearer to what was asked for, in grey, the better"), 88)
    print_lines("notes", "Line: resident memory of the process less what it held before the first malloc." \
                (some_live ? " Grey: what the program had asked for and not freed. Beside the names: how long the run took" \
                (some_leave ? "; what one that leaves the picture came to" : "") "." : "") \
                left_out_words(), 128)
}

# Over the share of its own run: so what is live is the same for all, whatever their pace. Each stretch is drawn where its highest
# sample is.
function add_curve(f, a,    n, i, from, high, at) {
    n = samples[f, a]
    if (!n || !last_ms[f, a])
        return
    from = 1
    for (i = 1; i <= n; i++) {
        if (i == from || sample_resident[f, a, i] > sample_resident[f, a, high])
            high = i
        if (i < n && int((i + 1) * most_points / n) == int(i * most_points / n) && n > most_points)
            continue
        at = 100 * sample_ms[f, a, high] / last_ms[f, a]
        add_point(f, a, at, sample_resident[f, a, high], 0)
        peak[f, a] = max(peak[f, a], sample_resident[f, a, high])
        if (sample_live[f, a, high] >= 0) {
            add_behind(f, a, at, sample_live[f, a, high])
            some_live = 1
            most_live[f] = max(most_live[f], sample_live[f, a, high])
        }
        from = i + 1
    }
    note_of[f, a] = last_ms[f, a] < 1000 ? sprintf("  %.0f ms", last_ms[f, a]) : sprintf("  %.1f s", last_ms[f, a] / 1000)
}

# How far apart the allocators are at their peaks. Below what is live the difference is not theirs: it was not touched.
function spread(f,    i, v, least, most) {
    for (i = 1; i <= allocators; i++) {
        v = max(peak[f, allocator_found[i]], most_live[f])
        if (peak[f, allocator_found[i]] && !is_floor(allocator_found[i])) {
            least = !least || v < least ? v : least
            most = max(most, v)
        }
    }
    return most ? log(most / least) : 0
}

function x_range_of(f) {
    x_from = 0
    x_to = 102
    if (!y_most[f])
        y_most[f] = 1
}

function x_ticks_of(f) {
    return "'0' 0, '50%%' 50, '100%%' 100"
}

function y_ticks_of(f) {
    return linear_ticks(y_from, y_to, panels > 2 ? 5 : 9)
}
