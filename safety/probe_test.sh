#!/bin/sh
# The oracle is its own test: allocators that are wrong in one thing each must fail in the column that is for it, at the
# place where it is wrong, and nowhere else. Usage: probe_test.sh PROBE DIRECTORY-OF-THE-BROKEN
set -u
probe=$1 broken=$2
passed=0 failed=0

fault() {
    failed=$((failed + 1))
    printf 'FAILED %s\n%s\n' "$1" "$row"
}

# cell ALLOCATOR ARG...: its row is in $row, the fields in $verdict $kind $first $point $points $missed.
cell() {
    allocator=$1
    shift
    row=$("$probe" --allocator "$allocator" --column "$@" 2>&1 | tail -n 1)
    verdict=$(printf '%s' "$row" | cut -f 8)
    kind=$(printf '%s' "$row" | cut -f 9)
    first=$(printf '%s' "$row" | cut -f 10)
    point=$(printf '%s' "$row" | cut -f 11)
    points=$(printf '%s' "$row" | cut -f 5)
    note=$(printf '%s' "$row" | cut -f 12)
}

# holds ALLOCATOR ARG...
holds() {
    cell "$@"
    if [ "$verdict" = holds ] && [ "$points" -gt 0 ]; then passed=$((passed + 1)); else fault "$*: not holds"; fi
}

# fails KINDS PLACE ALLOCATOR ARG...: with one of the kinds (a|b), first at a place that matches; and so again at that point.
fails() {
    kinds=$1 place=$2
    shift 2
    cell "$@"
    if [ "$verdict" != fails ] || ! printf '%s' "$kind" | grep -Eqx "$kinds"; then
        fault "$*: not fails by $kinds"
    elif ! printf '%s' "$first" | grep -Eq "$place"; then
        fault "$*: not first at $place"
    else
        before=$kind/$first
        cell "$@" --point "$point"
        if [ "$kind/$first" = "$before" ]; then passed=$((passed + 1)); else fault "$*: not again at point $point"; fi
    fi
}

lock=lock=so:$broken/broken_lock.so:broken_
masks=masks=so:$broken/broken_masks.so:broken_
untagged=untagged=so:$broken/broken_untagged.so:broken_
buffer=buffer=so:$broken/broken_buffer.so:broken_
child=child=so:$broken/broken_child.so:broken_

if [ "$(uname -m)" != x86_64 ]; then
    cell bump signal
    [ "$verdict" = not-measured ] || fault 'stepping is for x86-64, and it does not say so'
    exit "$failed"
fi

fails hang 'broken_malloc.* after .*xchg' "$lock" signal
fails hang 'broken_malloc.* after .*xchg' "$lock" progress
fails hang 'broken_malloc.* after .*xchg' "$lock" fork
fails hang 'broken_free.* after .*xchg' "$lock" signal --path xfree

holds "$masks" signal
case $note in *' with signals blocked'*) ;; *) fault 'points at which signals are blocked are not told' ;; esac
fails hang 'broken_malloc.* after .*xchg' "$masks" progress

fails 'doubled|corrupt' 'broken_malloc.* lock cmpxchg' "$untagged" signal
holds "$untagged" progress
holds "$untagged" progress --k 2
holds "$untagged" fork

fails 'doubled|corrupt' 'broken_malloc' "$buffer" signal
fails 'doubled|corrupt' 'broken_malloc.*; then .*broken_malloc' "$buffer" nested
holds "$buffer" progress
holds "$buffer" fork

holds "$child" signal
holds "$child" progress
fails hang 'broken_malloc' "$child" fork

for path in pair large cold thread xfree; do
    holds bump signal --path "$path"
    holds bump progress --path "$path"
done
holds bump nested
holds bump nested --depth 3
holds bump progress --k 2
holds bump fork
holds bump fork --fork _Fork

# A restartable sequence is left alone while it is recorded, and aborted at each of its instructions while it is tried.
holds ao-percpu signal
case $note in *' in restartable sequences, each aborted once'*) ;; *) fault 'no points inside of restartable sequences' ;; esac

for use in '--column' '--column signal' '--allocator nobody --column signal' '--allocator bump --column signal --path nowhere' \
    '--allocator bump --column misuse --use nothing' '--allocator bump --column signal --point x' \
    '--allocator so:/nowhere.so --column signal' '--allocator bump --column fork --k 2'; do
    # shellcheck disable=SC2086 # words
    row=$("$probe" $use 2>&1)
    if [ $? -eq 2 ] && [ -n "$row" ]; then passed=$((passed + 1)); else fault "bad use: $use"; fi
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
