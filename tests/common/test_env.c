#include <stdio.h>
#include <stdlib.h>

#include "otlp/common/env.h"
#include "tests/support/expect.h"

#define NAME "WEIR_TEST_VARIABLE"

static int n_warnings;
static char last_warning[600];

static void count_warning(weir_log_level level, const char *message, void *data) {
    (void)data;
    n_warnings += level == WEIR_LOG_WARN;
    snprintf(last_warning, sizeof last_warning, "%s", message);
}

static struct logger logger;

static void start(void) {
    logger_init(&logger, count_warning, NULL, WEIR_LOG_DEBUG);
    unsetenv(NAME);
}

TestSuite(env, .init = start);

Test(env, an_empty_value_is_unset) {
    cr_assert(eq(ptr, expect_unconst(env_text(NAME)), NULL));
    setenv(NAME, "", 1);
    uint64_t number = 7;
    cr_assert(eq(ptr, expect_unconst(env_text(NAME)), NULL));
    cr_assert(not(env_number(NAME, 0, UINT64_MAX, &number, &logger)));
    cr_assert(not(env_flag(NAME, &logger)));
    cr_assert(eq(u64, number, 7));
    cr_assert(eq(int, n_warnings, 0));
    setenv(NAME, " ", 1);
    expect_text(env_text(NAME), " ");
}

Test(env, takes_whole_decimal_numbers) {
    static const struct {
        const char *text;
        uint64_t number;
    } rows[] = {
        {"0", 0}, {"007", 7}, {"2147483647", 2147483647}, {"18446744073709551615", UINT64_MAX}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        uint64_t number = 1;
        setenv(NAME, rows[i].text, 1);
        cr_assert(env_number(NAME, 0, UINT64_MAX, &number, &logger), "%s", rows[i].text);
        cr_assert(eq(u64, number, rows[i].number));
    }
    cr_assert(eq(int, n_warnings, 0));
}

Test(env, warns_of_what_is_no_number_and_leaves_the_default) {
    static const char *const texts[] = {"-1",  "+1",   " 1",  "1 ", "1.5",
                                        "1e3", "0x10", "ten", "-",  "18446744073709551616"};
    for (size_t i = 0; i < ARRAY_LENGTH(texts); i++) {
        uint64_t number = 42;
        setenv(NAME, texts[i], 1);
        cr_assert(not(env_number(NAME, 0, UINT64_MAX, &number, &logger)), "%s", texts[i]);
        cr_assert(eq(u64, number, 42), "%s", texts[i]);
        cr_assert(eq(int, n_warnings, (int)i + 1), "%s", texts[i]);
        cr_assert(ne(ptr, strstr(last_warning, texts[i]), NULL), "the warning shows the value");
        cr_assert(ne(ptr, strstr(last_warning, NAME), NULL));
    }
}

Test(env, warns_of_a_number_below_the_least) {
    uint64_t number = 42;
    setenv(NAME, "4", 1);
    cr_assert(not(env_number(NAME, 5, UINT64_MAX, &number, &logger)));
    cr_assert(eq(int, n_warnings, 1));
    cr_assert(env_number(NAME, 4, UINT64_MAX, &number, &logger));
    cr_assert(eq(u64, number, 4));
}

Test(env, only_true_is_true) {
    static const struct {
        const char *text;
        bool value;
        int warnings;
    } rows[] = {{"true", true, 0},   {"TRUE", true, 0}, {"tRuE", true, 0}, {"false", false, 0},
                {"False", false, 0}, {"1", false, 1},   {"yes", false, 1}, {"true ", false, 1}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        n_warnings = 0;
        setenv(NAME, rows[i].text, 1);
        cr_assert(eq(int, env_flag(NAME, &logger), rows[i].value), "%s", rows[i].text);
        cr_assert(eq(int, n_warnings, rows[i].warnings), "%s", rows[i].text);
    }
}

Test(env, warns_of_a_number_above_the_most) { /* (D5) */
    uint64_t number = 42;
    setenv(NAME, "6", 1);
    cr_assert(not(env_number(NAME, 0, 5, &number, &logger)));
    cr_assert(eq(u64, number, 42));
    cr_assert(ne(ptr, strstr(last_warning, "at most 5"), NULL));
    cr_assert(env_number(NAME, 0, 6, &number, &logger));
}

Test(env, names_are_matched_in_any_case) { /* (D8) */
    static const char *const names[] = {"none", NULL, "always_on"};
    unsigned place = 7;
    cr_assert(not(env_enum(NAME, names, 3, &place, &logger)));
    cr_assert(eq(int, n_warnings, 0));
    setenv(NAME, "Always_ON", 1);
    cr_assert(env_enum(NAME, names, 3, &place, &logger));
    cr_assert(eq(u32, place, 2));
    setenv(NAME, "sometimes", 1);
    cr_assert(not(env_enum(NAME, names, 3, &place, &logger)));
    cr_assert(eq(u32, place, 2));
    expect_text(last_warning, NAME "=sometimes is none of none, always_on: taken as unset");
}

Test(env, a_set_is_a_list_of_names) {
    static const char *const names[] = {"none", NULL, "some", "all"};
    uint32_t set = 77;
    unsetenv(NAME);
    cr_assert(not(env_set(NAME, names, 4, &set, &logger)));
    setenv(NAME, " , ,", 1);
    cr_assert(not(env_set(NAME, names, 4, &set, &logger)));
    cr_assert(eq(u32, set, 77));
    cr_assert(eq(int, n_warnings, 0));
    setenv(NAME, "ALL, some ,,all", 1);
    cr_assert(env_set(NAME, names, 4, &set, &logger));
    cr_assert(eq(u32, set, 12));
    cr_assert(eq(int, n_warnings, 0));
    setenv(NAME, "none,som", 1);
    cr_assert(env_set(NAME, names, 4, &set, &logger));
    cr_assert(eq(u32, set, 1));
    expect_text(last_warning, NAME "=som is none of none, some, all: left out");
    setenv(NAME, "somewhere", 1);
    cr_assert(not(env_set(NAME, names, 4, &set, &logger)));
    cr_assert(eq(int, n_warnings, 2));
    expect_text(last_warning, NAME "=somewhere is none of none, some, all: using none");
    set = 3; /* two, so no one name */
    cr_assert(not(env_set(NAME, names, 4, &set, &logger)));
    expect_text(last_warning, NAME "=somewhere is none of none, some, all: taken as unset");
}
