#!/bin/sh
# Searches for inputs that break a target: run_libfuzzer.sh TARGET [SECONDS]
# Needs clang with its run-time library (Debian: clang libclang-rt-14-dev). What it finds is left in
# the build folder under fuzz-TARGET; put the smallest into the corpus with the fix.
set -eu
target=${1:?usage: run_libfuzzer.sh TARGET [SECONDS]}
seconds=${2:-60}
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${WEIR_FUZZ_DIR:-$root/build-fuzz}
work=$build/fuzz-$target
seeds=$root/tests/fuzz/corpus/$target
[ -d "$seeds" ] || seeds=$root/tests/data/otlp-vectors
[ -f "$build/build.ninja" ] ||
    CC=clang CXX=clang++ meson setup "$build" "$root" -Dfuzz=true -Dexamples=false \
        -Db_sanitize=address,undefined -Db_lundef=false
ninja -C "$build" "tests/fuzz/fuzz_$target"
mkdir -p "$work/found"
cd "$work"
exec "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=10 found "$seeds"
