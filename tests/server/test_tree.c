#include "bridge/server/tree.h"

#include <stdio.h>
#include <stdlib.h>

#include <weir/error.h>

#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/request_model.h"

enum { SECOND = 1000000000 };
#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define HEAD "trace " TRACE "  svc  "
#define AT "  2026-01-02 03:04:05.000 UTC\n"

/* A span as OTLP/JSON: times in ms of one second, ids by number (parent 0: none). Good until called
 * sixteen times more. */
static const char *span(int id, int parent, const char *name, int start_ms, int end_ms,
                        const char *more) {
    static char texts[16][4096];
    static unsigned next;
    char parent_member[64] = "";
    if (parent != 0) {
        snprintf(parent_member, sizeof parent_member, "\"parentSpanId\":\"%016x\",", parent);
    }
    char *text = texts[next++ % 16];
    snprintf(text, sizeof texts[0],
             "{\"traceId\":\"" TRACE "\",\"spanId\":\"%016x\",%s\"name\":\"%s\",\"kind\":1,"
             "\"startTimeUnixNano\":\"1767323045%03d000000\","
             "\"endTimeUnixNano\":\"1767323045%03d000000\"%s}",
             id, parent_member, name, start_ms, end_ms, more);
    return text;
}

/* A request with these spans (NULL-terminated), of a service. */
static void add_of(struct tree *tree, const char *service, const char *const *spans,
                   uint64_t now_ns, struct buf *out) {
    size_t n_bytes = 512;
    for (size_t i = 0; spans[i] != NULL; i++) {
        n_bytes += strlen(spans[i]) + 1;
    }
    char *json = malloc(n_bytes);
    int n = snprintf(json, n_bytes,
                     "{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\","
                     "\"value\":{\"stringValue\":\"%s\"}}]},\"scopeSpans\":[{\"spans\":[",
                     service);
    for (size_t i = 0; spans[i] != NULL; i++) {
        n += snprintf(json + n, n_bytes - (size_t)n, "%s%s", i > 0 ? "," : "", spans[i]);
    }
    snprintf(json + n, n_bytes - (size_t)n, "]}]}]}");
    struct model_request model = model_from_json(json);
    cr_assert(eq(int, tree_add(tree, model_to_protobuf(&model), now_ns, out), 0));
    model_free(&model);
    free(json);
}
#define add(tree, now_ns, out, ...)                                                                \
    add_of(tree, "svc", (const char *const[]){__VA_ARGS__, NULL}, now_ns, out)

/* What a tree of these options prints of one request. */
#define expect_tree_with(tree_options_, expected, ...)                                             \
    do {                                                                                           \
        struct tree_options options_ = tree_options_;                                              \
        struct tree *tree_ = tree_new(&options_);                                                  \
        struct buf out_;                                                                           \
        buf_init(&out_, 1 << 16);                                                                  \
        add(tree_, 0, &out_, __VA_ARGS__);                                                         \
        tree_flush(tree_, &out_);                                                                  \
        expect_buf(&out_, expected);                                                               \
        buf_deinit(&out_);                                                                         \
        tree_free(tree_);                                                                          \
    } while (0)
#define PLAIN ((struct tree_options){.has_details = true})
#define expect_tree(expected, ...) expect_tree_with(PLAIN, expected, __VA_ARGS__)

/* ---- looks ---- */

Test(tree, children_stand_below_their_parents_in_order_of_time) {
    expect_tree(HEAD "4 spans  100 ms" AT
                     "call                    100 ms  ████████████████████████\n"
                     "├─ first               20.0 ms   █████\n"
                     "│  └─ inner            10.0 ms    ██▊\n"
                     "└─ second              50.0 ms             █████████████\n"
                     "\n",
                span(3, 1, "second", 50, 100, ""), span(4, 2, "inner", 10, 20, ""),
                span(2, 1, "first", 5, 25, ""), span(1, 0, "call", 0, 100, ""));
}

