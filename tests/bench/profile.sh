#!/bin/sh
# Where the time of one row goes: its hottest functions, with the files they are from. By perf where it works, else by
# valgrind's callgrind, which counts instructions instead of time; the first line says which.
#
# usage: tests/bench/profile.sh [--callgrind] NAME-PART     the first row of bench whose name is, or holds, NAME-PART
#        WEIR_PROFILE_BUILD=FOLDER                          a build to look at instead of build-bench/
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=tests/lib.sh
. "$root/tests/lib.sh"
# shellcheck source=tests/bench/build.sh
. "$root/tests/bench/build.sh"
SECONDS_OF_PERF=3
SECONDS_OF_CALLGRIND=10 # a sample takes fifty times as long there, and one at least is run

# Not in every container may a program be sampled.
has_perf() {
    command -v perf >/dev/null && perf record -q -o "$data" true >/dev/null 2>&1
}

by_perf() {
    say 'by perf: share of the time, file, function'
    perf record -q -F 2000 -o "$data" "$bench" --for $SECONDS_OF_PERF "$row"
    perf report -q -i "$data" --stdio --no-children --percent-limit 0.5 --sort dso,srcfile,sym 2>/dev/null |
        grep -v '^$' | sort -rn | head -n 40
}

by_callgrind() {
    say 'by callgrind: instructions, not time; those of the kernel and waits are not in it'
    valgrind -q --tool=callgrind --callgrind-out-file="$data" "$bench" --for $SECONDS_OF_CALLGRIND "$row"
    callgrind_annotate --threshold=95 --auto=no "$data" | sed -n '/^Ir/,$p' | head -n 42
}

tool=''
if [ "${1:-}" = --callgrind ]; then
    tool=callgrind
    shift
fi
[ $# -eq 1 ] || { sed -n 's/^# usage: /usage: /p' "$0"; exit 2; }
row=$1
if [ -n "${WEIR_PROFILE_BUILD:-}" ]; then
    build=$WEIR_PROFILE_BUILD
else
    build_bench tests/bench/bench >/dev/null
fi
bench=$build/tests/bench/bench
data=$build/profile.data
if [ -z "$tool" ] && has_perf; then
    by_perf
else
    by_callgrind
fi
