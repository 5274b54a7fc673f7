/*
 * Span processors, and the view of an ended span that they get (E31, E51-E57).
 */
#include <string.h>

#include "otlp/bounds.h"
#include "tests/support/fault.h"
#include "tests/support/pipeline.h"

/* What a processor saw, in the order of the calls; several may share one. */
struct diary {
    char text[512];
    const weir_otlp_view *view; /* borrowed: never used after the callback */
    void (*look)(const weir_otlp_view *view);
    weir_otlp_span *handle;
    int answer;
    uint32_t timeout_ms;
};

struct writer {
    struct diary *diary;
    const char *name;
};

static void note(const struct writer *w, const char *what) {
    size_t n = strlen(w->diary->text);
    snprintf(w->diary->text + n, sizeof w->diary->text - n, "%s%s ", w->name, what);
}

static void on_start(void *data, weir_otlp_span *span, const weir_otlp_context *parent) {
    struct writer *w = data;
    note(w, parent != NULL ? "+child" : "+root");
    w->diary->handle = span;
}

static void on_end(void *data, const weir_otlp_view *span) {
    struct writer *w = data;
    note(w, "-");
    if (w->diary->look != NULL) {
        w->diary->look(span);
    }
}

static int on_flush(void *data, uint32_t timeout_ms) {
    struct writer *w = data;
    note(w, "flush");
    w->diary->timeout_ms = timeout_ms;
    return w->diary->answer;
}

static int on_shutdown(void *data, uint32_t timeout_ms) {
    struct writer *w = data;
    note(w, "shutdown");
    w->diary->timeout_ms = timeout_ms;
    return w->diary->answer;
}

static weir_processor writing(struct writer *w) {
    return WEIR_PROCESSOR(.data = w, .on_start = on_start, .on_end = on_end, .flush = on_flush,
                          .shutdown = on_shutdown);
}

/* A pipeline with one processor. */
static void open_with(struct pipeline *p, struct diary *diary, const weir_otlp_options *options) {
    static struct writer w;
    static weir_processor processor;
    static const weir_processor *all[1] = {&processor};
    w = (struct writer){diary, ""};
    processor = writing(&w);
    weir_otlp_options more = *options;
    more.processors = all;
    more.n_processors = 1;
    pipeline_open(p, &more);
}

static weir_otlp_span *begin(struct pipeline *p) {
    weir_otlp_span *span = weir_otlp_span_begin(p->tracer, "span", NULL);
    cr_assert(span != NULL);
    return span;
}

static void expect_view_text(weir_view_text text, const char *expected) {
    cr_assert(text.bytes != NULL);
    expect_text(expect_terminated(text.bytes, text.n_bytes), expected);
}

/* ---- registration ---- */

Test(processor, are_called_in_the_order_of_registration) { /* (E51) */
    struct diary diary = {0};
    struct writer a = {&diary, "a"}, b = {&diary, "b"};
    weir_processor first = writing(&a), second = writing(&b), nothing = WEIR_PROCESSOR(NULL);
    const weir_processor *all[] = {&first, &nothing, &second};
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.processors = all, .n_processors = 3));
    memset(&first, 0xff, sizeof first); /* they were copied */
    weir_otlp_span *root = begin(&p);
    weir_otlp_context context = weir_otlp_span_context(root);
    weir_otlp_span_end(
        weir_otlp_span_begin(p.tracer, "child", &WEIR_OTLP_SPAN_OPTIONS(.parent = &context)));
    weir_otlp_span_end(root);
    weir_otlp_span_end(root); /* ended already (E26) */
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
    pipeline_close(&p);
    expect_text(diary.text, "a+root b+root a+child b+child a- b- a- b- aflush bflush ashutdown "
                            "bshutdown ");
}

