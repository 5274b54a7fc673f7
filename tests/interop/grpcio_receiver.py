"""OTLP/gRPC by grpcio, run by the interop interpreter: usage: grpcio_receiver.py FOLDER [STATUS MESSAGE]

Writes each request to FOLDER/NUMBER.pb and its metadata to FOLDER/NUMBER.json, and prints "port NUMBER" at the start.
"""

import json
import sys
import threading
from concurrent import futures
from pathlib import Path

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2

SERVICE = "opentelemetry.proto.collector.trace.v1.TraceService"


def main(folder, status=None, message=""):
    numbers, lock = iter(range(10000)), threading.Lock()

    def export(request, context):
        with lock:
            number = next(numbers)
        metadata = {key: value.hex() if isinstance(value, bytes) else value for key, value in context.invocation_metadata()}
        Path(folder, f"{number:04}.pb").write_bytes(request.SerializeToString())
        Path(folder, f"{number:04}.json").write_text(json.dumps(metadata))
        if status:
            context.abort(grpc.StatusCode[status], message)
        return trace_service_pb2.ExportTraceServiceResponse()

    handler = grpc.unary_unary_rpc_method_handler(
        export, request_deserializer=trace_service_pb2.ExportTraceServiceRequest.FromString,
        response_serializer=trace_service_pb2.ExportTraceServiceResponse.SerializeToString)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4), compression=grpc.Compression.Gzip)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, {"Export": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"port {port}", flush=True)
    server.wait_for_termination()


main(*sys.argv[1:])
