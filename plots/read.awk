# SPDX-License-Identifier: MIT
#
# Reads what a picture is made of, and holds what all pictures use: begin.gp has awk read this file first, then those that
# the picture names. They print what the picture holds, as gnuplot commands. POSIX awk.
# They give read_row(), which is called for each row, and make_picture(), called at the end, which sets `failure` where the
# picture cannot be, and then `nothing` where that is because there are no such figures. Columns are found by their names.
# Variables: `picture` its name; `file_name` and `file_columns` what is read, if it is no summary.tsv.

BEGIN {
    FS = "\t"
    if (file_name == "") {
        file_name = "summary.tsv"
        file_columns = "workload params threads allocator metric value ratio ratio_low ratio_high verdict status"
    }
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
    wanted = split(file_columns, name, " ")
    for (i = 1; i <= wanted; i++)
        if (failure == "" && !(name[i] in place))
            failure = "no column is called " name[i] ": this is not a " file_name
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
        printf "failure = %s\nnothing = %d\n", quoted(failure), nothing
}

# 0 where there is no figure: a logarithmic axis has no place for it either.
function number(text) {
    return text ~ /^[0-9.]+([eE][-+]?[0-9]+)?$/ ? text + 0 : 0
}

# ---- allocators ----

function see_allocator(allocator) {
    if (!(allocator in allocator_seen)) {
        allocator_seen[allocator]
        allocator_found[++allocators] = allocator
    }
}

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

# A library's path is told by its last part.
function called(a) {
    if (length(a) > 16 && a !~ / /)
        sub(/^.*\//, "", a)
    return a
}

# ---- words ----

function machine(    text) {
    text = head["cpu"]
    if (cores)
        text = text (text == "" ? "" : ", ") cores (cores == 1 ? " core" : " cores")
    if (head["date"] != "")
        text = text (text == "" ? "" : ", ") substr(head["date"], 1, 10)
    return text == "" ? "machine unknown" : text
}

# ---- small things ----

function min(a, b) { return a < b ? a : b }
function abs(a) { return a < 0 ? -a : a }
function max(a, b) { return a > b ? a : b }

# A sentence begins with a capital letter, unless a name begins it.
function capital(text) {
    return text ~ /^[^ ]*[,:]/ ? text : toupper(substr(text, 1, 1)) substr(text, 2)
}

# A string as gnuplot reads it. Not in double quotes, between which it would run what stands in backquotes;
# and without the letters that an SVG must not have.
function quoted(text) {
    gsub(/[\001-\037\177]/, " ", text)
    gsub(/'/, "'.\"'\".'", text)
    return "'" text "'"
}

# Of the words that say what panel P shows, what stands before the first comma is its title, the others go below it.
function print_panel_words(p, text,    n) {
    n = index(text ", ", ", ")
    printf "panel_title[%d] = %s; panel_words[%d] = %s\n", p, quoted(substr(text, 1, n - 1)), p, quoted(substr(text, n + 2))
}

# What is no allocator.
function is_floor(allocator) {
    return index("," head["floor"] ",", "," allocator ",") || allocator == "null" || allocator == "bump"
}

# An array of gnuplot's: the text in lines of at most `width` characters, none much shorter than the others.
function print_lines(array, text, width,    n, word, i, lines, line) {
    n = int(1 + (length(text) - 1) / width)
    width = min(width, length(text) / n + 8)
    n = split(text, word, " ")
    for (i = 1; i <= n; i++)
        if (lines && length(line[lines]) + length(word[i]) < width)
            line[lines] = line[lines] " " word[i]
        else
            line[++lines] = word[i]
    printf "array %s[%d]\n", array, lines
    for (i = 1; i <= lines; i++)
        printf "%s[%d] = %s\n", array, i, quoted(line[i])
}
