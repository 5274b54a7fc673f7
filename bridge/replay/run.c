#include "bridge/replay/run.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bridge/replay/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/common/json_text.h"
#include "otlp/common/macro.h"
#include "tracking/time_read.h"

/* ---- making ---- */

static char *join(const char *directory, const char *name) {
    struct buf path;
    buf_init(&path, strlen(directory) + strlen(name) + 2);
    buf_append_text(&path, directory);
    buf_append_byte(&path, '/');
    buf_append_text(&path, name);
    char *text = buf_take_text(&path);
    buf_deinit(&path);
    return text;
}

static void pointer_deinit(struct replay_pointer *pointer) {
    mem_free(pointer->app_id);
    mem_free(pointer->partition_key);
}

struct replay_run *replay_run_free(struct replay_run *run) {
    if (run != NULL) {
        mem_free(run->project);
        mem_free(run->app_id);
        mem_free(run->directory);
        mem_free(run->log_path);
        mem_free(run->partition_key);
        pointer_deinit(&run->parent);
        pointer_deinit(&run->spawner);
        replay_offsets_deinit(&run->offsets);
        mem_free(run->marks);
        mem_free(run);
    }
    return NULL;
}

/* ---- metadata.json ---- */

static struct json_slice member(struct json_slice object, const char *name) {
    struct json_slice found = {0}, key, value;
    if (json_kind_of(object) != JSON_OBJECT) {
        return found;
    }
    struct json_cursor cursor = json_cursor_over(object.text, object.n_bytes);
    (void)json_enter(&cursor, '{');
    while (json_next_member(&cursor, &key, &value) == 1) {
        if (json_string_is(key, name)) {
            found = value;
        }
    }
    return found;
}

static char *text_of(struct json_slice string) {
    return json_kind_of(string) == JSON_STRING ? json_decode_text(string) : NULL;
}

static void read_pointer(struct json_slice object, struct replay_pointer *out) {
    out->app_id = text_of(member(object, "app_id"));
    out->partition_key = text_of(member(object, "partition_key"));
    struct json_slice sequence_id = member(object, "sequence_id");
    out->has_sequence_id =
        json_kind_of(sequence_id) == JSON_NUMBER && json_to_int64(sequence_id, &out->sequence_id);
}

static void close_file(FILE **file) {
    if (*file != NULL) {
        (void)fclose(*file);
    }
}

/* A small file whole; false when it cannot be read or is too large to be what it should. */
static bool read_file(const char *path, struct buf *out) {
    FILE *file CLEANUP(close_file) = fopen(path, "re");
    size_t n = file != NULL ? 1 : 0;
    while (n > 0) {
        uint8_t piece[4096];
        n = fread(piece, 1, sizeof piece, file);
        buf_append(out, piece, n);
    }
    return file != NULL && !ferror(file) && buf_error(out) == 0 && out->n_bytes > 0;
}

static void read_metadata(struct replay_run *run) {
    struct buf text CLEANUP(buf_deinit);
    buf_init(&text, REPLAY_MAX_METADATA_BYTES);
    char *path CLEANUP(mem_cleanup) = join(run->directory, "metadata.json");
    if (path == NULL || !read_file(path, &text)) {
        return;
    }
    struct json_cursor cursor = json_cursor_over((const char *)text.data, text.n_bytes);
    struct json_slice whole;
    if (json_skip(&cursor, &whole) == 0) {
        run->partition_key = text_of(member(whole, "partition_key"));
        read_pointer(member(whole, "parent_pointer"), &run->parent);
        read_pointer(member(whole, "spawning_parent_pointer"), &run->spawner);
    }
}

struct replay_run *replay_run_new(const char *project, const char *directory) {
    const char *slash = strrchr(directory, '/');
    struct replay_run *run = mem_zalloc(sizeof *run);
    if (run == NULL) {
        return NULL;
    }
    run->project = mem_strdup(project);
    run->directory = mem_strdup(directory);
    run->app_id = mem_strdup(slash != NULL ? slash + 1 : directory);
    run->log_path = join(directory, "log.jsonl");
    if (run->project == NULL || run->directory == NULL || run->app_id == NULL ||
        run->log_path == NULL) {
        return replay_run_free(run);
    }
    struct stat status;
    if (stat(run->log_path, &status) == 0 && status.st_size > 0) {
        run->n_bytes = (uint64_t)status.st_size;
    }
    read_metadata(run);
    return run;
}

