#!/bin/sh
# compare report as its users call it, and its page in a browser. One rule a test. Without a Chromium what needs none is
# tried, and the rest is skipped (77). Usage: report_page_test.sh PATH-OF-COMPARE
set -u
compare=$(realpath -e "$1") && rules=$(realpath -e "${0%/*}/rules.sh") || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
LC_ALL=C.UTF-8 # without a UTF-8 locale gnuplot warns
export LC_ALL
browser=''
for name in chromium chromium-browser google-chrome; do
    [ -n "$browser" ] || ! command -v $name >/dev/null || browser=$name
done
# shellcheck source=compare/rules.sh
. "$rules"

forget() { rm -rf "$work/out"; }
call() { "$compare" report "$@"; }
has() { grep -q -- "$2" "out/$1" || fault "$1 has no $2"; }
lacks() { ! grep -q -- "$2" "out/$1" || fault "$1 has $2"; }

# ---- made-up results ----

# rounds N: of four allocators, the last of which has a name that HTML, Markdown and the shell would read as theirs, and
# crashes on two threads.
rounds() {
    printf '# cpu: <i>made up</i>\n# cores: 2\n# kernel: Linux 0\n# libc: glibc 0\n# date: 2026-01-31 12:00:00 +0000\n'
    printf '# load: 3.00 0 0\n# virtualisation: a virtual machine\n# name: run\n# order: ao,glibc,mine,<b>odd</b>\n'
    printf '# floor: -\n# baseline: glibc\n# plan: 0 allocators=all seed=7\n# command: ./run run --seed 7\n'
    printf 'workload\tparams\tthreads\tallocator\tround\tmetric\tvalue\tstatus\tnote\n'
    awk -v rounds="$1" 'BEGIN {
        OFS = "\t"
        n = split("ao glibc mine <b>odd</b>", allocator, " ")
        w = split("list-reversal:counter=private:1 list-reversal:counter=private:2 intensity:work=0:2 " \
            "intensity:work=100:2 mixed-sizes:live=16:1 mixed-sizes:live=16:2", cell, " ")
        for (r = 1; r <= rounds; r++)
            for (i = 1; i <= w; i++) {
                split(cell[i], part, ":")
                for (k = 1; k <= n; k++) {
                    where = part[1] OFS part[2] OFS part[3] OFS allocator[k] OFS r
                    if (k == 4 && part[3] == 2) {
                        print where, "time_ns", "-", "crashed", "SIGSEGV & more"
                        continue
                    }
                    time = (k == 2 ? 50 : 20 + 11 * k * part[3]) * (1 + r % 3 / 50)
                    print where, "peak_resident_bytes", 2e6 + 5e5 * k, "ok", "-"
                    print where, "p99.9_ns", 10 * time, "ok", "-"
                    print where, "ops_per_second", 1e9 * part[3] / time, "ok", "-"
                    if (part[1] == "intensity") print where, "work_ns", 1 + 2 * substr(part[2], 6), "ok", "-"
                    print where, "time_ns", time, "ok", "-"
                }
            }
        print "# finished: now"
    }'
}
mkdir measured safe claimed nothing
rounds 9 >measured/rounds.tsv
"$compare" run --from measured -o results >/dev/null 2>&1 || exit 2
{
    printf '# cpu: made up\nallocator\tcolumn\tparams\tinstructions\tpoints\tfailed\tbytes\tverdict\tkind\tfirst_failure\tpoint\tnote\n'
    printf 'ao\tsignal\tpath=pair\t78\t14\t0\t-\tholds\t-\t-\t-\t-\n'
    printf 'mine\tsignal\tpath=pair\t78\t14\t3\t-\tfails\thang\tmalloc+0x1 <script>\t7\t-\n'
} >safe/safety.tsv
printf 'claim\tallocator\tverdict\tvalue\tlow\thigh\tbound\twhere\tcell\tpeer\tnote\nfast\tao\tholds\t0.5\t0.4\t0.6\t<= 1\ta page\tw/threads:1\tglibc\t-\n' >claimed/claims.tsv
printf '## fast\n\n> "as <fast> as any"\n\na page.\n' >claimed/claims.md

# ---- files ----

rule it writes a page and Markdown, and says where
ends 0 results -o out
says '^out/report.html$'
says '^out/report.md$'
hides 'compare:'
has report.html '</html>'

rule the page asks nobody for anything
ends 0 results safe claimed -o out
lacks report.html ' src='
lacks report.html '@import'
is "$(grep -Eo 'https?://[a-z0-9.]+' out/report.html | sort -u | tr '\n' ' ')" 'http://www.w3.org '

rule no word of the results is read as the page\'s own
ends 0 results safe claimed -o out
lacks report.html '<b>odd'
lacks report.html '<i>made'
is "$(grep -c '<script' out/report.html)" 1
has report.html 'as &lt;fast&gt; as any'
lacks report.md '<[a-z]'

rule ranking, warnings, failures, commands and the seed are in both
ends 0 results -o out
for file in report.html report.md; do
    has $file 'By time'
    has $file 'not ranked, for they have too few'
    has $file 'a virtual machine'
    has $file 'SIGSEGV'
    has $file 'run run --seed 7'
    has $file 'seed=7'
done
has report.html 'threads 1 --seed 7'

rule too few rounds are said to be so
mkdir -p few && rounds 3 >few/rounds.tsv
ends 0 few -o out
has report.html 'an interval at 95 % for 3 allocators takes'

