#!/bin/sh
# AO_HAVE_x is defined exactly where atomic_ops.h has a function AO_x, with and without those of two words, also where
# there are no narrow ones or none at all. Usage: atomic_ops_have_test.sh CC SOURCE_DIR
set -eu
cc=$1 include=$2/allocator/include
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# same COUNT FLAG...: there are COUNT functions, or for COUNT some any number, and as many macros, of the same names.
same() {
    count=$1
    shift
    echo '#include <atomic_ops.h>' >"$work/program.c"
    "$cc" "$@" -I"$include" -E -P "$work/program.c" | tr '\n' ' ' |
        grep -oE 'static __inline__ [^(]*AO_[a-z0-9][a-z0-9_]* *\(' | sed 's/.*AO_\([a-z0-9_]*\) *(/\1/' |
        sort >"$work/functions" || true
    "$cc" "$@" -I"$include" -E -dM "$work/program.c" | sed -n 's/^#define AO_HAVE_\([a-z0-9_]*\) 1$/\1/p' |
        sort >"$work/macros"
    if ! diff -U 0 "$work/functions" "$work/macros" >"$work/difference"; then
        echo "FAILED $*: - is a function without AO_HAVE_, + an AO_HAVE_ without a function:"
        grep '^[-+][a-z]' "$work/difference"
        failed=1
    fi
    if [ "$count" != some ] && [ "$(wc -l <"$work/functions")" -ne "$count" ]; then
        echo "FAILED $*: $(wc -l <"$work/functions") functions, not $count"
        failed=1
    fi
}

# Of an integer 6 load, 5 store, 8 operations in 9 orders; nop in 6, test_and_set in 9. Of two words 2 in 9, 6, 5.
integer=$((6 + 5 + 8 * 9)) both=$((6 + 9)) double=$((2 * 9 + 6 + 5))
without=-U__GCC_HAVE_SYNC_COMPARE_AND_SWAP_16
same some
same $((4 * integer + both)) $without
same $((2 * integer + both)) $without -U__GCC_ATOMIC_CHAR_LOCK_FREE -D__GCC_ATOMIC_CHAR_LOCK_FREE=1
same 0 -U__GCC_ATOMIC_POINTER_LOCK_FREE -D__GCC_ATOMIC_POINTER_LOCK_FREE=1
same 0 -U__GCC_ATOMIC_POINTER_LOCK_FREE
same $((4 * integer + both + double)) $without -D__GCC_HAVE_SYNC_COMPARE_AND_SWAP_16=1
[ "$failed" -eq 0 ] && echo 'every function has its macro, every macro its function'
