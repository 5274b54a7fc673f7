/*
 * The tag of every field that weir writes: field number and wire type, as the byte on the wire
 * (conformance A1-A38). Span.flags alone takes two bytes.
 */
#pragma once

#include <stdint.h>

/* The number of the field whose tag, of one byte, this is. */
#define FIELD_OF(tag) ((uint32_t)(tag) >> 3)

enum {
    /* ExportTraceServiceRequest */
    TAG_REQUEST_RESOURCE_SPANS = 0x0a,

    /* ResourceSpans, ScopeSpans */
    TAG_RESOURCE_SPANS_RESOURCE = 0x0a,
    TAG_RESOURCE_SPANS_SCOPE_SPANS = 0x12,
    TAG_RESOURCE_SPANS_SCHEMA_URL = 0x1a,
    TAG_SCOPE_SPANS_SCOPE = 0x0a,
    TAG_SCOPE_SPANS_SPANS = 0x12,
    TAG_SCOPE_SPANS_SCHEMA_URL = 0x1a,

    /* Resource, InstrumentationScope */
    TAG_RESOURCE_ATTRIBUTES = 0x0a,
    TAG_SCOPE_NAME = 0x0a,
    TAG_SCOPE_VERSION = 0x12,
    TAG_SCOPE_ATTRIBUTES = 0x1a,

    TAG_SPAN_TRACE_ID = 0x0a,
    TAG_SPAN_SPAN_ID = 0x12,
    TAG_SPAN_TRACE_STATE = 0x1a,
    TAG_SPAN_PARENT_SPAN_ID = 0x22,
    TAG_SPAN_NAME = 0x2a,
    TAG_SPAN_KIND = 0x30,
    TAG_SPAN_START_TIME = 0x39,
    TAG_SPAN_END_TIME = 0x41,
    TAG_SPAN_ATTRIBUTES = 0x4a,
    TAG_SPAN_DROPPED_ATTRIBUTES = 0x50,
    TAG_SPAN_EVENTS = 0x5a,
    TAG_SPAN_DROPPED_EVENTS = 0x60,
    TAG_SPAN_LINKS = 0x6a,
    TAG_SPAN_DROPPED_LINKS = 0x70,
    TAG_SPAN_STATUS = 0x7a,
    TAG_SPAN_FLAGS_1 = 0x85, /* field 16: first and second byte */
    TAG_SPAN_FLAGS_2 = 0x01,

    TAG_EVENT_TIME = 0x09,
    TAG_EVENT_NAME = 0x12,
    TAG_EVENT_ATTRIBUTES = 0x1a,
    TAG_EVENT_DROPPED_ATTRIBUTES = 0x20,

    TAG_LINK_TRACE_ID = 0x0a,
    TAG_LINK_SPAN_ID = 0x12,
    TAG_LINK_TRACE_STATE = 0x1a,
    TAG_LINK_ATTRIBUTES = 0x22,
    TAG_LINK_DROPPED_ATTRIBUTES = 0x28,
    TAG_LINK_FLAGS = 0x35,

    TAG_STATUS_MESSAGE = 0x12,
    TAG_STATUS_CODE = 0x18,

    /* KeyValue, AnyValue and what it may hold */
    TAG_KEY_VALUE_KEY = 0x0a,
    TAG_KEY_VALUE_VALUE = 0x12,
    TAG_ANY_STRING = 0x0a,
    TAG_ANY_BOOL = 0x10,
    TAG_ANY_INT = 0x18,
    TAG_ANY_DOUBLE = 0x21,
    TAG_ANY_ARRAY = 0x2a,
    TAG_ANY_MAP = 0x32,
    TAG_ANY_BYTES = 0x3a,
    TAG_ARRAY_VALUES = 0x0a,
    TAG_MAP_VALUES = 0x0a
};

/* Span.flags and Link.flags beyond the eight W3C flags (A46). */
enum { FLAGS_IS_REMOTE_KNOWN = 0x100, FLAGS_IS_REMOTE = 0x200 };
