#!/usr/bin/env python3
"""The table's own rules: what table.py must find."""

import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import table

TEST = "otlp/retry.counts_days_right"


def whole():
    """A line for every rule, all proven by one test."""
    return [f"{letter}{n} says something | {TEST}" for letter, count in table.N_RULES.items() for n in range(1, count + 1)]


def faults_of(lines):
    return list(table.faults([table.Rule(line) for line in lines]))


class Table(unittest.TestCase):
    def test_a_whole_table_has_no_faults(self):
        self.assertEqual(faults_of(whole()), [])

    def test_a_missing_rule_is_named(self):
        lines = [line for line in whole() if not line.startswith("C7 ")]
        self.assertEqual(faults_of(lines), ["C7: is not in the table"])

    def test_what_is_no_rule_and_what_stands_there_twice(self):
        self.assertEqual(faults_of(whole() + [f"Z1 says something | {TEST}"]), ["Z1: is no rule"])
        self.assertEqual(faults_of(whole() + [f"A1 says something | {TEST}"]), ["A1: stands there twice"])

    def test_tests_must_exist(self):
        for name in ("?", "otlp/retry.no_such_test", "otlp/no_such_file.x", "program/cli.CommandLine.test_no_such"):
            self.assertEqual(faults_of([f"A1 says something | {name}"] + whole()[1:]), [f"A1: there is no test {name}"])
        self.assertEqual(faults_of(["A1 says something | program/cli.CommandLine.test_version"] + whole()[1:]), [])

    def test_reasons_must_be_given(self):
        self.assertEqual(faults_of(["A1 says something | deviation:"] + whole()[1:]), ["A1: deviation without a reason"])
        self.assertEqual(faults_of(["A1 says something | not claimed: because"] + whole()[1:]), [])

    def test_verdicts_of_a_run(self):
        report = "TAP version 13\nok - a::good  (0.00s)\nnot ok - a::bad  (0.01s)\nok - a::left_out # SKIP because\n"
        self.assertEqual(table.tap_verdicts(report), {"good": "ok", "bad": "FAIL", "left_out": "not run"})

    def test_the_worst_verdict_counts(self):
        rule = table.Rule(f"A1 says something | {TEST} otlp/retry.reads_delta_seconds")
        places = [table.source_of(test) for test in rule.tests]
        self.assertEqual(table.verdict_of(rule, dict(zip(places, ("ok", "FAIL")))), "FAIL")
        self.assertEqual(table.verdict_of(rule, dict(zip(places, ("ok", "not run")))), "not run")
        self.assertEqual(table.verdict_of(rule, dict(zip(places, ("ok", "ok")))), "ok")

    def test_what_is_proven_in_part_is_said_so(self):
        for but, verdict in (("not claimed", "ok in part"), ("deviation", "deviation")):
            rule = table.Rule(f"A1 says something | {TEST} | {but}: because")
            self.assertEqual((rule.tests, rule.but, rule.why), ([TEST], but, "because"))
            places = [table.source_of(TEST)]
            self.assertEqual(table.verdict_of(rule, dict(zip(places, ("ok",)))), verdict)
            self.assertEqual(table.verdict_of(rule, dict(zip(places, ("FAIL",)))), "FAIL")

    def test_programs_of_threads_are_one_test(self):
        self.assertEqual(faults_of(["A1 says something | stress/spans"] + whole()[1:]), [])
        self.assertEqual(faults_of(["A1 says something | stress/nothing"] + whole()[1:]),
                         ["A1: there is no test stress/nothing"])


if __name__ == "__main__":
    unittest.main()
