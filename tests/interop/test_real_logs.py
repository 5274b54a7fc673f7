"""Logs that real Burr writes, here and now, are read back: replayed, loaded, validated."""

import json
import logging
import tempfile
import unittest

import replayed
import runs
import spans
from pathlib import Path

try:
    from burr.core import ApplicationBuilder, State, action, default
    from burr.core.action import streaming_action
    from burr.tracking import LocalTrackingClient
    from burr.visibility import TracerFactory
except ImportError:
    raise unittest.SkipTest("apache-burr is missing")

PROJECT = "written-by-burr"
KEY = "user-\u00e9"


@action(reads=["n"], writes=["n", "text"])
def count(state: State, __tracer: TracerFactory, by: int) -> State:
    with __tracer("outer", span_dependencies=[]) as outer:
        with __tracer("inner") as inner:
            inner.log_attributes(depth=2, name="\u00e9 \U0001F600", ratio=1e-6, listed=[1, 2], mixed=[1, "two"], none=None,
                                 nested={"a": [1, {"b": None}]}, flag=True)
        outer.log_attributes(depth=1)
    __tracer.log_attributes(step="attribute", big=2**70)
    return state.update(n=state["n"] + by, text="\u2028 \x00")


@streaming_action(reads=["n"], writes=["said"])
def say(state: State):
    for item in ("a", "b", "c"):
        yield {"said": item}, None
    yield {"said": "abc"}, state.update(said="abc")


@action(reads=["n"], writes=[])
def fail(state: State) -> State:
    raise ValueError("no:\nsecond line \u00e9")


def application(root, app_id, **more):
    builder = (ApplicationBuilder().with_actions(count, say, fail)
               .with_transitions(("count", "say", default), ("say", "fail", default), ("fail", "count", default))
               .with_tracker(LocalTrackingClient(project=PROJECT, storage_dir=root))
               .with_identifiers(app_id=app_id, partition_key=KEY))
    if more:
        tracker = LocalTrackingClient(project=PROJECT, storage_dir=root)
        return builder.initialize_from(tracker, resume_at_next_action=True, default_state={"n": 0}, default_entrypoint="count",
                                       **more).build()
    return builder.with_state(n=0).with_entrypoint("count").build()


def write(root):
    logging.getLogger("burr").setLevel(logging.CRITICAL + 1)  # the failing action is meant
    app = application(root, "first")
    app.step(inputs={"by": 2})
    _, container = app.stream_result(halt_after=["say"], inputs={})
    for _ in container:
        pass
    container.get()
    try:
        app.step()
    except ValueError:
        pass
    fork = application(root, "forked", fork_from_app_id="first", fork_from_sequence_id=0, fork_from_partition_key=KEY)
    _, container = fork.stream_result(halt_after=["say"], inputs={})
    container.get()


class RealLogsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = folder.name
        write(cls.root)

    def test_replayed(self):
        """Runs that real Burr writes replay into their steps, spans, attributes, streams and errors"""
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder, "spans.jsonl")
            runs.weir("replay", "--output", output, self.root)
            exported = spans.from_lines(output.read_text())
        self.assertEqual(replayed.check(self, self.root, [PROJECT], exported), (2, 4, 2))
        fork, = [span for span in exported if replayed.value(span, "burr.app_id") == "forked" and span["name"] == PROJECT]
        parent, = [span for span in exported if replayed.value(span, "burr.app_id") == "first" and
                   replayed.value(span, "burr.sequence_id") == 0]
        self.assertEqual([(link["trace"], link["span"]) for link in fork["links"]], [(parent["trace"], parent["span"])])
        self.assertEqual({replayed.value(span, "burr.partition_key") for span in (fork, parent)}, {KEY})

    def test_loaded(self):
        """weir load of runs that real Burr wrote gives the state that Burr's own client gives, at each sequence id"""
        tracker = LocalTrackingClient(project=PROJECT, storage_dir=self.root)
        n_loaded = 0
        for app in runs.apps(self.root, PROJECT):
            for end in runs.of_type(runs.records(self.root, app, PROJECT), "end_entry"):
                done = runs.weir("load", f"{PROJECT}/{app}", "--sequence-id", end["sequence_id"], "--tracker-dir", self.root)
                theirs = tracker.load(KEY, app, end["sequence_id"])
                self.assertEqual(runs.without_internal(json.loads(done.stdout)), runs.without_internal(theirs["state"].get_all()))
                n_loaded += 1
        self.assertEqual(n_loaded, 4)
        missing = runs.weir("load", f"{PROJECT}/first", "--sequence-id", "99", "--tracker-dir", self.root, check=False)
        self.assertEqual(missing.returncode, 1)
        self.assertIn(b"99", missing.stderr)

    def test_valid(self):
        """weir validate finds no fault in what real Burr wrote, and names one that is put there"""
        self.assertEqual(runs.weir("validate", self.root, check=False).returncode, 0)
        with tempfile.TemporaryDirectory() as folder:
            write(folder)
            log = Path(folder, PROJECT, "first", "log.jsonl")
            lines = log.read_text(encoding="utf-8").split("\n")
            lines[1] = lines[1][:-1]
            log.write_text("\n".join(lines), encoding="utf-8")
            done = runs.weir("validate", folder, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{log}:2", (done.stdout + done.stderr).decode())
