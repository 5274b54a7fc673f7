/*
 * Bytes as every file of an app's folder: the log, read record by record and loaded, and the small
 * files. All of them are one file with several names.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/utf8.h"
#include "tests/fuzz/fuzz.h"
#include "tracking/check.h"
#include "tracking/scan.h"
#include "tracking/store.h"
#include "tracking/store_files.h"
#include "tracking/time_read.h"

static char root[] = "/tmp/weir-fuzz-XXXXXX";
static struct folder_path app = {root, "p", "a"};
static int app_fd = -1, file_fd = -1;

static void remove_folder(void) {
    static const char *const names[] = {"log.jsonl", "graph.json", "metadata.json",
                                        "children.jsonl"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)unlinkat(app_fd, names[i], 0);
    }
    FUZZ_CHECK(chdir(root) == 0 && rmdir("p/a") == 0 && rmdir("p") == 0 && rmdir(root) == 0);
}

static void make_folder(void) {
    FUZZ_CHECK(mkdtemp(root) != NULL);
    app_fd = folder_open(&app, 0600, NULL);
    FUZZ_CHECK(app_fd >= 0);
    file_fd = openat(app_fd, "log.jsonl", O_RDWR | O_CREAT | O_EXCL, 0600);
    FUZZ_CHECK(file_fd >= 0 && linkat(app_fd, "log.jsonl", app_fd, "graph.json", 0) == 0 &&
               linkat(app_fd, "log.jsonl", app_fd, "metadata.json", 0) == 0 &&
               linkat(app_fd, "log.jsonl", app_fd, "children.jsonl", 0) == 0);
    FUZZ_CHECK(atexit(remove_folder) == 0);
}

/* A slice is absent, or a value within the line; its time is read without harm. */
static void check_slice(weir_slice slice, const weir_record *record) {
    if (slice.text == NULL) {
        return;
    }
    const char *end = record->whole.text + record->whole.n_bytes;
    FUZZ_CHECK(slice.text > record->whole.text && slice.text + slice.n_bytes < end);
    struct json_cursor cursor = json_cursor_over(slice.text, slice.n_bytes);
    cursor.allow_nan = true;
    FUZZ_CHECK(json_skip(&cursor, NULL) == 0 && cursor.at == slice.n_bytes);
    struct time_stamp stamp;
    (void)time_read_json(slice.text, slice.n_bytes, &stamp);
}

static void check_record(const weir_record *record) {
    FUZZ_CHECK(memchr(record->whole.text, '\n', record->whole.n_bytes) == NULL);
    const weir_slice slices[] = {
        record->time,
        record->action,
        record->inputs,
        record->result,
        record->exception,
        record->state,
        record->span_id,
        record->span_name,
        record->parent_span_id,
        record->span_dependencies,
        record->key,
        record->value,
        record->tags,
        record->items_streamed,
        record->generation_time_ms,
        record->consumer_time_ms,
        record->first_item_time_ms,
    };
    for (size_t i = 0; i < sizeof slices / sizeof *slices; i++) {
        check_slice(slices[i], record);
    }
    struct check_fault fault = {0};
    if (!check_text(CHECK_RECORD, record->whole.text, record->whole.n_bytes, &fault)) {
        FUZZ_CHECK(fault.at <= record->whole.n_bytes);
        FUZZ_CHECK(fault.text[0] != '\0' && strnlen(fault.text, sizeof fault.text) < 200);
    }
}

static void read_log(const uint8_t *bytes, size_t n_bytes) {
    weir_reader *reader = NULL;
    FUZZ_CHECK(store_open_records(&app, app_fd, "log.jsonl", &reader, NULL) == 0);
    weir_record record = WEIR_RECORD_INIT;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    uint64_t line = 0;
    int more;
    while ((more = weir_reader_next(reader, &record, &detail)) != 0) {
        FUZZ_CHECK(more == 1 || more == WEIR_E_SYNTAX);
        uint64_t next = more == 1 ? record.line : detail.line;
        FUZZ_CHECK(next > line);
        line = next;
        if (more == 1) {
            check_record(&record);
        }
    }
    const uint8_t *last = n_bytes > 0 ? memrchr(bytes, '\n', n_bytes) : NULL;
    size_t n_torn = last != NULL ? (size_t)(bytes + n_bytes - last) - 1 : n_bytes;
    FUZZ_CHECK(weir_reader_torn_bytes(reader) == n_torn);
    weir_reader_close(reader);
}

static void load(void) {
    weir_loaded *loaded = NULL;
    int error = weir_load(&WEIR_LOAD_OPTIONS(.directory = root, .project = "p", .app_id = "a"),
                          &loaded, NULL);
    FUZZ_CHECK(error == 0 || error == WEIR_E_NOT_FOUND);
    if (error == 0) { /* what comes out may go in again */
        FUZZ_CHECK(weir_json_check(loaded->state, strlen(loaded->state), NULL) == 0);
        FUZZ_CHECK(weir_json_check(loaded->resume_state, strlen(loaded->resume_state), NULL) == 0);
        FUZZ_CHECK(utf8_is_valid(loaded->state, strlen(loaded->state)));
    }
    weir_loaded_free(loaded);
}

static void read_small_files(const uint8_t *bytes, size_t n_bytes) {
    struct store_metadata metadata;
    struct store_graph graph;
    struct store_children children;
    int64_t n_steps;
    if (store_read_metadata(&app, app_fd, &metadata, NULL) == 0) {
        store_metadata_deinit(&metadata);
    }
    if (store_read_graph(&app, app_fd, &graph, NULL) == 0) {
        FUZZ_CHECK(memmem(bytes, n_bytes, graph.text, graph.n_bytes) != NULL);
        store_graph_deinit(&graph);
    }
    if (store_read_children(&app, app_fd, &children, NULL) == 0) {
        store_children_deinit(&children);
    }
    (void)store_count_steps(&app, app_fd, &n_steps, NULL);
    for (int kind = CHECK_RECORD; kind <= CHECK_METADATA; kind++) {
        struct check_fault fault;
        (void)check_text((enum check_kind)kind, (const char *)bytes, n_bytes, &fault);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    if (app_fd < 0) {
        make_folder();
    }
    FUZZ_CHECK(ftruncate(file_fd, 0) == 0);
    FUZZ_CHECK(pwrite(file_fd, bytes, n_bytes, 0) == (ssize_t)n_bytes);
    read_log(bytes, n_bytes);
    load();
    read_small_files(bytes, n_bytes);
    return 0;
}
