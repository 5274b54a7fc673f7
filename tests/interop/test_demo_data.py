"""The demonstration data that the apache-burr package carries replay into whole traces."""

import json
import tempfile
import unittest
from pathlib import Path

import replayed
import runs
import spans

try:
    import burr.tracking
except ImportError:
    raise unittest.SkipTest("apache-burr is missing")

DATA = Path(burr.__path__[0], "tracking", "server", "demo_data")


class DemoDataTest(unittest.TestCase):
    maxDiff = 4000

    def replay(self, *arguments):
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder, "spans.jsonl")
            done = runs.weir("replay", "--json", "--output", output, *arguments, DATA)
            return json.loads(done.stdout), spans.from_lines(output.read_text())

    def test_every_run_step_span_attribute_and_error_is_there(self):
        """Burr's demo data: 21 traces of 21 + 471 + 323 spans, none orphaned or backwards, all as the logs say"""
        summary, exported = self.replay("--utc-offset", "-07:00")
        projects = sorted(path.name for path in DATA.iterdir() if path.is_dir())
        self.assertEqual(replayed.check(self, DATA, projects, exported), (21, 471, 323))
        self.assertEqual(len(exported), 21 + 471 + 323)
        self.assertEqual(len({span["trace"] for span in exported}), 21)
        self.assertEqual((summary["runs"], summary["steps"], summary["spans"], summary["attributes"]), (21, 471, 323, 1333))
        self.assertEqual((summary["broken_lines"], summary["spans_dropped"], summary["backward_times"]), (0, 0, 0))

    def test_twice_is_the_same(self):
        """Burr's demo data replayed twice: the same trace and span ids, times and attributes"""
        first, second = self.replay("--utc-offset", "-07:00")[1], self.replay("--utc-offset", "-07:00")[1]
        self.assertEqual(spans.by_id(first), spans.by_id(second))

    def test_the_offset_of_a_log_is_found_in_it(self):
        """Burr's demo data: local times of the chatbot logs become UTC by their own UTC stamps, whatever is said"""
        chatbots = [self.chatbots(self.replay("--utc-offset", offset)[1]) for offset in ("-07:00", "+02:00")]
        self.assertGreater(len(chatbots[0]), 300)
        self.assertEqual(chatbots[0], chatbots[1])

    @staticmethod
    def chatbots(exported):
        projects = "demo_chatbot", "demo_chatbot_with_traces"
        traces = {span["trace"] for span in exported if replayed.value(span, "burr.project") in projects}
        return spans.by_id(span for span in exported if span["trace"] in traces)
