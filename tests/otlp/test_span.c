/*
 * Spans through the public functions, as they come out of the pipeline.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/bounds.h"
#include "otlp/context.h"
#include "tests/support/fault.h"
#include "tests/support/pipeline.h"

#define TIME UINT64_C(1704067200000000000) /* of the fake clock, at first */

static weir_otlp_span *begin(struct pipeline *p, const weir_otlp_context *parent) {
    weir_otlp_span *span =
        weir_otlp_span_begin(p->tracer, "span", &WEIR_OTLP_SPAN_OPTIONS(.parent = parent));
    cr_assert(span != NULL);
    return span;
}

static void set_int(weir_otlp_span *span, const char *key, int64_t number) {
    weir_value value = weir_value_int(number);
    weir_otlp_span_set(span, key, &value);
}

static bool same(ProtobufCBinaryData data, const void *bytes, size_t n_bytes) {
    return data.len == n_bytes && memcmp(data.data, bytes, n_bytes) == 0;
}

/* ---- identity ---- */

Test(span, root_has_random_ids_and_says_so) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = begin(&p, NULL);
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
    weir_otlp_span *parent = begin(&p, NULL);
    weir_otlp_context context = weir_otlp_span_context(parent);
    weir_otlp_span *child = begin(&p, &context);
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
    weir_otlp_span *handle = begin(&p, &remote);
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
    weir_otlp_span *handle = begin(&p, &parent);
    cr_assert(weir_otlp_span_context(handle).trace_state == NULL);
    weir_otlp_span_end(handle);
    expect_data(pipeline_span(&p)->trace_state, "");
    pipeline_close(&p);
}

Test(span, invalid_parent_makes_a_root) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_context half = {.trace_id = {1}, .trace_flags = 1, .is_remote = true};
    weir_otlp_span_end(begin(&p, &half));
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->parent_span_id.len, 0));
    cr_assert(ne(u8, span->trace_id.data[0], 1));
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
    weir_otlp_span *handle = begin(&p, &parent);
    cr_assert(not(weir_otlp_span_is_recording(handle)));
    weir_otlp_context context = weir_otlp_span_context(handle);
    cr_assert(zero(int, memcmp(context.trace_id, parent.trace_id, 16)));
    cr_assert(not(zero(int, memcmp(context.span_id, parent.span_id, 8)))); /* new ids too (E18) */
    cr_assert(eq(u8, context.trace_flags & TRACE_FLAG_SAMPLED, 0));
    expect_text(context.trace_state, "a=1");
    set_int(handle, "k", 1);
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
        weir_otlp_span *handle = begin(&p, NULL);
        set_int(handle, "k", 1);
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
    weir_otlp_span *handle = begin(&p, NULL);
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
    weir_otlp_span *handle = begin(&p, NULL);
    atomic_store(&p.fake.unix_ns, UINT64_C(1000000000));
    atomic_fetch_add(&p.fake.monotonic_ns, UINT64_C(3000000000));
    weir_otlp_span_end(handle);
    cr_assert(eq(u64, pipeline_span(&p)->end_time_unix_nano, TIME + UINT64_C(3000000000)));
    weir_otlp_span_end(begin(&p, NULL)); /* the next one does */
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

/* ---- attributes ---- */

Test(span, keeps_the_last_of_equal_keys_last) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_key_value at_begin[] = {{"a", weir_value_int(1)}, {"b", weir_value_int(2)}};
    weir_otlp_span *handle = weir_otlp_span_begin(
        p.tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.attributes = at_begin, .n_attributes = 2));
    set_int(handle, "c", 3);
    set_int(handle, "a", 4);
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_attributes, 3));
    expect_data(span->attributes[0]->key, "b");
    expect_data(span->attributes[1]->key, "c");
    expect_data(span->attributes[2]->key, "a");
    cr_assert(eq(i64, span->attributes[2]->value->int_value, 4));
    pipeline_close(&p);
}

