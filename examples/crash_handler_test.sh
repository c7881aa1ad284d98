#!/bin/sh
# crash_handler.c says where it crashes, wherever that is, and ends by the signal.
# Usage: crash_handler_test.sh PROGRAM [LIBRARY [HANGS]]. LIBRARY: a file with AO_malloc in it, which must be seen in a
# backtrace. HANGS: the same program with malloc in its handler, which must not end.
set -eu
program=$1 library=${2:-} hangs=${3:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC3045 # where there is no such limit, so be it
ulimit -c 0 2>/dev/null || true

# crashes WHERE STATUS FIRST_LINE FRAMES: and the backtrace goes on from there to where the thread began, so many frames
# at least: the handler, what the kernel put before it, and the thread's first two.
crashes() {
    status=0
    timeout -s KILL 60 "$program" "$1" 2>"$work/said" || status=$?
    if [ "$status" -ne "$2" ] || [ "$(head -n 1 "$work/said")" != "crash_handler: signal $3" ] ||
        [ "$(grep -cE '^#[0-9]+ 0x[0-9a-f]+( /.*\+0x[0-9a-f]+)?$' "$work/said")" -lt "$4" ]; then
        echo "FAILED $1: exit status $status, wanted $2 and a backtrace of signal $3; there is:"
        cat "$work/said"
        exit 1
    fi
}

crashes malloc 139 '11 at 0x18' 5
crashes abort 134 6 5

# The signal may find it between two calls: then once more.
run=1
crashes AO_malloc 139 11 4
while grep -q '+0x' "$work/said" && ! grep -q "$library" "$work/said"; do
    run=$((run + 1))
    [ "$run" -le 100 ] || { echo "FAILED: in 100 runs no crash was inside $library"; exit 1; }
    crashes AO_malloc 139 11 4
done

if [ -n "$hangs" ]; then
    status=0
    timeout -s KILL 2 "$hangs" malloc 2>"$work/said" || status=$?
    if [ "$status" -ne 137 ] || grep -q crash_handler "$work/said"; then
        echo "FAILED: with malloc in the handler, exit status $status, and not the wait for its own lock"
        exit 1
    fi
fi
echo "it reports what has crashed"
