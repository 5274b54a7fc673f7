#include <stdlib.h>

#include "otlp/config_read.h"
#include "tests/support/expect.h"
#include "tests/support/log.h"

#define FIRST "WEIR_TEST_FIRST"
#define SECOND "WEIR_TEST_SECOND"

static struct kept_log kept = KEPT_LOG_INIT;
static struct logger logger;
static struct config_report report;
static const struct config_reader reader = {.logger = &logger, .report = &report};
static const struct config_reader code_only = {
    .logger = &logger, .report = &report, .is_code_only = true};

static void start(void) {
    kept_log_logger(&kept, &logger);
    unsetenv(FIRST);
    unsetenv(SECOND);
}

static void forget(void) {
    config_report_deinit(&report);
}

TestSuite(config_read, .init = start, .fini = forget);

/* The report's line of "setting", as "value (origin)". */
static const char *line(void) {
    static char text[256];
    const struct config_line *found = config_report_find(&report, "setting");
    cr_assert(found != NULL);
    snprintf(text, sizeof text, "%s (%s%s%s)", found->value, config_source_name(found->source),
             *found->origin != '\0' ? " " : "", found->origin);
    return text;
}

#define NUMBER(...)                                                                                \
    CONFIG_U64(&reader, .option = "setting", .variables = {FIRST, SECOND}, .otherwise = 5,         \
               __VA_ARGS__)

Test(config_read, a_number_follows_its_precedence) {
    cr_expect(eq(u64, NUMBER(.given = 9), 5));
    expect_text(line(), "5 (default)");
    setenv(SECOND, "2", 1);
    cr_expect(eq(u64, NUMBER(.unit = "ms"), 2));
    expect_text(line(), "2 ms (environment " SECOND ")");
    setenv(FIRST, "0", 1);
    cr_expect(eq(u64, NUMBER(.meaning = "no limit"), 0)); /* (D7) */
    expect_text(line(), "no limit (environment " FIRST ")");
    cr_expect(eq(u64, NUMBER(.is_given = true, .given = 9), 9));
    expect_text(line(), "9 (option setting)");
    cr_expect(eq(u64, CONFIG_U64(&code_only, .option = "setting", .variables = {FIRST}), 0));
    expect_text(line(), "0 (default)");
    cr_expect(eq(u32, kept.n, 0));
}

Test(config_read, a_bad_number_counts_as_unset) { /* (D4, D5) */
    setenv(SECOND, "7", 1);
    static const char *const bad[] = {"x", "-1", "0", "11", "1.0", "18446744073709551616"};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        setenv(FIRST, bad[i], 1);
        cr_expect(eq(u64, NUMBER(.least = 1, .most = 10), 7), "%s", bad[i]);
        cr_expect(eq(u32, kept.n, (unsigned)i + 1));
    }
    setenv(FIRST, "", 1); /* (D2) */
    cr_expect(eq(u64, NUMBER(.least = 1, .most = 10), 7));
    cr_expect(eq(u32, kept.n, ARRAY_LENGTH(bad)));
    cr_expect(kept_log_has(&kept, FIRST "=11 is no whole number of at least 1 and at most 10"));
}

Test(config_read, cuts_code_and_default_to_the_most) {
    cr_expect(eq(u64, NUMBER(.most = 3), 3));
    cr_expect(eq(u64, NUMBER(.most = 3, .is_given = true, .given = 4), 3));
    expect_text(line(), "3 (option setting)");
}

Test(config_read, durations_are_milliseconds) { /* (D6) */
    setenv(FIRST, "2147483647", 1);
    uint64_t ns = CONFIG_NS_OF_MS(&reader, .option = "setting", .variables = {FIRST});
    cr_expect(eq(u64, ns, UINT64_C(2147483647000000)));
    expect_text(line(), "2147483647 ms (environment " FIRST ")");
    setenv(FIRST, "18446744073709551615", 1);
    ns = CONFIG_NS_OF_MS(&reader, .option = "setting", .variables = {FIRST});
    cr_expect(gt(u64, ns, UINT64_C(1) << 62));
    setenv(FIRST, "-1", 1);
    ns = CONFIG_NS_OF_MS(&reader, .option = "setting", .variables = {FIRST}, .otherwise = 5);
    cr_expect(eq(u64, ns, 5000000));
    cr_expect(eq(u32, kept.n, 1)); /* read, and warned of, once */
}

