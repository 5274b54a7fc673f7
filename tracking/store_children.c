/* children.jsonl: the runs that came from this one. */
#include <string.h>

#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "tracking/bounds.h"
#include "tracking/scan.h"
#include "tracking/store.h"
#include "tracking/store_files.h"
#include "tracking/store_json.h"

/* The text of a raw string as it stands there, without its quotes; NULL when it is none. */
static const char *take_raw(struct store_memory *memory, struct json_slice string) {
    return json_kind_of(string) == JSON_STRING
               ? store_memory_copy(memory, string.text + 1, string.n_bytes - 2)
               : NULL;
}

/* False: the line says nothing of a child. */
static bool take_child(struct store_memory *memory, const weir_record *record,
                       struct store_child *out) {
    struct json_slice type = {0}, child = {0}, time = {0}, event = {0}, sequence_id = {0};
    store_json_find(scan_slice(record->whole),
                    (const struct store_member[]){{"type", &type},
                                                  {"child", &child},
                                                  {"event_time", &time},
                                                  {"event_type", &event},
                                                  {"sequence_id", &sequence_id}},
                    5);
    const weir_pointer *pointer = store_json_pointer(memory, child);
    if (pointer == NULL || pointer->app_id == NULL) {
        return false;
    }
    *out = (struct store_child){.app_id = pointer->app_id, .partition_key = pointer->partition_key};
    out->is_spawned = json_string_is(event, "spawn_start");
    out->has_sequence_id = json_to_int64(sequence_id, &out->sequence_id);
    out->event_time = take_raw(memory, time);
    out->line = store_memory_copy(memory, record->whole.text, record->whole.n_bytes);
    return true;
}

/* Room for one more; it doubles, and the old room stays with the rest until the end. */
static struct store_child *next_child(struct store_children *children) {
    size_t n = children->n_children;
    if ((n & (n - 1)) == 0) {
        struct store_child *larger =
            store_memory_take(&children->memory, MAX(n * 2, (size_t)1), sizeof *larger);
        if (larger == NULL) {
            return NULL;
        }
        if (n > 0) {
            memcpy(larger, children->children, n * sizeof *larger);
        }
        children->children = larger;
    }
    return &children->children[n];
}

static int read_children(weir_reader *reader, struct store_children *children,
                         weir_error_detail *detail) {
    weir_record record = WEIR_RECORD_INIT;
    int result;
    while ((result = weir_reader_next(reader, &record, detail)) != 0) {
        if (result == WEIR_E_SYNTAX || result == WEIR_E_TOO_LARGE) {
            children->n_faults++;
            continue;
        }
        if (result < 0) {
            return result;
        }
        if (children->n_children == STORE_MAX_NAMES) {
            return error_set(detail, WEIR_E_TOO_LARGE, "children.jsonl has over %d lines",
                             STORE_MAX_NAMES);
        }
        struct store_child *child = next_child(children);
        bool is_child = child != NULL && take_child(&children->memory, &record, child);
        if (children->memory.is_short) {
            return error_set(detail, WEIR_E_NO_MEMORY, "no memory for children.jsonl");
        }
        children->n_children += is_child;
        children->n_faults += !is_child;
    }
    return 0;
}

int store_read_children(const struct folder_path *app, int app_fd, struct store_children *out,
                        weir_error_detail *detail) {
    struct store_children children = {0};
    weir_reader *reader;
    int error = store_open_records(app, app_fd, "children.jsonl", &reader, detail);
    if (error == 0) {
        error = read_children(reader, &children, detail);
        weir_reader_close(reader);
    } else if (error == WEIR_E_NOT_FOUND) {
        error = 0;
    }
    if (error != 0) {
        store_children_deinit(&children);
        return error;
    }
    *out = children;
    return 0;
}

void store_children_deinit(struct store_children *children) {
    store_memory_free(&children->memory);
    *children = (struct store_children){0};
}
