#!/usr/bin/env python3
"""The program with a host name that never resolves: it ends in time and says what became of its spans.

usage: hanging_name.py WEIR HANGING_NAMES_LIBRARY
"""

import os
import subprocess
import sys
import time

WATCHDOG_S = 60
ENOUGH_S = 20  # resolvers and libcurl wait for minutes


def main():
    weir, library = sys.argv[1:]
    command = [weir, "demo", "--endpoint", "http://hangs.test:4318"]
    began = time.monotonic()
    done = subprocess.run(command, env={**os.environ, "LD_PRELOAD": library, "no_proxy": "*"}, timeout=WATCHDOG_S,
                          capture_output=True, text=True)
    took = time.monotonic() - began
    sys.stderr.write(done.stderr)
    assert done.returncode == 1, done.returncode
    assert took < ENOUGH_S, took
    assert "did not reach" in done.stderr and "http://hangs.test:4318" in done.stderr, done.stderr
    assert "gave no answer in time" in done.stderr


if __name__ == "__main__":
    main()
