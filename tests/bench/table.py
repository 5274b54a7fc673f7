#!/usr/bin/env python3
"""Measures, and prints the table of speeds: each row with its goal, curves of cost, and the conditions.

usage: table.py BUILD_DIR [--json] [--peers] [--no-counts] [NAME-PART...]

NAME-PART chooses rows, curves and sections whose name holds it. --json: one JSON object with all of it.
--peers: other SDKs too, side by side. --no-counts: without instructions and allocations.

Rows come from several programs, each of which prints one JSON object a line (README.md: A source).
"""

import json
import os
import platform
import re
import subprocess
import sys
import textwrap
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
KNEE = 1.5  # a cost that grows by more than this between neighbours needs a reason
WIDTH = 110


# ---- conditions ----

def first_match(pattern, path):
    try:
        match = re.search(pattern, Path(path).read_text(), re.M)
    except OSError:
        return "unknown"
    return match.group(1).strip() if match else "unknown"


def flags_of_library(build):
    """The options that the library's sources were compiled with, as far as they decide its speed."""
    try:
        commands = json.loads((build / "compile_commands.json").read_text())
    except OSError:
        return "unknown"
    command = next((c["command"] for c in commands if c["file"].endswith("otlp/span.c")), "")
    return " ".join(word for word in command.split() if re.match(r"-(O|f(?!diagnostics|visibility)|m|g|D_FORTIFY|DNDEBUG)", word))


def conditions_of(build):
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": first_match(r"^model name\s*: (.*)$", "/proc/cpuinfo"),
        "processors": os.cpu_count(),
        "kernel": f"{platform.system()} {platform.release()} {platform.machine()}",
        "clock_source": first_match(r"(.*)", "/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "load": [round(load, 2) for load in os.getloadavg()],
        "flags": flags_of_library(build),
    }


def print_conditions(conditions):
    print(f"weir {conditions['version']}, {conditions['date']}, load at the start {conditions['load'][0]:g}")
    print(f"{conditions['machine']}, {conditions['processors']} processors, {conditions['kernel']}, "
          f"clock source {conditions['clock_source']}")
    print(textwrap.fill(f"{conditions['compiler']}, {conditions['flags']}, shared library", WIDTH))


# ---- sources ----

class SourceError(Exception):
    pass


