#!/bin/sh
# compare as its users call it, on a bench that does what it is told. One rule a test.
# Usage: program_test.sh PATH-OF-COMPARE PATH-OF-FAKE_BENCH
# shellcheck disable=SC2016 # the $1 in single quotes are the columns of awk
set -u
compare=$(realpath -e "$1") && COMPARE_BENCH=$(realpath -e "$2") && rules=$(realpath -e "${0%/*}/rules.sh") &&
    plots=$(realpath -e "${0%/*}/../plots") || exit 2
COMPARE_PLOTS=/nonexistent COMPARE_LEAST_LIMIT=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
FAKE_BENCH_LOG=$work/log
export COMPARE_BENCH COMPARE_PLOTS COMPARE_LEAST_LIMIT FAKE_BENCH_LOG
cd "$work" || exit 2
# shellcheck source=compare/rules.sh
. "$rules"

# What is measured where no campaign is named, whatever ships under that name.
COMPARE_CAMPAIGNS=$work/campaigns
export COMPARE_CAMPAIGNS

forget() {
    rm -rf "${work:?}"/*
    mkdir "$COMPARE_CAMPAIGNS"
    printf 'line-sharing yes\ncells steady\n' >"$COMPARE_CAMPAIGNS/default.txt"
    : >"$FAKE_BENCH_LOG"
}

# call ARG...: compare; "one" is a run of the one scripted cell.
call() {
    case ${1-} in
    one)
        shift
        "$compare" run --workloads scripted --threads 1 "$@"
        ;;
    *) "$compare" "$@" ;;
    esac
}

# rows FILE AWK-CONDITION: how many rows of a .tsv of results meet it; columns are $workload ... by number.
rows() { awk -F'\t' "/^#/ || \$1 == \"workload\" { next } $2 { n++ } END { print n + 0 }" "$1"; }

# Columns: of rounds.tsv 4 allocator, 5 round, 6 metric, 8 status; of summary.tsv 4 allocator, 5 metric, 7 ratio,
# 10 verdict, 12 status. Of the log: allocator workload threads ops layout pass.

# ---- the order of things ----

rule rounds are outermost, and an allocator runs once in each
ends 0 one -a ns10,ns20,ns30 --baseline ns10 --rounds 4 -o r
is "$(rows r/rounds.tsv '$6 == "time_ns"')" 16
is "$(rows r/rounds.tsv '$6 == "time_ns" && $5 < last { exit } { last = $5 } $5 == 4 && $6 == "time_ns"')" 4

rule the order within a round changes from round to round
ends 0 one -a ns10,ns20,ns30 --baseline ns10 --rounds 8 -o r
orders=$(awk -F'\t' '$6 == "time_ns" { o[$5] = o[$5] " " $4 } END { for (r in o) print o[r] }' r/rounds.tsv | sort -u | wc -l)
[ "$orders" -ge 3 ] || fault "only $orders orders in 8 rounds"

rule the same seed gives the same order and layouts, another seed others
ends 0 one -a ns10,ns20,ns30 --baseline ns10 --rounds 6 -o r
mv log first
ends 0 one -a ns10,ns20,ns30 --baseline ns10 --rounds 6 -o s
cmp -s log first || fault 'two runs of one seed differ'
rm log
ends 0 one -a ns10,ns20,ns30 --baseline ns10 --rounds 6 --seed 2 -o t
! cmp -s log first || fault 'two seeds give the same'

rule the baseline runs a second time in every round, as the control
ends 0 one -a ns10,ns20 --baseline ns10 --rounds 3 -o r
is "$(rows r/rounds.tsv '$4 == "ns10@control" && $6 == "time_ns"')" 3
is "$(rows r/summary.tsv '$4 == "ns10@control" && $5 == "time_ns" && $10 == "control"')" 1

rule 'a scripted cell does for all what was calibrated once on the baseline'
ends 0 one -a ns10,ns20 --baseline ns10 --rounds 3 --min-time 0.002 -o r
is "$(sed -n 1p log | cut -d' ' -f1,4)" 'ns10 1000'
is "$(sed 1d log | cut -d' ' -f4 | sort -u)" 200000

rule a steady cell searches in its first round, and is told its operations by its own time afterwards
ends 0 run -a ns10,ns20 --baseline ns10 --workloads steady --threads 2 --rounds 2 --min-time 0.002 -o r
is "$(grep '^ns20 .* time' log | cut -d' ' -f4 | sort | uniq -c | tr -s ' ' | tr '\n' ';')" ' 2 -; 2 100000;'

rule every process has another layout
ends 0 one -a ns10,ns20 --baseline ns10 --rounds 9 -o r
[ "$(cut -d' ' -f5 log | sort -u | wc -l)" -ge 25 ] || fault 'layouts repeat'

rule 'shared lines are counted once a cell, after the rounds, of workloads that have that pass, and not on one thread'
ends 0 run -a ns10,ns20 --baseline ns10 --workloads scripted,steady --threads 1,2 --rounds 2 -o r
is "$(grep -c lines log)" 2
is "$(tail -n 2 log | grep -c 'scripted 2 - .* lines')" 2
is "$(rows r/summary.tsv '$5 == "line_sharing" && $6 == 0.25')" 2

rule 'latencies are taken in each round, after its times, at half of what the baseline does'
printf 'latency yes\nrounds 3\ncells steady threads=1\n' >calls.txt
ends 0 run --campaign ./calls.txt -a ns10,ns2000 --baseline ns2000 -o r
is "$(sed -n '1,/latency/p' log | grep -c ' time$')" 4
is "$(grep -c 'latency:4000' log)" 18
is "$(rows r/rounds.tsv '$6 == "p99.9_ns" && $4 == "ns10"')" 6
is "$(rows r/summary.tsv '$5 == "p99.9_ns" && $4 == "ns10" && $7 == 0.005')" 2
ends 0 run --campaign ./calls.txt -a ns10,ns20 --baseline ns10 -o s
is "$(grep -c 'latency:20' log)" 18

rule 'whose calls are overrun has figures and no verdict'
printf 'latency yes\nrounds 3\ncells steady threads=1\n' >calls.txt
ends 0 run --campaign ./calls.txt -a late,ns20 --baseline ns20 -o r
is "$(rows r/summary.tsv '$5 == "p99.9_ns" && $4 == "late" && $10 == "-" && $12 == "overrun"')" 2
is "$(rows r/summary.tsv '$5 == "time_ns" && $4 == "late" && $12 == "ok"')" 2

rule 'what stays resident may be asked of the first cell of some workloads'
printf 'after-free scripted\nrounds 2\ncells scripted threads=1,2\n' >memory.txt
ends 0 run --campaign ./memory.txt -a ns10,ns20 --baseline ns10 -o r
is "$(rows r/rounds.tsv '$6 == "resident_after_free_bytes"')" 2
printf 'after-free steady\nrounds 2\ncells scripted threads=1,2\n' >memory.txt
ends 0 run --campaign ./memory.txt -a ns10,ns20 --baseline ns10 -o s
is "$(rows s/rounds.tsv '$6 == "resident_after_free_bytes"')" 0

rule 'what stays resident is measured once a cell, of workloads that have that pass, when asked for'
printf 'after-free yes\nrounds 2\ncells scripted threads=1,2\ncells steady threads=1\n' >memory.txt
COMPARE_CAMPAIGNS=$work ends 0 run --campaign memory -a ns10,ns20 --baseline ns10 -o r
is "$(grep -c after log)" 4
is "$(grep after log | cut -d' ' -f2,4 | sort -u)" 'scripted -'
is "$(rows r/summary.tsv '$5 == "resident_after_free_bytes" && $6 == 5000 && $10 == "-"')" 4
is "$(rows r/summary.tsv '$5 == "resident_after_free_12s_bytes" && $6 == 4000')" 4
is "$(rows r/rounds.tsv '$5 == 0')" 8
: >log
ends 0 run --campaign ./memory.txt -a ns10,ns20 --baseline ns10 --dry-run
says '^and 48 s for what stays resident'
ends 0 one -a ns10,ns20 --baseline ns10 --rounds 1 -o s
is "$(grep -c after log)" 0

rule 'interrupted in that pass, it goes on with the next cell of it'
printf 'after-free yes\nrounds 2\ncells scripted threads=1\n' >memory.txt
ends 0 run --campaign ./memory.txt -a ns10,ns20 --baseline ns10 -o r
grep -v -e finished -e 'ns20.*resident' r/rounds.tsv >part
printf 'scripted\t-\t1\tns20\t0\tresident_after_free_bytes\t9\tok\t-\n' >>part
mv part r/rounds.tsv
: >log
ends 0 run --campaign ./memory.txt -a ns10,ns20 --baseline ns10 -o r
is "$(cut -d' ' -f1,6 log)" 'ns20 after'
is "$(rows r/rounds.tsv '$6 == "resident_after_free_bytes"')" 2

rule 'memory over time is a file of all cells, whose figures are measured once a cell'
printf 'memory-time yes\nrounds 2\ncells scripted threads=1,2\ncells steady threads=1\n' >course.txt
ends 0 run --campaign ./course.txt -a ns10,ns20 --baseline ns10 -o r
is "$(grep -c memory log)" 4
is "$(rows r/summary.tsv '$5 == "memory_overhead" && $6 == 1.5')" 4
is "$(rows r/memory-time.tsv '$1 == "scripted" && $5 == 2 && $8 == 2000')" 4
is "$(grep -v '^#' r/memory-time.tsv | sed -n 1p | cut -f1,8)" "$(printf 'workload\tlive_bytes')"
is "$(grep -c '^# host: ' r/memory-time.tsv)" 1
is "$(ls r)" "$(printf 'memory-time.tsv\nrounds.tsv\nsummary.tsv')"
says '^r/memory-time.tsv$'
ends 0 run --from r -o s
cmp -s r/memory-time.tsv s/memory-time.tsv || fault 'it is not where the rounds are'

rule 'system calls are counted once a cell, when asked for'
printf 'syscalls yes\nrounds 2\ncells scripted threads=1,2\ncells steady threads=1\n' >calls.txt
ends 0 run --campaign ./calls.txt -a ns10,ns20 --baseline ns10 -o r
is "$(grep -c calls log)" 4
is "$(rows r/summary.tsv '$5 == "mmap_calls" && $6 == 7')" 4
is "$(rows r/rounds.tsv '$6 == "brk_calls" && $5 == 0')" 4

rule 'instructions are counted under valgrind once a cell, when asked for'
printf 'valgrind yes\nrounds 2\ncells scripted threads=1,2\ncells steady threads=1\n' >count.txt
ends 0 run --campaign ./count.txt -a ns10,ns20 --baseline ns10 -o r
is "$(grep -c valgrind log)" 4
is "$(rows r/summary.tsv '$5 == "valgrind_instructions" && $6 == 77')" 4

rule 'interrupted in that pass, no row of memory over time is lost or there twice'
printf 'memory-time yes\nrounds 2\ncells scripted threads=1,2\n' >course.txt
ends 0 run --campaign ./course.txt -a ns10,ns20 --baseline ns10 -o r
sort r/memory-time.tsv >all
grep -v -e finished -e '	2	ns20	0	m' r/rounds.tsv >part
mv part r/rounds.tsv
printf 'scripted\t-\t2\tns20\t9\t30' >>r/memory-time.tsv
: >log
ends 0 run --campaign ./course.txt -a ns10,ns20 --baseline ns10 -o r
is "$(cut -d' ' -f1,3,6 log)" 'ns20 2 memory'
sort r/memory-time.tsv | cmp -s - all || fault "$(sort r/memory-time.tsv | diff - all)"

rule 'a cell that fails in that pass is a row of rounds and none of memory over time'
printf 'memory-time yes\nrounds 1\ncells scripted threads=1\n' >course.txt
ends 1 run --campaign ./course.txt -a ns10,full --baseline ns10 -o r
is "$(rows r/rounds.tsv '$6 == "memory_overhead" && $4 == "full" && $8 == "out-of-memory"')" 1
is "$(rows r/memory-time.tsv '$4 == "full"')" 0
is "$(ls r)" "$(printf 'memory-time.tsv\nrounds.tsv\nsummary.tsv')"

# ---- looks ----

rule narrow intervals end after nine rounds
ends 0 one -a ns10,ns20 --baseline ns10 -o r
is "$(rows r/rounds.tsv '$6 == "time_ns" && $4 == "ns20"')" 9

rule wide intervals go on to fifteen and twenty-five rounds
ends 0 one -a ns10,wide --baseline ns10 -o r
is "$(rows r/rounds.tsv '$6 == "time_ns" && $4 == "wide"')" 25

rule a look that would exceed a promised time is not taken, and it is said
printf 'budget 1\ncells scripted threads=1\n' >figure.txt
COMPARE_CAMPAIGNS=$work ends 0 figure -a ns10,slow --baseline ns10 -o r
is "$(rows r/rounds.tsv '$6 == "time_ns" && $4 == "slow"')" 9
says 'warning: 1 blocks? ha.* wide intervals.*--rounds 25'

rule 'a width that is told by --rounds is not looked at'
ends 0 one -a ns10,wide --baseline ns10 --rounds 5 -o r
is "$(rows r/rounds.tsv '$6 == "time_ns" && $4 == "wide"')" 5

# ---- cells that fail ----

for how in crash:crashed rubbish:crashed cut:crashed mute:crashed full:out-of-memory; do
    rule "a cell that is ${how%:*} is a row, and the campaign goes on"
    ends 1 one -a "ns10,${how%:*},ns20" --baseline ns10 --rounds 4 -o r
    [ "$(rows r/rounds.tsv "\$4 == \"${how%:*}\" && \$8 == \"${how#*:}\"")" -ge 2 ] || fault 'no such rows'
    is "$(rows r/rounds.tsv '$4 == "ns20" && $6 == "time_ns" && $8 == "ok"')" 4
    is "$(rows r/summary.tsv "\$4 == \"${how%:*}\" && \$5 == \"time_ns\" && \$12 == \"${how#*:}\"")" 1
    says 'warning: 1 cells? failed'
done

rule what failed twice in a row is not tried again
ends 1 one -a ns10,crash --baseline ns10 --rounds 9 -o r
is "$(grep -c '^crash' log)" 2

rule a cell that hangs is ended at its limit
ends 1 one -a ns10,hang --baseline ns10 --rounds 1 -o r
is "$(rows r/rounds.tsv '$4 == "hang" && $8 == "timeout"')" 1

rule a cell that eats memory is ended at half of what there is
COMPARE_LEAST_LIMIT=20 COMPARE_MEMORY_LIMIT_KIB=300000 ends 1 one -a ns10,eats --baseline ns10 --rounds 1 -o r
is "$(rows r/rounds.tsv '$4 == "eats" && $8 == "out-of-memory"')" 1

rule what its traits foretell is no failure
ends 0 one -a ns10,bounded,excluded --baseline ns10 --rounds 3 -o r
is "$(rows r/rounds.tsv '$4 == "bounded" && $8 == "out-of-memory"')" 2
is "$(rows r/rounds.tsv '$4 == "excluded" && $8 == "excluded"')" 1
hides 'cells? failed'

rule an allocator that is not here is a row and a warning
ends 0 one -a ns10,absent --baseline ns10 --rounds 2 -o r
is "$(rows r/rounds.tsv '$4 == "absent" && $8 == "unavailable"')" 1
says 'warning: absent was left out: its package is not here'

rule it is bad use only when nothing is left
ends 2 one -a absent --baseline absent -o r
says 'compare: nothing is left to measure'

# ---- concurrency ----

rule a cell whose threads took turns is run again
ends 0 one -a ns10,turns-once --baseline ns10 --rounds 3 -o r
is "$(grep -c '^turns-once' log)" 4
is "$(rows r/rounds.tsv '$4 == "turns-once" && $6 == "time_ns" && $8 == "ok"')" 3

rule after three tries no verdict rests on it
ends 0 one -a ns10,turns --baseline ns10 --rounds 3 -o r
is "$(grep -c '^turns ' log)" 9
is "$(rows r/summary.tsv '$4 == "turns" && $5 == "time_ns" && $12 == "not-concurrent" && $10 == "-" && $7 == "-"')" 1
says 'warning: in 1 cells? the threads took turns'

# ---- nothing measured is lost ----

rule interrupted, it says what it has, and goes on from there
ends 130 one -a ns10,ns20,interrupts --baseline ns10 --rounds 3 -o r
says 'interrupted; r has [0-9]+ rows.* -o r goes on'
before=$(rows r/rounds.tsv 1)
[ -s r/summary.tsv ] || [ "$before" -lt 4 ] || fault 'no summary of what there is'
ends 0 one -a ns10,ns20,interrupts --baseline ns10 --rounds 3 -o r
says "going on with r, which has $before rows"
is "$(rows r/rounds.tsv '$6 == "time_ns"')" 12
is "$(awk -F'\t' '$6 == "time_ns" { print $4, $5 }' r/rounds.tsv | sort | uniq -d)" ''
is "$(grep -c '^ns20' log)" 3

rule killed, it goes on too
call one -a ns10,ns20,kills --baseline ns10 --rounds 3 -o r >out 2>&1
is "$?" 137
ends 0 one -a ns10,ns20,kills --baseline ns10 --rounds 3 -o r
is "$(rows r/rounds.tsv '$6 == "time_ns"')" 12
is "$(grep -c '^ns20' log)" 3

rule a row cut off in the middle is measured again, with the rest of its cell
call one -a ns10,ns20,kills --baseline ns10 --rounds 3 -o r >out 2>&1
printf 'scripted\t-\t1\tns20\t3\tops_per_second\t5\tok\t-\nscripted\t-\t1\tns20\t3\ttime_' >>r/rounds.tsv
ends 0 one -a ns10,ns20,kills --baseline ns10 --rounds 3 -o r
is "$(rows r/rounds.tsv '$4 == "ns20" && $5 == 3')" 3
is "$(rows r/rounds.tsv '$4 == "ns20" && $7 == 5')" 0

rule without -o the newest unfinished one of that plan is gone on with
call one -a ns10,kills --baseline ns10 --rounds 3 >out 2>&1
ends 0 one -a ns10,kills --baseline ns10 --rounds 3
says 'going on with results/run-'
is "$(find results -name rounds.tsv | wc -l | tr -d ' ')" 1

rule what differs is named, and nothing is mixed
call one -a ns10,kills --baseline ns10 --rounds 3 -o r >out 2>&1
ends 2 one -a ns10,kills --baseline ns10 --rounds 4 -o r
says '^compare: r cannot be gone on with: its plan differs'
cp "$COMPARE_BENCH" other
COMPARE_BENCH=$work/other ends 2 one -a ns10,kills --baseline ns10 --rounds 3 -o r
says 'its bench differs'

rule finished results are never written
ends 0 one -a ns10 --baseline ns10 --rounds 1 -o r
cp -R r s
ends 2 one -a ns10 --baseline ns10 --rounds 1 -o r
says 'r is finished'
diff -r r s >/dev/null || fault 'they were written'

rule a directory of something else is left alone
mkdir r
echo mine >r/file
ends 2 one -a ns10 --baseline ns10 --rounds 1 -o r
is "$(cat r/file)" mine

# ---- computing anew ----

rule --from computes against another baseline, without measuring
ends 0 one -a ns10,ns20 --baseline ns10 --rounds 9 -o r
is "$(rows r/summary.tsv '$4 == "ns20" && $5 == "time_ns" && $7 == 2 && $10 == "worse"')" 1
: >log
ends 0 run --from r --baseline ns20 -o s
is "$(wc -c <log | tr -d ' ')" 0
is "$(rows s/summary.tsv '$4 == "ns10" && $5 == "time_ns" && $7 == 0.5 && $10 == "better"')" 1
ends 2 run --from r --baseline ns30 -o t
says 'the baseline ns30 is in none of the rows'
ends 2 run --from nowhere -o t
says 'nowhere/rounds.tsv: No such file'

rule best:A,B takes in each cell the faster
ends 0 one -a ns20 --baseline best:ns10,ns30 --rounds 9 -o r
is "$(rows r/summary.tsv '$4 == "ns10" && $5 == "time_ns" && $10 == "baseline"')" 1
is "$(rows r/summary.tsv '$4 == "ns20" && $5 == "time_ns" && $7 == 2')" 1

rule an alias is its allocator
ends 0 one -a ten,ns20 --baseline ns10 --rounds 9 -o r
is "$(rows r/summary.tsv '$4 == "ns10" && $5 == "time_ns"')" 1
is "$(rows r/rounds.tsv '$6 == "time_ns"')" 27

# ---- what is said ----

rule the table can be had as json, csv and markdown
ends 0 one -a ns10,ns20 --baseline ns10 --rounds 9 -o r --export t.json
says '^t.json$'
grep -q '"allocator": *"ns20"' t.json || fault 'no ns20 in t.json'
ends 0 run --from r -o s --export t.csv
grep -q ',ns20,time_ns,' t.csv || fault 'no ns20 in t.csv'
ends 0 run --from r -o t --export t.md
grep -q '^|.*ns20' t.md || fault 'no ns20 in t.md'

rule the answer is the last line
ends 0 one -a ns10,ns20,ns5 --baseline ns10 --rounds 9 -o r
is "$(printf '%s\n' "$output" | tail -n 1)" "Fastest over its 1 cells was ns5: 0.50 times ns10's time by the geometric mean."

rule 'the scaling law follows the table, and pictures that have no figures are not missed'
if command -v gnuplot >/dev/null; then
    COMPARE_PLOTS=$plots ends 0 run -a ns10,ns20 --baseline ns10 --workloads scripted --threads 1,2 --rounds 2 -o r
    says '^scaling with threads: not enough cores'
    says '^r/scaling\.tsv$'
    is "$(awk -F'\t' '$11 ~ /^not enough cores/' r/scaling.tsv | wc -l)" 2
    hides 'was not drawn'
fi

rule --dry-run measures and writes nothing
ends 0 run -a ns10,ns20 --baseline ns10 --workloads scripted --threads 1,2 --dry-run -o r
says '^2 groups, 54 processes, about [0-9]+ s'
if [ -e r ] || [ -s log ]; then fault 'something was done'; fi

rule no colour and no cursor movement reaches a file
ends 0 one -a ns10,ns20 --baseline ns10 --rounds 1 -o r
hides "$(printf '\033')"

rule list names what is missing
ends 0 list
says 'not here: its package is not here'
says '^not available here: counters .instructions: as it is told.$'

rule bad use is one clear line and status 2
ends 2
says '^Usage: compare'
ends 2 nonsense
says 'no subcommand is called "nonsense"'
ends 2 run -a ns10,unknown
says '^compare: no allocator is called "unknown"$'
ends 2 run --campaign nowhere
says '^compare: .*/nowhere.txt: No such file'
for bad in '--rounds=x' '--rounds=0' '--min-time=0' '--export=file.pdf' 'word' '--no-such'; do
    ends 2 run "$bad"
done
ends 2 one -a ns10 --baseline ns10 -o /proc/x/y
says '^compare: /proc/x/y'
COMPARE_BENCH=/nonexistent ends 2 list
says 'COMPARE_BENCH names the bench program'
ends 0 --help
ends 0 --version

end_rules
