#!/bin/sh
# bench as its users call it: names, flags, exit statuses. Usage: program_test.sh PATH-OF-BENCH
set -u
bench=$1
failed=0

# expect STATUS WHAT COMMAND...: runs it, holds its exit status to STATUS, leaves its output in $output.
expect() {
    want=$1 what=$2
    shift 2
    output=$("$@" 2>&1)
    got=$?
    if [ "$got" -ne "$want" ]; then
        printf 'FAILED %s: exit status %s, not %s\n%s\n' "$what" "$got" "$want" "$output"
        failed=$((failed + 1))
    fi
}

# shows PATTERN WHAT: the last output has a line that matches.
shows() {
    if ! printf '%s\n' "$output" | grep -Eq -- "$1"; then
        printf 'FAILED %s: no line matches %s in\n%s\n' "$2" "$1" "$output"
        failed=$((failed + 1))
    fi
}

short="--benchmark_min_time=0.001"
pair="contended/shape=pair,size=64"

expect 0 "a run" "$bench" --allocators=glibc,ao --workloads="$pair" --threads=1,2 $short --benchmark_format=json
shows '"name": "contended/glibc/shape=pair,size=64/threads:1"' "names are exactly WORKLOAD/ALLOCATOR/PARAMS/threads:N"
shows '"name": "contended/ao/shape=pair,size=64/threads:2"' "names are exactly WORKLOAD/ALLOCATOR/PARAMS/threads:N"
shows '"threads": 2' "threads stand in their own field"
shows '"ops_per_second":' "our figures are counters"
expect 0 "--ops" "$bench" --allocators=glibc --workloads=list-reversal/counter=private --threads=1 --ops=3000 --benchmark_format=json
shows '"name": "list-reversal/glibc/counter=private/threads:1"' "--ops leaves the name as it is"
shows '"iterations": 3000' "--ops is kept"
expect 0 "the filter sees our names" "$bench" --allocators=glibc --threads=1 $short '--benchmark_filter=^contended/glibc/shape=pair,size=8/threads:1$'
expect 0 "--benchmark_list_tests" "$bench" --allocators=ao --workloads="$pair" --threads=2 --benchmark_list_tests
shows '^contended/ao/shape=pair,size=64/threads:2$' "--benchmark_list_tests prints the names"
expect 0 "line sharing" "$bench" --allocators=glibc --workloads=false-sharing-active --threads=2 --line-sharing --benchmark_format=json
shows '"line_sharing":' "the pass yields its figure"
shows '"lines_per_live_kib":' "and the lines that live objects lie in"
# ThreadSanitizer does not see the locks of libraries that were built without it: a block that one thread frees and
# another is given by such an allocator looks to it like a race of the workload's.
every=
if ldd "$bench" | grep -q libtsan; then
    every=--allocators=ao,ao-static,ao-lockfree,ao-replicated,ao-percpu,glibc
fi
# shellcheck disable=SC2086 # no option where $every is empty
expect 0 "blocks that another thread frees, with every allocator" "$bench" $every --workloads=producer-consumer --threads=2 --ops=4000
if [ -z "$every" ]; then
    shows 'producer-consumer/ao-debian/|ao-debian is left out' "the packaged one too, where it is here"
