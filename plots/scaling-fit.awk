# SPDX-License-Identifier: MIT
#
# From summary.tsv to scaling.tsv (OUT in the environment): a row for each workload, parameters and allocator that was measured on
# more than one thread. Points are thread counts within the machine's cores whose threads ran at once; of fewer than five there is
# no fit, for three coefficients go through three points whatever they are, and through four nearly so. CURVE: scaling-curve.gp.

BEGIN { least_points = 5 }

function read_row(workload, params, threads, allocator, what, status,    key) {
    if (what != "ops_per_second" || allocator ~ /@control$/)
        return
    key = workload "\t" params "\t" allocator
    if (!(key in seen)) {
        seen[key]
        key_at[++keys] = key
    }
    rows_of[key]++
    if (status == "ok" && threads <= head["cores"] + 0 && number($place["value"]))
        add_point(key, threads, number($place["value"]))
}

# By number of threads.
function add_point(key, threads, rate,    i) {
    for (i = points[key]++; i > 0 && point_n[key, i] > threads; i--) {
        point_n[key, i + 1] = point_n[key, i]
        point_rate[key, i + 1] = point_rate[key, i]
    }
    point_n[key, i + 1] = threads
    point_rate[key, i + 1] = rate
}

function make_picture(    i, out) {
    out = ENVIRON["OUT"]
    for (i in head)
        if (i == "cpu" || i == "cores" || i == "date")
            printf "# %s: %s\n", i, head[i] > out
    print "workload\tparams\tallocator\tlambda\tlambda_error\tcontention\tcontention_error\tcoherency\tcoherency_error\tpoints\tstatus" > out
    for (i = 1; i <= keys; i++)
        if (rows_of[key_at[i]] > 1)
            printf "%s\t%s\t%d\t%s\n", key_at[i], fit(key_at[i]), points[key_at[i]], status > out
    close(out)
}

# Its coefficients with their errors; sets status.
function fit(key,    i, list, line, command, none) {
    none = "-\t-\t-\t-\t-\t-"
    if (points[key] < least_points) {
        # With five cores there could have been five counts.
        status = head["cores"] + 0 < least_points ? "not enough cores" : "not enough cores measured"
        return none
    }
    for (i = 1; i <= points[key]; i++) # no exponents: gnuplot does not read 1e9 for a number
        list = list (i > 1 ? " " : "") sprintf("%d:%.3f", point_n[key, i], point_rate[key, i])
    command = "gnuplot -e \"points='" list "'\" " shell(ENVIRON["CURVE"]) " 2>/dev/null </dev/null"
    status = "not fitted"
    if ((command | getline line) <= 0 || split(line, part, " ") != 6 || tolower(line) ~ /nan|inf/ ||
        part[1] + 0 <= 0 || part[2] + 0 >= part[1] + 0)
        line = ""
    close(command)
    if (line == "")
        return none
    status = "ok"
    gsub(/ /, "\t", line)
    return line
}

function shell(text) {
    gsub(/'/, "'\\''", text)
    return "'" text "'"
}
