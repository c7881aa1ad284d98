#!/bin/sh
# The front door, with everything that it calls replaced: what it asks for on which system, what it goes on without, what
# it says of tests, and what ends with it. Usage: run_test.sh SOURCE_DIR
set -u
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

# ---- a checkout in a path with a space, on a system with nothing but a shell ----

tree="$work/a b/tree"
tools=$work/tools
RUN_ROOT=$work/root
export RUN_ROOT
unset RUN_PRESET
mkdir -p "$tree" "$tools"
cp "$1/run" "$tree"
for tool in sh cat chmod cp dirname env grep head id mkdir mktemp rm sed setsid sleep tail touch tr; do
    found=$(command -v "$tool") && ln -s "$found" "$tools/$tool"
done

tool() { cat >"$tools/$1" && chmod +x "$tools/$1"; }

# system OS_RELEASE_LINE...: that one, with no packages.
system() {
    rm -rf "$RUN_ROOT" "$tree/build"
    for tool in apt-get apt-cache sudo cc c++ cmake ninja ctest gnuplot clang shellcheck; do rm -f "$tools/$tool"; done
    mkdir -p "$RUN_ROOT/etc" "$RUN_ROOT/usr/include" "$RUN_ROOT/usr/lib"
    printf '%s\n' "$@" >"$RUN_ROOT/etc/os-release"
}

# user ID: who runs it.
user() {
    rm -f "$tools/id"
    printf '#!/bin/sh\necho %s\n' "$1" | tool id
}

# What is needed to build comes in: cmake makes programs that say how they were called.
can_build() {
    mkdir -p "$RUN_ROOT/usr/include/benchmark"
    for header in benchmark/benchmark.h jansson.h stdlib.h argp.h; do touch "$RUN_ROOT/usr/include/$header"; done
    for tool in cc c++ ninja; do echo '#!/bin/sh' | tool $tool; done
    tool cmake <<'CMAKE'
#!/bin/sh
if [ "$1" = --build ]; then
    mkdir -p build/release/compare build/release/bench
    for program in compare bench; do
        printf '#!/bin/sh\necho "%s: $*"\n' $program >build/release/$program/$program
        chmod +x build/release/$program/$program
    done
else
    touch build/release/build.ninja
    echo "CMAKE_HOME_DIRECTORY:INTERNAL=$PWD" >build/release/CMakeCache.txt
fi
CMAKE
}

can_test() {
    can_build
    mkdir -p "$RUN_ROOT/usr/include/capstone" "$RUN_ROOT/usr/include/elfutils"
    touch "$RUN_ROOT/usr/include/cmocka.h" "$RUN_ROOT/usr/include/capstone/capstone.h" "$RUN_ROOT/usr/include/elfutils/libdwfl.h"
}

# ---- expectations ----

# expect STATUS WHAT ARG...: `run ARG...` ends so; leaves what it said in $output.
expect() {
    status=$1 what=$2
    shift 2
    output=$(cd "$work" && PATH=$tools "$tree/run" "$@" 2>&1)
    got=$?
    [ "$got" -eq "$status" ] || fail "exit status $got, not $status"
}

shows() { printf '%s\n' "$output" | grep -q -e "$1" || fail "no line matches $1"; }
hides() { ! printf '%s\n' "$output" | grep -q -e "$1" || fail "a line matches $1"; }
last_is() { [ "$(printf '%s\n' "$output" | tail -n 1)" = "$1" ] || fail "the last line is not $1"; }
fail() {
    printf 'FAILED %s: %s in\n%s\n' "$what" "$1" "$output"
    failed=$((failed + 1))
}

# ---- what is asked for ----

# asks NAME COMMAND BUILD TEST SUBJECT CI OS_RELEASE_LINE...: packages of each kind by their names there.
asks() {
    system_name=$1 command=$2 build=$3 test=$4 subject=$5 ci=$6
    shift 6
    system "$@"
    user 1000
    expect 2 "the figure on $system_name" figure
    shows "^    sudo $command $build .*$subject"
    hides "[ ]$test"
    hides '[sS]hell[cC]heck'
    expect 2 "tests on $system_name" test
    shows "^    sudo $command $build .*$test .*$subject"
    hides '[sS]hell[cC]heck'
    expect 2 "everything on $system_name" setup everything
    shows "$ci\$"
    user 0
    expect 2 "root on $system_name" list
    shows "^    $command $build"
    can_build
    expect 0 "$system_name, once they are in" run --workloads=x 'two words'
    last_is 'compare: run --workloads=x two words'
    shows 'going on without'
    shows "^    $command .*$subject"
    hides "$build"
}

