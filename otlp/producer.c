#include "otlp/producer.h"

#include <pthread.h>
#include <string.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/exporter.h"
#include "otlp/provider.h"
#include "otlp/span_pool.h"
#include "otlp/spool.h"

static const uint64_t ANCHOR_MAX_AGE_NS = NS_PER_S;

/*
 * Guards the `first` list of every provider and the `next` of every producer. One for all, because
 * the end of a thread and the end of a provider meet here. Taken before any other lock.
 */
static struct lock registry;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t exit_key; /* its destructor is called when a thread ends */
static bool has_exit_key;

/* The producers of this thread; the one used last is also kept beside its provider's id. */
static THREAD_LOCAL_HOT struct producer *own;
static THREAD_LOCAL_HOT struct {
    uint64_t otlp_id;
    struct producer *producer;
} last;

/* ---- counters ---- */

static void add_counts(struct producer_counts *to, const struct producer_counts *from) {
    for (int i = 0; i < N_ORIGINS * N_DECISIONS; i++) {
        int origin = i / N_DECISIONS, decision = i % N_DECISIONS;
        atomic_fetch_add_explicit(&to->started[origin][decision], from->started[origin][decision],
                                  memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&to->not_sampled, from->not_sampled, memory_order_relaxed);
    for (int i = 0; i < N_DECISIONS; i++) {
        atomic_fetch_add_explicit(&to->unsent[i], from->unsent[i], memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&to->queued, from->queued, memory_order_relaxed);
    for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        atomic_fetch_add_explicit(&to->dropped[i], from->dropped[i], memory_order_relaxed);
    }
}

/* Ends are read before starts, so that a span in progress never counts as ended and not begun. */
static void total(struct producer_totals *to, const struct producer_counts *from) {
    to->queued += atomic_load_explicit(&from->queued, memory_order_acquire);
    for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        to->dropped[i] += atomic_load_explicit(&from->dropped[i], memory_order_acquire);
    }
    for (int i = 0; i < N_DECISIONS; i++) {
        to->unsent[i] += atomic_load_explicit(&from->unsent[i], memory_order_acquire);
    }
    to->not_sampled += atomic_load_explicit(&from->not_sampled, memory_order_acquire);
    for (int i = 0; i < N_ORIGINS * N_DECISIONS; i++) {
        int origin = i / N_DECISIONS, decision = i % N_DECISIONS;
        uint64_t n = atomic_load_explicit(&from->started[origin][decision], memory_order_acquire);
        to->started_by[origin][decision] += n;
        to->started += n;
    }
}

void producers_total(weir_otlp *otlp, struct producer_totals *out) {
    memset(out, 0, sizeof *out);
    lock_take(&registry);
    for (const struct producer *p = otlp->producers.first; p != NULL; p = p->next) {
        total(out, &p->counts);
    }
    total(out, &otlp->producers.gone);
    lock_give(&registry);
}

/* ---- coming and going ---- */

/*
 * The next segment will probably get as full. What a file has room for says less, as it does not
 * grow: it was made for what was expected then, so the expectation falls by halves alone.
 */
static void expect(struct producer *producer, const struct segment *segment) {
    size_t least = segment->mapped != NULL ? producer->expected_bytes / 2 : 0;
    producer->expected_bytes = MAX(segment->n_bytes, least);
}

static struct segment *take_open(struct producer *producer) {
    brief_lock_take(&producer->lock);
    struct segment *open = producer->open;
    producer->open = NULL;
    if (open != NULL) {
        expect(producer, open);
    }
    brief_lock_give(&producer->lock);
    return open;
}

static void push_all(struct exporter *exporter, struct segment *segment) {
    while (segment != NULL) {
        struct segment *next = segment->next;
        exporter_push(exporter, segment);
        segment = next;
    }
}

static void unlink_producer(struct producers *producers, struct producer *producer) {
    struct producer **link = &producers->first;
    while (*link != producer) {
        link = &(*link)->next;
    }
    *link = producer->next;
}

