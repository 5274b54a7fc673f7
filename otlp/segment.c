#include "otlp/segment.h"

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "otlp/spool.h"
#include "otlp/tags.h"
#include "otlp/wire.h"

/* ---- sizes ---- */

_Static_assert(2 * SEGMENT_KEEP_BYTES >= 3 * SEGMENT_MAX_BYTES,
               "a pool at rest keeps a segment of the largest size, and smaller ones");

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

static void free_memory(struct segment *segment) {
    if (segment->mapped != NULL) {
        spool_map_forget(segment->mapped);
    } else {
        mem_free(segment->data);
    }
}

void segment_free(struct segment *segment) {
    if (segment != NULL) {
        free_memory(segment);
        mem_free(segment);
    }
}

/* Takes n_bytes from the bound, or nothing. Any thread, with the pool's lock or without. */
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

/* A free segment of at least `least` bytes, and at most `most`. With the lock held. */
static struct segment *take_free_locked(struct segment_pool *pool, size_t least, size_t most) {
    struct segment **link = &pool->free;
    while (*link != NULL && ((*link)->capacity < least || (*link)->capacity > most)) {
        link = &(*link)->next;
    }
    struct segment *segment = *link;
    if (segment != NULL) {
        *link = segment->next;
        pool->free_bytes -= segment->capacity;
    }
    return segment;
}

static struct segment *take_free(struct segment_pool *pool) {
    lock_take(&pool->lock);
    struct segment *segment = take_free_locked(pool, 0, SIZE_MAX);
    lock_give(&pool->lock);
    return segment;
}

/* ---- on the way to a producer ---- */

/* With the lock held. */
static void note_taken(struct segment_pool *pool, size_t n_bytes) {
    pool->taken_bytes += n_bytes;
    pool->n_taken++;
}

static void note_settled(struct segment_pool *pool, size_t n_bytes) {
    lock_take(&pool->lock);
    pool->taken_bytes -= n_bytes;
    pool->n_taken--;
    lock_give(&pool->lock);
}

void segment_settle(struct segment_pool *pool, const struct segment *segment) {
    note_settled(pool, segment->capacity);
}

void segment_pool_begin_anew(struct segment_pool *pool) {
    discharge(pool, pool->taken_bytes);
    if (pool->max_spans > 0) { /* each was about to get one */
        atomic_fetch_sub_explicit(&pool->n_spans, pool->n_taken, memory_order_relaxed);
    }
    pool->taken_bytes = 0;
    pool->n_taken = 0;
    pool->lock = (struct lock){0};
}

/* A free one, to be settled. */
static struct segment *reuse(struct segment_pool *pool, size_t least, size_t most) {
    lock_take(&pool->lock);
    struct segment *segment = take_free_locked(pool, least, most);
    if (segment != NULL) {
        note_taken(pool, segment->capacity);
    }
    lock_give(&pool->lock);
    return segment;
}

/* From the bound, for one that is to be settled. */
static bool charge_taken(struct segment_pool *pool, size_t n_bytes) {
    lock_take(&pool->lock);
    bool is_charged = charge(pool, n_bytes);
    if (is_charged) {
        note_taken(pool, n_bytes);
    }
    lock_give(&pool->lock);
    return is_charged;
}

static bool get_memory(struct segment_pool *pool, struct segment *segment,
                       const struct scope *scope, size_t capacity) {
    if (pool->spool != NULL) {
        segment->mapped = spool_map_new(pool->spool, scope, capacity);
    }
    segment->data = segment->mapped != NULL ? spool_map_data(segment->mapped) : mem_alloc(capacity);
    segment->capacity = capacity;
    return segment->data != NULL;
}

static struct segment *make(struct segment_pool *pool, const struct scope *scope, size_t capacity,
                            bool *is_no_memory) {
    if (!charge_taken(pool, capacity)) {
        return NULL;
    }
    struct segment *segment = mem_zalloc(sizeof *segment);
    if (segment == NULL || !get_memory(pool, segment, scope, capacity)) {
        mem_free(segment);
        discharge(pool, capacity);
        note_settled(pool, capacity);
        *is_no_memory = true;
        return NULL;
    }
    return segment;
}