Test(span, drops_attributes_over_the_limit_and_counts_them) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = begin(&p, NULL);
    char key[16];
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        set_int(handle, key, i);
    }
    set_int(handle, "k0", -1); /* there already: still overwritten (E45) */
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_attributes, 128));
    cr_assert(eq(u32, span->dropped_attributes_count, 10000 - 128));
    cr_assert(eq(i64, span->attributes[127]->value->int_value, -1));
    pipeline_close(&p);
}

Test(span, ten_thousand_attributes_fit_when_allowed) {
    weir_otlp_options options =
        WEIR_OTLP_OPTIONS(.limits = {.has_max_attributes = true, .max_attributes = 10000});
    struct pipeline p;
    pipeline_open(&p, &options);
    weir_otlp_span *handle = begin(&p, NULL);
    char key[16];
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        set_int(handle, key, i);
    }
    weir_otlp_span_end(handle);
    cr_assert(eq(sz, pipeline_span(&p)->n_attributes, 10000));
    pipeline_close(&p);
}

Test(span, cuts_values_at_the_limit_everywhere) {
    weir_otlp_options options =
        WEIR_OTLP_OPTIONS(.limits = {.has_max_value_chars = true, .max_value_chars = 2});
    struct pipeline p;
    pipeline_open(&p, &options);
    weir_key_value attribute = {"k", weir_value_string("\xc3\xa4\xc3\xa4\xc3\xa4")};
    weir_otlp_link link = {
        .context = {.trace_id = {1}, .span_id = {1}}, .attributes = &attribute, .n_attributes = 1};
    weir_otlp_span *handle = begin(&p, NULL);
    weir_otlp_span_set(handle, "k", &attribute.value);
    weir_otlp_span_add_event(handle, "a long name is no value", &attribute, 1);
    weir_otlp_span_add_link(handle, &link);
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    expect_data(span->attributes[0]->value->string_value, "\xc3\xa4\xc3\xa4");
    expect_data(span->events[0]->attributes[0]->value->string_value, "\xc3\xa4\xc3\xa4");
    expect_data(span->events[0]->name, "a long name is no value");
    expect_data(span->links[0]->attributes[0]->value->string_value, "\xc3\xa4\xc3\xa4");
    pipeline_close(&p);
}

Test(span, ignores_and_counts_bad_attributes) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = begin(&p, NULL);
    weir_value good = weir_value_int(1), bad = weir_value_json("{nope");
    weir_otlp_span_set(handle, NULL, &good);
    weir_otlp_span_set(handle, "", &good);
    weir_otlp_span_set(handle, "k", NULL);
    weir_otlp_span_set(handle, "k", &bad);
    weir_otlp_span_add_event(handle, NULL, NULL, 0);
    weir_otlp_span_add_event(handle, "e", NULL, 2);
    weir_otlp_span_add_link(handle, NULL);
    weir_otlp_span_add_link(handle, &(weir_otlp_link){0});
    weir_otlp_span_set_status(handle, (weir_otlp_status)9, NULL);
    weir_otlp_span_end(handle);
    weir_otlp_span_end(weir_otlp_span_begin(
        p.tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.n_attributes = 3, .n_links = 2)));
    const Otlp__Span *span = pipeline_scope(&p)->spans[0];
    cr_assert(eq(sz, span->n_attributes, 0));
    cr_assert(eq(sz, span->n_events, 1));
    cr_assert(eq(sz, span->n_links, 0));
    cr_assert(eq(u32, span->dropped_attributes_count, 0));
    cr_assert(eq(u64, pipeline_stats(&p).refused_values, 4 + 1 + 2 + 2 + 1 + 5));
    pipeline_close(&p);
}

/* ---- events and links ---- */

