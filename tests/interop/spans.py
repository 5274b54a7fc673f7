"""Spans in one comparable form, whether they come from protobuf, from OTLP JSON or from Jaeger.

The protobuf side is read by opentelemetry-proto, so that weir's encoder and this oracle share no code.
"""

import base64
import json


def value_of(value):
    """An AnyValue as a (kind, value) pair; doubles as text, so that NaN equals itself and -0.0 differs from 0.0."""
    for name, convert in (("stringValue", str), ("boolValue", bool), ("intValue", int), ("bytesValue", str),
                          ("doubleValue", lambda number: repr(float(str(number).replace("Infinity", "inf"))))):
        if name in value:
            return name, convert(value[name])
    if "arrayValue" in value:
        return "arrayValue", [value_of(item) for item in value["arrayValue"].get("values", [])]
    if "kvlistValue" in value:
        return "kvlistValue", attributes_of(value["kvlistValue"].get("values", []))
    return ("empty",)


def attributes_of(items):
    return [(item.get("key", ""), value_of(item.get("value", {}))) for item in items or []]


def event_of(event):
    return {"time": int(event.get("timeUnixNano", 0)), "name": event.get("name", ""),
            "attributes": attributes_of(event.get("attributes")), "dropped": int(event.get("droppedAttributesCount", 0))}


def link_of(link):
    return {"trace": link.get("traceId", ""), "span": link.get("spanId", ""), "state": link.get("traceState", ""),
            "attributes": attributes_of(link.get("attributes")), "dropped": int(link.get("droppedAttributesCount", 0)),
            "flags": int(link.get("flags", 0))}


def span_of(span, scope, resource):
    status = span.get("status", {})
    return {
        "trace": span.get("traceId", ""), "span": span.get("spanId", ""), "parent": span.get("parentSpanId", ""),
        "state": span.get("traceState", ""), "flags": int(span.get("flags", 0)),
        "name": span.get("name", ""), "kind": int(span.get("kind", 0)),
        "start": int(span.get("startTimeUnixNano", 0)), "end": int(span.get("endTimeUnixNano", 0)),
        "attributes": attributes_of(span.get("attributes")),
        "events": [event_of(event) for event in span.get("events", [])],
        "links": [link_of(link) for link in span.get("links", [])],
        "status": (int(status.get("code", 0)), status.get("message", "")),
        "dropped": tuple(int(span.get(f"dropped{what}Count", 0)) for what in ("Attributes", "Events", "Links")),
        "scope": (scope.get("name", ""), scope.get("version", ""), attributes_of(scope.get("attributes"))),
        "resource": attributes_of(resource.get("attributes")),
    }


def from_json(request):
    """The spans of one TracesData (or export request) object in OTLP's JSON form."""
    return [span_of(span, of_scope.get("scope", {}), of_resource.get("resource", {}))
            for of_resource in request.get("resourceSpans", [])
            for of_scope in of_resource.get("scopeSpans", [])
            for span in of_scope.get("spans", [])]


def loads(text):
    """json.loads that keeps the sign of -0, which the Collector writes for -0.0."""
    return json.loads(text, parse_int=lambda digits: -0.0 if digits == "-0" else int(digits))


def from_lines(text):
    """The spans of a file of JSON Lines; every line must be whole. (str.splitlines would split at U+2028 too.)"""
    return [span for line in text.split("\n") if line for span in from_json(loads(line))]


def hex_ids(node):
    """protobuf's JSON has ids in base64, OTLP's in hex."""
    if isinstance(node, dict):
        return {key: base64.b64decode(child).hex() if key in ("traceId", "spanId", "parentSpanId") else hex_ids(child)
                for key, child in node.items()}
    return [hex_ids(child) for child in node] if isinstance(node, list) else node


def from_protobuf(body):
    """The spans of an ExportTraceServiceRequest. Fails on bytes that are not in the .proto files."""
    from google.protobuf.json_format import MessageToDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest.FromString(body)
    if request.SerializeToString() != body:
        raise ValueError("decoded and encoded again the request is another one")
    return from_json(hex_ids(MessageToDict(request, use_integers_for_enums=True)))


def by_id(spans):
    """{(trace, span): span}; two spans of one id are a fault."""
    found = {}
    for span in spans:
        key = span["trace"], span["span"]
        if key in found:
            raise ValueError(f"two spans of id {key}: {found[key]['name']} and {span['name']}")
        found[key] = span
    return found


def unordered(node):
    """The same with every attribute list sorted by key: Jaeger does not keep the order."""
    if isinstance(node, dict):
        return {key: unordered(child) for key, child in node.items()}
    if isinstance(node, list):
        items = [unordered(child) for child in node]
        is_attributes = all(isinstance(item, tuple) and len(item) == 2 and isinstance(item[1], tuple) for item in items)
        return sorted(items) if is_attributes else items
    return tuple(unordered(child) for child in node) if isinstance(node, tuple) else node


def shape(spans):
    """What two runs of one program have in common: names, parents by name, attribute keys, events, status.

    Values that are not times or ids are kept; the result does not depend on the order of the spans.
    """
    spans_by_id = by_id(spans)

    def path(span):
        parent = spans_by_id.get((span["trace"], span["parent"]))
        return (*path(parent), span["name"]) if parent else (span["name"],)

    def values(attributes):
        return [(key, value if value[0] not in ("doubleValue",) else value[0]) for key, value in attributes
                if key != "burr.app_id"]

    return sorted(
        (path(span), values(span["attributes"]), [(event["name"], values(event["attributes"])) for event in span["events"]],
         span["status"], span["kind"], span["scope"], len(span["links"]))
        for span in spans)