asks Debian 'apt-get install -y --no-install-recommends' 'gcc g++ libc6-dev cmake ninja-build libbenchmark-dev' \
    libcmocka-dev 'libjemalloc2 libmimalloc2.0 libtcmalloc-minimal4 ' 'clang shellcheck' \
    'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"' 'VERSION_ID="12"' 'ID=debian'
asks Ubuntu 'apt-get install -y --no-install-recommends' 'gcc g++ libc6-dev cmake ninja-build libbenchmark-dev' \
    libcmocka-dev 'libjemalloc2 libmimalloc2.0' 'clang shellcheck' 'NAME="Ubuntu"' 'ID=ubuntu' 'ID_LIKE=debian'
asks Fedora 'dnf install -y' 'gcc gcc-c++ glibc-devel cmake ninja-build google-benchmark-devel jansson-devel' libcmocka-devel \
    'jemalloc mimalloc gperftools-libs tbb' 'clang ShellCheck' 'NAME="Fedora Linux"' 'ID=fedora' 'VERSION_ID=41'
asks Rocky 'dnf install -y' 'gcc gcc-c++' libcmocka-devel jemalloc ShellCheck 'ID="rocky"' 'ID_LIKE="rhel centos fedora"'
asks Arch 'pacman -S --needed --noconfirm' 'gcc glibc cmake ninja benchmark jansson' cmocka \
    'jemalloc mimalloc gperftools onetbb' 'clang shellcheck' 'NAME="Arch Linux"' 'ID=arch'
asks Alpine 'apk add' 'build-base musl-dev argp-standalone cmake samurai benchmark-dev jansson-dev' cmocka-dev \
    'jemalloc mimalloc2 gperftools onetbb' 'clang shellcheck' 'NAME="Alpine Linux"' "ID='alpine'"
asks openSUSE 'zypper install -y' 'gcc gcc-c++ glibc-devel cmake ninja benchmark-devel libjansson-devel' libcmocka-devel \
    'libjemalloc2 libmimalloc2 libtcmalloc4 libtbbmalloc2' 'ShellCheck' 'ID="opensuse-tumbleweed"' 'ID_LIKE="opensuse suse"'

system 'ID=debian'
can_test
expect 0 'tests would have spin, the figure not' missing test
shows ' spin '
expect 0 'tests would have spin, the figure not' missing figure
hides spin
system 'ID=fedora'
can_test
expect 0 'spin is not packaged everywhere' missing test
hides spin
# content NAME LIBRARIES CLANG_LIBRARIES ID: once all is in, where that system keeps it, nothing is asked for.
content() {
    system "ID=$4"
    can_test
    echo '#!/bin/sh' | tool gnuplot
    echo '#!/bin/sh' | tool spin
    mkdir -p "$RUN_ROOT/usr/$2" "$RUN_ROOT/usr/$3"
    for library in jemalloc.so.2 mimalloc.so.2 tcmalloc_minimal.so.4 tbbmalloc.so.2 atomic_ops_gpl.a; do
        touch "$RUN_ROOT/usr/$2/lib$library"
    done
    touch "$RUN_ROOT/usr/$3/libclang_rt.scudo_standalone-x86_64.so"
    expect 0 "$1 with all that tests take" missing test
    last_is ''
    expect 0 "$1 with all that the figure takes" figure
    hides 'install\|missing\|without'
    last_is 'compare: figure'
}

content Debian lib/x86_64-linux-gnu lib/llvm-14/lib/clang/14/lib/linux debian
content Fedora lib64 lib/clang/17/lib/linux fedora
content Arch lib lib/clang/18/lib/linux arch
content Alpine lib lib/clang/18/lib/linux alpine
content openSUSE lib64 lib64/clang/17/lib/linux opensuse-leap

system 'ID=other'
expect 2 'an unknown system' figure
shows 'with your package manager, by the names that Debian gives them: gcc g++'
expect 2 'no such set' setup nonsense
system 'ID=fedora'
can_build
expect 0 'what is missing is only named' missing figure
last_is 'gnuplot-minimal jemalloc mimalloc gperftools-libs tbb libatomic_ops-static compiler-rt'
expect 0 'help needs nothing' help

# ---- apt, where this may use it ----

