#include "otlp/segment.h"

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "otlp/tags.h"
#include "otlp/wire.h"

/* ---- sizes ---- */

/* The longest head: three lengths, each with its tag, and the pieces. */
static size_t head_room(const struct scope *scope) {
    return 3 * (1 + WIRE_MAX_LENGTH) + scope->resource.n_bytes + scope->scope.n_bytes;
}

static size_t tail_room(const struct scope *scope) {
    return scope->scope_url.n_bytes + scope->resource_url.n_bytes;
}

/* Powers of two, so that segments fit each other's uses; a larger span gets what it needs. */
static size_t capacity_class(size_t n_bytes) {
    size_t capacity = SEGMENT_FIRST_BYTES;
    if (n_bytes > SEGMENT_MAX_BYTES) {
        return (n_bytes + capacity - 1) / capacity * capacity;
    }
    while (capacity < n_bytes) {
        capacity *= 2;
    }
    return capacity;
}

/* ---- the pool ---- */

void segment_pool_init(struct segment_pool *pool, size_t max_bytes, uint64_t max_spans) {
    *pool = (struct segment_pool){
        .max_bytes = max_bytes,
        .segment_max_bytes = MIN((size_t)SEGMENT_MAX_BYTES, max_bytes / 4),
        .max_spans = max_spans,
    };
}

void segment_free(struct segment *segment) {
    if (segment != NULL) {
        mem_free(segment->data);
        mem_free(segment);
    }
}

/* Takes n_bytes from the bound, or nothing. */
static bool charge(struct segment_pool *pool, size_t n_bytes) {
    size_t before = atomic_fetch_add_explicit(&pool->used_bytes, n_bytes, memory_order_relaxed);
    if (before + n_bytes <= pool->max_bytes) {
        return true;
    }
    atomic_fetch_sub_explicit(&pool->used_bytes, n_bytes, memory_order_relaxed);
    return false;
}

static void discharge(struct segment_pool *pool, size_t n_bytes) {
    atomic_fetch_sub_explicit(&pool->used_bytes, n_bytes, memory_order_relaxed);
}

static void discard(struct segment_pool *pool, struct segment *segment) {
    discharge(pool, segment->capacity);
    segment_free(segment);
}

void segment_pool_deinit(struct segment_pool *pool) {
    while (pool->free != NULL) {
        struct segment *segment = pool->free;
        pool->free = segment->next;
        discard(pool, segment);
    }
}

size_t segment_pool_held_bytes(struct segment_pool *pool) {
    lock_take(&pool->lock);
    size_t held = atomic_load_explicit(&pool->used_bytes, memory_order_relaxed) - pool->free_bytes;
    lock_give(&pool->lock);
    return held;
}

/* A free segment of at least `least` bytes, and at most `most`. */
static struct segment *take_free(struct segment_pool *pool, size_t least, size_t most) {
    lock_take(&pool->lock);
    struct segment **link = &pool->free;
    while (*link != NULL && ((*link)->capacity < least || (*link)->capacity > most)) {
        link = &(*link)->next;
    }
    struct segment *segment = *link;
    if (segment != NULL) {
        *link = segment->next;
        pool->free_bytes -= segment->capacity;
    }
    lock_give(&pool->lock);
    return segment;
}

static struct segment *make(struct segment_pool *pool, size_t capacity, bool *is_no_memory) {
    if (!charge(pool, capacity)) {
        return NULL;
    }
    struct segment *segment = mem_zalloc(sizeof *segment);
    uint8_t *data = mem_alloc(capacity);
    if (segment == NULL || data == NULL) {
        mem_free(segment);
        mem_free(data);
        discharge(pool, capacity);
        *is_no_memory = true;
        return NULL;
    }
    segment->data = data;
    segment->capacity = capacity;
    return segment;
}

/* The bound is reached: memory that lies in free segments of other sizes is of use now. */
static struct segment *take_or_make_smallest(struct segment_pool *pool, size_t needed,
                                             bool *is_no_memory) {
    struct segment *segment = take_free(pool, needed, SIZE_MAX);
    if (segment != NULL) {
        return segment;
    }
    while ((segment = take_free(pool, 0, SIZE_MAX)) != NULL) {
        discard(pool, segment);
    }
    return make(pool, needed, is_no_memory);
}

static void set_limit(struct segment *segment) {
    segment->limit = segment->capacity - segment->start - tail_room(segment->scope);
}

