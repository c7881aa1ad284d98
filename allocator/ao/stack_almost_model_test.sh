#!/bin/sh
# stack_almost.pml under spin: what must hold is searched completely, and in what is broken on purpose an error must be
# found. Usage: stack_almost_model_test.sh [SOURCE_DIR]; ends with 77 where spin is not here.
set -u
model=$(cd "${1:-$(dirname "$0")/../..}" && pwd)/allocator/ao/stack_almost.pml
# There are other programs of this name.
if ! spin -V 2>/dev/null | grep -q '^Spin Version'; then
    echo 'spin is not here'
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
cd "$work" || exit 2
passed=0 failed=0

as_expected() {
    if [ "$found" = nothing ]; then
        grep -q 'errors: 0$' log && ! grep -q 'Search not completed\|out of memory\|too small' log
    else
        grep -q "^pan:1: $found" log
    fi
}

# check WHAT FOUND VARIANT KIND: that variant of the model, searched for what is wrong with states (KIND safety) or for
# cycles of the threads that go on, each of which is scheduled again and again (progress). FOUND is "nothing", and then
# the search has to be complete, or the error that must be found.
check() {
    what=$1 found=$2 variant=$3 kind=$4
    case $kind in
    safety) compile=-DSAFETY options='' ;;
    progress) compile='-DNP -DNFAIR=3' options='-l -f' ;; # NFAIR: room for four processes and more
    esac
    rm -f pan* ./*.trail
    # -DMEMLIM: MiB at most; -b: to need a deeper stack than -m is an error; -w: 2^23 slots of the hash table.
    # shellcheck disable=SC2086 # the options are words
    spin -a $variant "$model" >log 2>&1 && "${CC:-cc}" -O2 -w -DMEMLIM=1000 $compile -o pan pan.c >>log 2>&1 &&
        ./pan -b -m2000000 -w23 $options >>log 2>&1
    states=$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1/p' log)
    seconds=$(sed -n 's/^pan: elapsed time \([0-9.]*\) seconds.*/\1/p' log)
    if as_expected; then
        passed=$((passed + 1)) verdict=ok
    else
        failed=$((failed + 1)) verdict=FAILED
        cat log
    fi
    printf '%s: %s: %s found; %s states, %s s\n' "$verdict" "$what" "$found" "${states:-no}" "${seconds:-no}"
}

two='-DENDLESS -DNODES=2 -DON_LIST=2 -DPADS=3'
three='-DFIRST=3 -DSECOND=2 -DTHIRD=2'
few='-DFIRST=2 -DSECOND=2 -DTHIRD=1'
lost='assertion violated'

check 'safety, two nodes, operations without end' nothing "$two" safety
check 'safety, three nodes, 3 + 2 + 2 operations' nothing "$three" safety
check 'safety and end states, one thread stopped' nothing "-DSTOPS=1 $few" safety
check 'progress, none stopped' nothing "$few" progress
check 'progress, one stopped inside pop' nothing "-DSTOPS=1 $few" progress
check 'progress, two stopped inside pop' 'non-progress cycle' "-DSTOPS=2 $few" progress
check 'a push that does not look at the black list' "$lost" "-DNO_LOOK $three" safety
check 'neither a second look nor a second reading' "$lost" "-DNO_REREAD -DNO_SECOND_LOOK $three" safety
check 'no second reading of the head, alone' nothing "-DNO_REREAD $few" safety
check 'no second look after a lost exchange, alone' nothing "-DNO_SECOND_LOOK $few" safety

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