Test(config_read, a_flag_is_true_by_true_alone) { /* (D3) */
    static const struct {
        const char *text;
        bool value;
    } rows[] = {{"true", true}, {"TrUe", true}, {"false", false}, {"", false},
                {"1", false},   {"yes", false}, {"on", false}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        setenv(FIRST, rows[i].text, 1);
        bool value = CONFIG_BOOL(&reader, .option = "setting", .variable = FIRST);
        cr_expect(eq(int, value, rows[i].value), "%s", rows[i].text);
    }
    cr_expect(eq(u32, kept.n, 3));
    expect_text(line(), "false (environment " FIRST ")");
    setenv(FIRST, "true", 1);
    cr_expect(not(CONFIG_BOOL(&reader, .option = "setting", .variable = FIRST, .is_given = true)));
    expect_text(line(), "false (option setting)");
    cr_expect(not(CONFIG_BOOL(&code_only, .option = "setting", .variable = FIRST)));
    expect_text(line(), "false (default)");
}

Test(config_read, an_enum_is_matched_in_any_case) { /* (D8, D9) */
    static const char *const names[] = {"none", NULL, "Some"};
#define CHOICE(...)                                                                                \
    CONFIG_ENUM(&reader, .option = "setting", .variables = {FIRST, SECOND}, .names = names,        \
                .n_names = 3, .otherwise = 2, __VA_ARGS__)
    cr_expect(eq(u32, CHOICE(.given = 1), 2));
    expect_text(line(), "Some (default)");
    setenv(SECOND, "NONE", 1);
    setenv(FIRST, "other", 1);
    cr_expect(eq(u32, CHOICE(.given = 1), 0));
    expect_text(line(), "none (environment " SECOND ")");
    cr_expect(kept_log_has(&kept, FIRST "=other is none of none, Some"));
    setenv(FIRST, "sOME", 1);
    cr_expect(eq(u32, CHOICE(.is_given = true, .given = 0), 0));
    expect_text(line(), "none (option setting)");
    cr_expect(eq(u32, CHOICE(.given = 0), 2));
    cr_expect(eq(u32, kept.n, 1));
}

Test(config_read, a_set_is_a_list) {
    static const char *const names[] = {"a", "b", "c"};
#define SET(reader)                                                                                \
    CONFIG_SET(reader, .option = "setting", .variable = FIRST, .names = names, .n_names = 3,       \
               .otherwise = 2)
    cr_expect(eq(u32, SET(&reader), 2));
    expect_text(line(), "b (default)");
    setenv(FIRST, "C,a", 1);
    cr_expect(eq(u32, SET(&reader), 5));
    expect_text(line(), "a,c (environment " FIRST ")");
    cr_expect(eq(u32, SET(&code_only), 2));
    cr_expect(eq(u32, kept.n, 0));
    setenv(FIRST, "d", 1);
    cr_expect(eq(u32, SET(&reader), 2));
    cr_expect(kept_log_has(&kept, FIRST "=d is none of a, b, c: using b"));
    expect_text(line(), "b (default)");
}

Test(config_read, text_tells_where_it_came_from) {
    struct config_origin origin;
    cr_expect(eq(ptr, expect_unconst(CONFIG_TEXT(&reader, &origin, .option = "setting")), NULL));
    expect_text(line(), "none (default)");
    setenv(SECOND, "http://u:pw@h", 1);
    expect_text(CONFIG_TEXT(&reader, &origin, .option = "setting", .variables = {FIRST, SECOND},
                            .otherwise = "c"),
                "http://u:pw@h");
    expect_text(origin.name, SECOND);
    expect_text(line(), "http://[hidden]@h (environment " SECOND ")");
    expect_text(
        CONFIG_TEXT(&reader, NULL, .option = "setting", .given = "", .variables = {FIRST, SECOND}),
        ""); /* an empty option is given, an empty variable not (D2) */
    expect_text(line(), " (option setting)");
    expect_text(CONFIG_TEXT(&code_only, &origin, .option = "setting", .variables = {SECOND},
                            .otherwise = "c"),
                "c");
    cr_expect(eq(int, origin.source, CONFIG_FROM_DEFAULT));
}

Test(config_read, works_without_a_report) {
    const struct config_reader quiet = {.logger = &logger};
    setenv(FIRST, "3", 1);
    cr_expect(eq(u64, CONFIG_U64(&quiet, .option = "setting", .variables = {FIRST}), 3));
    config_note(&quiet, "setting", config_by_default(), "%d", 1);
    cr_expect(eq(sz, report.n, 0));
}
