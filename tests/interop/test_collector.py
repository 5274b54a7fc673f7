"""A real OpenTelemetry Collector holds exactly the spans that were sent, bit for bit."""

import tempfile
import unittest
import urllib.request
from pathlib import Path

import peers
import spans

VECTORS = Path(__file__).parents[1] / "data" / "otlp-vectors"


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
