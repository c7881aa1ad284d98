#!/bin/sh
# The pictures as compare has them drawn, of summaries that are hard to draw. One rule a test.
# Usage: plots_test.sh [DIRECTORY-OF-THE-PLOTS]
# shellcheck disable=SC2016 # the $1 in single quotes are the columns of awk
set -u
plots=$(realpath -e "${1:-$(dirname "$0")}") || exit 2
if ! command -v gnuplot >/dev/null; then
    echo 'skipped: gnuplot is not here'
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
LC_ALL=C.UTF-8 # without a UTF-8 locale gnuplot warns; run sees to it too
export LC_ALL
passed=0 failed=0 rule='' good=1 output=''
all='slowdown-threads slowdown-intensity throughput-threads'
over_threads='slowdown-threads throughput-threads'
more='latency speed-memory line-sharing' # of a summary that has their figures

# rule WORDS: what the lines up to the next one prove. Each begins in an empty directory.
rule() {
    end_rule
    rule=$* good=1
    rm -rf "${work:?}"/*
}

end_rule() {
    [ -n "$rule" ] || return 0
    if [ "$good" -eq 1 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    rule=''
}

fault() {
    good=0
    printf 'FAILED %s: %s\n%s\n' "$rule" "$1" "$output"
}

is() { [ "$1" = "$2" ] || fault "$1 is not $2"; }

# A word of gnuplot's.
quoted() { printf "'%s'" "$(printf '%s\n' "$1" | sed "s/'/''/g")"; }

# call PICTURE SUMMARY OUT: as compare does; what is said is in $output, the exit status in $got.
call() {
    output=$(gnuplot -e "summary=$(quoted "$2"); out=$(quoted "$3")" "$plots/$1.gp" 2>&1)
    got=$?
}

# draws PICTURE SUMMARY [OUT]: OUT.svg and OUT.png are made whole, and nothing is said.
draws() {
    out=${3-$1}
    call "$1" "$2" "$out"
    [ "$got" -eq 0 ] || fault "exit status $got of $1"
    [ -z "$output" ] || fault "$1 is not silent"
    if command -v xmllint >/dev/null; then
        xmllint --noout "$out.svg" || fault "$out.svg is not well-formed"
    fi
    is "$(grep . "$out.svg" | tail -n 1)" '</svg>'
    is "$(head -c 8 "$out.png" | od -An -tx1)" ' 89 50 4e 47 0d 0a 1a 0a'
    is "$(tail -c 8 "$out.png" | head -c 4)" IEND
    ! grep -qi '[^a-z]nan[^a-z]' "$out.svg" || fault "$out.svg has a NaN in it"
}

# refuses PICTURE SUMMARY PATTERN [OUT]: one line that matches, and no picture; status 3 where the pattern says that there are
# no figures, else 1.
refuses() {
    out=${4-$1}
    call "$1" "$2" "$out"
    case $3 in *'no figure'*) want=3 ;; *) want=1 ;; esac
    [ "$got" -eq $want ] || fault "exit status $got of $1"
    [ "$(printf '%s\n' "$output" | wc -l)" -eq 1 ] || fault 'not one line'
    printf '%s\n' "$output" | grep -Eq -- "^$1: .*$3" || fault "no line matches $3"
    if [ -e "$out.svg" ] || [ -e "$out.png" ]; then fault 'a picture was left'; fi
}

# texts PICTURE: what is written in it, a piece a line.
texts() { sed -n 's/<[^>]*>//g; s/^[[:space:]]*//; s/[[:space:]]*$//; /./p' "$1.svg"; }
shows() { texts "$1" | grep -Eq -- "$2" || fault "$1 does not show $2"; }
foot() { texts "$1" | tr '\n' ' ' | grep -Eq -- "$2" || fault "$1 does not say $2"; } # in lines broken anywhere
hides() { ! texts "$1" | grep -Eq -- "$2" || fault "$1 shows $2"; }

# names PICTURE ALLOCATOR...: each stands at the end of a curve.
names() {
    picture=$1
    shift
    for name; do texts "$picture" | grep -Eqx -- "$name( to [0-9]+)?" || fault "no curve of $name in $picture"; done
}

# apart PICTURE ALLOCATORS: yes, where their names of one panel are nowhere nearer than 0.8 of a letter's height.
apart() {
    NAMES=" $2 " awk '
        match($0, /translate\([0-9.]+,[0-9.]+\)/) {
            split(substr($0, RSTART + 10, RLENGTH - 11), at, ",")
            size = $0; sub(/.*font-size="/, "", size); size += 0
        }
        /<text>/ {
            name = $0; gsub(/<[^>]*>|[ \t]/, "", name)
            if (!index(ENVIRON["NAMES"], " " name " ")) next
            for (i = 1; i <= n; i++)
                if (x[i] == at[1] && (y[i] - at[2]) ^ 2 < (0.8 * size) ^ 2) near = near name " on " who[i] "; "
            who[++n] = name; x[n] = at[1]; y[n] = at[2]
        }
        END { print n < 2 ? "no names" : near == "" ? "yes" : near }' "$1.svg"
}

# overlaps PICTURE ALLOCATORS: which of their names, centred where they stand, lie on each other.
overlaps() {
    NAMES=" $2 " awk '
        match($0, /translate\([0-9.]+,[0-9.]+\)/) {
            split(substr($0, RSTART + 10, RLENGTH - 11), at, ",")
            size = $0; sub(/.*font-size="/, "", size); size += 0
        }
        /<text>/ {
            name = $0; gsub(/<[^>]*>|[ \t]/, "", name)
            if (!index(ENVIRON["NAMES"], " " name " ")) next
            w = 0.55 * size * length(name)
            for (i = 1; i <= n; i++)
                if ((x[i] - at[1]) ^ 2 < ((wide[i] + w) / 2) ^ 2 && (y[i] - at[2]) ^ 2 < (0.8 * size) ^ 2)
                    printf "%s on %s; ", name, who[i]
            who[++n] = name; x[n] = at[1]; y[n] = at[2]; wide[n] = w
        }
        END { printf "%d names", n }' "$1.svg"
}

# law NAME LAMBDA A B SCATTER: rows of throughput on $counts threads as the scaling law has them, each off by up to SCATTER, the
# same every time. Their head is law_head CORES.
law_head() {
    printf '# cpu: a test\n# cores: %s\n' "$1"
    printf 'workload\tparams\tthreads\tallocator\tmetric\tvalue\tratio\tratio_low\tratio_high\tverdict\trounds\tstatus\n'
}
law() {
    printf '%s %s %s %s %s\n' "$@" | counts=$counts awk '{
        n = split(ENVIRON["counts"], at, " ")
        for (i = 1; i <= n; i++) {
            rate = $2 * at[i] / (1 + $3 * (at[i] - 1) + $4 * at[i] * (at[i] - 1)) * (1 + $5 * ((i * 5) % 7 - 3) / 3)
            printf "list-reversal\tcounter=shared\t%d\t%s\tops_per_second\t%.6g\t-\t-\t-\t-\t9\tok\n", at[i], $1, rate
        }
    }'
}

# fits SUMMARY DIRECTORY: scaling.tsv is made there, and nothing is said.
fits() {
    mkdir -p "$2"
    cp "$1" "$2/summary.tsv"
    call scaling-fit "$2/summary.tsv" "$2/scaling"
    [ "$got" -eq 0 ] || fault "exit status $got of scaling-fit"
    [ -z "$output" ] || fault 'scaling-fit is not silent'
}

# field DIRECTORY ALLOCATOR COLUMN: of scaling.tsv.
field() {
    awk -F '\t' -v who="$2" -v what="$3" '
        /^#/ { next }
        !n { for (n = 1; n <= NF; n++) at[$n] = n; next }
        $3 == who { print $at[what] }' "$1/scaling.tsv"
}

# found DIRECTORY ALLOCATOR COLUMN TRUTH: within twice its standard error, or as near as six figures are.
found() {
    v=$(field "$1" "$2" "$3") e=$(field "$1" "$2" "$3_error")
    awk -v v="$v" -v e="$e" -v t="$4" 'BEGIN {
        d = v - t; d = d < 0 ? -d : d
        exit !(v != "" && v != "-" && d <= 2 * e + 1e-5 * (t > 1 ? t : 1))
    }' || fault "$3 of $2 is $v +- $e, not $4"
}

# A summary.tsv: summary ALLOCATORS WORKLOADS THREADS, each a list of words, the baseline first. A workload with a
# colon has parameters after it; intensity is on two threads, if on any. The figures differ from cell to cell, by the
# same rule every time.
summary() {
    printf '# cpu: a test\n# cores: 4\n# date: 2026-01-31 12:00:00 +0000\n# baseline: %s\n' "${1%% *}"
    allocators=$1 workloads=$2 threads=$3 awk 'BEGIN {
        OFS = "\t"
        print "workload", "params", "threads", "allocator", "metric", "value", "ratio", "ratio_low", "ratio_high",
            "verdict", "rounds", "status"
        a = split(ENVIRON["allocators"], allocator, " ")
        w = split(ENVIRON["workloads"], workload, " ")
        t = split(ENVIRON["threads"], thread, " ")
        for (i = 1; i <= w; i++)
            for (j = 1; j <= t; j++)
                for (k = 1; k <= a; k++) {
                    name = params = workload[i]
                    sub(/:.*/, "", name)
                    if (!sub(/^[^:]*:/, "", params)) params = "-"
                    if (name == "intensity" && thread[j] != 2) continue
                    cell = name OFS params OFS thread[j] OFS allocator[k]
                    r = k == 1 ? 1 : 0.5 + (k * 7 + j * 3 + i) % 11 / 3
                    verdict = k == 1 ? "baseline" : r > 1 ? "worse" : "better"
                    print cell, "time_ns", 50 * r, r, k == 1 ? r : r * 0.9, k == 1 ? r : r * 1.1, verdict, 9, "ok"
                    print cell, "ops_per_second", 2e7 / r, 1 / r, 0.9 / r, 1.1 / r, verdict, 9, "ok"
                    if (name == "intensity") {
                        work = params
                        sub(/^work=/, "", work)
                        print cell, "work_ns", work * 2.1 + 1, "-", "-", "-", "-", 9, "ok"
                    }
                }
    }'
}

