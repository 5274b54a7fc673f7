#include <string.h>

#include "otlp/bounds.h"
#include "otlp/proto/trace_service.pb-c.h"
#include "otlp/segment.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

static const struct scope NOTHING;

/* Resource with a schema URL, scope with a schema URL. */
static const struct scope WHOLE = {
    .resource = {(const uint8_t *)"\x0a\x0b\x0a\x09\x0a\x01k\x12\x04\x0a\x02vv", 13},
    .scope = {(const uint8_t *)"\x0a\x06\x0a\x04name", 8},
    .scope_url = {(const uint8_t *)"\x1a\x03s:u", 5},
    .resource_url = {(const uint8_t *)"\x1a\x03r:u", 5},
};

/* Appends a span that is a name of n_name bytes; false when there is no room. */
static bool append(struct segment_pool *pool, struct segment *segment, size_t n_name) {
    size_t n_body = 1 + (n_name < 128 ? 1 : n_name < 16384 ? 2 : 3) + n_name;
    uint8_t head[8] = {0x12};
    size_t n_head = 1, rest = n_body;
    for (; rest > 127; rest >>= 7) {
        head[n_head++] = (uint8_t)(rest | 0x80);
    }
    head[n_head++] = (uint8_t)rest;
    uint8_t *at = segment_room(segment, n_head + n_body);
    if (at == NULL && segment_grow(pool, segment, n_head + n_body)) {
        at = segment_room(segment, n_head + n_body);
    }
    if (at == NULL) {
        return false;
    }
    memcpy(at, head, n_head);
    at += n_head;
    *at++ = 0x2a;
    for (rest = n_name; rest > 127; rest >>= 7) {
        *at++ = (uint8_t)(rest | 0x80);
    }
    *at++ = (uint8_t)rest;
    memset(at, 'n', n_name);
    segment_commit(segment, n_head + n_body);
    return true;
}

static struct segment *take(struct segment_pool *pool, const struct scope *scope, size_t n_bytes,
                            size_t expected) {
    bool is_no_memory;
    return segment_take(pool, scope, n_bytes, expected, &is_no_memory);
}

static Otlp__ExportTraceServiceRequest *unpack(struct segment *segment) {
    segment_seal(segment);
    const uint8_t *body = segment->body;
    size_t n_bytes = segment->n_body_bytes;
    Otlp__ExportTraceServiceRequest *request =
        otlp__export_trace_service_request__unpack(NULL, n_bytes, body);
    cr_assert(request != NULL);
    /* Canonical: protobuf-c packs the same bytes. */
    cr_assert(eq(sz, otlp__export_trace_service_request__get_packed_size(request), n_bytes));
    uint8_t *again = malloc(n_bytes + 1);
    otlp__export_trace_service_request__pack(request, again);
    cr_assert(zero(int, memcmp(again, body, n_bytes)));
    free(again);
    const Otlp__ResourceSpans *resource = request->resource_spans[0];
    cr_assert(zero(uint, resource->base.n_unknown_fields)); /* 1000 is reserved (A5) */
    cr_assert(zero(uint, resource->scope_spans[0]->base.n_unknown_fields));
    return request;
}

static void expect_text_data(ProtobufCBinaryData data, const char *text) {
    expect_text(expect_terminated(data.data, data.len), text);
}

