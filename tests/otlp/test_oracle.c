/*
 * Random spans, said through the public functions, have the bytes that protobuf-c packs.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/expect.h"
#include "tests/support/fake_exporter.h"
#include "tests/support/request_model.h"
#include "tests/support/span_bytes.h"

enum { N_SPANS = 3000 };

/* A small generator of our own: the same spans on every machine. */
static uint64_t state;

static uint64_t draw(void) {
    uint64_t z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static uint64_t below(uint64_t limit) {
    return draw() % limit;
}

/* Often short, now and then long enough for every length of a varint. */
static size_t some_size(void) {
    switch (below(20)) {
    case 0: return (size_t)below(20000);
    case 1: return 120 + (size_t)below(20); /* around the border of one byte */
    case 2: return 0;
    default: return (size_t)below(40);
    }
}

static struct model_text some_text(struct model_request *m, size_t n_chars, bool may_hold_nul) {
    static const char *const pieces[] = {
        "a", "z", " ", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    char *text = model_alloc(m, n_chars + 1, 4);
    size_t n_bytes = 0;
    for (size_t i = 0; i < n_chars; i++) {
        if (may_hold_nul && below(50) == 0) {
            text[n_bytes++] = '\0';
            continue;
        }
        const char *piece = pieces[below(10) > 7 ? below(6) : below(3)];
        memcpy(text + n_bytes, piece, strlen(piece));
        n_bytes += strlen(piece);
    }
    return (struct model_text){text, n_bytes};
}

static int64_t some_int(void) {
    int64_t number = (int64_t)(draw() >> below(64));
    return below(2) ? number : -number;
}

static double some_double(void) {
    static const double odd[] = {0.0, -0.0, INFINITY, -INFINITY, 5e-324, 1.7976931348623157e308};
    return below(3) ? (double)some_int() / 1000.0 : odd[below(6)];
}

static struct model_attributes some_attributes(struct model_request *m, unsigned depth);

static weir_value some_value(struct model_request *m, unsigned depth) {
    struct model_text text;
    struct model_attributes map;
    weir_value *items;
    size_t n;
    switch (below(depth < 4 ? 9 : 6)) {
    case 0: return (weir_value){.kind = WEIR_VALUE_EMPTY};
    case 1: return weir_value_bool(below(2) == 0);
    case 2: return weir_value_int(some_int());
    case 3: return weir_value_double(some_double());
    case 4:
        text = some_text(m, some_size(), true);
        return weir_value_bytes(text.bytes, text.n_bytes);
    case 6:
        n = (size_t)below(6);
        items = model_alloc(m, n + 1, sizeof *items);
        for (size_t i = 0; i < n; i++) {
            items[i] = some_value(m, depth + 1);
        }
        return weir_value_array(items, n);
    case 7: map = some_attributes(m, depth + 1); return weir_value_map(map.items, map.n);
    default: text = some_text(m, some_size(), true);
    }
    return weir_value_string_n(text.bytes, text.n_bytes);
}

/* Keys are made different by a number at their end. */
static struct model_attributes some_attributes(struct model_request *m, unsigned depth) {
    struct model_attributes out = {.n = (size_t)below(below(10) ? 6 : 60)};
    out.items = model_alloc(m, out.n + 1, sizeof *out.items);
    for (size_t i = 0; i < out.n; i++) {
        struct model_text text = some_text(m, some_size(), false);
        size_t n_bytes = text.n_bytes + 24;
        char *key = model_alloc(m, n_bytes, 1);
        snprintf(key, n_bytes, "%s%zu", text.bytes, i);
        out.items[i] = (weir_key_value){key, some_value(m, depth)};
    }
    return out;
}

static struct model_id some_id(size_t n_bytes) {
    struct model_id id = {.n_bytes = n_bytes};
    for (size_t i = 0; i < n_bytes; i++) {
        id.bytes[i] = (uint8_t)(draw() | (i == 0));
    }
    return id;
}

static struct model_text some_trace_state(struct model_request *m) {
    static const char *const states[] = {"", "", "", "a=1",
                                         "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"};
    const char *text = states[below(5)];
    (void)m;
    return (struct model_text){text, strlen(text)};
}

static void add_events(struct model_request *m, struct model_span *span) {
    span->n_events = below(3) ? 0 : (size_t)below(5);
    span->events = model_alloc(m, span->n_events, sizeof *span->events);
    for (size_t i = 0; i < span->n_events; i++) {
        span->events[i] = (struct model_event){.unix_ns = draw() | 1,
                                               .name = some_text(m, some_size(), false),
                                               .attributes = some_attributes(m, 2)};
    }
}

static void add_links(struct model_request *m, struct model_span *span) {
    span->n_links = below(3) ? 0 : (size_t)below(4);
    span->links = model_alloc(m, span->n_links, sizeof *span->links);
    for (size_t i = 0; i < span->n_links; i++) {
        span->links[i] =
            (struct model_link){.trace_id = some_id(16),
                                .span_id = some_id(8),
                                .trace_state = some_trace_state(m),
                                .attributes = some_attributes(m, 2),
                                .flags = (uint32_t)below(4) | 0x100 | (below(2) ? 0x200 : 0)};
    }
}

static struct model_span some_span(struct model_request *m) {
    struct model_span span = {
        .trace_id = some_id(16),
        .span_id = some_id(8),
        .parent_span_id = some_id(below(2) ? 8 : 0),
        .trace_state = some_trace_state(m),
        .name = some_text(m, some_size(), false),
        .kind = (int)below(6),
        .start_unix_ns = draw() | 1,
        .end_unix_ns = draw() | 1,
        .attributes = some_attributes(m, 0),
        .flags = (uint32_t)below(4) | (below(2) ? 0x200 : 0),
    };
    add_events(m, &span);
    add_links(m, &span);
    span.has_status = below(2) == 0;
    span.status_code = span.has_status ? 1 + (int)below(2) : 0;
    bool has_message = span.status_code == WEIR_OTLP_STATUS_ERROR && below(3);
    span.status_message = some_text(m, has_message ? some_size() : 0, false);
    return span;
}

static void check_span(weir_otlp_tracer *tracer, weir_otlp *otlp) {
    uint64_t seed = state;
    struct model_request model = {0};
    struct model_span span = some_span(&model), sdk = model_as_sdk(&model, &span);
    cr_assert(model_can_be_said(&span));
    model_say(tracer, &span);
    cr_assert(eq(int, weir_otlp_flush(otlp, 1000), 0));
    cr_assert(eq(sz, fake_exporter.n_bodies, 1));
    size_t n_body, n_wanted;
    const uint8_t *body = fake_exporter_body(0, &n_body);
    struct span_bytes got = span_bytes_in(body, n_body, 0);
    const uint8_t *wanted = model_pack_span(&model, &sdk, &n_wanted);
    cr_assert(eq(sz, got.n_bytes, n_wanted), "seed %" PRIu64, seed);
    cr_assert(zero(int, memcmp(got.bytes, wanted, n_wanted)), "seed %" PRIu64, seed);
    fake_exporter_reset();
    model_free(&model);
}

Test(oracle, random_spans_have_the_bytes_that_protobuf_packs) {
    weir_otlp *otlp = NULL;
    cr_assert(eq(int, weir_otlp_open(NULL, &otlp, NULL), 0));
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "oracle", NULL, NULL);
    for (int i = 0; i < N_SPANS; i++) {
        check_span(tracer, otlp);
    }
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    cr_assert(eq(u64, stats.acknowledged, N_SPANS));
    cr_assert(eq(u64, stats.refused_values, 0));
    (void)weir_otlp_close(otlp, 1000);
}
