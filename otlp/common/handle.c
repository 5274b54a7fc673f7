#include "otlp/common/handle.h"

#include "otlp/common/alloc.h"
#include "otlp/common/fork.h"
#include "otlp/common/lock.h"

struct handle_slot *_Atomic handle_chunks[HANDLE_MAX_SLOTS / HANDLE_CHUNK_SLOTS];

static const uint32_t NO_SLOT = UINT32_MAX;

/* lock guards first_free, n_slots and the next_free of every slot. */
static struct lock lock;
static uint32_t first_free = UINT32_MAX;
static uint32_t n_slots;
static _Atomic uint64_t n_stale;

/* ---- fork ---- */

static void before_fork(void) {
    lock_take(&lock);
}

static void after_fork_in_parent(void) {
    lock_give(&lock);
}

static void after_fork_in_child(void) {
    lock = (struct lock){0};
    atomic_store_explicit(&n_stale, 0, memory_order_relaxed);
}

static struct fork_guard fork_guard = {.order = FORK_HANDLES,
                                       .before = before_fork,
                                       .in_parent = after_fork_in_parent,
                                       .in_child = after_fork_in_child};

/* ---- slots ---- */

static struct handle_slot *slot_at(uint32_t index) {
    struct handle_slot *chunk =
        atomic_load_explicit(&handle_chunks[index >> HANDLE_CHUNK_BITS], memory_order_relaxed);
    return &chunk[index & (HANDLE_CHUNK_SLOTS - 1)];
}

/*
 * Slots that are taken one after the other, perhaps by two threads, do not lie in the same cache
 * line: their generations are written for every span. It was measured: two threads whose spans
 * shared one were no faster than one.
 */
static uint32_t place_of(uint32_t n) {
    enum { STRIDE = 3 }; /* odd, so that every place of the chunk is reached once */
    _Static_assert(STRIDE * sizeof(struct handle_slot) >= 64, "a cache line is passed over");
    uint32_t first = n & ~(uint32_t)(HANDLE_CHUNK_SLOTS - 1);
    return first | (n * STRIDE & (HANDLE_CHUNK_SLOTS - 1));
}

/* A slot never used before; chunks are made on demand and never freed. */
static struct handle_slot *take_unused(void) {
    if (n_slots == HANDLE_MAX_SLOTS) {
        return NULL;
    }
    if (n_slots % HANDLE_CHUNK_SLOTS == 0) {
        struct handle_slot *chunk = mem_zalloc(HANDLE_CHUNK_SLOTS * sizeof *chunk);
        if (chunk == NULL) {
            return NULL;
        }
        atomic_store_explicit(&handle_chunks[n_slots >> HANDLE_CHUNK_BITS], chunk,
                              memory_order_release);
    }
    uint32_t index = place_of(n_slots++);
    struct handle_slot *slot = slot_at(index);
    slot->index = index;
    return slot;
}

struct handle_slot *handle_slot_new(enum handle_kind kind, void *object) {
    fork_watch(&fork_guard);
    lock_take(&lock);
    struct handle_slot *slot;
    if (first_free != NO_SLOT) {
        slot = slot_at(first_free);
        first_free = slot->next_free;
    } else {
        slot = take_unused();
    }
    if (slot != NULL) {
        atomic_store_explicit(&slot->object, object, memory_order_relaxed);
        atomic_store_explicit(&slot->kind, (uint32_t)kind, memory_order_relaxed);
    }
    lock_give(&lock);
    return slot;
}

void handle_slot_free(struct handle_slot *slot) {
    if (slot == NULL) {
        return;
    }
    if (atomic_load_explicit(&slot->generation, memory_order_relaxed) & 1) {
        handle_end(slot);
    }
    lock_take(&lock);
    atomic_store_explicit(&slot->kind, HANDLE_FREE, memory_order_relaxed);
    atomic_store_explicit(&slot->object, NULL, memory_order_relaxed);
    slot->next_free = first_free;
    first_free = slot->index;
    lock_give(&lock);
}

void handle_count_stale(void) {
    atomic_fetch_add_explicit(&n_stale, 1, memory_order_relaxed);
}

uint64_t handle_n_stale(void) {
    return atomic_load_explicit(&n_stale, memory_order_relaxed);
}

enum handle_kind handle_kind_of(const void *handle) {
    static const enum handle_kind kinds[] = {HANDLE_OTLP_SPAN, HANDLE_APP,  HANDLE_CALL,
                                             HANDLE_STEP,      HANDLE_SPAN, HANDLE_STREAM};
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++) {
        if (handle_peek(kinds[i], handle) != NULL) {
            return kinds[i];
        }
    }
    return HANDLE_FREE;
}
