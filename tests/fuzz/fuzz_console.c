/*
 * Any bytes, as a request on the console: text that no terminal obeys, in bounds.
 */
#include <weir/error.h>

#include "otlp/common/utf8.h"
#include "otlp/console.h"
#include "otlp/console_value.h"
#include "tests/fuzz/fuzz.h"

enum { MAX_TEXT = 64 << 20 };

static void check(const struct buf *text, bool is_line) {
    FUZZ_CHECK(utf8_is_valid((const char *)text->data, text->n_bytes));
    for (size_t i = 0, n_used; i < text->n_bytes; i += n_used) {
        unsigned c = utf8_decode((const char *)text->data + i, &n_used);
        FUZZ_CHECK((c == '\n' && !is_line) || (c >= 0x20 && c != 0x7f));
        FUZZ_CHECK(!(c >= 0x80 && c < 0xa0) && !(c >= 0x202a && c <= 0x202e) &&
                   !(c >= 0x2066 && c <= 0x2069));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    struct console console;
    struct buf text;
    console_init(&console);
    buf_init(&text, MAX_TEXT);
    console_write(&console, &text, bytes, n_bytes);
    FUZZ_CHECK(buf_error(&text) == 0 || buf_error(&text) == WEIR_E_SYNTAX);
    check(&text, false);
    buf_clear(&text);
    console_value(&text, bytes, n_bytes);
    FUZZ_CHECK(buf_error(&text) == 0);
    check(&text, true);
    buf_deinit(&text);
    console_deinit(&console);
    return 0;
}
