#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <string.h>

#include "bridge/replay/ids.h"

static void hex(const uint8_t *bytes, size_t n_bytes, char *out) {
    for (size_t i = 0; i < n_bytes; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
}

/* Ids that changed would make every replayed trace twice: these must stay for ever. */
Test(replay_ids, stay_as_they_are) {
    struct replay_ids ids = replay_ids_of("chat", "run-1", "2026-01-02T03:04:05.000006");
    uint8_t trace[16], run[8], step[8];
    char text[33];
    replay_ids_trace(&ids, trace);
    hex(trace, 16, text);
    cr_assert(zero(int, strcmp(text, "8f3af061100e343d4517e11d407f1e25")));
    replay_ids_span(&ids, REPLAY_RECORD_RUN, 0, run);
    hex(run, 8, text);
    cr_assert(zero(int, strcmp(text, "cc1c1ecf5234d075")));
    replay_ids_span(&ids, REPLAY_RECORD_STEP, 1, step);
    hex(step, 8, text);
    cr_assert(zero(int, strcmp(text, "2113f383af868943")));
}

Test(replay_ids, differ_by_everything_they_are_derived_from) {
    static const char *const runs[][3] = {{"chat", "run-1", "2026"},
                                          {"chat", "run-2", "2026"},
                                          {"chatr", "un-1", "2026"},
                                          {"chat", "run-1", "2027"}};
    uint8_t seen[64][8];
    size_t n = 0;
    for (size_t i = 0; i < 4; i++) {
        struct replay_ids ids = replay_ids_of(runs[i][0], runs[i][1], runs[i][2]);
        uint8_t trace[16];
        replay_ids_trace(&ids, trace);
        memcpy(seen[n++], trace, 8);
        for (uint64_t line = 0; line < 3; line++) {
            replay_ids_span(&ids, REPLAY_RECORD_RUN, line, seen[n++]);
            replay_ids_span(&ids, REPLAY_RECORD_STEP, line, seen[n++]);
            replay_ids_span(&ids, REPLAY_RECORD_SPAN, line, seen[n++]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < i; k++) {
            cr_assert(ne(int, memcmp(seen[i], seen[k], 8), 0));
        }
    }
}
