#include <ctype.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "otlp/common/id.h"
#include "otlp/common/macro.h"
#include "tests/support/expect.h"

Test(id, a_uuid_is_of_version_4) {
    for (int round = 0; round < 1000; round++) {
        char uuid[37];
        id_new_uuid(uuid);
        cr_assert(eq(sz, strlen(uuid), 36));
        for (size_t i = 0; i < 36; i++) {
            bool dash = i == 8 || i == 13 || i == 18 || i == 23;
            bool hex = isdigit((unsigned char)uuid[i]) || (uuid[i] >= 'a' && uuid[i] <= 'f');
            cr_assert(dash ? uuid[i] == '-' : hex, "%s", uuid);
        }
        cr_assert(eq(chr, uuid[14], '4'), "%s", uuid);
        cr_assert(ne(ptr, strchr("89ab", uuid[19]), NULL), "%s", uuid);
    }
}

Test(id, every_bit_of_an_id_varies) {
    uint8_t any[16] = {0}, all[16];
    memset(all, 0xff, sizeof all);
    for (int round = 0; round < 200; round++) {
        uint8_t id[16];
        id_new_trace(id);
        for (size_t i = 0; i < 16; i++) {
            any[i] |= id[i];
            all[i] &= id[i];
        }
    }
    for (size_t i = 0; i < 16; i++) {
        cr_assert(eq(u8, any[i], 0xff), "byte %zu", i); /* chance of failure: 2^-192 */
        cr_assert(eq(u8, all[i], 0), "byte %zu", i);
    }
}

Test(id, ids_of_one_thread_differ) {
    enum { N = 1000 };
    static uint64_t ids[N];
    for (size_t i = 0; i < N; i++) {
        id_new_span((uint8_t *)&ids[i]);
        cr_assert(ne(u64, ids[i], 0));
        for (size_t j = 0; j < i; j++) {
            cr_assert(ne(u64, ids[i], ids[j]));
        }
    }
}

static void *draw(void *out) {
    *(uint64_t *)out = id_random();
    return NULL;
}

Test(id, threads_do_not_repeat_each_other) {
    uint64_t drawn[8];
    pthread_t threads[8];
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        cr_assert(zero(int, pthread_create(&threads[i], NULL, draw, &drawn[i])));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        pthread_join(threads[i], NULL);
        for (size_t j = 0; j < i; j++) {
            cr_assert(ne(u64, drawn[i], drawn[j]));
        }
    }
}

/* What a child of this process draws next. */
static uint64_t draw_in_child(void) {
    int fds[2];
    cr_assert(zero(int, pipe(fds)));
    pid_t pid = fork();
    if (pid == 0) {
        uint64_t word = id_random();
        _exit(write(fds[1], &word, sizeof word) == sizeof word ? 0 : 1);
    }
    uint64_t word = 0;
    cr_assert(eq(int, (int)read(fds[0], &word, sizeof word), (int)sizeof word));
    cr_assert(eq(int, waitpid(pid, NULL, 0), pid));
    return word;
}

Test(id, a_forked_child_has_ids_of_its_own) {
    (void)id_random(); /* seeded before the fork: the child inherits the state */
    uint64_t first = draw_in_child(), second = draw_in_child(), own = id_random();
    cr_assert(ne(u64, first, own));
    cr_assert(ne(u64, second, own));
    cr_assert(ne(u64, first, second));
}
