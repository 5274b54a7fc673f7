/*
 * A transport that keeps every request body, and the spans in them, decoded by protobuf-c, which
 * shares no code with weir's encoder.
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/common/buf.h"
#include "otlp/common/lock.h"
#include "tests/golden/span_list.h"

struct collector {
    struct lock lock;  /* guards the two below */
    struct buf bodies; /* one behind the other: together they are one request */
    size_t n_bodies;
};

void collector_init(struct collector *collector);
void collector_deinit(struct collector *collector);
/* The transport to hand to weir; the collector must outlive it. */
weir_transport collector_transport(struct collector *collector);

/* The spans collected until now, in the order they came. NULL, or what is wrong with them. */
const char *collector_spans(struct collector *collector, struct arena *arena,
                            struct span_list *out);
