"""Burr's own telemetry at work: its hooks, called through its dispatcher with the arguments its Application gives.

usage: burr_shapes.py SHAPE N [FOLDER]     SHAPE: step, pull, chunk_span, tracker_step (which needs FOLDER)

Prints one line of JSON; README.md tells its fields.
"""

import datetime
import json
import sys
import time

from burr.core import ApplicationBuilder, State, action
from burr.integrations.opentelemetry import OpenTelemetryBridge
from burr.lifecycle.base import ExecuteMethod
from burr.lifecycle.internal import LifecycleAdapterSet
from burr.tracking import LocalTrackingClient
from burr.visibility import ActionSpan
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

WARM_UP = 500
SPANS_A_STEP = 2
LEAST_QUEUE = 512  # a batch
IDS = {"app_id": "app", "partition_key": None}
INPUTS = {"prompt": "x" * 186}  # 200 bytes of JSON
STATE = State({"prompt": "x" * 9984})  # 10,000


@action(reads=[], writes=["prompt"])
def answer(state: State) -> State:
    return state


class Counter(SpanExporter):
    """Throws spans away and says how many there were."""

    def __init__(self):
        self.n_spans = 0

    def export(self, spans):
        self.n_spans += len(spans)
        return SpanExportResult.SUCCESS


class Bridge:
    """An OpenTelemetryBridge behind a batch processor whose queue holds the run, as it drops what it cannot hold."""

    def __init__(self, n_spans):
        self.counter = Counter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(BatchSpanProcessor(self.counter, max_queue_size=max(n_spans, LEAST_QUEUE)))
        self.call = LifecycleAdapterSet(
            OpenTelemetryBridge(tracer=self.provider.get_tracer("bench"))).call_all_lifecycle_hooks_sync


def one_action():
    return ApplicationBuilder().with_actions(answer).with_entrypoint("answer").with_state(STATE).build().graph.actions[0]


def begin(call, method, the_action):
    call("pre_run_execute_call", **IDS, state=STATE, method=method)
    call("pre_run_step", **IDS, action=the_action, state=STATE, inputs=INPUTS, sequence_id=0)


def end(call, method, the_action):
    call("post_run_step", **IDS, action=the_action, state=STATE, result=None, sequence_id=0, exception=None)
    call("post_run_execute_call", **IDS, state=STATE, method=method, exception=None)


def steps(call, n):
    the_action = one_action()
    for _ in range(n):
        begin(call, ExecuteMethod.step, the_action)
        end(call, ExecuteMethod.step, the_action)


def in_a_step(body):
    """What `body` does to a stream, in one step of one call."""
    def run(call, n):
        the_action = one_action()
        begin(call, ExecuteMethod.stream_result, the_action)
        body(call, n)
        end(call, ExecuteMethod.stream_result, the_action)
    return run


@in_a_step
def pulls(call, n):
    began = datetime.datetime.now(datetime.timezone.utc)
    for i in range(n):
        call("post_stream_item", **IDS, item=None, item_index=i, stream_initialize_time=began,
             first_stream_item_start_time=began, action="answer", sequence_id=0)


@in_a_step
def chunk_spans(call, n):
    """What an application does that wants a span a chunk of this release: a span of its own around each."""
    parent = ActionSpan.create_initial(action="answer", name="answer", sequence_id=0, action_sequence_id=0)
    for _ in range(n):
        span = parent.spawn("chunk")
        call("pre_start_span", **IDS, action="answer", action_sequence_id=0, span=span, span_dependencies=[])
        call("post_end_span", **IDS, action="answer", action_sequence_id=0, span=span, span_dependencies=[])


def measure_bridge(shape, n):
    run, n_spans = {"step": (steps, SPANS_A_STEP * (n + WARM_UP)), "pull": (pulls, 2 * SPANS_A_STEP),
                    "chunk_span": (chunk_spans, n + WARM_UP + 2 * SPANS_A_STEP)}[shape]
    bridge = Bridge(n_spans)
    run(bridge.call, WARM_UP)
    bridge.provider.force_flush()
    before = time.perf_counter()
    run(bridge.call, n)
    loop_s = time.perf_counter() - before
    bridge.provider.shutdown()
    return {"operations": n, "loop_s": loop_s, "ended": n_spans, "taken": bridge.counter.n_spans}


def tracker_steps(tracker, the_action, first, n):
    for i in range(first, first + n):
        tracker.pre_run_step(**IDS, state=STATE, action=the_action, inputs=INPUTS, sequence_id=i)
        tracker.post_run_step(**IDS, state=STATE, action=the_action, result=None, sequence_id=i, exception=None)


def measure_tracker(n, folder):
    tracker = LocalTrackingClient(project="bench", storage_dir=folder)
    app = ApplicationBuilder().with_actions(answer).with_entrypoint("answer").with_state(STATE) \
        .with_tracker(tracker).with_identifiers(app_id="app").build()
    the_action = app.graph.actions[0]
    tracker_steps(tracker, the_action, 0, WARM_UP)
    before = time.perf_counter()
    tracker_steps(tracker, the_action, WARM_UP, n)
    loop_s = time.perf_counter() - before
    with open(f"{folder}/bench/app/log.jsonl", encoding="utf-8") as log:
        n_lines = sum(1 for _ in log)
    return {"operations": n, "loop_s": loop_s, "ended": 2 * (n + WARM_UP), "taken": n_lines}


def main():
    shape, n = sys.argv[1], int(sys.argv[2])
    print(json.dumps(measure_tracker(n, sys.argv[3]) if shape == "tracker_step" else measure_bridge(shape, n)))


main()
