# SPDX-License-Identifier: MIT
#
# How far the axes of a panel reach, what stands at them, and the names at the ends of its curves; at the foot, the
# small things that all these files use. Goes on from curves.awk.

# Room for all points and bars, for 1 and the band, and at the top for a line of words. A very wide interval may
# leave the picture: it must not press the others together.
function range_y(from,    i, j, cell, a, least, most, least_bar, most_bar) {
    least = least_bar = 1e300
    most = most_bar = 0
    for (i = 1; i <= cells; i++)
        for (j = 1; j <= allocators; j++) {
            cell = i
            a = allocator_at[j]
            if (!y[cell, a] || !x[cell, a] || (is_ratio ? !is_chosen(cell_panel[cell]) : cell_panel[cell] != from))
                continue
            least = min(least, y[cell, a])
            most = max(most, y[cell, a])
            least_bar = min(least_bar, low[cell, a])
            most_bar = max(most_bar, high[cell, a])
        }
    if (is_ratio) {
        least = min(least, 1)
        most = max(most, 4)
    } else if (most < 4 * least) {
        i = sqrt(most * least)
        least = i / 2
        most = i * 2
    }
    y_from = max(min(least, least_bar), least / 3)
    y_to = min(max(most, most_bar), most * 3)
    i = y_to / y_from
    y_from /= i ^ 0.06
    y_to *= i ^ (over_work ? 0.06 : panels > 2 ? 0.42 : 0.15)
}

# ---- axes ----

# All counts have a tick. Powers of two have their numbers first, then the others where there is room.
function thread_ticks(    list, pass, i, j, is_free, shown) {
    for (pass = 1; pass <= 2; pass++)
        for (i = 1; i <= columns_here; i++) {
            is_free = pass == 2 || is_power_of_two(column_x[i])
            for (j = 1; j <= columns_here; j++)
                if (j in shown && abs(log(column_x[i] / column_x[j])) < log(x_to / x_from) * (panels > 1 ? 0.08 : 0.035))
                    is_free = 0
            if (is_free)
                shown[i]
        }
    for (i = 1; i <= columns_here; i++)
        list = list (i > 1 ? ", " : "") sprintf("'%s' %d", (i in shown) ? column_x[i] : "", column_x[i])
    return list
}

function is_power_of_two(n) {
    while (n > 1 && n % 2 == 0)
        n /= 2
    return n == 1
}

# From halfway between the last count that the cores carry and the next.
function shade(    i) {
    for (i = 1; i <= columns_here; i++)
        if (cores && column_x[i] > cores)
            return i > 1 ? sqrt(column_x[i - 1] * column_x[i]) : x_from
    return 0
}

function work_ticks(    list, decade) {
    if (has_zero)
        list = sprintf(", '0' %.6g", zero_at)
    for (decade = 1; decade <= x_to; decade *= 10)
        list = list tick(decade, has_zero ? zero_at * 2 : x_from, x_to) \
            tick(decade * 3, has_zero ? zero_at * 2 : x_from, x_to)
    return substr(list, 3)
}

function value_ticks(    steps, n, step, list, decade, i, density) {
    density = log(y_to / y_from) / log(10) * (panels > 2 ? 2 : 1)
    n = split(density < 2.3 ? "1 1.5 2 3 4 6 8" : density < 5 ? "1 2 3 5" : "1", step, " ")
    for (decade = 1e-6; decade <= y_to; decade *= 10)
        for (i = 1; i <= n; i++)
            list = list tick(decade * step[i], y_from, y_to)
    return substr(list, 3)
}

function tick(at, from, to) {
    return at >= from * 0.999 && at <= to ? sprintf(", '%g' %g", at, at) : ""
}

# ---- names ----

# Names at the ends of the curves, pushed apart where they would touch; beside the work they stand in the order in
# which the curves begin, for there they all end near 1.
function spread_labels(from, to,    i, j, n, gap, at, key, sum) {
    n = 0
    for (i = from; i <= to; i++) {
        key = height(over_work ? begin_y[i] : end_y[i])
        for (j = n++; j > 0 && at[j] > key; j--) {
            at[j + 1] = at[j]
            who[j + 1] = who[j]
        }
        at[j + 1] = key
        who[j + 1] = i
    }
    gap = panels > 2 ? 0.095 : 0.05
    if (gap * n > 1)
        gap = 1 / n
    label_size = panels > 2 ? gap / 0.095 : gap / 0.05
    if (!smallest_label || label_size < smallest_label)
        smallest_label = label_size
    for (i = 1; over_work && i <= n; i++)
        at[i] = 0.97 - (n - i) * min(0.06, 0.97 / n)
    for (j = 0; !over_work && j < 400; j++)
        for (i = 1; i <= n; i++) {
            if (i < n && at[i + 1] - at[i] < gap) {
                sum = at[i + 1] + at[i]
                at[i] = (sum - gap) / 2
                at[i + 1] = (sum + gap) / 2
            }
            at[i] = min(max(at[i], gap / 2 + (i - 1) * gap), 1 - gap / 2 - (n - i) * gap)
        }
    for (i = 1; i <= n; i++)
        label_y[who[i]] = at[i]
}

function height(v) {
    return log(v / y_from) / log(y_to / y_from)
}

function label_of(i,    a) {
    a = called(curve_name[i])
    sub(/^.*@control$/, "control", a)
    if (length(a) > 16) {
        a = substr(a, 1, 14)
        sub(/[\300-\377][\200-\277]*$/, "", a) # a letter of UTF-8 may have been cut in two
        a = a ".."
    }
    if (ends_early[i] && !over_work)
        a = a " to " ends_early[i]
    return a
}

# A library's path is told by its last part.
function called(a) {
    if (length(a) > 16 && a !~ / /)
        sub(/^.*\//, "", a)
    return a
}

# ---- small things ----

function min(a, b) { return a < b ? a : b }
function abs(a) { return a < 0 ? -a : a }
function max(a, b) { return a > b ? a : b }

# A string as gnuplot reads it. Not in double quotes, between which it would run what stands in backquotes;
# and without the letters that an SVG must not have.
function quoted(text) {
    gsub(/[\001-\037\177]/, " ", text)
    gsub(/'/, "'.\"'\".'", text)
    return "'" text "'"
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
