#!/bin/sh
# preload_test.sh LIBRARY PROGRAM ALLOCATOR...: preload_program.c under the preload library with each of its
# allocators, and how it is chosen. The last line is `N passed, N failed`.
set -u
library=$1 program=$2
shift 2
passed=0 failed=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
ln -s "$(realpath "$library")" "$work/" || exit 1 # the loader ends a path at a space
library=$work/${library##*/}
unset AO_MALLOC

# What malloc_usable_size says of a block of one byte.
usable() {
    case $1 in ao-percpu) echo 16 ;; *) echo 8 ;; esac
}

# check NAME STATUS PATTERN COMMAND...: COMMAND ends with STATUS, its error output is what the pattern says.
check() {
    name=$1 wanted=$2 pattern=$3
    shift 3
    "$@" >"$work/out" 2>"$work/errors"
    status=$?
    # shellcheck disable=SC2254 # it is a pattern
    case $(cat "$work/errors") in $pattern) matches=1 ;; *) matches=0 ;; esac
    if [ "$status" -eq "$wanted" ] && [ "$matches" -eq 1 ]; then
        passed=$((passed + 1))
        return
    fi
    failed=$((failed + 1))
    echo "$name: exit status $status, wanted $wanted, and on standard error \"$pattern\"; there is:"
    head -n 20 "$work/errors"
}

under() {
    LD_PRELOAD=$library "$@"
}

for allocator; do
    check "$allocator" 0 '' under env AO_MALLOC="$allocator" "$program" "$(usable "$allocator")"
    check "$allocator, without rseq" 0 '' under env AO_MALLOC="$allocator" GLIBC_TUNABLES=glibc.pthread.rseq=0 \
        "$program" "$(usable "$allocator")"
done
check 'the default is ao-percpu' 0 '' under "$program" 16
check 'the value is found in a large environment' 0 '' under env LONG="$(printf '%09999d' 0)" AO_MALLOC=ao \
    LONGER="$(printf '%09999d' 0)" "$program" 8

refused="libao_malloc_preload.so: AO_MALLOC=* is none of *ao*"
for value in nonsense '' AO ao-percp ao-percpux jemalloc "$(printf '%0999d' 0)"; do
    check "AO_MALLOC=$value" 2 "$refused" env LD_PRELOAD="$library" AO_MALLOC="$value" "$program" 16
    lines=$(wc -l <"$work/errors")
    [ "$lines" -eq 1 ] || { echo "AO_MALLOC=$value: $lines lines, not one" && failed=$((failed + 1)); }
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
