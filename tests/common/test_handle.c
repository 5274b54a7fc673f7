#include <pthread.h>

#include "otlp/common/handle.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

static int object, other;

Test(handle, resolves_to_its_object_until_it_ends) {
    struct handle_slot *slot = handle_slot_new(HANDLE_APP, &object);
    void *handle = handle_begin(slot);
    cr_assert(ne(ptr, handle, NULL));
    cr_assert(eq(ptr, handle_resolve(HANDLE_APP, handle), &object));
    cr_assert(eq(int, (int)handle_kind_of(handle), HANDLE_APP));
    handle_end(slot);
    cr_assert(eq(ptr, handle_resolve(HANDLE_APP, handle), NULL));
    cr_assert(eq(u64, handle_n_stale(), 1));
    cr_assert(eq(int, (int)handle_kind_of(handle), HANDLE_FREE));
    handle_slot_free(slot);
}

Test(handle, null_is_no_handle_and_is_not_counted) {
    cr_assert(eq(ptr, handle_resolve(HANDLE_APP, NULL), NULL));
    cr_assert(eq(ptr, handle_peek(HANDLE_APP, NULL), NULL));
    cr_assert(eq(int, (int)handle_kind_of(NULL), HANDLE_FREE));
    cr_assert(eq(u64, handle_n_stale(), 0));
    handle_slot_free(NULL);
}

Test(handle, of_one_kind_is_not_one_of_another) {
    struct handle_slot *slot = handle_slot_new(HANDLE_STEP, &object);
    void *handle = handle_begin(slot);
    for (int kind = HANDLE_OTLP_SPAN; kind <= HANDLE_STREAM; kind++) {
        void *expected = kind == HANDLE_STEP ? &object : NULL;
        cr_assert(eq(ptr, handle_peek((enum handle_kind)kind, handle), expected), "%d", kind);
    }
    handle_slot_free(slot);
}

Test(handle, a_slot_used_again_makes_the_old_handle_stale) {
    struct handle_slot *slot = handle_slot_new(HANDLE_SPAN, &object);
    void *first = handle_begin(slot);
    handle_end(slot);
    void *second = handle_begin(slot);
    cr_assert(ne(ptr, first, second));
    cr_assert(eq(ptr, handle_peek(HANDLE_SPAN, first), NULL));
    cr_assert(eq(ptr, handle_peek(HANDLE_SPAN, second), &object));
    void *third = handle_begin(slot); /* begun again without an end */
    cr_assert(eq(ptr, handle_peek(HANDLE_SPAN, second), NULL));
    cr_assert(eq(ptr, handle_peek(HANDLE_SPAN, third), &object));
    handle_slot_free(slot);
}

Test(handle, stays_stale_when_its_slot_goes_to_another_object) {
    struct handle_slot *slot = handle_slot_new(HANDLE_CALL, &object);
    void *old = handle_begin(slot);
    handle_slot_free(slot);
    struct handle_slot *again = handle_slot_new(HANDLE_CALL, &other);
    cr_assert(eq(ptr, again, slot)); /* the free one is taken first */
    void *fresh = handle_begin(again);
    cr_assert(eq(ptr, handle_peek(HANDLE_CALL, old), NULL));
    cr_assert(eq(ptr, handle_peek(HANDLE_CALL, fresh), &other));
    handle_slot_free(again);
}

Test(handle, invented_values_are_harmless) {
    struct handle_slot *slot = handle_slot_new(HANDLE_STREAM, &object);
    uintptr_t handle = (uintptr_t)handle_begin(slot);
    const uintptr_t invented[] = {1,
                                  0xdeadbeef,
                                  (uintptr_t)&object,
                                  UINTPTR_MAX,
                                  handle + 1,
                                  handle - 1,
                                  handle ^ (1u << 21),
                                  HANDLE_MAX_SLOTS - 1,
                                  handle | (uintptr_t)1 << 63};
    for (size_t i = 0; i < ARRAY_LENGTH(invented); i++) {
        for (int kind = HANDLE_FREE; kind <= HANDLE_STREAM; kind++) {
            cr_assert(eq(ptr, handle_peek((enum handle_kind)kind, (void *)invented[i]), NULL));
        }
    }
    handle_slot_free(slot);
}

