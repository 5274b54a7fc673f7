/*
 * The shared parts of otlp/common under many threads: handles, locks, ids, the log.
 */
#include <stdatomic.h>

#include "otlp/common/handle.h"
#include "otlp/common/id.h"
#include "otlp/common/lock.h"
#include "otlp/common/log.h"
#include "tests/stress/stress.h"

enum { N_THREADS = 8, N_ROUNDS = 3000 };

static struct lock lock;
static uint64_t counted; /* guarded by lock */
static _Atomic(void *) shared_handle;
static int objects[N_THREADS];

/* Its own handles resolve to its own object; one of another thread to that one's or to nothing. */
static void use_handles(size_t index) {
    struct handle_slot *slot = handle_slot_new(HANDLE_STEP, &objects[index]);
    CHECK(slot != NULL);
    void *mine = handle_begin(slot);
    CHECK(handle_peek(HANDLE_STEP, mine) == &objects[index]);
    void *theirs = atomic_exchange(&shared_handle, mine);
    int *object = handle_resolve(HANDLE_STEP, theirs);
    CHECK(object == NULL || (object >= objects && object < objects + N_THREADS));
    handle_end(slot);
    CHECK(handle_peek(HANDLE_STEP, mine) == NULL);
    handle_slot_free(slot);
}

static void *use_all(void *index) {
    static struct logger logger = {.level = WEIR_LOG_ERROR};
    uint64_t before = 0;
    for (int i = 0; i < N_ROUNDS; i++) {
        use_handles((size_t)index);
        lock_take(&lock);
        counted++;
        lock_give(&lock);
        uint64_t drawn = id_random();
        CHECK(drawn != before);
        before = drawn;
        logger_say(&logger, WEIR_LOG_WARN, LOG_CAUSE_EXPORT, "not to be seen at this level");
    }
    return NULL;
}

int main(void) {
    run_threads(N_THREADS, use_all);
    CHECK_EQUAL(counted, (uint64_t)N_THREADS * N_ROUNDS);
    return 0;
}