Test(segment, body_is_a_whole_request) {
    struct segment_pool pool;
    segment_pool_init(&pool, QUEUE_DEFAULT_BYTES, 0);
    /* The lengths in front take one, two and three bytes. */
    static const size_t names[] = {1, 60, 100, 120, 128, 1000, 16000, 20000};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct segment *segment = take(&pool, &WHOLE, 10, 0);
        cr_assert(append(&pool, segment, names[i]));
        Otlp__ExportTraceServiceRequest *request = unpack(segment);
        cr_assert(eq(sz, request->n_resource_spans, 1));
        const Otlp__ResourceSpans *resource = request->resource_spans[0];
        expect_text_data(resource->schema_url, "r:u");
        cr_assert(eq(sz, resource->resource->n_attributes, 1));
        expect_text_data(resource->scope_spans[0]->schema_url, "s:u");
        expect_text_data(resource->scope_spans[0]->scope->name, "name");
        cr_assert(eq(sz, resource->scope_spans[0]->n_spans, 1));
        cr_assert(eq(sz, resource->scope_spans[0]->spans[0]->name.len, names[i]));
        otlp__export_trace_service_request__free_unpacked(request, NULL);
        segment_release(&pool, segment);
    }
    segment_pool_deinit(&pool);
    cr_assert(eq(sz, atomic_load(&pool.used_bytes), 0));
}

Test(segment, body_is_the_same_again) {
    struct segment_pool pool;
    segment_pool_init(&pool, QUEUE_DEFAULT_BYTES, 0);
    struct segment *segment = take(&pool, &WHOLE, 10, 0);
    cr_assert(append(&pool, segment, 5));
    segment_seal(segment);
    const uint8_t *body = segment->body;
    size_t first = segment->n_body_bytes;
    uint8_t copy[256];
    cr_assert(lt(sz, first, sizeof copy));
    memcpy(copy, body, first);
    segment_seal(segment);
    cr_assert(segment->body == body);
    cr_assert(eq(sz, segment->n_body_bytes, first));
    cr_assert(zero(int, memcmp(copy, body, first)));
    segment_release(&pool, segment);
    segment_pool_deinit(&pool);
}

Test(segment, without_resource_and_scope_has_neither) {
    struct segment_pool pool;
    segment_pool_init(&pool, QUEUE_DEFAULT_BYTES, 0);
    struct segment *segment = take(&pool, &NOTHING, 10, 0);
    cr_assert(append(&pool, segment, 5));
    Otlp__ExportTraceServiceRequest *request = unpack(segment);
    cr_assert(request->resource_spans[0]->resource == NULL);
    cr_assert(request->resource_spans[0]->scope_spans[0]->scope == NULL);
    otlp__export_trace_service_request__free_unpacked(request, NULL);
    segment_release(&pool, segment);
    segment_pool_deinit(&pool);
}

Test(segment, grows_to_its_bound_and_keeps_what_it_has) {
    struct segment_pool pool;
    segment_pool_init(&pool, QUEUE_DEFAULT_BYTES, 0);
    struct segment *segment = take(&pool, &WHOLE, 10, 0);
    cr_assert(eq(sz, segment->capacity, SEGMENT_FIRST_BYTES));
    while (append(&pool, segment, 100)) {
    }
    cr_assert(eq(sz, segment->capacity, SEGMENT_MAX_BYTES));
    cr_assert(gt(sz, segment->n_bytes, SEGMENT_MAX_BYTES - 1000));
    Otlp__ExportTraceServiceRequest *request = unpack(segment);
    cr_assert(eq(sz, request->resource_spans[0]->scope_spans[0]->n_spans, segment->n_spans));
    otlp__export_trace_service_request__free_unpacked(request, NULL);
    segment_release(&pool, segment);
    segment_pool_deinit(&pool);
}

Test(segment, gives_a_large_span_a_segment_of_its_own) {
    struct segment_pool pool;
    segment_pool_init(&pool, QUEUE_DEFAULT_BYTES, 0);
    struct segment *segment = take(&pool, &WHOLE, SPAN_DEFAULT_MAX_BYTES, 0);
    cr_assert(append(&pool, segment, SPAN_DEFAULT_MAX_BYTES - 10));
    cr_assert(not(append(&pool, segment, SEGMENT_MAX_BYTES)));
    cr_assert(lt(sz, segment->capacity, SPAN_DEFAULT_MAX_BYTES + 8192));
    Otlp__ExportTraceServiceRequest *request = unpack(segment);
    otlp__export_trace_service_request__free_unpacked(request, NULL);
    segment_release(&pool, segment);
    cr_assert(eq(sz, pool.free_bytes, 0)); /* nobody keeps a megabyte for the next one */
    segment_pool_deinit(&pool);
}

