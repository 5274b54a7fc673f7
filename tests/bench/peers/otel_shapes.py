"""The shapes of the comparison, made with the OpenTelemetry SDK for Python.

usage: otel_shapes.py SHAPE N [ENDPOINT [gzip]]     SHAPE: span_0, span_10, span_10_at_begin, send_10

Prints one line of JSON; README.md tells its fields.
"""

import json
import sys
import time

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import set_span_in_context

WARM_UP = 500
LEAST_QUEUE = 512


class Counter(SpanExporter):
    """Throws spans away and says how many there were."""

    def __init__(self):
        self.n_spans = 0

    def export(self, spans):
        self.n_spans += len(spans)
        return SpanExportResult.SUCCESS


def over_http(endpoint, compression):
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    return OTLPSpanExporter(f"{endpoint}/v1/traces",
                            compression=Compression.Gzip if compression else Compression.NoCompression)


def open_provider(exporter, n_spans):
    """The processor drops what its queue cannot hold and has no way to wait: the queue holds the run, or a batch."""
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=max(n_spans + WARM_UP + 1, LEAST_QUEUE)))
    return provider


def strings():
    return {
        "attribute.0": "twenty bytes of text", "attribute.1": "twenty bytes of text", "attribute.2": "twenty bytes of text",
        "attribute.3": "twenty bytes of text", "attribute.4": "twenty bytes of text", "attribute.5": "twenty bytes of text",
        "attribute.6": "twenty bytes of text", "attribute.7": "twenty bytes of text", "attribute.8": "twenty bytes of text",
        "attribute.9": "twenty bytes of text",
    }


def record(tracer, parent, n_spans, shape):
    for _ in range(n_spans):
        span = tracer.start_span("operation", parent, attributes=strings() if shape == "span_10_at_begin" else None)
        if shape in ("span_10", "send_10"):
            span.set_attributes(strings())
        span.end()


def main():
    shape, n_spans = sys.argv[1], int(sys.argv[2])
    nowhere = Counter()
    exporter = over_http(sys.argv[3], sys.argv[4:]) if len(sys.argv) > 3 else nowhere
    provider = open_provider(exporter, n_spans)
    tracer = provider.get_tracer("bench")
    root = tracer.start_span("root")
    parent = set_span_in_context(root)
    record(tracer, parent, WARM_UP, shape)
    provider.force_flush()

    cpu, before = time.process_time(), time.perf_counter()
    record(tracer, parent, n_spans, shape)
    loop_s = time.perf_counter() - before
    provider.force_flush()
    whole_s, cpu_s = time.perf_counter() - before, time.process_time() - cpu
    root.end()
    provider.shutdown()
    print(json.dumps({"operations": n_spans, "loop_s": loop_s, "whole_s": whole_s, "cpu_s": cpu_s,
                      "ended": n_spans + WARM_UP + 1, "taken": nowhere.n_spans}))


main()
