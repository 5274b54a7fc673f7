#!/bin/sh
# Builds weir as its users do into build-bench/ and counts the instructions and allocations of hot operations.
#
# usage: tests/bench/counts.sh [check|update|rows]     compares them with counts.tsv (the default), writes that, prints them
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=tests/lib.sh
. "$root/tests/lib.sh"
# shellcheck source=tests/bench/build.sh
. "$root/tests/bench/build.sh"

build_bench tests/bench/counts >&2
exec python3 -B tests/bench/counts.py "${1:-check}" "$build"
