#!/bin/sh
# Rows about size and start: what the stripped library weighs with HTTP and without, what that is made of, and how long
# it takes to load it, to open and close a pipeline, to start the program. One JSON object a line (README.md: a source).
#
# usage: tests/bench/sizes.sh [BUILD_DIR [NAME-PART...]]     build-bench/, made if it is not there; the build without HTTP
#                                                            is made beside it. A part chooses the section or nothing.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
cd "$root"
# shellcheck source=tests/lib.sh
. "$root/tests/lib.sh"
# shellcheck source=tests/bench/build.sh
. "$root/tests/bench/build.sh"

build=${1:-$build}
[ $# -eq 0 ] || shift
is_chosen=$([ $# -gt 0 ] || echo yes)
for part in "$@"; do
    case 'Size and start' in *"$part"*) is_chosen=yes ;; esac
done
[ -n "$is_chosen" ] || exit 0 # two builds for rows that nobody will see

nohttp=$build-nohttp
build_bench tests/bench/bench tests/bench/opening bridge/cli/weir >&2
[ -f "$nohttp/build.ninja" ] ||
    meson setup "$nohttp" -Dhttp=disabled -Dprogram=disabled -Dtests=disabled -Dexamples=false >&2
ninja -C "$nohttp" >&2
exec python3 -B tests/bench/sizes.py rows "$build" "$nohttp"
