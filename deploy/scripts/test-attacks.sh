#!/usr/bin/env bash
# Runs the tests that attack, and says of each in one line how it went. They are those whose own name begins with the id
# of a fault (m8_a_removed_member_...) and those that docs/attacks.md names; all of them are part of `make test` too.
# Ends with 1 when one fails, and names the cases of that page that no test covers.
set -euo pipefail
cd "$(dirname "$0")/../.."

export CARGO_TERM_COLOR=never
page=docs/attacks.md
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The rows of the page: "M8 program::path" for each test, and the cases without one.
awk -F ' *[|] *' -v tests="$work/named" -v bare="$work/bare" '
    BEGIN { printf "" > tests; printf "" > bare }
    $3 !~ /^[A-Z][0-9]+$/ { next }
    $4 == "" { print $3 "  " $2 > bare; next }
    { count = split($4, each, / *, */); for (i = 1; i <= count; i++) print $3, each[i] > tests }
' "$page"

# What there is: "program path" for each test of the programs `make test` runs.
if ! cargo test --tests -- --list --format terse >"$work/list" 2>&1; then
    cat "$work/list" >&2
    exit 1
fi
# shellcheck disable=SC2016 # The dollars are for awk.
program='
    function program_of(line) {
        sub(/.*\//, "", line); sub(/-[0-9a-f]+\).*/, "", line)
        return line
    }
    /^ *Running .*\(.*\)$/ { program = program_of($0); next }
'
awk "$program"'/: test$/ { sub(/: test$/, ""); print program, $0 }' "$work/list" >"$work/all"

# What of it is wanted: "ID program path".
awk '
    FNR == NR { id[$2] = $1; next }
    {
        own = $2; sub(/.*::/, "", own); sub(/^_/, "", own)
        if (own ~ /^[cgklmnqrswy][0-9][0-9]?_/) { split(own, word, "_"); print toupper(word[1]), $0 }
        else if (($1 "::" $2) in id) print id[$1 "::" $2], $0
    }
' "$work/named" "$work/all" >"$work/wanted"
if [ ! -s "$work/wanted" ]; then
    echo 'peerage: no test was found' >&2
    exit 1
fi

cut -d ' ' -f 3 "$work/wanted" | sort -u >"$work/paths"
failed=0
mapfile -t paths <"$work/paths"
cargo test --tests --no-fail-fast -- --exact "${paths[@]}" 2>&1 | tee "$work/log" | awk "$program"'
    function tell(how, program, path,    own) {
        own = path; sub(/.*::/, "", own); sub(/^_/, "", own)
        if (index(own, tolower(id[program, path]) "_") == 1) sub(/^[^_]*_/, "", own)
        gsub("_", " ", own)
        printf "%-6s %-3s  %s (%s)\n", how, id[program, path], own, program
        fflush()
    }
    FNR == NR { id[$2, $3] = $1; all++; next }
    /^test .* \.\.\. (ok|FAILED|ignored)/ && (program, $2) in id {
        tell($4, program, $2)
        seen[program, $2] = 1
    }
    /^test result:/ { passed += $4 }
    END {
        # A line into which a program printed something is no failure: the count tells.
        for (test in id) if (!(test in seen)) {
            split(test, part, SUBSEP)
            tell(passed >= all ? "ok" : "?", part[1], part[2])
        }
    }
' "$work/wanted" - || failed=1

if [ "$failed" -ne 0 ]; then
    printf '\n' >&2
    sed -n '/^failures:$/,/^test result:/p' "$work/log" >&2
    # A program that did not build, or died, has said so itself.
    grep -E '^error' "$work/log" >&2 || true
fi
printf '\n%s tests, %s\n' "$(wc -l <"$work/wanted")" "$([ "$failed" -eq 0 ] && echo 'none failed' || echo 'SOME FAILED')"
if [ -s "$work/bare" ]; then
    printf 'cases without a test:\n'
    sed 's/^/  /' "$work/bare"
else
    printf 'every case of %s has a test\n' "$page"
fi
exit "$failed"
