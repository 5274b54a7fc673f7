/*
 * The room that spans take: bounds, and memory that is short.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fault.h"
#include "tests/support/pipeline.h"

/* ---- sizes ---- */

Test(span_memory, takes_a_key_of_a_megabyte_less_a_little) {
    enum { N = 1000 * 1000 };
    struct pipeline p;
    pipeline_open(&p, NULL);
    char *key = malloc(N + 1);
    memset(key, 'k', N);
    key[N] = '\0';
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
    pipeline_set_int(handle, key, 1);
    pipeline_set_int(handle, "small", 2);
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_attributes, 2));
    cr_assert(eq(sz, span->attributes[0]->key.len, N));
    free(key);
    pipeline_close(&p);
}

Test(span_memory, drops_only_what_does_not_fit) {
    enum { N = 5000 };
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.max_span_bytes = 4096);
    struct pipeline p;
    pipeline_open(&p, &options);
    static char large[N + 1];
    memset(large, 'x', N);
    weir_value value = weir_value_string(large);
    weir_key_value attribute = {"k", value};
    weir_otlp_link link = {
        .context = {.trace_id = {1}, .span_id = {1}}, .attributes = &attribute, .n_attributes = 1};
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
    pipeline_set_int(handle, "small", 1);
    weir_otlp_span_set(handle, "large", &value);
    weir_otlp_span_add_event(handle, large, NULL, 0);
    weir_otlp_span_add_event(handle, "small", &attribute, 1);
    weir_otlp_span_add_link(handle, &link);
    weir_otlp_span_set_name(handle, large);
    weir_otlp_span_set_status(handle, WEIR_OTLP_STATUS_ERROR, large);
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    expect_data(span->name, "span");
    cr_assert(eq(sz, span->n_attributes, 1));
    cr_assert(eq(u32, span->dropped_attributes_count, 1));
    cr_assert(eq(sz, span->n_events, 1));
    cr_assert(eq(u32, span->dropped_events_count, 1));
    cr_assert(eq(u32, span->events[0]->dropped_attributes_count, 1));
    cr_assert(eq(sz, span->n_links, 1));
    cr_assert(eq(u32, span->links[0]->dropped_attributes_count, 1));
    cr_assert(eq(int, span->status->code, WEIR_OTLP_STATUS_ERROR)); /* the text alone is lost */
    expect_data(span->status->message, "");
    pipeline_close(&p);
}

Test(span_memory, never_gets_larger_than_its_bound) {
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.max_span_bytes = 8192);
    struct pipeline p;
    pipeline_open(&p, &options);
    for (unsigned round = 0; round < 50; round++) { /* the same pooled object each time */
        weir_otlp_span *handle = pipeline_begin(&p, NULL);
        char key[64];
        for (unsigned i = 0; i < 2000; i++) {
            snprintf(key, sizeof key, "%u", i);
            switch ((i * 7 + round) % 4) {
            case 0: weir_otlp_span_add_event(handle, key, NULL, 0); break;
            case 1: weir_otlp_span_set_name(handle, key); break;
            case 2: weir_otlp_span_set_status(handle, WEIR_OTLP_STATUS_ERROR, key); break;
            default: pipeline_set_int(handle, key, i); break;
            }
        }
        weir_otlp_span_end(handle);
        const Otlp__Span *span = pipeline_span(&p);
        cr_assert(le(sz, otlp__span__get_packed_size(span), 8192));
        cr_assert(eq(sz, span->n_attributes + span->dropped_attributes_count, 500));
        cr_assert(eq(sz, span->n_events + span->dropped_events_count, 500));
    }
    cr_assert(eq(u64, pipeline_stats(&p).dropped[WEIR_DROP_SPAN_TOO_LARGE], 0));
    pipeline_close(&p);
}

Test(span_memory, with_a_name_that_does_not_fit_is_dropped_as_too_large) {
    enum { N = 5000 };
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.max_span_bytes = 4096);
    struct pipeline p;
    pipeline_open(&p, &options);
    static char name[N + 1];
    memset(name, 'x', N);
    weir_otlp_span *handle = weir_otlp_span_begin(p.tracer, name, NULL);
    pipeline_set_int(handle, "k", 1);
    weir_otlp_span_set_name(handle, "short");
    weir_otlp_span_end(handle);
    weir_otlp_stats stats = pipeline_stats(&p);
    cr_assert(eq(u64, stats.dropped[WEIR_DROP_SPAN_TOO_LARGE], 1));
    cr_assert(eq(u64, stats.live, 0));
    pipeline_close(&p);
}

/* ---- memory ---- */

static void record_one(struct pipeline *p) {
    weir_key_value attributes[] = {{"a", weir_value_string("some text")},
                                   {"b", weir_value_double(NAN)}};
    weir_otlp_link link = {.context = {.trace_id = {1}, .span_id = {1}, .trace_state = "a=1"}};
    weir_otlp_context parent = {
        .trace_id = {1}, .span_id = {2}, .trace_flags = 1, .trace_state = "k=v"};
    weir_otlp_span *handle = pipeline_begin(p, &parent);
    char key[] = "attribute.0";
    for (char c = '0'; c <= '9'; c++) {
        key[10] = c;
        pipeline_set_int(handle, key, c);
    }
    weir_otlp_span_add_event(handle, "event", attributes, 2);
    weir_otlp_span_add_link(handle, &link);
    weir_otlp_span_set_status(handle, WEIR_OTLP_STATUS_ERROR, "text");
    weir_otlp_span_set_name(handle, "renamed");
    weir_otlp_span_end(handle);
}

Test(span_memory, allocates_nothing_once_warm) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    fake_exporter.keeps_no_bodies = true;
    for (int i = 0; i < 1000; i++) {
        record_one(&p);
    }
    size_t before = fault_n_allocations();
    for (int i = 0; i < 2000; i++) {
        record_one(&p);
    }
    cr_assert(eq(sz, fault_n_allocations(), before));
    pipeline_close(&p);
}

Test(span_memory, survives_failing_allocation_at_every_step) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir_otlp *otlp = NULL;
        fake_exporter.keeps_no_bodies = true;
        if (weir_otlp_open(&WEIR_OTLP_OPTIONS(.service_name = "s"), &otlp, NULL) != 0) {
            cr_assert(otlp == NULL);
            continue;
        }
        weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "t", NULL, NULL);
        weir_key_value attribute = {"k", weir_value_string("some text")};
        uint64_t n_begun = 0;
        for (int i = 0; i < 3; i++) {
            weir_otlp_span *handle = weir_otlp_span_begin(tracer, "span", NULL);
            n_begun += tracer != NULL;
            weir_otlp_span_set(handle, "k", &attribute.value);
            weir_otlp_span_add_event(handle, "e", &attribute, 1);
            weir_otlp_span_set_status(handle, WEIR_OTLP_STATUS_ERROR, "text");
            weir_otlp_span_end(handle);
        }
        (void)weir_otlp_flush(otlp, 1000);
        weir_otlp_stats stats = {.size = sizeof stats};
        weir_otlp_get_stats(otlp, &stats);
        cr_assert(eq(u64, stats.started, n_begun));
        cr_assert(eq(u64, stats.live, 0));
        cr_assert(eq(u64, stats.started,
                     stats.acknowledged + stats.dropped[WEIR_DROP_NO_MEMORY] +
                         stats.dropped[WEIR_DROP_SPAN_TOO_LARGE]));
        (void)weir_otlp_close(otlp, 1000);
    }
    fake_exporter_reset();
}
