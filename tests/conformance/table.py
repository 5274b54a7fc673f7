#!/usr/bin/env python3
"""The table of conformance: every rule has its test, a stated deviation, or is not claimed.

usage: table.py check              every rule has one of the three, and every test it names exists
       table.py run BUILD_DIR      runs those tests and prints each rule with its verdict

Tests of tests/interop need real peers: they are run when tests/interop/run.sh has set its variables, else shown as
"not run". Exit 1: a rule is open, or a test failed.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TESTS = HERE.parent
KINDS = ("deviation", "not claimed")
N_RULES = {"A": 53, "B": 40, "C": 26, "D": 36, "E": 66, "F": 11, "G": 31, "H": 11, "I": 7}


class Rule:
    """A line: name and text, tests, and what is not so of it (`but`, and why)."""

    def __init__(self, line):
        head, *proofs = (part.strip() for part in line.split("|"))
        self.name, self.text = (head.split(None, 1) + [""])[:2]
        self.proof = " | ".join(proofs)
        self.tests, self.but, self.why = [], None, ""
        for proof in proofs:
            kind, _, why = proof.partition(":")
            if kind in KINDS:
                self.but, self.why = kind, why.strip()
            else:
                self.tests += proof.split()


def read_rules():
    lines = (HERE / "rules.txt").read_text().splitlines()
    return [Rule(line) for line in lines if line.strip() and not line.startswith("#")]


# ---- tests by name ----

def source_of(test):
    """The file and the name within it; None when there is no such file."""
    stress = re.fullmatch(r"stress/(\w+)", test)
    if stress is not None:
        path = TESTS / "stress" / f"stress_{stress.group(1)}.c"
        return (path, "main") if path.exists() else None
    match = re.fullmatch(r"(\w+)/(\w+)\.([\w.]+)", test)
    if match is None:
        return None
    folder, file, name = match.groups()
    for path in (TESTS / folder / f"test_{file}.c", TESTS / folder / f"test_{file}.py"):
        if path.exists():
            return path, name
    return None


def exists(test):
    found = source_of(test)
    if found is None:
        return False
    path, name = found
    text = path.read_text()
    if name == "main":
        return True
    if path.suffix == ".c":
        return re.search(rf"Test\(\w+,\s*{re.escape(name)}\b", text) is not None
    cls, _, method = name.partition(".")
    return f"class {cls}(" in text and f"def {method}(" in text


def faults(rules):
    wanted = [f"{letter}{number}" for letter, n in N_RULES.items() for number in range(1, n + 1)]
    names = [rule.name for rule in rules]
    yield from (f"{name}: is not in the table" for name in wanted if name not in names)
    yield from (f"{name}: is no rule" for name in names if name not in wanted)
    yield from (f"{name}: stands there twice" for name in sorted(set(names)) if names.count(name) > 1)
    for rule in rules:
        if not rule.text or not (rule.tests or rule.but):
            yield f"{rule.name}: says nothing, or nothing proves it"
        if rule.but and not rule.why:
            yield f"{rule.name}: {rule.but} without a reason"
        yield from (f"{rule.name}: there is no test {test}" for test in rule.tests if not exists(test))


# ---- verdicts ----

def tap_verdicts(text):
    """Criterion's TAP: 'ok - suite::name  …'."""
    verdicts = {}
    for line in text.splitlines():
        match = re.match(r"(ok|not ok) - \w+::(\w+)(.*)", line)
        if match:
            skipped = "# SKIP" in match.group(3)
            verdicts[match.group(2)] = "not run" if skipped else "ok" if match.group(1) == "ok" else "FAIL"
    return verdicts


def run(command, **options):
    """True when it ended well, and in time."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=600, check=False, **options).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def run_c(build, path):
    """A program of criterion, which reports each test; or of threads, which is one test."""
    is_stress = path.parent.name == "stress"
    program = build / "tests" / ("stress/" if is_stress else "") / \
        (path.stem if is_stress else f"test_{path.parent.name}_{path.stem[len('test_'):]}")
    if not program.exists():
        return {}
    if is_stress:
        return {"main": "ok" if run([program]) else "FAIL"}
    with tempfile.NamedTemporaryFile() as report:
        run([program, f"--tap={report.name}"])
        return tap_verdicts(Path(report.name).read_text(errors="replace"))


def run_python(build, path, names):
    folder = path.parent
    if folder.name == "interop" and "WEIR_TEST_BURR_PYTHON" not in os.environ:
        return {}
    verdicts = {}
    for name in names:
        if folder.name == "interop":
            command = [os.environ["WEIR_TEST_BURR_PYTHON"], "-B", folder / "run_tests.py", "--require-all", name]
        else:  # those of tests/program take the program last
            program = [build / "bridge" / "cli" / "weir"] if folder.name == "program" else []
            command = [sys.executable, "-B", path, name, *program]
        verdicts[name] = "ok" if run(command) else "FAIL"
    return verdicts


def run_all(rules, build):
    by_file = {}
    for rule in rules:
        for test in rule.tests:
            path, name = source_of(test)
            by_file.setdefault(path, set()).add(name)
    verdicts = {}
    for path, names in sorted(by_file.items()):
        got = run_c(build, path) if path.suffix == ".c" else run_python(build, path, sorted(names))
        verdicts.update({(path, name): got.get(name, "not run") for name in names})
    return verdicts


def verdict_of(rule, verdicts):
    if not rule.tests:
        return rule.but
    all_of_it = {verdicts[source_of(test)] for test in rule.tests}
    worst = next(verdict for verdict in ("FAIL", "not run", "ok") if verdict in all_of_it)
    if worst != "ok" or not rule.but:
        return worst
    return "deviation" if rule.but == "deviation" else "ok in part"


def print_table(rules, verdicts):
    counts = {}
    for rule in rules:
        verdict = verdict_of(rule, verdicts)
        counts[verdict] = counts.get(verdict, 0) + 1
        print(f"{rule.name:<4} {verdict:<12} {rule.text}")
        print(f"{'':<17} {rule.proof}")
    print(", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items())))
    return counts


def main(arguments):
    if arguments not in (["check"], ["run"] + arguments[1:2]):
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    rules = read_rules()
    found = list(faults(rules))
    print("\n".join(found) or f"{len(rules)} rules, each with its test, a deviation, or not claimed")
    if found or arguments == ["check"]:
        return 1 if found else 0
    counts = print_table(rules, run_all(rules, Path(arguments[1]).resolve()))
    return 1 if counts.get("FAIL") else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
