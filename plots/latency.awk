# SPDX-License-Identifier: MIT
#
# The picture latency: how long all calls but a share take, over that share. Goes on from frames.awk.
# Figures of the open loop, where a call's time counts from when it was due: a call that comes late because the one before it
# took long counts as slow, as it does for who waits.

BEGIN {
    # Places on the axis are decades of the share that takes longer; the longest call of all has one beyond them.
    places = split("0.30103 1 2 3 4 5", place_x, " ")
    split("p50_ns p90_ns p99_ns p99.9_ns p99.99_ns max_ns", place_metric, " ")
    split("50 90 99 99.9 99.99 100", place_words, " ")
    axis_breaks_at = 4.5
}

function read_row(workload, params, threads, allocator, what, status,    key, v, i) {
    v = number($place["value"])
    if (what == "clock_ns" && v)
        clock = !clock || v < clock ? v : clock
    if (allocator ~ /@control$/)
        return
    key = workload SUBSEP params SUBSEP threads
    if (what == "overrun")
        overrun[key, allocator] = v >= 0.5
    for (i = 1; i <= places; i++)
        if (what == place_metric[i] && v) {
            if (!(key in key_seen)) {
                key_seen[key] = ++keys
                key_at[keys] = key
                key_frame[keys] = frame_of(cell_words(workload, params, threads), workload SUBSEP params, threads)
            }
            see_allocator(allocator)
            time[key, allocator, i] = v
        }
}

function make_picture(    k, a, i) {
    for (k = 1; k <= keys; k++)
        for (a = 1; a <= allocators; a++)
            for (i = 1; i <= places; i++)
                if ((key_at[k], allocator_found[a], i) in time)
                    add_point(key_frame[k], allocator_found[a], place_x[i], time[key_at[k], allocator_found[a], i],
                              overrun[key_at[k], allocator_found[a]])
    if (!frames) {
        nothing = 1
        failure = "no figure of how long single calls take (`latency yes` in a campaign)"
        return
    }
    for (k = 1; k <= keys; k++)
        frame_spread[key_frame[k]] = spread(key_at[k])
    make_frames()
    print_lines("page_title", capital((panels == 1 ? frame_title[chosen[1]] ": " : "") \
                "how long malloc and free take, from the usual call to the slowest; lower is better"), 88)
    print "linear_x = 1"
    print_lines("notes", "From when a call was due until it returned; medians of rounds." \
                (clock ? sprintf(" Reading the clock adds %.0f ns to each.", clock) : "") \
                (some_hollow ? " Hollow: calls were due faster than they could be made, and waited for each other." : "") \
                left_out_words(), 128)
}

# How far apart the allocators are, from the usual call to the slowest.
function spread(key,    i, a, v, least, most, sum) {
    for (i = 1; i <= places; i++) {
        least = most = 0
        for (a = 1; a <= allocators; a++)
            if (!is_floor(allocator_found[a]) && (key, allocator_found[a], i) in time) {
                v = time[key, allocator_found[a], i]
                least = !least || v < least ? v : least
                most = max(most, v)
            }
        sum += most ? log(most / least) : 0
    }
    return sum
}

function x_range_of(f) {
    x_from = 0.1
    x_to = 5.15
}

function x_ticks_of(f,    i, list) {
    for (i = 1; i <= places; i++)
        list = list sprintf("%s'%s' %s", (i > 1 ? ", " : ""), place_words[i], place_x[i])
    return list
}

# Nanoseconds, in the units that people say.
function y_ticks_of(f,    decade, list, i, step, n) {
    n = split(y_to / y_from < 300 ? "1 3" : "1", step, " ")
    for (decade = 1; decade <= y_to; decade *= 10)
        for (i = 1; i <= n; i++)
            if (decade * step[i] >= y_from && decade * step[i] <= y_to)
                list = list sprintf(", '%s' %.6g", time_words(decade * step[i]), decade * step[i])
    return substr(list, 3)
}

function time_words(ns) {
    return ns >= 1e9 ? ns / 1e9 " s" : ns >= 1e6 ? ns / 1e6 " ms" : ns >= 1e3 ? ns / 1e3 " µs" : ns " ns"
}