# becomes STATUS AWK-CONDITION: the cells of a summary that meet it have that status and no figures, or, where their
# threads were not concurrent, no ratios.
becomes() {
    awk -v status="$1" "BEGIN { FS = OFS = \"\t\" } NF == 12 && \$1 != \"workload\" && ($2) {
        if (status != \"not-concurrent\") { if (\$5 != \"time_ns\") next; \$6 = \"-\" }
        \$7 = \$8 = \$9 = \$10 = \"-\"; \$12 = status
    } { print }"
}

# ratios ALLOCATOR STATEMENT: its times and ratios in a summary are what the statement of awk says r is.
ratios() {
    awk -v a="$1" "BEGIN { FS = OFS = \"\t\" } \$4 == a && \$7 != \"-\" {
        $2; if (\$5 == \"ops_per_second\") { r = 1 / r; \$6 = 2e7 * r } else \$6 = 50 * r
        \$7 = r; \$8 = 0.95 * r; \$9 = 1.05 * r
    } { print }"
}

many='glibc ao ao-static ao-debian ao-lockfree ao-replicated ao-percpu jemalloc mimalloc tcmalloc tbbmalloc scudo null'
works='intensity:work=0 intensity:work=10 intensity:work=100 intensity:work=1000'
reversals='list-reversal:counter=shared list-reversal:counter=private'

