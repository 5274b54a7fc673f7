#!/usr/bin/env python3
"""Makes the output that the documents show anew and compares it.

usage: test_output.py SOURCE_DIR EXAMPLES_DIR WEIR

A comment before a fenced block of a README.md says where it comes from:
    <!-- output of: COMMAND -->       what COMMAND prints
    <!-- collected from: COMMAND -->  the trees that `weir collect` prints of the spans that COMMAND sends
    <!-- same as: FILE -->            FILE of the source tree, without the comment at its head
COMMAND is run by sh with the weir program and the examples in PATH and a home directory of its own. Times, bars, random ids
and the column widths that follow from them are not compared; a line of the block that is `…` stands for any lines.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("lint", "program")]
import weir_program  # noqa: E402
from lint import Lint  # noqa: E402

MASKS = [
    (r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"\b[0-9a-f]{32}\b", "TRACE"),
    (r"\bdemo-[0-9a-f]{8}\b", "DEMO"),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d+(Z| UTC)?", "TIME"),
    (r"(_time_ms\W+)[\d.e-]+", r"\1MS"),
    (r"\b\d[\d.]* (ns|µs|ms|s)\b", "DURATION"),
    (r"[█▉▊▋▌▍▎▏]+", " "),
    (r" +", " "),
]


def blocks(path):
    """Yields (line, kind, argument, text) of the blocks that a comment says the origin of."""
    text = path.read_text()
    pattern = r"^<!-- (output of|collected from|same as): ([^\n]+?) -->\n```\w*\n(.*?)^```$"
    for match in re.finditer(pattern, text, re.M | re.S):
        yield text.count("\n", 0, match.start()) + 1, match[1], match[2], match[3]


def masked(text):
    for pattern, replacement in MASKS:
        text = re.sub(pattern, replacement, text)
    return [line.rstrip() for line in text.strip("\n").split("\n")]


def is_like(shown, made):
    """Compares lines; … in `shown` is as many lines as it takes."""
    pattern = "".join("(?:.*\n)*?" if line == "…" else re.escape(line) + "\n" for line in shown)
    return re.fullmatch(pattern, "".join(line + "\n" for line in made)) is not None


def run(command, examples, home, **more):
    environment = weir_program.environment(
        HOME=home, PATH=f"{Path(weir_program.WEIR).parent}:{examples}:{os.environ['PATH']}", **more)
    done = subprocess.run(["sh", "-eu", "-c", command], cwd=home, env=environment, stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=weir_program.PATIENCE)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stderr.decode()}")
    return done.stdout.decode()


def collected(command, examples, home):
    with weir_program.Collector("--tree") as collector:
        run(command, examples, home, OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        trees = collector.end()[1]
    return trees.partition("\n")[2] if trees.startswith("trace ") else trees


def make(kind, argument, source, examples, home):
    if kind == "same as":
        return re.sub(r"\A/\*.*?\*/\n", "", (source / argument).read_text(), flags=re.S)
    return (run if kind == "output of" else collected)(argument, examples, home)


def main():
    source, examples = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    weir_program.WEIR = os.path.abspath(sys.argv[3])
    n_blocks = n_failures = 0
    for name in Lint(source).named("README.md"):
        for line, kind, argument, shown in blocks(source / name):
            with tempfile.TemporaryDirectory(prefix="weir-test-") as home:
                made = make(kind, argument, source, examples, home)
            n_blocks += 1
            if is_like(masked(shown), masked(made)):
                print(f"ok       {name}:{line}: {kind}: {argument}")
                continue
            n_failures += 1
            print(f"FAIL     {name}:{line}: {kind}: {argument}: now it is\n{made}")
    print(f"{n_blocks} blocks, {n_failures} failures")
    return 1 if n_failures or n_blocks == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
