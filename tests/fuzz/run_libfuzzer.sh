#!/bin/sh
# Searches for inputs that break a target: run_libfuzzer.sh TARGET [SECONDS]
# Needs clang with its run-time library (Debian: clang libclang-rt-14-dev). What it finds is left in
# the build folder under fuzz-TARGET; put the smallest into the corpus with the fix.
set -eu
target=${1:?usage: run_libfuzzer.sh TARGET [SECONDS]}
seconds=${2:-60}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${WEIR_FUZZ_DIR:-$root/build-fuzz}/fuzz-$target
seeds=$root/tests/fuzz/corpus/$target
[ -d "$seeds" ] || seeds=$root/tests/data/otlp-vectors
mkdir -p "$work/found"
# shellcheck disable=SC2046  # the list of sources is meant to be split
clang -g -O1 -std=c11 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined \
    -I"$root" -I"$root/otlp/include" -o "$work/target" "$root/tests/fuzz/fuzz_$target.c" \
    $(ls "$root"/otlp/common/*.c) \
    "$root"/otlp/endpoint.c "$root"/otlp/headers.c "$root"/otlp/json_lines.c \
    "$root"/otlp/response.c "$root"/otlp/retry.c "$root"/otlp/schema.c "$root"/otlp/wire_read.c \
    -lm -lpthread
cd "$work"
exec ./target -max_total_time="$seconds" -timeout=10 found "$seeds"