rule results that are not finished are reported as far as they go
mkdir -p part && head -n 60 measured/rounds.tsv >part/rounds.tsv
ends 0 part -o out
has report.html 'it is not finished'

rule links lead to the documents of this tree
ends 0 results -o out/deep/er
link=$(grep -o 'href="[^"]*docs/method.md' out/deep/er/report.html | head -n 1)
[ -f "out/deep/er/${link#href=\"}" ] || fault "$link leads nowhere"

rule bad use ends with 2 and says what is wrong
ends 2 nothing -o out
says 'there are no results in it'
ends 2 nowhere -o out
ends 2 -o out
says 'directories of results are wanted'
ends 2 results
COMPARE_REPORT=/nowhere ends 2 results -o out
says 'COMPARE_REPORT'

rule without gnuplot there are no pictures, and it is said why
COMPARE_PLOTS=/nowhere ends 0 results -o out
has report.html 'No slowdown-threads: /nowhere/slowdown-threads.gp is not there'

# ---- in a browser ----

# chrome ARG...: what it prints, with what the page says to its console in browser.log.
chrome() {
    timeout 120 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$work/profile" \
        --enable-logging=stderr --virtual-time-budget=20000 "$@" 2>browser.log
}

# What is tried in the page, which sits in a frame and tells the page around it.
try() {
    echo "<script>var drawn = $(find out -name 'report-*.svg' | grep -c .);</script>"
    cat <<'SCRIPT'
<script>
(function () {
    var faults = [];
    function fault(words) { faults.push(words); }
    function names(table, n) {
        return Array.prototype.map.call(table.tBodies[0].rows, function (row) {
            return (n === undefined ? row.querySelector('th') : row.cells[n]).textContent.trim();
        });
    }
    function click(table, n) { table.tHead.rows[0].cells[n].querySelector('button').click(); }
    function is(what, got, want) { if (String(got) !== String(want)) fault(what + ': ' + got + ', not ' + want); }

    var table = document.querySelector('#tables1 table');
    is('as it comes', names(table), 'ao,glibc,mine,<b>odd</b>');
    click(table, 1);
    is('by one thread', names(table), '<b>odd</b>,ao,mine,glibc'.split(',').sort(function (a, b) {
        var time = { ao: 31, glibc: 50, mine: 53, '<b>odd</b>': 64 };
        return time[a] - time[b];
    }));
    is('its mark', table.tHead.rows[0].cells[1].getAttribute('aria-sort'), 'ascending');
    click(table, 1);
    is('downwards', names(table), '<b>odd</b>,mine,glibc,ao');
    click(table, 2);
    is('the other mark is gone', table.tHead.rows[0].cells[1].getAttribute('aria-sort'), null);
    is('what crashed is last', names(table)[3], '<b>odd</b>');
    click(table, 2);
    is('and last downwards too', names(table)[3], '<b>odd</b>');
    click(table, 0);
    is('by name', names(table), names(table).slice().sort(function (a, b) { return a.localeCompare(b, 'en'); }));

    var pictures = document.querySelectorAll('figure svg'), ids = {};
    is('pictures', pictures.length, drawn);
    pictures.forEach(function (svg) {
        if (svg.getBoundingClientRect().height < 100) fault('a picture has no height');
        if (svg.querySelectorAll('text').length < 5) fault('a picture has no words');
        svg.querySelectorAll('use').forEach(function (use) {
            if (!document.querySelector(use.getAttribute('xlink:href'))) fault('a mark is missing');
        });
    });
    document.querySelectorAll('[id]').forEach(function (e) {
        if (ids[e.id]) fault('two of id ' + e.id);
        ids[e.id] = true;
    });
    document.querySelectorAll('a[href^="#"]').forEach(function (a) {
        if (!document.querySelector(a.getAttribute('href'))) fault(a.getAttribute('href') + ' leads nowhere');
    });
    var words = getComputedStyle(document.body).color;
    if (getComputedStyle(document.body).backgroundColor === words) fault('no colours');
    document.querySelectorAll('details').forEach(function (d) { d.open = true; });
    var page = document.documentElement;
    if (page.scrollWidth > page.clientWidth) fault('wider than ' + page.clientWidth + ': ' + page.scrollWidth);
    parent.postMessage(faults.length === 0 ? 'good' : faults.join('; '), '*');
})();
</script>
SCRIPT
}

if [ -z "$browser" ]; then
    end_rules || exit 1
    echo 'skipped: the page was not looked at, for there is no chromium'
    exit 77
fi

rule the page says nothing to the console
ends 0 results safe claimed -o out
chrome --dump-dom "file://$work/out/report.html" >dom
grep -q '</html>' dom || fault 'the browser gave no page'
output=$(cat browser.log)
hides 'CONSOLE'

for width in 390 1280; do
    rule "tables sort, pictures are there, and nothing is too wide for $width pixels"
    ends 0 results safe claimed -o out
    { sed '/<\/body>/,$d' out/report.html && try && echo '</body></html>'; } >out/tried.html
    cat >out/frame.html <<EOF2
<!doctype html><p id="verdict">nothing was heard</p>
<script>addEventListener('message', function (e) { document.getElementById('verdict').textContent = e.data; });</script>
<iframe src="tried.html" width="$width" height="900"></iframe>
EOF2
    output=$(chrome --dump-dom "file://$work/out/frame.html" | grep -o 'id="verdict">[^<]*'; grep CONSOLE browser.log)
    is "$output" 'id="verdict">good'
done

end_rules
