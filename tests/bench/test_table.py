#!/usr/bin/env python3
"""That the table says what was measured: verdicts, knees, and one run of cheap rows, parsed.

usage: test_table.py    with WEIR_TEST_BUILD set to a build folder
"""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import table  # noqa: E402

TABLE = Path(__file__).with_name("table.py")
BUILD = os.environ.get("WEIR_TEST_BUILD", "build")


def run(*arguments, env=None):
    return subprocess.run([sys.executable, "-B", str(TABLE), BUILD, *arguments], capture_output=True, text=True, env=env)


def judged(**row):
    table.judge(row)
    return row


def curve(costs, **more):
    """Of (x, least cost): the others are noise."""
    points = [{"x": x, "minimum": cost, "median": 2 * cost, "maximum": 9 * cost, "more_is_better": False, **more}
              for x, cost in costs]
    table.judge_curve(points)
    return points


class Verdicts(unittest.TestCase):
    def test_at_most(self):
        self.assertEqual("met", table.verdict_text(judged(goal=80, minimum=70, median=80, maximum=80)))
        self.assertEqual("missed by 25 %", table.verdict_text(judged(goal=80, minimum=90, median=100, maximum=110)))

    def test_at_least(self):
        row = judged(goal=8, goal_is_least=True, minimum=5, median=6, maximum=7)
        self.assertEqual(("missed", 2, 25), (row["verdict"], row["missed_by"], row["missed_by_percent"]))
        self.assertEqual("met", judged(goal=8, goal_is_least=True, minimum=8, median=9, maximum=9)["verdict"])

    def test_a_goal_of_nothing(self):
        self.assertEqual("missed by 3", table.verdict_text(judged(goal=0, minimum=3, median=3, maximum=3)))
        self.assertEqual("met", table.verdict_text(judged(goal=0, minimum=0, median=0, maximum=0)))

    def test_samples_that_disagree_are_marked(self):
        self.assertEqual("met ~", table.verdict_text(judged(goal=80, minimum=70, median=75, maximum=90)))

    def test_no_goal_no_verdict(self):
        self.assertEqual("", table.verdict_text(judged(minimum=1, median=1, maximum=1)))


class Curves(unittest.TestCase):
    def test_what_one_more_costs(self):
        points = curve([(0, 100), (10, 200), (20, 300)], unit_of_more="ns")
        self.assertEqual([None, 10, 10], [point.get("cost") for point in points])
        self.assertFalse(points[2]["is_knee"])

    def test_a_knee_is_a_cost_that_rises(self):
        points = curve([(0, 100), (10, 200), (20, 400)], unit_of_more="ns")
        self.assertTrue(points[2]["is_knee"])
        self.assertEqual([False, True], [point["is_knee"] for point in curve([(1, 50), (10, 50), (100, 80)])[1:]])

    def test_of_a_rate_a_knee_is_one_that_falls(self):
        points = [{"x": x, "minimum": 1, "median": 2, "maximum": rate, "more_is_better": True} for x, rate in [(1, 3), (2, 6), (4, 3)]]
        table.judge_curve(points)
        self.assertEqual([False, True], [point["is_knee"] for point in points[1:]])

    def test_noise_below_nothing_has_no_ratio(self):
        points = curve([(0, 100), (1, 99), (2, 105)], unit_of_more="ns")
        self.assertNotIn("ratio", points[2])


class Run(unittest.TestCase):
    def test_rows_for_machines(self):
        done = run("--json", "--no-counts", "memcpy", "read back by protobuf-c")
        self.assertEqual(0, done.returncode, done.stderr)
        whole = json.loads(done.stdout)
        rows = {row["name"]: row for row in whole["rows"]}
        self.assertEqual({"memcpy of 240 B", "of 2,000 spans, read back by protobuf-c"}, set(rows))
        copy, decoded = rows["memcpy of 240 B"], rows["of 2,000 spans, read back by protobuf-c"]
        self.assertTrue(0 < copy["minimum"] <= copy["median"] <= copy["maximum"])
        self.assertEqual(("met", 2000), (decoded["verdict"], decoded["median"]))
        for name in ["machine", "processors", "kernel", "compiler", "flags", "clock_source", "load", "date", "version"]:
            self.assertTrue(whole["conditions"][name], name)

    def test_what_is_not_here_has_no_figure(self):
        without = {name: value for name, value in os.environ.items() if name != "WEIR_TEST_COLLECTOR"}
        done = run("--json", "--no-counts", "premade bodies to a Collector", env=without)
        self.assertEqual(0, done.returncode, done.stderr)
        whole = json.loads(done.stdout)
        self.assertEqual([], whole["rows"])
        self.assertEqual(2, len(whole["absent"]))
        for row in whole["absent"]:
            self.assertIn("WEIR_TEST_COLLECTOR", row["absence"])
            self.assertNotIn("median", row)
        self.assertIn("not here: WEIR_TEST_COLLECTOR", run("--no-counts", "premade bodies", env=without).stdout)

    def test_rows_for_people(self):
        done = run("--no-counts", "memcpy")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("memcpy of 240 B", done.stdout)
        self.assertLessEqual(max(len(line) for line in done.stdout.splitlines()), table.WIDTH + 20)

    def test_a_name_that_nothing_has(self):
        done = run("--no-counts", "no such row")
        self.assertEqual((1, "table.py: no row, curve or section has such a name\n"), (done.returncode, done.stderr))

    def test_an_option_that_is_none(self):
        self.assertIn("usage:", run("--xml").stderr)


if __name__ == "__main__":
    unittest.main()