Test(handle, the_generation_may_wrap) {
    struct handle_slot *slot = handle_slot_new(HANDLE_SPAN, &object);
    slot->generation = UINT32_MAX - 1;
    void *last = handle_begin(slot);
    cr_assert(eq(ptr, handle_peek(HANDLE_SPAN, last), &object));
    handle_end(slot);
    void *first = handle_begin(slot);
    cr_assert(ne(ptr, first, NULL));
    cr_assert(eq(ptr, handle_peek(HANDLE_SPAN, first), &object));
    cr_assert(eq(ptr, handle_peek(HANDLE_SPAN, last), NULL));
    handle_slot_free(slot);
}

Test(handle, many_slots_over_several_chunks_are_told_apart) {
    enum { N = 3 * HANDLE_CHUNK_SLOTS };
    static char objects[N];
    static struct handle_slot *slots[N];
    static void *handles[N];
    for (size_t i = 0; i < N; i++) {
        slots[i] = handle_slot_new(HANDLE_SPAN, &objects[i]);
        handles[i] = handle_begin(slots[i]);
    }
    for (size_t i = 0; i < N; i++) {
        cr_assert(eq(ptr, handle_peek(HANDLE_SPAN, handles[i]), &objects[i]));
        handle_slot_free(slots[i]);
        cr_assert(eq(ptr, handle_peek(HANDLE_SPAN, handles[i]), NULL));
    }
}

Test(handle, slots_in_a_row_share_no_cache_line) {
    enum { N = 300 };
    static struct handle_slot *slots[N];
    for (int i = 0; i < N; i++) {
        slots[i] = handle_slot_new(HANDLE_SPAN, &object);
        cr_assert(slots[i] != NULL);
        for (int k = 0; k < i; k++) {
            cr_assert(slots[i] != slots[k]);
        }
    }
    for (int i = 1; i < N; i++) {
        intptr_t distance = (intptr_t)slots[i] - (intptr_t)slots[i - 1];
        cr_expect(distance >= 64 || distance <= -64);
    }
    for (int i = 0; i < N; i++) {
        handle_slot_free(slots[i]);
    }
}

Test(handle, slots_end_at_the_bound) {
    size_t n = 0;
    struct handle_slot *last = NULL, *slot;
    while ((slot = handle_slot_new(HANDLE_SPAN, &object)) != NULL) {
        last = slot;
        n++;
    }
    cr_assert(eq(sz, n, HANDLE_MAX_SLOTS));
    handle_slot_free(last);
    cr_assert(eq(ptr, handle_slot_new(HANDLE_SPAN, &object), last));
}

Test(handle, a_chunk_that_cannot_be_had_is_NULL_and_costs_nothing_later) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct handle_slot *slot = handle_slot_new(HANDLE_APP, &object);
        cr_assert(eq(int, slot == NULL, fault_has_struck()));
        handle_slot_free(slot);
    }
    cr_assert(ne(ptr, handle_slot_new(HANDLE_APP, &object), NULL));
}

/* Every thread sees its own slots and nobody else's. */
static void *use_slots(void *data) {
    size_t n_wrong = 0;
    for (int i = 0; i < 5000; i++) {
        struct handle_slot *slot = handle_slot_new(HANDLE_SPAN, data);
        void *handle = handle_begin(slot);
        n_wrong += handle_peek(HANDLE_SPAN, handle) != data;
        handle_slot_free(slot);
        n_wrong += handle_resolve(HANDLE_SPAN, handle) != NULL;
    }
    return (void *)n_wrong;
}

Test(handle, threads_share_the_table) {
    pthread_t threads[4];
    int objects[4];
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        cr_assert(zero(int, pthread_create(&threads[i], NULL, use_slots, &objects[i])));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        void *n_wrong;
        pthread_join(threads[i], &n_wrong);
        cr_assert(eq(ptr, n_wrong, NULL));
    }
    cr_assert(eq(u64, handle_n_stale(), 4 * 5000));
}
