"""Real Burr loads, forks, continues and shows runs that weir wrote."""

import json
import logging
import re
import subprocess
import tempfile
import unittest
import urllib.parse
from pathlib import Path

import peers
import runs

try:
    from burr.core import ApplicationBuilder, State, action, default
    from burr.tracking import LocalTrackingClient
except ImportError:
    raise unittest.SkipTest("apache-burr is missing")


@action(reads=[], writes=["prompt"])
def prompt(state: State) -> State:
    return state.update(prompt="from Burr")


@action(reads=["prompt"], writes=["answer"])
def answer(state: State) -> State:
    return state.update(answer=f"{state['prompt']}!")


def application(tracker, app_id, **source):
    """Burr's own application over a tracker, continuing or forking a run of ours."""
    return (ApplicationBuilder().with_actions(prompt, answer)
            .with_transitions(("prompt", "answer", default), ("answer", "prompt", default))
            .initialize_from(tracker, resume_at_next_action=True, default_state={}, default_entrypoint="prompt", **source)
            .with_identifiers(app_id=app_id).with_tracker(tracker).build())


# It warns of every run whose sequence ids do not begin with 0.
logging.getLogger("burr.tracking.client").setLevel(logging.ERROR)


class OurRuns(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.root = cls.folder.name
        runs.write_all(cls.root)

    def tracker(self):
        return LocalTrackingClient(project=runs.PROJECT, storage_dir=self.root)


class ClientTest(OurRuns):
    def test_load_state_gives_every_state_back(self):
        """LocalTrackingClient.load_state: every end_entry of every run, by index"""
        n_states = 0
        for app in runs.apps(self.root):
            ends = runs.of_type(runs.records(self.root, app), "end_entry")
            for index, end in enumerate(ends):
                state, position = LocalTrackingClient.load_state(runs.PROJECT, app, index, self.root)
                self.assertEqual(runs.without_internal(state), runs.without_internal(end["state"]), (app, index))
                self.assertEqual(position, end["action"])
                n_states += 1
        self.assertGreaterEqual(n_states, 18)

    def test_load_finds_runs_by_sequence_id(self):
        """LocalTrackingClient.load: by sequence id and partition key, completed or failed; none for unknown runs"""
        for app in runs.apps(self.root):
            ends = {end["sequence_id"]: end for end in runs.of_type(runs.records(self.root, app), "end_entry")}
            key = runs.metadata(self.root, app)["partition_key"]
            for sequence_id, end in ends.items():
                loaded = self.tracker().load(key, app, sequence_id)
                self.assertEqual(loaded["position"], end["action"])
                self.assertEqual(loaded["status"], "failed" if end["exception"] else "completed")
                self.assertEqual(runs.without_internal(loaded["state"].get_all()), runs.without_internal(end["state"]))
        self.assertIsNone(self.tracker().load(None, "no-such-run", None))
        self.assertIn(None, [self.tracker().load(None, "never-run", None)])

    def test_load_gives_what_was_kept(self):
        """Runs with cut texts, and with no content, load like any other"""
        self.assertEqual(runs.without_internal(self.tracker().load(None, "cut", None)["state"].get_all()),
                         {"prompt": "hel\u2026", "answer": [1]})
        self.assertEqual(runs.without_internal(self.tracker().load(None, "unkept", None)["state"].get_all()), {})
        self.assertEqual(self.tracker().load(None, "unkept", None)["position"], "answer")

    def test_burr_resumes_a_run(self):
        """A run of ours continued by Burr: sequence ids go on, weir reads what came out"""
        app = application(self.tracker(), "resumed")
        before = runs.records(self.root, "resumed")
        app.step()
        after = runs.records(self.root, "resumed")
        self.assertEqual(after[:len(before)], before)
        last = runs.of_type(after, "end_entry")[-1]
        self.assertEqual(last["sequence_id"], runs.of_type(before, "end_entry")[-1]["sequence_id"] + 1)
        self.assertEqual(last["state"]["prompt"], "from Burr")

    def test_burr_forks_a_run(self):
        """A run of ours forked by Burr at a sequence id: children.jsonl grows by a line it can read"""
        app = application(self.tracker(), "forked-by-burr", fork_from_app_id="streams", fork_from_sequence_id=0,
                          fork_from_partition_key="user-\u00e9")
        app.step()
        children = Path(self.root, runs.PROJECT, "streams", "children.jsonl").read_text().splitlines()
        children = [json.loads(line) for line in children]
        mine = [child for child in children if child["child"]["app_id"] == "forked-by-burr"]
        self.assertEqual(len(mine), 1)
        ours = [child for child in children if child["child"]["app_id"] == "forked"]
        self.assertEqual(len(ours), 1)
        self.assertEqual(set(mine[0]), set(ours[0]))
        self.assertEqual(runs.of_type(runs.records(self.root, "forked-by-burr"), "end_entry")[-1]["action"], "answer")


class ServerTest(OurRuns):
    def test_every_endpoint_answers_for_every_run(self):
        """Burr's server: every GET of its API, for every run; what it says is what the logs say"""
        with tempfile.TemporaryDirectory() as home, peers.BurrServer(self.root, home) as server:
            asked = set()

            def get(route, query="", **parts):
                asked.add(route)
                quoted = {name: urllib.parse.quote(value, safe="") for name, value in parts.items()}
                return server.get(route.format(**quoted) + query)

            projects = get("/api/v0/projects")
            self.assertEqual([project["id"] for project in projects if project["num_apps"]], [runs.PROJECT])
            self.assertEqual(projects[0]["num_apps"], len(runs.apps(self.root)))
            listed = get("/api/v0/{project_id}/{partition_key}/apps", project_id=runs.PROJECT, partition_key="__none__")
            self.assertEqual(sorted(app["app_id"] for app in listed["applications"]), runs.apps(self.root))
            for app in listed["applications"]:
                self.check_app(get, app)
            for route in ("/ready", "/api/v0/ready", "/api/v0/version", "/api/v0/metadata/app_spec"):
                get(route)
            routes = {path for path, verbs in server.get("/openapi.json")["paths"].items() if "get" in verbs}
            # indexing_jobs is for the S3 backend alone; the others run Burr's own example applications or serve its page.
            others = re.compile(r"/api/v0/(indexing_jobs|\w*chatbot/.*|email_assistant/.*|deep_researcher/.*|counter/.*)|/\{rest.*|/manifest.json")
            self.assertEqual({route for route in routes - asked if not others.fullmatch(route)}, set())
            self.assertGreater(len(asked), 7)

    def test_mirrored_spans_are_shown_below_their_step(self):
        """Burr's server: the host's own spans, their tree, their attributes, the names its Insights page adds up"""
        with tempfile.TemporaryDirectory() as home, peers.BurrServer(self.root, home) as server:
            logs = server.get(f"/api/v0/{runs.PROJECT}/mirrored/__none__/apps")
        spans = {span["begin_entry"]["span_id"]: span for span in logs["steps"][1]["spans"]}
        self.assertEqual({uid: span["begin_entry"]["span_name"] for uid, span in spans.items()}, {"1:0": "openai.chat", "1:0.0": "POST"})
        self.assertEqual(spans["1:0.0"]["begin_entry"]["parent_span_id"], "1:0")
        self.assertTrue(all(span["end_entry"] for span in spans.values()))
        attributes = {item["key"]: item["value"] for item in logs["steps"][1]["attributes"] if item["span_id"] == "1:0"}
        self.assertEqual(attributes, {"gen_ai.response.model": "small", "gen_ai.usage.input_tokens": 12, "gen_ai.usage.prompt_tokens": 12})

    def check_app(self, get, app):
        lines = runs.records(self.root, app["app_id"])
        key = runs.metadata(self.root, app["app_id"])["partition_key"]
        self.assertEqual(app["partition_key"] or "", key or "")
        begins = runs.of_type(lines, "begin_entry")
        self.assertEqual(app["num_steps"], 1 + max((line["sequence_id"] for line in begins), default=-1), app)
        logs = get("/api/v0/{project_id}/{app_id}/{partition_key}/apps", project_id=runs.PROJECT, app_id=app["app_id"],
                   partition_key=key or "__none__")
        steps = {step["step_start_log"]["sequence_id"]: step for step in logs["steps"]}
        self.assertEqual(set(steps), {line["sequence_id"] for line in begins})
        for kind, where in (("begin_span", "spans"), ("attribute", "attributes"), ("end_stream", "streaming_events")):
            for sequence_id, step in steps.items():
                expected = [line for line in runs.of_type(lines, kind) if line["action_sequence_id"] == sequence_id]
                shown = [item for item in step[where] if kind != "end_stream" or item["type"] == "end_stream"]
                self.assertEqual(len(shown), len(expected), (app["app_id"], sequence_id, kind))
        annotations = get("/api/v0/{project_id}/annotations", "?app_id=" + urllib.parse.quote(app["app_id"]), project_id=runs.PROJECT)
        self.assertEqual(annotations, [])
        graph = json.loads(Path(self.root, runs.PROJECT, app["app_id"], "graph.json").read_text())
        self.assertEqual([action["name"] for action in logs["application"]["actions"]], [action["name"] for action in graph["actions"]])


class FullDiskTest(unittest.TestCase):
    def test_burr_loads_what_a_full_disk_left(self):
        """A file size limit at every byte of a log: each remainder is whole lines, counted, and Burr loads it"""
        with tempfile.TemporaryDirectory() as folder:
            self.write(folder, 1 << 20, 1 << 20)
            whole = self.log(folder, 1 << 20)
            self.assertGreater(len(whole), 1000)
            last = len(whole) + 64  # durations are measured: another run's log is some digits longer or shorter
            counts = self.write(folder, 0, last)
            self.assertEqual(len(counts), last + 1)
            self.assertEqual(len({written + lost for _, written, lost in counts}), 1, "what is not written is lost")
            for limit, written, _ in counts:
                left = self.log(folder, limit)
                self.assertLessEqual(len(left), limit)
                self.assertGreaterEqual(written, left.count(b"\n"))
                self.check_loads(left, f"{folder}/{limit}")
            self.assertEqual(left.count(b"\n"), whole.count(b"\n"))

    def check_loads(self, left, root):
        self.assertTrue(left == b"" or left.endswith(b"\n"), root)
        ends = [end for end in map(json.loads, left.split(b"\n")[:-1]) if end["type"] == "end_entry"]
        for index, end in enumerate(ends):
            state, position = LocalTrackingClient.load_state(runs.PROJECT, "limited", index, root)
            self.assertEqual(runs.without_internal(state), runs.without_internal(end["state"]), root)
            self.assertEqual(position, end["action"], root)

    def write(self, folder, first, last):
        """[(limit, records written, records lost)] of the run under each of these limits."""
        done = subprocess.run([runs.program("write_runs"), folder, str(first), str(last)], capture_output=True, text=True,
                              timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return [tuple(map(int, line.split())) for line in done.stdout.splitlines()]

    @staticmethod
    def log(folder, limit):
        path = Path(folder, str(limit), runs.PROJECT, "limited", "log.jsonl")
        return path.read_bytes() if path.exists() else b""
