#!/bin/sh
# compare safety as its users call it, on a probe that does what it is told. One rule a test.
# Usage: safety_test.sh PATH-OF-COMPARE PATH-OF-BENCH
set -u
compare=$(realpath -e "$1") && COMPARE_BENCH=$(realpath -e "$2") && rules=$(realpath -e "${0%/*}/rules.sh") || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
COMPARE_PLOTS=/nonexistent COMPARE_PROBE=$work/probe FAKE_PROBE_LOG=$work/log FAKE_PROBE=''
export COMPARE_BENCH COMPARE_PLOTS COMPARE_PROBE FAKE_PROBE_LOG FAKE_PROBE
cat >"$COMPARE_PROBE" <<'EOF'
#!/bin/sh
[ "$1" != --prelude ] || { echo 'two pairs' && exit; }
echo "$*" >>"$FAKE_PROBE_LOG"
params=''
while [ $# -gt 1 ]; do
    case $1 in
    --allocator) name=${2%%=so:*} ;;
    --column) column=$2 ;;
    *) params=$params${params:+,}${1#--}=$2 ;;
    esac
    shift 2
done
[ "$FAKE_PROBE" != refuses ] || { echo 'probe: no such thing' >&2 && exit 2; }
[ "$FAKE_PROBE" != "crashes in $column" ] || { echo 'it is broken' >&2 && kill -SEGV $$; }
[ "$FAKE_PROBE" != "ends once" ] || mkdir "$FAKE_PROBE_LOG.once" 2>/dev/null || exec sleep 30
verdict='holds	-	-	-' failed=0 bytes=-
[ "$FAKE_PROBE" != "fails in $column" ] || verdict='fails	hang	libfake.so!malloc+0x12 (file+0x34) mov after xchg	7' failed=3
[ "$column" != loss ] || bytes=128
echo header
printf '%s\t%s\t%s\t100\t40\t%s\t%s\t%s\ta note\n' "$name" "$column" "$params" "$failed" "$bytes" "$verdict"
EOF
chmod +x "$COMPARE_PROBE"
cd "$work" || exit 2
# shellcheck source=compare/rules.sh
. "$rules"

forget() {
    rm -rf "$work/results" "$work/out" "$FAKE_PROBE_LOG" "$FAKE_PROBE_LOG.once"
    : >"$FAKE_PROBE_LOG"
    FAKE_PROBE=''
}

call() { "$compare" safety "$@"; }
rows() { grep -v '^#' "$1" | tail -n +2 | grep -c .; }

rule a cell is a row, in the order of the cells, under a head
ends 0 -a glibc,bump --columns signal -o out
is "$(grep -v '^#' out/safety.tsv | head -n 1 | tr '\t' ' ')" \
    'allocator column params instructions points failed bytes verdict kind first_failure point note'
is "$(rows out/safety.tsv)" 12
is "$(grep -v '^#' out/safety.tsv | sed -n 8p | cut -f 1-3 | tr '\t' ' ')" 'bump signal path=pair'
grep -q '^# cpu: ' out/safety.tsv || fault 'no facts of the machine'
grep -q '^# prelude: two pairs$' out/safety.tsv || fault 'no prelude'
says 'holds 40'
says 'out/safety.tsv'

rule a failure is named, with the command that tries it again
FAKE_PROBE='fails in nested'
ends 0 -a glibc
says '3/40 hang'
says 'libfake.so!malloc\+0x12'
says './run probe --allocator glibc --column nested --path pair --depth 2 --point 7'

rule what is required must hold
ends 0 -a glibc --require signal,fork
FAKE_PROBE='fails in fork'
rm -rf results
ends 1 -a glibc --require signal,fork
says 'required, and not so: glibc fork path=pair,fork=fork: fails'
rm -rf results
ends 0 -a glibc --require signal,progress/k=1
rm -rf results
ends 1 -a glibc --columns signal --require sginal
says 'no such cell'

rule an allocator of the user, by its path
ends 0 -a mine=so:/nowhere/libmine.so --columns signal
says 'mine +holds 40'
is "$(grep -c -- '--allocator mine=so:/nowhere/libmine.so' log)" 6

rule bad use is said once and ends with 2
FAKE_PROBE=refuses
ends 2 -a so:/nowhere.so
is "$(printf '%s\n' "$output" | grep -c 'no such thing')" 1
ends 2 --columns nothing
ends 2 nonsense
COMPARE_PROBE=/nowhere ends 2 -a glibc
says libcapstone

rule null is no allocator
ends 2 -a null
says 'hands out memory that is in use'

rule a probe that ends badly is a row that says so
FAKE_PROBE='crashes in loss'
ends 0 -a glibc --columns loss,signal -o out
is "$(rows out/safety.tsv)" 8
is "$(grep -c 'not-measured.*it is broken' out/safety.tsv)" 2

rule depth and threads beyond two are tried on ours, and on all with --full
ends 0 -a glibc,ao --columns nested,progress --dry-run
says 'ao progress path=pair,k=3'
hides 'glibc progress path=pair,k=3'
ends 0 -a glibc --columns nested,progress --full --dry-run
says 'glibc progress path=pair,k=3'

rule an interruption loses nothing, and the same command goes on
FAKE_PROBE='ends once'
"$compare" safety -a glibc -o out >said 2>&1 &
for _ in $(seq 300); do
    [ "$(rows out/safety.tsv 2>/dev/null)" != 1 ] || break
    sleep 0.1
done
kill -INT $!
wait $!
is $? 130
output=$(cat said)
says 'interrupted; out/safety.tsv has [0-9]+ rows.*-o out'
before=$(rows out/safety.tsv)
is "$before" 1
FAKE_PROBE='' && : >log
ends 0 -a glibc -o out
is "$((before + $(grep -c . log)))" "$(rows out/safety.tsv)"

end_rules