/* The thread ends: its provider gets what it holds. */
static void hand_over(struct producer *producer) {
    weir_otlp *otlp = producer->otlp;
    push_all(otlp->exporter, take_open(producer));
    span_pool_take_back(otlp, producer);
    add_counts(&otlp->producers.gone, &producer->counts);
    unlink_producer(&otlp->producers, producer);
}

static void thread_ends(void *unused) {
    (void)unused;
    while (own != NULL) {
        struct producer *producer = own;
        own = producer->next_of_thread;
        lock_take(&registry); /* the provider cannot go meanwhile */
        if (!atomic_load_explicit(&producer->is_detached, memory_order_relaxed)) {
            hand_over(producer);
        }
        lock_give(&registry);
        mem_free(producer);
    }
    last.otlp_id = 0;
}

static void make_exit_key(void) {
    has_exit_key = pthread_key_create(&exit_key, thread_ends) == 0;
}

/* Frees this thread's producers whose providers have gone. */
static void sweep(void) {
    struct producer **link = &own;
    while (*link != NULL) {
        struct producer *producer = *link;
        if (atomic_load_explicit(&producer->is_detached, memory_order_acquire)) {
            *link = producer->next_of_thread;
            mem_free(producer);
        } else {
            link = &producer->next_of_thread;
        }
    }
}

static struct producer *find_own(uint64_t otlp_id) {
    for (struct producer *p = own; p != NULL; p = p->next_of_thread) {
        if (p->otlp_id == otlp_id) {
            return p;
        }
    }
    return NULL;
}

static struct producer *make(weir_otlp *otlp) {
    (void)pthread_once(&once, make_exit_key);
    if (!has_exit_key || pthread_setspecific(exit_key, &own) != 0) {
        return NULL; /* nobody would hand over its spans */
    }
    struct producer *producer = mem_zalloc(sizeof *producer);
    if (producer == NULL) {
        return NULL;
    }
    producer->otlp = otlp;
    producer->otlp_id = otlp->id;
    producer->next_of_thread = own;
    own = producer;
    lock_take(&registry);
    producer->next = otlp->producers.first;
    otlp->producers.first = producer;
    lock_give(&registry);
    return producer;
}

static COLD struct producer *find_or_make(weir_otlp *otlp) {
    sweep();
    struct producer *producer = find_own(otlp->id);
    if (producer == NULL) {
        producer = make(otlp);
    }
    if (producer != NULL) {
        last.otlp_id = otlp->id;
        last.producer = producer;
    }
    return producer;
}

struct producer *producer_current(weir_otlp *otlp) {
    if (LIKELY(last.otlp_id == otlp->id)) {
        return last.producer;
    }
    return find_or_make(otlp);
}

void producers_detach_all(weir_otlp *otlp) {
    lock_take(&registry);
    while (otlp->producers.first != NULL) {
        struct producer *producer = otlp->producers.first;
        otlp->producers.first = producer->next;
        push_all(otlp->exporter, take_open(producer));
        /* From here on it may be freed by its thread. */
        atomic_store_explicit(&producer->is_detached, true, memory_order_release);
    }
    lock_give(&registry);
    last.otlp_id = 0;
    sweep();
}

/* ---- segments ---- */

void producers_collect(void *data) {
    weir_otlp *otlp = data;
    struct segment *all = NULL;
    lock_take(&registry);
    for (struct producer *p = otlp->producers.first; p != NULL; p = p->next) {
        struct segment *open = take_open(p);
        while (open != NULL) {
            struct segment *next = open->next;
            open->next = all;
            all = open;
            open = next;
        }
    }
    lock_give(&registry);
    push_all(otlp->exporter, all);
}

/* Brings this scope's segment to the front of the list. */
static struct segment *find_open(struct producer *producer, const struct scope *scope) {
    struct segment **link = &producer->open;
    while (*link != NULL && (*link)->scope != scope) {
        link = &(*link)->next;
    }
    struct segment *segment = *link;
    if (segment != NULL && link != &producer->open) {
        *link = segment->next;
        segment->next = producer->open;
        producer->open = segment;
    }
    return segment;
}