Test(span, keeps_events_in_order_and_drops_those_over_the_limit) {
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.limits = {.has_max_events = true,
                                                             .max_events = 2,
                                                             .has_max_event_attributes = true,
                                                             .max_event_attributes = 1});
    struct pipeline p;
    pipeline_open(&p, &options);
    weir_key_value attributes[] = {
        {"a", weir_value_int(1)}, {"b", weir_value_int(2)}, {"a", weir_value_int(3)}};
    weir_otlp_span *handle = begin(&p, NULL);
    weir_otlp_span_add_event(handle, "first", attributes, 3);
    weir_otlp_span_add_event(handle, "second \xff", NULL, 0);
    weir_otlp_span_add_event(handle, "third", NULL, 0);
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_events, 2));
    cr_assert(eq(u32, span->dropped_events_count, 1));
    expect_data(span->events[0]->name, "first");
    cr_assert(eq(sz, span->events[0]->n_attributes, 1));
    cr_assert(eq(i64, span->events[0]->attributes[0]->value->int_value, 3));
    cr_assert(eq(u32, span->events[0]->dropped_attributes_count, 1));
    expect_data(span->events[1]->name, "second \xef\xbf\xbd");
    pipeline_close(&p);
}

Test(span, keeps_links_in_order_and_drops_those_over_the_limit) {
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.limits = {.has_max_links = true,
                                                             .max_links = 3,
                                                             .has_max_link_attributes = true,
                                                             .max_link_attributes = 0});
    struct pipeline p;
    pipeline_open(&p, &options);
    weir_key_value attribute = {"a", weir_value_int(1)};
    weir_otlp_link links[] = {
        {.context = {.trace_id = {1}, .span_id = {2}, .trace_flags = 3, .trace_state = "a=1"}},
        {.context = {.trace_id = {3}, .span_id = {4}, .is_remote = true, .trace_state = "BAD"}},
        {.attributes = &attribute, .n_attributes = 1}, /* no ids, but it says something (E22) */
        {.context = {.trace_id = {5}, .span_id = {6}}},
    };
    weir_otlp_span *handle =
        weir_otlp_span_begin(p.tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.links = links, .n_links = 2));
    weir_otlp_span_add_link(handle, &links[2]);
    weir_otlp_span_add_link(handle, &links[3]);
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_links, 3));
    cr_assert(eq(u32, span->dropped_links_count, 1));
    cr_assert(same(span->links[0]->trace_id, links[0].context.trace_id, 16));
    cr_assert(same(span->links[0]->span_id, links[0].context.span_id, 8));
    cr_assert(eq(u32, span->links[0]->flags, 0x103));
    expect_data(span->links[0]->trace_state, "a=1");
    cr_assert(eq(u32, span->links[1]->flags, 0x300));
    expect_data(span->links[1]->trace_state, "");
    cr_assert(eq(u32, span->links[2]->dropped_attributes_count, 1));
    pipeline_close(&p);
}

/* ---- status ---- */

struct status_step {
    weir_otlp_status status;
    const char *text;
};

static void expect_status(const struct status_step *steps, size_t n, int code, const char *text) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = begin(&p, NULL);
    for (size_t i = 0; i < n; i++) {
        weir_otlp_span_set_status(handle, steps[i].status, steps[i].text);
    }
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    if (code == WEIR_OTLP_STATUS_UNSET) {
        cr_assert(span->status == NULL);
    } else {
        cr_assert(span->status != NULL);
        cr_assert(eq(int, span->status->code, code));
        expect_data(span->status->message, text);
    }
    pipeline_close(&p);
}
#define EXPECT_STATUS(code, text, ...)                                                             \
    expect_status((struct status_step[]){__VA_ARGS__},                                             \
                  sizeof((struct status_step[]){__VA_ARGS__}) / sizeof(struct status_step), code,  \
                  text)