fi
expect 0 "shared lines among threads that wait for each other" "$bench" --allocators=glibc --workloads=producer-consumer --threads=4 --line-sharing --benchmark_format=json
shows '"line_sharing":' "the pass yields its figure"
expect 2 "threads that are not pairs" "$bench" --allocators=glibc --workloads=producer-consumer --threads=3
shows 'runs threads in pairs; threads:3 is left out' "says why"
expect 0 "memory" "$bench" --allocators=glibc --workloads=mixed-sizes/live=1 --threads=1 --ops=2000 --benchmark_format=json
shows '"peak_committed_bytes": [1-9]' "committed memory is measured"
shows '"peak_live_bytes": [1-9]' "the script knows what was live"
expect 0 "memory wanted for another size" "$bench" --allocators=glibc --workloads=phase-change/peak=1 --threads=2 --ops=1 --benchmark_format=json
shows '"peak_live_bytes": 1\.04[0-9]*e\+06' "the peak is what was asked for"
expect 0 "a live set that goes round" "$bench" --allocators=glibc --workloads=blowup/blocks=1024 --threads=3 --ops=1 --benchmark_format=json
shows '"peak_live_blocks": 1\.024' "there is one for all threads"
expect 2 "nobody to go round" "$bench" --allocators=glibc --workloads=blowup --threads=1
shows 'runs two threads or more; threads:1 is left out' "says why"
expect 0 "shared lines among threads that would sleep" "$bench" --allocators=glibc --workloads=xmalloc/batch=64 --threads=4 --line-sharing --benchmark_format=json
shows '"line_sharing":' "the pass yields its figure"
expect 0 "threads that end, and a word that is not in the grid" "$bench" --allocators=glibc --workloads=server/scale=1,thread-churn/generations=20,producer-consumer/shape=hot-free --threads=2 --ops=1 --benchmark_format=json
shows 'shape=hot-free/threads:2' "the word is in the name"
shows '"concurrency":' "what the threads that it made took is known"
expect 1 "a distribution that is not there" "$bench" --allocators=glibc --workloads=empirical/live=1,file=/nonexistent/sizes.csv --threads=1 --ops=10
shows 'unavailable: /nonexistent/sizes.csv: No such file' "says why"
expect 2 "shared lines of a long script" "$bench" --allocators=glibc --workloads=blowup --threads=2 --line-sharing
shows 'blowup is left out: its script is too long' "says why"
expect 0 "a heap built from nothing" "$bench" --allocators=glibc --workloads=linux-scalability/blocks=10000 --threads=2 --ops=1 --benchmark_format=json
shows '"peak_live_blocks": 2\.0[0-9]*e\+04' "each thread has its table"
shows '"iterations": 10000' "a script is done whole"
expect 0 "threads that end and leave their blocks to others" "$bench" --allocators=glibc --workloads=larson/chunks=100,rounds=3 --threads=2 --ops=2000 --benchmark_format=json
shows '"iterations": 2000' "all operations are done, by whomever"
expect 0 "shared lines among threads that come and go" "$bench" --allocators=glibc --workloads=larson/chunks=100,rounds=3 --threads=3 --line-sharing --benchmark_format=json
shows '"line_sharing":' "the pass yields its figure"
expect 1 "sizes that there are not" "$bench" --allocators=glibc --workloads=larson/min=8,max=8 --threads=1 --ops=10 --benchmark_format=json
shows 'excluded: sizes are from min to max - 1' "says why"
expect 0 "thirds of which another thread frees some" "$bench" --allocators=glibc --workloads=shbench/cross=25 --threads=3 --ops=6000 --benchmark_format=json
expect 0 "shared lines among them" "$bench" --allocators=glibc --workloads=shbench/cross=25 --threads=3 --line-sharing --ops=6000 --benchmark_format=json
shows '"line_sharing":' "the pass yields its figure"
expect 1 "after-free, of a cell that fails" "$bench" --allocators=failing:5:glibc --workloads=mixed-sizes/live=1 --threads=1 --after-free
shows 'out-of-memory' "says why"
expect 2 "after-free, of a workload without a live set" "$bench" --allocators=glibc --workloads="$pair" --threads=1 --after-free
shows 'contended is left out: it has no live set' "says why"
course=$(mktemp)
expect 0 "memory over time" "$bench" --allocators=glibc --workloads=mixed-sizes/live=4 --threads=2 --ops=2000 --memory="$course" --benchmark_format=json
shows '"memory_overhead":' "the pass yields its figures"
output=$(cat "$course")
shows '^workload	params	threads	allocator	ms	resident_bytes	committed_bytes	live_bytes$' "the file has a head"
shows '^mixed-sizes	live=4	2	glibc	[0-9.]+	[0-9]+	[0-9]+	4[0-9]{6}$' "and what lives is in it"
expect 0 "memory over time of a whole script" "$bench" --allocators=glibc --workloads=blowup/blocks=1024 --threads=2 --memory --benchmark_format=json
shows '"mean_live_bytes":' "the pass yields its figures"
expect 2 "no place for the file" "$bench" --allocators=glibc --workloads="$pair" --threads=1 --memory=/nonexistent/file
shows '/nonexistent/file cannot be written' "says why"
rm -f "$course"
if "$bench" --list=tsv --allocators=glibc --workloads="$pair" | grep -q '^measure	syscalls	ok'; then
    expect 0 "system calls" "$bench" --allocators=ao --workloads=phase-change/peak=4 --threads=2 --syscalls --benchmark_format=json
    shows '"mmap_calls": [1-9]' "chunks are mapped"
