/*
 * Opening and closing a pipeline, and its counters.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/fault.h"
#include "tests/support/pipeline.h"

Test(otlp, takes_no_options) {
    weir_otlp *otlp = NULL;
    cr_assert(eq(int, weir_otlp_open(NULL, &otlp, NULL), 0));
    cr_assert(otlp != NULL);
    cr_assert(eq(int, weir_otlp_flush(otlp, 0), 0));
    cr_assert(eq(int, weir_otlp_close(otlp, 1000), 0));
}

Test(otlp, null_is_a_pipeline_that_does_nothing) {
    weir_otlp_stats stats = {.size = sizeof stats, .started = 77};
    cr_assert(eq(int, weir_otlp_flush(NULL, 1000), 0));
    cr_assert(eq(int, weir_otlp_close(NULL, 1000), 0));
    weir_otlp_get_stats(NULL, &stats);
    cr_assert(eq(u64, stats.started, 0));
    cr_assert(eq(sz, stats.size, sizeof stats));
    weir_otlp_get_stats(NULL, NULL);
}

Test(otlp, refuses_bad_options_and_leaves_out_untouched) {
    weir_otlp *otlp = (weir_otlp *)&otlp;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_otlp_options no_size = {.service_name = "s"};
    cr_assert(eq(int, weir_otlp_open(&no_size, &otlp, &detail), WEIR_E_INVALID));
    cr_assert(strstr(detail.message, "size") != NULL);
    cr_assert(eq(int, weir_otlp_open(&WEIR_OTLP_OPTIONS(.max_queue_bytes = 1), &otlp, &detail),
                 WEIR_E_INVALID));
    cr_assert(strstr(detail.message, "max_queue_bytes") != NULL);
    weir_key_value bad = {NULL, weir_value_int(1)};
    cr_assert(eq(int,
                 weir_otlp_open(&WEIR_OTLP_OPTIONS(.resource = &bad, .n_resource = 1), &otlp, NULL),
                 WEIR_E_INVALID));
    cr_assert(otlp == (weir_otlp *)&otlp);
    cr_assert(eq(int, weir_otlp_open(NULL, NULL, &detail), WEIR_E_INVALID));
}

/* A caller with an older header knows fewer fields; with a newer one, more. */
Test(otlp, takes_options_of_other_versions_when_it_can) {
    struct {
        weir_otlp_options known;
        uint64_t future;
    } newer = {.known = {.size = sizeof newer, .service_name = "s"}};
    weir_otlp *otlp = NULL;
    cr_assert(eq(int, weir_otlp_open(&newer.known, &otlp, NULL), 0));
    cr_assert(eq(int, weir_otlp_close(otlp, 1000), 0));
    newer.future = 1;
    cr_assert(eq(int, weir_otlp_open(&newer.known, &otlp, NULL), WEIR_E_INVALID));

    weir_otlp_options older;
    memset(&older, 0xff, sizeof older);
    older.size = offsetof(weir_otlp_options, resource);
    older.service_name = "s";
    cr_assert(eq(int, weir_otlp_open(&older, &otlp, NULL), 0));
    cr_assert(eq(int, weir_otlp_close(otlp, 1000), 0));
}

Test(otlp, fails_when_the_exporter_cannot_start) {
    weir_otlp *otlp = NULL;
    fake_exporter.start_error = WEIR_E_IO;
    cr_assert(eq(int, weir_otlp_open(NULL, &otlp, NULL), WEIR_E_IO));
    cr_assert(otlp == NULL);
}