Test(processor, are_checked_at_open) {
    weir_otlp *otlp = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    const weir_processor *none[OTLP_MAX_PROCESSORS + 1] = {NULL};
    weir_processor no_size = {.on_end = on_end};
    const weir_processor *without_size[] = {&no_size};
    cr_assert(eq(int, weir_otlp_open(&WEIR_OTLP_OPTIONS(.n_processors = 1), &otlp, &detail),
                 WEIR_E_INVALID));
    cr_assert(strstr(detail.message, "processors is NULL") != NULL);
    cr_assert(eq(
        int,
        weir_otlp_open(&WEIR_OTLP_OPTIONS(.processors = none, .n_processors = 1), &otlp, &detail),
        WEIR_E_INVALID));
    cr_assert(strstr(detail.message, "processors[0]") != NULL);
    cr_assert(eq(int,
                 weir_otlp_open(&WEIR_OTLP_OPTIONS(.processors = none,
                                                   .n_processors = OTLP_MAX_PROCESSORS + 1),
                                &otlp, &detail),
                 WEIR_E_INVALID));
    cr_assert(strstr(detail.message, "at most 16") != NULL);
    cr_assert(eq(int,
                 weir_otlp_open(&WEIR_OTLP_OPTIONS(.processors = without_size, .n_processors = 1),
                                &otlp, &detail),
                 WEIR_E_INVALID));
    cr_assert(strstr(detail.message, "WEIR_PROCESSOR()") != NULL);
    cr_assert(otlp == NULL);
}

Test(processor, open_survives_short_memory_and_calls_none) {
    struct diary diary = {0};
    struct writer w = {&diary, ""};
    weir_processor processor = writing(&w);
    const weir_processor *all[] = {&processor};
    FAULT_FOR_EACH_ALLOCATION(n) {
        weir_otlp *otlp = NULL;
        int error =
            weir_otlp_open(&WEIR_OTLP_OPTIONS(.processors = all, .n_processors = 1), &otlp, NULL);
        cr_assert(error == 0 || error == WEIR_E_NO_MEMORY);
        expect_text(diary.text, ""); /* the host keeps what it has */
        fault_disarm();
        (void)weir_otlp_close(otlp, 1000);
        diary.text[0] = '\0';
    }
}

/* ---- begin ---- */

static void set_in_start(void *data, weir_otlp_span *span, const weir_otlp_context *parent) {
    (void)data, (void)parent;
    weir_value value = weir_value_string("yes");
    cr_assert(weir_otlp_span_is_recording(span));
    weir_otlp_span_set(span, "by.processor", &value);
    weir_otlp_span_set_name(span, "renamed");
}

Test(processor, may_change_a_span_that_begins_and_later) { /* (E52) */
    weir_processor changing = WEIR_PROCESSOR(.on_start = set_in_start);
    struct diary diary = {0};
    struct writer w = {&diary, ""};
    weir_processor keeping = writing(&w);
    const weir_processor *all[] = {&changing, &keeping};
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.processors = all, .n_processors = 2));
    weir_key_value initial = {"initial", weir_value_int(1)};
    weir_otlp_span *span = weir_otlp_span_begin(
        p.tracer, "span", &WEIR_OTLP_SPAN_OPTIONS(.attributes = &initial, .n_attributes = 1));
    cr_assert(diary.handle == span); /* the same handle as the caller's */
    weir_value later = weir_value_bool(true);
    weir_otlp_span_set(diary.handle, "later", &later);
    weir_otlp_span_end(span);
    weir_otlp_span_set(diary.handle, "too late", &later);
    cr_assert(eq(u64, pipeline_stats(&p).stale_handles, 1));

    const Otlp__Span *sent = pipeline_span(&p);
    expect_data(sent->name, "renamed");
    cr_assert(eq(sz, sent->n_attributes, 3));
    expect_data(sent->attributes[0]->key, "initial");
    expect_data(sent->attributes[1]->key, "by.processor");
    expect_data(sent->attributes[2]->key, "later");
    pipeline_close(&p);
}

