# SPDX-License-Identifier: MIT
#
# Operations a second of all threads together over their number, in the same panels as slowdown-threads.gp.
#
#   gnuplot -e "summary='DIR/summary.tsv'; out='DIR/throughput-threads'" throughput-threads.gp

picture = 'throughput-threads'
parts = 'cells curves axes words'
x_words = 'threads'
y_words(baseline) = 'million operations a second (log scale)'
has_band = 0

directory(path) = path eq '' || path[strlen(path):*] eq '/' ? path : directory(path[1:strlen(path) - 1])
plots = directory(ARG0)
load plots.'panels.gp'
