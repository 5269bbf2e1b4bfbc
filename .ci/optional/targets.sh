#!/usr/bin/env bash
# Other targets, built and run, with the tests: musl, 64-bit ARM under an emulator, Windows. To make the folder that it takes
# (700 MB to fetch) and to build all of it takes half an hour on two processors: more than is left of a run of .ci/run. So it
# is done where the folder is there already, in 15 to 20 minutes with what was built before, and skipped elsewhere.
#
#     tests/targets/run.sh                                      makes the folder, and does the same
#     FFI_GUARD_TARGETS=/a/folder bash .ci/optional/targets.sh  takes one from elsewhere
set -euo pipefail
cd "$(dirname "$0")/../.."

FFI_GUARD_TARGETS_MAKE=0 exec bash tests/targets/run.sh
