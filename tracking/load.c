/*
 * A run's state at a sequence id, from its log: what a later run resumes or forks from.
 *
 * The state's values stay text as it was written. Keys that begin with "__" are the framework's
 * own: they go, and the ones that matter are put back at the end.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <weir/tracking.h>

#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "otlp/common/options.h"
#include "tracking/bounds.h"
#include "tracking/folder.h"
#include "tracking/reader.h"
#include "tracking/scan.h"
#include "tracking/store.h"

/* ---- finding the record ---- */

static bool is_wanted(const weir_record *record, const weir_load_options *options) {
    return record->type == WEIR_RECORD_END_ENTRY && record->sequence_id >= 0 &&
           json_kind_of(scan_slice(record->action)) == JSON_STRING &&
           json_kind_of(scan_slice(record->state)) == JSON_OBJECT &&
           (!options->has_sequence_id || record->sequence_id == options->sequence_id);
}

/* Keeps the last wanted line; `line` stays empty when there is none. 0 or an error code. */
static int find_line(weir_reader *reader, const weir_load_options *options, struct buf *line,
                     weir_error_detail *detail) {
    weir_record record = WEIR_RECORD_INIT;
    int result;
    while ((result = weir_reader_next(reader, &record, detail)) != 0) {
        if (result == WEIR_E_SYNTAX || result == WEIR_E_TOO_LARGE) {
            continue; /* a broken line takes nothing from the others */
        }
        if (result < 0) {
            return result;
        }
        if (is_wanted(&record, options)) {
            buf_clear(line);
            buf_append(line, record.whole.text, record.whole.n_bytes);
            if (buf_error(line) != 0) {
                return error_set(detail, buf_error(line), "line %" PRIu64 " of %s's log: %s",
                                 record.line, options->app_id, weir_strerror(buf_error(line)));
            }
        }
    }
    return 0;
}

static int not_found(const weir_load_options *options, weir_error_detail *detail) {
    if (options->has_sequence_id) {
        return error_set(detail, WEIR_E_NOT_FOUND, "app %s has no finished step %" PRId64,
                         options->app_id, options->sequence_id);
    }
    return error_set(detail, WEIR_E_NOT_FOUND, "app %s has no finished step yet", options->app_id);
}

/* ---- the state ---- */

/* True when the raw string's text begins with two underscores, however they are spelt. */
static bool is_internal(struct json_slice key) {
    const char *at = key.text + 1, *end = key.text + key.n_bytes - 1;
    for (int i = 0; i < 2; i++) {
        if (end - at >= 1 && *at == '_') {
            at += 1;
        } else if (end - at >= 6 &&
                   (memcmp(at, "\\u005f", 6) == 0 || memcmp(at, "\\u005F", 6) == 0)) {
            at += 6;
        } else {
            return false;
        }
    }
    return true;
}

/* The number literals that are no JSON become null, or the state could not be given to a new run.
 */
static void append_json_only(struct buf *out, struct json_slice value) {
    static const char *const literals[] = {"-Infinity", "Infinity", "NaN"};
    bool is_in_string = false;
    for (size_t at = 0; at < value.n_bytes;) {
        const char *rest = value.text + at;
        size_t n_taken = 0;
        for (size_t i = 0; !is_in_string && i < ARRAY_LENGTH(literals); i++) {
            size_t length = strlen(literals[i]);
            if (value.n_bytes - at >= length && memcmp(rest, literals[i], length) == 0) {
                n_taken = length;
                buf_append_text(out, "null");
                break;
            }
        }
        if (n_taken == 0) {
            n_taken = is_in_string && *rest == '\\' ? 2 : 1;
            buf_append(out, rest, n_taken);
            is_in_string ^= *rest == '"';
        }
        at += n_taken;
    }
}

static void append_value(struct buf *out, struct json_slice value) {
    if (memmem(value.text, value.n_bytes, "NaN", 3) == NULL &&
        memmem(value.text, value.n_bytes, "Infinity", 8) == NULL) {
        json_append_compact(out, value);
        return;
    }
    struct buf CLEANUP(buf_deinit) text;
    buf_init(&text, LOAD_MAX_STATE_BYTES);
    append_json_only(&text, value);
    if (buf_error(&text) != 0) {
        out->error = buf_error(&text);
        return;
    }
    json_append_compact(out, (struct json_slice){(const char *)text.data, text.n_bytes});
}

static void append_state(struct buf *out, const weir_record *record, bool is_resumed) {
    struct json_cursor cursor = json_cursor_over(record->state.text, record->state.n_bytes);
    cursor.allow_nan = true;
    struct json_slice key, value;
    (void)json_enter(&cursor, '{');
    buf_append_byte(out, '{');
    while (json_next_member(&cursor, &key, &value) == 1) {
        if (!is_internal(key)) {
            json_append_compact(out, key);
            buf_append_byte(out, ':');
            append_value(out, value);
            buf_append_byte(out, ',');
        }
    }
    buf_append_text(out, "\"__SEQUENCE_ID\":");
    json_write_int(out, record->sequence_id);
    if (is_resumed) {
        buf_append_text(out, ",\"__PRIOR_STEP\":");
        json_append_compact(out, scan_slice(record->action));
    }
    buf_append_byte(out, '}');
}