struct segment *segment_take(struct segment_pool *pool, const struct scope *scope, size_t n_bytes,
                             size_t expected_bytes, bool *is_no_memory) {
    *is_no_memory = false;
    size_t around = head_room(scope) + tail_room(scope);
    size_t needed = around + n_bytes;
    size_t expected = MIN(around + expected_bytes, pool->segment_max_bytes);
    size_t wanted = capacity_class(MAX(needed, expected));
    struct segment *segment = take_free(pool, MAX(needed, wanted / 2), wanted);
    if (segment == NULL) {
        segment = make(pool, wanted, is_no_memory);
    }
    if (segment == NULL && !*is_no_memory) {
        segment = take_or_make_smallest(pool, needed, is_no_memory);
    }
    if (segment != NULL) {
        segment->next = NULL;
        segment->scope = scope;
        segment->start = head_room(scope);
        segment->n_bytes = 0;
        segment->n_spans = 0;
        segment->body = NULL;
        set_limit(segment);
    }
    return segment;
}

bool segment_grow(struct segment_pool *pool, struct segment *segment, size_t n_bytes) {
    size_t needed = segment->start + segment->n_bytes + n_bytes + tail_room(segment->scope);
    if (segment->n_bytes > 0 && needed > pool->segment_max_bytes) {
        return false;
    }
    size_t capacity = capacity_class(needed);
    size_t more = capacity - segment->capacity;
    if (!charge(pool, more)) {
        return false;
    }
    uint8_t *data = mem_realloc(segment->data, capacity);
    if (data == NULL) {
        discharge(pool, more);
        return false;
    }
    segment->data = data;
    segment->capacity = capacity;
    set_limit(segment);
    return true;
}

/*
 * As much memory stays free as is in use: a busy pipeline need not allocate, and one that comes to
 * rest gives its memory back by and by. Takes one segment too many out of the list.
 */
static struct segment *take_surplus(struct segment_pool *pool) {
    size_t used = atomic_load_explicit(&pool->used_bytes, memory_order_relaxed);
    size_t in_use = used - pool->free_bytes;
    struct segment *segment = pool->free;
    if (segment == NULL || pool->free_bytes <= MAX((size_t)SEGMENT_KEEP_BYTES, in_use)) {
        return NULL;
    }
    pool->free = segment->next;
    pool->free_bytes -= segment->capacity;
    discharge(pool, segment->capacity);
    return segment;
}

void segment_release(struct segment_pool *pool, struct segment *segment) {
    if (pool->max_spans > 0) {
        atomic_fetch_sub_explicit(&pool->n_spans, segment->n_spans, memory_order_relaxed);
    }
    struct segment *surplus = NULL, *next;
    lock_take(&pool->lock);
    segment->next = pool->free;
    pool->free = segment;
    pool->free_bytes += segment->capacity;
    while ((next = take_surplus(pool)) != NULL) {
        next->next = surplus;
        surplus = next;
    }
    lock_give(&pool->lock);
    for (; surplus != NULL; surplus = next) {
        next = surplus->next;
        segment_free(surplus);
    }
}

/* ---- the request ---- */

static uint8_t *put_piece(uint8_t *at, const struct scope_piece *piece) {
    return wire_put_bytes(at, piece->bytes, piece->n_bytes);
}

void segment_seal(struct segment *segment) {
    const struct scope *scope = segment->scope;
    size_t n_scope_spans = scope->scope.n_bytes + segment->n_bytes + scope->scope_url.n_bytes;
    size_t n_resource_spans =
        scope->resource.n_bytes + wire_field_size(n_scope_spans) + scope->resource_url.n_bytes;
    uint8_t *spans = segment->data + segment->start;

    /* The sizes are known, so the head is written forwards and still ends where the spans begin. */
    size_t n_body = wire_field_size(n_resource_spans);
    uint8_t *body = spans + segment->n_bytes + tail_room(scope) - n_body;
    uint8_t *at = wire_put_head(body, TAG_REQUEST_RESOURCE_SPANS, n_resource_spans);
    at = put_piece(at, &scope->resource);
    at = wire_put_head(at, TAG_RESOURCE_SPANS_SCOPE_SPANS, n_scope_spans);
    at = put_piece(at, &scope->scope);

    at = put_piece(spans + segment->n_bytes, &scope->scope_url);
    (void)put_piece(at, &scope->resource_url);
    segment->body = body;
    segment->n_body_bytes = n_body;
}