/* The bound is reached: memory that lies in free segments of other sizes is of use now. */
static struct segment *take_or_make_smallest(struct segment_pool *pool, const struct scope *scope,
                                             size_t needed, bool *is_no_memory) {
    struct segment *segment = reuse(pool, needed, SIZE_MAX);
    if (segment != NULL) {
        return segment;
    }
    while ((segment = take_free(pool)) != NULL) {
        discard(pool, segment);
    }
    return make(pool, scope, needed, is_no_memory);
}

static void begin(struct segment *segment, const struct scope *scope, size_t start) {
    segment->next = NULL;
    segment->scope = scope;
    segment->start = start;
    segment->n_bytes = 0;
    segment->n_spans = 0;
    segment->body = NULL;
    segment->kept_for = 0;
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
    struct segment *segment = reuse(pool, MAX(needed, wanted / 2), wanted);
    if (segment == NULL) {
        segment = make(pool, scope, wanted, is_no_memory);
    }
    if (segment == NULL && !*is_no_memory) {
        segment = take_or_make_smallest(pool, scope, needed, is_no_memory);
    }
    if (segment != NULL) {
        begin(segment, scope, head_room(scope));
        set_limit(segment);
    }
    return segment;
}

void segment_enter(struct segment *segment, size_t n_bytes) {
    struct spool_entry *entry = segment->mapped;
    spool_file_enter(entry->map, &entry->layout, entry->salt, segment->n_spans,
                     segment->start + segment->n_bytes, n_bytes);
    if (segment->n_spans + 1 == entry->layout.n_places) {
        segment->limit = segment->n_bytes + n_bytes; /* full, whatever room there is */
    }
}

static bool grow_memory(struct segment *segment, size_t capacity) {
    uint8_t *data = mem_realloc(segment->data, capacity);
    if (data != NULL) {
        segment->data = data;
        segment->capacity = capacity;
    }
    return data != NULL;
}

bool segment_grow(struct segment_pool *pool, struct segment *segment, size_t n_bytes) {
    size_t needed = segment->start + segment->n_bytes + n_bytes + tail_room(segment->scope);
    if (segment->mapped != NULL || (segment->n_bytes > 0 && needed > pool->segment_max_bytes)) {
        return false;
    }
    size_t capacity = capacity_class(needed);
    size_t more = capacity - segment->capacity;
    if (!charge(pool, more)) {
        return false;
    }
    if (!grow_memory(segment, capacity)) {
        discharge(pool, more);
        return false;
    }
    set_limit(segment);
    return true;
}

/* ---- giving back ---- */

/* With the lock held. */
static bool has_surplus(const struct segment_pool *pool) {
    size_t used = atomic_load_explicit(&pool->used_bytes, memory_order_relaxed);
    size_t in_use = used - pool->free_bytes;
    return pool->free != NULL && pool->free_bytes > MAX((size_t)SEGMENT_KEEP_BYTES, in_use);
}

bool segment_pool_has_surplus(struct segment_pool *pool) {
    lock_take(&pool->lock);
    bool is_so = has_surplus(pool);
    lock_give(&pool->lock);
    return is_so;
}

static struct segment *take_surplus(struct segment_pool *pool) {
    lock_take(&pool->lock);
    struct segment *segment = has_surplus(pool) ? take_free_locked(pool, 0, SIZE_MAX) : NULL;
    lock_give(&pool->lock);
    return segment;
}

void segment_pool_trim(struct segment_pool *pool) {
    for (struct segment *segment; (segment = take_surplus(pool)) != NULL;) {
        discard(pool, segment);
    }
}

/* With a spool: the file is the spool's, and memory of the heap would keep its next spans off the
 * disk. */
