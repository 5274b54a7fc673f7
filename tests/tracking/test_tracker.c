/* What the tracker writes where: folders, files, names, links, children, and earlier lives of a
 * run. What goes wrong with disks and descriptors: test_tracker_faults.c. */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <weir/tracking.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tests/support/temp.h"

static const uint64_t NOON = UINT64_C(1724759998569646000); /* 2024-08-27T11:59:58.569646Z */

static char *dir;

static void set_up(void) {
    setenv("TZ", "UTC", 1);
    dir = temp_dir_new();
}

static void tear_down(void) {
    temp_dir_remove(&dir);
}

TestSuite(tracker, .init = set_up, .fini = tear_down);

static weir_tracker *open_tracker_in(const char *directory) {
    weir_tracker *tracker = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = weir_tracker_open(
        &WEIR_TRACKER_OPTIONS(.directory = directory, .project = "p", .log_level = WEIR_LOG_NONE),
        &tracker, &detail);
    cr_assert(eq(int, error, 0), "%s", detail.message);
    return tracker;
}

static weir_tracker_app *open_app(weir_tracker *tracker, const char *app_id) {
    weir_tracker_app *app = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = weir_tracker_app_open(
        tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = app_id, .unix_ns = NOON), &app, &detail);
    cr_assert(eq(int, error, 0), "%s", detail.message);
    return app;
}

/* Opens the app, and closes it and the tracker. */
static void open_and_close(const weir_tracker_options *options,
                           const weir_tracker_app_options *app_options) {
    weir_tracker *tracker = NULL;
    weir_tracker_app *app = NULL;
    cr_assert(eq(int, weir_tracker_open(options, &tracker, NULL), 0));
    cr_assert(eq(int, weir_tracker_app_open(tracker, app_options, &app, NULL), 0));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
}

static void expect_file(const char *name, const char *text) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    char *bytes CLEANUP(temp_path_free) = temp_read(path, NULL);
    if (text == NULL) {
        cr_assert(eq(ptr, bytes, NULL), "%s is there", name);
        return;
    }
    cr_assert(ne(ptr, bytes, NULL), "%s is missing", name);
    expect_text(bytes, text);
}

static mode_t mode_of(const char *name) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    struct stat status;
    cr_assert(eq(int, lstat(path, &status), 0), "%s", name);
    return status.st_mode & 07777;
}

static void make_folder(const char *name) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    cr_assert(eq(int, mkdir(path, 0700), 0));
}

static void make_file(const char *name, const char *text) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    temp_write(path, text, strlen(text));
}

#define BEGIN(n)                                                                                   \
    "{\"type\":\"begin_entry\",\"start_time\":\"2024-08-27T11:59:58.569646\",\"action\":\"a\","    \
    "\"inputs\":{},\"sequence_id\":" #n "}\n"
static const char GRAPH[] =
    "{\"type\": \"application\", \"entrypoint\": \"\", \"actions\": [], \"transitions\": []}";
static const char METADATA[] = "{\"type\": \"application_metadata\", \"partition_key\": null, "
                               "\"parent_pointer\": null, \"spawning_parent_pointer\": null}";

/* ---- creation ---- */

Test(tracker, makes_the_folder_and_its_files) {
    char *root CLEANUP(temp_path_free) = temp_path(dir, "deep/er");
    weir_tracker *tracker = open_tracker_in(root);
    char *deep CLEANUP(temp_path_free) = temp_path(dir, "deep");
    cr_assert(ne(int, access(deep, F_OK), 0)); /* opening the tracker writes nothing */
    weir_tracker_app *app = open_app(tracker, "run");
    expect_file("deep/er/p/run/log.jsonl", "");
    expect_file("deep/er/p/run/graph.json", GRAPH);
    expect_file("deep/er/p/run/metadata.json", METADATA);
    expect_file("deep/er/p/run/children.jsonl", NULL);
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
}

Test(tracker, keeps_files_to_their_owner) {
    umask(0);
    weir_tracker *tracker = open_tracker_in(dir);
    weir_tracker_app_close(open_app(tracker, "run"));
    weir_tracker_close(tracker);
    cr_assert(eq(int, (int)mode_of("p"), 0700));
    cr_assert(eq(int, (int)mode_of("p/run"), 0700));
    cr_assert(eq(int, (int)mode_of("p/run/log.jsonl"), 0600));
    cr_assert(eq(int, (int)mode_of("p/run/graph.json"), 0600));
    cr_assert(eq(int, (int)mode_of("p/run/metadata.json"), 0600));
}

