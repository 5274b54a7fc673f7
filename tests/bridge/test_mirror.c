/* The mirror: spans of the OTLP API below a step are in Burr's files too. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bridge/rig.h"
#include "tests/golden/json_tree.h"
#include "tests/support/fault.h"
#include "tests/support/settled_fork.h"

TestSuite(mirror);

static weir_otlp_span *span_below(struct rig *rig, const weir_otlp_context *context,
                                  const char *name) {
    weir_otlp_tracer *tracer = weir_tracer(rig->w, "host", "1");
    return weir_otlp_span_begin(tracer, name, &WEIR_OTLP_SPAN_OPTIONS(.parent = context));
}

static weir_otlp_span *child_of(struct rig *rig, weir_otlp_span *parent, const char *name) {
    weir_otlp_context context = weir_otlp_span_context(parent);
    return span_below(rig, &context, name);
}

/* The lines of spans and attributes, shortened to what is told apart here. */
static const char *lines(struct rig *rig) {
    struct buf CLEANUP(buf_deinit) out;
    buf_init(&out, 1 << 20);
    static const char *const keys[] = {"span_id", "span_name", "parent_span_id", "key", "value"};
    const char *line = rig_file(rig, "a", "log.jsonl");
    for (; *line != '\0'; line += strcspn(line, "\n") + 1) {
        struct json_slice record = {line, strcspn(line, "\n")};
        struct json_slice type = json_tree_member(record, "type");
        buf_append(&out, type.text + 1, type.n_bytes - 2);
        for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
            struct json_slice value = json_tree_member(record, keys[i]);
            buf_append_text(&out, value.text != NULL ? " " : "");
            buf_append(&out, value.text, value.n_bytes);
        }
        buf_append_byte(&out, '\n');
    }
    return arena_copy(&rig->arena, out.data, out.n_bytes);
}

Test(mirror, spans_below_a_step_are_its_spans) {
    struct rig *rig CLEANUP(rig_close) = RIG(.mirror = true);
    struct rig_run run = rig_begin(rig, NULL);
    weir_otlp_context context = weir_context(run.step);
    weir_otlp_span *outer = span_below(rig, &context, "openai.chat");
    const weir_value text = weir_value_string("small"), number = weir_value_int(3);
    weir_otlp_span *inner = child_of(rig, outer, "http.post");
    weir_otlp_span_set(outer, "gen_ai.request.model", &text);
    weir_otlp_span_set(inner, "n", &number);
    weir_otlp_span_end(inner);
    weir_otlp_span_end(outer);
    weir_otlp_span_end(span_below(rig, &context, "again"));
    rig_end(rig, &run);
    expect_text(lines(rig), "begin_entry\n"
                            "begin_span \"0:0\" \"openai.chat\" null\n"
                            "begin_span \"0:0.0\" \"http.post\" \"0:0\"\n"
                            "end_span \"0:0.0\"\n"
                            "attribute \"0:0.0\" \"n\" 3\n"
                            "end_span \"0:0\"\n"
                            "attribute \"0:0\" \"gen_ai.request.model\" \"small\"\n"
                            "begin_span \"0:1\" \"again\" null\n"
                            "end_span \"0:1\"\n"
                            "end_entry\n"); /* and no end_span behind it */
    expect_tree(rig, RIG_ATTRIBUTES,
                "run OK\n"
                "  act OK\n"
                "    openai.chat UNSET gen_ai.request.model=\"small\"\n"
                "      http.post UNSET n=3\n"
                "    again UNSET\n");
    cr_assert(eq(u64, rig_stats(rig).mirrored, 3));
    cr_assert(eq(u64, rig_stats(rig).mirror_lost, 0));
}