else
    expect 1 "system calls that cannot be counted" "$bench" --allocators=glibc --workloads="$pair" --threads=1 --syscalls
    shows 'unavailable' "says so"
fi
expect 2 "instructions of a whole script" "$bench" --allocators=glibc --workloads=blowup --threads=2 --valgrind
shows 'a difference of two' "says why"
# Valgrind runs no program of a sanitizer.
if command -v valgrind >/dev/null && ! ldd "$bench" | grep -Eq 'lib[at]san' && ! grep -q __asan "$bench"; then
    expect 0 "instructions" "$bench" --allocators=null --workloads="$pair" --threads=1 --ops=400000 --valgrind --benchmark_format=json
    shows '"valgrind_instructions": [1-9]' "the pass yields its figure"
fi
expect 1 "no valgrind" env PATH=/nonexistent "$bench" --allocators=glibc --workloads="$pair" --threads=1 --valgrind
shows 'unavailable: valgrind is not here' "says so"
expect 2 "two passes at once" "$bench" --allocators=glibc --after-free --line-sharing
expect 0 "--list" "$bench" --list
shows 'list-reversal' "--list shows workloads"
expect 0 "--list=tsv" "$bench" --list=tsv --workloads="$pair" --threads=1 --allocators=glibc
shows "^cell	contended	shape=pair,size=64	1	glibc	ok	steady	0	-$" "cells for programs"
expect 0 "--list=tsv of a live set" "$bench" --list=tsv --workloads=mixed-sizes/live=512 --threads=1 --allocators=glibc
shows "^workload	mixed-sizes	.*	latency,memory-time,syscalls,valgrind,line-sharing,after-free	0.9$" "the passes that a workload has"
shows "^cell	mixed-sizes	live=512	1	glibc	ok	scripted" "a value off the grid, when asked for"
expect 0 "--list=tsv of one that makes threads" "$bench" --list=tsv --workloads=thread-churn --threads=1 --allocators=glibc
shows "^workload	thread-churn	.*	0.5$" "the concurrency that is the least to expect of it"
expect 0 "an environment of its own" "$bench" --allocators=glibc-notcache --workloads="$pair" --threads=1 $short
expect 0 "--help" "$bench" --help
shows '--benchmark_min_time' "--help shows Google Benchmark's flags too"
expect 0 "--version" "$bench" --version

expect 1 "a cell that fails" "$bench" --allocators=failing:5:glibc --workloads="$pair" --threads=1 $short
shows 'out-of-memory' "says why"
expect 2 "no match" "$bench" --allocators=glibc --workloads="$pair" --benchmark_filter=nothing
expect 2 "no such allocator" "$bench" --allocators=nonsense --workloads="$pair"
expect 2 "no such workload" "$bench" --allocators=glibc --workloads=nonsense
expect 2 "no such option" "$bench" --nonsense
expect 2 "a stray word" "$bench" nonsense
expect 2 "environments that disagree" "$bench" --allocators=glibc,glibc-notcache --workloads="$pair"
expect 2 "a wrong path" "$bench" --allocators=so:/nonexistent.so --workloads="$pair"
expect 2 "all excluded" "$bench" --allocators=null --workloads=list-reversal

[ "$failed" -eq 0 ] && echo "bench does what its users expect"
exit "$((failed > 0))"
