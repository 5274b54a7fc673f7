/*
 * Burr's own files, read and written again: reading them all and giving what was read to the
 * tracker makes the same files, byte for byte.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/tracking/recordings.h"
#include "tests/tracking/tree.h"
#include "tracking/scan.h"
#include "tracking/store.h"
#include "tracking/store_files.h"
#include "tracking/time_read.h"

/* ---- values out of slices ---- */

enum { MAX_TEXTS = 32 };
static char *texts[MAX_TEXTS];
static size_t n_texts;

/* A string's text until texts_free; NULL for null. */
static const char *text_of(weir_slice slice) {
    if (json_kind_of(scan_slice(slice)) != JSON_STRING) {
        return NULL;
    }
    cr_assert(lt(sz, n_texts, MAX_TEXTS));
    return texts[n_texts++] = json_decode_text(scan_slice(slice));
}

static void texts_free(void) {
    while (n_texts > 0) {
        mem_free(texts[--n_texts]);
    }
}

static uint64_t ns_of(const char *text, size_t n_bytes) {
    struct time_stamp stamp;
    cr_assert(time_read(text, n_bytes, &stamp), "%.*s", (int)n_bytes, text);
    return stamp.ns;
}

static weir_value value_of(weir_slice slice) {
    return weir_value_json_n(slice.text, slice.n_bytes);
}

/* Milliseconds as written, back to the nanoseconds they were made of. */
static uint64_t ns_of_ms(weir_slice slice) {
    double ms;
    return json_to_double(scan_slice(slice), &ms) ? (uint64_t)(ms * 1e6 + 0.5) : 0;
}

static bool is_number(weir_slice slice) {
    return json_kind_of(scan_slice(slice)) == JSON_NUMBER;
}

/* ---- records ---- */

static int write_span(weir_tracker_app *app, const weir_record *record, uint64_t ns) {
    const char *dependencies[8] = {NULL};
    struct json_cursor cursor =
        json_cursor_over(record->span_dependencies.text, record->span_dependencies.n_bytes);
    struct json_slice item;
    cr_assert(eq(int, json_enter(&cursor, '['), 0));
    for (size_t n = 0; json_next_item(&cursor, &item) == 1; n++) {
        dependencies[n] = text_of((weir_slice){item.text, item.n_bytes});
    }
    return weir_tracker_begin_span(app, ns, record->sequence_id, text_of(record->span_id),
                                   text_of(record->span_name), text_of(record->parent_span_id),
                                   dependencies);
}

static int write_stream_end(weir_tracker_app *app, const weir_record *record, uint64_t ns) {
    int64_t n_items;
    cr_assert(json_to_int64(scan_slice(record->items_streamed), &n_items));
    const weir_stream_times times = {
        .items_streamed = (uint64_t)n_items,
        .has_pulls = is_number(record->generation_time_ms),
        .has_first_item = is_number(record->first_item_time_ms),
        .generation_ns = ns_of_ms(record->generation_time_ms),
        .consumer_ns = ns_of_ms(record->consumer_time_ms),
        .first_item_ns = ns_of_ms(record->first_item_time_ms),
    };
    return weir_tracker_end_stream(app, ns, record->sequence_id, &times);
}

static int write_entry_end(weir_tracker_app *app, const weir_record *record, uint64_t ns) {
    weir_value result = value_of(record->result), state = value_of(record->state);
    return weir_tracker_end_entry(app, ns, text_of(record->action), &result,
                                  text_of(record->exception), &state, record->sequence_id);
}

static int write_record(weir_tracker_app *app, const weir_record *record) {
    uint64_t ns = ns_of(record->time.text + 1, record->time.n_bytes - 2);
    int64_t id = record->sequence_id;
    weir_value inputs = value_of(record->inputs);
    weir_key_value attribute = {text_of(record->key), value_of(record->value)};
    switch (record->type) {
    case WEIR_RECORD_BEGIN_ENTRY:
        return weir_tracker_begin_entry(app, ns, text_of(record->action), &inputs, id);
    case WEIR_RECORD_END_ENTRY: return write_entry_end(app, record, ns);
    case WEIR_RECORD_BEGIN_SPAN: return write_span(app, record, ns);
    case WEIR_RECORD_END_SPAN: return weir_tracker_end_span(app, ns, id, text_of(record->span_id));
    case WEIR_RECORD_ATTRIBUTE:
        return weir_tracker_attribute(app, ns, id, text_of(record->span_id), &attribute);
    case WEIR_RECORD_BEGIN_STREAM: return weir_tracker_begin_stream(app, ns, id);
    case WEIR_RECORD_FIRST_ITEM: return weir_tracker_first_item(app, ns, id);
    case WEIR_RECORD_END_STREAM: return write_stream_end(app, record, ns);
    case WEIR_RECORD_OTHER:
    default: return WEIR_E_UNSUPPORTED;
    }
}

