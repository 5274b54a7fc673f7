#!/bin/sh
# Builds weir as its users do (meson's default options: shared library, -O2) into build-bench/ and prints the table of
# speeds with its goals. Installs what that needs (Debian 12, apt-get). Run it on an idle machine.
#
# usage: tests/bench/run.sh [--json] [--peers] [--no-counts] [NAME-PART...]     README.md here says what they mean
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=tests/lib.sh
. "$root/tests/lib.sh"
# shellcheck source=tests/bench/build.sh
. "$root/tests/bench/build.sh"

build_bench tests/bench/bench tests/bench/counts bridge/cli/weir >&2
# The Collector that tests/interop/run.sh has built, if it has.
for collector in "${XDG_CACHE_HOME:-${HOME:-/root}/.cache}"/weir-peers/otelcol-*/otelcol; do
    if [ -x "$collector" ]; then
        export WEIR_TEST_COLLECTOR="${WEIR_TEST_COLLECTOR:-$collector}"
    fi
done
exec python3 -B tests/bench/table.py "$build" "$@"
