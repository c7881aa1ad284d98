# SPDX-License-Identifier: MIT
#
# One fit, in a process of its own because gnuplot ends the script where a fit cannot be made. Wants `points`, "N:throughput"
# joined by blanks, five at least, and prints a line: lambda, its error, a, its error, b, its error. Errors are asymptotic
# standard errors, of what the points themselves scatter. Throughputs count by their relative errors, which is how they scatter.

n = words(points)
of_threads(i) = real(word(points, i)[1:strstrt(word(points, i), ':') - 1])
of_rate(i) = real(word(points, i)[strstrt(word(points, i), ':') + 1:*])
$points << END
END
set print $points
do for [i = 1:n] { print sprintf('%.17g %.17g', of_threads(i), of_rate(i) / of_rate(1)) }
unset print

# fit takes slopes over steps of a thousandth of a parameter, which are nothing where it is all but 0, as these may well be: so
# it looks for c and d, which are then 1.
a_of(c) = 0.1 * (c - 1)
b_of(d) = 0.001 * (d - 1)
# Where a try goes below what a throughput can be, a far value sends it back.
below(x) = 1 + a_of(c) * (x - 1) + b_of(d) * x * (x - 1)
law(x) = lambda * x / (below(x) > 1e-3 ? below(x) : 1e-3)

set fit quiet nolog errorvariables limit 1e-10 limit_abs 1e-14 maxiter 200
lambda = 1.0 / of_threads(1)
c = 1.5
d = 2
fit law(x) $points using 1:2:2 yerrors via lambda, c, d
set print '-'
print sprintf('%.6g %.2g %.6g %.2g %.6g %.2g', lambda * of_rate(1), lambda_err * of_rate(1), a_of(c), 0.1 * c_err, \
              b_of(d), 0.001 * d_err)
