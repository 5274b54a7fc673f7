/*
 * What spans hold, as it comes out of the pipeline: attributes, events, links, status, errors.
 */
#include <stdio.h>
#include <string.h>

#include "tests/support/pipeline.h"

static bool same(ProtobufCBinaryData data, const void *bytes, size_t n_bytes) {
    return data.len == n_bytes && memcmp(data.data, bytes, n_bytes) == 0;
}

/* ---- attributes ---- */

Test(span_contents, keeps_the_last_of_equal_keys_last) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_key_value at_begin[] = {{"a", weir_value_int(1)}, {"b", weir_value_int(2)}};
    weir_otlp_span *handle = weir_otlp_span_begin(
        p.tracer, "s", &WEIR_OTLP_SPAN_OPTIONS(.attributes = at_begin, .n_attributes = 2));
    pipeline_set_int(handle, "c", 3);
    pipeline_set_int(handle, "a", 4);
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_attributes, 3));
    expect_data(span->attributes[0]->key, "b");
    expect_data(span->attributes[1]->key, "c");
    expect_data(span->attributes[2]->key, "a");
    cr_assert(eq(i64, span->attributes[2]->value->int_value, 4));
    pipeline_close(&p);
}

Test(span_contents, drops_attributes_over_the_limit_and_counts_them) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
    char key[16];
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        pipeline_set_int(handle, key, i);
    }
    pipeline_set_int(handle, "k0", -1); /* there already: still overwritten (E45) */
    weir_otlp_span_end(handle);
    const Otlp__Span *span = pipeline_span(&p);
    cr_assert(eq(sz, span->n_attributes, 128));
    cr_assert(eq(u32, span->dropped_attributes_count, 10000 - 128));
    cr_assert(eq(i64, span->attributes[127]->value->int_value, -1));
    pipeline_close(&p);
}

Test(span_contents, ten_thousand_attributes_fit_when_allowed) {
    weir_otlp_options options =
        WEIR_OTLP_OPTIONS(.limits = {.has_max_attributes = true, .max_attributes = 10000});
    struct pipeline p;
    pipeline_open(&p, &options);
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
    char key[16];
    for (int i = 0; i < 10000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        pipeline_set_int(handle, key, i);
    }
    weir_otlp_span_end(handle);
    cr_assert(eq(sz, pipeline_span(&p)->n_attributes, 10000));
    pipeline_close(&p);
}

Test(span_contents, cuts_values_at_the_limit_everywhere) {
    weir_otlp_options options =
        WEIR_OTLP_OPTIONS(.limits = {.has_max_value_chars = true, .max_value_chars = 2});
    struct pipeline p;
    pipeline_open(&p, &options);
    weir_key_value attribute = {"k", weir_value_string("\xc3\xa4\xc3\xa4\xc3\xa4")};
    weir_otlp_link link = {
        .context = {.trace_id = {1}, .span_id = {1}}, .attributes = &attribute, .n_attributes = 1};
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
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

Test(span_contents, ignores_and_counts_bad_attributes) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
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

Test(span_contents, keeps_events_in_order_and_drops_those_over_the_limit) {
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.limits = {.has_max_events = true,
                                                             .max_events = 2,
                                                             .has_max_event_attributes = true,
                                                             .max_event_attributes = 1});
    struct pipeline p;
    pipeline_open(&p, &options);
    weir_key_value attributes[] = {
        {"a", weir_value_int(1)}, {"b", weir_value_int(2)}, {"a", weir_value_int(3)}};
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
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

Test(span_contents, keeps_links_in_order_and_drops_those_over_the_limit) {
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
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
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

Test(span_contents, status_follows_its_precedence) {
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

/* ---- errors ---- */

static const Otlp__AnyValue *of_event(const Otlp__Span__Event *event, const char *key) {
    return pipeline_find(event->attributes, event->n_attributes, key);
}

Test(span_contents, records_an_error_as_event_status_and_attribute) { /* (E30, J16) */
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
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

Test(span_contents, records_an_error_of_which_little_is_known) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
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

Test(span_contents,
     an_error_does_not_change_a_success) { /* Ok is final (E23), without error.type (J16) */
    struct pipeline p;
    pipeline_open(&p, NULL);
    weir_otlp_span *handle = pipeline_begin(&p, NULL);
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

Test(span_contents, says_once_that_limits_discard) { /* (E50) */
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.limits = {.has_max_attributes = true,
                                                    .max_attributes = 1,
                                                    .has_max_events = true}));
    for (int i = 0; i < 3; i++) {
        weir_otlp_span *span = pipeline_begin(&p, NULL);
        pipeline_set_int(span, "a", 1);
        cr_assert(eq(uint, p.log.n, i > 0));
        pipeline_set_int(span, "b", 2);
        weir_otlp_span_add_event(span, "e", NULL, 0);
        weir_otlp_span_end(span);
    }
    cr_assert(eq(uint, p.log.n, 1), "%s", p.log.text);
    cr_assert(strstr(p.log.text, "1 attributes, 1 events and 0 links") != NULL, "%s", p.log.text);
    pipeline_close(&p);
}