Test(mirror, uids_are_shared_with_the_steps_own_spans) {
    struct rig *rig CLEANUP(rig_close) = RIG(.mirror = true);
    struct rig_run run = rig_begin(rig, NULL);
    weir_span *own = weir_span_begin(run.step, "own", NULL);
    weir_otlp_context of_step = weir_context(run.step), of_span = weir_context(own);
    weir_otlp_span_end(span_below(rig, &of_step, "x"));
    weir_otlp_span_end(span_below(rig, &of_span, "y"));
    weir_span_end(weir_span_begin(own, "z", NULL));
    weir_span_end(own);
    rig_end(rig, &run);
    expect_text(lines(rig), "begin_entry\n"
                            "begin_span \"0:0\" \"own\" null\n"
                            "begin_span \"0:1\" \"x\" null\n"
                            "end_span \"0:1\"\n"
                            "begin_span \"0:0.0\" \"y\" \"0:0\"\n"
                            "end_span \"0:0.0\"\n"
                            "begin_span \"0:0.1\" \"z\" \"0:0\"\n"
                            "end_span \"0:0.1\"\n"
                            "end_span \"0:0\"\n"
                            "end_entry\n");
}

Test(mirror, a_streams_context_is_its_steps) {
    struct rig *rig CLEANUP(rig_close) =
        RIG(.mirror = true, .streaming_mode = WEIR_STREAMING_CHUNK_SPANS);
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.streams = true));
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    weir_otlp_context context = weir_context(stream);
    weir_otlp_span_end(span_below(rig, &context, "x"));
    weir_stream_yield(stream);
    weir_stream_end(stream);
    rig_end(rig, &run);
    cr_assert(strstr(lines(rig), "begin_span \"0:0\" \"x\" null\nend_span \"0:0\"\n") != NULL);
}

Test(mirror, it_is_off_unless_asked) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, NULL);
    weir_otlp_context context = weir_context(run.step);
    weir_otlp_span_end(span_below(rig, &context, "x"));
    rig_end(rig, &run);
    expect_text(lines(rig), "begin_entry\nend_entry\n");
}

Test(mirror, spans_of_no_step_are_the_hosts_own) {
    struct rig *rig CLEANUP(rig_close) = RIG(.mirror = true);
    struct rig_run run = rig_begin(rig, NULL);
    weir_otlp_context of_call = weir_context(run.call), none = {{0}};
    weir_otlp_span_end(span_below(rig, &of_call, "x"));
    weir_otlp_span_end(span_below(rig, &none, "y"));
    weir_otlp_span_end(span_below(rig, NULL, "z"));
    rig_end(rig, &run);
    expect_text(lines(rig), "begin_entry\nend_entry\n");
    cr_assert(eq(u64, rig_stats(rig).mirror_lost, 0));
}

Test(mirror, what_is_late_for_its_step_is_counted) {
    struct rig *rig CLEANUP(rig_close) = RIG(.mirror = true);
    struct rig_run run = rig_begin(rig, NULL);
    weir_otlp_context context = weir_context(run.step);
    weir_otlp_span *open = span_below(rig, &context, "open");
    weir_step_end(run.step, NULL);
    weir_otlp_span_end(child_of(rig, open, "child"));
    weir_otlp_span_end(span_below(rig, &context, "late"));
    weir_otlp_span_end(open);
    rig_end(rig, &run);
    expect_text(lines(rig), "begin_entry\nbegin_span \"0:0\" \"open\" null\nend_entry\n");
    cr_assert(eq(u64, rig_stats(rig).mirror_lost, 3));
    cr_assert(eq(u64, rig_stats(rig).mirrored, 0));
}

Test(mirror, a_child_whose_parent_has_ended_belongs_to_the_step) {
    struct rig *rig CLEANUP(rig_close) = RIG(.mirror = true);
    struct rig_run run = rig_begin(rig, NULL);
    weir_otlp_context context = weir_context(run.step);
    weir_otlp_span *parent = span_below(rig, &context, "parent");
    weir_otlp_context of_parent = weir_otlp_span_context(parent);
    weir_otlp_span_end(parent);
    weir_otlp_span_end(span_below(rig, &of_parent, "orphan"));
    rig_end(rig, &run);
    cr_assert(strstr(lines(rig), "begin_span \"0:1\" \"orphan\" null\n") != NULL, "%s", lines(rig));
}