Test(otlp, is_without_effect_when_disabled_but_passes_contexts_on) { /* (D20) */
    struct pipeline p;
    setenv("OTEL_SDK_DISABLED", "True", 1);
    pipeline_open(&p, NULL);
    weir_otlp_context remote;
    cr_assert(eq(int,
                 weir_otlp_context_parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                         "a=1", &remote),
                 0));
    weir_otlp_span *child =
        weir_otlp_span_begin(p.tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.parent = &remote));
    weir_otlp_context context = weir_otlp_span_context(child);
    cr_expect(not(weir_otlp_span_is_recording(child)));
    cr_expect(zero(int, memcmp(context.trace_id, remote.trace_id, 16)));
    cr_expect(zero(int, memcmp(context.span_id, remote.span_id, 8)));
    cr_expect(eq(u8, context.trace_flags, 1));
    expect_text(context.trace_state, "a=1");
    weir_otlp_span *root = weir_otlp_span_begin(p.tracer, "s", NULL);
    char traceparent[56];
    context = weir_otlp_span_context(root);
    cr_expect(not(weir_otlp_context_format(&context, traceparent)));
    weir_otlp_span_end(child);
    weir_otlp_span_end(root);
    weir_otlp_stats stats = pipeline_stats(&p);
    cr_expect(eq(u64, stats.started, 2));
    cr_expect(eq(u64, stats.not_sampled, 2));
    pipeline_close(&p);
    unsetenv("OTEL_SDK_DISABLED");
}

Test(otlp, starts_no_exporter_when_disabled) { /* (D20) */
    weir_otlp *otlp = NULL;
    fake_exporter.start_error = WEIR_E_IO;
    cr_assert(
        eq(int,
           weir_otlp_open(&WEIR_OTLP_OPTIONS(.has_disabled = true, .disabled = true), &otlp, NULL),
           0));
    cr_assert(eq(int, weir_otlp_close(otlp, 0), 0));
}

Test(otlp, records_nothing_when_there_is_nowhere_to_send_to) {
    fake_exporter.is_nowhere = true;
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *span = weir_otlp_span_begin(p.tracer, "s", NULL);
    cr_assert(not(weir_otlp_span_is_recording(span)));
    cr_assert(eq(u8, weir_otlp_span_context(span).trace_flags, 3)); /* others may record theirs */
    weir_otlp_span_end(span);
    weir_otlp_stats stats = pipeline_stats(&p);
    cr_assert(eq(u64, stats.not_sampled, 1));
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
    pipeline_close(&p);
}

Test(otlp, fills_stats_as_far_as_the_caller_knows_them) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span_end(weir_otlp_span_begin(p.tracer, "s", NULL));
    weir_otlp_stats stats = {.size = offsetof(weir_otlp_stats, live), .live = 77};
    weir_otlp_get_stats(p.otlp, &stats);
    cr_assert(eq(u64, stats.started, 1));
    cr_assert(eq(u64, stats.live, 77));
    stats.size = 0;
    stats.started = 5;
    weir_otlp_get_stats(p.otlp, &stats);
    cr_assert(eq(u64, stats.started, 5));
    pipeline_close(&p);
}

Test(otlp, gives_all_its_memory_back) {
    struct pipeline warm;
    pipeline_open(&warm, NULL); /* handle slots stay with the process */
    weir_otlp_span_end(weir_otlp_span_begin(warm.tracer, "s", NULL));
    pipeline_close(&warm);
    long before = fault_n_live();
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.resource_schema_url = "u"));
    fake_exporter.keeps_no_bodies = true;
    for (int i = 0; i < 1000; i++) {
        weir_otlp_span_end(weir_otlp_span_begin(p.tracer, "s", NULL));
    }
    (void)weir_otlp_span_begin(p.tracer, "left open", NULL);
    cr_assert(eq(int, weir_otlp_close(p.otlp, 1000), 0));
    fake_exporter_reset();
    cr_assert(eq(long, fault_n_live(), before));
}

Test(otlp, open_survives_failing_allocation_at_every_step) {
    weir_key_value resource = {"k", weir_value_string("v")};
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir_otlp *otlp = NULL;
        int error = weir_otlp_open(&WEIR_OTLP_OPTIONS(.service_name = "s", .resource = &resource,
                                                      .n_resource = 1,
                                                      .resource_schema_url = "https://r/1"),
                                   &otlp, NULL);
        cr_assert(error == 0 || error == WEIR_E_NO_MEMORY);
        cr_assert(eq(int, otlp != NULL, error == 0));
        (void)weir_otlp_close(otlp, 1000);
    }
}
