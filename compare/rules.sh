# shellcheck shell=sh
# For tests of compare as its users call it, one rule a test: sourced after $compare, $work and the exports are set.
passed=0 failed=0 rule='' good=1 output=''

end_rule() {
    [ -n "$rule" ] || return 0
    if [ "$good" -eq 1 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    rule=''
}

# rule WORDS: what the lines up to the next one prove. Each begins afresh: the test's own forget() sees to that.
rule() {
    end_rule
    rule=$* good=1
    forget
}

fault() {
    good=0
    printf 'FAILED %s: %s\n%s\n' "$rule" "$1" "$output"
}

# ends STATUS ARG...: `call ARG...`, which is the test's own, does so; what it said is in $output.
ends() {
    want=$1
    shift
    output=$(call "$@" 2>&1)
    got=$?
    [ "$got" -eq "$want" ] || fault "exit status $got, not $want, of $*"
}

says() { printf '%s\n' "$output" | grep -Eq -- "$1" || fault "no line matches $1"; }
hides() { ! printf '%s\n' "$output" | grep -Eq -- "$1" || fault "a line matches $1"; }
is() { [ "$1" = "$2" ] || fault "$1 is not $2"; }

# The last line of the test, and its exit status.
end_rules() {
    end_rule
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
