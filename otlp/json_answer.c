#include "otlp/json_answer.h"

#include <stdbool.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/json_text.h"
#include "otlp/common/macro.h"
#include "otlp/response.h"

/* The two members of an object that count: a number and a text. */
struct pair {
    const char *number_name, *text_name;
    int64_t number;
    struct json_slice text; /* raw; absent: none */
};

/* B12: 7 and "7" are the same; B18: null is none. */
static bool take_number(struct json_slice value, int64_t *out) {
    enum json_kind kind = json_kind_of(value);
    if (kind == JSON_STRING) {
        value = (struct json_slice){value.text + 1, value.n_bytes - 2};
    }
    if (kind == JSON_NULL) {
        *out = 0;
        return true;
    }
    return (kind == JSON_NUMBER || kind == JSON_STRING) && json_to_int64(value, out);
}

static bool take_text(struct json_slice value, struct json_slice *out) {
    enum json_kind kind = json_kind_of(value);
    *out = kind == JSON_STRING ? value : (struct json_slice){NULL, 0};
    return kind == JSON_STRING || kind == JSON_NULL;
}

static int read_pair(struct json_slice object, struct pair *pair) {
    struct json_cursor cursor = json_cursor_over(object.text, object.n_bytes);
    struct json_slice key, value;
    int got = json_enter(&cursor, '{');
    if (got != 0) {
        return got;
    }
    while ((got = json_next_member(&cursor, &key, &value)) == 1) {
        bool is_fine = true;
        if (json_string_is(key, pair->number_name)) {
            is_fine = take_number(value, &pair->number);
        } else if (json_string_is(key, pair->text_name)) {
            is_fine = take_text(value, &pair->text);
        }
        if (!is_fine) {
            return WEIR_E_SYNTAX;
        }
    }
    return got;
}

/* One JSON value and nothing else. */
static int read_whole(const char *text, size_t n_bytes, struct json_slice *out) {
    struct json_cursor cursor = json_cursor_over(text, n_bytes);
    int error = json_skip(&cursor, out);
    if (error == 0 && !json_at_end(&cursor)) {
        error = WEIR_E_SYNTAX;
    }
    return error != 0 || json_kind_of(*out) == JSON_OBJECT ? error : WEIR_E_SYNTAX;
}

/* The decoded text, cut at its bound; *decoded is initialised here. */
static struct response_text decode(struct buf *decoded, const struct pair *pair) {
    buf_init(decoded, 3 * pair->text.n_bytes); /* a bad byte becomes three */
    if (pair->text.text != NULL) {
        json_append_decoded(decoded, pair->text);
    }
    return (struct response_text){decoded->n_bytes > 0 ? (const char *)decoded->data : NULL,
                                  MIN(decoded->n_bytes, (size_t)JSON_ANSWER_MAX_BYTES / 2)};
}

static void deinit(struct buf *buf) {
    buf_deinit(buf);
}

int json_answer_read_response(struct buf *out, const char *text, size_t n_bytes) {
    struct pair pair = {.number_name = "rejectedSpans", .text_name = "errorMessage"};
    struct json_slice whole, key, value;
    int got = read_whole(text, n_bytes, &whole);
    if (got != 0) {
        return got;
    }
    struct json_cursor cursor = json_cursor_over(whole.text, whole.n_bytes);
    (void)json_enter(&cursor, '{');
    while ((got = json_next_member(&cursor, &key, &value)) == 1) {
        if (json_string_is(key, "partialSuccess") && json_kind_of(value) != JSON_NULL) {
            int error = read_pair(value, &pair);
            if (error != 0) {
                return error;
            }
        }
    }
    struct buf decoded CLEANUP(deinit);
    struct response_text message = decode(&decoded, &pair);
    response_write_partial(out, &(struct response_partial){pair.number, message});
    return buf_error(&decoded) != 0 ? buf_error(&decoded) : buf_error(out);
}

int json_answer_read_status(struct buf *out, const char *text, size_t n_bytes) {
    struct pair pair = {.number_name = "code", .text_name = "message"};
    struct json_slice whole;
    int error = read_whole(text, n_bytes, &whole);
    error = error != 0 ? error : read_pair(whole, &pair);
    if (error != 0) {
        return error;
    }
    struct buf decoded CLEANUP(deinit);
    struct response_text message = decode(&decoded, &pair);
    response_write_status(out, (int32_t)pair.number, message);
    return buf_error(&decoded) != 0 ? buf_error(&decoded) : buf_error(out);
}