Test(tree, attributes_events_links_and_status_stand_below_their_span) {
    expect_tree(HEAD "1 span  100 ms  2026-01-02 03:04:05.050 UTC\n"
                     "call                    100 ms  ████████████████████████  ERROR\n"
                     "   ! it broke\n"
                     "   a         1\n"
                     "   long.key  text\n"
                     "   (2 attributes dropped by the sender)\n"
                     "   • chunk  +25.0 ms\n"
                     "       n  true\n"
                     "   • early  -5.00 ms\n"
                     "   (1 event dropped by the sender)\n"
                     "   -> trace 0102030405060708090a0b0c0d0e0f10 span 0102030405060708\n"
                     "       why  retry\n"
                     "\n",
                span(1, 0, "call", 50, 150,
                     ",\"status\":{\"code\":2,\"message\":\"it broke\"},"
                     "\"attributes\":[{\"key\":\"a\",\"value\":{\"intValue\":\"1\"}},"
                     "{\"key\":\"long.key\",\"value\":{\"stringValue\":\"text\"}}],"
                     "\"droppedAttributesCount\":2,\"droppedEventsCount\":1,"
                     "\"events\":[{\"timeUnixNano\":\"1767323045075000000\",\"name\":\"chunk\","
                     "\"attributes\":[{\"key\":\"n\",\"value\":{\"boolValue\":true}}]},"
                     "{\"timeUnixNano\":\"1767323045045000000\",\"name\":\"early\"}],"
                     "\"links\":[{\"traceId\":\"0102030405060708090a0b0c0d0e0f10\","
                     "\"spanId\":\"0102030405060708\",\"attributes\":[{\"key\":\"why\","
                     "\"value\":{\"stringValue\":\"retry\"}}]}]"));
}

Test(tree, rails_lead_past_details_to_siblings_and_children) {
    expect_tree(
        HEAD "3 spans  100 ms" AT "call                    100 ms  ████████████████████████\n"
             "│  k  0\n"
             "├─ a                   10.0 ms  ██▍\n"
             "│     k  1\n"
             "└─ b                   10.0 ms                       ███\n"
             "      k  2\n"
             "\n",
        span(1, 0, "call", 0, 100,
             ",\"attributes\":[{\"key\":\"k\",\"value\":{\"intValue\":\"0\"}}]"),
        span(2, 1, "a", 0, 10, ",\"attributes\":[{\"key\":\"k\",\"value\":{\"intValue\":\"1\"}}]"),
        span(3, 1, "b", 90, 100,
             ",\"attributes\":[{\"key\":\"k\",\"value\":{\"intValue\":\"2\"}}]"));
}

Test(tree, can_do_without_utf8) {
    expect_tree_with(
        ((struct tree_options){.has_details = true, .is_ascii = true}),
        HEAD "4 spans  100 ms" AT "call                    100 ms  ########################\n"
             "|- a                   10.0 ms  ##\n"
             "|  `- b                 500 us   #\n"
             "`- c                      0 ns                         #\n"
             "      * e  +0 ns\n"
             "\n",
        span(1, 0, "call", 0, 100, ""), span(2, 1, "a", 0, 10, ""),
        "{\"traceId\":\"" TRACE "\",\"spanId\":\"00000000000000aa\","
        "\"parentSpanId\":\"0000000000000002\",\"name\":\"b\",\"kind\":1,"
        "\"startTimeUnixNano\":\"1767323045005000000\","
        "\"endTimeUnixNano\":\"1767323045005500000\"}",
        span(3, 1, "c", 100, 100,
             ",\"events\":[{\"timeUnixNano\":\"1767323045100000000\",\"name\":\"e\"}]"));
}

Test(tree, can_leave_details_out) {
    expect_tree_with(
        ((struct tree_options){.has_details = false}),
        HEAD "1 span  1.00 ms" AT
             "call                   1.00 ms  ████████████████████████  OK\n\n",
        span(1, 0, "call", 0, 1,
             ",\"status\":{\"code\":1},"
             "\"attributes\":[{\"key\":\"k\",\"value\":{\"intValue\":\"0\"}}],"
             "\"events\":[{\"timeUnixNano\":\"1767323045000000000\",\"name\":\"e\"}]"));
}

Test(tree, long_lines_are_cut_where_the_terminal_ends) {
    expect_tree_with(
        ((struct tree_options){.has_details = true, .columns = 60}),
        HEAD "1 span  1.00 ms\n"
             "a name that is longer than room …   1.00 ms  ████████  ERROR\n"
             "   ! a message that goes on and on, further than a line of …\n"
             "   k  a value that goes on and on, further than a line of 6…\n"
             "\n",
        span(1, 0, "a name that is longer than room for names", 0, 1,
             ",\"status\":{\"code\":2,\"message\":\"a message that goes on and on, further than a "
             "line of 60 columns\"},\"attributes\":[{\"key\":\"k\",\"value\":{\"stringValue\":\"a "
             "value that goes on and on, further than a line of 60 columns\"}}]"));
}

Test(tree, without_a_terminal_nothing_is_cut) {
    expect_tree(HEAD "1 span  1.00 ms" AT
                     "a name that is longer than all of the room that there is for a name"
                     "   1.00 ms  ████████████████████████\n\n",
                span(1, 0, "a name that is longer than all of the room that there is for a name", 0,
                     1, ""));
}

