"""A real OpenTelemetry Collector holds exactly the spans that were sent, bit for bit."""

import tempfile
import unittest
import urllib.request
from pathlib import Path

import peers
import runs
import spans

VECTORS = Path(__file__).parents[1] / "data" / "otlp-vectors"
MODES = ["single_span", "event", "chunk_spans", "single_and_chunk_spans"]


def post(endpoint, body):
    request = urllib.request.Request(endpoint + "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.status


class VectorsTest(unittest.TestCase):
    def test_recorded_requests_arrive_as_the_oracle_reads_them(self):
        """The Collector and opentelemetry-proto read the recorded requests alike: the comparison itself is sound"""
        with tempfile.TemporaryDirectory() as folder, peers.Collector(folder) as collector:
            sent = []
            for path in sorted(VECTORS.glob("*.pb")):
                body = path.read_bytes()
                self.assertEqual(post(collector.endpoint, body), 200, path.name)
                sent += spans.from_protobuf(body)
            self.assertGreater(len(sent), 50)
            self.assertEqual(spans.from_lines(collector.stop_and_read()), sent)


class DemoTest(unittest.TestCase):
    """`weir demo` into a Collector: what was on the wire (read by another implementation) is what its file holds."""

    maxDiff = 4000

    def check(self, *arguments):
        with tempfile.TemporaryDirectory() as folder, peers.Collector(folder) as collector, \
                peers.Recorder(collector.port) as recorder:
            runs.weir("demo", "--endpoint", recorder.endpoint, *arguments)
            self.assertEqual(set(recorder.statuses), {200})
            for headers, _ in recorder.bodies:
                self.assertEqual(headers["Content-Type"], "application/x-protobuf")
                self.assertRegex(headers["User-Agent"], r"^OTel-OTLP-Exporter-C/\d")
            sent = [span for _, body in recorder.bodies for span in spans.from_protobuf(body)]
            held = spans.from_lines(collector.stop_and_read())
            output = Path(folder, "output.jsonl")
            runs.weir("demo", "--output", output, *arguments)
            written = spans.from_lines(output.read_text())
        self.assertGreater(len(sent), 4)
        self.assertEqual(held, sent)
        self.assertEqual(spans.shape(written), spans.shape(sent))
        return spans.shape(sent)

    def check_mode(self, mode):
        whole, broken = self.check("--mode", mode), self.check("--mode", mode, "--fail")
        self.assertNotEqual(whole, broken)
        return [path for path, *_ in whole]

    def test_single_span(self):
        """single_span: the spans of `weir demo` in a real Collector, whole and failing"""
        self.assertFalse(any("chunk" in path[-1] for path in self.check_mode("single_span")))

    def test_event(self):
        """event: the spans of `weir demo` in a real Collector, whole and failing"""
        self.assertLess(len(self.check_mode("event")), len(self.check("--mode", "single_span")))

    def test_chunk_spans(self):
        """chunk_spans: the spans of `weir demo` in a real Collector, whole and failing"""
        chunks = [path for path in self.check_mode("chunk_spans") if "::chunk_" in path[-1]]
        self.assertTrue(chunks and all(len(path) == 2 for path in chunks))  # below the method span

    def test_single_and_chunk_spans(self):
        """single_and_chunk_spans: the spans of `weir demo` in a real Collector, whole and failing"""
        chunks = [path for path in self.check_mode("single_and_chunk_spans") if "::chunk_" in path[-1]]
        self.assertTrue(chunks and all(len(path) == 3 for path in chunks))  # below the action span


class ReplayTest(unittest.TestCase):
    def test_replayed_runs_arrive_as_the_output_file_has_them(self):
        """Replayed runs in a real Collector are, ids and times included, what --output writes; twice over"""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder, "runs")
            runs.write_all(root)
            for mode in MODES:
                output = Path(folder, f"{mode}.jsonl")
                runs.weir("replay", "--mode", mode, "--output", output, root)
                written = spans.by_id(spans.from_lines(output.read_text()))
                with tempfile.TemporaryDirectory() as place, peers.Collector(place) as collector:
                    for _ in range(2):
                        runs.weir("replay", "--mode", mode, "--endpoint", collector.endpoint, root)
                    held = spans.from_lines(collector.stop_and_read())
                self.assertEqual(len(held), 2 * len(written))
                self.assertEqual(spans.by_id(held[:len(written)]), written)
                self.assertEqual(spans.by_id(held[len(written):]), written)