static void end_in_start(void *data, weir_otlp_span *span, const weir_otlp_context *parent) {
    (void)data, (void)parent;
    weir_otlp_span_end(span);
    weir_otlp_span_end_at(span, 1);
}

Test(processor, cannot_end_a_span_that_is_beginning) {
    weir_processor ending = WEIR_PROCESSOR(.on_start = end_in_start);
    const weir_processor *all[] = {&ending};
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.processors = all, .n_processors = 1));
    weir_otlp_span *span = begin(&p);
    cr_assert(weir_otlp_span_is_recording(span));
    weir_otlp_span_end(span);
    weir_otlp_stats stats = pipeline_stats(&p);
    cr_assert(eq(u64, stats.stale_handles, 2));
    cr_assert(eq(u64, stats.live, 0));
    pipeline_close(&p);
}

/* ---- the view ---- */

static void look_at_nested(weir_view_value map) {
    cr_assert(eq(int, map.value.kind, WEIR_VALUE_MAP));
    weir_view_attribute inner;
    weir_view_value item;
    cr_assert(weir_view_next_attribute(&map.items, &inner));
    expect_view_text(inner.key, "list");
    cr_assert(eq(int, inner.value.value.kind, WEIR_VALUE_ARRAY));
    cr_assert(weir_view_next_value(&inner.value.items, &item));
    cr_assert(eq(i64, item.value.as.integer, -1));
    cr_assert(weir_view_next_value(&inner.value.items, &item));
    cr_assert(eq(int, item.value.kind, WEIR_VALUE_EMPTY));
    cr_assert(not(weir_view_next_value(&inner.value.items, &item)));
    cr_assert(not(weir_view_next_attribute(&map.items, &inner)));
    cr_assert(not(weir_view_next_attribute(&map.items, &inner))); /* and stays there */
}

static void look_at_attributes(weir_view_list list) {
    weir_view_attribute a;
    cr_assert(weir_view_next_attribute(&list, &a));
    expect_view_text(a.key, "text");
    expect_view_text(
        (weir_view_text){a.value.value.as.string.bytes, a.value.value.as.string.n_bytes},
        "caf\xc3\xa9");
    cr_assert(weir_view_next_attribute(&list, &a));
    cr_assert(a.value.value.as.boolean);
    cr_assert(weir_view_next_attribute(&list, &a));
    cr_assert(eq(dbl, a.value.value.as.number, 0.5));
    cr_assert(weir_view_next_attribute(&list, &a));
    cr_assert(eq(sz, a.value.value.as.bytes.n_bytes, 2));
    cr_assert(zero(int, memcmp(a.value.value.as.bytes.data, "\0\1", 2)));
    cr_assert(weir_view_next_attribute(&list, &a));
    expect_view_text(a.key, "map");
    look_at_nested(a.value);
    cr_assert(not(weir_view_next_attribute(&list, &a)));
}

static void look_at_events(weir_view_list list) {
    weir_view_event event;
    weir_view_attribute a;
    cr_assert(weir_view_next_event(&list, &event));
    expect_view_text(event.name, "first");
    cr_assert(eq(u64, event.unix_ns, 7));
    cr_assert(eq(u32, event.n_dropped_attributes, 1));
    cr_assert(weir_view_next_attribute(&event.attributes, &a));
    expect_view_text(a.key, "kept");
    cr_assert(not(weir_view_next_attribute(&event.attributes, &a)));
    cr_assert(weir_view_next_event(&list, &event));
    expect_view_text(event.name, "second");
    cr_assert(eq(u32, event.n_dropped_attributes, 0));
    cr_assert(not(weir_view_next_event(&list, &event)));
}

static void look_at_links(weir_view_list list) {
    weir_view_link link;
    weir_view_attribute a;
    cr_assert(weir_view_next_link(&list, &link));
    cr_assert(eq(u8, link.context.trace_id[0], 3));
    cr_assert(eq(u8, link.context.span_id[7], 4));
    cr_assert(eq(u8, link.context.trace_flags, 1));
    cr_assert(link.context.is_remote);
    expect_view_text(link.trace_state, "k=v");
    cr_assert(eq(u32, link.n_dropped_attributes, 1));
    cr_assert(weir_view_next_attribute(&link.attributes, &a));
    cr_assert(not(weir_view_next_link(&list, &link)));
}

