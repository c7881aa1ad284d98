#!/bin/sh
# programs_test.sh LIBRARY ALLOCATOR...: real programs under the preload library with each of its allocators; what they
# print must be what they print under glibc. Programs that are not here are named. The last line is
# `N passed, N failed`. PROGRAMS="python git ..." runs only those.
set -u
here=$(cd "$(dirname "$0")/../.." && pwd)

# ---- the programs: each prints what must be the same, and runs in an empty directory ----

# Objects of all sizes, threads, processes, json; every object by malloc.
python() {
    PYTHONMALLOC=malloc PYTHONHASHSEED=0 python3 - <<'EOF'
import hashlib, json, random, subprocess, sys, threading

def churn(seed, into):
    pick, held, digest = random.Random(seed), [], hashlib.sha256()
    for i in range(40000):
        held.append({"n": i, "text": "x" * pick.randrange(2000), "list": list(range(pick.randrange(40)))})
        if len(held) > 500:
            text = json.dumps(held.pop(pick.randrange(len(held))))
            digest.update(text.encode())
            digest.update(repr(json.loads(text)).encode())
    into[seed] = digest.hexdigest()

digests = {}
threads = [threading.Thread(target=churn, args=(seed, digests)) for seed in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(digests.items()))
print(hashlib.sha256(b"".join(bytes([i % 251]) * i for i in range(5000))).hexdigest())
print(sum(int(subprocess.run([sys.executable, "-c", "print(%d)" % i], capture_output=True).stdout) for i in range(5)))
EOF
}

python_tests() {
    python3 -m test test_json test_list test_dict 2>&1 | grep -E '^(Result|Tests result|[0-9]+ tests? )'
}

gcc() {
    command gcc -std=gnu11 -O2 -g0 -D_GNU_SOURCE -I"$here/allocator" -I"$here/allocator/include" -c \
        "$here/allocator/ao_malloc/ao_percpu.c" -o one.o && sha256sum one.o
    command gcc -std=gnu11 -O3 -g0 -D_GNU_SOURCE -I"$here/allocator" -I"$here/allocator/include" -S \
        "$here/allocator/registry.c" -o two.s && sha256sum two.s
}

# A million rows, indexed, joined, sorted, some of them deleted again.
sqlite3() {
    command sqlite3 base <<'EOF'
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE t (id INTEGER PRIMARY KEY, k INTEGER, text TEXT);
INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000)
    SELECT i, (i * 2654435761) % 1000003, 'row ' || i || substr('......................', 1, i % 23) FROM n;
CREATE INDEX by_k ON t (k);
SELECT count(*), sum(k), sum(length(text)) FROM t;
SELECT k % 100 AS g, count(*), min(text), max(text), group_concat(id % 7, '') FROM t WHERE k < 20000 GROUP BY g ORDER BY g;
SELECT count(*) FROM t a JOIN t b ON a.k = b.k + 1 WHERE a.id % 3 = 0;
SELECT text FROM t ORDER BY substr(text, -12), id LIMIT 20;
DELETE FROM t WHERE k % 5 = 0;
VACUUM;
PRAGMA integrity_check;
SELECT count(*), total(k) FROM t;
EOF
}

git() {
    command git clone -q --no-local "$here" clone && cd clone || return
    command git log --stat --format='%H %s'
    command git log -p -10 | sha256sum
    command git -c gc.auto=0 repack -q -a -d && command git fsck --full 2>&1 | grep -v '^dangling'
    command git grep -c malloc -- allocator
}

tar_xz() {
    tar -C "$here" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf all.tar allocator bench compare docs
    xz -T2 --block-size=256KiB -k all.tar && sha256sum all.tar all.tar.xz
    xz -9 -dc all.tar.xz | tar -xf - && find allocator -type f -exec sha256sum {} + | LC_ALL=C sort
}

redis() {
    redis-server --port 0 --unixsocket "$PWD/socket" --save '' --appendonly no >log 2>&1 &
    server=$!
    for _ in $(seq 100); do
        redis-cli -s socket ping >/dev/null 2>&1 && break
        sleep 0.1
    done
    redis-benchmark -s socket -q -n 20000 -d 300 -r 5000 -P 8 -t set,get,incr,lpush,rpop,sadd,hset,zadd,mset >/dev/null 2>&1
    echo "redis-benchmark: $?"
    redis-cli -s socket flushall
    for i in $(seq 5000); do
        echo "set key:$((i % 700)) $(printf '%0*d' $((i % 200 + 1)) "$i")"
        echo "append key:$((i % 300)) more"
        echo "lpush list:$((i % 20)) $i"
        echo "zadd sorted $((i * 7919 % 1000)) member:$i"
    done | redis-cli -s socket | sha256sum
    redis-cli -s socket eval 'local t = {} for i = 1, 20000 do t[i] = string.rep("x", i % 100) end return #table.concat(t)' 0
    redis-cli -s socket zrange sorted 0 50
    redis-cli -s socket dbsize
    redis-cli -s socket memory purge
    redis-cli -s socket shutdown nosave
    wait "$server"
    echo "redis-server: $?"
}

# What NAME runs; prints what of that is not here.
lacks() {
    case $1 in
    python) set -- python3 ;;
    python_tests) python3 -c 'import test.test_json' 2>/dev/null || echo "python3's own tests" && return ;;
    tar_xz) set -- tar xz ;;
    redis) set -- redis-server redis-benchmark redis-cli ;;
    esac
    for command; do
        command -v "$command" >/dev/null || echo "$command"
    done
}

if [ "$1" = --program ]; then
    "$2"
    exit
fi

# ---- all of them ----

library=$1
shift
passed=0 failed=0
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
ln -s "$(realpath "$library")" "$work/" || exit 1 # the loader ends a path at a space
library=$work/${library##*/}
export LC_ALL=C
unset AO_MALLOC

# run NAME PLACE [VARIABLE=VALUE...]: what it prints, and its exit status, go to PLACE/printed.
run() {
    name=$1 place=$2
    shift 2
    mkdir -p "$place/in"
    (cd "$place/in" && exec env "$@" timeout 900 "$here/allocator/preload/programs_test.sh" --program "$name") \
        >"$place/printed" 2>"$place/errors"
    echo "exit status $?" >>"$place/printed"
}

for name in ${PROGRAMS:-python python_tests gcc sqlite3 git tar_xz redis}; do
    missing=$(lacks "$name")
    if [ -n "$missing" ]; then
        echo "$name: left out, for these are not here: $(echo "$missing" | tr '\n' ' ')"
        continue
    fi
    run "$name" "$work/glibc/$name" NONE=
    for allocator; do
        place=$work/$allocator/$name start=$(date +%s)
        run "$name" "$place" LD_PRELOAD="$library" AO_MALLOC="$allocator"
        if cmp -s "$work/glibc/$name/printed" "$place/printed" && [ "$(wc -l <"$place/printed")" -gt 1 ]; then
            passed=$((passed + 1))
            echo "$name under $allocator: as under glibc, in $(($(date +%s) - start)) s"
        else
            failed=$((failed + 1))
            echo "$name under $allocator: not as under glibc:"
            diff "$work/glibc/$name/printed" "$place/printed" | head -n 10
            head -n 10 "$place/errors"
        fi
        rm -rf "$place/in"
    done
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
