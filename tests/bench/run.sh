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

build_bench tests/bench/bench tests/bench/counts >&2
exec python3 -B tests/bench/table.py "$build" "$@"
