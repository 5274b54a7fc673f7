/*
 * A pipeline with the fake exporter, and what came out of it as protobuf-c's structs.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#include <weir/otlp.h>

#include "otlp/proto/trace_service.pb-c.h"
#include "tests/support/clock.h"
#include "tests/support/expect.h"
#include "tests/support/fake_exporter.h"
#include "tests/support/log.h"

struct pipeline {
    weir_otlp *otlp;
    weir_otlp_tracer *tracer;
    struct fake_clock fake;
    weir_clock clock;
    struct kept_log log;
    Otlp__ExportTraceServiceRequest *request; /* the one unpacked last */
};

/* `options` gets clock and log, unless it has its own; NULL: defaults. */
static inline void pipeline_open(struct pipeline *p, const weir_otlp_options *options) {
    *p = (struct pipeline){.fake = FAKE_CLOCK_INIT, .log = KEPT_LOG_INIT};
    weir_otlp_options all = options != NULL ? *options : WEIR_OTLP_OPTIONS(.service_name = "test");
    p->clock = fake_clock_public(&p->fake);
    all.clock = &p->clock;
    all.log = kept_log_fn;
    all.log_data = &p->log;
    cr_assert(eq(int, weir_otlp_open(&all, &p->otlp, NULL), 0));
    p->tracer = weir_otlp_tracer_get(p->otlp, "test", "1.0", NULL);
    cr_assert(p->tracer != NULL);
}

static inline void pipeline_close(struct pipeline *p) {
    if (p->request != NULL) {
        otlp__export_trace_service_request__free_unpacked(p->request, NULL);
    }
    cr_assert(eq(int, weir_otlp_close(p->otlp, 1000), 0));
    fake_exporter_reset();
}

/* A span of its tracer. */
static inline weir_otlp_span *pipeline_begin(struct pipeline *p, const weir_otlp_context *parent) {
    weir_otlp_span *span =
        weir_otlp_span_begin(p->tracer, "span", &WEIR_OTLP_SPAN_OPTIONS(.parent = parent));
    cr_assert(span != NULL);
    return span;
}

static inline void pipeline_set_int(weir_otlp_span *span, const char *key, int64_t number) {
    weir_value value = weir_value_int(number);
    weir_otlp_span_set(span, key, &value);
}

static inline weir_otlp_stats pipeline_stats(struct pipeline *p) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(p->otlp, &stats);
    return stats;
}

/* Flushes, and unpacks the newest request. */
static inline const Otlp__ResourceSpans *pipeline_resource(struct pipeline *p) {
    cr_assert(eq(int, weir_otlp_flush(p->otlp, 1000), 0));
    cr_assert(gt(sz, fake_exporter.n_bodies, 0));
    size_t n_bytes;
    const uint8_t *body = fake_exporter_body(fake_exporter.n_bodies - 1, &n_bytes);
    if (p->request != NULL) {
        otlp__export_trace_service_request__free_unpacked(p->request, NULL);
    }
    p->request = otlp__export_trace_service_request__unpack(NULL, n_bytes, body);
    cr_assert(p->request != NULL, "what was pushed is no request");
    cr_assert(eq(sz, p->request->n_resource_spans, 1));
    cr_assert(eq(sz, p->request->resource_spans[0]->n_scope_spans, 1));
    return p->request->resource_spans[0];
}

static inline const Otlp__ScopeSpans *pipeline_scope(struct pipeline *p) {
    return pipeline_resource(p)->scope_spans[0];
}

/* The last span of the newest request. */
static inline const Otlp__Span *pipeline_span(struct pipeline *p) {
    const Otlp__ScopeSpans *scope = pipeline_scope(p);
    cr_assert(gt(sz, scope->n_spans, 0));
    return scope->spans[scope->n_spans - 1];
}

/* The field is looked up once: looking again may free what was found before. */
static inline const char *pipeline_text(ProtobufCBinaryData field) {
    return expect_terminated(field.data, field.len);
}

/* A field of protobuf-c is this text. */
#define expect_data(field, text) expect_text(pipeline_text(field), text)

/* An attribute by its key; NULL when there is none. */
static inline const Otlp__AnyValue *pipeline_find(Otlp__KeyValue *const *items, size_t n_items,
                                                  const char *key) {
    for (size_t i = 0; i < n_items; i++) {
        if (items[i]->key.len == strlen(key) && memcmp(items[i]->key.data, key, strlen(key)) == 0) {
            return items[i]->value;
        }
    }
    return NULL;
}