static unsigned n_looks;

static void look_at_everything(const weir_otlp_view *view) { /* (E54, E55) */
    n_looks++;
    expect_view_text(weir_otlp_view_name(view), "everything");
    cr_assert(eq(int, weir_otlp_view_kind(view), WEIR_OTLP_KIND_CLIENT));
    weir_otlp_context context = weir_otlp_view_context(view), parent;
    cr_assert(eq(u64, context.owner, 42));
    expect_text(context.trace_state, "a=1");
    cr_assert(weir_otlp_view_parent(view, &parent));
    cr_assert(eq(u8, parent.trace_id[0], 1));
    cr_assert(eq(u8, parent.span_id[0], 2));
    cr_assert(eq(u8, parent.trace_flags, 1));
    cr_assert(parent.is_remote);
    cr_assert(eq(u64, weir_otlp_view_start(view), 5));
    cr_assert(eq(u64, weir_otlp_view_end(view), 9));
    weir_view_text description;
    cr_assert(eq(int, weir_otlp_view_status(view, &description), WEIR_OTLP_STATUS_ERROR));
    expect_view_text(description, "why");
    weir_view_dropped dropped = weir_otlp_view_dropped(view);
    cr_assert(eq(u32, dropped.attributes, 1));
    cr_assert(eq(u32, dropped.events, 1));
    cr_assert(eq(u32, dropped.links, 1));
    look_at_attributes(weir_otlp_view_attributes(view));
    look_at_events(weir_otlp_view_events(view));
    look_at_links(weir_otlp_view_links(view));
    expect_view_text(weir_otlp_view_scope_name(view), "scope");
    expect_view_text(weir_otlp_view_scope_version(view), "2");
    expect_view_text(weir_otlp_view_scope_schema_url(view), "http://scope/1.0");
    expect_view_text(weir_otlp_view_resource_schema_url(view), "http://resource/1.0");
    weir_view_list list = weir_otlp_view_scope_attributes(view);
    weir_view_attribute a;
    cr_assert(weir_view_next_attribute(&list, &a));
    expect_view_text(a.key, "of.scope");
    list = weir_otlp_view_resource(view);
    cr_assert(weir_view_next_attribute(&list, &a));
    expect_view_text(a.key, "service.name");
}

static void say_everything(weir_otlp_tracer *tracer) {
    weir_value list[] = {weir_value_int(-1), {0}};
    weir_key_value inner = {"list", weir_value_array(list, 2)};
    weir_key_value attributes[] = {
        {"text", weir_value_string("caf\xc3\xa9")}, {"bool", weir_value_bool(true)},
        {"double", weir_value_double(0.5)},         {"bytes", weir_value_bytes("\0\1", 2)},
        {"map", weir_value_map(&inner, 1)},         {"too many", weir_value_int(0)},
    };
    weir_key_value two[] = {{"kept", weir_value_int(1)}, {"dropped", weir_value_int(2)}};
    weir_otlp_link link = {{.trace_id = {3},
                            .span_id = {0, 0, 0, 0, 0, 0, 0, 4},
                            .trace_flags = 1,
                            .is_remote = true,
                            .trace_state = "k=v"},
                           two,
                           2};
    weir_otlp_context parent = {.trace_id = {1},
                                .span_id = {2},
                                .trace_flags = 1,
                                .is_remote = true,
                                .owner = 42,
                                .trace_state = "a=1"};
    weir_otlp_span *span = weir_otlp_span_begin(
        tracer, "everything",
        &WEIR_OTLP_SPAN_OPTIONS(.kind = WEIR_OTLP_KIND_CLIENT, .parent = &parent,
                                .has_start_time = true, .start_unix_ns = 5,
                                .attributes = attributes, .n_attributes = 6, .links = &link,
                                .n_links = 1));
    weir_otlp_span_add_link(span, &link);
    weir_otlp_span_add_event_at(span, 7, "first", two, 2);
    weir_otlp_span_add_event_at(span, 8, "second", NULL, 0);
    weir_otlp_span_add_event_at(span, 8, "third", NULL, 0);
    weir_otlp_span_set_status(span, WEIR_OTLP_STATUS_ERROR, "why");
    weir_otlp_span_end_at(span, 9);
}