/* ---- the first reading ---- */

bool replay_stamp_of(weir_slice time, struct time_stamp *out) {
    return time_read_json(time.text, time.n_bytes, out);
}

static bool add_mark(struct replay_run *run, const weir_record *record, uint64_t local_ns) {
    if (run->n_marks == REPLAY_MAX_MARKS) {
        return true;
    }
    if (run->n_marks == run->marks_capacity) {
        size_t capacity = MAX(run->marks_capacity * 2, (size_t)16);
        struct replay_mark *marks = mem_realloc(run->marks, capacity * sizeof(struct replay_mark));
        if (marks == NULL) {
            return false;
        }
        run->marks = marks;
        run->marks_capacity = capacity;
    }
    run->marks[run->n_marks++] = (struct replay_mark){record->sequence_id, record->line, local_ns};
    return true;
}

static bool take_begin(struct replay_run *run, const weir_record *record,
                       const struct time_stamp *stamp) {
    size_t length = record->time.n_bytes - 2;
    if (run->first_begin[0] == '\0' && length < REPLAY_STAMP_BYTES) {
        memcpy(run->first_begin, record->time.text + 1, length);
        run->first_begin[length] = '\0';
        run->first_local_ns = stamp->ns;
    }
    return !run->keeps_marks || add_mark(run, record, stamp->ns);
}

/* As the second reading takes them: others may point only to steps that it will make. */
static bool begins_step(const weir_record *record) {
    const struct json_slice action = {record->action.text, record->action.n_bytes};
    return record->type == WEIR_RECORD_BEGIN_ENTRY && record->sequence_id >= 0 &&
           json_kind_of(action) == JSON_STRING;
}

static bool take_record(struct replay_run *run, const weir_record *record) {
    struct time_stamp stamp;
    if (!replay_stamp_of(record->time, &stamp)) {
        return true; /* the second reading says so */
    }
    if (begins_step(record) && !take_begin(run, record, &stamp)) {
        return false;
    }
    return stamp.is_utc ? replay_offsets_utc(&run->offsets, record->line, stamp.ns)
                        : replay_offsets_local(&run->offsets, record->line, stamp.ns);
}

static void close_reader(weir_reader **reader) {
    weir_reader_close(*reader);
}

int replay_run_survey(struct replay_run *run, weir_error_detail *detail) {
    weir_reader *reader CLEANUP(close_reader) = NULL;
    int error = weir_reader_open(run->log_path, &reader, detail);
    if (error != 0) {
        return error;
    }
    bool has_memory = true;
    weir_record record = WEIR_RECORD_INIT;
    do {
        error = weir_reader_next(reader, &record, detail);
        has_memory = error != 1 || take_record(run, &record);
    } while (has_memory && (error == 1 || error == WEIR_E_SYNTAX || error == WEIR_E_TOO_LARGE));
    if (!has_memory || !replay_offsets_end(&run->offsets)) {
        return WEIR_E_NO_MEMORY;
    }
    run->ids = replay_ids_of(run->project, run->app_id, run->first_begin);
    run->is_surveyed = error == 0;
    return error;
}

const struct replay_mark *replay_run_find_mark(const struct replay_run *run,
                                               const struct replay_pointer *pointer,
                                               uint64_t local_ns) {
    const struct replay_mark *any = NULL;
    for (size_t i = run->n_marks; i-- > 0;) {
        const struct replay_mark *mark = &run->marks[i];
        if (pointer->has_sequence_id && mark->sequence_id != pointer->sequence_id) {
            continue;
        }
        if (mark->local_ns <= local_ns) {
            return mark;
        }
        any = any != NULL ? any : mark;
    }
    return any;
}
