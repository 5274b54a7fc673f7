#!/usr/bin/env python3
"""Makes the table of ratios of what side_by_side.py measured.

usage: ratios.py [--json | --rows] RUN.json...     several runs of one machine become one table

--json: one object with all of it; --rows: one object a line, as ../table.py takes them.
"""

import json
import math
import statistics
import sys
from pathlib import Path

SECTION = "Side by side"
WIDTH = 116
FORMS = ("--json", "--rows", "--raw")


def ratio_of(peer, weir, more_is_better):
    """How many times better weir is. None: one of the two is 0."""
    if peer == 0 or weir == 0:
        return None
    return weir / peer if more_is_better else peer / weir


def spread(samples):
    return {"minimum": min(samples), "median": statistics.median(samples), "maximum": max(samples), "samples": samples}


def compare(measure):
    """The rows of one figure: weir against each peer that was measured beside it."""
    weir = measure["samples"]["weir"]
    for peer, samples in measure["samples"].items():
        if peer == "weir":
            continue
        pairs = [ratio_of(*pair, measure["more_is_better"]) for pair in zip(samples, weir)]
        is_comparable = None not in pairs
        yield {
            "shape": measure["shape"], "unit": measure["unit"], "more_is_better": measure["more_is_better"],
            "peer": peer, "its": spread(samples), "weir": spread(weir),
            "ratio": ratio_of(statistics.median(samples), statistics.median(weir), measure["more_is_better"]),
            "ratio_range": [min(pairs), max(pairs)] if is_comparable else None,
            "left_out": measure["left_out"].get(peer),
        }


def rows_of(runs):
    return [row for run in runs for measure in run["measures"] for row in compare(measure)]


def conditions_of(runs):
    """Those of the first; two machines or two versions in one table would be no comparison."""
    first = runs[0]["conditions"]
    for run in runs[1:]:
        for key in ("machine", "versions"):
            if run["conditions"][key] != first[key]:
                raise ValueError(f"the runs are of more than one {key}")
    return first


# ---- text ----

def number(value):
    """Three digits that count."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, 2 - math.floor(math.log10(abs(value)))):,.{digits}f}"


def figures(values):
    if values["minimum"] == values["maximum"]:
        return number(values["median"])
    return f"{number(values['median'])} ({number(values['minimum'])}–{number(values['maximum'])})"


def ratio_text(row):
    if row["ratio"] is None:
        return "—"
    low, high = row["ratio_range"]
    return f"{number(row['ratio'])} × ({number(low)}–{number(high)})" + (" BEHIND" if row["ratio"] < 1 else "")


def print_conditions(conditions):
    print(f"{conditions['date']}, {conditions['machine']}, {conditions['processors']} processors, {conditions['kernel']}, "
          f"load {conditions['load']}")
    print(", ".join(f"{name} {version}" for name, version in conditions["versions"].items()))


LINE = "  {:<30}{:<30}{:<36}{:<24}"


def print_table(runs):
    notes = []
    shape = None
    print_conditions(conditions_of(runs))
    print("\n" + LINE.format("", "median (min–max)", "weir", "weir is ahead by") + "\n" + "-" * WIDTH)
    for row in rows_of(runs):
        if row["shape"] != shape:
            shape = row["shape"]
            print(f"{shape}, {row['unit']}" if row["unit"] else shape)
        mark = ""
        if row["left_out"]:
            if row["left_out"] not in notes:
                notes.append(row["left_out"])
            mark = f" [{notes.index(row['left_out']) + 1}]"
        print(LINE.format(row["peer"] + mark, figures(row["its"]), figures(row["weir"]), ratio_text(row)).rstrip())
    print("-" * WIDTH)
    for i, note in enumerate(notes, 1):
        print(f"[{i}] {note}")
    for run in runs:
        for peer, reason in run["missing"].items():
            print(f"not run: {peer}: {reason}")


def print_rows(runs):
    """For the table of all speeds: weir's own figure of a shape, then each peer's."""
    shape = None
    for row in rows_of(runs):
        common = {"section": SECTION, "unit": row["unit"]}
        if row["shape"] != shape:
            shape = row["shape"]
            print(json.dumps({**common, "name": f"{shape}: weir", **row["weir"]}))
        note = f"weir is ahead by {ratio_text(row)}" if row["ratio"] else ""
        print(json.dumps({**common, "name": f"{shape}: {row['peer']}", **row["its"],
                          "note": "; ".join(filter(None, [note, row["left_out"]]))}))


def show(runs, form):
    if form == "--json":
        missing = {peer: reason for run in runs for peer, reason in run["missing"].items()}
        print(json.dumps({"conditions": conditions_of(runs), "rows": rows_of(runs), "missing": missing}, indent=1))
    elif form == "--rows":
        print_rows(runs)
    elif form == "--raw":
        print(json.dumps(runs[0], indent=1))
    else:
        print_table(runs)


def main(arguments):
    form = arguments.pop(0) if arguments and arguments[0] in FORMS[:2] else None
    if not arguments or arguments[0].startswith("--"):
        sys.exit(__doc__.strip().splitlines()[2])
    show([json.loads(Path(name).read_text()) for name in arguments], form)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (OSError, ValueError) as error:
        sys.exit(f"ratios.py: {error}")