Test(tracker, opens_files_to_others_when_told) {
    umask(0);
    open_and_close(&WEIR_TRACKER_OPTIONS(.directory = dir, .project = "p", .file_mode = 0664),
                   &WEIR_TRACKER_APP_OPTIONS(.app_id = "run"));
    cr_assert(eq(int, (int)mode_of("p/run"), 0775));
    cr_assert(eq(int, (int)mode_of("p/run/log.jsonl"), 0664));
    cr_assert(eq(int, (int)mode_of("p/run/graph.json"), 0664));
}

Test(tracker, finds_its_directory) {
    char *home CLEANUP(temp_path_free) = temp_path(dir, "home");
    char *burr CLEANUP(temp_path_free) = temp_path(dir, "burr");
    char *weir CLEANUP(temp_path_free) = temp_path(dir, "weir");
    setenv("HOME", home, 1);
    unsetenv("burr_path");
    unsetenv("WEIR_TRACKER_DIR");
    const weir_tracker_app_options run = {.size = sizeof run, .app_id = "run"};
    open_and_close(&WEIR_TRACKER_OPTIONS(.project = "p"), &run);
    expect_file("home/.burr/p/run/log.jsonl", "");
    setenv("burr_path", burr, 1);
    open_and_close(&WEIR_TRACKER_OPTIONS(.project = "p"), &run);
    expect_file("burr/p/run/log.jsonl", "");
    setenv("WEIR_TRACKER_DIR", weir, 1);
    open_and_close(&WEIR_TRACKER_OPTIONS(.project = "p"), &run);
    expect_file("weir/p/run/log.jsonl", "");
    open_and_close(&WEIR_TRACKER_OPTIONS(.directory = "~/mine", .project = "p"), &run);
    expect_file("home/mine/p/run/log.jsonl", "");
}

Test(tracker, needs_a_home_only_for_a_tilde) {
    unsetenv("HOME");
    weir_tracker *tracker = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = weir_tracker_open(&WEIR_TRACKER_OPTIONS(.directory = "~/x", .project = "p"),
                                  &tracker, &detail);
    cr_assert(eq(int, error, WEIR_E_INVALID));
    cr_assert(strstr(detail.message, "HOME") != NULL, "%s", detail.message);
    cr_assert(eq(ptr, tracker, NULL));
    weir_tracker_close(open_tracker_in(dir));
}

/* ---- bad arguments ---- */

Test(tracker, refuses_bad_projects) {
    static const char *const rows[] = {NULL, "", ".", "..", "a/b", "../x", "a\n", "a b"};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        weir_tracker *tracker = NULL;
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        int error = weir_tracker_open(&WEIR_TRACKER_OPTIONS(.directory = dir, .project = rows[i]),
                                      &tracker, &detail);
        cr_assert(eq(int, error, WEIR_E_INVALID), "%zu", i);
        cr_assert(strstr(detail.message, "project") != NULL, "%s", detail.message);
        cr_assert(eq(ptr, tracker, NULL));
    }
    weir_tracker *tracker = NULL;
    cr_assert(eq(int, weir_tracker_open(NULL, &tracker, NULL), WEIR_E_INVALID));
    cr_assert(eq(int, weir_tracker_open(&WEIR_TRACKER_OPTIONS(.project = "p"), NULL, NULL),
                 WEIR_E_INVALID));
}

Test(tracker, refuses_bad_app_ids) {
    static const char *const rows[] = {NULL, "", ".", "..", "../x", "/abs", "a/b", "a\n"};
    weir_tracker *tracker = open_tracker_in(dir);
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        weir_tracker_app *app = NULL;
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        int error = weir_tracker_app_open(tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = rows[i]),
                                          &app, &detail);
        cr_assert(eq(int, error, WEIR_E_INVALID), "%zu", i);
        cr_assert(strstr(detail.message, "app_id") != NULL, "%s", detail.message);
        cr_assert(eq(ptr, app, NULL));
    }
    weir_tracker_app *app = NULL;
    cr_assert(eq(int, weir_tracker_app_open(tracker, NULL, &app, NULL), WEIR_E_INVALID));
    cr_assert(eq(int, weir_tracker_app_open(NULL, NULL, &app, NULL), WEIR_E_INVALID));
    weir_tracker_close(tracker);
    expect_file("p", NULL);
}

