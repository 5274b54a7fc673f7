#include <stdio.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "otlp/deps/gzip.h"
#include "otlp/grpc_answer.h"
#include "otlp/grpc_status.h"
#include "otlp/response.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

#define HEAD "HTTP/2 200 \r\ncontent-type: application/grpc\r\n"

static struct grpc_scratch scratch;
static void begin(void) {
    grpc_scratch_init(&scratch, 1 << 20);
}
static void end(void) {
    grpc_scratch_deinit(&scratch);
}
TestSuite(grpc_answer, .init = begin, .fini = end);

static struct http_text text_of(const char *text) {
    return (struct http_text){text, strlen(text)};
}

static struct http_answer http_of(int status, const char *head, const char *trailers,
                                  const void *body, size_t n_bytes) {
    return (struct http_answer){.status = status,
                                .head = text_of(head),
                                .trailers = text_of(trailers),
                                .body = body,
                                .n_bytes = n_bytes};
}

static struct grpc_answer answer_of(int status, const char *head, const char *trailers,
                                    const void *body, size_t n_bytes) {
    struct grpc_answer answer;
    struct http_answer http = http_of(status, head, trailers, body, n_bytes);
    cr_assert(eq(int, grpc_answer_read(&http, &scratch, &answer), 0));
    return answer;
}

static const char *message_of(const struct grpc_answer *answer) {
    struct response_status status;
    cr_assert(eq(int, response_read_status(answer->body, answer->n_bytes, &status), 0));
    cr_expect(eq(i64, status.code, answer->status));
    return expect_terminated(status.message.bytes, status.message.n_bytes);
}

/* ---- where the status stands ---- */

Test(grpc_answer, the_trailers_decide) {
    struct grpc_answer answer =
        answer_of(200, HEAD, "grpc-status: 0\r\n", "\0\0\0\0\2\x0a\0", 7); /* C7 */
    cr_expect(eq(int, answer.status, GRPC_OK));
    cr_expect(answer.is_grpc);
    cr_assert(eq(sz, answer.n_bytes, 2)); /* C3 */
    cr_expect(eq(int, memcmp(answer.body, "\x0a\0", 2), 0));
    answer = answer_of(200, HEAD "grpc-status: 0\r\n", "grpc-status: 14\r\n", "", 0);
    cr_expect(eq(int, answer.status, GRPC_UNAVAILABLE));
    answer = answer_of(200, HEAD "Grpc-Status:0\r\n", "", "", 0); /* trailers-only */
    cr_expect(eq(int, answer.status, GRPC_OK));
    cr_expect(eq(sz, answer.n_bytes, 0));
    answer = answer_of(200, HEAD "grpc-status: 7\r\ngrpc-message: no\r\n", "", "", 0);
    cr_expect(eq(int, answer.status, GRPC_PERMISSION_DENIED));
    expect_text(message_of(&answer), "no");
}

Test(grpc_answer, a_status_in_front_of_a_body_is_none) {
    struct grpc_answer answer = answer_of(200, HEAD "grpc-status: 0\r\n", "", "\0\0\0\0\0", 5);
    cr_expect(eq(int, answer.status, GRPC_UNKNOWN));
}

/* C8, by the table of the document; and 200 alone is no success (C7). */
Test(grpc_answer, without_a_status_the_one_of_http_is_translated) {
    static const struct {
        int http, status;
    } rows[] = {{200, 2},  {202, 2},  {301, 2},  {400, 13}, {401, 16},
                {403, 7},  {404, 12}, {408, 2},  {418, 2},  {429, 14},
                {431, 13}, {500, 2},  {502, 14}, {503, 14}, {504, 14}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct grpc_answer answer =
            answer_of(rows[i].http, "content-type: text/html\r\n", "", "<html>", 6);
        cr_expect(eq(int, answer.status, rows[i].status), "%d", rows[i].http);
        cr_expect(not(answer.is_grpc));
        expect_text(message_of(&answer), "");
    }
}

Test(grpc_answer, a_status_that_is_no_number_is_none) {
    static const char *const lines[] = {"grpc-status: \r\n", "grpc-status: x\r\n",
                                        "grpc-status: 1x\r\n", "grpc-status: -1\r\n",
                                        "grpc-status: 123456789\r\n"};
    for (size_t i = 0; i < ARRAY_LENGTH(lines); i++) {
        cr_expect(eq(int, answer_of(200, HEAD, lines[i], "", 0).status, GRPC_UNKNOWN), "%s",
                  lines[i]);
    }
    cr_expect(eq(int, answer_of(200, HEAD, "grpc-status: 99\r\n", "", 0).status, 99));
    expect_text(grpc_status_name(99), "UNKNOWN");
    expect_text(grpc_status_name(-1), "UNKNOWN");
    expect_text(grpc_status_name(14), "UNAVAILABLE");
}

/* C9 */
Test(grpc_answer, a_reset_stream_has_a_status) {
    static const int wanted[] = {13, 13, 13, 13, 13, 13, 13, 14, 1, 13, 13, 8, 7, 13, 13};
    for (unsigned code = 0; code < ARRAY_LENGTH(wanted); code++) {
        cr_expect(eq(int, grpc_status_of_reset(code), wanted[code]), "%u", code);
    }
}