Test(processor, sees_everything_that_a_span_says) {
    struct diary diary = {.look = look_at_everything};
    struct pipeline p;
    open_with(&p, &diary,
              &WEIR_OTLP_OPTIONS(.resource_schema_url = "http://resource/1.0",
                                 .limits = {.has_max_attributes = true,
                                            .max_attributes = 5,
                                            .has_max_events = true,
                                            .max_events = 2,
                                            .has_max_links = true,
                                            .max_links = 1,
                                            .has_max_event_attributes = true,
                                            .max_event_attributes = 1,
                                            .has_max_link_attributes = true,
                                            .max_link_attributes = 1}));
    weir_key_value of_scope = {"of.scope", weir_value_int(1)};
    weir_otlp_tracer *tracer =
        weir_otlp_tracer_get_with(p.otlp, "scope", "2", "http://scope/1.0", &of_scope, 1);
    n_looks = 0;
    say_everything(tracer);
    cr_assert(eq(uint, n_looks, 1));
    pipeline_close(&p);
}

static void look_at_little(const weir_otlp_view *view) {
    n_looks++;
    weir_view_text description;
    weir_otlp_context parent = {.trace_flags = 77};
    expect_view_text(weir_otlp_view_name(view), "");
    cr_assert(eq(int, weir_otlp_view_kind(view), WEIR_OTLP_KIND_INTERNAL));
    cr_assert(not(weir_otlp_view_parent(view, &parent)));
    cr_assert(eq(u8, parent.trace_flags, 77));
    cr_assert(eq(int, weir_otlp_view_status(view, &description), WEIR_OTLP_STATUS_UNSET));
    expect_view_text(description, "");
    weir_view_list list = weir_otlp_view_attributes(view);
    weir_view_attribute a;
    cr_assert(not(weir_view_next_attribute(&list, &a)));
    expect_view_text(weir_otlp_view_scope_schema_url(view), "");
    expect_view_text(weir_otlp_view_resource_schema_url(view), "");
}

Test(processor, sees_a_span_that_says_nothing) {
    struct diary diary = {.look = look_at_little};
    struct pipeline p;
    open_with(&p, &diary, &WEIR_OTLP_OPTIONS(.service_name = "s"));
    n_looks = 0;
    weir_otlp_span_end(weir_otlp_span_begin(p.tracer, NULL, NULL));
    cr_assert(eq(uint, n_looks, 1));
    pipeline_close(&p);
}

Test(processor, view_of_null_is_empty) {
    weir_view_text text;
    weir_otlp_context context;
    expect_view_text(weir_otlp_view_name(NULL), "");
    cr_assert(eq(int, weir_otlp_view_kind(NULL), 0));
    cr_assert(eq(u8, weir_otlp_view_context(NULL).trace_flags, 0));
    cr_assert(not(weir_otlp_view_parent(NULL, &context)));
    cr_assert(eq(u64, weir_otlp_view_start(NULL) + weir_otlp_view_end(NULL), 0));
    cr_assert(eq(int, weir_otlp_view_status(NULL, &text), 0));
    expect_view_text(text, "");
    cr_assert(eq(u32, weir_otlp_view_dropped(NULL).attributes, 0));
    expect_view_text(weir_otlp_view_scope_name(NULL), "");
    expect_view_text(weir_otlp_view_scope_version(NULL), "");
    weir_view_list lists[] = {weir_otlp_view_attributes(NULL), weir_otlp_view_events(NULL),
                              weir_otlp_view_links(NULL), weir_otlp_view_resource(NULL),
                              weir_otlp_view_scope_attributes(NULL)};
    weir_view_attribute a;
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        cr_assert(not(weir_view_next_attribute(&lists[i], &a)));
    }
    weir_view_list zero = {0};
    cr_assert(not(weir_view_next_attribute(NULL, &a)));
    cr_assert(not(weir_view_next_event(&zero, NULL)));
}

