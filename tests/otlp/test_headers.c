#include <stdlib.h>

#include "otlp/bounds.h"
#include "otlp/headers.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/log.h"

static struct kept_log said = KEPT_LOG_INIT;
static struct logger logger;
static const struct config_reader reader = {.logger = &logger};

static int add_list(struct headers *headers, const char *text) {
    kept_log_logger(&said, &logger);
    return headers_add_list(headers, &reader, "VARIABLE", text);
}

/* The lines joined by "|". */
static const char *joined(const struct headers *headers) {
    static char text[4096];
    text[0] = '\0';
    for (size_t i = 0; i < headers->n; i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof text - n, "%s%s", i > 0 ? "|" : "", headers->lines[i]);
    }
    cr_assert(headers->lines == NULL || headers->lines[headers->n] == NULL);
    return text;
}

static void expect_list(const char *text, const char *wanted) {
    struct headers headers = {0};
    cr_assert(eq(int, add_list(&headers, text), 0));
    expect_text(joined(&headers), wanted);
    headers_deinit(&headers);
}

Test(headers, reads_the_variables_form) {
    expect_list("k1=v1,k2=v2", "k1: v1|k2: v2");
    expect_list(" k1 = v1 ,\tk2=\tv 2\t", "k1: v1|k2: v 2"); /* spaces around tokens */
    expect_list("authorization=Basic dXNlcjpwdw==", "authorization: Basic dXNlcjpwdw==");
    expect_list("a=%20x%2Cy%3d%C3%A9", "a:  x,y=\xc3\xa9");
    expect_list("a=b;c=d", "a: b;c=d"); /* properties are not supported: part of the value */
    expect_list("a=", "a: ");
    expect_list("a=1,A=2", "A: 2");
    expect_list(",, ,a=1,,", "a: 1");
    expect_list("", "");
    expect_list(NULL, "");
    cr_expect(eq(uint, said.n, 0), "%s", said.text);
}

Test(headers, leaves_out_bad_members_of_a_variable_with_a_warning) {
    expect_list("secret,a=1", "a: 1");
    expect_list("=x,b=2", "b: 2");
    expect_list("a b=x,c=3", "c: 3");
    expect_list("h\xc3\xa9=x,c=3", "c: 3");
    expect_list("a=%2,b=%zz,c=%,d=4", "d: 4");
    expect_list("a=x%0d%0aevil: 1,b=%00,c=3", "c: 3");
    expect_list("Content-Type=text/plain,expect=100-continue,d=4", "d: 4");
    cr_expect(eq(uint, said.n, 11), "%s", said.text);
    cr_expect(strstr(said.text, "secret") == NULL);
    cr_expect(strstr(said.text, "evil") == NULL);
    cr_expect(strstr(said.text, "VARIABLE: header Content-Type is left out: weir sets") != NULL);
}

Test(headers, reads_the_options_form_and_replaces_by_name) {
    struct headers headers = {0};
    const char *const lines[] = {"X-Two:  two  ", "three:", "Four: a: b", NULL};
    cr_assert(eq(int, add_list(&headers, "x-one=1,x-two=2"), 0));
    cr_assert(eq(int, headers_add_lines(&headers, &reader, lines, NULL), 0));
    expect_text(joined(&headers), "x-one: 1|X-Two: two|three: |Four: a: b");
    cr_assert(eq(int, headers_add_lines(&headers, &reader, NULL, NULL), 0));
    headers_deinit(&headers);
}

Test(headers, refuses_bad_lines_by_their_place_without_their_value) {
    static const char *const bad[] = {
        "secret",      ": secret",      "a b: secret",      "a : secret",
        "a: secret\n", "a: sec\x7fret", "\xc3\xa9: secret", "content-length: secret"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *const lines[] = {"ok: 1", bad[i], NULL};
        struct headers headers = {0};
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        cr_expect(eq(int, headers_add_lines(&headers, &reader, lines, &detail), WEIR_E_INVALID),
                  "%zu", i);
        cr_expect(strncmp(detail.message, "headers[1]", 10) == 0, "%s", detail.message);
        cr_expect(strstr(detail.message, "secret") == NULL, "%s", detail.message);
        headers_deinit(&headers);
    }
}

Test(headers, are_bounded_in_number) {
    struct headers headers = {0};
    char line[32];
    const char *const lines[] = {line, NULL};
    for (int i = 0; i < ENDPOINT_MAX_HEADERS; i++) {
        snprintf(line, sizeof line, "h%d: x", i);
        cr_assert(eq(int, headers_add_lines(&headers, &reader, lines, NULL), 0));
    }
    cr_expect(
        eq(int, headers_add_lines(&headers, &reader, lines, NULL), 0)); /* a name that is there */
    snprintf(line, sizeof line, "more: x");
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(eq(int, headers_add_lines(&headers, &reader, lines, &detail), WEIR_E_TOO_LARGE));
    cr_expect(eq(int, add_list(&headers, "more=x"), 0)); /* the environment only costs a warning */
    cr_expect(eq(uint, said.n, 1));
    cr_expect(eq(sz, headers.n, ENDPOINT_MAX_HEADERS));
    headers_deinit(&headers);
}

Test(headers, survive_failing_allocation_at_every_step) {
    const char *const lines[] = {"b: 3", NULL};
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct headers headers = {0};
        int error = add_list(&headers, "a=1,b=2");
        if (error == 0) {
            error = headers_add_lines(&headers, &reader, lines, NULL);
        }
        cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        headers_deinit(&headers);
    }
}
