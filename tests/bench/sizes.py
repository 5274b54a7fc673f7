#!/usr/bin/env python3
"""What the stripped library weighs and how long a start takes.

usage: sizes.py rows BUILD_DIR BUILD_WITHOUT_HTTP     prints both, one JSON object a line
       sizes.py check BUILD_DIR [LIMIT]               fails when the library is bigger than what it is held to

A size is exact for one compiler: `check` compares with the one it names alone. Needs binutils.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

GOAL = 250_000
HELD_TO = 366_800  # bytes: what it was when this was written, and 3 %
COMPILER = "GCC: (Debian 12"
RUNS = 21
PARTS = {  # of the file: what is summed
    "code": [".text", ".plt", ".plt.got", ".init", ".fini"],
    "constants": [".rodata"],
    "unwind tables": [".eh_frame", ".eh_frame_hdr"],
    "pointers to constants": [".data.rel.ro"],
    "variables": [".data", ".tdata"],
    "variables that begin as 0": [".bss", ".tbss"],
    "relocations": [".rela.dyn", ".relr.dyn", ".rela.plt"],
    "names": [".dynsym", ".dynstr", ".gnu.hash", ".gnu.version", ".gnu.version_r"],
}


def output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def library_of(build):
    return Path(build) / "bridge" / "libweir.so"


def stripped_bytes(library):
    with tempfile.NamedTemporaryFile() as stripped:
        output("strip", "-o", stripped.name, str(library))
        return Path(stripped.name).stat().st_size


def sections_of(library):
    """Name -> bytes."""
    return {name: int(size) for name, size in re.findall(r"^(\.\S+)\s+(\d+)\s+\d+$", output("size", "-A", str(library)), re.M)}


def is_known_compiler(library):
    return COMPILER in output("readelf", "-p", ".comment", str(library))


# ---- rows ----

def print_row(name, unit, samples, **more):
    samples = sorted(samples)
    print(json.dumps({"section": "Size and start", "name": name, "unit": unit, "minimum": samples[0],
                      "median": samples[len(samples) // 2], "maximum": samples[-1], "samples": len(samples), **more}),
          flush=True)


def print_sizes(with_http, without):
    goal = {"goal": GOAL / 1000, "goal_is_least": False}
    print_row("stripped libweir.so", "kB", [stripped_bytes(with_http) / 1000], **goal)
    print_row("stripped libweir.so without HTTP", "kB", [stripped_bytes(without) / 1000], **goal)
    sections = sections_of(with_http)
    for part, names in PARTS.items():
        print_row(f"  {part}", "kB", [sum(sections.get(name, 0) for name in names) / 1000])
    print_row("exported functions", "", [len(output("nm", "-D", "--defined-only", str(with_http)).splitlines())])
    relocations = output("readelf", "-rW", str(with_http))
    print_row("number of relocations", "", [len(re.findall(r"^[0-9a-f]+ +[0-9a-f]+ R_", relocations, re.M))])


def print_times(build, library):
    """Each in a process of its own, after one that was thrown away: a library is loaded but once."""
    opening = str(Path(build) / "tests/bench/opening")
    for argument, name in (("load", "dlopen, with all that libcurl needs"), ("null", "weir_otlp_open and close, null transport"),
                           ("http", "weir_otlp_open and close, over HTTP")):
        samples = [float(output(opening, str(library.resolve()), argument)) for _ in range(RUNS + 1)]
        print_row(name, "ms", samples[1:])
    program = str(Path(build) / "bridge/cli/weir")
    for argument in ("--version", "--help"):
        samples = []
        for _ in range(RUNS + 1):
            began = time.perf_counter()
            output(program, argument)
            samples.append((time.perf_counter() - began) * 1e3)
        print_row(f"weir {argument}, a process", "ms", samples[1:])


def rows(build, without):
    print_sizes(library_of(build), library_of(without))
    print_times(build, library_of(build))
    return 0


# ---- the gate ----

def check(build, limit=HELD_TO):
    library = library_of(build)
    if not is_known_compiler(library):
        print(f"size not compared: the library is not made by {COMPILER}")
        return 0
    size = stripped_bytes(library)
    print(f"stripped libweir.so: {size} bytes, held to {limit}")
    if size > int(limit):
        print("FAIL: it is bigger. Is a cold file among the hot ones, does a table hold pointers, who uses what is new?")
        return 1
    return 0


def main(arguments):
    commands = {"rows": (rows, 2, 2), "check": (check, 1, 2)}
    command, least, most = commands.get(arguments[0] if arguments else "", (None, 0, 0))
    if command is None or not least <= len(arguments) - 1 <= most:
        print(__doc__, file=sys.stderr)
        return 2
    return command(*arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
