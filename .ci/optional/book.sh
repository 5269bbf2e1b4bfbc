#!/usr/bin/env bash
# Builds the guide where mdbook is installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
if ! command -v mdbook > /dev/null; then
    echo "skipped: no mdbook"
    exit 0
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
mdbook build docs --dest-dir "$out"
