# SPDX-License-Identifier: MIT
#
# Throughput over threads as a multiple of one thread's, with the Universal Scalability Law fitted to it (scaling-fit.gp, which
# comes first). A panel a workload with its parameters.
#
#   gnuplot -e "summary='DIR/scaling.tsv'; out='DIR/scaling'" scaling.gp      with DIR/summary.tsv beside it

picture = 'scaling'
parts = 'axes frames scaling'
x_words = 'threads (log scale)'
y_words(baseline) = 'work, in that of one thread (log scale)'
has_band = 0

directory(path) = path eq '' || path[strlen(path):*] eq '/' ? path : directory(path[1:strlen(path) - 1])
plots = directory(ARG0)
reads = "-v file_name=scaling.tsv -v file_columns='workload params allocator lambda contention contention_error coherency coherency_error status'"
if (exists('summary')) { beside = directory(summary).'summary.tsv' }
load plots.'panels.gp'
