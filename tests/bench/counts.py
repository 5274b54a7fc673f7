#!/usr/bin/env python3
"""Counts the instructions and allocations of hot operations, and compares them with the table counts.tsv.

usage: counts.py rows BUILD_DIR               prints them, one JSON object a line
       counts.py check BUILD_DIR [TABLE]      fails when an operation is not what the table says
       counts.py update BUILD_DIR [TABLE]     writes the table

The program counts runs under valgrind's callgrind. Instructions are those executed in libweir.so itself: what libc
does for it depends on the processor, what the program does is not weir's. Allocations are libweir.so's calls of
malloc and its like. Both are of one operation: the difference of two lengths of run, divided. They repeat exactly.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TABLE = HERE / "counts.tsv"
LIBRARY = re.compile(r"/libweir\.so[.\d]*$")
ALLOCATORS = {"malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"}
TOLERANCE = 0.03
UPDATE = "update the table with `sh tests/bench/counts.sh update`"

# Operations that are differences of others: name -> (the one, the other or None, by how many it is divided).
DERIVED = {
    "chunk span": ("pull, chunk_spans", "pull, single_span", 1),
    "hook, no adapter": ("pull, no adapter", None, 2),
    "hook, not sampled": ("pull, not sampled", None, 2),
    "one more adapter": ("pull, 9 adapters", "pull, 1 adapter", 16),
    "item": ("pull and item", "pull, single_span", 1),
    "weir_set, string": ("span of a step, 10 strings", "span of a step", 10),
    "weir_set, number": ("span of a step, 10 numbers", "span of a step", 10),
}


class CountError(Exception):
    pass


# ---- what callgrind dumps ----

class Names:
    """Callgrind writes a name once, as "(3) malloc", and then "(3)"."""

    def __init__(self):
        self.known = {}

    def read(self, text):
        number, _, name = text.partition(" ")
        if name:
            self.known[number] = name
        return self.known.get(number, text)


def totals_of(dump):
    """Of one dump: what it is of, instructions in libweir.so, and its calls of allocators."""
    objects, functions = Names(), Names()
    what, here, callee, is_call = None, "", "", False
    instructions = allocations = 0
    for line in dump.splitlines():
        key, equals, value = line.partition("=")
        if match := re.match(r"desc: Trigger: Client Request: (.*)$", line):
            what = match.group(1)
        elif key == "ob" and equals:
            here = objects.read(value)
        elif key == "cob" and equals:
            objects.read(value)
        elif key == "fn" and equals:
            functions.read(value)
        elif key == "cfn" and equals:
            callee = functions.read(value)
        elif key == "calls" and equals:
            is_call = True
            if LIBRARY.search(here) and re.sub(r"'\d+$", "", callee) in ALLOCATORS:
                allocations += int(value.split()[0])
        elif re.match(r"[+*\d-]", line):
            if not is_call and LIBRARY.search(here):
                instructions += int(line.split()[1]) if " " in line else 0
            is_call = False
    return what, instructions, allocations


def per_operation(totals):
    """Of (what, instructions, allocations) of runs of two lengths: {operation: (instructions, allocations)}."""
    runs = {}
    for what, *costs in totals:
        if match := re.match(r"(\d+) times (.*)$", what or ""):
            runs.setdefault(match.group(2), {})[int(match.group(1))] = costs
    counts = {}
    for name, lengths in runs.items():
        (n_short, short), (n_long, long) = sorted(lengths.items())
        counts[name] = tuple(round((a - b) / (n_long - n_short), 3) for a, b in zip(long, short))
    return counts


def derive(counts):
    for name, (one, other, divisor) in DERIVED.items():
        if one in counts and (other is None or other in counts):
            less = counts[other] if other else (0, 0)
            counts[name] = tuple(round((a - b) / divisor, 3) for a, b in zip(counts[one], less))
    return counts


def measure(build):
    """The compiler, and {operation: (instructions, allocations)}."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/dump",
                               "--collect-atstart=no", "--dump-line=no", str(Path(build) / "tests/bench/counts")],
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise CountError(f"counts failed ({done.returncode}): {done.stderr.strip()[-2000:]}")
        dumps = sorted(Path(folder).glob("dump.*"), key=lambda path: int(path.suffix[1:]))
        totals = [totals_of(path.read_text()) for path in dumps]
    counts = derive(per_operation(totals))
    if not counts or not all(instructions > 0 for instructions, _ in counts.values()):
        raise CountError("callgrind saw no instruction of libweir.so in an operation")
    return done.stdout.splitlines()[0], counts


# ---- the table ----

def write_table(compiler, counts):
    lines = [f"# {compiler}", "operation\tinstructions\tallocations"]
    lines += [f"{name}\t{instructions:g}\t{allocations:g}" for name, (instructions, allocations) in counts.items()]
    return "\n".join(lines) + "\n"


def read_table(text):
    """The compiler, and {operation: (instructions, allocations)}."""
    first, _, *lines = text.splitlines()
    rows = [line.split("\t") for line in lines]
    return first.removeprefix("# "), {name: (float(instructions), float(allocations)) for name, instructions, allocations in rows}


def compare(compiler, counts, text):
    """What is not as the table says, a line each; None when the table is of another compiler."""
    table_compiler, expected = read_table(text)
    if table_compiler != compiler:
        return None
    faults = [f"{name}: is in the table, but was not counted; {UPDATE}" for name in expected if name not in counts]
    for name, (instructions, allocations) in counts.items():
        if name not in expected:
            faults.append(f"{name}: is not in the table; {UPDATE}")
            continue
        before, allocations_before = expected[name]
        change = f"{name}: {before:g} -> {instructions:g} instructions ({100 * (instructions / before - 1):+.1f} %)"
        if instructions > before * (1 + TOLERANCE):
            faults.append(f"{change}: slower; if that is meant, {UPDATE}")
        elif instructions < before * (1 - TOLERANCE):
            faults.append(f"{change}: faster; {UPDATE}")
        if allocations != allocations_before:
            faults.append(f"{name}: {allocations_before:g} -> {allocations:g} allocations; if that is meant, {UPDATE}")
    return faults


def check(build, path):
    compiler, counts = measure(build)
    text = path.read_text()
    faults = compare(compiler, counts, text)
    if faults is None:
        print(f"not compared, because the table is of {read_table(text)[0]}; this is {compiler}")
        return 0
    print("\n".join(faults) or f"{len(counts)} operations as in the table, within {TOLERANCE:.0%}; allocations exactly")
    return 1 if faults else 0


def main(arguments):
    if len(arguments) not in (2, 3) or arguments[0] not in ("rows", "check", "update"):
        sys.exit(__doc__.split("\n\n")[1])
    verb, build, path = arguments[0], arguments[1], Path(arguments[2]) if len(arguments) > 2 else TABLE
    if verb == "check":
        return check(build, path)
    compiler, counts = measure(build)
    if verb == "update":
        path.write_text(write_table(compiler, counts))
        return 0
    for name, (instructions, allocations) in counts.items():
        print(json.dumps({"operation": name, "instructions": instructions, "allocations": allocations}))
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (CountError, OSError, ValueError) as error:
        sys.exit(f"counts.py: {error}")
