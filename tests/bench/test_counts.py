#!/usr/bin/env python3
"""That the gate on counts can fail, and reads what callgrind writes.

usage: test_counts.py                  the parts
       test_counts.py --with BUILD     also counts the operations of a build, compares them with tables that are off,
                                       and counts again in other surroundings: takes a minute, needs valgrind
"""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import counts  # noqa: E402

COUNTS = Path(__file__).with_name("counts.py")
COMPILER = "gcc 12.2.0, x86-64, optimized"
DUMP = """version: 1
desc: Trigger: Client Request: 512 times span
events: Ir
ob=(1) /x/build/bridge/libweir.so.0.1.0
fl=(1) otlp/span.c
fn=(1) span_end
0 100
+3 11
cob=(2) /lib/libc.so.6
cfn=(2) memcpy
calls=3 0
0 900
cfn=(3) malloc
calls=2 0
0 5000
fn=(4) mem_free
cfn=(5) free
calls=9 0
0 70
* 7

ob=(2)
fn=(2)
0 900
cfn=(3)
calls=50 0
0 1
ob=(1)
fn=(1)
0 1
ob=(3) /x/build/tests/bench/counts
fn=(9) main
0 12345
"""


def off_by(measured, factor=1.0, allocations=0.0):
    return counts.write_table(COMPILER, {name: (n * factor, a + allocations) for name, (n, a) in measured.items()})


class Dumps(unittest.TestCase):
    def test_only_what_the_library_itself_does_counts(self):
        self.assertEqual(("512 times span", 119, 2), counts.totals_of(DUMP))

    def test_an_operation_is_the_difference_of_two_runs(self):
        totals = [("512 times span", 6120, 3), ("1536 times span", 16360, 1027), (None, 5, 5)]
        self.assertEqual({"span": (10, 1)}, counts.per_operation(totals))

    def test_what_is_known_by_differences(self):
        derived = counts.derive({"pull, no adapter": (40, 0), "pull, 1 adapter": (50, 0), "pull, 9 adapters": (210, 16)})
        self.assertEqual(((20, 0), (10, 1)), (derived["hook, no adapter"], derived["one more adapter"]))


class Gate(unittest.TestCase):
    MEASURED = {"span": (800, 0), "end_entry": (20000.25, 2)}

    def faults(self, text, measured=None, compiler=COMPILER):
        return counts.compare(compiler, measured or self.MEASURED, text)

    def test_the_same_passes(self):
        self.assertEqual([], self.faults(off_by(self.MEASURED)))
        self.assertEqual([], self.faults(off_by(self.MEASURED, 1.029)))
        self.assertEqual([], self.faults(off_by(self.MEASURED, 0.972)))

    def test_slower_fails(self):
        faults = self.faults(off_by(self.MEASURED, 0.95))
        self.assertEqual(2, len(faults))
        self.assertIn("span: 760 -> 800 instructions (+5.3 %): slower", faults[0])

    def test_faster_fails_too_and_says_what_to_do(self):
        faults = self.faults(off_by(self.MEASURED, 1.05))
        self.assertEqual(2, len(faults))
        self.assertIn("faster; update the table with", faults[0])

    def test_one_allocation_fails(self):
        faults = self.faults(off_by(self.MEASURED, allocations=-1))
        self.assertIn("span: -1 -> 0 allocations", faults[0])
        self.assertEqual(2, len(self.faults(off_by(self.MEASURED, allocations=0.01))))

    def test_both_must_have_the_same_operations(self):
        self.assertIn("is not in the table", self.faults(off_by({"span": (800, 0)}))[0])
        self.assertIn("was not counted", self.faults(off_by(self.MEASURED), {"span": (800, 0)})[0])

    def test_another_compiler_is_not_compared(self):
        self.assertIsNone(self.faults(off_by(self.MEASURED, 2), compiler="clang 14.0.6, x86-64, optimized"))

    def test_the_committed_table_is_one(self):
        compiler, expected = counts.read_table(counts.TABLE.read_text())
        self.assertEqual(COMPILER, compiler)
        self.assertEqual([], self.faults(counts.TABLE.read_text(), expected))
        self.assertTrue(all(instructions > 0 for instructions, _ in expected.values()))


class Real(unittest.TestCase):
    """With a build."""

    build = None

    def setUp(self):
        if self.build is None:
            self.skipTest("no build was given")

    def check(self, text):
        with tempfile.NamedTemporaryFile("w", suffix=".tsv") as table:
            table.write(text)
            table.flush()
            done = subprocess.run([sys.executable, "-B", str(COUNTS), "check", self.build, table.name],
                                  capture_output=True, text=True)
            return done.returncode, done.stdout

    def test_a_table_that_is_off_fails(self):
        compiler, measured = counts.measure(self.build)
        one_off = {**measured, "span": (measured["span"][0] * 0.95, 0), "item": (measured["item"][0] * 1.05, 0),
                   "first_item": (measured["first_item"][0], measured["first_item"][1] + 1)}
        status, said = self.check(counts.write_table(compiler, one_off))
        self.assertEqual((1, 3), (status, len(said.splitlines())), said)
        for part in ["span: ", "slower", "item: ", "faster; update the table with", "first_item: 1 -> 0 allocations"]:
            self.assertIn(part, said)

    def test_counts_repeat_elsewhere(self):
        """More environment, another place on the stack, another folder and time zone, and another libc's memcpy."""
        first = counts.measure(self.build)
        changes = {"WEIR_TEST_PADDING": "x" * 4321, "TZ": "Asia/Kolkata", "TMPDIR": "/var/tmp",
                   "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2_Usable,-AVX2,-ERMS"}
        os.environ.update(changes)
        try:
            self.assertEqual(first, counts.measure(self.build))
        finally:
            for name in changes:
                del os.environ[name]


if __name__ == "__main__":
    if sys.argv[1:2] == ["--with"]:
        Real.build = sys.argv[2]
        del sys.argv[1:3]
    unittest.main()