Test(tree, colours_are_for_terminals) {
    expect_tree_with(((struct tree_options){.has_details = true, .has_colour = true}),
                     "\x1b[1mtrace " TRACE "\x1b[0m  svc  1 span  1.00 ms" AT
                     "\x1b[1m\x1b[31mcall\x1b[0m                   \x1b[36m1.00 ms"
                     "\x1b[0m  ████████████████████████  \x1b[31mERROR\x1b[0m\n"
                     "   \x1b[31m! no\x1b[0m\n"
                     "   \x1b[2mk  0\x1b[0m\n\n",
                     span(1, 0, "call", 0, 1,
                          ",\"status\":{\"code\":2,\"message\":\"no\"},"
                          "\"attributes\":[{\"key\":\"k\",\"value\":{\"intValue\":\"0\"}}]"));
}

Test(tree, nothing_that_a_terminal_obeys_comes_through) {
    expect_tree(HEAD "1 span  1.00 ms" AT
                     "\\u{1b}[2Jx             1.00 ms  ████████████████████████  ERROR\n"
                     "   ! two\\nlines\n"
                     "   \\u{202e}k  \\u{7}\\u{9b}31m\n"
                     "   • a\\tb  +0 ns\n"
                     "\n",
                span(1, 0, "\\u001b[2Jx", 0, 1,
                     ",\"status\":{\"code\":2,\"message\":\"two\\nlines\"},"
                     "\"attributes\":[{\"key\":\"\\u202ek\",\"value\":{\"stringValue\":"
                     "\"\\u0007\\u009b31m\"}}],\"events\":[{\"timeUnixNano\":"
                     "\"1767323045000000000\",\"name\":\"a\\tb\"}]"));
}

Test(tree, kinds_other_than_internal_are_named) {
    expect_tree(HEAD "2 spans  1.00 ms" AT
                     "GET / (server)          1.00 ms  ████████████████████████\n"
                     "└─ (no name) (client)   1.00 ms  ████████████████████████\n\n",
                "{\"traceId\":\"" TRACE "\",\"spanId\":\"0000000000000001\",\"name\":\"GET /\","
                "\"kind\":2,\"startTimeUnixNano\":\"1767323045000000000\","
                "\"endTimeUnixNano\":\"1767323045001000000\"}",
                "{\"traceId\":\"" TRACE "\",\"spanId\":\"0000000000000002\",\"parentSpanId\":"
                "\"0000000000000001\",\"kind\":3,\"startTimeUnixNano\":\"1767323045000000000\","
                "\"endTimeUnixNano\":\"1767323045001000000\"}");
}

/* ---- when a trace is printed ---- */

struct fixture {
    struct tree *tree;
    struct buf out;
};

static struct fixture fixture_new(struct tree_options options) {
    struct fixture fixture = {.tree = tree_new(&options)};
    buf_init(&fixture.out, 1 << 20);
    return fixture;
}

static void fixture_free(struct fixture *fixture) {
    buf_deinit(&fixture->out);
    tree_free(fixture->tree);
}

/* How often a text stands in what was printed until now. */
static size_t n_printed(const struct fixture *fixture, const char *text) {
    size_t n = 0, n_bytes = strlen(text);
    for (size_t i = 0; i + n_bytes <= fixture->out.n_bytes; i++) {
        n += memcmp(fixture->out.data + i, text, n_bytes) == 0;
    }
    return n;
}

Test(tree, waits_for_the_root_across_requests) {
    struct fixture f = fixture_new(PLAIN);
    add(f.tree, 0, &f.out, span(2, 1, "child", 0, 10, ""));
    cr_assert(eq(sz, f.out.n_bytes, 0));
    cr_assert(eq(sz, tree_n_waiting(f.tree), 1));
    add(f.tree, 1, &f.out, span(1, 0, "root", 0, 20, ""));
    cr_assert(eq(sz, n_printed(&f, "2 spans"), 1));
    cr_assert(eq(sz, tree_n_waiting(f.tree), 0));
    fixture_free(&f);
}

Test(tree, waits_for_parents_that_are_still_missing) {
    struct fixture f = fixture_new(PLAIN);
    add(f.tree, 0, &f.out, span(1, 0, "root", 0, 20, ""), span(3, 2, "grandchild", 0, 10, ""));
    cr_assert(eq(sz, f.out.n_bytes, 0));
    add(f.tree, 1, &f.out, span(2, 1, "child", 0, 15, ""));
    cr_assert(eq(sz, n_printed(&f, "3 spans"), 1));
    fixture_free(&f);
}