Test(span, status_follows_its_precedence) {
    const weir_otlp_status UNSET = WEIR_OTLP_STATUS_UNSET, OK = WEIR_OTLP_STATUS_OK,
                           BAD = WEIR_OTLP_STATUS_ERROR;
    EXPECT_STATUS(UNSET, "", {UNSET, "ignored"});
    EXPECT_STATUS(BAD, "why", {BAD, "why"});
    EXPECT_STATUS(BAD, "", {BAD, NULL});
    EXPECT_STATUS(BAD, "", {BAD, ""});
    EXPECT_STATUS(BAD, "second", {BAD, "first"}, {BAD, "second"}, {UNSET, NULL});
    EXPECT_STATUS(BAD, "", {BAD, "a rather long first text"}, {BAD, NULL});
    EXPECT_STATUS(OK, "", {BAD, "first"}, {OK, "ignored"});
    EXPECT_STATUS(OK, "", {OK, NULL}, {BAD, "too late"}, {UNSET, NULL});
    EXPECT_STATUS(BAD, "\xef\xbf\xbd", {BAD, "\xff"});
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
    weir_otlp_span *handle = begin(&p, NULL);
    weir_otlp_span_end(handle);
    weir_otlp_span *next = begin(&p, NULL); /* the same object, another handle */
    cr_assert(next != handle);
    weir_otlp_span_end(handle);
    set_int(handle, "k", 1);
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
    weir_otlp_span *handle = begin(&p, NULL);
    pipeline_close(&p);
    set_int(handle, "k", 1);
    cr_assert(not(weir_otlp_span_is_recording(handle)));
    weir_otlp_span_end(handle);
}

/* ---- sizes ---- */

Test(span, takes_a_key_of_a_megabyte_less_a_little) {
    enum { N = 1000 * 1000 };
    struct pipeline p;
    pipeline_open(&p, NULL);
    char *key = malloc(N + 1);
    memset(key, 'k', N);
    key[N] = '\0';
    weir_otlp_span *handle = begin(&p, NULL);
    set_int(handle, key, 1);
    set_int(handle, "small", 2);
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_attributes, 2));
    cr_assert(eq(sz, span->attributes[0]->key.len, N));
    free(key);
    pipeline_close(&p);
}

Test(span, drops_only_what_does_not_fit) {
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
    weir_otlp_span *handle = begin(&p, NULL);
    set_int(handle, "small", 1);
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

Test(span, never_gets_larger_than_its_bound) {
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.max_span_bytes = 8192);
    struct pipeline p;
    pipeline_open(&p, &options);
    for (unsigned round = 0; round < 50; round++) { /* the same pooled object each time */
        weir_otlp_span *handle = begin(&p, NULL);
        char key[64];
        for (unsigned i = 0; i < 2000; i++) {
            snprintf(key, sizeof key, "%u", i);
            switch ((i * 7 + round) % 4) {
            case 0: weir_otlp_span_add_event(handle, key, NULL, 0); break;
            case 1: weir_otlp_span_set_name(handle, key); break;
            case 2: weir_otlp_span_set_status(handle, WEIR_OTLP_STATUS_ERROR, key); break;
            default: set_int(handle, key, i); break;
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

Test(span, with_a_name_that_does_not_fit_is_dropped_as_too_large) {
    enum { N = 5000 };
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.max_span_bytes = 4096);
    struct pipeline p;
    pipeline_open(&p, &options);
    static char name[N + 1];
    memset(name, 'x', N);
    weir_otlp_span *handle = weir_otlp_span_begin(p.tracer, name, NULL);
    set_int(handle, "k", 1);
    weir_otlp_span_set_name(handle, "short");
    weir_otlp_span_end(handle);
    weir_otlp_stats stats = pipeline_stats(&p);
    cr_assert(eq(u64, stats.dropped[WEIR_DROP_SPAN_TOO_LARGE], 1));
    cr_assert(eq(u64, stats.live, 0));
    pipeline_close(&p);
}

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

/* ---- memory ---- */

static void record_one(struct pipeline *p) {
    weir_key_value attributes[] = {{"a", weir_value_string("some text")},
                                   {"b", weir_value_double(NAN)}};
    weir_otlp_link link = {.context = {.trace_id = {1}, .span_id = {1}, .trace_state = "a=1"}};
    weir_otlp_context parent = {
        .trace_id = {1}, .span_id = {2}, .trace_flags = 1, .trace_state = "k=v"};
    weir_otlp_span *handle = begin(p, &parent);
    char key[] = "attribute.0";
    for (char c = '0'; c <= '9'; c++) {
        key[10] = c;
        set_int(handle, key, c);
    }
    weir_otlp_span_add_event(handle, "event", attributes, 2);
    weir_otlp_span_add_link(handle, &link);
    weir_otlp_span_set_status(handle, WEIR_OTLP_STATUS_ERROR, "text");
    weir_otlp_span_set_name(handle, "renamed");
    weir_otlp_span_end(handle);
}

Test(span, allocates_nothing_once_warm) {
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

Test(span, survives_failing_allocation_at_every_step) {
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

/* ---- errors ---- */

static const Otlp__AnyValue *of_event(const Otlp__Span__Event *event, const char *key) {
    return pipeline_find(event->attributes, event->n_attributes, key);
}

Test(span, records_an_error_as_event_status_and_attribute) { /* (E30, J16) */
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = begin(&p, NULL);
    weir_key_value more[] = {{"exception.message", weir_value_string("the caller's")},
                             {"retry", weir_value_int(3)}};
    weir_otlp_span_record_error(handle,
                                &WEIR_OTLP_ERROR(.type = "ValueError", .message = "no such key",
                                                 .stacktrace = "at x\nat y", .escaped = true),
                                more, 2);
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_events, 1));
    const Otlp__Span__Event *event = span->events[0];
    expect_data(event->name, "exception");
    cr_assert(eq(sz, event->n_attributes, 5));
    expect_data(of_event(event, "exception.type")->string_value, "ValueError");
    expect_data(of_event(event, "exception.message")->string_value, "the caller's");
    expect_data(of_event(event, "exception.stacktrace")->string_value, "at x\nat y");
    cr_assert(of_event(event, "exception.escaped")->bool_value);
    cr_assert(eq(i64, of_event(event, "retry")->int_value, 3));
    cr_assert(eq(int, span->status->code, OTLP__STATUS__STATUS_CODE__STATUS_CODE_ERROR));
    expect_data(span->status->message, "no such key");
    cr_assert(eq(sz, span->n_attributes, 1));
    expect_data(pipeline_find(span->attributes, 1, "error.type")->string_value, "ValueError");
    pipeline_close(&p);
}

Test(span, records_an_error_of_which_little_is_known) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = begin(&p, NULL);
    weir_otlp_span_record_error(handle, &WEIR_OTLP_ERROR(.type = ""), NULL, 0);
    weir_otlp_span_record_error(handle, NULL, NULL, 0);
    weir_otlp_error no_size = {.type = "T"};
    weir_otlp_span_record_error(handle, &no_size, NULL, 0);
    weir_otlp_span_record_error(NULL, &no_size, NULL, 0);
    cr_assert(eq(u64, pipeline_stats(&p).refused_values, 2));
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_events, 1));
    cr_assert(eq(sz, span->events[0]->n_attributes, 0));
    cr_assert(eq(sz, span->status->message.len, 0));
    expect_data(pipeline_find(span->attributes, 1, "error.type")->string_value, "_OTHER");
    pipeline_close(&p);
}

