/* Server-sent events, cut at every place. */
#include <stdlib.h>
#include <string.h>

#include "examples/sse.h"
#include "otlp/common/buf.h"
#include "otlp/common/macro.h"
#include "tests/support/expect.h"

TestSuite(sse);

static bool keep(void *data, const char *bytes, size_t n_bytes) {
    buf_append_byte(data, '[');
    buf_append(data, bytes, n_bytes);
    buf_append_byte(data, ']');
    return n_bytes != 4 || memcmp(bytes, "stop", 4) != 0;
}

/* The events of a text that comes in pieces of so many bytes. */
static const char *events(const char *text, size_t piece, bool *went_on) {
    struct buf CLEANUP(buf_deinit) out;
    buf_init(&out, 4 * SSE_MAX_BYTES);
    struct sse *sse = calloc(1, sizeof *sse);
    cr_assert(ne(ptr, sse, NULL));
    sse->on_event = keep;
    sse->data = &out;
    size_t n_bytes = strlen(text);
    *went_on = true;
    for (size_t at = 0; at < n_bytes && *went_on; at += piece) {
        *went_on = sse_feed(sse, text + at, MIN(piece, n_bytes - at));
    }
    free(sse);
    return expect_terminated(out.data, out.n_bytes);
}

Test(sse, events_are_the_same_however_they_are_cut) {
    static const struct {
        const char *text, *events;
    } rows[] = {
        {"data: a\n\n", "[a]"},
        {"data: a\r\n\r\n", "[a]"},
        {"data: a\r\r", "[a]"},
        {"data: a\r\ndata: b\rdata:c\n\r\n", "[a\nb\nc]"},
        {"data:a\n\ndata:  b\n\n", "[a][ b]"},
        {": comment\n\ndata: a\n: another\n\n", "[a]"},
        {"event: x\nid: 1\nretry: 5\ndata: a\nunknown\n\n", "[a]"},
        {"data\n\ndat: a\n\ndatax: a\n\n", ""},
        {"data: \n\n", ""},
        {"\n\n\r\r\n", ""},
        {"data: cut off", ""},
        {"data: a\n\ndata: no blank line\n", "[a]"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        for (size_t piece = 1; piece <= strlen(rows[i].text); piece++) {
            bool went_on;
            expect_text_at(i, events(rows[i].text, piece, &went_on), rows[i].events);
            cr_assert(went_on);
        }
    }
}

Test(sse, an_event_may_say_stop) {
    bool went_on;
    expect_text(events("data: a\n\ndata: stop\n\ndata: b\n\n", 1, &went_on), "[a][stop]");
    cr_assert(not(went_on));
}

Test(sse, lines_and_events_are_bounded) {
    struct sse *sse = calloc(1, sizeof *sse);
    struct buf CLEANUP(buf_deinit) out;
    buf_init(&out, 4 * SSE_MAX_BYTES);
    cr_assert(ne(ptr, sse, NULL));
    sse->on_event = keep;
    sse->data = &out;
    char *half = calloc(1, SSE_MAX_BYTES / 2);
    memset(half, 'x', SSE_MAX_BYTES / 2);
    cr_assert(sse_feed(sse, "data:", 5));
    cr_assert(sse_feed(sse, half, SSE_MAX_BYTES / 2));
    cr_assert(sse_feed(sse, "\ndata:", 6));
    cr_assert(sse_feed(sse, half, SSE_MAX_BYTES / 2));
    cr_assert(not(sse_feed(sse, "\n\n", 2))); /* the line feed between the two is one too many */
    cr_assert(sse->is_too_large);
    free(half);
    free(sse);
}
