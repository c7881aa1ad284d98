# SPDX-License-Identifier: MIT
#
# Resident memory over the run, with what is live behind it. A panel a cell.
#
#   gnuplot -e "summary='DIR/memory-time.tsv'; out='DIR/memory-time'" memory-time.gp

picture = 'memory-time'
parts = 'axes frames memory-time'
reads = "-v file_name=memory-time.tsv -v file_columns='workload params threads allocator ms resident_bytes live_bytes'"
x_words = 'share of the run'
y_words(baseline) = 'memory, MiB'
has_band = 0

directory(path) = path eq '' || path[strlen(path):*] eq '/' ? path : directory(path[1:strlen(path) - 1])
plots = directory(ARG0)
load plots.'panels.gp'
