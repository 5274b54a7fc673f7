#!/usr/bin/env python3
"""The shared library exports what the public headers declare, the list says so, and nothing else.

usage: check_library.py SOURCE_DIR LIBWEIR_SO [--needs-only-libc] [--static LIBWEIR_A LINK_ARGS...]

Checks the exported names against the headers and against bridge/libweir.sym, the soname, the flag that
keeps the library loaded, what it links; then compiles and runs a program that refers to every declared
function, against the shared library (and the static one).
"""

import argparse
import fnmatch
import re
import subprocess
import sys
import tempfile
from pathlib import Path

PUBLIC = ["otlp/include", "tracking/include", "bridge/include"]
LIBC = {"libc.so.6", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
# What the sending side may link besides: HTTP, compression.
OTHERS = {"libm.so.6", "libcurl.so.4", "libz.so.1", "libzstd.so.1", "libdeflate.so.0"}

failures = []


def check(condition, text):
    if not condition:
        failures.append(text)


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def declared_names(source):
    """The functions and variables that the public headers declare with WEIR_API."""
    names = set()
    for folder in PUBLIC:
        for path in (source / folder).rglob("*.h"):
            text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
            text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*$|//[^\n]*", "", text, flags=re.M)
            for declaration in re.findall(r"\bWEIR_API\b([^;{]*)[;{]", text):
                match = re.search(r"\b(weir_\w+)\s*(?:\(|\[|$)", declaration)
                check(match, f"{path}: cannot read the declaration {declaration.strip()!r}")
                if match:
                    names.add(match.group(1))
    return names


def listed_patterns(source):
    """The names (or patterns) of the export list, a linker version script."""
    text = re.sub(r"/\*.*?\*/|#[^\n]*", "", (source / "bridge/libweir.sym").read_text(), flags=re.S)
    return re.findall(r"(weir_[\w*]+)\s*;", text.split("local:")[0])


def exported_names(library):
    lines = output_of("nm", "-D", "--defined-only", str(library)).splitlines()
    return {line.split()[-1].split("@")[0] for line in lines if line.split()[-2] != "A"}


def check_names(source, library):
    declared, listed, exported = declared_names(source), listed_patterns(source), exported_names(library)
    check(len(declared) > 20, f"only {len(declared)} declarations found in the public headers")
    for name in sorted(declared - exported):
        check(False, f"{name} is declared in a public header but not exported")
    for name in sorted(exported - declared):
        check(False, f"{name} is exported but declared in no public header")
    for pattern in listed:
        check(fnmatch.filter(exported, pattern), f"{pattern} is in bridge/libweir.sym but not exported")
    for name in sorted(exported):
        check(any(fnmatch.fnmatch(name, pattern) for pattern in listed), f"{name} is not in bridge/libweir.sym")
    return declared & exported


def check_dynamic_section(library, needs_only_libc):
    dynamic = output_of("readelf", "-d", str(library))
    soname = re.search(r"\(SONAME\).*\[(.*)\]", dynamic)
    check(soname and soname.group(1) == "libweir.so.0", f"the soname is {soname and soname.group(1)}")
    check(re.search(r"FLAGS_1.*NODELETE", dynamic), "not linked with -z nodelete")
    check(not re.search(r"\((RPATH|RUNPATH)\)", dynamic) or "build" in str(library), "has an RPATH")
    check(not re.search(r"\(TEXTREL\)", dynamic), "has text relocations")
    needed = set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))
    allowed = LIBC if needs_only_libc else LIBC | OTHERS
    check(needed <= allowed, f"links {', '.join(sorted(needed - allowed))}, which it may not")
    check("libc.so.6" in needed, "does not link libc: not what was meant")
    if needs_only_libc:
        loaded = re.findall(r"^\s*(\S+)", output_of("ldd", str(library)), re.M)
        names = {name.split("/")[-1] for name in loaded} - {"linux-vdso.so.1"}
        check(names <= LIBC, f"ldd shows {', '.join(sorted(names - LIBC))}")


PROGRAM = """\
#include <stdio.h>
#include <weir/otlp.h>
#include <weir/tracking.h>
#include <weir/weir.h>

typedef void any_function(void);
static any_function *volatile functions[] = {%s};

int main(void) {
    size_t n_found = 0;
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        n_found += functions[i] != NULL;
    }
    printf("%%zu\\n", n_found);
    return 0;
}
"""


def check_program(source, names, label, link_args):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "uses_everything.c"
        path.write_text(PROGRAM % ", ".join(f"(any_function *){name}" for name in sorted(names)))
        includes = [f"-I{source / include}" for include in PUBLIC]
        program = Path(folder) / "uses_everything"
        command = ["cc", "-std=c11", "-pedantic", *includes, str(path), "-o", str(program), *link_args]
        built = subprocess.run(command, capture_output=True, text=True)
        if built.returncode != 0:
            check(False, f"a program that uses every name does not link ({label}):\n{built.stderr}")
            return
        ran = output_of(str(program)).strip()
        check(ran == str(len(names)), f"{label}: {ran} of {len(names)} functions found")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("library", type=Path)
    parser.add_argument("--needs-only-libc", action="store_true")
    parser.add_argument("--static", nargs=argparse.REMAINDER, default=[])
    arguments = parser.parse_args()
    source, library = arguments.source.resolve(), arguments.library.resolve()
    names = check_names(source, library)
    check_dynamic_section(library, arguments.needs_only_libc)
    check_program(source, names, "shared", [str(library), f"-Wl,-rpath,{library.parent}"])
    if arguments.static:
        check_program(source, names, "static", [*arguments.static, "-lpthread"])
    for text in failures:
        print("FAIL:", text)
    print(f"{len(names)} exported names, {len(failures)} faults")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