Test(tracker, does_nothing_with_null) {
    weir_key_value attribute = {"k", weir_value_int(1)};
    weir_stream_times times = {0};
    cr_assert(eq(int, weir_tracker_begin_entry(NULL, 0, "a", NULL, 0), WEIR_E_INVALID));
    cr_assert(eq(int, weir_tracker_end_entry(NULL, 0, "a", NULL, NULL, NULL, 0), WEIR_E_INVALID));
    cr_assert(eq(int, weir_tracker_begin_span(NULL, 0, 0, "0:0", "n", NULL, NULL), WEIR_E_INVALID));
    cr_assert(eq(int, weir_tracker_end_span(NULL, 0, 0, "0:0"), WEIR_E_INVALID));
    cr_assert(eq(int, weir_tracker_attribute(NULL, 0, 0, NULL, &attribute), WEIR_E_INVALID));
    cr_assert(eq(int, weir_tracker_begin_stream(NULL, 0, 0), WEIR_E_INVALID));
    cr_assert(eq(int, weir_tracker_first_item(NULL, 0, 0), WEIR_E_INVALID));
    cr_assert(eq(int, weir_tracker_end_stream(NULL, 0, 0, &times), WEIR_E_INVALID));
    cr_assert(eq(ptr, weir_tracker_app_close(NULL), NULL));
    cr_assert(eq(ptr, weir_tracker_close(NULL), NULL));
    weir_tracker_stats stats = {.size = sizeof stats, .records_lost = 9};
    weir_tracker_get_stats(NULL, &stats);
    cr_assert(eq(u64, stats.records_lost, 0));
    weir_tracker_get_stats(NULL, NULL);
}

/* ---- records ---- */

Test(tracker, writes_each_record_at_once) {
    weir_tracker *tracker = open_tracker_in(dir);
    weir_tracker_app *app = open_app(tracker, "run");
    weir_key_value attribute = {"k", weir_value_int(1)};
    cr_assert(eq(int, weir_tracker_begin_entry(app, NOON, "a", NULL, 0), 0));
    expect_file("p/run/log.jsonl", BEGIN(0));
    cr_assert(eq(int, weir_tracker_begin_span(app, NOON, 0, "0:0", "n", NULL, NULL), 0));
    cr_assert(eq(int, weir_tracker_attribute(app, NOON, 0, "0:0", &attribute), 0));
    cr_assert(eq(int, weir_tracker_end_span(app, NOON, 0, "0:0"), 0));
    cr_assert(eq(int, weir_tracker_begin_stream(app, NOON, 0), 0));
    cr_assert(eq(int, weir_tracker_first_item(app, NOON, 0), 0));
    cr_assert(eq(int, weir_tracker_end_entry(app, NOON, "a", NULL, NULL, NULL, 0), 0));
    cr_assert(eq(int, weir_tracker_end_stream(app, NOON, 0, NULL), 0));
    expect_file(
        "p/run/log.jsonl",
        BEGIN(
            0) "{\"type\":\"begin_span\",\"start_time\":\"2024-08-27T11:59:58.569646\","
               "\"action_sequence_id\":0,\"span_id\":\"0:0\",\"span_name\":\"n\",\"parent_span_"
               "id\":null,"
               "\"span_dependencies\":[]}\n"
               "{\"type\":\"attribute\",\"key\":\"k\",\"action_sequence_id\":0,\"span_id\":\"0:0\","
               "\"value\":1,\"tags\":{},\"time_logged\":\"2024-08-27T11:59:58.569646Z\"}\n"
               "{\"type\":\"end_span\",\"end_time\":\"2024-08-27T11:59:58.569646\","
               "\"action_sequence_id\":0,\"span_id\":\"0:0\"}\n"
               "{\"type\":\"begin_stream\",\"action_sequence_id\":0,\"span_id\":null,"
               "\"stream_init_time\":\"2024-08-27T11:59:58.569646Z\"}\n"
               "{\"type\":\"first_item_stream\",\"action_sequence_id\":0,\"span_id\":null,"
               "\"first_item_time\":\"2024-08-27T11:59:58.569646Z\"}\n"
               "{\"type\":\"end_entry\",\"end_time\":\"2024-08-27T11:59:58.569646\",\"action\":"
               "\"a\","
               "\"result\":null,\"exception\":null,\"state\":{},\"sequence_id\":0}\n"
               "{\"type\":\"end_stream\",\"action_sequence_id\":0,\"span_id\":null,\"end_time\":"
               "\"2024-08-27T11:59:58.569646Z\",\"items_streamed\":0,\"generation_time_ms\":null,"
               "\"consumer_time_ms\":null,\"first_item_time_ms\":null}\n");
    weir_tracker_stats stats = {.size = sizeof stats};
    weir_tracker_get_stats(tracker, &stats);
    cr_assert(eq(u64, stats.records_written, 8 + 2)); /* graph.json and metadata.json too */
    cr_assert(eq(u64, stats.records_lost, 0));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
}

