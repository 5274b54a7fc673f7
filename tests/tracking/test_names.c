#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

#include "otlp/common/macro.h"
#include "tracking/names.h"

static char long_name[257];

Test(names, what_both_take) {
    static const char *const rows[] = {"a", "demo_chatbot", "A-Z:09", "-", "_", "::"};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cr_assert(names_project_is_valid(rows[i]), "%s", rows[i]);
        cr_assert(names_app_id_is_valid(rows[i]), "%s", rows[i]);
    }
}

Test(names, what_both_refuse) {
    static const char *const rows[] = {"",    ".",   "..",  "a/b", "/a",    "../a", "a b",
                                       "a\n", "a\\", "a*b", "é",   "a\x7f", "~"};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        cr_assert(not(names_project_is_valid(rows[i])), "%s", rows[i]);
        cr_assert(not(names_app_id_is_valid(rows[i])), "%s", rows[i]);
    }
    cr_assert(not(names_project_is_valid(NULL)));
    cr_assert(not(names_app_id_is_valid(NULL)));
}

Test(names, dots_are_for_apps) {
    cr_assert(names_app_id_is_valid("run.1"));
    cr_assert(names_app_id_is_valid("..."));
    cr_assert(not(names_project_is_valid("run.1")));
}

Test(names, as_long_as_a_file_name) {
    memset(long_name, 'x', 255);
    cr_assert(names_project_is_valid(long_name));
    cr_assert(names_app_id_is_valid(long_name));
    long_name[255] = 'x';
    cr_assert(not(names_project_is_valid(long_name)));
    cr_assert(not(names_app_id_is_valid(long_name)));
}