# ---- what is drawn ----

rule of the sample there are all three pictures, with every name
for p in $all; do
    draws "$p" "$plots/sample-summary.tsv"
    names "$p" ao ao-debian glibc jemalloc mimalloc tcmalloc scudo mine control
done
names slowdown-intensity null

rule the same summary gives the same pictures
draws slowdown-threads "$plots/sample-summary.tsv" one
draws slowdown-threads "$plots/sample-summary.tsv" two
cmp -s one.svg two.svg || fault 'the SVGs differ'

rule one allocator is a curve, and is compared with nothing
summary glibc "$reversals $works" '1 2 4' >s.tsv
for p in $all; do
    draws "$p" s.tsv
    names "$p" glibc
done
foot slowdown-threads 'alone, nothing to compare it with'
foot slowdown-intensity 'alone, nothing to compare it with'

rule thirteen allocators have a name each
summary "$many" "$reversals $works" '1 2 4 8' >s.tsv
for p in $all; do
    draws "$p" s.tsv
    # shellcheck disable=SC2086 # a list of words
    names "$p" $many
done

rule beside thirteen allocators there is room for two panels, and it is said which are left out
summary "$many" "$reversals mixed-sizes" '1 2 4 8' >s.tsv
draws slowdown-threads s.tsv
foot slowdown-threads 'Left out for room: mixed-sizes\.'