/* Takes the first open segment, which is full, out and sends it. */
static void push_first(struct producer *producer) {
    struct segment *full = producer->open;
    producer->open = full->next;
    expect(producer, full);
    exporter_push(producer->otlp->exporter, full);
}

/* There is no more room in the first one. */
static void push_short(struct producer *producer) {
    bool is_file = producer->open->mapped != NULL;
    push_first(producer);
    if (is_file) {
        producer->expected_bytes *= 2; /* the pool has a bound */
    }
}

/*
 * There is no room in an open segment, or none is open: grows or begins one. Nobody who wants the
 * producer waits while memory, or a file, is made: nothing is lost from sight, as it is empty.
 */
static COLD uint8_t *reserve_slowly(struct producer *producer, const struct scope *scope,
                                    size_t n_bytes, weir_drop_cause *cause) {
    struct segment_pool *pool = &producer->otlp->pool;
    struct segment *segment = find_open(producer, scope);
    if (segment != NULL) {
        if (segment_room(segment, n_bytes) != NULL || segment_grow(pool, segment, n_bytes)) {
            return segment_room(segment, n_bytes);
        }
        push_short(producer);
    }
    bool is_no_memory;
    size_t n_expected = producer->expected_bytes;
    brief_lock_give(&producer->lock);
    segment = segment_take(pool, scope, n_bytes, n_expected, &is_no_memory);
    brief_lock_take(&producer->lock);
    if (segment == NULL) {
        *cause = is_no_memory ? WEIR_DROP_NO_MEMORY : WEIR_DROP_QUEUE_FULL;
        return NULL;
    }
    segment_settle(pool, segment);
    segment->next = producer->open;
    producer->open = segment;
    return segment_room(segment, n_bytes);
}

/* Counts a span in, if a count limits the queue and has not been reached. */
static bool may_queue(struct segment_pool *pool) {
    if (LIKELY(pool->max_spans == 0)) {
        return true;
    }
    uint64_t n = atomic_fetch_add_explicit(&pool->n_spans, 1, memory_order_relaxed);
    if (n < pool->max_spans) {
        return true;
    }
    atomic_fetch_sub_explicit(&pool->n_spans, 1, memory_order_relaxed);
    return false;
}

static void take_back_count(struct segment_pool *pool) {
    if (pool->max_spans > 0) {
        atomic_fetch_sub_explicit(&pool->n_spans, 1, memory_order_relaxed);
    }
}

uint8_t *producer_reserve(struct producer *producer, const struct scope *scope, size_t n_bytes,
                          weir_drop_cause *cause) {
    struct segment_pool *pool = &producer->otlp->pool;
    if (!may_queue(pool)) {
        exporter_hurry(producer->otlp->exporter);
        *cause = WEIR_DROP_QUEUE_FULL;
        return NULL;
    }
    brief_lock_take(&producer->lock);
    struct segment *open = producer->open;
    if (LIKELY(open != NULL && open->scope == scope)) {
        uint8_t *room = segment_room(open, n_bytes);
        if (LIKELY(room != NULL)) {
            return room;
        }
    }
    uint8_t *room = reserve_slowly(producer, scope, n_bytes, cause);
    if (UNLIKELY(room == NULL)) {
        brief_lock_give(&producer->lock);
        take_back_count(pool);
        exporter_hurry(producer->otlp->exporter);
    }
    return room;
}

void producer_commit(struct producer *producer, size_t n_bytes) {
    weir_otlp *otlp = producer->otlp;
    struct segment *segment = producer->open;
    segment_commit(segment, n_bytes);
    bool is_first = segment->n_spans == 1;
    if (UNLIKELY(segment->n_spans >= otlp->config.max_export_spans)) {
        push_first(producer);
        is_first = false;
    }
    producer_count(&producer->counts.queued);
    brief_lock_give(&producer->lock);
    if (UNLIKELY(is_first)) {
        exporter_nudge(otlp->exporter);
        provider_note_room(otlp);
        if (UNLIKELY(otlp->pool.spool != NULL)) {
            spool_say_news(otlp->pool.spool);
        }
    }
}

