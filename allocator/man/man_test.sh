#!/bin/sh
# The pages: neither mandoc nor groff has anything to say against them, and they name every function of the public
# headers, and none that is not there. Usage: man_test.sh
set -eu
cd "$(dirname "$0")"
failed=0
fail() {
    echo "FAILED $*"
    failed=1
}

for page in *.[0-9]; do
    # Whether the pages that it refers to are on this machine is nothing to it.
    if command -v mandoc >/dev/null; then
        said=$(mandoc -Tlint -W style "$page" 2>/dev/null | grep -v 'referenced manual not found') || true
        [ -z "$said" ] || fail "$said"
    fi
    if command -v groff >/dev/null && groff -mdoc -Tascii /dev/null >/dev/null 2>&1; then
        said=$(groff -ww -mdoc -Tascii "$page" 2>&1 >/dev/null)
        [ -z "$said" ] || fail "$said"
    fi
done

# Declarations begin a line with a type; AO_stack_push and AO_stack_pop are macros.
declared=$(sed -nE 's/^(void|int|size_t|AO_uintptr_t) .*(AO_[a-z_]+)\(.*/\2/p' ../include/*.h
    echo AO_stack_push
    echo AO_stack_pop)
described=$(sed -n '/^\.Sh NAME/,/^\.Nd/s/^\.Nm \([A-Za-z_]*\).*/\1/p' ./*.3)
for name in $declared; do
    printf '%s\n' "$described" | grep -qx "$name" || fail "$name has no page"
    grep -qE "^\.F[no] $name( |\$)" ./*.3 || fail "$name has no synopsis"
done
for name in $described; do
    printf '%s\n' "$declared" | grep -qx "$name" || fail "$name is in no header"
done
[ "$failed" -eq 0 ] && echo "$(printf '%s\n' "$declared" | wc -l) functions have a page"
