/*
 * One little agent in each of the four streaming modes, and the spans it became, side by side.
 *
 *   cc streaming_modes.c $(pkg-config --cflags --libs weir) -o streaming_modes
 *   ./streaming_modes [--tracker-dir DIR]
 *
 * The spans go to a transport of our own, which gets what would be sent to a server: an
 * ExportTraceServiceRequest in protobuf. [stream.*] marks what carries the stream's times.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <weir/weir.h>

enum { N_MODES = 4, MAX_SPANS = 32, MAX_LINES = MAX_SPANS + 1, COLUMN = 34 };

/* ---- the agent: thinks, then streams an answer ---- */

static void work(long ms) {
    nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

static void run_agent(weir *w, const char *app_id) {
    weir_app *app = weir_app_new(w, &WEIR_APP_OPTIONS(.app_id = app_id));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    weir_step *think = weir_step_begin(call, "think", NULL);
    weir_span *span = weir_span_begin(think, "retrieve", NULL);
    weir_set(span, "documents", 3);
    work(4);
    weir_span_end(span);
    weir_step_end(think, NULL);
    weir_step *answer = weir_step_begin(call, "answer", &WEIR_STEP_OPTIONS(.streams = true));
    weir_stream *stream = weir_stream_begin(answer);
    for (int i = 0; i < 3; i++) {
        weir_stream_pull(stream);
        work(i == 0 ? 12 : 3); /* the first token takes longest */
        weir_stream_yield(stream);
        work(2); /* the consumer's own time */
    }
    weir_step_end(answer, &WEIR_STEP_RESULT(.state = "{\"answer\":\"It depends.\"}"));
    weir_stream_end(stream);
    weir_call_end(call, NULL);
    weir_app_free(app);
}

/* ---- the transport: finds the spans in the request ---- */

struct span {
    char id[8], parent[8], name[24]; /* id: 0 for an event, shown like a child */
    bool has_stream_data;
};
struct spans {
    struct span items[MAX_SPANS];
    size_t n;
};
struct message {
    const uint8_t *at, *end;
};

static uint64_t read_varint(struct message *m) {
    uint64_t value = 0;
    for (unsigned shift = 0; m->at < m->end && shift < 64; shift += 7) {
        uint8_t byte = *m->at++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            break;
        }
    }
    return value;
}

/* What follows a tag of that wire type; a number is passed over. */
static uint64_t read_size(struct message *m, uint64_t type) {
    switch (type) {
    case 0: return read_varint(m), 0;
    case 1: return 8;
    case 5: return 4;
    default: return read_varint(m);
    }
}

/* The bytes of the message's next field of that number; false when there is none left. */
static bool next(struct message *m, uint64_t number, struct message *out) {
    while (m->at < m->end) {
        uint64_t tag = read_varint(m);
        uint64_t size = read_size(m, tag & 7);
        if (size > (uint64_t)(m->end - m->at)) {
            return false;
        }
        *out = (struct message){m->at, m->at + size};
        m->at += size;
        if (tag >> 3 == number) {
            return true;
        }
    }
    return false;
}

/* Copies the first field of that number, as far as there is room. */
static void copy(struct message m, uint64_t number, char *out, size_t n_bytes) {
    struct message field;
    if (next(&m, number, &field)) {
        size_t size = (size_t)(field.end - field.at);
        memcpy(out, field.at, size < n_bytes ? size : n_bytes);
    }
}

static void take_span(struct spans *spans, struct message m) {
    struct message events = m, attributes = m, field;
    struct span span = {0};
    copy(m, 2, span.id, sizeof span.id);
    copy(m, 4, span.parent, sizeof span.parent);
    copy(m, 5, span.name, sizeof span.name - 1);
    while (next(&attributes, 9, &field)) {
        char key[8] = "";
        copy(field, 1, key, 7);
        span.has_stream_data = span.has_stream_data || strcmp(key, "stream.") == 0;
    }
    while (next(&events, 11, &field) && spans->n < MAX_SPANS) {
        struct span *event = &spans->items[spans->n++];
        *event = (struct span){.name = "! ", .has_stream_data = true};
        memcpy(event->parent, span.id, sizeof event->parent);
        copy(field, 2, event->name + 2, sizeof event->name - 3);
    }
    if (spans->n < MAX_SPANS) {
        spans->items[spans->n++] = span;
    }
}

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline,
                weir_transport_response *response, weir_error_detail *detail) {
    (void)deadline, (void)detail; /* this transport neither waits nor fails */
    struct message request = {body, body + n_bytes}, resource, scope, span;
    while (next(&request, 1, &resource)) {
        while (next(&resource, 2, &scope)) {
            while (next(&scope, 2, &span)) {
                take_span(data, span);
            }
        }
    }
    response->http_status = 200;
    return 0;
}

/* ---- printing ---- */

struct page {
    char lines[N_MODES][MAX_LINES][COLUMN];
    size_t n[N_MODES];
};

static void add_line(struct page *page, size_t mode, int depth, const char *name,
                     const char *mark) {
    if (page->n[mode] < MAX_LINES) {
        snprintf(page->lines[mode][page->n[mode]++], COLUMN, "%*s%s%s", depth * 2, "", name, mark);
    }
}

static void draw(struct page *page, size_t mode, const struct spans *spans, const char parent[8],
                 int depth) {
    for (size_t i = 0; i < spans->n; i++) {
        const struct span *span = &spans->items[i];
        if (memcmp(span->parent, parent, sizeof span->parent) == 0) {
            add_line(page, mode, depth, span->name, span->has_stream_data ? " [stream.*]" : "");
            if (memcmp(span->id, (const char[8]){0}, sizeof span->id) != 0) { /* not an event */
                draw(page, mode, spans, span->id, depth + 1);
            }
        }
    }
}

int main(int argc, char **argv) {
    bool has_dir = argc == 3 && strcmp(argv[1], "--tracker-dir") == 0;
    if (argc > 1 && !has_dir) {
        fprintf(stderr, "usage: %s [--tracker-dir DIR]\n", argv[0]);
        return 2;
    }
    static struct page page;
    size_t n_lines = 0;
    for (size_t i = 0; i < N_MODES; i++) {
        weir_streaming_mode mode = (weir_streaming_mode)(WEIR_STREAMING_SINGLE_SPAN + i);
        struct spans spans = {.n = 0};
        weir_transport transport = WEIR_TRANSPORT_INIT;
        transport.post = post;
        transport.data = &spans;
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        weir *w = NULL;
        if (weir_open(&WEIR_OPTIONS(.project = "streaming_modes", .streaming_mode = mode,
                                    .tracker_dir = has_dir ? argv[2] : NULL,
                                    .otlp = &WEIR_OTLP_OPTIONS(.transport = &transport)),
                      &w, &detail) != 0) {
            fprintf(stderr, "%s\n", detail.message);
            return 1;
        }
        run_agent(w, weir_streaming_mode_name(mode));
        weir_close(w, 5000); /* by now the spans are here */
        add_line(&page, i, 0, weir_streaming_mode_name(mode), "");
        draw(&page, i, &spans, (const char[8]){0}, 1);
        n_lines = page.n[i] > n_lines ? page.n[i] : n_lines;
    }
    for (size_t i = 0; i < n_lines; i++) {
        printf("%-26s%-34s%-26s%s\n", page.lines[0][i], page.lines[1][i], page.lines[2][i],
               page.lines[3][i]);
    }
    return 0;
}
