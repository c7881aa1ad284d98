#!/bin/sh
# Our allocators built for aarch64 and run in an emulator: a user's program with each library, and everything at once for
# a second with each allocator. There is no rseq there: what runs is what lies behind it. An emulator on x86-64 orders
# memory as that does: this shows that the code is right for the machine, not that its memory orders are.
# Usage: aarch64_test.sh SOURCE_DIR
set -eu
cd "$1/allocator"
for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v "$tool" >/dev/null || exit 77 # skipped
done
[ -e /usr/aarch64-linux-gnu/include/stdlib.h ] || exit 77
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# build PROGRAM ARG...
build() {
    program=$work/$1
    shift
    aarch64-linux-gnu-gcc -std=gnu11 -O2 -Wall -Wextra -Werror -D_GNU_SOURCE -I. -Iinclude "$@" -pthread -o "$program"
}
starts() { timeout 120 qemu-aarch64 -L /usr/aarch64-linux-gnu "$@"; }

for library in classic lockfree replicated percpu; do
    case $library in
    classic) build user ao_malloc/user_program.c ao_malloc/library_classic.c os/linux.c ao/stack_almost.c ;;
    *) build user -DAO_LIBRARY_IS_LOCK_FREE ao_malloc/user_program.c "ao_malloc/library_$library.c" os/linux.c \
        ao/stack_tagged.c ;;
    esac
    starts "$work/user" >"$work/said" || { echo "FAILED: a program with the $library library"; exit 1; }
    grep -q '^55 ' "$work/said" || { echo "FAILED: a program with the $library library: $(cat "$work/said")"; exit 1; }
done

# shellcheck disable=SC2046 # the list's files
build stress stress.c registry.c system/library.c system/announce.c wrap/checked.c wrap/failing.c \
    $(sed -n 's/^ALLOCATOR([a-z0-9_]*, *\([^)]*\))/\1/p' allocators.def | sort -u) os/linux.c ao/stack_almost.c -ldl -lm \
    -DAO_DEBIAN_MODULE='"absent"' -DAO_DEBIAN_STATIC_MODULE='"absent"'
for allocator in ao ao-lockfree ao-replicated ao-percpu michael; do
    starts "$work/stress" "$allocator" 1 4 || { echo "FAILED: stress $allocator"; exit 1; }
done
./atomic_ops_have_test.sh aarch64-linux-gnu-gcc "$1" || { echo 'FAILED: AO_HAVE_ of atomic_ops.h'; exit 1; }
echo 'built for aarch64, all of ours work'