rule no two names are drawn on each other
for allocators in 'glibc ao mine other third' "$many"; do
    summary "$allocators" "$reversals $works" '1 2 4 8' >s.tsv
    for p in $all; do
        draws "$p" s.tsv
        is "$(apart "$p" "$allocators")" yes
    done
done

rule the words of the band cross no curve, and go to the foot where there is no room for them
summary 'glibc ao' "$reversals" '1 2 4 8' | ratios 'ao' 'r = 2' >free.tsv
summary 'glibc ao' "$reversals" '1 2 4 8' | ratios 'ao' 'r = 3.5' >full.tsv
draws slowdown-threads free.tsv
shows slowdown-threads '^the man page$'
hides slowdown-threads '^Bars:.*Band:'
draws slowdown-threads full.tsv
hides slowdown-threads '^the man page$'
foot slowdown-threads "Band: the man page's 3 to 4\."

# ---- cells without figures ----

for status in crashed timeout out-of-memory; do
    rule "a curve has a gap where a cell is $status, and the foot says where"
    summary 'glibc ao mine' "$reversals $works" '1 2 4 8' | becomes $status \
        '$4 == "mine" && ($3 == 4 || $2 == "work=10")' >s.tsv
    draws slowdown-threads s.tsv
    names slowdown-threads glibc ao mine
    foot slowdown-threads "mine: $status on 4 threads\."
    draws slowdown-intensity s.tsv
    names slowdown-intensity glibc ao mine
    foot slowdown-intensity "mine: $status at work=10\."
done

rule a curve that ends early says at which count
summary 'glibc ao mine' "$reversals" '1 2 4 8' | becomes crashed '$4 == "mine" && $3 > 2' >s.tsv
draws slowdown-threads s.tsv
shows slowdown-threads '^mine to 2$'

rule an allocator that is unavailable has no curve, and the foot names it
summary 'glibc ao mine' "$reversals $works" '1 2 4 8' | becomes unavailable '$4 == "mine"' >s.tsv
for p in $all; do
    draws "$p" s.tsv
    names "$p" glibc ao
    hides "$p" '^mine( to [0-9]*)?$'
    foot "$p" 'mine: unavailable\.'
done

rule an allocator that its traits exclude is no failure
summary 'glibc ao mine' "$reversals $works" '1 2 4 8' | becomes excluded '$4 == "mine"' >s.tsv
for p in $all; do
    draws "$p" s.tsv
    hides "$p" 'mine'
done

rule a baseline that failed leaves the others their rates
summary 'glibc ao mine' "$reversals" '1 2 4 8' | becomes crashed '$4 == "glibc"' |
    awk 'BEGIN { FS = OFS = "\t" } NF == 12 && $5 != "metric" { $7 = $8 = $9 = $10 = "-" } { print }' >s.tsv
draws throughput-threads s.tsv
names throughput-threads ao mine
foot throughput-threads 'glibc: crashed on 1, 2, 4, 8 threads\.'
refuses slowdown-threads s.tsv 'no figure of list-reversal'

rule cells that are not concurrent are drawn hollow, and no verdict rests on them
summary 'glibc ao mine' "$reversals $works" '1 2 4 8' | becomes not-concurrent '$4 == "ao" && $3 > 1' >s.tsv
for p in $all; do
    draws "$p" s.tsv
    names "$p" glibc ao mine
    foot "$p" 'Hollow: the threads'
done
foot slowdown-threads 'on one thread, and no verdict on more'
foot slowdown-intensity 'no verdict on ao'

rule all cells of all allocators may be so
summary 'glibc ao mine' "$reversals $works" '1 2 4 8' | becomes not-concurrent 1 >s.tsv
for p in $all; do
    draws "$p" s.tsv
    names "$p" glibc ao mine
    foot "$p" 'took turns'
done

rule where everything failed there is one clear line
summary 'glibc ao' "$reversals $works" '1 2 4' | becomes crashed 1 >s.tsv
for p in $all; do refuses "$p" s.tsv 's\.tsv: no figure of '; done

# ---- which cells there are ----

rule without rows of intensity that picture alone is missing
summary 'glibc ao' "$reversals" '1 2 4' >s.tsv
for p in $over_threads; do draws "$p" s.tsv; done
refuses slowdown-intensity s.tsv 's\.tsv: no figure of workload intensity on 2 threads$'