Test(mirror, values_are_written_as_json) {
    struct rig *rig CLEANUP(rig_close) = RIG(.mirror = true);
    struct rig_run run = rig_begin(rig, NULL);
    weir_otlp_context context = weir_context(run.step);
    weir_otlp_span *span = span_below(rig, &context, "s");
    const weir_value items[] = {weir_value_string("a\""), weir_value_int(1)};
    const weir_key_value members[] = {{"l", weir_value_array(items, 2)}, {"e", {WEIR_VALUE_EMPTY}}};
    const weir_value values[] = {weir_value_array(items, 2), weir_value_map(members, 2),
                                 weir_value_double(0.5),     weir_value_bool(true),
                                 weir_value_bytes("b", 1),   {WEIR_VALUE_EMPTY},
                                 weir_value_string("")};
    static const char *const keys[] = {"list", "map", "double", "bool", "bytes", "none", "empty"};
    for (size_t i = 0; i < ARRAY_LENGTH(values); i++) {
        weir_otlp_span_set(span, keys[i], &values[i]);
    }
    weir_otlp_span_end(span);
    rig_end(rig, &run);
    const char *got = strstr(lines(rig), "end_span");
    expect_text(got, "end_span \"0:0\"\n"
                     "attribute \"0:0\" \"list\" [\"a\\\"\",1]\n"
                     "attribute \"0:0\" \"map\" {\"l\":[\"a\\\"\",1],\"e\":null}\n"
                     "attribute \"0:0\" \"double\" 0.5\n"
                     "attribute \"0:0\" \"bool\" true\n"
                     "attribute \"0:0\" \"bytes\" \"Yg==\"\n"
                     "attribute \"0:0\" \"none\" null\n"
                     "attribute \"0:0\" \"empty\" \"\"\n"
                     "end_entry\n");
}

Test(mirror, token_counts_have_their_older_names_too) {
    struct rig *rig CLEANUP(rig_close) =
        RIG(.mirror = true, .conventions = WEIR_CONVENTIONS_LEGACY_USAGE);
    struct rig_run run = rig_begin(rig, NULL);
    weir_otlp_context context = weir_context(run.step);
    weir_otlp_span *span = span_below(rig, &context, "s");
    const weir_value n = weir_value_int(3);
    weir_otlp_span_set(span, "gen_ai.usage.input_tokens", &n);
    weir_otlp_span_end(span);
    rig_end(rig, &run);
    cr_assert(strstr(lines(rig), "\"gen_ai.usage.prompt_tokens\" 3\n") != NULL);
}

static weir_verdict drop_tokens(void *data, const weir_redaction *what, weir_value *replacement) {
    (void)data;
    (void)replacement;
    return what->destination == WEIR_TO_TRACKER && strcmp(what->path, "token") == 0 ? WEIR_DROP
                                                                                    : WEIR_KEEP;
}

Test(mirror, the_host_is_asked_about_mirrored_attributes) {
    struct rig *rig CLEANUP(rig_close) = RIG(.mirror = true, .redact = drop_tokens);
    struct rig_run run = rig_begin(rig, NULL);
    weir_otlp_context context = weir_context(run.step);
    weir_otlp_span *span = span_below(rig, &context, "s");
    const weir_value n = weir_value_int(3);
    weir_otlp_span_set(span, "token", &n);
    weir_otlp_span_set(span, "n", &n);
    weir_otlp_span_end(span);
    rig_end(rig, &run);
    cr_assert(strstr(lines(rig), "end_span \"0:0\"\nattribute \"0:0\" \"n\" 3\nend_entry") != NULL,
              "%s", lines(rig));
    cr_assert(strstr(rig_tree(rig, RIG_ATTRIBUTES), "s UNSET token=3 n=3") != NULL);
}

