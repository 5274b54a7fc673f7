#include "bridge/replay/ids.h"

#include <string.h>

#include "otlp/common/hash.h"

/* Part of what the ids are: it can never change. */
static const uint8_t KEY[HASH_BYTES] = {'w', 'e', 'i', 'r', ' ', 'r', 'e', 'p',
                                        'l', 'a', 'y', ' ', 'i', 'd', 's', '1'};

struct replay_ids replay_ids_of(const char *project, const char *app_id, const char *first_begin) {
    struct replay_ids ids;
    struct hash hash;
    hash_init(&hash, KEY);
    hash_add_text(&hash, project);
    hash_add_text(&hash, app_id);
    hash_add_text(&hash, first_begin);
    hash_end(&hash, ids.seed);
    return ids;
}

static void derive(const struct replay_ids *ids, const char *what, uint64_t line,
                   uint8_t out[HASH_BYTES]) {
    struct hash hash;
    hash_init(&hash, ids->seed);
    hash_add_text(&hash, what);
    hash_add_u64(&hash, line);
    hash_end(&hash, out);
}

/* An id of zeros means none. */
static void avoid_zero(uint8_t *id, size_t n_bytes) {
    uint8_t any = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        any |= id[i];
    }
    id[n_bytes - 1] |= any == 0;
}

void replay_ids_trace(const struct replay_ids *ids, uint8_t out[16]) {
    derive(ids, "trace", 0, out);
    avoid_zero(out, 16);
}

void replay_ids_span(const struct replay_ids *ids, enum replay_record_kind kind, uint64_t line,
                     uint8_t out[8]) {
    static const char *const names[] = {"run", "step", "span"};
    uint8_t full[HASH_BYTES];
    derive(ids, names[kind], line, full);
    memcpy(out, full, 8);
    avoid_zero(out, 8);
}
