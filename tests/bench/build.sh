# What the scripts of this folder share: the build that is measured. Sourced after tests/lib.sh, with `root` set to the
# top of the source tree.
# shellcheck shell=sh disable=SC2154 # root is set by whoever sources this

BENCH_PACKAGES='gcc binutils meson ninja-build pkg-config libc6-dev libcriterion-dev libprotobuf-c-dev libprotobuf-dev
    protobuf-c-compiler libcurl4-openssl-dev zlib1g-dev libdeflate-dev libmicrohttpd-dev libnghttp2-dev libzstd-dev
    libjansson-dev valgrind python3'
build=$root/build-bench

# build_bench TARGET...: default options, as users have them.
build_bench() {
    # shellcheck disable=SC2086 # a list of words
    install_packages $BENCH_PACKAGES || return 1
    forget_environment
    [ -f "$build/build.ninja" ] || meson setup "$build" || return 1
    ninja -C "$build" "$@"
}
