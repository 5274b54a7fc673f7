#!/usr/bin/env python3
"""Runs the commands that the documents show, and compiles the programs they show.

usage: run_commands.py SOURCE_DIR BUILD_DIR

Every ```sh block of every README.md is run by `sh -eu` in a copy of the source tree, with the weir program of
BUILD_DIR in PATH, a home directory of its own, and, as root, a network of its own, so that fixed ports are
free. `meson install` goes to a folder (DESTDIR). A ```c or ```cpp block that has a main() is compiled. A block
below a line `<!-- not run: REASON -->` is passed over, and said so.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parents[1] / "lint"))
from lint import Lint  # noqa: E402

DEADLINE_S = 900
INCLUDES = ["otlp/include", "tracking/include", "bridge/include"]


def blocks(path):
    """Yields (line, language, text, reason not to run or None) of the fenced blocks."""
    reason, language, text, start = None, None, [], 0
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if language is not None:
            if line.strip() == "```":
                yield start, language, "\n".join(text) + "\n", reason
                reason, language = None, None
            else:
                text.append(line)
        elif line.startswith("```"):
            language, text, start = line[3:].strip(), [], number
        elif match := re.match(r"<!-- not run: (.+) -->", line):
            reason = match.group(1)
        elif line.strip():
            reason = None


def copy_tree(source, target):
    for name in Lint(source).files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / name, target / name)


def run_shell(text, tree, scratch, build):
    """The output when it failed, else None. Whatever it started is ended."""
    home = scratch / "home"
    home.mkdir(exist_ok=True)
    environment = {**os.environ, "HOME": str(home), "DESTDIR": str(scratch / "installed"),
                   "PATH": f"{build / 'bridge' / 'cli'}:{os.environ['PATH']}"}
    command = ["sh", "-eu", "-c", text]
    if os.geteuid() == 0 and subprocess.run(["unshare", "--net", "true"], capture_output=True).returncode == 0:
        command = ["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", *command]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, cwd=tree, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            status = f"no end within {DEADLINE_S} s"
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        output.seek(0)
        text = output.read().decode(errors="replace")
    return None if status == 0 else f"{text}(status {status})"


def compile_program(text, language, tree, scratch):
    path = scratch / ("shown.c" if language == "c" else "shown.cpp")
    path.write_text(text)
    compiler = ["cc", "-std=c11"] if language == "c" else ["c++", "-std=c++17"]
    done = subprocess.run([*compiler, "-pedantic", "-Wall", "-Wextra", "-Werror", "-Wno-missing-field-initializers",
                           "-fsyntax-only", *(f"-I{tree / folder}" for folder in INCLUDES), str(path)],
                          capture_output=True, text=True)
    return None if done.returncode == 0 else done.stderr


def main():
    source, build = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    n_run, failures = 0, 0
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        tree = scratch / "weir"
        copy_tree(source, tree)
        for name in Lint(source).named("README.md"):
            for line, language, text, reason in blocks(source / name):
                is_program = language in ("c", "cpp") and re.search(r"\bint main\(", text)
                if language != "sh" and not is_program:
                    continue
                if reason is not None:
                    print(f"not run  {name}:{line}: {reason}")
                    continue
                fault = run_shell(text, tree, scratch, build) if language == "sh" else compile_program(text, language, tree, scratch)
                n_run += 1
                failures += fault is not None
                print(f"{'ok' if fault is None else 'FAIL':8} {name}:{line}", flush=True)
                if fault is not None:
                    print(text + "----\n" + fault)
    print(f"{n_run} blocks run, {failures} failed")
    return 1 if failures or n_run == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