static void change_in_end(void *data, const weir_otlp_view *span) {
    struct writer *w = data;
    weir_value late = weir_value_bool(true);
    cr_assert(not(weir_otlp_span_is_recording(w->diary->handle)));
    weir_otlp_span_set(w->diary->handle, "too late", &late);
    weir_otlp_span_set_name(w->diary->handle, "too late");
    expect_view_text(weir_otlp_view_name(span), "span");
    note(w, "looked");
}

Test(processor, cannot_change_a_span_that_has_ended) { /* (E54) */
    struct diary diary = {0};
    struct writer w = {&diary, ""};
    weir_processor changing =
        WEIR_PROCESSOR(.data = &w, .on_start = on_start, .on_end = change_in_end);
    const weir_processor *all[] = {&changing};
    struct pipeline p;
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.processors = all, .n_processors = 1));
    weir_otlp_span_end(begin(&p));
    expect_text(diary.text, "+root looked "); /* before the end returned */
    const Otlp__Span *span = pipeline_span(&p);
    expect_data(span->name, "span");
    cr_assert(eq(sz, span->n_attributes, 0));
    cr_assert(eq(u64, pipeline_stats(&p).stale_handles, 3));
    pipeline_close(&p);
}

/* ---- what is not exported ---- */

Test(processor, sees_what_is_recorded_only_and_the_exporter_does_not) { /* (E31, E32) */
    weir_sampler inner = weir_sampler_always_off(), sampler;
    cr_assert(eq(int, weir_sampler_always_record(&inner, &sampler), 0));
    struct diary diary = {0};
    struct pipeline p;
    open_with(&p, &diary, &WEIR_OTLP_OPTIONS(.sampler = &sampler));
    weir_otlp_span *span = begin(&p);
    cr_assert(weir_otlp_span_is_recording(span));
    cr_assert(eq(u8, weir_otlp_span_context(span).trace_flags, 2)); /* not sampled */
    weir_otlp_span_end(span);
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
    cr_assert(eq(sz, fake_exporter.n_bodies, 0));
    weir_otlp_stats stats = pipeline_stats(&p);
    cr_assert(eq(u64, stats.started, 1));
    cr_assert(eq(u64, stats.not_sampled, 1));
    cr_assert(eq(u64, stats.live, 0));
    pipeline_close(&p);
    expect_text(diary.text, "+root - flush shutdown ");
}

Test(processor, does_not_see_what_is_dropped) {
    weir_sampler sampler = weir_sampler_always_off();
    struct diary diary = {0};
    struct pipeline p;
    open_with(&p, &diary, &WEIR_OTLP_OPTIONS(.sampler = &sampler));
    weir_otlp_span *span = begin(&p);
    cr_assert(not(weir_otlp_span_is_recording(span)));
    weir_otlp_span_end(span);
    pipeline_close(&p);
    expect_text(diary.text, "shutdown ");
}

Test(processor, sees_spans_where_there_is_nowhere_to_send_to) {
    fake_exporter.is_nowhere = true;
    struct diary diary = {0};
    struct pipeline p;
    open_with(&p, &diary, &WEIR_OTLP_OPTIONS(.service_name = "s"));
    cr_assert(weir_otlp_tracer_is_enabled(p.tracer));
    weir_otlp_span *span = begin(&p);
    cr_assert(weir_otlp_span_is_recording(span));
    cr_assert(eq(u8, weir_otlp_span_context(span).trace_flags, 3));
    weir_otlp_span_end(span);
    weir_otlp_stats stats = pipeline_stats(&p);
    cr_assert(eq(u64, stats.started, 1));
    cr_assert(eq(u64, stats.not_sampled, 1));
    pipeline_close(&p);
    expect_text(diary.text, "+root - shutdown ");
}

