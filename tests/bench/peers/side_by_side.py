#!/usr/bin/env python3
"""Runs weir and its peers by turns, each shape in its own processes, and prints the ratios. run.sh says where they are.

usage: side_by_side.py BUILD_DIR [OPTIONS] [NAME-PART...]     README.md: options
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import ratios

HERE = Path(__file__).resolve().parent
PATIENCE_S = 120
LEAST = 100  # operations
GO, RUST, PYTHON, BRIDGE, TRACKER = "Go SDK", "Rust SDK", "Python SDK", "Burr OpenTelemetryBridge", "Burr LocalTrackingClient"


# ---- shapes ----

def loop_ns(result):
    return result["loop_s"] / result["operations"] * 1e9


def loop_us(result):
    return loop_ns(result) / 1e3


def per_second(result):
    return result["operations"] / result["whole_s"]


def cpu_of_a_million(result):
    return result["cpu_s"] / result["operations"] * 1e6


def allocations(result):
    return round(result["allocations"] / result["operations"], 2)


ENCODING = "encoding is left out, weir's is in its figure; the strings are constants, which it need not copy and weir does"
NO_PULLS = "this release records nothing of a pull: what is measured is its dispatcher; weir times and adds up each pull"
OWN_SPANS = "this release has no chunk spans: what is measured is a span of the application's own around each chunk"
NS, US, RATE = ("ns", False, loop_ns), ("µs", False, loop_us), ("spans/s", True, per_second)
CPU = ("s a million", False, cpu_of_a_million)


def sdks(shape, **others):
    """The same shape of each SDK: program, its shape, how often."""
    chosen = {"weir": ("weir", shape, 200_000), GO: ("go", shape, 100_000), RUST: ("peers", shape, 100_000),
              PYTHON: ("python", shape, 10_000), **others}
    return {peer: program for peer, program in chosen.items() if program}


def against(peer, weir_shape, n_weir, peer_shape, n_peer):
    return {"weir": ("weir", weir_shape, n_weir), peer: ("burr", peer_shape, n_peer)}


def shape(title, programs, *figures, **more):
    """figures: what of a result is one: (end of its title, unit, whether more is better, function)."""
    return {"title": title, "programs": programs, "figures": figures, "left_out": {}, **more}


SHAPES = [
    shape("span, 10 strings set", sdks("span_10"), ("", *NS), left_out={GO: ENCODING, RUST: ENCODING, PYTHON: ENCODING}),
    shape("span, 10 strings at its begin", sdks("span_10_at_begin"), ("", *NS),
          left_out={GO: ENCODING, RUST: ENCODING, PYTHON: ENCODING}),
    shape("span, no attributes", sdks("span_0"), ("", *NS), left_out={GO: ENCODING, RUST: ENCODING, PYTHON: ENCODING}),
    shape("allocations of a span, 10 strings",
          sdks("span_10", **{RUST: ("peers-allocations", "span_10", 100_000), PYTHON: None}), ("", "", False, allocations),
          repetitions=1, left_out={GO: ENCODING, RUST: ENCODING}),
    shape("to the acknowledgement, plain", sdks("send_10"), ("", *RATE), (", CPU", *CPU), sends=[]),
    shape("to the acknowledgement, gzip", sdks("send_10"), ("", *RATE), (", CPU", *CPU), sends=["gzip"]),
    shape("step and its call", against(BRIDGE, "step", 100_000, "step", 5_000), ("", *US)),
    shape("pull, single_span", against(BRIDGE, "pull_single_span", 200_000, "pull", 100_000), ("", *NS),
          left_out={BRIDGE: NO_PULLS}),
    shape("pull, event", against(BRIDGE, "pull_event", 200_000, "pull", 100_000), ("", *NS), left_out={BRIDGE: NO_PULLS}),
    shape("pull and its chunk span", against(BRIDGE, "pull_chunk_spans", 200_000, "chunk_span", 5_000), ("", *US),
          left_out={BRIDGE: OWN_SPANS}),
    shape("tracker, a step", against(TRACKER, "tracker_step", 5_000, "tracker_step", 3_000), ("", *US), needs_folder=True),
]


# ---- programs ----

class Failure(Exception):
    pass


class Programs:
    """How each is started, and why one that is missing is."""

    def __init__(self, build):
        python = os.environ.get("WEIR_TEST_PEER_PYTHON", "")
        rust = Path(os.environ.get("WEIR_TEST_PEER_RUST", ""))
        self.commands = {
            "weir": [str(build / "tests/bench/peers/weir_shapes")],
            "go": [os.environ.get("WEIR_TEST_PEER_GO", "")],
            "peers": [str(rust / "peers")],
            "peers-allocations": [str(rust / "peers-allocations")],
            "python": [python, "-B", str(HERE / "otel_shapes.py")],
            "burr": [python, "-B", str(HERE / "burr_shapes.py")],
        }
        tools = {"go": "GO", "peers": "RUST", "peers-allocations": "RUST", "python": "PYTHON", "burr": "PYTHON"}
        self.reasons = {name: os.environ.get(f"WEIR_TEST_MISSING_PEER_{tool}", "") or "it was not built"
                        for name, tool in tools.items() if not os.environ.get(f"WEIR_TEST_PEER_{tool}")}

    def run(self, name, arguments):
        done = subprocess.run(self.commands[name] + arguments, capture_output=True, text=True, timeout=PATIENCE_S)
        if done.returncode != 0:
            raise Failure((done.stderr.strip() or "it failed").splitlines()[-1])
        return json.loads(done.stdout)


class Receiver:
    """The one receiver of everybody: its endpoint, and how many spans came since it was asked last."""

    def __init__(self, build):
        self.process = subprocess.Popen([str(build / "tests/bench/peers/receiver")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.endpoint = "http://127.0.0.1:" + self.process.stdout.readline().split()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def n_spans(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline().split()[2])


def run_once(programs, receiver, a_shape, peer, share):
    """One process of one program. What it lost is a failure: a fast way to lose spans is no result."""
    name, its_shape, n = a_shape["programs"][peer]
    arguments = [its_shape, str(max(LEAST, int(n * share)))]
    if "sends" in a_shape:
        result = programs.run(name, [*arguments, receiver.endpoint, *a_shape["sends"]])
        result["taken"] = receiver.n_spans()
    elif "needs_folder" in a_shape:
        with tempfile.TemporaryDirectory() as folder:
            result = programs.run(name, [*arguments, folder])
    else:
        result = programs.run(name, arguments)
    if result["taken"] != result["ended"]:
        raise Failure(f"{result['taken']} of {result['ended']} arrived")
    return result


def measure(programs, receiver, a_shape, options, missing):
    """By turns: one process of each program, then all of them again. A peer that fails is told of and left out."""
    results = {peer: [] for peer in a_shape["programs"]}
    for _ in range(min(options.repetitions, a_shape.get("repetitions", options.repetitions))):
        for peer in list(results):
            try:
                results[peer].append(run_once(programs, receiver, a_shape, peer, options.share))
            except (Failure, subprocess.TimeoutExpired) as error:
                if peer == "weir":
                    raise Failure(f"weir, {a_shape['title']}: {error}") from error
                missing[f"{peer}, {a_shape['title']}"] = str(error)
                del results[peer]
    for end, unit, more_is_better, figure in a_shape["figures"]:
        yield {"shape": a_shape["title"] + end, "unit": unit, "more_is_better": more_is_better,
               "left_out": a_shape["left_out"],
               "samples": {peer: [figure(result) for result in found] for peer, found in results.items()}}


# ---- conditions ----

def first_match(pattern, text):
    match = re.search(pattern, text, re.M)
    return match.group(1).strip() if match else "unknown"


def flags_of_library(build):
    """The options that the library's sources were compiled with, as far as they decide its speed."""
    commands = json.loads((build / "compile_commands.json").read_text())
    command = next((c["command"] for c in commands if c["file"].endswith("otlp/span.c")), "")
    return " ".join(word for word in command.split() if re.match(r"-(O|f|m)", word))


