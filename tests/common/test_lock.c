#include <pthread.h>
#include <stdbool.h>
#include <unistd.h>

#include "otlp/common/lock.h"
#include "otlp/common/macro.h"
#include "tests/support/expect.h"

static struct lock lock;
static int shared; /* guarded by lock */

Test(lock, is_free_at_birth_and_again_after_being_given_back) {
    for (int i = 0; i < 3; i++) {
        lock_take(&lock);
        cr_assert(eq(uint, lock.state, 1));
        lock_give(&lock);
        cr_assert(eq(uint, lock.state, 0));
    }
}

static void *count_up(void *data) {
    (void)data;
    for (int i = 0; i < 100000; i++) {
        lock_take(&lock);
        shared++;
        lock_give(&lock);
    }
    return NULL;
}

Test(lock, excludes) {
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        cr_assert(zero(int, pthread_create(&threads[i], NULL, count_up, NULL)));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    cr_assert(eq(int, shared, 400000));
    cr_assert(eq(uint, lock.state, 0));
}

static void *wait_for_lock(void *data) {
    (void)data;
    lock_take(&lock);
    shared = 2;
    lock_give(&lock);
    return NULL;
}

Test(lock, wakes_those_who_sleep) {
    lock_take(&lock);
    shared = 1;
    pthread_t threads[3];
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        cr_assert(zero(int, pthread_create(&threads[i], NULL, wait_for_lock, NULL)));
    }
    while (atomic_load(&lock.state) != 2) { /* until somebody is waiting */
        usleep(100);
    }
    cr_assert(eq(int, shared, 1));
    lock_give(&lock);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    cr_assert(eq(int, shared, 2));
    cr_assert(eq(uint, lock.state, 0));
}
