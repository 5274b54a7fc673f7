#!/bin/sh
# What `meson install` leaves is enough to use the library: by pkg-config, by CMake, shared and static, in C and C++,
# from a folder that is not where it was configured to go.
#
# usage: check_install.sh BUILD_DIR
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

meson install -C "$build" --no-rebuild --quiet --destdir "$work/installed"
pc=$(find "$work/installed" -name weir.pc)
library=$(find "$work/installed" -name libweir.so)
archive=$(find "$work/installed" -name libweir.a)
[ -n "$pc" ] && [ -n "$library" ] && [ -n "$archive" ] || {
    echo "FAIL: weir.pc, libweir.so or libweir.a is not installed"
    find "$work/installed" -type f
    exit 1
}
PKG_CONFIG_PATH=$(dirname "$pc")
LD_LIBRARY_PATH=$(dirname "$library")
export PKG_CONFIG_PATH LD_LIBRARY_PATH
# Not --define-prefix: it takes the folder above lib/ for granted, and Debian's lies one deeper.
prefix=$(find "$work/installed" -path '*/include/weir/weir.h' | sed 's|/include/weir/weir.h$||')
config() {
    pkg-config --define-variable=prefix="$prefix" "$@" weir
}
# What the archive needs besides: the shared forms of the libraries that weir.pc names for it.
private=$(for package in $(config --print-requires-private | cut -d' ' -f1); do pkg-config --libs "$package"; done)

echo "== the exported names"
# shellcheck disable=SC2086 # a list of flags
python3 -B "$root/tests/headers/check_library.py" "$root" "$library" --static "$archive" $private

cat >"$work/user.c" <<'END'
#include <stdio.h>
#include <weir/weir.h>

/* Nothing but what a newcomer writes: a run with one streaming step, to a file. */
int main(int argc, char **argv) {
    weir *w = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (weir_open(&WEIR_OPTIONS(.service_name = "user", .otlp_off = true, .tracker_dir = argc > 1 ? argv[1] : NULL),
                  &w, &detail) != 0) {
        fprintf(stderr, "%s\n", detail.message);
        return 1;
    }
    weir_app *app = weir_app_new(w, &WEIR_APP_OPTIONS(.app_id = "installed"));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    weir_step *step = weir_step_begin(call, "answer", &WEIR_STEP_OPTIONS(.streams = true));
    weir_set(step, "tokens", 3);
    weir_stream *stream = weir_stream_begin(step);
    weir_stream_pull(stream);
    weir_stream_yield(stream);
    weir_stream_end(stream);
    weir_step_end(step, NULL);
    weir_call_end(call, NULL);
    weir_app_free(app);
    return weir_close(w, 1000) == 0 ? 0 : 1;
}
END
cat >"$work/user.cpp" <<'END'
#include <weir/weir.h>

int main(int argc, char **argv) {
    weir_options options = weir::options();
    options.otlp_off = true;
    options.tracker_dir = argc > 1 ? argv[1] : nullptr;
    struct weir *w = nullptr;
    if (weir_open(&options, &w, nullptr) != 0) {
        return 1;
    }
    weir_app *app = weir_app_new(w, nullptr);
    weir_app_free(app);
    return weir_close(w, 1000) == 0 ? 0 : 1;
}
END

# works NAME: the program runs and leaves a log.
works() {
    mkdir "$work/$1.runs"
    "$work/$1" "$work/$1.runs"
    [ -n "$(find "$work/$1.runs" -name log.jsonl)" ] || {
        echo "FAIL: $1 wrote no log"
        exit 1
    }
    echo "ok: $1"
}

echo "== programs"
# shellcheck disable=SC2046 # lists of flags
{
    cc -std=c11 -pedantic -Wall -Werror $(config --cflags) "$work/user.c" -o "$work/shared" $(config --libs)
    works shared
    # shellcheck disable=SC2086 # a list of flags
    cc -std=c11 $(config --cflags) "$work/user.c" -o "$work/static" "$archive" $private -lpthread
    works static
    c++ -std=c++17 -pedantic -Wall -Werror $(config --cflags) "$work/user.cpp" -o "$work/cplusplus" $(config --libs)
    works cplusplus
}

mkdir "$work/cmake"
cp "$work/user.c" "$work/cmake"
{ # the lines that the README shows, around a program of that name
    echo 'cmake_minimum_required(VERSION 3.16)
project(user C)
add_executable(app user.c)'
    sed -n '/^```cmake$/,/^```$/p' "$root/README.md" | grep -v '^```'
} >"$work/cmake/CMakeLists.txt"
# CMake asks pkg-config without that variable: tell the file where it lies.
sed -i "s|^prefix=.*|prefix=$prefix|" "$pc"
cmake -S "$work/cmake" -B "$work/cmake/build" >"$work/cmake.log" 2>&1 && cmake --build "$work/cmake/build" >>"$work/cmake.log" 2>&1 || {
    cat "$work/cmake.log"
    echo "FAIL: the CMake lines"
    exit 1
}
cp "$work/cmake/build/app" "$work/by_cmake"
works by_cmake
