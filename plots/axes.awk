# SPDX-License-Identifier: MIT
#
# What stands at the axes of a panel, the names at the ends of its curves, and all curves as gnuplot reads them.

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
    gap = panels > 2 ? 0.103 : 0.05
    if (gap * n > 1)
        gap = 1 / n
    label_size = panels > 2 ? gap / 0.103 : gap / 0.05
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
    if (linear_y)
        return (v - y_from) / (y_to - y_from)
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

# ---- curves ----

function make_curves(    i) {
    print "$curve << END_OF_CURVES"
    for (i = 1; i <= curves; i++)
        printf "%s\n\n", curve_lines[i]
    print "END_OF_CURVES"
    printf "curves = %d\nlabel_scale = %.3g\n", curves, smallest_label
    print "array curve_name[curves]; array curve_label[curves]; array end_x[curves]; array end_y[curves]"
    print "array label_y[curves]; array ends_early[curves]"
    for (i = 1; i <= curves; i++) {
        printf "curve_name[%d] = %s; curve_label[%d] = %s\n", i, quoted(curve_name[i]), i, quoted(label_of(i) curve_note[i])
        printf "end_x[%d] = %.6g; end_y[%d] = %.6g; label_y[%d] = %.4f; ends_early[%d] = %d\n",
            i, end_x[i], i, end_y[i], i, label_y[i], i, ends_early[i] != 0
    }
}