Test(segment, pool_keeps_its_bound) {
    enum { MANY = 64 };
    struct segment *taken[MANY];
    struct segment_pool pool;
    segment_pool_init(&pool, QUEUE_MIN_BYTES, 0);
    size_t n = 0;
    while (n < MANY && (taken[n] = take(&pool, &WHOLE, 100, 0)) != NULL) {
        n++;
    }
    cr_assert(eq(sz, n, QUEUE_MIN_BYTES / SEGMENT_FIRST_BYTES));
    cr_assert(eq(sz, segment_pool_held_bytes(&pool), QUEUE_MIN_BYTES));
    cr_assert(not(append(&pool, taken[0], SEGMENT_FIRST_BYTES))); /* no room to grow */
    segment_release(&pool, taken[--n]);
    segment_release(&pool, taken[--n]);
    /* Two free small ones make way for one of twice their size. */
    struct segment *larger = take(&pool, &WHOLE, SEGMENT_FIRST_BYTES, 0);
    cr_assert(larger != NULL);
    cr_assert(le(sz, atomic_load(&pool.used_bytes), QUEUE_MIN_BYTES));
    segment_release(&pool, larger);
    while (n > 0) {
        segment_release(&pool, taken[--n]);
    }
    cr_assert(eq(sz, segment_pool_held_bytes(&pool), 0));
    segment_pool_deinit(&pool);
    cr_assert(eq(sz, atomic_load(&pool.used_bytes), 0));
}

Test(segment, comes_back_from_the_pool_with_its_memory) {
    struct segment_pool pool;
    segment_pool_init(&pool, QUEUE_DEFAULT_BYTES, 0);
    struct segment *busy = take(&pool, &WHOLE, 100, SEGMENT_MAX_BYTES);
    cr_assert(append(&pool, busy, 10));
    uint8_t *data = busy->data;
    segment_release(&pool, busy);
    size_t before = fault_n_allocations();
    struct segment *again = take(&pool, &WHOLE, 100, SEGMENT_MAX_BYTES);
    cr_assert(again->data == data);
    cr_assert(eq(u32, again->n_spans, 0));
    cr_assert(eq(sz, again->n_bytes, 0));
    cr_assert(eq(sz, fault_n_allocations(), before));
    struct segment *idle = take(&pool, &WHOLE, 100, 0); /* a quiet thread gets no large one */
    cr_assert(eq(sz, idle->capacity, SEGMENT_FIRST_BYTES));
    segment_release(&pool, again);
    segment_release(&pool, idle);
    segment_pool_deinit(&pool);
}

Test(segment, pool_at_rest_gives_memory_back) {
    enum { MANY = 16 };
    struct segment *taken[MANY];
    struct segment_pool pool;
    segment_pool_init(&pool, QUEUE_DEFAULT_BYTES, 0);
    for (int i = 0; i < MANY; i++) {
        taken[i] = take(&pool, &WHOLE, 100, SEGMENT_MAX_BYTES);
    }
    cr_assert(eq(sz, atomic_load(&pool.used_bytes), MANY * SEGMENT_MAX_BYTES));
    for (int i = 0; i < MANY; i++) {
        segment_release(&pool, taken[i]);
    }
    cr_assert(eq(sz, atomic_load(&pool.used_bytes), MANY * SEGMENT_MAX_BYTES)); /* it is busy */
    cr_assert(segment_pool_has_surplus(&pool));
    segment_pool_trim(&pool);
    cr_assert(gt(sz, atomic_load(&pool.used_bytes), 0));
    cr_assert(le(sz, atomic_load(&pool.used_bytes), SEGMENT_KEEP_BYTES));
    cr_assert(not(segment_pool_has_surplus(&pool)));
    segment_pool_deinit(&pool);
    cr_assert(eq(sz, atomic_load(&pool.used_bytes), 0));
}