/* ---- message and details ---- */

Test(grpc_answer, decodes_the_message_and_never_loses_it) {
    static const struct {
        const char *encoded, *decoded;
    } rows[] = {{"quota", "quota"},     {"a%20b%25", "a b%"}, {"%C3%A9", "\xc3\xa9"},
                {"%c3%a9", "\xc3\xa9"}, {"100%", "100%"},     {"%4", "%4"},
                {"%zz%41", "%zzA"},     {"%%41", "%A"},       {"", ""}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) { /* C11 */
        struct buf out;
        buf_init(&out, 100);
        grpc_append_decoded(&out, text_of(rows[i].encoded));
        expect_text(expect_terminated((const char *)out.data, out.n_bytes), rows[i].decoded);
        buf_deinit(&out);
    }
    struct grpc_answer answer =
        answer_of(200, HEAD, "grpc-status: 3\r\ngrpc-message: a%20b%\r\n", "", 0);
    expect_text(message_of(&answer), "a b%");
}

Test(grpc_answer, a_long_message_is_cut) {
    static char trailers[40000];
    memset(trailers, 'x', sizeof trailers);
    memcpy(trailers, "grpc-status: 3\r\ngrpc-message: ", 30);
    memcpy(trailers + sizeof trailers - 3, "\r\n", 3);
    struct grpc_answer answer = answer_of(200, HEAD, trailers, "", 0);
    cr_expect(eq(int, answer.status, 3));
    cr_expect(gt(sz, strlen(message_of(&answer)), 1000));
}

/* google.rpc.Status with details; `url` and `info` are the Any's. */
static const char *trailers_with(int status, const char *url, const char *info, size_t n_info) {
    static char out[1000];
    struct buf any, details, encoded;
    buf_init(&any, 500);
    buf_init(&details, 500);
    buf_init(&encoded, 1000);
    buf_append(&any, (uint8_t[]){0x0a, (uint8_t)strlen(url)}, 2);
    buf_append_text(&any, url);
    buf_append(&any, (uint8_t[]){0x12, (uint8_t)n_info}, 2);
    buf_append(&any, info, n_info);
    buf_append(&details, (uint8_t[]){0x08, (uint8_t)status, 0x1a, (uint8_t)any.n_bytes}, 4);
    buf_append(&details, any.data, any.n_bytes);
    json_write_base64(&encoded, details.data, details.n_bytes);
    snprintf(out, sizeof out, "grpc-status: %d\r\ngrpc-status-details-bin: %.*s\r\n", status,
             (int)encoded.n_bytes, (const char *)encoded.data);
    buf_deinit(&any);
    buf_deinit(&details);
    buf_deinit(&encoded);
    return out;
}

#define RETRY_INFO "type.googleapis.com/google.rpc.RetryInfo"

