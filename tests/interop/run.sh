#!/bin/sh
# Builds the real peers (an OpenTelemetry Collector, Jaeger, Burr) into ${XDG_CACHE_HOME:-~/.cache}/weir-peers, once
# a version, and runs weir against them. Needs Go 1.26 and Python 3.9 or newer; a tool that is missing makes the tests
# that need it `not run`, or, with --require-all, a failure.
#
# usage: tests/interop/run.sh [--require-all] [NAME-PART...]     only the tests whose name holds one of the parts
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root" || exit 1
builds=$root/build-tests
logs=$builds/logs
began=$(date +%s)
mkdir -p "$logs" || exit 1
# shellcheck source=tests/lib.sh
. "$root/tests/lib.sh"

COLLECTOR_VERSION=0.161.0
JAEGER_VERSION=2.13.0
JAEGER_MODULE=v1.76.0 # the same commit: tags of version 2 cannot be fetched as a module
BURR_VERSION=0.43.0
OTLP_PROTO_VERSION=1.45.2
GRPCIO_VERSION=1.85.1

PACKAGES='gcc g++ meson ninja-build pkg-config libc6-dev libprotobuf-c-dev libprotobuf-dev protobuf-c-compiler
    libcurl4-openssl-dev libdeflate-dev zlib1g-dev libmicrohttpd-dev libnghttp2-dev libzstd-dev libjansson-dev libcriterion-dev
    openssl procps python3 python3-venv ca-certificates'

cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/weir-peers
mkdir -p "$cache" || exit 1
go_reason=''
python_reason=''

# build NAME COMMAND...: makes $cache/NAME unless it is there; the command fills the folder it is given.
build() {
    folder=$cache/$1
    shift
    [ -e "$folder/.complete" ] && return 0
    rm -rf "$folder" "$folder.part"
    mkdir -p "$folder.part" && "$@" "$folder.part" && mv "$folder.part" "$folder" && touch "$folder/.complete"
}

build_collector() {
    source=$(mktemp -d) || return 1
    cp "$root"/tests/interop/otelcol/* "$source" &&
        (cd "$source" && CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-buildvcs=false "$go" build -trimpath -ldflags='-s -w' -o "$1/otelcol" .)
    status=$?
    rm -rf "$source"
    return $status
}

# Its module has replace directives, which `go install` refuses.
build_jaeger() {
    source=$(mktemp -d) || return 1
    fetched=$(GOTOOLCHAIN=local "$go" mod download -json "github.com/jaegertracing/jaeger@$JAEGER_MODULE" |
        sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p')
    [ -n "$fetched" ] && cp -r "$fetched/." "$source" && chmod -R u+w "$source" &&
        (cd "$source" && CGO_ENABLED=0 GOTOOLCHAIN=local "$go" build -trimpath -buildvcs=false \
            -ldflags "-s -w -X github.com/jaegertracing/jaeger/internal/version.latestVersion=v$JAEGER_VERSION" \
            -o "$1/jaeger" ./cmd/jaeger)
    status=$?
    rm -rf "$source"
    return $status
}

# A virtual environment knows its own path, so it is made in place, not moved there like the others.
build_python() {
    folder=$cache/python-$BURR_VERSION-$OTLP_PROTO_VERSION-$GRPCIO_VERSION
    [ -e "$folder/.complete" ] && return 0
    rm -rf "$folder"
    "$python" -m venv "$folder" &&
        "$folder/bin/python" -m pip install -q --disable-pip-version-check \
            "apache-burr[tracking-client,tracking-server]==$BURR_VERSION" "opentelemetry-proto==$OTLP_PROTO_VERSION" \
            "grpcio==$GRPCIO_VERSION" &&
        touch "$folder/.complete"
}

build_weir() {
    [ -f "$builds/gcc/build.ninja" ] || meson setup "$builds/gcc" -Dwerror=true || return 1
    ninja -C "$builds/gcc" bridge/cli/weir tests/interop/write_runs
}

require_all=''
if [ "${1:-}" = --require-all ]; then
    require_all=--require-all
    shift
fi
# shellcheck disable=SC2086 # a list of words
install_packages $PACKAGES || exit 1
find_go
find_python
export WEIR_TEST_BUILD="$builds/gcc" WEIR_TEST_WEIR="$builds/gcc/bridge/cli/weir"
mark_processes

if [ -z "$go_reason" ]; then
    step "OpenTelemetry Collector $COLLECTOR_VERSION" build "otelcol-$COLLECTOR_VERSION" build_collector
    step "Jaeger $JAEGER_VERSION" build "jaeger-$JAEGER_VERSION" build_jaeger
    export WEIR_TEST_COLLECTOR="$cache/otelcol-$COLLECTOR_VERSION/otelcol" WEIR_TEST_JAEGER="$cache/jaeger-$JAEGER_VERSION/jaeger"
fi
export WEIR_TEST_MISSING_COLLECTOR="$go_reason" WEIR_TEST_MISSING_JAEGER="$go_reason"
if [ -z "$python_reason" ]; then
    step "Burr $BURR_VERSION, opentelemetry-proto $OTLP_PROTO_VERSION, grpcio $GRPCIO_VERSION" build_python
    export WEIR_TEST_BURR_PYTHON="$cache/python-$BURR_VERSION-$OTLP_PROTO_VERSION-$GRPCIO_VERSION/bin/python"
fi

forget_environment
step 'weir' build_weir
if [ -n "$python_reason" ]; then
    # The tests themselves are Python: nothing at all can be run.
    say "not run: $python_reason"
    [ -n "$require_all" ] && failed=1
else
    # shellcheck disable=SC2086 # empty or one word
    if ! "$WEIR_TEST_BURR_PYTHON" -B tests/interop/run_tests.py $require_all "$@"; then
        failed=1
    fi
fi
step 'nothing left running' check_leftovers
summary