Test(tree, prints_what_is_not_whole_when_nothing_more_comes) {
    struct fixture f = fixture_new((struct tree_options){.has_details = true, .idle_ns = SECOND});
    add(f.tree, 5 * (uint64_t)SECOND, &f.out, span(1, 0, "root", 0, 20, ""),
        span(3, 2, "lost", 0, 10, ""));
    tree_tick(f.tree, 6 * (uint64_t)SECOND - 1, &f.out);
    cr_assert(eq(sz, f.out.n_bytes, 0));
    tree_tick(f.tree, 6 * (uint64_t)SECOND, &f.out);
    expect_buf(&f.out, HEAD "2 spans  20.0 ms" AT
                            "root                   20.0 ms  ████████████████████████\n"
                            "lost                   10.0 ms  ████████████\n"
                            "   (its parent 0000000000000002 has not come)\n\n");
    fixture_free(&f);
}

Test(tree, prints_the_rest_at_the_end) {
    struct fixture f = fixture_new(PLAIN);
    add(f.tree, 0, &f.out, span(2, 1, "child", 0, 10, ",\"flags\":769"));
    tree_tick(f.tree, UINT64_MAX, &f.out); /* without an idle time it waits for ever */
    cr_assert(eq(sz, f.out.n_bytes, 0));
    tree_flush(f.tree, &f.out);
    cr_assert(eq(sz, n_printed(&f, "(its parent 0000000000000001 is in another process)"), 1));
    tree_flush(f.tree, &f.out);
    cr_assert(eq(sz, n_printed(&f, "trace "), 1));
    fixture_free(&f);
}

Test(tree, continues_a_trace_that_was_printed) {
    struct fixture f = fixture_new(PLAIN);
    add(f.tree, 0, &f.out, span(1, 0, "root", 0, 20, ""));
    buf_clear(&f.out);
    add(f.tree, 0, &f.out, span(3, 2, "inner", 30, 35, ""), span(2, 1, "late", 30, 40, ""));
    expect_buf(&f.out, "trace " TRACE " (continued)  svc  2 spans  10.0 ms"
                       "  2026-01-02 03:04:05.030 UTC\n"
                       "late                   10.0 ms  ████████████████████████\n"
                       "│  (its parent 0000000000000001 was printed before or has not come)\n"
                       "└─ inner               5.00 ms  ████████████\n\n");
    fixture_free(&f);
}

Test(tree, prints_the_oldest_when_too_many_wait) {
    struct fixture f = fixture_new((struct tree_options){.max_traces = 2});
    static const char *const ids[] = {"01", "02", "03"};
    for (size_t i = 0; i < 3; i++) {
        char text[512];
        snprintf(
            text, sizeof text,
            "{\"traceId\":\"%s000000000000000000000000000000\",\"spanId\":\"0000000000000002\","
            "\"parentSpanId\":\"0000000000000001\",\"name\":\"n\",\"kind\":1,"
            "\"startTimeUnixNano\":\"1767323045000000000\","
            "\"endTimeUnixNano\":\"1767323045001000000\"}",
            ids[i]);
        add(f.tree, 0, &f.out, text);
    }
    cr_assert(eq(sz, n_printed(&f, "trace 01"), 1));
    cr_assert(eq(sz, n_printed(&f, "trace "), 1));
    cr_assert(eq(sz, tree_n_waiting(f.tree), 2));
    fixture_free(&f);
}

Test(tree, prints_the_oldest_when_too_much_waits) {
    struct fixture f = fixture_new((struct tree_options){.max_bytes = 1});
    add(f.tree, 0, &f.out, span(2, 1, "child", 0, 10, ""));
    cr_assert(eq(sz, n_printed(&f, "trace "), 1));
    cr_assert(eq(sz, tree_n_waiting(f.tree), 0));
    fixture_free(&f);
}

Test(tree, names_services_when_there_are_several) {
    struct fixture f = fixture_new(PLAIN);
    add_of(f.tree, "back", (const char *const[]){span(2, 1, "work", 0, 10, ""), NULL}, 0, &f.out);
    add_of(f.tree, "front", (const char *const[]){span(1, 0, "call", 0, 20, ""), NULL}, 0, &f.out);
    expect_buf(&f.out, "trace " TRACE "  front  2 spans  20.0 ms" AT
                       "call [front]           20.0 ms  ████████████████████████\n"
                       "└─ work [back]         10.0 ms  ████████████\n\n");
    fixture_free(&f);
}

