#!/bin/sh
# An installation in a prefix of its own, from which a user's program is compiled and run: with each library, shared and
# static, through pkg-config, under the package's name, and as a project of CMake's, also once the prefix has moved.
# Usage: install_test.sh CMAKE BUILD_DIR CC PROGRAM.c
set -eu
cmake=$1 build=$2 cc=$3 program=$4
here=$(cd "$(dirname "$0")" && pwd)
command -v pkg-config >/dev/null || exit 77 # skipped
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix="$work/prefix with a space"
unset DESTDIR
"$cmake" --install "$build" --prefix "$prefix" >"$work/log" || { cat "$work/log"; exit 1; }

pc=$(find "$prefix" -name ao_malloc_classic.pc)
libraries=$(dirname "$(dirname "$pc")")
export PKG_CONFIG_PATH="${pc%/*}" LD_LIBRARY_PATH="$libraries"

# says WHAT EXPECTED PROGRAM: it says 55, the sum of its list, and what its library is.
says() {
    said=$("$3") || { echo "FAILED $1: exit status $?"; exit 1; }
    [ "$said" = "55 $2" ] || { echo "FAILED $1: $said"; exit 1; }
}

# runs WHAT EXPECTED ARG...: the same of the program, compiled with ARG...
runs() {
    what=$1 expected=$2
    shift 2
    "$cc" -Wall -Werror "$program" "$@" -o "$work/program" || { echo "FAILED $what: does not compile"; exit 1; }
    says "$what" "$expected" "$work/program"
}

for library in _classic:0 _lockfree:1 _replicated:1 :1; do
    name=ao_malloc${library%:*} free=${library#*:}
    flags=$(pkg-config --cflags --libs "$name")
    eval "runs '$name, shared' $free $flags"
    ldd "$work/program" | grep -q "lib$name.so.0 => $libraries" || { echo "FAILED $name: not the shared library"; exit 1; }
    eval "runs '$name, static' $free $(pkg-config --cflags "$name") '$libraries/lib$name.a'"
done
runs 'the name of the package' 0 -I"$prefix/include" -L"$libraries" -latomic_ops_gpl

# The example, by the same name.
if echo '#include <execinfo.h>' | "$cc" -E - >/dev/null 2>&1; then
    "$cc" -Wall -Werror "$here/../examples/crash_handler.c" -I"$prefix/include" -L"$libraries" -latomic_ops_gpl -pthread \
        -o "$work/crash_handler" || { echo "FAILED crash_handler: does not compile"; exit 1; }
    "$here/../examples/crash_handler_test.sh" "$work/crash_handler"
fi

# A project of a user's, with a program for each target of the package, and one that wants two variants at once.
mkdir "$work/project"
cat >"$work/project/CMakeLists.txt" <<'EOF'
cmake_minimum_required(VERSION 3.21)
project(consumer LANGUAGES C)
find_package(ao_malloc 0.1 REQUIRED)
foreach(target classic lockfree replicated percpu)
    foreach(kind "" _shared)
        add_executable(${target}${kind} ${PROGRAM})
        target_link_libraries(${target}${kind} PRIVATE ao_malloc::${target}${kind})
    endforeach()
endforeach()
if(TWO)
    add_executable(two ${PROGRAM})
    target_link_libraries(two PRIVATE ao_malloc::classic ao_malloc::percpu)
endif()
EOF
configure() {
    "$cmake" -S "$work/project" -B "$work/$1" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" \
        -DPROGRAM="$program" "$2" >"$work/log" 2>&1
}
unset LD_LIBRARY_PATH
for place in installed moved; do
    [ "$place" = installed ] || { mv "$prefix" "$work/elsewhere" && prefix=$work/elsewhere; }
    { configure "$place" -DTWO=OFF && "$cmake" --build "$work/$place" >"$work/log"; } || { cat "$work/log"; exit 1; }
    for library in classic:0 lockfree:1 replicated:1 percpu:1; do
        target=${library%:*} free=${library#*:}
        says "ao_malloc::$target, $place" "$free" "$work/$place/$target"
        says "ao_malloc::${target}_shared, $place" "$free" "$work/$place/${target}_shared"
        ldd "$work/$place/${target}_shared" | grep -q "libao_malloc.* => $prefix" ||
            { echo "FAILED ao_malloc::${target}_shared, $place: not the library there"; exit 1; }
    done
done
if configure two -DTWO=ON || ! grep -q AO_MALLOC_VARIANT "$work/log"; then
    echo "FAILED two variants in one program are not refused"
    exit 1
fi
echo "an installation serves its users"
