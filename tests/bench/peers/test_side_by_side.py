#!/usr/bin/env python3
"""That ratios are right, and that the programs of the comparison run: with weir in the place of its peers.

usage: test_side_by_side.py    with WEIR_TEST_BUILD set to a build folder
"""

import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import ratios  # noqa: E402

BUILD = Path(os.environ.get("WEIR_TEST_BUILD", "build")).resolve()
CONDITIONS = {"date": "2026-01-02T03:04:05Z", "machine": "a machine", "processors": 2, "kernel": "Linux", "load": 0.1,
              "versions": {"weir": "0.1.0", "Go SDK": "1.45.0"}}


def run_of(samples, more_is_better=False, left_out=None, **conditions):
    return {"conditions": {**CONDITIONS, **conditions}, "missing": {"Rust SDK": "cargo is missing"},
            "measures": [{"shape": "a span", "unit": "ns", "more_is_better": more_is_better, "left_out": left_out or {},
                          "samples": samples}]}


def text_of(*runs, form=None):
    out = io.StringIO()
    with redirect_stdout(out):
        ratios.show(list(runs), form)
    return out.getvalue()


class Ratios(unittest.TestCase):
    def one(self, samples, more_is_better=False):
        return ratios.rows_of([run_of(samples, more_is_better)])[0]

    def test_of_medians_and_the_range_of_pairs(self):
        row = self.one({"weir": [100, 200, 400], "Go SDK": [1000, 600, 800]})
        self.assertEqual((4, [2, 10]), (row["ratio"], row["ratio_range"]))
        self.assertEqual({"minimum": 600, "median": 800, "maximum": 1000, "samples": [1000, 600, 800]}, row["its"])

    def test_of_a_rate(self):
        self.assertEqual(5, self.one({"weir": [500], "Go SDK": [100]}, more_is_better=True)["ratio"])

    def test_of_nothing_there_is_none(self):
        row = self.one({"weir": [0, 0], "Go SDK": [8, 8]})
        self.assertEqual((None, None), (row["ratio"], row["ratio_range"]))

    def test_that_a_peer_is_ahead_is_said(self):
        self.assertIn("0.500 × (0.500–0.500) BEHIND", text_of(run_of({"weir": [200], "Go SDK": [100]})))


class Forms(unittest.TestCase):
    def test_text(self):
        text = text_of(run_of({"weir": [126.4], "Go SDK": [4123.4]}, left_out={"Go SDK": "encoding"}))
        self.assertIn("a span, ns\n  Go SDK [1]                    4,120                         126                                 32.6 ×", text)
        self.assertIn("[1] encoding\nnot run: Rust SDK: cargo is missing\n", text)

    def test_several_runs_are_one_table(self):
        run = run_of({"weir": [1], "Go SDK": [2]})
        self.assertEqual(2, len(json.loads(text_of(run, run, form="--json"))["rows"]))

    def test_runs_of_two_machines_are_none(self):
        with self.assertRaises(ValueError):
            text_of(run_of({"weir": [1]}), run_of({"weir": [1]}, machine="another"))

    def test_rows_for_the_table_of_all_speeds(self):
        lines = text_of(run_of({"weir": [1, 3], "Go SDK": [2, 4]}, left_out={"Go SDK": "encoding"}), form="--rows").splitlines()
        weir, peer = map(json.loads, lines)
        self.assertEqual(("Side by side", "a span: weir", 1, 2, 3),
                         tuple(weir[key] for key in ("section", "name", "minimum", "median", "maximum")))
        self.assertEqual("weir is ahead by 1.50 × (1.33–2.00); encoding", peer["note"])

    def test_numbers(self):
        self.assertEqual(["0", "0.0123", "1.50", "99.5", "1,230", "1,230,000"],
                         [ratios.number(value) for value in (0, 0.01234, 1.5, 99.46, 1234, 1234567)])


class Run(unittest.TestCase):
    """Every shape that weir can stand in for a peer, for real, but short."""

    def run_with(self, go, *arguments):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_TEST_PEER")}
        environment.update({"WEIR_TEST_PEER_GO": str(go), "WEIR_TEST_MISSING_PEER_RUST": "cargo is missing"})
        return subprocess.run([sys.executable, "-B", str(HERE / "side_by_side.py"), str(BUILD), "--json", "--repetitions",
                               "1", "--share", "0.01", *arguments, "Go SDK", "Rust SDK"],
                              capture_output=True, text=True, env=environment)

    def test_all_spans_arrive(self):
        done = self.run_with(BUILD / "tests/bench/peers/weir_shapes")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        whole = json.loads(done.stdout)
        self.assertEqual({"Rust SDK": "cargo is missing"}, whole["missing"])
        self.assertEqual(["span, 10 strings set", "span, 10 strings at its begin", "span, no attributes",
                          "allocations of a span, 10 strings", "to the acknowledgement, plain", "to the acknowledgement, plain, CPU",
                          "to the acknowledgement, gzip", "to the acknowledgement, gzip, CPU"],
                         [row["shape"] for row in whole["rows"]])
        for row in whole["rows"]:
            self.assertLessEqual(row["weir"]["minimum"], row["weir"]["maximum"])
        self.assertTrue(all(row["weir"]["median"] > 0 for row in whole["rows"] if "allocations" not in row["shape"]))

    def test_a_missing_peer_is_a_failure_when_all_are_required(self):
        self.assertEqual(1, self.run_with(BUILD / "tests/bench/peers/weir_shapes", "--require-all").returncode)

    def test_a_peer_that_loses_spans_has_no_figure(self):
        with tempfile.TemporaryDirectory() as folder:
            loser = Path(folder) / "loser"
            loser.write_text("#!/bin/sh\necho '{\"operations\": 100, \"loop_s\": 1, \"whole_s\": 1, \"cpu_s\": 1, "
                             "\"allocations\": 0, \"ended\": 103, \"taken\": 102}'\n")
            loser.chmod(0o755)
            whole = json.loads(self.run_with(loser).stdout)
        self.assertEqual([], whole["rows"])
        self.assertEqual("102 of 103 arrived", whole["missing"]["Go SDK, span, no attributes"])
        self.assertEqual("0 of 103 arrived", whole["missing"]["Go SDK, to the acknowledgement, plain"])

    def test_lifecycle_and_tracker(self):
        program = BUILD / "tests/bench/peers/weir_shapes"
        with tempfile.TemporaryDirectory() as folder:
            for arguments in (["step"], ["pull_single_span"], ["pull_event"], ["pull_chunk_spans"], ["tracker_step", folder]):
                done = subprocess.run([program, arguments[0], "200", *arguments[1:]], capture_output=True, text=True)
                self.assertEqual(0, done.returncode, done.stderr)
                result = json.loads(done.stdout)
                self.assertEqual(result["ended"], result["taken"], arguments)
                self.assertGreater(result["ended"], 0)
                self.assertGreater(result["loop_s"], 0)

    def test_a_shape_that_is_none(self):
        done = subprocess.run([BUILD / "tests/bench/peers/weir_shapes", "circle", "1"], capture_output=True, text=True)
        self.assertEqual(1, done.returncode)
        self.assertIn("usage: weir_shapes SHAPE N", done.stderr)


if __name__ == "__main__":
    unittest.main()