/* NULL with *error set when it is too large or memory is short. */
static char *take_state(const weir_record *record, bool is_resumed, int *error) {
    struct buf CLEANUP(buf_deinit) text;
    buf_init(&text, LOAD_MAX_STATE_BYTES);
    append_state(&text, record, is_resumed);
    char *state = buf_take_text(&text);
    if (state == NULL) {
        *error = buf_error(&text);
    }
    return state;
}

/* ---- the whole ---- */

static bool is_completed(const weir_record *record) {
    enum json_kind kind = json_kind_of(scan_slice(record->exception));
    return kind == JSON_NONE || kind == JSON_NULL;
}

static int make(const weir_load_options *options, const struct buf *line, uint64_t changed_ns,
                weir_loaded **out, weir_error_detail *detail) {
    weir_record record = WEIR_RECORD_INIT;
    struct json_cursor cursor;
    int error = scan_record((const char *)line->data, line->n_bytes, &record, &cursor);
    weir_loaded *loaded = error == 0 ? mem_zalloc(sizeof *loaded) : NULL;
    if (loaded != NULL) {
        loaded->size = sizeof *loaded;
        loaded->app_id = mem_strdup(options->app_id);
        loaded->partition_key = mem_strdup(options->partition_key);
        loaded->sequence_id = record.sequence_id;
        loaded->position = json_decode_text(scan_slice(record.action));
        loaded->is_completed = is_completed(&record);
        loaded->state = take_state(&record, false, &error);
        loaded->resume_state = take_state(&record, loaded->is_completed, &error);
        loaded->created_unix_ns = changed_ns;
    }
    if (loaded == NULL || loaded->app_id == NULL || loaded->position == NULL ||
        (options->partition_key != NULL && loaded->partition_key == NULL)) {
        error = WEIR_E_NO_MEMORY;
    }
    if (error != 0) {
        weir_loaded_free(loaded);
        return error_set(detail, error, "cannot load app %s: %s", options->app_id,
                         weir_strerror(error));
    }
    *out = loaded;
    return 0;
}

static int open_log(const struct folder_path *path, weir_reader **reader,
                    weir_error_detail *detail) {
    int fd = store_open(path, detail);
    if (fd < 0) {
        return fd;
    }
    int error = store_open_records(path, fd, "log.jsonl", reader, detail);
    (void)close(fd);
    return error;
}

static int load(const struct folder_path *path, const weir_load_options *options, weir_loaded **out,
                weir_error_detail *detail) {
    weir_reader *reader = NULL;
    int error = open_log(path, &reader, detail);
    if (error != 0) {
        return error;
    }
    struct buf CLEANUP(buf_deinit) line;
    buf_init(&line, READER_MAX_LINE_BYTES);
    error = find_line(reader, options, &line, detail);
    if (error == 0) {
        error = line.n_bytes == 0 ? not_found(options, detail)
                                  : make(options, &line, reader_changed_ns(reader), out, detail);
    }
    weir_reader_close(reader);
    return error;
}

int weir_load(const weir_load_options *options, weir_loaded **out, weir_error_detail *detail) {
    weir_load_options full;
    if (out == NULL) {
        return error_set(detail, WEIR_E_INVALID, "out is NULL");
    }
    if (!options_read(&full, sizeof full, options)) {
        return error_set(detail, WEIR_E_INVALID,
                         "weir_load_options.size is %zu: use WEIR_LOAD_OPTIONS(), or a library as "
                         "new as the header",
                         options->size);
    }
    if (!store_name_is_safe(full.project) || !store_name_is_safe(full.app_id)) {
        bool is_project = !store_name_is_safe(full.project);
        const char *name = is_project ? full.project : full.app_id;
        return error_set(detail, WEIR_E_INVALID, "\"%.64s\" is no name of %s",
                         name != NULL ? name : "", is_project ? "a project" : "an app");
    }
    char *root CLEANUP(mem_cleanup) = NULL;
    int error = folder_root(full.directory, &root, detail);
    if (error != 0) {
        return error;
    }
    const struct folder_path path = {root, full.project, full.app_id};
    return load(&path, &full, out, detail);
}

weir_loaded *weir_loaded_free(weir_loaded *loaded) {
    if (loaded != NULL) {
        mem_free(loaded->app_id);
        mem_free(loaded->partition_key);
        mem_free(loaded->position);
        mem_free(loaded->state);
        mem_free(loaded->resume_state);
        mem_free(loaded);
    }
    return NULL;
}