system 'ID=debian'
user 1000
echo '#!/bin/sh' | tool apt-get
expect 2 'neither root nor sudo' figure
shows '^    sudo apt-get install -y --no-install-recommends gcc '
user 0
can_build
tool apt-get <<APT
#!/bin/sh
echo "apt-get \$*" >>"$work/asked"
case "\$*" in *install*) touch "$RUN_ROOT/usr/lib/libjemalloc.so.2" "$RUN_ROOT/usr/lib/libmimalloc.so.3" ;; esac
APT
tool apt-cache <<'APT'
#!/bin/sh
case $2 in libjemalloc2 | libmimalloc3) ;; *) exit 100 ;; esac
APT
expect 0 'what this release has is installed, the rest is named' list
output=$output$(cat "$work/asked")
shows 'install -y --no-install-recommends libjemalloc2 libmimalloc3$'
shows '^    apt-get .* gnuplot-nox libtcmalloc-minimal4 libtbbmalloc2 libatomic-ops-dev libclang-rt-dev$'
rm "$work/asked"
expect 0 'what could not be had is not asked for again' list
shows 'going on without'
[ ! -e "$work/asked" ] || fail 'apt-get was called'
expect 2 'tests need cmocka' test
shows '^    apt-get .* libcmocka-dev'
[ -e "$work/asked" ] || fail 'apt-get was not called'

# ---- builds ----

system 'ID=debian'
can_build
expect 0 'the first build' bench --help
last_is 'bench: --help'
shows 'building; '
touch "$tree/build/release/kept"
expect 0 'a second one' list
hides 'building; '
[ -e "$tree/build/release/kept" ] || fail 'the build was thrown away'
mv "$tree" "$work/moved"
tree=$work/moved
expect 0 'a checkout that was moved' list
[ ! -e "$tree/build/release/kept" ] || fail 'the build of another place was kept'
printf '#!/bin/sh\necho this is why\nexit 1\n' | tool cmake
expect 1 'a build that fails' list
shows 'this is why'

# ---- tests ----

# ctest EXIT_STATUS TEST_STATUS...: tests that ended so.
ctest() {
    exit_status=$1
    shift
    {
        # shellcheck disable=SC2016 # for the script that is written
        printf '#!/bin/sh\ncat >"$4" <<XML\n<testsuite>\n'
        for end in "$@"; do printf '\t<testcase name="t" classname="t" time="1" status="%s">\n' "$end"; done
        printf 'XML\nexit %s\n' "$exit_status"
    } | tool ctest
}

can_test
ctest 0 run run run disabled
expect 0 'tests that pass' test
last_is '3 passed, 0 failed'
ctest 8 run fail notrun run
expect 8 'tests that fail, or could not be run' test
last_is '2 passed, 2 failed'
ctest 0 run notrun
expect 0 'a test that skips itself' test
last_is '1 passed, 0 failed'
# shellcheck disable=SC2016 # for the script that is written
printf '#!/bin/sh\necho "locale: ${LC_ALL-} ${LC_CTYPE-} ${LANG-}."\n' | tool ctest
(
    unset LC_ALL LC_CTYPE LANG
    expect 0 'no locale at all' test
    shows '^locale: C.UTF-8  .$'
    export LC_ALL=C LANG=de_DE.UTF-8
    expect 0 'one without UTF-8' test
    shows '^locale: C.UTF-8 '
    unset LC_ALL
    expect 0 "one with it, which is the user's" test
    shows '^locale:   de_DE.UTF-8.$'
    exit "$failed"
)
failed=$?
printf '#!/bin/sh\nexit 3\n' | tool ctest
expect 3 'no tests at all' test
last_is '0 passed, 1 failed'

tool ctest <<CTEST
#!/bin/sh
sh -c 'trap "echo ended >\"$work/child\"; exit" TERM; echo started >"$work/child"; sleep 60 & wait' &
wait
CTEST
for signal in TERM HUP; do
    rm -f "$work/child"
    PATH=$tools "$tree/run" test >/dev/null 2>&1 &
    run=$!
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        [ -s "$work/child" ] || sleep 0.2
    done
    kill -s $signal $run
    wait $run
    got=$?
    what="SIG$signal" output=''
    [ "$got" -gt 128 ] || fail "exit status $got"
    sleep 0.2
    [ "$(cat "$work/child")" = ended ] || fail 'what the tests had started still runs'
done

[ "$failed" -eq 0 ] && echo "the front door opens as its users expect"
exit "$((failed > 0))"