Test(span, an_error_does_not_change_a_success) { /* Ok is final (E23), without error.type (J16) */
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = begin(&p, NULL);
    weir_otlp_span_set_status(handle, WEIR_OTLP_STATUS_OK, NULL);
    weir_otlp_span_record_error(handle, &WEIR_OTLP_ERROR(.type = "T", .message = "m"), NULL, 0);
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_events, 1));
    cr_assert(eq(sz, span->n_attributes, 0));
    cr_assert(eq(int, span->status->code, OTLP__STATUS__STATUS_CODE__STATUS_CODE_OK));
    pipeline_close(&p);
}

/* ---- discards are said ---- */

Test(span, says_once_that_limits_discard) { /* (E50) */
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.limits = {.has_max_attributes = true,
                                                    .max_attributes = 1,
                                                    .has_max_events = true}));
    for (int i = 0; i < 3; i++) {
        weir_otlp_span *span = begin(&p, NULL);
        set_int(span, "a", 1);
        cr_assert(eq(uint, p.log.n, i > 0));
        set_int(span, "b", 2);
        weir_otlp_span_add_event(span, "e", NULL, 0);
        weir_otlp_span_end(span);
    }
    cr_assert(eq(uint, p.log.n, 1), "%s", p.log.text);
    cr_assert(strstr(p.log.text, "1 attributes, 1 events and 0 links") != NULL, "%s", p.log.text);
    pipeline_close(&p);
}
