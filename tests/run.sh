#!/bin/sh
# Installs what the tests need (Debian 12, apt-get), builds weir in every way it is promised to build, and runs
# every test that needs no more than Debian's packages. The real peers are in tests/interop/run.sh.
#
# usage: tests/run.sh [STEP...]     one or more of: gcc clang sanitizers nohttp minimal install counts valgrind
#                                   threads quickstart documents; all without arguments. Builds lie in build-tests/, logs in its logs/.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
builds=$root/build-tests
logs=$builds/logs
began=$(date +%s)
mkdir -p "$logs" || exit 1
# shellcheck source=tests/lib.sh
. "$root/tests/lib.sh"

PACKAGES='gcc g++ clang clang-format libclang-rt-14-dev meson ninja-build pkg-config cmake libc6-dev binutils
    libcriterion-dev libprotobuf-c-dev libprotobuf-dev protobuf-c-compiler libcurl4-openssl-dev zlib1g-dev
    libdeflate-dev libmicrohttpd-dev libnghttp2-dev libzstd-dev libjansson-dev locales openssl procps iproute2 python3 valgrind curl zstd'

# configure NAME OPTION...: a build folder; configured anew only when its options have changed.
configure() {
    name=$1
    shift
    stamp=$builds/$name.options
    if [ ! -f "$builds/$name/build.ninja" ] || [ "$(cat "$stamp" 2>/dev/null)" != "$* ${CC:-}" ]; then
        rm -rf "${builds:?}/$name"
        meson setup "$builds/$name" "$@" || return 1
        printf '%s\n' "$* ${CC:-}" >"$stamp"
    fi
}

# run_tests NAME ARGUMENT...: `meson test` in that build; fails when it ran nothing.
run_tests() {
    name=$1
    shift
    meson test -C "$builds/$name" --print-errorlogs "$@" | tee "$logs/$name.verdicts"
    grep -q '^Fail: *0 *$' "$logs/$name.verdicts" && grep -q '^Timeout: *0 *$' "$logs/$name.verdicts" &&
        grep -q '^Ok: *[1-9]' "$logs/$name.verdicts"
}

with_gcc() {
    configure gcc -Dwerror=true && ninja -C "$builds/gcc" && run_tests gcc
}

with_clang() {
    CC=clang CXX=clang++ configure clang -Dwerror=true && ninja -k 0 -C "$builds/clang" &&
        run_tests clang --no-suite lint --no-suite headers
}

# Criterion's children and programs that go on after a report would hide it: whoever has something to say leaves a
# file, and a file is a failure.
with_sanitizers() {
    reports=$builds/sanitizers.reports
    rm -rf "$reports" && mkdir -p "$reports"
    configure sanitizers -Db_sanitize=address,undefined -Db_lundef=false && ninja -C "$builds/sanitizers" || return 1
    ASAN_OPTIONS=log_path=$reports/asan:detect_stack_use_after_return=1:strict_string_checks=1 \
        UBSAN_OPTIONS=log_path=$reports/ubsan:print_stacktrace=1 \
        run_tests sanitizers --no-suite lint --no-suite headers --timeout-multiplier 4
    verdict_of_tests=$?
    for report in "$reports"/*; do
        # On a loaded machine the leak check says that a thread did not stop in time; that alone is no finding.
        grep -qv 'was not suspended. False leaks are possible' "$report" 2>/dev/null || continue
        say "== $report"
        head -n 40 "$report"
        verdict_of_tests=1
    done
    return $verdict_of_tests
}

without_http() {
    configure nohttp -Dwerror=true -Dhttp=disabled -Dexamples=false && ninja -C "$builds/nohttp" &&
        run_tests nohttp --suite unit --suite golden &&
        python3 -B tests/headers/check_library.py "$root" "$builds/nohttp/bridge/libweir.so" --needs-only-libc
}

# The library alone: no program, no tests, no examples.
minimal() {
    configure minimal -Dwerror=true -Dprogram=disabled -Dtests=disabled -Dexamples=false &&
        ninja -C "$builds/minimal" && [ ! -e "$builds/minimal/bridge/cli/weir" ]
}

installed() {
    sh tests/headers/check_install.sh "$builds/gcc" && python3 -B tests/bench/sizes.py check "$builds/gcc"
}

# Instructions and allocations of hot operations, against a committed table; then that this gate can fail.
counted() {
    configure gcc -Dwerror=true && ninja -C "$builds/gcc" tests/bench/counts &&
        python3 -B tests/bench/counts.py check "$builds/gcc" && python3 -B tests/bench/test_counts.py --with "$builds/gcc"
}

# Children do not fail a run by themselves here either: the logs decide.
with_valgrind() {
    reports=$builds/valgrind.reports
    rm -rf "$reports" && mkdir -p "$reports"
    configure gcc -Dwerror=true && ninja -C "$builds/gcc" || return 1
    run_tests gcc --suite memcheck --no-rebuild --timeout-multiplier 20 --logbase valgrind --wrapper \
        "valgrind -q --trace-children=yes --trace-children-skip=/bin/*,/usr/* --leak-check=full
         --show-leak-kinds=definite,indirect --log-file=$reports/%p"
    verdict_of_tests=$?
    for report in "$reports"/*; do
        if [ -s "$report" ]; then
            say "== $report"
            head -n 40 "$report"
            verdict_of_tests=1
        fi
    done
    return $verdict_of_tests
}

with_thread_sanitizer() {
    reports=$builds/threads.reports
    rm -rf "$reports" && mkdir -p "$reports"
    CC=clang CXX=clang++ configure threads -Db_sanitize=thread -Db_lundef=false || return 1
    TSAN_OPTIONS=log_path=$reports/tsan:halt_on_error=0:die_after_fork=0 run_tests threads --suite stress --timeout-multiplier 4
    verdict_of_tests=$?
    for report in "$reports"/*; do
        [ -e "$report" ] || continue
        say "== $report"
        head -n 60 "$report"
        verdict_of_tests=1
    done
    return $verdict_of_tests
}

quickstart() {
    sh examples/quickstart.sh
}

documents() {
    python3 -B tests/documents/run_commands.py "$root" "$builds/gcc"
}

wants() {
    [ -z "$chosen" ] || case " $chosen " in *" $1 "*) true ;; *) false ;; esac
}

chosen=$*
# shellcheck disable=SC2086 # a list of words
install_packages $PACKAGES || exit 1
forget_environment
mark_processes
wants gcc && step 'gcc, warnings are errors, all suites' with_gcc
wants clang && step 'clang 14, warnings are errors' with_clang
wants sanitizers && step 'address and undefined-behaviour sanitizers' with_sanitizers
wants nohttp && step 'without HTTP: the library needs libc only' without_http
wants minimal && step 'the library alone' minimal
wants install && step 'installed: pkg-config, CMake, soname, export list' installed
wants counts && step 'counts of instructions and allocations' counted
wants valgrind && step 'valgrind' with_valgrind
wants threads && step 'thread sanitizer' with_thread_sanitizer
wants quickstart && step 'examples/quickstart.sh' quickstart
wants documents && step 'commands shown in documents' documents
step 'nothing left running' check_leftovers
summary
