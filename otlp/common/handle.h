/*
 * Handles: opaque values that stay safe to use after what they stood for has ended.
 *
 * A handle is a slot index and a generation in the bits of a pointer that nobody dereferences. Each
 * use compares the generation, so a stale, foreign or invented handle is told apart without
 * touching freed memory. Slots live as long as the process. An object keeps its slot for life and
 * gets a new handle each time it is used again, so pooled objects cost no lock here.
 *
 * After a fork the child has the table as it was; whoever owns an object says whether its handle
 * stays live there.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/common/bounds.h"
#include "otlp/common/macro.h"

/* One kind per public handle type: a handle of one kind never resolves as another. */
enum handle_kind {
    HANDLE_FREE = 0,
    HANDLE_OTLP_SPAN,
    HANDLE_APP,
    HANDLE_CALL,
    HANDLE_STEP,
    HANDLE_SPAN,
    HANDLE_STREAM
};

struct handle_slot {
    _Atomic uint32_t generation; /* of the live handle; odd while one is live, even while none is */
    _Atomic uint32_t kind;
    void *_Atomic object;
    uint32_t index;
    uint32_t next_free;
};

enum {
    HANDLE_CHUNK_BITS = 10,
    HANDLE_CHUNK_SLOTS = 1 << HANDLE_CHUNK_BITS,
    HANDLE_INDEX_BITS = 22
};
_Static_assert(1 << HANDLE_INDEX_BITS == HANDLE_MAX_SLOTS, "the index has room for every slot");
_Static_assert(sizeof(void *) == 8, "a handle holds a 22-bit index and a 32-bit generation");

extern struct handle_slot *_Atomic handle_chunks[HANDLE_MAX_SLOTS / HANDLE_CHUNK_SLOTS];

/* A slot for an object, with no live handle yet. NULL when memory is short or all slots are taken.
 */
struct handle_slot *handle_slot_new(enum handle_kind kind, void *object);
/* Gives the slot back; its handles stay stale for ever. NULL is fine. */
void handle_slot_free(struct handle_slot *slot);

/* Makes a new handle; every older one of the slot is stale. */
static inline void *handle_begin(struct handle_slot *slot) {
    uint32_t generation = atomic_load_explicit(&slot->generation, memory_order_relaxed) + 1;
    generation |= 1;
    atomic_store_explicit(&slot->generation, generation, memory_order_release);
    return (void *)((uintptr_t)generation << HANDLE_INDEX_BITS | slot->index);
}

/* The live handle, once more. */
static inline void *handle_current(const struct handle_slot *slot) {
    uint32_t generation = atomic_load_explicit(&slot->generation, memory_order_relaxed);
    return (void *)((uintptr_t)generation << HANDLE_INDEX_BITS | slot->index);
}

/* Makes the live handle stale. */
static inline void handle_end(struct handle_slot *slot) {
    uint32_t generation = atomic_load_explicit(&slot->generation, memory_order_relaxed);
    atomic_store_explicit(&slot->generation, (generation | 1) + 1, memory_order_release);
}

/* Counts a use of a stale handle (not of NULL). */
void handle_count_stale(void);
/* How many there were in this process: in a forked child, since the fork. */
uint64_t handle_n_stale(void);

/* The object of a live handle of this kind, or NULL, without counting. */
static inline void *handle_peek(enum handle_kind kind, const void *handle) {
    uintptr_t bits = (uintptr_t)handle;
    uint32_t index = (uint32_t)(bits & (HANDLE_MAX_SLOTS - 1));
    struct handle_slot *chunk =
        atomic_load_explicit(&handle_chunks[index >> HANDLE_CHUNK_BITS], memory_order_acquire);
    if (UNLIKELY(handle == NULL || chunk == NULL)) {
        return NULL;
    }
    struct handle_slot *slot = &chunk[index & (HANDLE_CHUNK_SLOTS - 1)];
    uint64_t generation = atomic_load_explicit(&slot->generation, memory_order_acquire);
    if (UNLIKELY(bits >> HANDLE_INDEX_BITS != generation || !(generation & 1) ||
                 atomic_load_explicit(&slot->kind, memory_order_relaxed) != kind)) {
        return NULL;
    }
    return atomic_load_explicit(&slot->object, memory_order_relaxed);
}

/* The same; a stale handle is counted. */
static inline void *handle_resolve(enum handle_kind kind, const void *handle) {
    void *object = handle_peek(kind, handle);
    if (UNLIKELY(object == NULL && handle != NULL)) {
        handle_count_stale();
    }
    return object;
}

/* The kind of a live handle, HANDLE_FREE for any other value. */
enum handle_kind handle_kind_of(const void *handle);