/* ---- what broken senders send ---- */

Test(tree, shows_a_span_that_came_twice_once) {
    expect_tree(HEAD "1 span  20.0 ms" AT "(1 more that came twice)\n"
                     "root                   20.0 ms  ████████████████████████\n\n",
                span(1, 0, "root", 0, 20, ""), span(1, 0, "again", 0, 20, ""));
}

Test(tree, shows_cycles_without_following_them) {
    struct fixture f = fixture_new(PLAIN);
    add(f.tree, 0, &f.out, span(1, 1, "own parent", 0, 10, ""), span(2, 3, "a", 0, 10, ""),
        span(3, 4, "b", 0, 10, ""), span(4, 2, "c", 0, 10, ""));
    tree_flush(f.tree, &f.out);
    cr_assert(eq(sz, n_printed(&f, "own parent"), 1));
    cr_assert(eq(sz, n_printed(&f, "(its parent"), 2)); /* one cut in each cycle */
    cr_assert(eq(sz, n_printed(&f, "10.0 ms"), 5));
    fixture_free(&f);
}

Test(tree, shows_times_that_make_no_sense) {
    expect_tree(HEAD "1 span  0 ns  2026-01-02 03:04:05.500 UTC\n"
                     "backwards                 0 ns  ▏\n\n",
                span(1, 0, "backwards", 500, 100, ""));
    expect_tree("trace 00000000000000000000000000000000  svc  1 span  0 ns"
                "  1970-01-01 00:00:00.000 UTC\n"
                "(no name)                 0 ns  ▏\n\n",
                "{}");
}

Test(tree, a_deep_nest_stops_being_indented) {
    struct fixture f = fixture_new(PLAIN);
    for (int i = 1; i <= 2000; i++) {
        add(f.tree, 0, &f.out, span(i, i - 1 == 0 ? 9999 : i - 1, "n", 0, 10, ""));
    }
    tree_flush(f.tree, &f.out);
    cr_assert(eq(int, buf_error(&f.out), 0));
    cr_assert(eq(sz, n_printed(&f, "2000 spans"), 1));
    cr_assert(eq(sz, n_printed(&f, "10.0 ms"), 2001));
    fixture_free(&f);
}

Test(tree, keeps_the_beginning_of_endless_details) {
    struct fixture f = fixture_new(PLAIN);
    size_t n_bytes = 8 << 20;
    char *text = malloc(n_bytes);
    int n = snprintf(text, n_bytes,
                     "{\"traceId\":\"" TRACE "\",\"spanId\":\"0000000000000001\",\"kind\":1,"
                     "\"name\":\"n\",\"attributes\":[");
    for (int i = 0; i < 40000; i++) {
        n += snprintf(text + n, n_bytes - (size_t)n,
                      "%s{\"key\":\"key-%d-of-forty-thousand\",\"value\":{\"intValue\":\"1\"}}",
                      i > 0 ? "," : "", i);
    }
    snprintf(text + n, n_bytes - (size_t)n, "]}");
    struct buf out;
    buf_init(&out, 16 << 20);
    add(f.tree, 0, &out, text);
    cr_assert(eq(int, buf_error(&out), 0));
    cr_assert(gt(sz, out.n_bytes, 500000));
    out.data[out.n_bytes - 1] = '\0';
    cr_assert(strstr((char *)out.data, "   (there are more details than are kept)\n") != NULL);
    buf_deinit(&out);
    free(text);
    fixture_free(&f);
}

/* ---- memory ---- */

Test(tree, survives_every_failing_allocation) {
    char json[4096];
    snprintf(json, sizeof json, "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[%s,%s]}]}]}",
             span(2, 1, "child", 0, 10,
                  ",\"attributes\":[{\"key\":\"k\",\"value\":{\"stringValue\":\"v\"}}]"),
             span(1, 0, "root", 0, 20, ""));
    struct model_request model = model_from_json(json);
    Otlp__ExportTraceServiceRequest *request = model_to_protobuf(&model);
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct tree *tree = tree_new(&PLAIN);
        if (tree != NULL) {
            struct buf out;
            buf_init(&out, 1 << 16);
            int error = tree_add(tree, request, 0, &out);
            cr_assert(error == 0 || error == WEIR_E_NO_MEMORY);
            tree_flush(tree, &out);
            cr_assert(error != 0 || buf_error(&out) != 0 || out.n_bytes > 0);
            buf_deinit(&out);
        }
        tree_free(tree);
    }
    model_free(&model);
}

Test(tree, free_takes_null) {
    cr_assert(eq(ptr, tree_free(NULL), NULL));
}