static size_t copy_log(const struct folder_path *path, int app_fd, weir_tracker_app *app) {
    weir_reader *reader = NULL;
    weir_record record = WEIR_RECORD_INIT;
    cr_assert(eq(int, store_open_records(path, app_fd, "log.jsonl", &reader, NULL), 0));
    size_t n = 0;
    while (weir_reader_next(reader, &record, NULL) == 1) {
        cr_assert(eq(int, write_record(app, &record), 0), "%s/%s:%zu", path->project, path->app_id,
                  n + 1);
        texts_free();
        n++;
    }
    weir_reader_close(reader);
    return n;
}

/* ---- folders ---- */

/* When an app was made, as its parent's file tells; else 0, which is written nowhere. */
static uint64_t creation_ns(const struct folder_path *app, const weir_pointer *parent) {
    if (parent == NULL || parent->app_id == NULL) {
        return 0;
    }
    const struct folder_path path = {app->root, app->project, parent->app_id};
    struct store_children children;
    int fd = store_open(&path, NULL);
    cr_assert(ge(int, fd, 0));
    cr_assert(eq(int, store_read_children(&path, fd, &children, NULL), 0));
    uint64_t ns = 0;
    for (size_t i = 0; i < children.n_children; i++) {
        const char *time = children.children[i].event_time;
        ns = strcmp(children.children[i].app_id, app->app_id) == 0 ? ns_of(time, strlen(time)) : ns;
    }
    store_children_deinit(&children);
    close(fd);
    return ns;
}

static weir_tracker_app *copy_app(const struct folder_path *path, int app_fd,
                                  weir_tracker *tracker) {
    struct store_metadata metadata;
    struct store_graph graph;
    cr_assert(eq(int, store_read_metadata(path, app_fd, &metadata, NULL), 0));
    cr_assert(eq(int, store_read_graph(path, app_fd, &graph, NULL), 0));
    uint64_t forked_ns = creation_ns(path, metadata.parent);
    const weir_tracker_app_options options = {
        .size = sizeof options,
        .app_id = path->app_id,
        .partition_key = metadata.partition_key,
        .graph = &graph.graph,
        .parent = metadata.parent,
        .spawning_parent = metadata.spawning_parent,
        .unix_ns = forked_ns != 0 ? forked_ns : creation_ns(path, metadata.spawning_parent),
    };
    weir_tracker_app *app = NULL;
    cr_assert(eq(int, weir_tracker_app_open(tracker, &options, &app, NULL), 0));
    store_metadata_deinit(&metadata);
    store_graph_deinit(&graph);
    return app;
}

struct copies {
    const char *dir;
    size_t n_records;
};

static int copy(const struct folder_path *path, int app_fd, void *data) {
    struct copies *copies = data;
    weir_tracker *tracker = NULL;
    cr_assert(
        eq(int,
           weir_tracker_open(&WEIR_TRACKER_OPTIONS(.directory = copies->dir,
                                                   .project = path->project, .burr_exact = true),
                             &tracker, NULL),
           0));
    weir_tracker_app *app = copy_app(path, app_fd, tracker);
    copies->n_records += copy_log(path, app_fd, app);
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
    return 0;
}

static size_t n_compared;

/* Every file that the one app's folder holds is in the other's, with the same bytes. */
static int compare(const struct folder_path *path, int app_fd, void *data) {
    static const char *const names[] = {"log.jsonl", "graph.json", "metadata.json",
                                        "children.jsonl"};
    const struct folder_path other_path = {data, path->project, path->app_id};
    int other_fd = store_open(&other_path, NULL);
    cr_assert(ge(int, other_fd, 0));
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        char *one CLEANUP(mem_cleanup) = NULL;
        char *other CLEANUP(mem_cleanup) = NULL;
        size_t n_one = 0, n_other = 0;
        int error = store_read_file(path, app_fd, names[i], &one, &n_one, NULL);
        cr_assert(eq(int, store_read_file(&other_path, other_fd, names[i], &other, &n_other, NULL),
                     error),
                  "%s/%s/%s", path->project, path->app_id, names[i]);
        if (error == 0) {
            expect_text(other, one);
            cr_assert(eq(sz, n_other, n_one));
            n_compared++;
        }
    }
    close(other_fd);
    return 0;
}

Test(recordings, come_out_of_the_tracker_as_they_went_into_the_reader) {
    setenv("TZ", "UTC", 1);
    tzset();
    char *recorded CLEANUP(temp_dir_remove) = temp_dir_new();
    char *written CLEANUP(temp_dir_remove) = temp_dir_new();
    size_t n_files = recordings_unpack(recorded);
    cr_assert(gt(sz, n_files, 100));
    struct store_path place;
    struct copies copies = {written, 0};
    cr_assert(eq(int, store_find(recorded, &place, NULL), 0));
    cr_assert(eq(int, store_walk(&place, copy, &copies, NULL), 0));
    cr_assert(gt(sz, copies.n_records, 200));
    cr_assert(eq(int, store_walk(&place, compare, written, NULL), 0));
    cr_assert(eq(sz, n_compared, n_files));
    store_path_deinit(&place);
}
