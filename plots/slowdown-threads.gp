# SPDX-License-Identifier: MIT
#
# Time against the baseline's over the number of threads: list-reversal first, then every workload of the summary
# that was measured on several.
#
#   gnuplot -e "summary='DIR/summary.tsv'; out='DIR/slowdown-threads'" slowdown-threads.gp

picture = 'slowdown-threads'
parts = 'cells curves axes words'
x_words = 'threads'
y_words(baseline) = 'time / '.baseline."'s time (log scale)"
has_band = 1

directory(path) = path eq '' || path[strlen(path):*] eq '/' ? path : directory(path[1:strlen(path) - 1])
plots = directory(ARG0)
load plots.'panels.gp'