rule with rows of intensity only the other two are
summary 'glibc ao' "$works" 2 >s.tsv
draws slowdown-intensity s.tsv
for p in $over_threads; do refuses "$p" s.tsv 's\.tsv: no figure of list-reversal'; done

rule one thread count is a picture of points
for threads in 1 2 64; do
    summary 'glibc ao mine' "$reversals" $threads >s.tsv
    for p in $over_threads; do
        draws "$p" s.tsv
        names "$p" glibc ao mine
        shows "$p" "^$threads\$"
    done
done

rule one amount of work is a picture of points
for work_ns in 0 100; do
    summary 'glibc ao mine' "intensity:work=$work_ns" 2 >s.tsv
    draws slowdown-intensity s.tsv
    names slowdown-intensity glibc ao mine
done
foot slowdown-intensity 'on two threads: ao takes [0-9.]+ times glibc.s time'
hides slowdown-intensity 'does not cross'

rule many thread counts have ticks, and the numbers that have room
summary 'glibc ao' "$reversals" '1 2 3 4 5 6 7 8 12 16 24 32 48 64 96 128' >s.tsv
for p in $over_threads; do
    draws "$p" s.tsv
    for n in 1 2 4 8 16 32 64 128; do shows "$p" "^$n\$"; done
done

rule of more than four workloads four have panels, list-reversal first, and it is said which are left out
summary 'glibc ao mine' "pairs mixed-sizes batches larson $reversals" '1 2 4 8' >s.tsv
for p in $over_threads; do
    draws "$p" s.tsv
    is "$(texts "$p" | grep -cx list-reversal)" 2
    for panel in counter=shared counter=private pairs mixed-sizes; do
        shows "$p" "^$panel\$"
    done
    foot "$p" 'batches; larson'
    hides "$p" '^larson$'
    is "$(texts "$p" | grep -Ecx 'mine( to [0-9]+)?')" 4
done

rule ratios of a thousand and of a thousandth are drawn
summary 'glibc ao mine' "$reversals $works" '1 2 4 8' |
    ratios ao 'r = $3 == 2 ? 1000 : 0.001' >s.tsv
for p in $all; do
    draws "$p" s.tsv
    names "$p" glibc ao mine
done

rule a rate of 0 has no place on a logarithmic axis, and is left out
summary 'glibc ao mine' "$reversals" '1 2 4' |
    awk 'BEGIN { FS = OFS = "\t" } $4 == "mine" && $3 == 4 { $6 = $7 = $8 = $9 = 0 } { print }' >s.tsv
for p in $over_threads; do
    draws "$p" s.tsv
    shows "$p" '^mine to 2$'
done

rule the best of several is a baseline by its name
summary 'glibc ao mine' "$reversals $works" '1 2 4' | sed 's/^# baseline: .*/# baseline: best:glibc,ao/' >s.tsv
for p in $all; do draws "$p" s.tsv; done
shows slowdown-threads "the best of glibc, ao's time"

# ---- the other pictures ----

rule of the sample there are latency, speed-memory, line-sharing and memory-time, with every name
for p in $more; do
    draws "$p" "$plots/sample-summary.tsv"
    names "$p" ao ao-debian glibc jemalloc mimalloc tcmalloc scudo mine
    hides "$p" '^(control|null)$'
done
draws memory-time "$plots/sample-memory-time.tsv"
for name in ao glibc jemalloc mimalloc; do shows memory-time "^$name +[0-9.]+ m?s\$"; done
foot latency 'lower is better'
foot latency 'Reading the clock adds 19 ns'
foot latency 'Hollow: calls were due faster'
foot line-sharing 'less is better'
foot speed-memory 'nearer to the lower left corner the better'
foot memory-time 'nearer to what was asked for, in grey, the better'

rule of more cells than have room those are drawn in which the allocators differ most
summary 'glibc ao' 'a b c d e:size=8 f' 2 | awk 'BEGIN { FS = OFS = "\t" } $5 == "ops_per_second" { next }
    $5 == "time_ns" { $5 = "p99_ns"; $6 = $4 == "glibc" ? 100 : $1 == "e" ? 9000 : $1 == "f" ? 3000 : 101 } { print }' >s.tsv