Test(tracker, leaves_a_refused_record_out_whole) {
    weir_tracker *tracker = open_tracker_in(dir);
    weir_tracker_app *app = open_app(tracker, "run");
    weir_value broken = weir_value_json("{\"a\":");
    cr_assert(eq(int, weir_tracker_begin_entry(app, NOON, "a", &broken, 0), WEIR_E_SYNTAX));
    cr_assert(eq(int, weir_tracker_attribute(app, NOON, 0, NULL, NULL), WEIR_E_INVALID));
    cr_assert(eq(int, weir_tracker_begin_entry(app, NOON, "a", NULL, 1), 0));
    expect_file("p/run/log.jsonl", BEGIN(1));
    weir_tracker_stats stats = {.size = sizeof stats};
    weir_tracker_get_stats(tracker, &stats);
    cr_assert(eq(u64, stats.records_lost, 1));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
}

Test(tracker, leaves_a_record_over_the_bound_out) {
    enum { MIB = 1 << 20, N_BYTES = 64 * MIB };
    char *large = malloc(N_BYTES);
    cr_assert(ne(ptr, large, NULL));
    memset(large, 'x', N_BYTES);
    weir_tracker *tracker = open_tracker_in(dir);
    weir_tracker_app *app = open_app(tracker, "run");
    weir_key_value attribute = {"k", weir_value_string_n(large, N_BYTES)};
    cr_assert(eq(int, weir_tracker_attribute(app, NOON, 0, NULL, &attribute), WEIR_E_TOO_LARGE));
    attribute.value = weir_value_string_n(large, 2 * MIB);
    cr_assert(eq(int, weir_tracker_attribute(app, NOON, 0, NULL, &attribute), 0));
    cr_assert(eq(int, weir_tracker_begin_entry(app, NOON, "a", NULL, 1), 0));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
    free(large);
    char *path CLEANUP(temp_path_free) = temp_path(dir, "p/run/log.jsonl");
    size_t n_bytes = 0;
    char *text CLEANUP(temp_path_free) = temp_read(path, &n_bytes);
    cr_assert(gt(sz, n_bytes, 2 * MIB));
    expect_text(text + n_bytes - strlen(BEGIN(1)), BEGIN(1));
}

/* ---- earlier lives ---- */

Test(tracker, goes_on_in_the_log_of_an_earlier_life) {
    weir_pointer parent = {"parent", NULL, true, 3};
    weir_tracker *tracker = open_tracker_in(dir);
    weir_tracker_app *app = open_app(tracker, "run");
    cr_assert(eq(int, weir_tracker_begin_entry(app, NOON, "a", NULL, 0), 0));
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
    make_file("p/run/graph.json", "{}"); /* whatever is there stays */
    make_file("p/run/log.jsonl", BEGIN(0) "{\"type\":\"end_entry\",\"end_ti");
    tracker = open_tracker_in(dir);
    cr_assert(
        eq(int,
           weir_tracker_app_open(
               tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = "run", .parent = &parent), &app, NULL),
           0));
    expect_file("p/run/log.jsonl", BEGIN(0));
    cr_assert(eq(int, weir_tracker_begin_entry(app, NOON, "a", NULL, 1), 0));
    expect_file("p/run/log.jsonl", BEGIN(0) BEGIN(1));
    expect_file("p/run/graph.json", "{}");
    expect_file("p/run/metadata.json", METADATA);
    expect_file("p/parent/children.jsonl", NULL);
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
}

Test(tracker, keeps_metadata_that_is_there) {
    make_folder("p");
    make_folder("p/run");
    make_file("p/run/metadata.json", "{\"mine\": 1}");
    weir_pointer parent = {"parent", NULL, true, 3};
    open_and_close(&WEIR_TRACKER_OPTIONS(.directory = dir, .project = "p"),
                   &WEIR_TRACKER_APP_OPTIONS(.app_id = "run", .parent = &parent));
    expect_file("p/run/graph.json", GRAPH);
    expect_file("p/run/metadata.json", "{\"mine\": 1}");
    expect_file("p/parent/children.jsonl", NULL);
}

