#!/usr/bin/env python3
"""Every header compiles alone: public ones as strict C11 and C++17 by each compiler, internal ones as C.

usage: check_headers.py SOURCE_DIR BUILD_DIR

BUILD_DIR holds the generated headers. A header is compiled through a one-line source file, because
`#pragma once` in a main file is warned of.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PUBLIC = ["otlp/include", "tracking/include", "bridge/include"]
INTERNAL = ["otlp", "tracking", "bridge", "tests/support"]
# Included by another header, never by itself.
NOT_ALONE = {"weir/weir_cpp.h"}

STRICT = ["-Wall", "-Wextra", "-Werror", "-fsyntax-only"]
C_PUBLIC = ["-std=c11", "-pedantic", "-Wstrict-prototypes", "-Wundef"]
# C++ users compile with warnings of their own: these are the ones a C header runs into.
CPP_PUBLIC = ["-std=c++17", "-pedantic", "-Wundef", "-Wold-style-cast", "-Wzero-as-null-pointer-constant"]
C_INTERNAL = ["-std=c11", "-D_GNU_SOURCE", "-Wno-missing-field-initializers"]


def public_headers(source):
    for folder in PUBLIC:
        for path in sorted((source / folder).rglob("*.h")):
            name = path.relative_to(source / folder).as_posix()
            if name not in NOT_ALONE:
                yield name


def internal_headers(source):
    for folder in INTERNAL:
        for path in sorted((source / folder).rglob("*.h")):
            name = path.relative_to(source).as_posix()
            if "/include/" not in name:
                yield name


def jobs(source, build):
    """Yields (label, command without the file, header as written in the #include, suffix)."""
    public = ["-I" + str(source / folder) for folder in PUBLIC]
    everything = public + ["-I" + str(source), "-I" + str(build)]
    for header in public_headers(source):
        for compiler in ("gcc", "clang"):
            yield compiler, [compiler, *C_PUBLIC, *STRICT, *public], f"<{header}>", ".c"
        for compiler in ("g++", "clang++"):
            yield compiler, [compiler, *CPP_PUBLIC, *STRICT, *public], f"<{header}>", ".cpp"
    for header in internal_headers(source):
        for compiler in ("gcc", "clang"):
            yield compiler, [compiler, *C_INTERNAL, *STRICT, *everything], f'"{header}"', ".c"


def compile_alone(folder, index, job):
    compiler, command, header, suffix = job
    path = os.path.join(folder, f"alone_{index}{suffix}")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"#include {header}\n")
        file.write("typedef int not_empty;\n")
    done = subprocess.run([*command, path], capture_output=True, text=True)
    return None if done.returncode == 0 else f"{header} alone with {compiler}:\n{done.stderr}"


def main():
    source, build = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    missing = [name for name in ("gcc", "clang", "g++", "clang++") if shutil.which(name) is None]
    for name in missing:
        print(f"not run: {name} is missing")
    todo = [job for job in jobs(source, build) if job[0] not in missing]
    if len(todo) < 10:
        print(f"FAIL: only {len(todo)} compilations found: wrong folder, or no compiler")
        return 1
    with tempfile.TemporaryDirectory() as folder:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = pool.map(lambda pair: compile_alone(folder, *pair), enumerate(todo))
            failures = [text for text in results if text]
    for text in failures:
        print("FAIL:", text)
    print(f"{len(todo)} compilations, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