draws latency s.tsv
is "$(texts latency | grep -Ex '[a-f]' | tr '\n' ' ')" 'e f a b '
shows latency '^size=8, 2 threads$'
foot latency 'Left out for room: c, 2 threads; d, 2 threads\.'

rule without their figures there are none of them
summary 'glibc ao' "$reversals" '1 2 4' >s.tsv
refuses latency s.tsv 'no figure of how long single calls take'
refuses speed-memory s.tsv 'no figure of time and peak memory'
refuses line-sharing s.tsv 'no figure of shared cache lines'
head -n 5 "$plots/sample-memory-time.tsv" >m.tsv
refuses memory-time m.tsv 'no figure of memory over time'

# Times and peak memories of 16 allocators that are nearly the same.
crowd='glibc ao ao-static ao-debian ao-lockfree ao-replicated ao-percpu jemalloc mimalloc tcmalloc tbbmalloc scudo michael hoard lea mine'
memories() {
    summary "$crowd" 'mixed-sizes:live=16 mixed-sizes:live=64' '1 2' | awk 'BEGIN { FS = OFS = "\t" }
        $5 == "time_ns" {
            r = $7 == 1 && $10 == "baseline" ? 1 : 1 + ($3 * 7 + length($4) * 5) % 11 / 60
            $6 = 50 * r; $7 = $8 = $9 = r; print
            $5 = "peak_resident_bytes"; m = $10 == "baseline" ? 1 : 1 + length($4 $2) * 3 % 7 / 50
            $6 = 16777216 * m; $7 = $8 = $9 = m; print
            next
        }
        { print }'
}

rule in speed-memory no name lies on another, be it never so crowded
memories >s.tsv
draws speed-memory s.tsv
is "$(overlaps speed-memory "$crowd")" '16 names'

rule an allocator of fewer cells is hollow in speed-memory, and the foot says so
memories | becomes crashed '$4 == "lea" && $3 == 2 && $2 == "live=64" && $5 == "time_ns"' >s.tsv
draws speed-memory s.tsv
foot speed-memory 'over fewer cells, so not quite comparable: lea 3\.'

rule memory of a few pages is no measure, and the time in its cells is
memories | awk 'BEGIN { FS = OFS = "\t" } $2 == "live=16" && $5 == "peak_resident_bytes" { $6 = 8192; $7 = $8 = $9 = 40 } { print }' >s.tsv
draws speed-memory s.tsv
foot speed-memory 'over 4 cells .* over the 2 of them'
hides speed-memory '^[2-9]$'

rule a cell in which nobody shares a line has no column, and the foot names it
summary 'glibc ao' 'contended:size=64 batches' '2 4' | awk 'BEGIN { FS = OFS = "\t" } $5 == "ops_per_second" { next }
    { print } $5 == "time_ns" { print $1, $2, $3, $4, "line_sharing", $1 == "batches" && $4 == "ao" ? 0.25 : 0, "-", "-", "-", "-", 9, "ok" }' >s.tsv
draws line-sharing s.tsv
foot line-sharing 'No lines shared by any in contended, size=64, 2 threads; contended, size=64, 4 threads\.'
hides line-sharing '^contended$'
is "$(texts line-sharing | grep -Ecx batches)" 2
sed 's/\t0\.25\t/\t0\t/' s.tsv >zero.tsv
draws line-sharing zero.tsv
shows line-sharing '^contended$'

rule a share of lines that is missing is a dash, and one below a thousandth is not called 0
awk 'BEGIN { FS = OFS = "\t" } $5 == "line_sharing" && $4 == "mine" && $1 ~ /passive/ { next } { print }' "$plots/sample-summary.tsv" >s.tsv
draws line-sharing s.tsv
shows line-sharing '^–$'
shows line-sharing '^&lt;0\.1 %$'

rule an allocator that takes many times what is live leaves memory-time, and its name says how much it took
awk 'BEGIN { FS = OFS = "\t" } $4 == "mimalloc" && $5 > 500 { $6 = 3000 * 1048576 } { print }' "$plots/sample-memory-time.tsv" >m.tsv
draws memory-time m.tsv
shows memory-time '^mimalloc +3000 MiB$'
hides memory-time '^[0-9]*000$'

