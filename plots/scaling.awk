# SPDX-License-Identifier: MIT
#
# The picture scaling: throughput over threads as a multiple of what one thread does, as measured and as the Universal Scalability
# Law fits it. Reads scaling.tsv, which scaling-fit.gp wrote, and for the points summary.tsv. Goes on from frames.awk.

BEGIN {
    is_perfect = 1
    drawn_at = 60 # places of a fitted curve
}

# Rows of scaling.tsv.
function read_row(workload, params, threads, allocator, what, status,    key) {
    if (allocator ~ /@control$/)
        return
    rows_read++
    key = workload SUBSEP params SUBSEP allocator
    if (status != "ok")
        return
    lambda[key] = number($place["lambda"])
    contention[key] = $place["contention"] + 0
    coherency[key] = $place["coherency"] + 0
    contention_words[key] = shown(contention[key], $place["contention_error"], "%.2g")
    coherency_words[key] = shown(coherency[key], $place["coherency_error"], "%.1g")
    see_allocator(allocator)
    fitted++
}

# 0 where it is no more than its error.
function shown(v, error, form) {
    return v > error + 0 ? sprintf(form, v) : "0"
}

function make_picture() {
    if (!fitted) {
        nothing = 1
        failure = "no figure of the scaling law: not enough cores, or not enough thread counts within them"
        return
    }
    read_points()
    if (frames > 1) # no room
        split("", note_of)
    make_frames()
    print "joined = 0; behind_is_area = 0"
    print_lines("page_title", capital((panels == 1 ? frame_title[chosen[1]] ": " : "") \
                "how many threads' worth of work N threads do; higher is better"), 88)
    print_lines("notes", "Marks: measured. Lines: the Universal Scalability Law N / (1 + a (N-1) + b N (N-1)), fitted." (panels == 1 ? " Beside the names a, contention:" \
                " the share that threads do one after another; and b, coherency: what each costs every other." : \
                " Its coefficients are in scaling.tsv.") " Dashes: perfect scaling." left_out_words(), 128)
}

# The summary's rows, columns by their names.
function read_points(    line, field, n, i, at, key, f, found) {
    while ((getline line < ENVIRON["BESIDE"]) > 0) {
        if (line ~ /^#/) {
            if (match(line, /: /) && !(substr(line, 3, RSTART - 3) in head))
                head[substr(line, 3, RSTART - 3)] = substr(line, RSTART + 2)
            continue
        }
        n = split(line, field, "\t")
        if (!found) {
            for (i = 1; i <= n; i++)
                at[field[i]] = i
            found = 1
            continue
        }
        key = field[at["workload"]] SUBSEP field[at["params"]] SUBSEP field[at["allocator"]]
        if (field[at["metric"]] != "ops_per_second" || field[at["status"]] != "ok" || !(key in lambda) ||
            field[at["threads"]] + 0 > head["cores"] + 0)
            continue
        f = frame_of(cell_words(field[at["workload"]], field[at["params"]], 0), key, 0)
        add_point(f, field[at["allocator"]], field[at["threads"]], field[at["value"]] / lambda[key], 0)
        if (!((f, field[at["allocator"]]) in key_of)) {
            key_of[f, field[at["allocator"]]] = key
            note_of[f, field[at["allocator"]]] = sprintf("  %s, %s", contention_words[key], coherency_words[key])
        }
        most_threads[f] = max(most_threads[f], field[at["threads"]])
    }
    add_fits()
}

function add_fits(    f, i, a, j, n, key) {
    for (f = 1; f <= frames; f++)
        for (i = 1; i <= allocators; i++) {
            a = allocator_found[i]
            if (!((f, a) in key_of))
                continue
            key = key_of[f, a]
            for (j = 0; j <= drawn_at; j++) {
                n = x_least[f] * (most_threads[f] / x_least[f]) ^ (j / drawn_at)
                add_behind(f, a, n, n / (1 + contention[key] * (n - 1) + coherency[key] * n * (n - 1)))
            }
        }
}

function x_range_of(f) {
    x_from = x_least[f] / (x_most[f] / x_least[f]) ^ 0.05
    x_to = x_most[f] * (x_most[f] / x_least[f]) ^ 0.05
}

function x_ticks_of(f) {
    return two_ticks(x_from, x_to)
}

function y_ticks_of(f) {
    return two_ticks(y_from, y_to)
}

# Powers of two.
function two_ticks(from, to,    list, at) {
    for (at = 1 / 1024; at <= to; at *= 2)
        list = list tick(at, from, to)
    return substr(list, 3)
}