/* ---- children ---- */

#define CHILD(id, key, event, n)                                                                   \
    "{\"type\":\"child_application_data\",\"child\":{\"type\":\"pointer_data\",\"app_id\":\"" id   \
    "\",\"sequence_id\":null,\"partition_key\":" key "},\"event_time\":"                           \
    "\"2024-08-27T11:59:58.569646\",\"event_type\":\"" event "\",\"sequence_id\":" n "}\n"

Test(tracker, tells_both_parents_of_their_child) {
    weir_pointer parent = {"forked", "other", true, 3}, spawning = {"spawner", NULL, false, 0};
    open_and_close(&WEIR_TRACKER_OPTIONS(.directory = dir, .project = "p"),
                   &WEIR_TRACKER_APP_OPTIONS(.app_id = "run", .partition_key = "me",
                                             .parent = &parent, .spawning_parent = &spawning,
                                             .unix_ns = NOON));
    expect_file("p/forked/children.jsonl", CHILD("run", "\"me\"", "fork", "3"));
    expect_file("p/spawner/children.jsonl", CHILD("run", "\"me\"", "spawn_start", "null"));
    expect_file("p/forked/log.jsonl", ""); /* Burr's server fails on a folder without one */
    expect_file("p/spawner/log.jsonl", "");
    expect_file("p/spawner/graph.json", NULL);
    expect_file("p/run/metadata.json",
                "{\"type\": \"application_metadata\", \"partition_key\": \"me\", "
                "\"parent_pointer\": {\"type\": \"pointer_data\", \"app_id\": \"forked\", "
                "\"sequence_id\": 3, \"partition_key\": \"other\"}, \"spawning_parent_pointer\": "
                "{\"type\": \"pointer_data\", \"app_id\": \"spawner\", \"sequence_id\": null, "
                "\"partition_key\": null}}");
}

Test(tracker, leaves_the_childs_key_out_as_the_reference) {
    weir_pointer parent = {"parent", NULL, true, 0};
    open_and_close(&WEIR_TRACKER_OPTIONS(.directory = dir, .project = "p", .burr_exact = true),
                   &WEIR_TRACKER_APP_OPTIONS(.app_id = "run", .partition_key = "me",
                                             .parent = &parent, .unix_ns = NOON));
    expect_file("p/parent/children.jsonl", CHILD("run", "null", "fork", "0"));
}

Test(tracker, adds_children_behind_what_is_there) {
    weir_pointer parent = {"parent", NULL, true, 0};
    make_folder("p");
    make_folder("p/parent");
    make_file("p/parent/children.jsonl", "{\"first\":1}\n{\"torn");
    open_and_close(&WEIR_TRACKER_OPTIONS(.directory = dir, .project = "p"),
                   &WEIR_TRACKER_APP_OPTIONS(.app_id = "run", .parent = &parent, .unix_ns = NOON));
    expect_file("p/parent/children.jsonl", "{\"first\":1}\n" CHILD("run", "null", "fork", "0"));
}

Test(tracker, does_not_wait_for_ever_for_a_lock) {
    weir_pointer parent = {"parent", NULL, true, 0};
    make_folder("p");
    make_folder("p/parent");
    make_file("p/parent/children.jsonl", "{\"first\":1}\n{\"torn");
    char *path CLEANUP(temp_path_free) = temp_path(dir, "p/parent/children.jsonl");
    FILE *holder = fopen(path, "r");
    cr_assert(eq(int, flock(fileno(holder), LOCK_EX), 0));
    open_and_close(&WEIR_TRACKER_OPTIONS(.directory = dir, .project = "p"),
                   &WEIR_TRACKER_APP_OPTIONS(.app_id = "run", .parent = &parent, .unix_ns = NOON));
    fclose(holder);
    expect_file("p/parent/children.jsonl",
                "{\"first\":1}\n{\"torn\n" CHILD("run", "null", "fork", "0"));
}

