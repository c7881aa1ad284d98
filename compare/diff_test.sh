#!/bin/sh
# compare diff as its users call it, on results that are written here. One rule a test.
# Usage: diff_test.sh PATH-OF-COMPARE
set -u
compare=$(realpath -e "$1") && rules=$(realpath -e "${0%/*}/rules.sh") || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset GITHUB_ACTIONS
cd "$work" || exit 2
# shellcheck source=compare/rules.sh
. "$rules"

forget() { rm -rf "${work:?}"/*; }

call() { "$compare" diff "$@"; }

# results DIR DRIFT CELL...: nine rounds on a machine that is DRIFT times slower; each CELL is ALLOCATOR:TIME:MEMORY:P999:WORKLOAD.
# Heads may be told by $host and $baseline.
results() {
    dir=$1 drift=$2
    shift 2
    mkdir -p "$dir"
    {
        printf '# host: %s\n# baseline: %s\n# floor: -\n' "${host-a machine}" "${baseline-base}"
        printf 'workload\tparams\tthreads\tallocator\tround\tmetric\tvalue\tstatus\tnote\n'
        for cell in "$@"; do
            printf '%s\n' "$cell" | awk -F: -v drift="$drift" '
                function row(metric, value) {
                    printf "%s\tsize=8\t2\t%s\t%d\t%s\t%.9g\tok\t-\n", $5, $1, round, metric, value
                }
                { for (round = 1; round <= 9; round++) {
                    noise = 1 + 0.004 * ((round * 7 + $2) % 9 - 4) / 4
                    row("peak_resident_bytes", $3 * 1048576)
                    row("time_ns", $2 * drift * (1 + round % 3 / 3) * noise)
                    row("p99.9_ns", $4 * drift * noise)
                    row("max_ns", 9 * $4 * drift)
                } }'
        done
        echo '# finished: today'
    } >"$dir/rounds.tsv"
}

last() { printf '%s\n' "$output" | tail -n 1; }

rule without a change the exit status is 0, on a machine that has become slower too
results old 1 base:100:4:900:w a:80:4:900:w
results new 3 base:100:4:900:w a:80:4:900:w
ends 0 old new
is "$(last)" 'no regression of more than 5 % in 3 comparisons; 0 better, 0 worse by less, 3 not separated'
hides '^warning'

rule a separated regression is exit status 1, and the first line
results old 1 base:100:4:900:w a:80:4:900:w base:100:4:900:v a:80:4:900:v
results new 2 base:100:4:900:w a:80:4:900:w base:100:4:900:v a:92:4:900:v
ends 1 old new
is "$(printf '%s\n' "$output" | sed -n 3,4p | tr -s ' ' | cut -d' ' -f1-8)" 'worse, by more than 5 %
 v/size=8/threads:2 a time_ns 0.798 0.921 +15.3 %'
says '^1 regression of more than 5 % in 6 comparisons; first v/size=8/threads:2 a time_ns \+15.3 % \[\+14.3, \+15.3\]'

rule how much is too much can be said
ends 2 old new # they were forgotten
results old 1 base:100:4:900:w a:80:4:900:w
results new 1 base:100:4:900:w a:92:4:900:w
ends 0 old new --max-regression 20%
says '^no regression of more than 20 % in 3 comparisons; 0 better, 1 worse by less'
ends 0 --max-regression=20% old new
ends 1 old new --max-regression 0%
ends 0 new old --max-regression 0%
says '; 1 better, 0 worse by less, 2 not separated'

rule latencies and memory count, and memory in the same time has lines of its own
results old 1 base:100:4:900:w a:80:4:900:w
results new 1 base:100:4:900:w a:80:6:1800:w
ends 1 old new
says '^worse, by more than 5 %'
says 'a +p99.9_ns +0.998 +1.996 +\+100 %'
says '^more memory in the same time, by more than 5 %'
says 'a +peak_resident_bytes +1.000 +1.500 +\+50.0 %'

rule columns stand below each other
results old 1 base:100:4:900:w a:80:4:900:w a-long-name:80:4:900:w
results new 1 base:100:4:900:w a:80:4:900:w a-long-name:800:4:900:w
ends 1 old new
is "$(printf '%s\n' "$output" | awk '/^  w|^  cell/ { print match($0, /(time_ns|peak_resident_bytes|p99.9_ns|metric) /) }' | sort -u | wc -l | tr -d ' ')" 1

rule cells of one of them are named, and no error
results old 1 base:100:4:900:w a:80:4:900:w a:80:4:900:gone gone:80:4:900:w
results new 1 base:100:4:900:w a:80:4:900:w come:80:4:900:w
ends 0 old new
says '^  gone/size=8/threads:2 +a +only in OLD'
says '^  w/size=8/threads:2 +gone +only in OLD'
says '^  w/size=8/threads:2 +come +only in NEW'
is "$(last)" 'no regression of more than 5 % in 3 comparisons; 0 better, 0 worse by less, 3 not separated, 3 not judged'

rule what fails in NEW alone is exit status 1
results old 1 base:100:4:900:w a:80:4:900:w b:80:4:900:w
results new 1 base:100:4:900:w b:80:4:900:w
printf 'w\tsize=8\t2\ta\t1\ttime_ns\t-\tcrashed\t-\n' >>new/rounds.tsv
ends 1 old new
is "$(printf '%s\n' "$output" | head -n 1)" failed
says '^  w/size=8/threads:2 +a +crashed in NEW'
says '^1 cell fails in NEW; no regression'

rule results of another machine are refused, unless told
results old 1 base:100:4:900:w a:80:4:900:w
host='another machine'
results new 1 base:100:4:900:w a:80:4:900:w
unset host
ends 2 old new
says '^compare: old is of another machine than new \(a machine; and another machine\); --other-machine'
ends 0 old new --other-machine
says '^warning: the machine of OLD is a machine; of NEW another machine'

rule results of another baseline are refused
results old 1 base:100:4:900:w a:80:4:900:w
baseline=a
results new 1 base:100:4:900:w a:80:4:900:w
unset baseline
ends 2 old new
says '^compare: the baseline of old is base, that of new is a: a common one is wanted'

rule GitHub is told in its own way, and only there
results old 1 base:100:4:900:w a:80:4:900:w
results new 1 base:100:4:900:w a:92:4:900:w
ends 1 old new
hides '::error'
GITHUB_ACTIONS=true ends 1 old new
is "$(last | cut -c1-71)" '::error title=compare diff::1 regression of more than 5 %25 in 3 compar'
hides "$(printf '\033')"
GITHUB_ACTIONS=true ends 0 old old
hides '::error'

rule bad use ends with 2 and says what is wrong
results old 1 base:100:4:900:w a:80:4:900:w
results other 1 base:100:4:900:v a:80:4:900:v
ends 2
says 'two directories of results are wanted: OLD NEW'
ends 2 old
ends 2 old old old
for bad in 5 0.05 x% -1% %; do
    ends 2 old old "--max-regression=$bad"
    says 'a percentage from 0% to 1000% is wanted, with its sign'
done
ends 2 old nowhere
says '^compare: nowhere/rounds.tsv: No such file'
ends 2 old other
says '^compare: OLD and NEW have nothing in common'
says '^  v/size=8/threads:2 +a +only in NEW'
sed '/\t[4-9]\t[a-z]/d' old/rounds.tsv >part && mkdir few && mv part few/rounds.tsv
ends 2 few few
says '^compare: too few rounds for any interval'
ends 0 --help

end_rules
