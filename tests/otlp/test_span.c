/*
 * Spans through the public functions, as they come out of the pipeline.
 */
#include <string.h>

#include "otlp/context.h"
#include "tests/support/pipeline.h"

#define TIME UINT64_C(1704067200000000000) /* of the fake clock, at first */

static bool same(ProtobufCBinaryData data, const void *bytes, size_t n_bytes) {
    return data.len == n_bytes && memcmp(data.data, bytes, n_bytes) == 0;
}

/* ---- identity ---- */

Test(span, root_has_random_ids_and_says_so) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
    cr_assert(weir_otlp_span_is_recording(handle));
    weir_otlp_context context = weir_otlp_span_context(handle);
    cr_assert(context_is_valid(&context));
    cr_assert(eq(u8, context.trace_flags, TRACE_FLAG_SAMPLED | TRACE_FLAG_RANDOM));
    cr_assert(not(context.is_remote));
    weir_otlp_span_end(handle);

    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(same(span->trace_id, context.trace_id, 16));
    cr_assert(same(span->span_id, context.span_id, 8));
    cr_assert(eq(sz, span->parent_span_id.len, 0));
    expect_data(span->name, "span");
    expect_data(span->trace_state, "");
    cr_assert(eq(int, span->kind, OTLP__SPAN__SPAN_KIND__SPAN_KIND_INTERNAL));
    cr_assert(eq(u32, span->flags, 0x103));
    cr_assert(span->status == NULL);
    pipeline_close(&p);
}

Test(span, child_continues_its_parents_trace) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *parent = pipeline_begin(&p, NULL);
    weir_otlp_context context = weir_otlp_span_context(parent);
    weir_otlp_span *child = pipeline_begin(&p, &context);
    weir_otlp_context of_child = weir_otlp_span_context(child);
    cr_assert(zero(int, memcmp(of_child.trace_id, context.trace_id, 16)));
    cr_assert(not(zero(int, memcmp(of_child.span_id, context.span_id, 8))));
    weir_otlp_span_end(parent); /* a child outlives its parent (E27) */
    weir_otlp_span_end(child);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(same(span->parent_span_id, context.span_id, 8));
    cr_assert(eq(u32, span->flags, 0x103));
    pipeline_close(&p);
}

Test(span, remote_parent_keeps_random_flag_and_trace_state) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_context remote;
    cr_assert(eq(int,
                 weir_otlp_context_parse("00-0af7651916cd43dd8448eb211c80319c-"
                                         "b7ad6b7169203331-01",
                                         "a=1, b=2,", &remote),
                 0));
    remote.owner = 42;
    weir_otlp_span *handle = pipeline_begin(&p, &remote);
    weir_otlp_context context = weir_otlp_span_context(handle);
    cr_assert(not(context.is_remote));
    cr_assert(eq(u8, context.trace_flags, TRACE_FLAG_SAMPLED)); /* not random, as it came (G8) */
    cr_assert(eq(u64, context.owner, 42));
    expect_text(context.trace_state, "a=1,b=2");
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(u32, span->flags, 0x301));
    expect_data(span->trace_state, "a=1,b=2");
    pipeline_close(&p);
}

Test(span, bad_trace_state_is_left_out) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_context parent = {
        .trace_id = {1}, .span_id = {2}, .trace_flags = 1, .trace_state = "Bad=\xff"};
    weir_otlp_span *handle = pipeline_begin(&p, &parent);
    cr_assert(weir_otlp_span_context(handle).trace_state == NULL);
    weir_otlp_span_end(handle);
    expect_data(pipeline_span(&p)->trace_state, "");
    pipeline_close(&p);
}

Test(span, invalid_parent_makes_a_root) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_context half = {.trace_id = {1}, .trace_flags = 1, .is_remote = true};
    weir_otlp_span_end(pipeline_begin(&p, &half));
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->parent_span_id.len, 0));
    cr_assert(ne(int, memcmp(span->trace_id.data, half.trace_id, sizeof half.trace_id), 0));
    cr_assert(eq(u32, span->flags, 0x103));
    pipeline_close(&p);
}

Test(span, takes_ids_that_are_given) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_context own = {.trace_id = {9}, .span_id = {8}, .trace_state = "k=v"};
    weir_otlp_context parent = {.trace_id = {9}, .span_id = {7}, .trace_flags = 1};
    weir_otlp_span_end(weir_otlp_span_begin(
        p.tracer, "replayed", &WEIR_OTLP_SPAN_OPTIONS(.context = &own, .parent = &parent)));
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(same(span->trace_id, own.trace_id, 16));
    cr_assert(same(span->span_id, own.span_id, 8));
    cr_assert(same(span->parent_span_id, parent.span_id, 8));
    expect_data(span->trace_state, "k=v");
    cr_assert(eq(u32, span->flags, 0x101));
    pipeline_close(&p);
}