Test(tracker, tells_nobody_of_a_pointer_without_a_usable_id) {
    weir_pointer self = {NULL, NULL, true, 0}, outside = {"../../evil", NULL, true, 0};
    weir_tracker *tracker = open_tracker_in(dir);
    weir_tracker_app *app = NULL;
    const weir_tracker_app_options options = {
        .size = sizeof options, .app_id = "run", .parent = &self, .spawning_parent = &outside};
    cr_assert(eq(int, weir_tracker_app_open(tracker, &options, &app, NULL), 0));
    weir_tracker_stats stats = {.size = sizeof stats};
    weir_tracker_get_stats(tracker, &stats);
    cr_assert(eq(u64, stats.records_lost, 1)); /* the line for ../../evil */
    expect_file("../evil", NULL);
    weir_tracker_app_close(app);
    weir_tracker_close(tracker);
}

/* ---- links ---- */

static void expect_refused(void) {
    weir_tracker *tracker = open_tracker_in(dir);
    weir_tracker_app *app = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error =
        weir_tracker_app_open(tracker, &WEIR_TRACKER_APP_OPTIONS(.app_id = "run"), &app, &detail);
    cr_assert(eq(int, error, WEIR_E_IO));
    cr_assert(strstr(detail.message, dir) != NULL, "%s", detail.message);
    cr_assert(eq(ptr, app, NULL));
    weir_tracker_close(tracker);
}

static void make_link(const char *target, const char *name) {
    char *to CLEANUP(temp_path_free) = temp_path(dir, target);
    char *from CLEANUP(temp_path_free) = temp_path(dir, name);
    cr_assert(eq(int, symlink(to, from), 0));
}

Test(tracker, follows_no_link_of_a_project) {
    make_folder("elsewhere");
    make_link("elsewhere", "p");
    expect_refused();
    expect_file("elsewhere/run/log.jsonl", NULL);
}

Test(tracker, follows_no_link_of_an_app) {
    make_folder("p");
    make_folder("elsewhere");
    make_link("elsewhere", "p/run");
    expect_refused();
    expect_file("elsewhere/log.jsonl", NULL);
}

Test(tracker, follows_no_link_of_a_log) {
    make_folder("p");
    make_folder("p/run");
    make_file("secret", "keep\n");
    make_link("secret", "p/run/log.jsonl");
    expect_refused();
    expect_file("secret", "keep\n");
}

Test(tracker, follows_no_link_of_a_children_file) {
    make_folder("p");
    make_folder("p/parent");
    make_file("secret", "keep\n");
    make_link("secret", "p/parent/children.jsonl");
    weir_pointer parent = {"parent", NULL, true, 0};
    open_and_close(
        &WEIR_TRACKER_OPTIONS(.directory = dir, .project = "p", .log_level = WEIR_LOG_NONE),
        &WEIR_TRACKER_APP_OPTIONS(.app_id = "run", .parent = &parent));
    expect_file("secret", "keep\n");
}

Test(tracker, takes_a_link_as_its_root) {
    make_folder("real");
    make_link("real", "link");
    char *root CLEANUP(temp_path_free) = temp_path(dir, "link");
    weir_tracker *tracker = open_tracker_in(root);
    weir_tracker_app_close(open_app(tracker, "run"));
    weir_tracker_close(tracker);
    expect_file("real/p/run/log.jsonl", "");
}

Test(tracker, opens_no_pipe) {
    make_folder("p");
    make_folder("p/run");
    char *path CLEANUP(temp_path_free) = temp_path(dir, "p/run/log.jsonl");
    cr_assert(eq(int, mkfifo(path, 0600), 0));
    expect_refused();
}

/* ---- many openings of one app at once ---- */

static weir_tracker *shared_tracker;

static void *open_the_same(void *unused) {
    (void)unused;
    for (int i = 0; i < 10; i++) {
        weir_tracker_app_close(open_app(shared_tracker, "same"));
    }
    return NULL;
}

Test(tracker, threads_that_open_one_app_do_not_write_each_others_files) {
    pthread_t threads[8];
    shared_tracker = open_tracker_in(dir);
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        cr_assert(eq(int, pthread_create(&threads[i], NULL, open_the_same, NULL), 0));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(threads); i++) {
        cr_assert(eq(int, pthread_join(threads[i], NULL), 0));
    }
    weir_tracker_stats stats = {.size = sizeof stats};
    weir_tracker_get_stats(shared_tracker, &stats);
    cr_assert(eq(u64, stats.records_lost, 0));
    weir_tracker_close(shared_tracker);
    char *path CLEANUP(temp_path_free) = temp_path(dir, "p/same");
    DIR *folder = opendir(path);
    cr_assert(ne(ptr, folder, NULL));
    size_t n = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(folder);
    cr_assert(eq(sz, n, 3)); /* log.jsonl, graph.json, metadata.json; nothing half done */
}