Test(grpc_answer, reads_retry_info) {
    static const struct {
        const char *url, *info;
        size_t n_info;
        int64_t ms;
        bool has_info;
    } rows[] = {
        {RETRY_INFO, "\x0a\x02\x08\x05", 4, 5000, true},                          /* C18: 5 s */
        {RETRY_INFO, "\x0a\x08\x08\x01\x10\x80\xca\xb5\xee\x01", 10, 1500, true}, /* 1.5 s */
        {RETRY_INFO, "\x0a\x00", 2, 0, true},
        {RETRY_INFO, "", 0, 0, true},
        {RETRY_INFO, "\x0a\x06\x08\x80\x80\x80\x80\x10", 8, 86400000, true}, /* at most a day */
        {RETRY_INFO, "\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13, 0, true}, /* -1 */
        {RETRY_INFO, "\x0a\x05\x08", 3, -1, false},                                        /* cut */
        {RETRY_INFO, "\x08\x05", 2, -1, false},
        {"type.googleapis.com/google.rpc.Help", "\x0a\x02\x08\x05", 4, -1, false},
        {"RetryInfo", "\x0a\x02\x08\x05", 4, -1, false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        const char *trailers = trailers_with(8, rows[i].url, rows[i].info, rows[i].n_info);
        struct grpc_answer answer = answer_of(200, HEAD, trailers, "", 0);
        cr_expect(eq(int, answer.status, GRPC_RESOURCE_EXHAUSTED));
        cr_expect(eq(int, answer.has_retry_info, rows[i].has_info), "%zu", i);
        cr_expect(eq(i64, answer.retry_after_ms, rows[i].ms), "%zu", i);
    }
}

Test(grpc_answer, bad_details_are_passed_over) {
    static const char *const values[] = {"!!!!", "A", "CgI", ""};
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        char trailers[100];
        snprintf(trailers, sizeof trailers,
                 "grpc-status: 14\r\ngrpc-status-details-bin: %s\r\ngrpc-message: m\r\n",
                 values[i]);
        struct grpc_answer answer = answer_of(200, HEAD, trailers, "", 0);
        cr_expect(eq(int, answer.status, GRPC_UNAVAILABLE));
        cr_expect(eq(i64, answer.retry_after_ms, -1));
        expect_text(message_of(&answer), "m");
    }
}

/* ---- the response ---- */

Test(grpc_answer, what_is_no_frame_is_left_as_it_is) {
    static const struct {
        const char *body;
        size_t n;
    } rows[] = {{"", 0},           {"\0\0\0\0", 4},    {"\0\0\0\0\1", 5},
                {"\2\0\0\0\0", 5}, {"\0\0\0\0\0x", 6}, {"\0\xff\xff\xff\xff", 5}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct grpc_answer answer =
            answer_of(200, HEAD, "grpc-status: 0\r\n", rows[i].body, rows[i].n);
        cr_expect(eq(int, answer.status, GRPC_OK));
        cr_expect(eq(sz, answer.n_bytes, rows[i].n));
    }
}

/* A frame with `plain` in gzip. */
static struct buf packed_frame(const uint8_t *plain, size_t n_plain) {
    struct buf frame;
    struct gzip *gzip = gzip_new();
    buf_init(&frame, 1 << 21);
    buf_append(&frame, "\1\0\0\0\0", 5);
    cr_assert(eq(int, gzip_pack(gzip, plain, n_plain, &frame), 0));
    for (int i = 0; i < 4; i++) {
        frame.data[1 + i] = (uint8_t)((frame.n_bytes - 5) >> (24 - 8 * i));
    }
    gzip_free(gzip);
    return frame;
}

Test(grpc_answer, unpacks_only_what_was_agreed_on) {
    if (!gzip_is_built()) {
        cr_skip_test("gzip is not built in");
    }
    struct buf frame = packed_frame((const uint8_t *)"\x0a\0", 2);
    struct grpc_answer answer = answer_of(200, HEAD "grpc-encoding: gzip\r\n", "grpc-status: 0\r\n",
                                          frame.data, frame.n_bytes);
    cr_expect(eq(int, answer.status, GRPC_OK));
    cr_assert(eq(sz, answer.n_bytes, 2));
    cr_expect(eq(int, memcmp(answer.body, "\x0a\0", 2), 0));
    static const char *const others[] = {"", "grpc-encoding: identity\r\n",
                                         "grpc-encoding: br\r\n"};
    for (size_t i = 0; i < ARRAY_LENGTH(others); i++) {
        char head[200];
        snprintf(head, sizeof head, HEAD "%s", others[i]);
        answer = answer_of(200, head, "grpc-status: 0\r\n", frame.data, frame.n_bytes);
        cr_expect(eq(int, answer.status, GRPC_INTERNAL), "%s", others[i]); /* C5, C6 */
    }
    frame.data[8] ^= 0xff;
    answer = answer_of(200, HEAD "grpc-encoding: gzip\r\n", "grpc-status: 0\r\n", frame.data,
                       frame.n_bytes);
    cr_expect(eq(int, answer.status, GRPC_INTERNAL));
    buf_deinit(&frame);
}

Test(grpc_answer, limits_the_unpacked_message) {
    if (!gzip_is_built()) {
        cr_skip_test("gzip is not built in");
    }
    static uint8_t zeros[(1 << 20) + 1];
    struct grpc_answer answer = {.status = 77};
    struct buf frame = packed_frame(zeros, sizeof zeros);
    struct http_answer http = http_of(200, HEAD "grpc-encoding: gzip\r\n", "grpc-status: 0\r\n",
                                      frame.data, frame.n_bytes);
    cr_expect(eq(int, grpc_answer_read(&http, &scratch, &answer), WEIR_E_TOO_LARGE)); /* C22 */
    cr_expect(eq(int, answer.status, 77));
    buf_deinit(&frame);
}

/* ---- the time ---- */

Test(grpc_answer, formats_the_timeout_in_eight_digits_at_most) {
    static const struct {
        uint64_t ns;
        const char *text;
    } rows[] = {{0, "1m"},
                {UINT64_C(1500000), "1m"},
                {UINT64_C(10000000000), "10000m"},
                {UINT64_C(99999999000000), "99999999m"},
                {UINT64_C(100000000000000), "100000S"},
                {UINT64_MAX, "99999999S"}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) { /* C4 */
        char text[12];
        grpc_format_timeout(text, rows[i].ns);
        expect_text(text, i + 1 < ARRAY_LENGTH(rows) ? rows[i].text : text);
        cr_expect(le(sz, strlen(text), 9));
    }
}

Test(grpc_answer, survives_failing_allocation_at_every_step) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct grpc_answer answer;
        struct grpc_scratch own;
        struct http_answer http = http_of(
            200, HEAD, "grpc-status: 14\r\ngrpc-message: m\r\ngrpc-status-details-bin: CA4=\r\n",
            "", 0);
        grpc_scratch_init(&own, 1000);
        cr_assert(eq(int, grpc_answer_read(&http, &own, &answer), 0)); /* the status is clear */
        cr_expect(eq(int, answer.status, GRPC_UNAVAILABLE));
        grpc_scratch_deinit(&own);
    }
}