rule memory-time does without what is live, with one sample, and with many
awk 'BEGIN { FS = OFS = "\t" } $4 != "ms" && $8 != "live_bytes" && NF == 8 { $8 = "-" } { print }' "$plots/sample-memory-time.tsv" >m.tsv
draws memory-time m.tsv
awk -F'\t' 'NF != 8 || $5 == "ms" || $5 == "20.0"' "$plots/sample-memory-time.tsv" >m.tsv
draws memory-time m.tsv
awk 'BEGIN { FS = OFS = "\t" } NF != 8 || $5 == "ms" { print; next } { for (i = 0; i < 40; i++) { $5 += 0.5; print } }' \
    "$plots/sample-memory-time.tsv" >m.tsv
draws memory-time m.tsv
shows memory-time '^glibc'

# ---- the scaling law ----

rule the coefficients that were put in are found
counts='1 2 3 4 6 8 12 16'
{ law_head 16; law exact 2e7 0.05 0.001 0; law one 3e7 0.3 0.02 0.02; law two 2e7 0.03 0.0005 0.02; law three 1e6 0.6 0.2 0.02; law perfect 5e6 0 0 0; law flat 1e7 1 0 0; } >s.tsv
fits s.tsv d
for case in 'exact 2e7 0.05 0.001' 'one 3e7 0.3 0.02' 'two 2e7 0.03 0.0005' 'three 1e6 0.6 0.2' 'perfect 5e6 0 0' 'flat 1e7 1 0'; do
    # shellcheck disable=SC2086 # four words
    set -- $case
    is "$(field d "$1" status)" ok
    is "$(field d "$1" points)" 8
    found d "$1" lambda "$2"
    found d "$1" contention "$3"
    found d "$1" coherency "$4"
done
draws scaling d/scaling.tsv
for name in exact one two three perfect flat; do shows scaling "^$name +[0-9.e-]+, [0-9.e-]+\$"; done
foot scaling 'higher is better'

rule five points are enough
counts='1 2 4 6 8'
{ law_head 8; law five 2e7 0.1 0.005 0.01; } >s.tsv
fits s.tsv d
found d five contention 0.1
found d five coherency 0.005

rule a machine of two cores has not enough of them, whatever the thread counts
counts='1 2 3 4 6 8 12 16'
{ law_head 2; law one 3e7 0.3 0.02 0; law two 2e7 0.03 0.0005 0; } >s.tsv
fits s.tsv d
for name in one two; do
    is "$(field d $name status)" 'not enough cores'
    is "$(field d $name points)" 2
    is "$(field d $name contention)" -
done
refuses scaling d/scaling.tsv 'no figure of the scaling law: not enough cores'
fits "$plots/sample-summary.tsv" sample
is "$(field sample ao status | sort -u)" 'not enough cores'

rule fewer than five counts within many cores are no fit either
counts='1 2 4 8'
{ law_head 16; law four 3e7 0.3 0.02 0; counts='1 2 4 8 16 32'; law over 3e7 0.3 0.02 0; } >s.tsv
fits s.tsv d
is "$(field d four status)" 'not enough cores measured'
is "$(field d over points)" 5
is "$(field d over status)" ok

rule what did not run at once, and what failed, are no points
counts='1 2 3 4 6 8 12 16'
{ law_head 16; law one 3e7 0.3 0.02 0; law two 3e7 0.3 0.02 0; } | awk 'BEGIN { FS = OFS = "\t" }
    $4 == "one" && $3 > 3 && $3 < 16 { $12 = "not-concurrent" }
    $4 == "two" && $3 == 3 { $12 = "not-concurrent"; $6 = 1 }
    $4 == "two" && $3 == 4 { $12 = "crashed"; $6 = "-" } { print }' >s.tsv
fits s.tsv d
is "$(field d one points)" 4
is "$(field d one status)" 'not enough cores measured'
is "$(field d two points)" 6
found d two contention 0.3

rule a fit that cannot be made leaves the others
counts='1 2 3 4 6 8'
{ law_head 16; law one 3e7 0.3 0.02 0; counts='4 4 4 4 4'; law same 3e7 0.3 0.02 0; counts='1 2 3 4 6 8'; law two 2e7 0.03 0.0005 0; } >s.tsv
fits s.tsv d
is "$(field d one status)" ok
is "$(field d same status)" 'not fitted'
is "$(field d two status)" ok

