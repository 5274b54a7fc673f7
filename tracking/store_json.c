#include "tracking/store_json.h"

void store_json_find(struct json_slice object, const struct store_member *wanted, size_t n_wanted) {
    struct json_cursor cursor = json_cursor_over(object.text, object.n_bytes);
    cursor.allow_nan = true;
    struct json_slice key, value;
    if (json_kind_of(object) != JSON_OBJECT || json_enter(&cursor, '{') != 0) {
        return;
    }
    while (json_next_member(&cursor, &key, &value) == 1) {
        for (size_t i = 0; i < n_wanted; i++) {
            if (json_string_is(key, wanted[i].name)) {
                *wanted[i].value = value;
            }
        }
    }
}

const weir_pointer *store_json_pointer(struct store_memory *memory, struct json_slice object) {
    struct json_slice app_id = {0}, sequence_id = {0}, partition_key = {0};
    if (json_kind_of(object) != JSON_OBJECT) {
        return NULL;
    }
    store_json_find(object,
                    (const struct store_member[]){{"app_id", &app_id},
                                                  {"sequence_id", &sequence_id},
                                                  {"partition_key", &partition_key}},
                    3);
    weir_pointer *pointer = store_memory_take(memory, 1, sizeof *pointer);
    if (pointer != NULL) {
        pointer->app_id = store_memory_text(memory, app_id);
        pointer->partition_key = store_memory_text(memory, partition_key);
        pointer->has_sequence_id = json_to_int64(sequence_id, &pointer->sequence_id);
    }
    return pointer;
}
