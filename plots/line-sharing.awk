# SPDX-License-Identifier: MIT
#
# The picture line-sharing: a line an allocator, those that share least first; a column a cell. Goes on from read.awk.

BEGIN { most_columns = 5 }

function read_row(workload, params, threads, allocator, what, status,    cell) {
    if (what != "line_sharing" || allocator ~ /@control$/ || $place["value"] !~ /^[0-9.]/)
        return
    cell = workload SUBSEP params SUBSEP threads
    if (!(cell in cell_seen)) {
        cell_seen[cell] = ++cells
        cell_workload[cells] = workload; cell_params[cells] = params; cell_threads[cells] = threads
    }
    see_allocator(allocator)
    share[cell_seen[cell], allocator] = $place["value"] + 0
    seen_in[allocator]++
    sum[allocator] += $place["value"]
    cell_sum[cell_seen[cell]] += $place["value"]
}

# What is made for it comes first; a workload's cells stay together. Where nobody shares a line there is nothing to see.
function choose_columns(    pass, i, name) {
    for (pass = 1; pass <= 2; pass++)
        for (i = 1; i <= cells; i++) {
            if ((cell_workload[i] ~ /^false-sharing/) != (pass == 1))
                continue
            name = cell_workload[i] (cell_params[i] == "-" ? "" : ", " cell_params[i]) ", " cell_threads[i] " threads"
            if (!cell_sum[i])
                none_shared = none_shared (none_shared == "" ? "" : "; ") name
            else if (shown < most_columns)
                column[++shown] = i
            else
                left_out = left_out (left_out == "" ? "" : "; ") name
        }
    for (i = 1; !shown && i <= cells && i <= most_columns; i++) {
        column[i] = i
        none_shared = ""
    }
    if (!shown)
        shown = min(cells, most_columns)
}

function some(list) {
    return length(list) < 150 ? list : gsub(/;/, ";", list) + 1 " cells"
}

# By their means, and in the campaign's order where these are the same.
function sort_lines(    i, j, a) {
    for (i = 1; i <= allocators; i++) {
        a = allocator_at[i]
        for (j = curves++; j > 0 && sum[line[j]] / seen_in[line[j]] > sum[a] / seen_in[a] + 1e-9; j--)
            line[j + 1] = line[j]
        line[j + 1] = a
    }
}

function make_picture(    i, j) {
    cores = head["cores"] + 0
    order_allocators()
    choose_columns()
    if (!cells) {
        nothing = 1
        failure = "no figure of shared cache lines (`line-sharing yes` in a campaign)"
        return
    }
    sort_lines()
    printf "curves = %d; shown = %d\narray curve_name[curves]; array curve_label[curves]\n", curves, shown
    print "array head_1[shown]; array head_2[shown]; array head_3[shown]"
    for (i = 1; i <= curves; i++)
        printf "curve_name[%d] = %s; curve_label[%d] = %s\n", i, quoted(line[i]), i, quoted(short_name(line[i]))
    for (j = 1; j <= shown; j++) {
        i = cell_params[column[j]]
        gsub(/,/, ", ", i)
        printf "head_1[%d] = %s; head_2[%d] = %s; head_3[%d] = '%d threads'\n", j, quoted(cell_workload[column[j]]), j,
            quoted(i == "-" ? "" : length(i) > 24 ? substr(i, 1, 22) ".." : i), j, cell_threads[column[j]]
    }
    print "$shares << END_OF_SHARES"
    for (j = 1; j <= shown; j++)
        for (i = 1; i <= curves; i++)
            if ((column[j], line[i]) in share)
                printf "%d %d %.6g \"%s\"\n", j, i, share[column[j], line[i]], percent(share[column[j], line[i]])
            else
                printf "%d %d 0 \"–\"\n", j, i
    print "END_OF_SHARES"
    print "machine = " quoted(machine())
    print_lines("page_title", "Cache lines that hold objects of two threads at once; less is better", 88)
    print_lines("notes", "Share of the cache lines with live objects, counted from their addresses alone: it depends on no clock. Such a line" \
                " goes from core to core whenever both write. Those that share least stand first." \
                (none_shared == "" ? "" : " No lines shared by any in " some(none_shared) ".") \
                (left_out == "" ? "" : " Left out for room: " some(left_out) "."), 128)
}

function percent(v) {
    return v == 0 ? "0 %" : v < 0.001 ? "<0.1 %" : sprintf(v < 0.1 ? "%.1f %%" : "%.0f %%", v * 100)
}

function short_name(a) {
    a = called(a)
    if (length(a) > 16) {
        a = substr(a, 1, 14)
        sub(/[\300-\377][\200-\277]*$/, "", a) # a letter of UTF-8 may have been cut in two
        a = a ".."
    }
    return a
}
