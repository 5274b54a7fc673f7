#include <stdio.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/config_report.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

static struct config_report report;

static void forget(void) {
    config_report_deinit(&report);
}

TestSuite(config_report, .fini = forget);

/* What is kept of a value. */
static const char *shown(const char *value, enum config_privacy privacy) {
    config_report_put(&report, "name", value, privacy, config_by_default());
    return config_report_find(&report, "name")->value;
}

Test(config_report, keeps_lines_in_order_and_the_last_of_a_name) {
    config_report_put(&report, "a", "1", CONFIG_PUBLIC, config_by_default());
    config_report_put(&report, "b", "2", CONFIG_PUBLIC, config_by_variable("B"));
    config_report_put(&report, "a", "3", CONFIG_PUBLIC, config_by_option("a"));
    cr_assert(eq(sz, report.n, 2));
    expect_text(report.lines[0].name, "a");
    expect_text(report.lines[0].value, "3");
    expect_text(report.lines[0].origin, "a");
    cr_expect(eq(int, report.lines[0].source, CONFIG_FROM_OPTION));
    expect_text(report.lines[1].origin, "B");
    cr_expect(eq(int, report.lines[1].source, CONFIG_FROM_ENVIRONMENT));
    cr_expect(config_report_find(&report, "c") == NULL);
    cr_expect(not(report.is_cut));
}

Test(config_report, nobody_wants_to_know) {
    config_report_put(NULL, "a", "1", CONFIG_PUBLIC, config_by_default());
    config_report_deinit(NULL);
}

Test(config_report, masks_what_may_be_secret_in_urls) {
    static const struct {
        const char *value, *shown;
        enum config_privacy privacy;
    } rows[] = {
        {"http://h:4318/p", "http://h:4318/p", CONFIG_PUBLIC},
        {"http://u:pw@h:4318/p", "http://[hidden]@h:4318/p", CONFIG_PUBLIC},
        {"https://h/p?key=pw", "https://h/p?[hidden]", CONFIG_URL},
        {"https://h/p#pw", "https://h/p#[hidden]", CONFIG_URL},
        {"https://u:p/w@h/p", "https://[hidden]@h/p", CONFIG_URL},       /* '/' in the password */
        {"https://u:p?w@h/p", "https://[hidden]@?[hidden]", CONFIG_URL}, /* and '?' */
        {"https://h/p?mail=u@pw", "https://[hidden]@?[hidden]", CONFIG_URL},
        {"u:pw@proxy:3128", "[hidden]@proxy:3128", CONFIG_URL}, /* without a scheme */
        {"u:pw@proxy/?to=http://h", "[hidden]@proxy/?[hidden]", CONFIG_URL},
        {"see http://u:pw@h and http://v:pw@i/?pw !",
         "see http://[hidden]@h and http://[hidden]@i/?[hidden] !", CONFIG_PUBLIC},
        {"user@host", "user@host", CONFIG_PUBLIC},
        {"://@?", "://[hidden]@?[hidden]", CONFIG_PUBLIC},
        {"", "", CONFIG_URL},
        {"pw", "[hidden]", CONFIG_SECRET},
        {NULL, "none", CONFIG_SECRET},
        {NULL, "none", CONFIG_URL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_text(shown(rows[i].value, rows[i].privacy), rows[i].shown);
    }
}

Test(config_report, cuts_a_value_after_masking_it) {
    char long_password[3 * CONFIG_MAX_VALUE];
    memset(long_password, 'p', sizeof long_password);
    memcpy(long_password, "http://u:", 9);
    memcpy(long_password + sizeof long_password - 3, "@h", 3);
    expect_text(shown(long_password, CONFIG_PUBLIC), "http://[hidden]@h");
    memset(long_password, 'a', sizeof long_password - 1);
    cr_expect(eq(sz, strlen(shown(long_password, CONFIG_PUBLIC)), CONFIG_MAX_VALUE));
}

Test(config_report, shows_one_line_of_utf8) {
    expect_text(shown("a\nb\x1b[1m\xff", CONFIG_PUBLIC), "a b [1m?");
}

Test(config_report, hides_values_of_suspicious_names) {
    static const char *const secret[] = {"password",       "db.Password",  "API-Key",
                                         "x_api_key",      "X-Auth-Token", "client.secret",
                                         "Authorization",  "cookie",       "process.command_line",
                                         "aws.access_key", "passphrase",   "my credentials"};
    static const char *const open[] = {"service.name", "author", "key", "", "telemetry.sdk.name"};
    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++) {
        cr_expect(config_is_secret_name(secret[i]), "%s", secret[i]);
        config_report_put(&report, secret[i], "pw", CONFIG_PUBLIC, config_by_default());
        expect_text(config_report_find(&report, secret[i])->value, "[hidden]");
    }
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++) {
        cr_expect(not(config_is_secret_name(open[i])), "%s", open[i]);
    }
    cr_expect(not(config_is_secret_name(NULL)));
}

Test(config_report, has_a_bound) {
    char name[16];
    for (int i = 0; i < CONFIG_MAX_LINES + 1; i++) {
        cr_assert(not(report.is_cut));
        snprintf(name, sizeof name, "%d", i);
        config_report_put(&report, name, "", CONFIG_PUBLIC, config_by_default());
    }
    cr_expect(report.is_cut);
    cr_expect(eq(sz, report.n, CONFIG_MAX_LINES));
    config_report_put(&report, "0", "new", CONFIG_PUBLIC, config_by_default());
    expect_text(config_report_find(&report, "0")->value, "new");
}

Test(config_report, names_sources) {
    expect_text(config_source_name(CONFIG_FROM_DEFAULT), "default");
    expect_text(config_source_name(CONFIG_FROM_ENVIRONMENT), "environment");
    expect_text(config_source_name(CONFIG_FROM_OPTION), "option");
}

Test(config_report, survives_failing_allocations) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct config_report small = {0};
        config_report_put(&small, "a", "http://u:pw@h", CONFIG_PUBLIC, config_by_variable("A"));
        config_report_put(&small, "a", "1", CONFIG_PUBLIC, config_by_default());
        config_report_put(&small, "b", NULL, CONFIG_PUBLIC, config_by_default());
        cr_expect(eq(int, small.is_cut, fault_has_struck()));
        for (size_t i = 0; i < small.n; i++) {
            cr_expect(ne(ptr, small.lines[i].value, NULL));
        }
        config_report_deinit(&small);
    }
}
