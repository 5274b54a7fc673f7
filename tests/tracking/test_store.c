/* What readers see of a storage directory. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "otlp/common/buf.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"
#include "tests/tracking/tree.h"
#include "tracking/store.h"

#define STEP(id)                                                                                   \
    "{\"type\":\"begin_entry\",\"start_time\":\"2026-01-02T03:04:05\",\"action\":\"x\","           \
    "\"inputs\":{},\"sequence_id\":" id "}\n"
#define ATTRIBUTE(id)                                                                              \
    "{\"type\":\"attribute\",\"key\":\"k\",\"action_sequence_id\":" id                             \
    ",\"span_id\":null,\"value\":1,\"tags\":{},\"time_logged\":null}\n"

static int open_app(const char *dir, const char *project, const char *app_id) {
    const struct folder_path path = {dir, project, app_id};
    int fd = store_open(&path, NULL);
    cr_assert(ge(int, fd, 0));
    return fd;
}

static struct store_path find(const char *dir, const char *name) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, name);
    struct store_path found = {0};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, store_find(path, &found, &detail), 0), "%s: %s", name, detail.message);
    return found;
}

Test(store, tells_what_a_path_is) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    tree_write(dir, "stray.txt", "");
    tree_write(dir, "chat/one/log.jsonl", "");
    tree_write(dir, "chat/annotations.jsonl", "");
    tree_write(dir, "other/no-log/graph.json", "{}");
    static const struct {
        const char *path;
        enum store_place place;
        const char *project, *app_id;
    } rows[] = {
        {"", STORE_ROOT, NULL, NULL},
        {"chat/..", STORE_ROOT, NULL, NULL},
        {"chat", STORE_PROJECT, "chat", NULL},
        {"chat/", STORE_PROJECT, "chat", NULL},
        {"chat/one", STORE_APP, "chat", "one"},
        {"other/no-log/.", STORE_APP, "other", "no-log"},
        {"chat/one/log.jsonl", STORE_LOG, "chat", "one"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct store_path found CLEANUP(store_path_deinit) = find(dir, rows[i].path);
        cr_assert(eq(int, found.place, rows[i].place), "%s", rows[i].path);
        cr_assert(eq(int, found.project != NULL, rows[i].project != NULL));
        cr_assert(eq(int, found.app_id != NULL, rows[i].app_id != NULL));
        cr_assert(eq(int, found.log != NULL, rows[i].place == STORE_LOG));
        cr_assert(found.project == NULL || strcmp(found.project, rows[i].project) == 0);
        cr_assert(found.app_id == NULL || strcmp(found.app_id, rows[i].app_id) == 0);
        char *real = realpath(dir, NULL);
        expect_text_at(i, found.root, real);
        free(real);
    }
}

Test(store, says_what_is_no_place) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *missing CLEANUP(temp_path_free) = temp_path(dir, "missing");
    char *pipe CLEANUP(temp_path_free) = temp_path(dir, "pipe");
    cr_assert(eq(int, mkfifo(pipe, 0600), 0));
    struct store_path found = {0};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, store_find(missing, &found, &detail), WEIR_E_NOT_FOUND));
    cr_assert(ne(ptr, strstr(detail.message, "missing"), NULL));
    cr_assert(eq(int, store_find(dir, &found, &detail), WEIR_E_NOT_FOUND));
    cr_assert(ne(ptr, strstr(detail.message, "holds no runs"), NULL), "%s", detail.message);
    cr_assert(eq(int, store_find(pipe, &found, &detail), WEIR_E_IO));
    tree_write(dir, "a/b/c/d/log.jsonl", ""); /* too deep for any of the three */
    cr_assert(eq(int, store_find(dir, &found, &detail), WEIR_E_NOT_FOUND));
}