Test(span, below_an_unsampled_parent_records_nothing_and_passes_it_on) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_context parent = {.trace_id = {1}, .span_id = {2}, .trace_state = "a=1"};
    weir_otlp_span *handle = pipeline_begin(&p, &parent);
    cr_assert(not(weir_otlp_span_is_recording(handle)));
    weir_otlp_context context = weir_otlp_span_context(handle);
    cr_assert(zero(int, memcmp(context.trace_id, parent.trace_id, 16)));
    cr_assert(not(zero(int, memcmp(context.span_id, parent.span_id, 8)))); /* new ids too (E18) */
    cr_assert(eq(u8, context.trace_flags & TRACE_FLAG_SAMPLED, 0));
    expect_text(context.trace_state, "a=1");
    pipeline_set_int(handle, "k", 1);
    weir_otlp_span_add_event(handle, "e", NULL, 0);
    weir_otlp_span_set_status(handle, WEIR_OTLP_STATUS_ERROR, "x");
    weir_otlp_span_set_name(handle, "n");
    weir_otlp_span_add_link(handle, NULL);
    weir_otlp_span_end(handle);
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
    cr_assert(eq(sz, fake_exporter.n_bodies, 0));
    weir_otlp_stats stats = pipeline_stats(&p);
    cr_assert(eq(u64, stats.not_sampled, 1));
    cr_assert(eq(u64, stats.started, 1));
    cr_assert(eq(u64, stats.live, 0));
    pipeline_close(&p);
}

/* ---- name, kind, times ---- */

Test(span, repairs_its_name_and_takes_a_new_one) {
    static const char *const names[][2] = {
        {"plain", "plain"}, {"", ""}, {"a\xff", "a\xef\xbf\xbd"}, {"\xc3\xa4", "\xc3\xa4"}};
    struct pipeline p;
    pipeline_open(&p, NULL);
    for (size_t i = 0; i < 4; i++) {
        weir_otlp_span_end(weir_otlp_span_begin(p.tracer, names[i][0], NULL));
        expect_data(pipeline_span(&p)->name, names[i][1]);
        weir_otlp_span *handle = pipeline_begin(&p, NULL);
        pipeline_set_int(handle, "k", 1);
        weir_otlp_span_set_name(handle, names[i][0]);
        weir_otlp_span_set_name(handle, NULL); /* refused: the name stays */
        weir_otlp_span_end(handle);
        const Otlp__Span *span = pipeline_span(&p);
        expect_data(span->name, names[i][1]);
        cr_assert(eq(u64, span->start_time_unix_nano, TIME));
        cr_assert(eq(sz, span->n_attributes, 1));
    }
    weir_otlp_span_end(weir_otlp_span_begin(p.tracer, NULL, NULL));
    expect_data(pipeline_span(&p)->name, "");
    cr_assert(eq(u64, pipeline_stats(&p).refused_values, 4));
    pipeline_close(&p);
}

Test(span, has_the_kind_that_was_asked_for) {
    static const int rows[][2] = {{0, 1}, {1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}, {6, 1}, {-1, 1}};
    struct pipeline p;
    pipeline_open(&p, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weir_otlp_span_end(weir_otlp_span_begin(
            p.tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.kind = (weir_otlp_kind)rows[i][0])));
        cr_assert(eq(int, pipeline_span(&p)->kind, rows[i][1]));
    }
    pipeline_close(&p);
}

Test(span, is_timed_when_called) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
    fake_clock_advance(&p.fake, 5);
    weir_otlp_span_add_event(handle, "e", NULL, 0);
    fake_clock_advance(&p.fake, 7);
    weir_otlp_span_end(handle);
    fake_clock_advance(&p.fake, 100);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(u64, span->start_time_unix_nano, TIME));
    cr_assert(eq(u64, span->events[0]->time_unix_nano, TIME + 5));
    cr_assert(eq(u64, span->end_time_unix_nano, TIME + 12));
    pipeline_close(&p);
}

Test(span, does_not_see_the_wall_clock_set_while_it_is_open) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
    atomic_store(&p.fake.unix_ns, UINT64_C(1000000000));
    atomic_fetch_add(&p.fake.monotonic_ns, UINT64_C(3000000000));
    weir_otlp_span_end(handle);
    cr_assert(eq(u64, pipeline_span(&p)->end_time_unix_nano, TIME + UINT64_C(3000000000)));
    weir_otlp_span_end(pipeline_begin(&p, NULL)); /* the next one does */
    cr_assert(eq(u64, pipeline_span(&p)->start_time_unix_nano, UINT64_C(1000000000)));
    pipeline_close(&p);
}

Test(span, takes_times_that_are_given_as_they_are) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = weir_otlp_span_begin(
        p.tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.has_start_time = true, .start_unix_ns = 1000));
    weir_otlp_span_add_event_at(handle, 5, "before", NULL, 0);
    weir_otlp_span_end_at(handle, 10);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(u64, span->start_time_unix_nano, 1000));
    cr_assert(eq(u64, span->events[0]->time_unix_nano, 5));
    cr_assert(eq(u64, span->end_time_unix_nano, 10));

    handle = weir_otlp_span_begin(p.tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.has_start_time = true));
    weir_otlp_span_end(handle); /* now */
    span = pipeline_span(&p);
    cr_assert(eq(u64, span->start_time_unix_nano, 0));
    cr_assert(eq(u64, span->end_time_unix_nano, TIME));
    pipeline_close(&p);
}

