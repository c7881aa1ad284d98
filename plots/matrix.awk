# SPDX-License-Identifier: MIT
#
# Of safety.tsv, what safety.gp draws: its cells by column and line, their colours, marks and counts; misuse is left to the
# table, for it has no verdicts.

BEGIN {
    FS = "\t"
    # as decimal numbers, for not every awk reads hexadecimal ones: #9FD8C4, #F0A27A, #E4E4E4
    colour["holds"] = 10475716; mark["holds"] = "✓"
    colour["fails"] = 15770234; mark["fails"] = "✗"
    words["signal"] = "signal handler"; words["nested"] = "nested"; words["progress"] = "progress, k threads stopped"
    words["fork"] = "fork"; words["loss"] = "bytes lost"
}

/^#/ { if ($0 ~ /^# cpu: /) cpu = substr($0, 8); next }
$1 == "allocator" || NF < 8 || $2 == "misuse" { next }
{
    if (!($1 in line)) { line[$1] = ++allocators; name[allocators] = $1 }
    key = $2 SUBSEP $3
    if (!(key in place)) {
        place[key] = ++cells
        label = $3
        sub(/^path=/, "", label); sub(/,fork=/, "\\n", label); sub(/,/, "\\n", label)
        sub(/depth=/, "× ", label)
        cell[cells] = label
        if ($2 != last) { group[++groups] = $2; first[groups] = cells; last = $2 }
    }
    verdict = $8; count = verdict == "fails" ? $6 "/" $5 : verdict == "holds" ? $5 : "–"
    if ($2 == "loss") count = $6 > 0 ? $6 "/" $5 : $7
    tint = verdict in colour ? colour[verdict] : 15000804
    sign = verdict in mark ? mark[verdict] : "·"
    rows[++n] = place[key] " " line[$1] " " tint " \"" sign "\" \"" count "\""
    held += verdict == "holds"; failed += verdict == "fails"
}

function quoted(text) {
    gsub(/"/, "", text)
    return "\"" text "\""
}

END {
    if (!n) exit
    print "allocators = " allocators "; cells = " cells "; groups = " groups
    print "array allocator_name[" allocators "]; array cell_name[" cells "]; array group_name[" groups "]; array group_first[" groups "]"
    for (i = 1; i <= allocators; i++) print "allocator_name[" i "] = " quoted(name[i])
    for (i = 1; i <= cells; i++) print "cell_name[" i "] = " quoted(cell[i])
    for (i = 1; i <= groups; i++)
        print "group_name[" i "] = " quoted(group[i] in words ? words[group[i]] : group[i]) "; group_first[" i "] = " first[i]
    print "headline = " quoted("A fault at every instruction: " held " cells hold, " failed " fail")
    print "footline = " quoted("✓ holds at all points that were tried, which are counted; ✗ fails at so many of them; · not measured, or nothing is declared.  " cpu)
    print "$matrix << EOD"
    for (i = 1; i <= n; i++) print rows[i]
    print "EOD"
}
