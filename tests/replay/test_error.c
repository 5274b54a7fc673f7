#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <string.h>

#include "bridge/replay/error.h"
#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"

static bool is_text(struct replay_text text, const char *expected) {
    return text.n_bytes == strlen(expected) && memcmp(text.bytes, expected, text.n_bytes) == 0;
}

#define FRAME                                                                                      \
    "Traceback (most recent call last):\n  File \"/app/main.py\", line 1, in run\n    go()\n"

Test(replay_error, finds_type_and_text) {
    static const struct {
        const char *exception, *type, *text;
    } rows[] = {
        {FRAME "ValueError: boom\n", "ValueError", "boom"},
        {FRAME "ValueError: boom", "ValueError", "boom"},
        {FRAME "ValueError\n", "ValueError", ""},
        {FRAME "openai.AuthenticationError: Error code: 401 - {'a': 'b'}\n",
         "openai.AuthenticationError", "Error code: 401 - {'a': 'b'}"},
        {FRAME "app.<locals>.Odd: x\n", "app.<locals>.Odd", "x"},
        /* chained: the last traceback tells */
        {FRAME "KeyError: 'a'\n\nDuring handling of the above exception, another exception "
               "occurred:\n\n" FRAME "GeneratorExit\n",
         "GeneratorExit", ""},
        /* a message of several lines */
        {FRAME "ValidationError: 1 error for X\nfield\n  Input should be a number\n",
         "ValidationError", "1 error for X\nfield\n  Input should be a number"},
        {FRAME "ValueError: first\nhint: second\n", "ValueError", "first\nhint: second"},
        /* as weir's tracker writes it */
        {"ValueError: boom\n", "ValueError", "boom"},
        {"ValueError: first\nhint: second\n", "ValueError", "first\nhint: second"},
        {"Error\n", "Error", ""},
        /* no error of Python's */
        {"something broke\n", "", "something broke"},
        {"  all indented\n", "", "  all indented"},
        {"", "", ""},
        {"\n", "", ""},
        {": x\n", "", ": x"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct replay_error error;
        replay_error_read(rows[i].exception, strlen(rows[i].exception), &error);
        cr_assert(is_text(error.type, rows[i].type), "type of %s", rows[i].exception);
        cr_assert(is_text(error.text, rows[i].text), "text of %s", rows[i].exception);
    }
}

Test(replay_error, tells_an_abandoned_stream) {
    static const struct {
        const char *exception;
        bool is_abandoned;
    } rows[] = {
        {FRAME "GeneratorExit\n", true},
        {"GeneratorExit\n", true},
        {"GeneratorExit: with a text\n", false},
        {"GeneratorExits\n", false},
        {"ValueError\n", false},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct replay_error error;
        replay_error_read(rows[i].exception, strlen(rows[i].exception), &error);
        cr_assert(eq(int, error.is_abandoned, rows[i].is_abandoned), "%s", rows[i].exception);
    }
}

Test(replay_error, reads_no_byte_too_many) {
    static const char whole[] = FRAME "ValueError: boom\n";
    for (size_t length = 0; length <= sizeof whole - 1; length++) {
        char *copy = memcpy(mem_alloc(length + 1), whole, length);
        struct replay_error error;
        replay_error_read(copy, length, &error);
        cr_assert(error.text.bytes >= copy &&
                  error.text.bytes + error.text.n_bytes <= copy + length);
        mem_free(copy);
    }
}