static void leave_to_spool(struct segment_pool *pool, struct segment *segment) {
    struct spool_entry *entry = segment->mapped;
    if (entry == NULL) {
        discard(pool, segment);
        return;
    }
    if (segment->kept_for != 0 && spool_map_is_ours(entry)) {
        spool_keep(pool->spool, entry, segment->kept_for, segment->n_spans,
                   segment->start + segment->n_bytes);
    } else {
        spool_map_done(pool->spool, entry, segment->n_spans);
    }
    discharge(pool, segment->capacity);
    mem_free(segment);
}

void segment_leave(struct segment_pool *pool, struct segment *segment) {
    if (pool->max_spans > 0) {
        atomic_fetch_sub_explicit(&pool->n_spans, segment->n_spans, memory_order_relaxed);
    }
    discharge(pool, segment->capacity);
    segment_free(segment);
}

void segment_release(struct segment_pool *pool, struct segment *segment) {
    if (pool->max_spans > 0) {
        atomic_fetch_sub_explicit(&pool->n_spans, segment->n_spans, memory_order_relaxed);
    }
    if (pool->spool != NULL) {
        leave_to_spool(pool, segment);
        return;
    }
    bool is_large = segment->capacity > capacity_class(pool->segment_max_bytes);
    if (is_large) { /* of a single span; the next is small */
        discard(pool, segment);
        return;
    }
    lock_take(&pool->lock);
    segment->next = pool->free;
    pool->free = segment;
    pool->free_bytes += segment->capacity;
    lock_give(&pool->lock);
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

/* ---- read back ---- */

static void own_piece(uint8_t **at, struct scope_piece *to, const struct scope_piece *from) {
    *to = (struct scope_piece){from->n_bytes > 0 ? *at : NULL, from->n_bytes};
    *at = put_piece(*at, from);
}

/* In front of everything else, as a scope's own memory would be. Returns the bytes it takes. */
static size_t own_scope(struct segment *segment, const struct scope *scope) {
    uint8_t *at = segment->data;
    own_piece(&at, &segment->own_scope.resource, &scope->resource);
    own_piece(&at, &segment->own_scope.scope, &scope->scope);
    own_piece(&at, &segment->own_scope.scope_url, &scope->scope_url);
    own_piece(&at, &segment->own_scope.resource_url, &scope->resource_url);
    return (size_t)(at - segment->data);
}

/*
 * Free segments go for it. What alone is over the bound passes when there is nothing else: it would
 * wait for ever.
 */
static bool charge_read_back(struct segment_pool *pool, size_t n_bytes) {
    while (!charge(pool, n_bytes)) {
        struct segment *segment = take_free(pool);
        if (segment == NULL) {
            size_t nothing = 0;
            return n_bytes > pool->max_bytes &&
                   atomic_compare_exchange_strong(&pool->used_bytes, &nothing, n_bytes);
        }
        discard(pool, segment);
    }
    return true;
}

struct segment *segment_read_back(struct segment_pool *pool,
                                  const struct spool_contents *contents) {
    size_t around = head_room(&contents->scope) + tail_room(&contents->scope);
    size_t capacity = 2 * around + contents->n_bytes; /* the pieces, and they in the request */
    if (!charge_read_back(pool, capacity)) {
        return NULL;
    }
    struct segment *segment = mem_zalloc(sizeof *segment);
    uint8_t *data = mem_alloc(capacity);
    if (segment == NULL || data == NULL) {
        mem_free(segment);
        mem_free(data);
        discharge(pool, capacity);
        return NULL;
    }
    segment->data = data;
    segment->capacity = capacity;
    begin(segment, &segment->own_scope,
          own_scope(segment, &contents->scope) + head_room(&contents->scope));
    spool_file_copy(contents, data + segment->start);
    segment->n_bytes = contents->n_bytes;
    segment->n_spans = contents->n_spans;
    if (pool->max_spans > 0) {
        atomic_fetch_add_explicit(&pool->n_spans, segment->n_spans, memory_order_relaxed);
    }
    segment_seal(segment);
    return segment;
}
