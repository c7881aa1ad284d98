#!/bin/sh
# .ci/layers finds what it is there to find. Usage: layers_test.sh SOURCE_DIR
set -u
source=$1
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
failed=0

# expect STATUS WHAT PATTERN: the check of the copy ends so, and a line of it matches.
expect() {
    output=$("$source/.ci/layers" "$copy/source tree" "$copy/build" 2>&1)
    status=$?
    if [ "$status" -ne "$1" ] || ! printf '%s\n' "$output" | grep -q -- "$3"; then
        printf 'FAILED %s: exit status %s, not %s, or no line matches %s in\n%s\n' "$2" "$status" "$1" "$3" "$output"
        failed=$((failed + 1))
    fi
}

# planted LINE FILE PATTERN: with LINE in FILE (a new one, or after its last line) the check fails and names it.
planted() {
    file="$copy/source tree/$2"
    [ ! -e "$file" ] || cp "$file" "$copy/before"
    printf '%s\n' "$1" >>"$file"
    expect 1 "$1 in $2" "$2.*$3"
    rm "$file"
    [ ! -e "$copy/before" ] || mv "$copy/before" "$file"
}

mkdir "$copy/source tree" "$copy/build"
cp -R "$source/allocator" "$source/bench" "$source/safety" "$source/compare" "$copy/source tree"
expect 1 "nothing is built" 'no dependency files'
echo 'a.o: /usr/include/stdio.h allocator/include/atomic_ops.h' >"$copy/build/a.d"
expect 0 "the tree as it is" ''

planted '#include "allocator.h"' allocator/os/linux.c 'allocator/allocator.h is not below'
planted '#include "../ao/stack_almost.h"' allocator/os/new.c 'not below'
planted '#include <atomic_ops_malloc.h>' allocator/os/new.c 'not below'
planted '#include "ao_malloc/body.h"' allocator/ao/stack_almost.c 'not below'
planted '#include "ao_malloc/body.h"' allocator/system/glibc.c 'not below'
planted '#include "wrap/wrap.h"' allocator/ao_malloc/ao.c 'not below'
planted '#include "system/library.h"' allocator/wrap/failing.c 'not below'
planted '#include "os/os.h"' allocator/allocator.h 'not below'
planted '  #  include <sys/mman.h>' allocator/ao_malloc/new.h 'belongs into allocator/os/'
planted '#include "ao/stack_almost.h"' bench/harness.c 'not below'
planted '#include "../../compare/stats.h"' bench/workload/new.c 'not below'
planted '#include <benchmark/benchmark.h>' bench/main.c 'bench/gbench.cc'
planted '#include "../bench/harness.h"' compare/stats.c 'not below'
planted '#include "ao/stack_almost.h"' safety/walk.c 'not below'
planted '#include "../bench/harness.h"' safety/column/forks.c 'not below'
planted '#include "../allocator/allocator.h"' compare/main.c 'not below'
planted '#include "nowhere.h"' compare/main.c 'no file of this tree'
planted '#include HEADER' compare/main.c 'cannot be read'
planted 'int x;' bench/new.cc 'C++'

echo 'b.o: /usr/include/atomic_ops/sysdeps/gcc/x86.h' >"$copy/build/b.d"
expect 1 "a packaged header" 'packaged headers'

[ "$failed" -eq 0 ] && echo "the layer check finds what it is there to find"
exit "$((failed > 0))"