rule one thread count is no row, and the control is none
counts=4
{ law_head 16; law one 3e7 0.3 0.02 0; counts='1 2 3 4 6 8'; law glibc@control 3e7 0.3 0.02 0; } >s.tsv
fits s.tsv d
is "$(grep -c list-reversal d/scaling.tsv)" 0

rule what is no summary is one clear line of the fit
: >empty
for file in empty missing; do
    call scaling-fit $file out
    is "$got" 1
    is "$(printf '%s\n' "$output" | wc -l)" 1
done
[ ! -e out.tsv ] || fault 'a file was left'

# ---- files that are no summary ----

rule an empty file is one clear line
: >s.tsv
for p in $all $more; do refuses "$p" s.tsv 's\.tsv: the file is empty$'; done

rule a summary without rows is one clear line
summary '' '' '' >s.tsv
for p in $all $more; do refuses "$p" s.tsv 's\.tsv: no figure of '; done

rule a file that is something else is one clear line
printf 'a,b,c\n1,2,3\n' >csv
cp "$plots/words.awk" words
gzip -c <"$plots/words.awk" >gz
head -c 4000 /dev/zero >zeros
sed -n 's/\tstatus$//p; 2,$p' "$plots/sample-summary.tsv" >columns
for p in $all $more; do
    for file in csv words gz columns zeros; do refuses "$p" $file "$file: .*this is not a summary\.tsv\$"; done
done

rule a file that cannot be read is one clear line
mkdir folder
for p in $all $more; do
    refuses "$p" missing.tsv 'missing\.tsv: it cannot be read$'
    refuses "$p" folder 'folder: it cannot be read$'
done

rule a summary that is cut off in the middle is drawn as far as it goes
head -c 9000 "$plots/sample-summary.tsv" >s.tsv
draws slowdown-threads s.tsv
names slowdown-threads ao glibc

# ---- names and paths ----

rule 'a path may have a space, a quote and what else the shell and gnuplot give a meaning to'
for name in 'a space' "a 'quote'" 'a "double" one' 'a $HOME `false` $(false)' 'back\slash' '50 % {x_2} @y'; do
    mkdir "$name"
    cp "$plots/sample-summary.tsv" "$name/summary.tsv"
    draws slowdown-threads "$name/summary.tsv" "$name/picture"
    counts='1 2 3 4 6 8'
    { law_head 16; law one 3e7 0.3 0.02 0; } >scaled.tsv
    fits scaled.tsv "$name"
    is "$(field "$name" one status)" ok
    draws scaling "$name/scaling.tsv" "$name/scaling"
    : >"$name/empty"
    refuses slowdown-threads "$name/empty" 'the file is empty' "$name/none"
done

rule so may that of the plots
mkdir "it's a place"
cp "$plots"/*.gp "$plots"/*.awk "it's a place"
kept=$plots plots="$work/it's a place"
for p in $all $more; do draws "$p" "$kept/sample-summary.tsv"; done
fits "$kept/sample-summary.tsv" d
is "$(field d ao status | sort -u)" 'not enough cores'
plots=$kept

rule a directory to write into that is not there is one clear line
for p in $all $more; do refuses "$p" "$plots/sample-summary.tsv" 'nowhere/x.* cannot be written$' nowhere/x; done

rule 'a name may be a path, long, or have letters that mean something to XML, gnuplot or the shell'
odd="so:/usr/lib/x/libmine.so a'quote a&b<c \`false\` {x}_y^z a\\b aééééééééé"
summary "glibc $odd" "$reversals $works" '1 2 4' >s.tsv
for p in $all; do
    draws "$p" s.tsv
    shows "$p" '^libmine\.so$'
    shows "$p" "^a(&#39;|')quote\$"
    shows "$p" '^a&amp;b&lt;c$'
    shows "$p" '^`false`$'
    shows "$p" '^\{x\}_y\^z$'
    shows "$p" '^a\\b$'
done

rule "a baseline's path does not run over the picture"
summary "so:/a/long/path/to/some/library/somewhere/libmine.so ao" "$reversals $works" '1 2 4' >s.tsv
for p in $all; do
    draws "$p" s.tsv
    hides "$p" '/long/path'
done
foot slowdown-threads "time / libmine\.so's time"

rule called wrongly it says how it is called
output=$(gnuplot "$plots/slowdown-threads.gp" 2>&1)
is "$?" 2
is "$(printf '%s\n' "$output" | grep -c 'call it as gnuplot')" 1

end_rule
printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
