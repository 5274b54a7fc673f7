"""Jaeger's query API shows exactly the spans that were sent."""

import tempfile
import unittest

import peers
import runs
import spans
from process import wait_for
from test_collector import MODES


class JaegerTest(unittest.TestCase):
    maxDiff = 4000

    def test_spans_of_every_mode_are_found(self):
        """The spans of `weir demo` in a real Jaeger, in each mode, by both of its query APIs"""
        with tempfile.TemporaryDirectory() as folder, peers.Jaeger(folder) as jaeger:
            for mode in MODES:
                for more in ([], ["--fail"]):
                    with self.subTest(mode=mode, more=more), peers.Recorder(jaeger.port) as recorder:
                        runs.weir("demo", "--endpoint", recorder.endpoint, "--mode", mode, *more)
                        sent = [span for _, body in recorder.bodies for span in spans.from_protobuf(body)]
                        self.check_found(jaeger, sent)

    def check_found(self, jaeger, sent):
        expected = spans.by_id(sent)
        traces = {span["trace"] for span in sent}
        found = {}
        for trace in traces:
            n_spans = sum(span["trace"] == trace for span in sent)
            held = wait_for(lambda: self.held(jaeger, trace, n_spans), f"{n_spans} spans of trace {trace}")
            found.update(spans.by_id(held))
            status, old = jaeger.query(f"/api/traces/{trace}")
            self.assertEqual((status, len(old["data"])), (200, 1))
            self.assertEqual(sorted(span["operationName"] for span in old["data"][0]["spans"]),
                             sorted(span["name"] for span in held))
            self.assertIsNone(old["errors"])
            warnings = [span["warnings"] for span in old["data"][0]["spans"] if span.get("warnings")]
            self.assertEqual(warnings, [])
        self.assertEqual(spans.unordered(found), spans.unordered(expected))
        service = dict(sent[0]["resource"])["service.name"][1]
        self.assertIn(service, jaeger.query("/api/services")[1]["data"])
        listed = jaeger.query(f"/api/traces?service={service}&limit=1000")[1]["data"]
        self.assertLessEqual(traces, {trace["traceID"] for trace in listed})

    @staticmethod
    def held(jaeger, trace, n_spans):
        status, answer = jaeger.query(f"/api/v3/traces/{trace}")
        held = spans.from_json(answer["result"]) if status == 200 else []
        return held if len(held) >= n_spans else None
