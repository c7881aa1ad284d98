# SPDX-License-Identifier: MIT
#
# How every picture of a summary begins: has awk read it with `parts` (files of this directory, after read.awk) and loads what
# awk prints. Wants `picture`, `parts`, `summary`, `out` and `plots` (this directory); `reads` is given to awk as further
# options, and the path `beside` as BESIDE in its environment. `kinds`: png, svg or, unless told, both.
# Ends with a line and status 3 where the summary holds nothing for this picture, 1 where it cannot be drawn, 2 where it is
# called wrongly.

if (!exists('summary') || !exists('out')) {
    print picture.": call it as gnuplot -e \"summary='DIR/summary.tsv'; out='DIR/".picture."'\" ".picture.'.gp'
    exit status 2
}

# A word of the shell's: what stands in it is left alone.
escaped(s) = strstrt(s, "'") == 0 ? s : \
    substr(s, 1, strstrt(s, "'") - 1)."'\\''".escaped(substr(s, strstrt(s, "'") + 1, strlen(s)))
shell(s) = "'".escaped(s)."'"

failure = ''; curves = 0; nothing = 0
if (system('test -r '.shell(summary).' && ! test -d '.shell(summary).' && echo yes') ne 'yes') {
    failure = 'it cannot be read'
} else {
    awk = 'LC_ALL=C '.(exists('beside') ? 'BESIDE='.shell(beside).' ' : '').'awk -v picture='.picture.(exists('reads') ? ' '.reads : '')
    do for [part in 'read '.parts] { awk = awk.' -f '.shell(plots.part.'.awk') }
    load '< '.awk.' < '.shell(summary)
    if (failure eq '' && curves == 0) { failure = 'awk could not make curves of it' }
}
if (failure ne '') {
    print picture.': '.summary.': '.failure
    exit status (nothing ? 3 : 1)
}
if (!exists('kinds')) { kinds = 'png svg' }
writable = ''
do for [kind in kinds] { writable = writable.': >>'.shell(out.'.'.kind).' && ' }
if (system('{ '.writable.'echo yes; } 2>/dev/null') ne 'yes') {
    print picture.': '.out.'.png, '.out.'.svg: they cannot be written'
    exit status 1
}
load plots.'style.gp'
