# What tests/run.sh, tests/interop/run.sh and tests/bench/ share: packages, tools, timed steps with logs, a summary,
# and the check that nothing was left running. Sourced with `root` set to the top of the source tree.

results=''
failed=0

say() {
    printf '%s\n' "$*"
}

# as_root COMMAND...: by sudo when we are not root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        say "needs root or sudo: $*" >&2
        return 1
    fi
}

# install_packages NAME...: those that are missing, with one apt-get update.
install_packages() {
    missing=''
    for package in "$@"; do
        # shellcheck disable=SC2016 # the format is dpkg's, not the shell's
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing="$missing $package"
    done
    [ -n "$missing" ] || return 0
    say "installing$missing"
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive sh -c '
        apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null' apt $missing
}

# Sets $go to the newest of what PATH and the usual place have, or $go_reason.
find_go() {
    for go in go /usr/local/go/bin/go; do
        version=$(GOTOOLCHAIN=local "$go" version 2>/dev/null | sed -n 's/^go version go1\.\([0-9]*\).*/\1/p')
        if [ -n "$version" ] && [ "$version" -ge 26 ]; then
            return 0
        fi
    done
    go_reason='Go 1.26 is missing'
    return 1
}

# Sets $python, or $python_reason.
find_python() {
    for python in python3 /usr/bin/python3; do
        if "$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then
            return 0
        fi
    done
    python_reason='Python 3.9 with venv is missing'
    return 1
}

# Variables of the caller's that would change what the programs under test do.
forget_environment() {
    for name in $(env | sed -n 's/^\(OTEL_[A-Z0-9_]*\|WEIR_[A-Z0-9_]*\|burr_path\|[a-z]*_proxy\|[A-Z]*_PROXY\)=.*/\1/p'); do
        case $name in
        WEIR_TEST_*) ;;
        *) unset "$name" ;;
        esac
    done
    unset CC CXX CFLAGS CXXFLAGS LDFLAGS MESON_TESTTHREADS MAKEFLAGS
    LC_ALL=C.UTF-8
    export LC_ALL
}

# step NAME COMMAND...: runs it with its output in a log; prints one line, and the log's end on failure.
step() {
    step_name=$1
    shift
    log=$logs/$(printf '%s' "$step_name" | tr -c 'a-zA-Z0-9\n' '-').log
    started=$(date +%s)
    if "$@" >"$log" 2>&1; then
        verdict=ok
    else
        verdict=FAIL
        failed=1
    fi
    line=$(printf '%-4s %5d s  %s' "$verdict" $(($(date +%s) - started)) "$step_name")
    say "$line"
    results="$results$line
"
    if [ "$verdict" = FAIL ]; then
        say "---- the end of $log"
        tail -n 60 "$log"
        say '----'
    fi
}

# Everything started from here on carries this variable; mark_processes before, check_leftovers at the end.
mark_processes() {
    WEIR_TEST_RUN=$$-$(date +%s)
    export WEIR_TEST_RUN
}

# The processes of this run other than this shell and its children of the moment, ended and told of.
check_leftovers() {
    left=''
    for environ in /proc/[0-9]*/environ; do
        pid=${environ#/proc/}
        pid=${pid%/environ}
        if [ "$pid" != $$ ] && tr '\0' '\n' 2>/dev/null <"$environ" | grep -qx "WEIR_TEST_RUN=$WEIR_TEST_RUN" &&
            ! is_ours "$pid"; then
            left="$left $pid"
        fi
    done
    still=''
    for pid in $left; do
        [ -e "/proc/$pid" ] || continue # it was just ending
        still="$still $pid"
        say "left running: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)"
        kill "$pid" 2>/dev/null
    done
    [ -z "$still" ]
}

# True for this shell's own subshells, pipes and ancestors-in-between while check_leftovers runs.
is_ours() {
    parent=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null)
    [ -z "$parent" ] || [ "$parent" = $$ ]
}

summary() {
    say ''
    say "$results"
    if [ $failed -eq 0 ]; then
        say "all passed, $(($(date +%s) - began)) s"
    else
        say "FAILED, $(($(date +%s) - began)) s; logs in $logs"
    fi
    exit $failed
}
