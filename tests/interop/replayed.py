"""What replay must make of a storage directory, worked out from the logs anew; nothing here is weir's.

One trace a run: a root, an action span for every begin_entry, a user span for every begin_span.
"""

import json
import re
from datetime import datetime

import runs
import spans

IDENTITY = ("burr.project", "burr.app_id", "burr.partition_key", "burr.sequence_id")


def otlp_value(value):
    """A JSON value of an attribute line in OTLP: scalars as they are, lists of one kind as arrays, the rest as text."""
    if isinstance(value, bool):
        return "boolValue", value
    if isinstance(value, int):
        return ("intValue", value) if -(1 << 63) <= value < 1 << 63 else ("stringValue", str(value))
    if isinstance(value, float):
        return "doubleValue", repr(value)
    if isinstance(value, str):
        return "stringValue", value
    if isinstance(value, list) and all(isinstance(item, type(value[0])) for item in value):
        return "arrayValue", [otlp_value(item) for item in value]
    return "stringValue", json.dumps(value)


def attributes_in_order(lines):
    """The attribute lines as a span has them: of a key set twice the last counts, and stands last."""
    found = {}
    for line in lines:
        found.pop(line["key"], None)
        found[line["key"]] = otlp_value(line["value"])
    return list(found.items())


def last_error(text):
    """(type, message) of a traceback: its last unindented `Type: text`."""
    for match in reversed(list(re.finditer(r"^([A-Za-z_][\w.]*)(?:: ?(.*))?$", text.rstrip("\n"), re.M))):
        return match.group(1), text.rstrip("\n")[match.start(2):] if match.group(2) is not None else ""
    return None


def microseconds(later, earlier):
    delta = datetime.fromisoformat(later) - datetime.fromisoformat(earlier)
    return (delta.days * 86400 + delta.seconds) * 10**6 + delta.microseconds


class Run:
    """One log, sorted out by step and span."""

    def __init__(self, root, project, app):
        self.project, self.app = project, app
        self.records = runs.records(root, app, project)
        self.begins = runs.of_type(self.records, "begin_entry")
        self.ends = {line["sequence_id"]: line for line in runs.of_type(self.records, "end_entry")}
        self.span_begins = runs.of_type(self.records, "begin_span")
        self.span_ends = {(line["action_sequence_id"], line["span_id"]): line for line in runs.of_type(self.records, "end_span")}
        self.attributes = runs.of_type(self.records, "attribute")
        self.streams = {line["action_sequence_id"]: line for line in runs.of_type(self.records, "end_stream")}
        self.known = {(line["action_sequence_id"], line["span_id"]) for line in self.span_begins}

    def attributes_of(self, sequence_id, span_id):
        """Those logged to a span; to the step (None) go also those of spans that never began."""
        return attributes_in_order(
            line for line in self.attributes if line["action_sequence_id"] == sequence_id and
            (line["span_id"] if (sequence_id, line["span_id"]) in self.known else None) == span_id)


def own(span):
    """A span's attributes without those that say whose it is, and without a stream's sums."""
    return [(key, value) for key, value in span["attributes"]
            if key not in IDENTITY and not key.startswith("stream.") and key != "weir.unfinished"]


def check(test, root, projects, exported):
    """Every run of the projects is in the exported spans, whole, and nothing else is."""
    by_id = spans.by_id(exported)
    by_run = {}
    for span in exported:
        by_run.setdefault((value(span, "burr.project"), value(span, "burr.app_id")), []).append(span)
    expected = {(project, app): Run(root, project, app) for project in projects for app in runs.apps(root, project)}
    expected = {key: run for key, run in expected.items() if run.begins}
    for span in exported:
        test.assertLessEqual(span["start"], span["end"], span["name"])
        if span["parent"]:
            test.assertIn((span["trace"], span["parent"]), by_id, f"{span['name']} is an orphan")
    n_user = n_action = 0
    claimed = set()
    for (project, app), run in expected.items():
        root_span, = [span for span in by_run[project, app] if value(span, "burr.sequence_id") is None and span["name"] == project]
        claimed.add((root_span["trace"], root_span["span"]))
        actions = {value(span, "burr.sequence_id"): span for span in by_run[project, app]
                   if span["parent"] == root_span["span"]}
        test.assertEqual(len(actions), len(run.begins), (project, app))
        for begin in run.begins:
            span = actions[begin["sequence_id"]]
            check_action(test, run, begin, span)
            claimed.add((span["trace"], span["span"]))
            n_action += 1
        n_user += check_user_spans(test, run, actions, exported, claimed)
    test.assertEqual(len(claimed), len(exported), "spans that no log has")
    return len(expected), n_action, n_user


def check_action(test, run, begin, span):
    where = run.project, run.app, begin["sequence_id"]
    end = run.ends[begin["sequence_id"]]
    test.assertEqual(span["name"], begin["action"], where)
    test.assertEqual(span["end"] - span["start"], microseconds(end["end_time"], begin["start_time"]) * 1000, where)
    test.assertEqual(own(span), run.attributes_of(begin["sequence_id"], None), where)
    errors = [event for event in span["events"] if event["name"] == "exception"]
    if end["exception"] is None:
        test.assertEqual((span["status"], errors), ((1, ""), []), where)
    else:
        kind, text = last_error(end["exception"])
        test.assertEqual(len(errors), 1, where)
        test.assertEqual(dict(errors[0]["attributes"]), {
            "exception.type": ("stringValue", kind), "exception.message": ("stringValue", text),
            "exception.stacktrace": ("stringValue", end["exception"])}, where)
        test.assertEqual(span["status"], (2, text), where)
    stream = run.streams.get(begin["sequence_id"])
    items = dict(span["attributes"]).get("stream.items_streamed")
    test.assertEqual(items, ("intValue", stream["items_streamed"]) if stream else None, where)


def check_user_spans(test, run, actions, exported, claimed):
    """Each begin_span has a span of its name, parent, duration and attributes. How many there were."""
    children = {}
    for span in exported:
        children.setdefault((span["trace"], span["parent"]), []).append(span)
    made = {}
    for begin in run.span_begins:
        sequence_id, span_id = begin["action_sequence_id"], begin["span_id"]
        where = run.project, run.app, span_id
        parent = made.get((sequence_id, begin["parent_span_id"]), actions[sequence_id])
        wanted = run.attributes_of(sequence_id, span_id)
        end = run.span_ends.get((sequence_id, span_id))
        fitting = [span for span in children.get((parent["trace"], parent["span"]), [])
                   if span["name"] == begin["span_name"] and own(span) == wanted and (span["trace"], span["span"]) not in claimed and
                   (end is None or span["end"] - span["start"] == microseconds(end["end_time"], begin["start_time"]) * 1000)]
        test.assertTrue(fitting, (where, begin["span_name"], wanted))
        span = min(fitting, key=lambda fit: fit["start"])
        test.assertEqual(("weir.unfinished", ("boolValue", True)) in span["attributes"], end is None, where)
        made[sequence_id, span_id] = span
        claimed.add((span["trace"], span["span"]))
    return len(run.span_begins)


def value(span, key):
    found = dict(span["attributes"]).get(key)
    return found and found[1]