Test(store, lists_folders_only) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    static const char *const names[] = {"b", "a", "c:1", "user name", "\xc3\xa9", ".hidden"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        char name[64];
        snprintf(name, sizeof name, "p/%s/log.jsonl", names[i]);
        tree_write(dir, name, "");
    }
    tree_write(dir, "p/annotations.jsonl", "");
    char *link CLEANUP(temp_path_free) = temp_path(dir, "p/link");
    cr_assert(eq(int, symlink("a", link), 0));
    int fd = open_app(dir, "p", NULL);
    struct store_list list = {0};
    for (int round = 0; round < 2; round++) { /* the descriptor's place is not used up */
        cr_assert(eq(int, store_list_folders(fd, &list, NULL), 0));
        static const char *const expected[] = {"a", "b", "c:1", "user name", "\xc3\xa9"};
        cr_assert(eq(sz, list.n_names, ARRAY_LENGTH(expected)));
        for (size_t i = 0; i < list.n_names; i++) {
            expect_text_at(i, list.names[i], expected[i]);
        }
        store_list_deinit(&list);
    }
    close(fd);
}

Test(store, leads_nowhere_else) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    tree_write(dir, "root/p/a/log.jsonl", STEP("0"));
    tree_write(dir, "outside/a/log.jsonl", STEP("0"));
    char *root CLEANUP(temp_path_free) = temp_path(dir, "root");
    char *project CLEANUP(temp_path_free) = temp_path(dir, "root/q");
    char *app CLEANUP(temp_path_free) = temp_path(dir, "root/p/b");
    char *log CLEANUP(temp_path_free) = temp_path(dir, "root/p/c/log.jsonl");
    cr_assert(eq(int, symlink("../outside", project), 0));
    cr_assert(eq(int, symlink("../../outside/a", app), 0));
    tree_folders(dir, "root/p/c/");
    cr_assert(eq(int, symlink("../../../outside/a/log.jsonl", log), 0));
    static const struct {
        const char *project, *app_id;
        int error;
    } rows[] = {{"q", "a", WEIR_E_NOT_FOUND},      {"p", "b", WEIR_E_NOT_FOUND},
                {"p", "../../x", WEIR_E_INVALID},  {"..", "outside", WEIR_E_INVALID},
                {"", NULL, WEIR_E_INVALID},        {"p", "", WEIR_E_INVALID},
                {"p", "missing", WEIR_E_NOT_FOUND}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        const struct folder_path path = {root, rows[i].project, rows[i].app_id};
        cr_assert(eq(int, store_open(&path, NULL), rows[i].error), "row %zu", i);
    }
    const struct folder_path path = {root, "p", "c"};
    int fd = store_open(&path, NULL);
    weir_reader *reader = NULL;
    int64_t n_steps;
    struct store_look look;
    cr_assert(eq(int, store_open_records(&path, fd, "log.jsonl", &reader, NULL), WEIR_E_IO));
    cr_assert(eq(int, store_count_steps(&path, fd, &n_steps, NULL), WEIR_E_IO));
    store_look_at(fd, &look);
    cr_assert(not(look.has_log));
    close(fd);
}

struct visits {
    char text[256];
    int n_left; /* then the visitor says stop */
};

static int visit(const struct folder_path *app, int app_fd, void *data) {
    struct visits *visits = data;
    struct store_look look;
    store_look_at(app_fd, &look);
    size_t n = strlen(visits->text);
    snprintf(visits->text + n, sizeof visits->text - n, "%s/%s%s ", app->project, app->app_id,
             look.has_log ? "" : "!");
    return --visits->n_left == 0 ? 7 : 0;
}