Test(processor, sees_nothing_when_all_is_switched_off) { /* (D20) */
    struct diary diary = {0};
    weir_sampler inner = weir_sampler_always_on(), sampler;
    cr_assert(eq(int, weir_sampler_always_record(&inner, &sampler), 0));
    struct pipeline p;
    open_with(&p, &diary,
              &WEIR_OTLP_OPTIONS(.has_disabled = true, .disabled = true, .sampler = &sampler));
    cr_assert(not(weir_otlp_tracer_is_enabled(p.tracer)));
    weir_otlp_span *span = begin(&p);
    cr_assert(not(weir_otlp_span_is_recording(span)));
    cr_assert(eq(u8, weir_otlp_span_context(span).trace_flags, 0));
    weir_otlp_span_end(span);
    pipeline_close(&p);
    expect_text(diary.text, "shutdown ");
}

Test(processor, tracer_is_enabled_when_a_span_could_reach_anybody) { /* (E5) */
    struct pipeline p;
    pipeline_open(&p, NULL);
    cr_assert(weir_otlp_tracer_is_enabled(p.tracer));
    cr_assert(not(weir_otlp_tracer_is_enabled(NULL)));
    pipeline_close(&p);
    fake_exporter.is_nowhere = true;
    pipeline_open(&p, NULL);
    cr_assert(not(weir_otlp_tracer_is_enabled(p.tracer)));
    pipeline_close(&p);
}

/* ---- flush and shutdown ---- */

Test(processor, flush_and_close_pass_time_and_answer_on) { /* (E6, E7, E56, E57) */
    struct diary diary = {.answer = WEIR_E_TIMEOUT};
    struct pipeline p;
    open_with(&p, &diary, &WEIR_OTLP_OPTIONS(.service_name = "s"));
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1234), WEIR_E_TIMEOUT));
    cr_assert(le(u32, diary.timeout_ms, 1234));
    cr_assert(gt(u32, diary.timeout_ms, 0));
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 0), WEIR_E_TIMEOUT));
    cr_assert(eq(u32, diary.timeout_ms, 0));
    diary.answer = 5; /* no error */
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
    diary.answer = WEIR_E_IO;
    cr_assert(eq(int, weir_otlp_close(p.otlp, 4321), WEIR_E_IO));
    cr_assert(le(u32, diary.timeout_ms, 4321));
    fake_exporter_reset();
    expect_text(diary.text, "flush flush flush shutdown ");
}

/* A processor may use weir: here it makes a span of its own for each that ends, but not for those.
 */
static void span_in_end(void *data, const weir_otlp_view *view) {
    weir_otlp_context context = weir_otlp_view_context(view), parent;
    if (!weir_otlp_view_parent(view, &parent)) {
        struct pipeline *p = data;
        weir_otlp_span_end(
            weir_otlp_span_begin(p->tracer, "below", &WEIR_OTLP_SPAN_OPTIONS(.parent = &context)));
    }
}

Test(processor, may_begin_and_end_spans_of_its_own) {
    struct pipeline p;
    weir_processor making = WEIR_PROCESSOR(.data = &p, .on_end = span_in_end);
    const weir_processor *all[] = {&making};
    pipeline_open(&p, &WEIR_OTLP_OPTIONS(.processors = all, .n_processors = 1));
    weir_otlp_span_end(begin(&p));
    const Otlp__ScopeSpans *scope = pipeline_scope(&p);
    cr_assert(eq(sz, scope->n_spans, 2));
    expect_data(scope->spans[0]->name, "span");
    expect_data(scope->spans[1]->name, "below");
    pipeline_close(&p);
}
