#!/usr/bin/env bash
# Runs `cargo test` with the arguments it is given and collects what ffi-guard reports. Fails where the tests fail, and where a rule
# was broken that is denied; what a test expects and catches is left out. On GitHub each report becomes an annotation at its line.
set -euo pipefail

report=${GUARD_REPORT:-$PWD/target/guard.jsonl}
mkdir -p "$(dirname "$report")"
rm -f "$report"

status=0
GUARD_ON_VIOLATION=report GUARD_REPORT=$report cargo test "$@" || status=$?
[ -s "$report" ] || exit "$status"
findings=$(jq -c 'select(.rule and (.caught | not))' "$report")
[ -n "$findings" ] || exit "$status"

echo "ffi-guard:"
jq -r '"\(.severity)  \(.rule)  \(.function.name // "-")  \(.site.file // "-"):\(.site.line // "-")"' <<<"$findings" | sort | uniq -c
if [ -n "${GITHUB_ACTIONS:-}" ]; then
    jq -r '"::" + (if .severity == "deny" then "error " else "warning " end)
        + (if .site.file then "file=\(.site.file),line=\(.site.line)," else "" end)
        + "title=ffi-guard \(.rule)::\(.message)"' <<<"$findings" | sort -u
fi
if jq -es 'any(.severity == "deny")' <<<"$findings" >/dev/null; then exit 1; fi
exit "$status"