Test(segment, pool_at_rest_keeps_as_much_as_is_in_use) {
    enum { MANY = 8 };
    struct segment *taken[MANY];
    struct segment_pool pool;
    segment_pool_init(&pool, QUEUE_DEFAULT_BYTES, 0);
    cr_assert(not(segment_pool_has_surplus(&pool)));
    for (int i = 0; i < MANY; i++) {
        taken[i] = take(&pool, &WHOLE, 100, SEGMENT_MAX_BYTES);
    }
    for (int i = 0; i < MANY / 2; i++) {
        segment_release(&pool, taken[i]);
    }
    segment_pool_trim(&pool);
    cr_assert(eq(sz, pool.free_bytes, MANY / 2 * SEGMENT_MAX_BYTES));
    segment_release(&pool, taken[MANY / 2]);
    segment_pool_trim(&pool);
    cr_assert(eq(sz, pool.free_bytes, (MANY / 2 - 1) * SEGMENT_MAX_BYTES));
    for (int i = MANY / 2 + 1; i < MANY; i++) {
        segment_release(&pool, taken[i]);
    }
    segment_pool_deinit(&pool);
    cr_assert(eq(sz, atomic_load(&pool.used_bytes), 0));
}

Test(segment, release_counts_spans_back_when_they_are_limited) {
    struct segment_pool pool;
    segment_pool_init(&pool, QUEUE_DEFAULT_BYTES, 10);
    struct segment *segment = take(&pool, &WHOLE, 10, 0);
    cr_assert(append(&pool, segment, 5));
    atomic_store(&pool.n_spans, 1);
    segment_release(&pool, segment);
    cr_assert(eq(u64, atomic_load(&pool.n_spans), 0));
    segment_pool_deinit(&pool);
}

Test(segment, survives_failing_allocation_at_every_step) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct segment_pool pool;
        segment_pool_init(&pool, QUEUE_DEFAULT_BYTES, 0);
        bool is_no_memory;
        struct segment *segment = segment_take(&pool, &WHOLE, 10, 0, &is_no_memory);
        cr_assert(eq(int, segment == NULL, is_no_memory));
        if (segment != NULL) {
            while (segment->n_bytes < 8 * SEGMENT_FIRST_BYTES && append(&pool, segment, 100)) {
            }
            cr_assert(gt(u32, segment->n_spans, 30)); /* what fitted before is there still */
            segment_release(&pool, segment);
        }
        segment_pool_deinit(&pool);
        cr_assert(eq(sz, atomic_load(&pool.used_bytes), 0));
    }
}

/* What threads that are not there were about to get counts for nobody (the pool's lock is held by
 * the fork). */
Test(segment, a_forked_child_takes_what_was_on_its_way_out_of_the_bounds) {
    struct segment_pool pool;
    bool is_no_memory;
    segment_pool_init(&pool, QUEUE_DEFAULT_BYTES, 10);
    struct segment *settled = segment_take(&pool, &NOTHING, 10, 0, &is_no_memory);
    segment_settle(&pool, settled);
    atomic_store(&pool.n_spans, 2); /* one of them for the next */
    struct segment *on_its_way = segment_take(&pool, &NOTHING, 10, 100000, &is_no_memory);
    cr_assert(on_its_way != NULL);
    lock_take(&pool.lock);
    segment_pool_begin_anew(&pool);
    cr_expect(lock_try(&pool.lock));
    lock_give(&pool.lock);
    cr_expect(eq(sz, segment_pool_held_bytes(&pool), settled->capacity));
    cr_expect(eq(u64, atomic_load(&pool.n_spans), 1));
    segment_free(on_its_way);
    segment_free(settled);
}
