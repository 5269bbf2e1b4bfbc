#!/usr/bin/env bash
# How the library's files hang together: no circle of folders, none of more than five files.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v python3 >/dev/null || { echo "skipped: there is no python3"; exit 0; }
said=$(python3 tests/house/circles.py ffi-guard/src)
grep -q '^circles of folders: 0$' <<<"$said" || { echo "a circle of folders:"; echo "$said"; exit 1; }
long=$(grep -E '^  ([6-9]|[0-9]{2,}): ' <<<"$said" || true)
[ -z "$long" ] || { echo "a circle of more than five files:"; echo "$long"; exit 1; }
echo "ok: no circle of folders, none of more than five files"
