#include "bridge/replay/run.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/replay/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/common/json_text.h"
#include "otlp/common/macro.h"
#include "tracking/bounds.h"
#include "tracking/store.h"
#include "tracking/store_files.h"
#include "tracking/time_read.h"

/* ---- making ---- */

static void pointer_deinit(struct replay_pointer *pointer) {
    mem_free(pointer->app_id);
    mem_free(pointer->partition_key);
}

struct replay_run *replay_run_free(struct replay_run *run) {
    if (run != NULL) {
        mem_free(run->folder);
        mem_free(run->root);
        mem_free(run->project);
        mem_free(run->app_id);
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

char *replay_folder_name(const struct folder_path *app) {
    struct buf name;
    buf_init(&name, STORE_MAX_PATH_BYTES);
    buf_append_text(&name, app->root);
    buf_append_byte(&name, '/');
    buf_append_text(&name, app->project);
    buf_append_byte(&name, '/');
    buf_append_text(&name, app->app_id);
    char *text = buf_take_text(&name);
    buf_deinit(&name);
    return text;
}

static char *log_name(const char *folder) {
    struct buf name;
    buf_init(&name, STORE_MAX_PATH_BYTES + sizeof "/log.jsonl");
    buf_append_text(&name, folder);
    buf_append_text(&name, "/log.jsonl");
    char *text = buf_take_text(&name);
    buf_deinit(&name);
    return text;
}

/* A copy, or NULL of NULL. False: no memory. */
static bool keep_text(const char *text, char **out) {
    *out = mem_strdup(text);
    return text == NULL || *out != NULL;
}

static bool keep_pointer(const weir_pointer *pointer, struct replay_pointer *out) {
    if (pointer == NULL || pointer->app_id == NULL) {
        return true;
    }
    out->has_sequence_id = pointer->has_sequence_id;
    out->sequence_id = pointer->sequence_id;
    return keep_text(pointer->app_id, &out->app_id) &&
           keep_text(pointer->partition_key, &out->partition_key);
}

/* What cannot be read is taken as absent. False: no memory. */
static bool read_metadata(struct replay_run *run, const struct folder_path *app, int app_fd) {
    struct store_metadata metadata;
    int error = store_read_metadata(app, app_fd, &metadata, NULL);
    if (error != 0) {
        return error != WEIR_E_NO_MEMORY;
    }
    bool is_kept = keep_text(metadata.partition_key, &run->partition_key) &&
                   keep_pointer(metadata.parent, &run->parent) &&
                   keep_pointer(metadata.spawning_parent, &run->spawner);
    store_metadata_deinit(&metadata);
    return is_kept;
}

static bool set_names(struct replay_run *run, const struct folder_path *app, const char *log_path) {
    run->folder = replay_folder_name(app);
    run->root = mem_strdup(app->root);
    run->project = mem_strdup(app->project);
    run->app_id = mem_strdup(app->app_id);
    run->is_loose = log_path != NULL;
    run->log_path = log_path != NULL ? mem_strdup(log_path)
                                     : (run->folder != NULL ? log_name(run->folder) : NULL);
    return run->folder && run->root && run->project && run->app_id && run->log_path;
}

struct replay_run *replay_run_new(const struct folder_path *app, int app_fd, const char *log_path) {
    struct replay_run *run = mem_zalloc(sizeof *run);
    if (run == NULL || !set_names(run, app, log_path) || !read_metadata(run, app, app_fd)) {
        return replay_run_free(run);
    }
    struct stat status;
    if (stat(run->log_path, &status) == 0 && status.st_size > 0) {
        run->n_bytes = (uint64_t)status.st_size; /* for the bar alone */
    }
    return run;
}

int replay_run_open(const struct replay_run *run, weir_reader **out, weir_error_detail *detail) {
    if (run->is_loose) {
        return weir_reader_open(run->log_path, out, detail);
    }
    const struct folder_path app = {run->root, run->project, run->app_id};
    int fd = store_open(&app, detail);
    if (fd < 0) {
        return fd;
    }
    int error = store_open_records(&app, fd, "log.jsonl", out, detail);
    (void)close(fd);
    return error;
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
    int error = replay_run_open(run, &reader, detail);
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
