#!/bin/sh
# compare claims as its users call it, on a bench and a probe that do what they are told. One rule a test.
# Usage: claims_test.sh PATH-OF-COMPARE PATH-OF-FAKE_BENCH
set -u
compare=$(realpath -e "$1") && COMPARE_BENCH=$(realpath -e "$2") && rules=$(realpath -e "${0%/*}/rules.sh") || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
COMPARE_PLOTS=/nonexistent COMPARE_PROBE=$work/probe FAKE_BENCH_LOG=$work/log
export COMPARE_BENCH COMPARE_PLOTS COMPARE_PROBE FAKE_BENCH_LOG
cat >"$COMPARE_PROBE" <<'EOF'
#!/bin/sh
# --allocator NAME --column COLUMN --path PATH [--k K]: all hold but those of two threads
[ "$1" != --prelude ] || { echo 'two pairs' && exit; }
echo "probe $*" >>"$FAKE_BENCH_LOG"
case $* in
*'--k 2'*) printf '%s\t%s\tpath=pair,k=2\t100\t52\t4\t-\tfails\thang\tmalloc+0x12\t7\t-\n' "$2" "$4" ;;
*) printf '%s\t%s\tpath=%s\t100\t40\t0\t-\tholds\t-\t-\t-\t-\n' "$2" "$4" "$6" ;;
esac
EOF
chmod +x "$COMPARE_PROBE"
cd "$work" || exit 2
# shellcheck source=compare/rules.sh
. "$rules"

forget() {
    rm -rf "$work/results" "$work/out" "$work/again" "$work/claims.txt"
    : >"$FAKE_BENCH_LOG"
}

call() { "$compare" claims "$@"; }

# claims LINE...: a file of claims about ns10 beside ns20; each LINE the rest of one claim.
claims() {
    printf 'allocators ns10 ns20 wide\nbaseline ns20\nmin-time 0.001\nrounds 9\ncells scripted threads=1\n' >claims.txt
    n=0
    for text in "$@"; do
        n=$((n + 1))
        printf 'claim c%d\nsays "so"\nwhere a page\nmeasures time\nof ns10\n%b\n' "$n" "$text" >>claims.txt
    done
}

# verdict ID: of claims.tsv
verdict() { awk -F'\t' -v id="$1" '$1 == id { print $3 }' out/claims.tsv; }

value='cells scripted/threads:1\nvalue time_ns / ns20:time_ns'

rule a claim holds, and fails with its bound turned round
claims "$value\nbound <= 1" "$value\nbound >= 1" "$value\nbound within 0.4 0.6"
ends 0 --claims ./claims.txt -o out
is "$(verdict c1) $(verdict c2) $(verdict c3)" 'holds fails holds'
says 'c2: "so"'
says 'fails +ns10 +0.5 '
is "$(head -n 1 out/claims.tsv | tr '\t' ' ')" 'claim allocator verdict value low high bound where cell peer note'
grep -q '^| fails | ns10 | 0.5 | >= 1 |' out/claims.md || fault 'no such line in claims.md'

rule an interval that contains the bound is undecided
claims 'cells scripted/threads:1\nvalue wide:time_ns / ns20:time_ns\nbound <= 1'
ends 0 --claims ./claims.txt -o out
is "$(verdict c1)" undecided

rule the matrix and the limits of blocks are measured, each cell once
claims 'safety signal path=pair holds' 'safety progress path=pair,k=2 fails\nsafety signal path=pair holds' \
    'cells limits/threads:1\nvalue largest_block_bytes\nbound within 65000 65535'
ends 0 --claims ./claims.txt -o out
is "$(verdict c1) $(verdict c2 | tr '\n' ' ')$(verdict c3)" 'holds holds holds holds fails'
is "$(grep -c '^probe' log)" 2

rule without probe claims of safety are undecided, and it is said why
claims 'safety signal path=pair holds'
COMPARE_PROBE=/nowhere ends 0 --claims ./claims.txt -o out
is "$(verdict c1)" undecided
says 'stay undecided: there is no probe.*libcapstone'

rule what is not here is undecided
claims 'against absent\ncells scripted/threads:1\nvalue time_ns / peer:time_ns\nbound <= 1'
ends 0 --claims ./claims.txt -o out
is "$(verdict c1)" undecided
says 'absent: not measured'

rule they are judged anew by what was measured
claims "$value\nbound <= 1" 'safety signal path=pair holds'
ends 0 --claims ./claims.txt -o out
claims "$value\nbound >= 1" 'safety signal path=pair fails'
: >log
ends 0 --claims ./claims.txt --from out -o again
is "$(grep -c . log)" 0
is "$(awk -F'\t' '$1 ~ /^c/ && $1 != "claim" { print $3 }' again/claims.tsv | tr '\n' ' ')" 'fails fails '

rule an interruption loses nothing
claims "$value\nbound <= 1"
sed -i 's/^allocators .*/allocators ns10 ns20 interrupts/' claims.txt
ends 130 --claims ./claims.txt -o out
ends 0 --claims ./claims.txt -o out
says 'going on with out'
is "$(verdict c1)" holds

rule bad use ends with 2 and says what is wrong
claims "$value\nbound < 1"
ends 2 --claims ./claims.txt -o out
says 'claims.txt:[0-9]+: "< 1": <= SUM, >= SUM or within A B is wanted'
ends 2 --claims ./nowhere.txt
ends 2 --claims nowhere
says 'compare/claims/nowhere.txt'
ends 2 -a ns10
ends 0 --help

rule the claims that come with it can be read
output=$(COMPARE_BENCH=/bin/false "$compare" claims --dry-run 2>&1)
hides 'default.txt'

end_rules
