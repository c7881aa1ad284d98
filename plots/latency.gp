# SPDX-License-Identifier: MIT
#
# How long single calls take: for each share of all calls the time that they take at most. A panel a cell of a campaign with
# `latency yes`.
#
#   gnuplot -e "summary='DIR/summary.tsv'; out='DIR/latency'" latency.gp

picture = 'latency'
parts = 'axes frames latency'
x_words = 'share of the calls that take no longer, %'
y_words(baseline) = 'time of a call (log scale)'
has_band = 0
room_for_ticks = 0.096

directory(path) = path eq '' || path[strlen(path):*] eq '/' ? path : directory(path[1:strlen(path) - 1])
plots = directory(ARG0)
load plots.'panels.gp'
