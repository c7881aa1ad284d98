# SPDX-License-Identifier: MIT
#
# Fits the Universal Scalability Law (N. J. Gunther) to throughput by threads and writes the coefficients:
#   C(N) = N / (1 + a (N-1) + b N (N-1)),  throughput = lambda C(N)
# a, contention: the share of the work that threads do one after another; b, coherency: what each pays for every other one to see
# what it did, by which throughput may fall as threads are added. No picture; compare runs it before its table.
# The rows are scaling-fit.awk's, one fit scaling-curve.gp's.
#
#   gnuplot -e "summary='DIR/summary.tsv'; out='DIR/scaling'" scaling-fit.gp      writes DIR/scaling.tsv

picture = 'scaling-fit'
directory(path) = path eq '' || path[strlen(path):*] eq '/' ? path : directory(path[1:strlen(path) - 1])
plots = directory(ARG0)
escaped(s) = strstrt(s, "'") == 0 ? s : \
    substr(s, 1, strstrt(s, "'") - 1)."'\\''".escaped(substr(s, strstrt(s, "'") + 1, strlen(s)))
shell(s) = "'".escaped(s)."'"
if (!exists('summary') || !exists('out')) {
    print picture.": call it as gnuplot -e \"summary='DIR/summary.tsv'; out='DIR/scaling'\" ".picture.'.gp'
    exit status 2
}
failure = ''
if (system('test -r '.shell(summary).' && ! test -d '.shell(summary).' && echo yes') ne 'yes') {
    failure = 'it cannot be read'
} else {
    load '< LC_ALL=C CURVE='.shell(plots.'scaling-curve.gp').' OUT='.shell(out.'.tsv').' awk -f '.shell(plots.'read.awk') \
        .' -f '.shell(plots.'scaling-fit.awk').' < '.shell(summary)
}
if (failure ne '') {
    print picture.': '.summary.': '.failure
    exit status 1
}