def lines_of(command):
    """Yields the JSON objects that a program prints, as they come; what it says besides goes to standard error."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        for line in program.stdout:
            yield json.loads(line)
    if program.returncode != 0:
        raise SourceError(f"{command[0]} failed ({program.returncode})")


def is_chosen(row, parts):
    names = [row.get("section", ""), row.get("name", ""), row.get("curve", "")]
    return not parts or any(part in name for part in parts for name in names)


def sources(build, wants_peers):
    """The programs that print rows, in the order of the table."""
    yield [str(build / "tests/bench/bench")]
    for script in ["sizes.sh"] + (["peers/rows.sh"] if wants_peers else []):
        if (HERE / script).exists():
            yield ["sh", str(HERE / script), str(build)]


def counts_of(build):
    if not (HERE / "counts.py").exists():
        return {}
    return {line["operation"]: line for line in lines_of(["python3", "-B", str(HERE / "counts.py"), "rows", str(build)])}


# ---- verdicts ----

def judge(row):
    """Adds the verdict on the median, by how much a goal was missed, and whether all samples agree."""
    if "goal" not in row:
        return
    goal, is_least = row["goal"], row.get("goal_is_least", False)

    def meets(value):
        return value >= goal if is_least else value <= goal

    row["verdict"] = "met" if meets(row["median"]) else "missed"
    row["all_agree"] = meets(row["minimum"]) == meets(row["maximum"])
    if row["verdict"] == "missed":
        row["missed_by"] = round(abs(row["median"] - goal), 4)
        if goal:
            row["missed_by_percent"] = round(100 * abs(row["median"] - goal) / goal, 1)


def verdict_text(row):
    if "verdict" not in row:
        return ""
    text = "met"
    if row["verdict"] == "missed":
        text = "missed by " + (f"{row['missed_by_percent']:.0f} %" if "missed_by_percent" in row else number(row["missed_by"]))
    return text + ("" if row["all_agree"] else " ~")


def judge_curve(points):
    """
    Adds to each place what one more costs there, and the ratio to its neighbour; a knee is a cost that rises. Of the
    samples the best counts: what else the machine does only adds to them.
    """
    before = None
    for point in points:
        best = point["maximum"] if point["more_is_better"] else point["minimum"]
        if "unit_of_more" not in point:
            point["cost"] = best
        elif before is not None:
            point["cost"] = (best - before["minimum"]) / (point["x"] - before["x"])
        if before is not None and before.get("cost", 0) > 0 and point["cost"] > 0:
            ratio = point["cost"] / before["cost"]
            point["ratio"] = round(ratio, 3)
            point["is_knee"] = (1 / ratio if point["more_is_better"] else ratio) > KNEE
        before = point


# ---- text ----

def number(value):
    if value is None:
        return ""
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value)}"
    if abs(value) >= 1000:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


NAME_WIDTH = 42
ROW = "{:<42}{:>8}{:>8}{:>8} {:<5}{:>7}  {:<16}{:>7}{:>7}"


def print_head(section):
    print()
    if len(section) > NAME_WIDTH:
        print(section)
        section = ""
    print(ROW.format(section, "minimum", "median", "maximum", "", "goal", "", "instr.", "alloc"))
    print("-" * WIDTH)


def print_row(row, counted):
    goal = ""
    if "goal" in row:
        goal = ("≥ " if row.get("goal_is_least") else "≤ ") + number(row["goal"])
    print(ROW.format(row["name"], number(row["minimum"]), number(row["median"]), number(row["maximum"]), row["unit"],
                     goal, verdict_text(row), number(counted.get("instructions")),
                     number(counted.get("allocations"))).rstrip())
    if "note" in row:
        print(f"    {row['note']}")


def print_floor(row, medians):
    """Beside a goal that was missed, what could be had here."""
    floor = row.get("floor")
    if row.get("verdict") != "missed" or floor not in medians:
        return
    least = f"{number(medians[floor])} {row['unit']}"
    if row.get("goal_is_least"):
        print(f"    {least} is what can be had here: {floor}")
    else:
        print(f"    {least} of it is the floor here: {floor}")


def print_curve(points):
    first = points[0]
    more = first.get("unit_of_more")
    print()
    print(f"{first['curve']}, {first['unit']}")
    print(f"{first['x_name']:>16}{'minimum':>11}{'median':>11}{'maximum':>11}{more or '':>22}{'to the one above':>20}")
    for p in points:
        cost = number(p.get("cost")) if more else ""
        ratio = f"{p['ratio']:.2f}" if "ratio" in p else ""
        print(f"{p['x']:>16,}{number(p['minimum']):>11}{number(p['median']):>11}{number(p['maximum']):>11}{cost:>22}{ratio:>20}"
              + ("  knee" if p.get("is_knee") else ""))
    if "note" in first:
        print(f"    {first['note']}")


LEGEND = "~: not all samples are on the same side of the goal. A verdict is on the median; a time is of this machine alone."


# ---- the run ----

class Table:
    """Takes rows as they come: prints them at once, or keeps them for one JSON object at the end."""

    def __init__(self, as_json, conditions, counts):
        self.as_json = as_json
        self.conditions = conditions
        self.counts = counts
        self.rows = []
        self.absent = []
        self.points = []
        self.curves = []
        self.section = None

    def say(self, print_it, *arguments):
        if not self.as_json:
            print_it(*arguments)
            sys.stdout.flush()

    def begin_section(self, row):
        if row["section"] != self.section:
            self.section = row["section"]
            self.say(print_head, self.section)

    def take_absent(self, row):
        """What cannot be measured here has no figure."""
        self.absent.append(row)
        self.begin_section(row)
        self.say(print, f"{row['name']:<42}not here: {row['absence']}")

    def take_row(self, row):
        if "absence" in row:
            self.take_absent(row)
            return
        counted = self.counts.get(row.get("operation"), {})
        row.update({key: counted[key] for key in ("instructions", "allocations") if key in counted})
        judge(row)
        self.rows.append(row)
        self.begin_section(row)
        self.say(print_row, row, counted)
        self.say(print_floor, row, {other["name"]: other["median"] for other in self.rows})

    def end_curve(self):
        if self.points:
            judge_curve(self.points)
            self.curves.append(self.points)
            self.say(print_curve, self.points)
            self.points = []

    def take(self, line):
        if "compiler" in line:
            self.conditions.update(line)
            self.say(print_conditions, self.conditions)
            return
        if self.points and self.points[0]["curve"] != line.get("curve"):
            self.end_curve()
        if "curve" in line:
            self.points.append(line)
        else:
            self.take_row(line)

    def end(self):
        self.end_curve()
        if not self.rows and not self.curves and not self.absent:
            raise SourceError("no row, curve or section has such a name")
        self.say(print, "\n" + LEGEND)
        if self.as_json:
            print(json.dumps({"conditions": self.conditions, "rows": self.rows, "curves": self.curves,
                              "absent": self.absent,
                              "operations": list(self.counts.values())}, indent=1))


def main(arguments):
    options = {argument for argument in arguments if argument.startswith("--")}
    places = [argument for argument in arguments if not argument.startswith("--")]
    if not places or options - {"--json", "--peers", "--no-counts"}:
        sys.exit(__doc__.strip().splitlines()[2])
    build, parts = Path(places[0]).resolve(), places[1:]
    table = Table("--json" in options, conditions_of(build), {} if "--no-counts" in options else counts_of(build))
    for command in sources(build, "--peers" in options):
        for line in lines_of(command + parts):
            if "compiler" in line or is_chosen(line, parts):
                table.take(line)
    table.end()


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (SourceError, OSError, ValueError) as error:
        sys.exit(f"table.py: {error}")
