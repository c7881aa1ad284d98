# SPDX-License-Identifier: MIT
#
# Time against the baseline's over the private work between operations, on two threads: at which rate of allocation
# contention begins to matter. `null` shows what the harness itself costs.
#
#   gnuplot -e "summary='DIR/summary.tsv'; out='DIR/slowdown-intensity'" slowdown-intensity.gp

picture = 'slowdown-intensity'
parts = 'cells curves axes words'
x_words = 'private work between operations, ns a pair (log scale)'
y_words(baseline) = 'time / '.baseline."'s time (log scale)"
has_band = 1

directory(path) = path eq '' || path[strlen(path):*] eq '/' ? path : directory(path[1:strlen(path) - 1])
plots = directory(ARG0)
load plots.'panels.gp'