/* ---- losses ---- */

void producer_start(weir_otlp *otlp, struct producer *producer, const weir_otlp_context *parent,
                    weir_sampling_decision decision) {
    enum span_origin origin =
        parent == NULL ? ORIGIN_NONE : (parent->is_remote ? ORIGIN_REMOTE : ORIGIN_LOCAL);
    if (LIKELY(producer != NULL)) {
        producer_count(&producer->counts.started[origin][decision]);
    } else {
        atomic_fetch_add_explicit(&otlp->producers.gone.started[origin][decision], 1,
                                  memory_order_relaxed);
    }
}

void producer_end_unsent(weir_otlp *otlp, struct producer *producer,
                         weir_sampling_decision decision) {
    if (producer != NULL) {
        producer_count(&producer->counts.unsent[decision]);
    } else {
        atomic_fetch_add_explicit(&otlp->producers.gone.unsent[decision], 1, memory_order_relaxed);
    }
}

void producer_drop(weir_otlp *otlp, struct producer *producer, weir_drop_cause cause) {
    if (producer != NULL) {
        producer_count(&producer->counts.dropped[cause]);
    } else {
        atomic_fetch_add_explicit(&otlp->producers.gone.dropped[cause], 1, memory_order_relaxed);
    }
    if (cause == WEIR_DROP_QUEUE_FULL) {
        provider_note_full(otlp);
    }
}

/* ---- time ---- */

uint64_t producer_clock_offset(struct producer *producer, uint64_t monotonic_ns) {
    struct clock_anchor *anchor = &producer->anchor;
    if (UNLIKELY(monotonic_ns - anchor->monotonic_ns > ANCHOR_MAX_AGE_NS || anchor->unix_ns == 0)) {
        *anchor = clock_anchor_take(&producer->otlp->clock);
    }
    return anchor->unix_ns - anchor->monotonic_ns;
}

/* ---- around a fork ---- */

void producers_hold_registry(void) {
    lock_take(&registry);
}

void producers_let_go_registry(bool is_child) {
    lock_drop(&registry, is_child);
}

void producers_hold(weir_otlp *otlp) {
    for (struct producer *p = otlp->producers.first; p != NULL; p = p->next) {
        brief_lock_take(&p->lock);
    }
}

/* Waiters look again by themselves, and there are none in a child. */
void producers_let_go(weir_otlp *otlp) {
    for (struct producer *p = otlp->producers.first; p != NULL; p = p->next) {
        brief_lock_give(&p->lock);
    }
}

static void clear_counts(struct producer_counts *counts) {
    for (int i = 0; i < N_ORIGINS * N_DECISIONS; i++) {
        atomic_store_explicit(&counts->started[i / N_DECISIONS][i % N_DECISIONS], 0,
                              memory_order_relaxed);
    }
    atomic_store_explicit(&counts->not_sampled, 0, memory_order_relaxed);
    for (int i = 0; i < N_DECISIONS; i++) {
        atomic_store_explicit(&counts->unsent[i], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&counts->queued, 0, memory_order_relaxed);
    for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        atomic_store_explicit(&counts->dropped[i], 0, memory_order_relaxed);
    }
}

struct segment *producers_begin_anew(weir_otlp *otlp) {
    struct segment *all = NULL;
    struct producer **link = &otlp->producers.first;
    while (*link != NULL) {
        struct producer *producer = *link;
        for (struct segment *open = producer->open, *next; open != NULL; open = next) {
            next = open->next;
            open->next = all;
            all = open;
        }
        if (find_own(otlp->id) != producer) {
            *link = producer->next;
            mem_free(producer);
            continue;
        }
        producer->open = NULL;
        producer->free_spans = NULL;
        producer->n_free_spans = 0;
        clear_counts(&producer->counts);
        link = &producer->next;
    }
    clear_counts(&otlp->producers.gone);
    return all;
}
