#!/bin/sh
# Builds weir and shows what it does: a streaming application runs in each of the four streaming
# modes, `weir collect` prints the spans it receives as trees, and the tracker writes Burr's files.
#
# usage: sh examples/quickstart.sh      on Debian 12, as root or with sudo, from any directory
#
# Installs missing packages with apt-get, builds in build-quickstart/, and leaves nothing running.
set -u
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
build=$root/build-quickstart
files=$build/files
log=$build/log.txt
weir=$build/bridge/cli/weir
collector=

packages='gcc libc6-dev meson ninja-build pkg-config libcurl4-openssl-dev libdeflate-dev
    libmicrohttpd-dev libnghttp2-dev libprotobuf-c-dev libprotobuf-dev libzstd-dev protobuf-c-compiler zlib1g-dev'

say() {
    printf '%s\n' "$*"
}

# fail WHAT REMEDY: says both and ends.
fail() {
    say "quickstart: $1" >&2
    say "  $2" >&2
    exit 1
}

# quietly WHAT REMEDY COMMAND...: runs it; its output is shown when it fails.
quietly() {
    what=$1 remedy=$2
    shift 2
    if ! "$@" >"$log" 2>&1; then
        tail -n 25 "$log" >&2
        fail "$what failed; all of its output is in $log" "$remedy"
    fi
}

stop_collector() {
    if [ -n "$collector" ]; then
        kill "$collector" 2>/dev/null
        wait "$collector" 2>/dev/null
        collector=
    fi
}
trap stop_collector EXIT
trap 'exit 130' INT TERM

# ---- packages ----

missing_packages() {
    for package in $packages; do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

install_packages() {
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        say "no apt-get here: taking it that meson, ninja, libcurl, libmicrohttpd, nghttp2, protobuf-c, zlib and zstd are installed"
        return
    fi
    missing=$(missing_packages)
    [ -n "$missing" ] || return
    by_hand="install them by hand: apt-get install $missing"
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        fail 'packages are missing, and this is neither root nor is there sudo' "$by_hand"
    fi
    say "fetching the lists of packages"
    quietly 'apt-get update' 'look at the network and at /etc/apt/sources.list' as_root apt-get update
    say "installing: $missing"
    # shellcheck disable=SC2086 # a list of names
    quietly 'apt-get install' "$by_hand" as_root apt-get install -y --no-install-recommends $missing
}

# ---- building ----

configure() {
    meson setup "$build" "$root" --buildtype=release -Dprogram=enabled -Dhttp=enabled -Dtests=disabled -Dexamples=false
}

build_weir() {
    if [ ! -f "$build/build.ninja" ]; then
        say "looking at the compiler and the libraries (some seconds)"
        quietly 'meson setup' "its log: $build/meson-logs/meson-log.txt" configure
    fi
    say "building in $build (the first time a minute or two; its output is in $log)"
    quietly 'the build' "start afresh: rm -r $build" ninja -C "$build"
}

# ---- showing ----

# Settings of the caller's own applications are not meant for this.
forget_settings() {
    for name in $(env | sed -n 's/^\(OTEL_[A-Z0-9_]*\|WEIR_[A-Z0-9_]*\|burr_path\)=.*/\1/p'); do
        unset "$name"
    done
    no_proxy=127.0.0.1
    export no_proxy
}

start_collector() {
    width=$(stty size 2>/dev/null | cut -d' ' -f2)
    [ -t 1 ] && [ "${width:-0}" -ge 20 ] && set -- --width "$width"
    "$weir" collect --listen 127.0.0.1:0 "$@" >"$build/trees.txt" 2>"$build/collect.txt" &
    collector=$!
    tries=0
    until grep -q '^listening on ' "$build/trees.txt"; do
        tries=$((tries + 1))
        if [ $tries -gt 100 ] || ! kill -0 "$collector" 2>/dev/null; then
            fail "weir collect did not start: $(cat "$build/collect.txt")" "try it: $weir collect"
        fi
        sleep 0.1
    done
    endpoint=$(sed -n 's/^listening on //p' "$build/trees.txt")
}

# The application in one mode, and the tree of its spans.
show_mode() {
    n_lines=$(wc -l <"$build/trees.txt")
    say ''
    say "==== $1: $2 ===="
    "$weir" demo --mode "$1" --app-id "quickstart-$1" --endpoint "$endpoint" --tracker-dir "$files" ||
        fail "weir demo --mode $1 failed" "what the collector said: $(cat "$build/collect.txt")"
    say ''
    tail -n +$((n_lines + 1)) "$build/trees.txt"
}

show_files() {
    say '==== the same runs as Burr tracker files ===='
    (cd "$build" && find files -type f | sort | while read -r file; do
        printf '%6s bytes  %s\n' "$(wc -c <"$file")" "$build/$file"
    done)
    say ''
    say "The stream's sums, as Burr's log of quickstart-single_span has them:"
    grep -h '"type":"end_stream"' "$files/weir-demo/quickstart-single_span/log.jsonl"
}

mkdir -p "$build" && [ -w "$build" ] || fail "cannot write in $build" "remove it: sudo rm -r $build"
install_packages
build_weir
forget_settings
rm -rf "$files"
say 'starting a collector, and an application in four streaming modes (some seconds each)'
start_collector
show_mode single_span 'one span for the step, with the times of its stream'
show_mode event 'no span for the step; an event with the times on the call'
show_mode chunk_spans 'a span for each piece that was generated'
show_mode single_and_chunk_spans 'both'
stop_collector
show_files
say ''
say "Next: $weir collect     in one terminal, and"
say "      $weir demo        in another;  $weir --help  for the rest"
