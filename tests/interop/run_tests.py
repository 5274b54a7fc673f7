#!/usr/bin/env python3
"""Runs the tests of this folder; one line each. usage: run_tests.py [--require-all] [NAME-PART...]"""

import argparse
import sys
import time
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))


class Lines(unittest.TestResult):
    """ok / FAIL / not run, with the time; the tracebacks at the end."""

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()

    def say(self, verdict, test, why=""):
        name = test.shortDescription() or test.id()
        seconds = time.monotonic() - getattr(self, "began", time.monotonic())
        print(f"{verdict:<7} {seconds:5.1f} s  {name}{': ' if why else ''}{why}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.say("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.say("FAIL", test)

    def addError(self, test, err):
        super().addError(test, err)
        self.say("FAIL", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.say("not run", test, reason)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.say("FAIL", subtest)


def chosen(suite, parts):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from chosen(test, parts)
        elif not parts or any(part in test.id() for part in parts):
            yield test


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--require-all", action="store_true", help="what is not run is a failure")
    parser.add_argument("parts", nargs="*", help="run the tests whose name holds one of these")
    arguments = parser.parse_args()
    loader = unittest.TestLoader()
    suite = loader.discover(str(Path(__file__).parent))
    result = Lines()
    unittest.TestSuite(chosen(suite, arguments.parts)).run(result)
    for test, text in result.failures + result.errors:
        print(f"\n==== {test.id()}\n{text}")
    n_failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun} tests, {n_failed} failed, {len(result.skipped)} not run")
    return 1 if n_failed or not result.testsRun or (arguments.require_all and result.skipped) else 0


if __name__ == "__main__":
    sys.exit(main())
