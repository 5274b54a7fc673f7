/* Loading a run's state from its log. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

#include <weir/tracking.h>

#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"
#include "tests/tracking/tree.h"

#define END(action, exception, state, id)                                                          \
    "{\"type\":\"end_entry\",\"end_time\":\"2026-01-02T03:04:05\",\"action\":\"" action            \
    "\",\"result\":{},\"exception\":" exception ",\"state\":" state ",\"sequence_id\":" id "}\n"

static int load(const char *dir, weir_loaded **out, weir_error_detail *detail) {
    return weir_load(&WEIR_LOAD_OPTIONS(.directory = dir, .project = "p", .app_id = "a"), out,
                     detail);
}

static int load_step(const char *dir, int64_t sequence_id, weir_loaded **out,
                     weir_error_detail *detail) {
    return weir_load(&WEIR_LOAD_OPTIONS(.directory = dir, .project = "p", .app_id = "a",
                                        .has_sequence_id = true, .sequence_id = sequence_id),
                     out, detail);
}

static void loaded_free(weir_loaded **loaded) {
    weir_loaded_free(*loaded);
}

Test(load, takes_the_last_finished_step) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    tree_write(dir, "p/a/log.jsonl",
               END("one", "null", "{\"n\":1}", "0")
                   END("two", "null", "{\"n\":2,\"__SEQUENCE_ID\":1,\"__PRIOR_STEP\":\"two\"}",
                       "1") "{\"type\":\"begin_entry\",\"action\":\"three\",\"inputs\":{},"
                            "\"sequence_id\":2}\n");
    weir_loaded *loaded CLEANUP(loaded_free) = NULL;
    cr_assert(eq(int, load(dir, &loaded, NULL), 0));
    expect_text(loaded->app_id, "a");
    cr_assert(eq(ptr, loaded->partition_key, NULL));
    cr_assert(eq(i64, loaded->sequence_id, 1));
    expect_text(loaded->position, "two");
    cr_assert(loaded->is_completed);
    expect_text(loaded->state, "{\"n\":2,\"__SEQUENCE_ID\":1}");
    expect_text(loaded->resume_state, "{\"n\":2,\"__SEQUENCE_ID\":1,\"__PRIOR_STEP\":\"two\"}");
    char *path CLEANUP(temp_path_free) = temp_path(dir, "p/a/log.jsonl");
    struct stat status;
    cr_assert(eq(int, stat(path, &status), 0));
    cr_assert(eq(u64, loaded->created_unix_ns / 1000000000, (uint64_t)status.st_ctim.tv_sec));
}

Test(load, takes_the_last_of_a_repeated_sequence_id) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    tree_write(dir, "p/a/log.jsonl",
               END("x", "null", "{\"n\":1}", "0") END("y", "null", "{\"n\":2}", "1")
                   END("z", "null", "{\"n\":3}", "0") END("x", "null", "{\"n\":4}", "2"));
    weir_loaded *loaded CLEANUP(loaded_free) = NULL;
    cr_assert(eq(int, load_step(dir, 0, &loaded, NULL), 0));
    expect_text(loaded->position, "z");
    expect_text(loaded->state, "{\"n\":3,\"__SEQUENCE_ID\":0}");
}

Test(load, resumes_a_failed_step_at_the_same_step) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    tree_write(dir, "p/a/log.jsonl",
               END("x", "\"ValueError: no\\n\"", "{\"n\":1,\"__PRIOR_STEP\":\"w\"}", "3"));
    weir_loaded *loaded CLEANUP(loaded_free) = NULL;
    cr_assert(eq(int,
                 weir_load(&WEIR_LOAD_OPTIONS(.directory = dir, .project = "p", .app_id = "a",
                                              .partition_key = "user"),
                           &loaded, NULL),
                 0));
    cr_assert(not(loaded->is_completed));
    expect_text(loaded->partition_key, "user");
    expect_text(loaded->resume_state, "{\"n\":1,\"__SEQUENCE_ID\":3}");
    expect_text(loaded->state, loaded->resume_state);
}

Test(load, keeps_values_as_they_were_written) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    tree_write(
        dir, "p/a/log.jsonl",
        END("x", "null",
            "{ \"big\": 123456789012345678901234567890, \"f\": [1.50, 1E+2, -0.0 ],"
            " \"\\u005f_x\": 1, \"__\": {\"y\": [2]}, \"_\": 3, \"a__\": 4, \"\\u005f\\u005Fz\": 5,"
            " \"s\": \"a b\\u0000\\\"c\", \"n\": [NaN, -Infinity, {\"k\": Infinity}],"
            " \"NaN\": \"say \\\"NaN\\\" -Infinity\","
            " \"d\": {\"__burr_serde__\": \"pickle\", \"value\": \"x\"} }",
            "7"));
    weir_loaded *loaded CLEANUP(loaded_free) = NULL;
    cr_assert(eq(int, load(dir, &loaded, NULL), 0));
    expect_text(loaded->state,
                "{\"big\":123456789012345678901234567890,\"f\":[1.50,1E+2,-0.0],"
                "\"_\":3,\"a__\":4,\"s\":\"a b\\u0000\\\"c\",\"n\":[null,null,{\"k\":null}],"
                "\"NaN\":\"say \\\"NaN\\\" -Infinity\","
                "\"d\":{\"__burr_serde__\":\"pickle\",\"value\":\"x\"},\"__SEQUENCE_ID\":7}");
    cr_assert(eq(int, weir_json_check(loaded->state, strlen(loaded->state), NULL), 0));
}

Test(load, passes_over_what_is_broken) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    tree_write(
        dir, "p/a/log.jsonl",
        END("good", "null", "{\"n\":1}", "0") END("x", "null", "{\"n\":}", "1") END("x", "null",
                                                                                    "[1]", "2")
            END("x", "null", "{}",
                "\"3\"") "\n"
                         "{\"type\":\"end_entry\",\"action\":null,\"state\":{},\"sequence_id\":4}\n"
                         "{\"type\":\"end_entry\",\"action\":\"torn\",\"state\":{},\"sequence_id\":"
                         "5}");
    weir_loaded *loaded CLEANUP(loaded_free) = NULL;
    cr_assert(eq(int, load(dir, &loaded, NULL), 0));
    expect_text(loaded->position, "good");
    expect_text(loaded->state, "{\"n\":1,\"__SEQUENCE_ID\":0}");
}

Test(load, says_what_is_not_there) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    weir_loaded *loaded = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, load(dir, &loaded, &detail), WEIR_E_NOT_FOUND));
    cr_assert(ne(ptr, strstr(detail.message, "/p/a"), NULL), "%s", detail.message);
    tree_write(dir, "p/a/log.jsonl",
               "{\"type\":\"begin_entry\",\"action\":\"x\",\"inputs\":{},\"sequence_id\":0}\n");
    cr_assert(eq(int, load(dir, &loaded, &detail), WEIR_E_NOT_FOUND));
    expect_text(detail.message, "app a has no finished step yet");
    tree_write(dir, "p/a/log.jsonl", END("x", "null", "{}", "0"));
    cr_assert(eq(int, load_step(dir, 1, &loaded, &detail), WEIR_E_NOT_FOUND));
    expect_text(detail.message, "app a has no finished step 1");
    tree_write(dir, "p/empty/log.jsonl", "");
    cr_assert(eq(int,
                 weir_load(&WEIR_LOAD_OPTIONS(.directory = dir, .project = "p", .app_id = "empty"),
                           &loaded, &detail),
                 WEIR_E_NOT_FOUND));
    cr_assert(eq(ptr, loaded, NULL));
}

Test(load, refuses_names_that_lead_elsewhere) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    static const char *const names[] = {NULL, "", ".", "..", "../p", "/", "a/b"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        weir_loaded *loaded = NULL;
        weir_load_options options =
            WEIR_LOAD_OPTIONS(.directory = dir, .project = names[i], .app_id = "a");
        cr_assert(eq(int, weir_load(&options, &loaded, NULL), WEIR_E_INVALID));
        options.project = "p";
        options.app_id = names[i];
        cr_assert(eq(int, weir_load(&options, &loaded, NULL), WEIR_E_INVALID));
    }
    cr_assert(eq(int, load(dir, NULL, NULL), WEIR_E_INVALID));
    cr_assert(eq(ptr, weir_loaded_free(NULL), NULL));
}

Test(load, looks_where_the_environment_says) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    tree_write(dir, "p/a/log.jsonl", END("x", "null", "{}", "0"));
    unsetenv("WEIR_TRACKER_DIR");
    setenv("burr_path", dir, 1);
    weir_loaded *loaded CLEANUP(loaded_free) = NULL;
    cr_assert(eq(int, load(NULL, &loaded, NULL), 0));
    setenv("WEIR_TRACKER_DIR", "/nowhere", 1);
    weir_loaded *other = NULL;
    cr_assert(eq(int, load(NULL, &other, NULL), WEIR_E_NOT_FOUND));
}

Test(load, survives_short_memory) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    tree_write(dir, "p/a/log.jsonl", END("x", "null", "{\"n\":[NaN],\"m\":1}", "0"));
    long n_live = fault_n_live();
    FAULT_FOR_EACH_ALLOCATION(nth) {
        weir_loaded *loaded = NULL;
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        int error = weir_load(&WEIR_LOAD_OPTIONS(.directory = dir, .project = "p", .app_id = "a",
                                                 .partition_key = "k"),
                              &loaded, &detail);
        if (fault_has_struck()) {
            cr_assert(eq(int, error, WEIR_E_NO_MEMORY), "%s", detail.message);
            cr_assert(eq(ptr, loaded, NULL));
        } else {
            expect_text(loaded->state, "{\"n\":[null],\"m\":1,\"__SEQUENCE_ID\":0}");
        }
        weir_loaded_free(loaded);
        cr_assert(eq(long, fault_n_live(), n_live));
    }
}
