"""The runs that write_runs.c makes, and what their logs say."""

import json
import os
import subprocess
from pathlib import Path

PROJECT = "interop"


def program(name):
    """A program of this folder, built by meson."""
    return Path(os.environ["WEIR_TEST_BUILD"]) / "tests" / "interop" / name


def weir(*arguments, check=True, env=None):
    """Runs the weir program; the finished process."""
    done = subprocess.run([os.environ["WEIR_TEST_WEIR"], *map(str, arguments)], capture_output=True, timeout=120,
                          env={**os.environ, **(env or {})})
    if check and done.returncode != 0:
        raise AssertionError(f"weir {' '.join(map(str, arguments))}: {done.returncode}\n{done.stderr.decode()}")
    return done


def write_all(root):
    done = subprocess.run([program("write_runs"), root], capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"write_runs: {done.returncode}: {done.stdout} {done.stderr}")


def apps(root, project=PROJECT):
    return sorted(path.name for path in (Path(root) / project).iterdir() if path.is_dir())


def records(root, app, project=PROJECT):
    text = (Path(root) / project / app / "log.jsonl").read_text(encoding="utf-8", errors="strict")
    return [json.loads(line) for line in text.split("\n") if line]


def metadata(root, app, project=PROJECT):
    return json.loads((Path(root) / project / app / "metadata.json").read_text())


def of_type(lines, kind):
    return [line for line in lines if line["type"] == kind]


def without_internal(state):
    return {key: value for key, value in state.items() if not key.startswith("__")}
