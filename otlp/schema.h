/*
 * OTLP's trace messages as a table: what stands on the wire under which number, and its JSON name.
 *
 * For code that walks over a request's bytes: turning them into JSON, and checking what a stranger
 * sent. The encoder does not use it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "otlp/wire_read.h"

enum schema_kind {
    SCHEMA_MESSAGE,
    SCHEMA_STRING,
    SCHEMA_ID,    /* bytes of a fixed length, hex in JSON (B10) */
    SCHEMA_BYTES, /* base64 in JSON (B15) */
    SCHEMA_BOOL,
    SCHEMA_INT32, /* enums too (B11) */
    SCHEMA_UINT32,
    SCHEMA_FIXED32,
    SCHEMA_INT64, /* 64-bit integers are strings in JSON (B12) */
    SCHEMA_FIXED64,
    SCHEMA_DOUBLE
};

enum schema_presence {
    SCHEMA_SINGULAR, /* left out of JSON when it has its default (B17) */
    SCHEMA_REPEATED,
    SCHEMA_ONEOF, /* in JSON when set, default or not */
    SCHEMA_UNUSED /* of a oneof, but never for traces: a reader takes the whole as absent (A39) */
};

struct schema_message;

struct schema_member {
    uint32_t number;
    enum schema_kind kind;
    enum schema_presence presence;
    const char *name;                     /* in JSON */
    const struct schema_message *message; /* SCHEMA_MESSAGE */
    size_t n_id_bytes;                    /* SCHEMA_ID */
};

struct schema_message {
    const struct schema_member *members; /* in the order of their numbers; at most 32 */
    size_t n_members;
};

extern const struct schema_message schema_request; /* ExportTraceServiceRequest */
extern const struct schema_message schema_resource_spans;
extern const struct schema_message schema_span;
extern const struct schema_message schema_any_value;

enum wire_type schema_wire_type(enum schema_kind kind);

/* NULL when the message has no such member. */
const struct schema_member *schema_find(const struct schema_message *message, uint32_t number);