Test(mirror, what_is_open_at_the_end_is_counted_and_freed) {
    struct rig *rig CLEANUP(rig_close) = RIG(.mirror = true);
    struct rig_run run = rig_begin(rig, NULL);
    weir_otlp_context context = weir_context(run.step);
    weir_otlp_span *span = span_below(rig, &context, "s");
    (void)child_of(rig, span, "t");
    rig_end(rig, &run);
    (void)weir_close(rig->w, 20000);
    rig->w = NULL;
    weir_otlp_span_end(span);
    expect_text(lines(rig), "begin_entry\nbegin_span \"0:0\" \"s\" null\n"
                            "begin_span \"0:0.0\" \"t\" \"0:0\"\nend_entry\n");
}

static int n_started, n_ended;
static void count_start(void *data, weir_otlp_span *span, const weir_otlp_context *parent) {
    (void)data;
    (void)span;
    (void)parent;
    n_started++;
}
static void count_end(void *data, const weir_otlp_view *view) {
    (void)data;
    (void)view;
    n_ended++;
}

Test(mirror, the_hosts_processors_stay) {
    const weir_processor processor = WEIR_PROCESSOR(.on_start = count_start, .on_end = count_end);
    const weir_processor *processors[] = {&processor};
    weir *w = NULL;
    weir_otlp_options otlp =
        WEIR_OTLP_OPTIONS(.output_path = "/dev/null", .processors = processors, .n_processors = 1);
    struct rig *rig CLEANUP(rig_close) = RIG();
    int error = weir_open(
        &WEIR_OPTIONS(.mirror = true, .tracker_dir = rig->dir, .project = "p", .otlp = &otlp), &w,
        NULL);
    cr_assert(eq(int, error, 0));
    weir_app *app = weir_app_new(w, &WEIR_APP_OPTIONS(.app_id = "a"));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    weir_call_end(call, NULL);
    weir_app_free(app);
    (void)weir_close(w, 20000);
    cr_assert(eq(int, n_started, 1));
    cr_assert(eq(int, n_ended, 1));
}

Test(mirror, short_memory_costs_records_only) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        fault_disarm();
        struct rig *rig = RIG(.mirror = true);
        struct rig_run run = rig_begin(rig, NULL);
        weir_otlp_context context = weir_context(run.step);
        const weir_value list = weir_value_array(NULL, 0);
        (void)fault_arm(n, false);
        weir_otlp_span *span = span_below(rig, &context, "s");
        weir_otlp_span_set(span, "k", &list);
        weir_otlp_span_end(span);
        bool has_struck = fault_has_struck();
        fault_disarm();
        rig_end(rig, &run);
        weir_stats stats = rig_stats(rig);
        cr_assert(has_struck || stats.mirrored == 1);
        rig_close(&rig);
        if (!has_struck) {
            break;
        }
    }
}

Test(mirror, a_forked_child_knows_none_of_its_parents_spans) {
    struct rig *rig CLEANUP(rig_close) = RIG(.mirror = true);
    struct rig_run run = rig_begin(rig, NULL);
    weir_otlp_context context = weir_context(run.step);
    weir_otlp_span *span = span_below(rig, &context, "parents");
    pid_t child = settled_fork();
    if (child == 0) {
        alarm(20);
        weir_otlp_span_end(span);
        weir_stats stats = rig_stats(rig);
        bool is_clean = stats.mirrored == 0 && stats.mirror_lost == 0;
        weir_call *call = weir_call_begin(run.app, WEIR_METHOD_RUN);
        weir_step *step = weir_step_begin(call, "childs", NULL);
        weir_otlp_context own = weir_context(step);
        weir_otlp_span_end(span_below(rig, &own, "own"));
        weir_step_end(step, NULL);
        _exit(is_clean && rig_stats(rig).mirrored == 1 ? 0 : 1);
    }
    int status = -1;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0));
    weir_otlp_span_end(span);
    rig_end(rig, &run);
    cr_assert(eq(u64, rig_stats(rig).mirrored, 1));
}
