#!/bin/sh
# Side by side: weir against the OpenTelemetry SDKs for Go, Rust and Python and against Burr's own telemetry, in one run,
# on the same shapes. Builds the peers into ${XDG_CACHE_HOME:-~/.cache}/weir-peers and weir, as its users do, into
# build-bench/. A tool that is missing, or a peer that cannot be had, is told of and passed over; with --require-all it
# is a failure. Run it on an idle machine.
#
# usage: tests/bench/peers/run.sh [--json | --rows | --raw] [--require-all] [--repetitions N] [--share F] [NAME-PART...]
#        README.md here says what they mean
set -u
root=$(cd "$(dirname "$0")/../../.." && pwd)
cd "$root" || exit 1
here=$root/tests/bench/peers
# shellcheck source=tests/lib.sh
. "$root/tests/lib.sh"
# shellcheck source=tests/bench/build.sh
. "$root/tests/bench/build.sh"
logs=$build/logs

SDK_GO_VERSION=1.45.0
SDK_RUST_VERSION=0.32.1
SDK_PYTHON_VERSION=1.45.2
BURR_VERSION=0.43.0

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/weir-peers

find_cargo() {
    for cargo in cargo "${HOME:-/root}/.cargo/bin/cargo"; do
        "$cargo" --version >/dev/null 2>&1 && return 0
    done
    cargo_reason='cargo is missing'
    return 1
}

# The sources are laid beside what their compiler keeps, so that the second build costs next to nothing and leaves
# nothing in the source tree.
build_go() {
    folder=$cache/sdk-go-$SDK_GO_VERSION
    mkdir -p "$folder" && cp "$here"/go/* "$folder" &&
        (cd "$folder" && GOTOOLCHAIN=local GOFLAGS='-buildvcs=false -mod=readonly' "$go" build -o peers .)
}

build_rust() {
    folder=$cache/sdk-rust-$SDK_RUST_VERSION
    mkdir -p "$folder" && cp -pR "$here"/rust/. "$folder" &&
        (cd "$folder" && CARGO_TARGET_DIR=target "$cargo" build --release)
}

# A virtual environment knows its own path, so it is made in place.
build_python() {
    folder=$cache/sdk-python-$SDK_PYTHON_VERSION-burr-$BURR_VERSION
    [ -e "$folder/.complete" ] && return 0
    rm -rf "$folder"
    "$python" -m venv "$folder" &&
        "$folder/bin/python" -m pip install -q --disable-pip-version-check \
            "apache-burr[tracking-client]==$BURR_VERSION" "opentelemetry-api==$SDK_PYTHON_VERSION" \
            "opentelemetry-sdk==$SDK_PYTHON_VERSION" "opentelemetry-exporter-otlp-proto-http==$SDK_PYTHON_VERSION" &&
        touch "$folder/.complete"
}

# build_peer REASON NAME COMMAND: sets $reason, empty when the peer is there.
build_peer() {
    reason=$1
    [ -n "$reason" ] && return
    step "$2" "$3"
    [ $failed -eq 0 ] || reason='it could not be had or built'
    failed=0
}

# Sets the variables by which side_by_side.py finds the programs.
build_all() {
    install_packages python3-venv ca-certificates && mkdir -p "$logs" "$cache" || exit 1
    go_reason='' cargo_reason='' python_reason=''
    find_go
    find_cargo
    find_python
    build_peer "$go_reason" "OpenTelemetry SDK for Go $SDK_GO_VERSION" build_go
    [ -n "$reason" ] || export WEIR_TEST_PEER_GO="$folder/peers"
    export WEIR_TEST_MISSING_PEER_GO="$reason"
    build_peer "$cargo_reason" "OpenTelemetry SDK for Rust $SDK_RUST_VERSION" build_rust
    [ -n "$reason" ] || export WEIR_TEST_PEER_RUST="$folder/target/release"
    export WEIR_TEST_MISSING_PEER_RUST="$reason"
    build_peer "$python_reason" "OpenTelemetry SDK for Python $SDK_PYTHON_VERSION, Burr $BURR_VERSION" build_python
    [ -n "$reason" ] || export WEIR_TEST_PEER_PYTHON="$folder/bin/python"
    export WEIR_TEST_MISSING_PEER_PYTHON="$reason"
    export WEIR_TEST_PEER_VERSIONS="$(versions)"
    step weir build_bench tests/bench/peers/weir_shapes tests/bench/peers/receiver
    [ $failed -eq 0 ] || exit 1
}

# What is compared, and by which tools it was made, as one JSON object.
versions() {
    printf '{"Go SDK": "%s (%s)", "Rust SDK": "%s (rustc %s)", "Python SDK": "%s (%s)", "Burr": "%s"}' \
        "$SDK_GO_VERSION" "$("${go:-go}" env GOVERSION 2>/dev/null)" \
        "$SDK_RUST_VERSION" "$("${cargo:-cargo}" --version 2>/dev/null | cut -d' ' -f2)" \
        "$SDK_PYTHON_VERSION" "$("$WEIR_TEST_PEER_PYTHON" --version 2>/dev/null)" "$BURR_VERSION"
}

build_all >&2
exec "$python" -B "$here/side_by_side.py" "$build" "$@"