/* The clock of spans may differ by a trifle between two threads. */
Test(span, an_end_never_seems_to_come_before_the_begin) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    const struct {
        uint64_t back_ns, seen_ns;
    } cases[] = {{0, 0}, {1, 0}, {9999, 0}, {10000, 10000}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        weir_otlp_span *handle = pipeline_begin(&p, NULL);
        atomic_fetch_sub(&p.fake.monotonic_ns, cases[i].back_ns);
        weir_otlp_span_end(handle);
        const Otlp__Span *span = pipeline_span(&p);
        cr_assert(eq(u64, span->start_time_unix_nano - span->end_time_unix_nano, cases[i].seen_ns),
                  "%zu", i);
    }
    pipeline_close(&p);
}

/* By hand, or by NTP: the duration is of the monotonic clock. */
Test(span, a_clock_that_is_set_back_an_hour_changes_no_duration) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *span = weir_otlp_span_begin(p.tracer, "s", NULL);
    fake_clock_advance(&p.fake, 5000000);
    atomic_fetch_sub(&p.fake.unix_ns, UINT64_C(3600000000000));
    weir_otlp_span_end(span);
    const Otlp__Span *sent = pipeline_span(&p);
    cr_assert(eq(u64, sent->end_time_unix_nano - sent->start_time_unix_nano, 5000000));
    pipeline_close(&p);
}

/* ---- options ---- */

Test(span, takes_options_of_an_older_caller) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span_options old = {.size = offsetof(weir_otlp_span_options, parent),
                                  .kind = WEIR_OTLP_KIND_SERVER};
    memset(&old.parent, 0xff, sizeof old - offsetof(weir_otlp_span_options, parent));
    weir_otlp_span_end(weir_otlp_span_begin(p.tracer, "s", &old));
    cr_assert(eq(int, pipeline_span(&p)->kind, WEIR_OTLP_KIND_SERVER));
    weir_otlp_span_options unset = {.kind = WEIR_OTLP_KIND_SERVER};
    weir_otlp_span_end(weir_otlp_span_begin(p.tracer, "s", &unset)); /* no size: as none, counted */
    cr_assert(eq(int, pipeline_span(&p)->kind, WEIR_OTLP_KIND_INTERNAL));
    cr_assert(eq(u64, pipeline_stats(&p).refused_values, 1));
    pipeline_close(&p);
}

/* ---- handles ---- */

Test(span, ignores_null_handles) {
    weir_value value = weir_value_int(1);
    uint64_t before = 0;
    struct pipeline p;
    pipeline_open(&p, NULL);
    before = pipeline_stats(&p).stale_handles;
    weir_otlp_span_set(NULL, "k", &value);
    weir_otlp_span_add_event(NULL, "e", NULL, 0);
    weir_otlp_span_add_event_at(NULL, 1, "e", NULL, 0);
    weir_otlp_span_add_link(NULL, NULL);
    weir_otlp_span_set_status(NULL, WEIR_OTLP_STATUS_OK, NULL);
    weir_otlp_span_set_name(NULL, "n");
    cr_assert(not(weir_otlp_span_is_recording(NULL)));
    weir_otlp_context context = weir_otlp_span_context(NULL);
    cr_assert(not(context_is_valid(&context)));
    weir_otlp_span_end(NULL);
    weir_otlp_span_end_at(NULL, 1);
    cr_assert(weir_otlp_span_begin(NULL, "s", NULL) == NULL);
    cr_assert(eq(u64, pipeline_stats(&p).stale_handles, before));
    pipeline_close(&p);
}

Test(span, counts_what_is_done_to_one_that_has_ended) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
    weir_otlp_span_end(handle);
    weir_otlp_span *next = pipeline_begin(&p, NULL); /* the same object, another handle */
    cr_assert(next != handle);
    weir_otlp_span_end(handle);
    pipeline_set_int(handle, "k", 1);
    weir_otlp_span_set_name(handle, "late");
    weir_otlp_span_set_status(handle, WEIR_OTLP_STATUS_ERROR, "late");
    weir_otlp_span_add_event(handle, "late", NULL, 0);
    cr_assert(not(weir_otlp_span_is_recording(handle)));
    cr_assert(eq(u64, pipeline_stats(&p).stale_handles, 6));
    weir_otlp_span_end(next);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_attributes + span->n_events, 0));
    expect_data(span->name, "span");
    cr_assert(eq(u64, pipeline_stats(&p).started, 2));
    cr_assert(eq(u64, pipeline_stats(&p).acknowledged, 2));
    pipeline_close(&p);
}

Test(span, is_stale_after_close) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
    pipeline_close(&p);
    pipeline_set_int(handle, "k", 1);
    cr_assert(not(weir_otlp_span_is_recording(handle)));
    weir_otlp_span_end(handle);
}