def conditions_of(build, missing):
    info = Path("/proc/cpuinfo").read_text()
    compiler = subprocess.run(["cc", "--version"], capture_output=True, text=True).stdout
    versions = {"weir": f"({compiler.splitlines()[0]}, {flags_of_library(build)}, shared library)"}
    told = json.loads(os.environ.get("WEIR_TEST_PEER_VERSIONS", "{}"))
    versions.update({peer: version for peer, version in told.items() if peer not in missing})
    return {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "machine": first_match(r"^model name\s*: (.*)$", info),
            "processors": os.cpu_count(), "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
            "load": round(os.getloadavg()[0], 2), "versions": versions}


def is_chosen(a_shape, peer, parts):
    return not parts or any(part in name for part in parts for name in (ratios.SECTION, a_shape["title"], peer))


def choose(programs, parts):
    """The shapes asked for, with the peers that can be run; why the others cannot."""
    chosen, missing = [], {}
    for a_shape in SHAPES:
        wanted = {peer: program for peer, program in a_shape["programs"].items()
                  if peer == "weir" or is_chosen(a_shape, peer, parts)}
        missing.update({peer: programs.reasons[program[0]] for peer, program in wanted.items() if program[0] in programs.reasons})
        wanted = {peer: program for peer, program in wanted.items() if program[0] not in programs.reasons}
        if len(wanted) > 1:
            chosen.append({**a_shape, "programs": wanted})
    return chosen, missing


def parse(arguments):
    parser = argparse.ArgumentParser(prog="side_by_side.py", usage=__doc__.strip().splitlines()[2].partition(" ")[2].strip())
    parser.add_argument("build", type=Path)
    parser.add_argument("parts", nargs="*")
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--share", type=float, default=1)
    parser.add_argument("--require-all", action="store_true")
    for form in ratios.FORMS:
        parser.add_argument(form, dest="form", action="store_const", const=form)
    return parser.parse_intermixed_args(arguments)


def main(arguments):
    options = parse(arguments)
    build = options.build.resolve()
    programs = Programs(build)
    chosen, missing = choose(programs, options.parts)
    run = {"conditions": conditions_of(build, missing), "missing": missing, "measures": []}
    with Receiver(build) as receiver:
        for a_shape in chosen:
            run["measures"] += measure(programs, receiver, a_shape, options, missing)
    ratios.show([run], options.form)
    return 1 if missing and options.require_all else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Failure, OSError) as error:
        sys.exit(f"side_by_side.py: {error}")
