#include "otlp/common/id.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "otlp/common/fork.h"
#include "otlp/common/macro.h"
#include "otlp/common/uncancelled.h"

/* xoshiro256**: four words of state, a few cycles a draw. */
struct generator {
    uint64_t s[4];
    unsigned fork_epoch; /* 0: never seeded */
};

static THREAD_LOCAL_HOT struct generator generator;
static atomic_uint fork_epoch = 1;

static void count_fork(void) {
    atomic_fetch_add_explicit(&fork_epoch, 1, memory_order_relaxed);
}

static struct fork_guard fork_guard = {.order = FORK_IDS, .in_child = count_fork};

static uint64_t mix(uint64_t *state) {
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Only for a kernel that gives nothing (a sandbox without the call): distinct, if guessable, ids.
 */
static void seed_without_kernel(struct generator *g) {
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t state = (uint64_t)now.tv_nsec ^ (uint64_t)now.tv_sec << 30 ^ (uint64_t)getpid() << 44 ^
                     (uintptr_t)g;
    for (int i = 0; i < 4; i++) {
        g->s[i] = mix(&state);
    }
}

static COLD void seed(struct generator *g, unsigned epoch) {
    UNCANCELLED(); /* getrandom is a point where a thread may be, and its caller may hold a lock */
    fork_watch(&fork_guard);
    ssize_t got;
    do {
        got = getrandom(g->s, sizeof g->s, 0);
    } while (got < 0 && errno == EINTR);
    if (got != (ssize_t)sizeof g->s || (g->s[0] | g->s[1] | g->s[2] | g->s[3]) == 0) {
        seed_without_kernel(g);
    }
    g->fork_epoch = epoch;
}

static uint64_t rotate(uint64_t x, int k) {
    return x << k | x >> (64 - k);
}

static inline uint64_t draw(void) {
    struct generator *g = &generator;
    unsigned epoch = atomic_load_explicit(&fork_epoch, memory_order_relaxed);
    if (g->fork_epoch != epoch) {
        seed(g, epoch);
    }
    uint64_t *s = g->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t id_random(void) {
    return draw();
}

void id_new_span(uint8_t out[8]) {
    uint64_t word;
    do {
        word = draw();
    } while (UNLIKELY(word == 0));
    memcpy(out, &word, 8);
}

void id_new_trace(uint8_t out[16]) {
    id_new_span(
        out); /* a zero half is as unlikely as a zero span id; redrawing it costs no randomness */
    uint64_t word = id_random();
    memcpy(out + 8, &word, 8);
}

void id_new_uuid(char out[37]) {
    uint64_t high = id_random(), low = id_random();
    high = (high & ~UINT64_C(0xf000)) | UINT64_C(0x4000);
    low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(2) << 62;
    snprintf(out, 37, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
             (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff), (unsigned)(low >> 48),
             (unsigned long long)(low & UINT64_C(0xffffffffffff)));
}