Test(store, walks_over_every_app) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    tree_write(dir, "q/z/log.jsonl", "");
    tree_write(dir, "p/b/log.jsonl", "");
    tree_write(dir, "p/a/metadata.json", "");
    tree_folders(dir, "empty/");
    static const struct {
        const char *path;
        int n_left, result;
        const char *text;
    } rows[] = {{"", -1, 0, "p/a! p/b q/z "},
                {"", 2, 7, "p/a! p/b "},
                {"p", -1, 0, "p/a! p/b "},
                {"q/z", -1, 0, "q/z "},
                {"q/z/log.jsonl", -1, WEIR_E_INVALID, ""}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct store_path found CLEANUP(store_path_deinit) = find(dir, rows[i].path);
        struct visits visits = {.n_left = rows[i].n_left};
        cr_assert(eq(int, store_walk(&found, visit, &visits, NULL), rows[i].result));
        expect_text_at(i, visits.text, rows[i].text);
    }
}

static int64_t count_steps(const char *dir) {
    const struct folder_path path = {dir, "p", "a"};
    int fd = store_open(&path, NULL);
    int64_t n_steps = -5;
    cr_assert(eq(int, store_count_steps(&path, fd, &n_steps, NULL), 0));
    close(fd);
    return n_steps;
}

Test(store, counts_steps_from_the_end_of_the_log) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    static const struct {
        const char *text;
        int64_t n_steps;
    } rows[] = {
        {"", 0},
        {"\n\n", 0},
        {"torn", 0},
        {STEP("0"), 1},
        {STEP("41") ATTRIBUTE("99"), 42},
        {STEP("3") ATTRIBUTE("3") "broken\n\n{\"type\":\"end_entry\",\"sequence_id\":", 4},
        {STEP("7") "{\"type\":\"suspend_entry\",\"sequence_id\":8}\n", 9},
        {STEP("9223372036854775807"), INT64_MAX},
        {ATTRIBUTE("5"), 0},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        tree_write(dir, "p/a/log.jsonl", rows[i].text);
        cr_assert(eq(i64, count_steps(dir), rows[i].n_steps), "row %zu", i);
    }
}

/* The last step's line begins at every distance around the sizes in which the tail is read. */
Test(store, counts_steps_behind_long_lines) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    tree_folders(dir, "p/a/");
    char *path CLEANUP(temp_path_free) = temp_path(dir, "p/a/log.jsonl");
    static const char head[] = STEP("1") STEP("12") "{\"type\":\"attribute\",\"value\":\"";
    for (size_t n_filler = 65300; n_filler < 65900; n_filler += 3) {
        struct buf CLEANUP(buf_deinit) text;
        buf_init(&text, 1 << 20);
        buf_append_text(&text, head);
        memset(buf_reserve(&text, n_filler * 3), 'x', n_filler * 3);
        buf_append_text(&text, "\"}\n" ATTRIBUTE("4"));
        temp_write(path, text.data, text.n_bytes);
        cr_assert(eq(i64, count_steps(dir), 13), "filler %zu", n_filler);
        cr_assert(eq(int, truncate(path, (off_t)(sizeof head - 1 + n_filler)), 0));
        cr_assert(eq(i64, count_steps(dir), 13), "torn filler %zu", n_filler);
    }
}

Test(store, survives_short_memory) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    tree_write(dir, "p/a/log.jsonl", STEP("1"));
    tree_write(dir, "q/b/log.jsonl", STEP("1"));
    long n_live = fault_n_live();
    FAULT_FOR_EACH_ALLOCATION(nth) {
        struct store_path found = {0};
        struct visits visits = {.n_left = -1};
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        int error = store_find(dir, &found, &detail);
        if (error == 0) {
            error = store_walk(&found, visit, &visits, &detail);
        }
        cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0), "%s", detail.message);
        store_path_deinit(&found);
        cr_assert(eq(long, fault_n_live(), n_live));
    }
    const struct folder_path path = {dir, "p", "a"};
    int fd = store_open(&path, NULL);
    FAULT_FOR_EACH_ALLOCATION(nth) {
        int64_t n_steps;
        int error = store_count_steps(&path, fd, &n_steps, NULL);
        cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        cr_assert(eq(long, fault_n_live(), n_live));
    }
    close(fd);
}
