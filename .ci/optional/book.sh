#!/usr/bin/env bash
# Builds the guide. mdbook is fetched and compiled (some four minutes of one core) where it is not installed.
set -euo pipefail
cd "$(dirname "$0")/../.."

mdbook=$(command -v mdbook || true)
if [ -z "$mdbook" ]; then
    tools=$PWD/target/tmp/mdbook
    cargo install mdbook --version 0.5.4 --locked --debug --quiet --root "$tools" ||
        { echo "skipped: mdbook is not installed, and cannot be fetched"; exit 0; }
    mdbook=$tools/bin/mdbook
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
"$mdbook" build docs --dest-dir "$out/book" 2>&1 | tee "$out/said"
if grep -Eq 'WARN|ERROR' "$out/said"; then echo "the guide builds with complaints"; exit 1; fi
# Each page of the summary is there, and none is empty.
pages=$(grep -o '([^)]*\.md)' docs/src/SUMMARY.md | tr -d '()')
for page in $pages; do
    [ -s "$out/book/${page%.md}.html" ] || { echo "no page for $page"; exit 1; }
done
echo "ok: the guide, $(echo "$pages" | wc -l) pages"
