#include "otlp/encode.h"

#include <string.h>

#include "otlp/common/alloc.h"
#include "otlp/common/hash.h"
#include "otlp/common/id.h"
#include "otlp/common/macro.h"
#include "otlp/tags.h"
#include "otlp/wire.h"

/* ---- the keys of one map ---- */

enum {
    SMALL_TABLE = 64, /* slots that fit on the stack: up to 32 records */
    NOWHERE = 0,      /* no record starts there: offsets are counted from 1 */
    TAG_DEAD = 0      /* instead of the tag of a record that a later one replaces */
};

/* Open addressing; each slot is the offset of a record + 1. At most half full. */
struct key_table {
    uint32_t *slots;
    size_t mask;
    uint8_t *records;
    uint64_t seed;
};

/* Puts the record at `offset` in; one with an equal key that was there is dead from now on. */
static bool enter_key(struct key_table *table, struct encoded_key key, uint32_t offset) {
    size_t i = (size_t)hash_for_table(key.bytes, key.n_bytes, table->seed) & table->mask;
    for (; table->slots[i] != NOWHERE; i = (i + 1) & table->mask) {
        uint8_t *other = table->records + table->slots[i] - 1;
        if (encoded_key_equals(encoded_key_at(other, NULL), key)) {
            *other = TAG_DEAD;
            table->slots[i] = offset + 1;
            return true;
        }
    }
    table->slots[i] = offset + 1;
    return false;
}

static bool mark_replaced(struct key_table *table, const uint8_t *end) {
    bool any = false;
    for (const uint8_t *record = table->records; record < end;) {
        const uint8_t *next;
        struct encoded_key key = encoded_key_at(record, &next);
        any |= enter_key(table, key, (uint32_t)(record - table->records));
        record = next;
    }
    return any;
}

/* Closes the gaps of dead records; returns the new end. */
static uint8_t *close_gaps(uint8_t *records, const uint8_t *end) {
    uint8_t *to = records;
    for (const uint8_t *record = records; record < end;) {
        const uint8_t *next;
        (void)encoded_key_at(record, &next);
        size_t n_bytes = (size_t)(next - record);
        if (*record != TAG_DEAD) {
            memmove(to, record, n_bytes);
            to += n_bytes;
        }
        record = next;
    }
    return to;
}

/* The filter tells most maps apart without a table. */
static bool may_have_equal_keys(const uint8_t *record, const uint8_t *end) {
    struct key_filter seen = {0};
    while (record < end) {
        struct encoded_key key = encoded_key_at(record, &record);
        uint64_t hash = hash_for_table(key.bytes, key.n_bytes, 0);
        if (key_filter_has(&seen, hash)) {
            return true;
        }
        key_filter_add(&seen, hash);
    }
    return false;
}

int encode_remove_duplicates(struct buf *out, size_t start, size_t n_records) {
    if (out->error != 0 || n_records < 2) {
        return 0;
    }
    uint8_t *records = out->data + start;
    const uint8_t *end = out->data + out->n_bytes;
    if (!may_have_equal_keys(records, end)) {
        return 0;
    }
    uint32_t small[SMALL_TABLE];
    CLEANUP(mem_cleanup) uint32_t *large = NULL;
    size_t n_slots = SMALL_TABLE;
    while (n_slots < n_records * 2) {
        n_slots *= 2;
    }
    if (n_slots > SMALL_TABLE) {
        large = mem_array(n_slots, sizeof *large);
        if (large == NULL) {
            return WEIR_E_NO_MEMORY;
        }
    }
    struct key_table table = {.slots = large ? large : small,
                              .mask = n_slots - 1,
                              .records = records,
                              .seed = id_random()};
    memset(table.slots, 0, n_slots * sizeof *table.slots);
    if (mark_replaced(&table, end)) {
        buf_truncate(out, (size_t)(close_gaps(records, end) - out->data));
    }
    return 0;
}
