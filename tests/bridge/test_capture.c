/* What is kept of content, by levels and by the host's redaction function. */
#include <stdlib.h>
#include <string.h>

#include "tests/bridge/rig.h"
#include "tests/golden/json_tree.h"
#include "tests/support/fault.h"

TestSuite(capture);

/* One step with inputs, a result and a state that hold a secret and a long text. */
static void play(struct rig *rig) {
    struct rig_run run = rig_begin(
        rig,
        &WEIR_STEP_OPTIONS(.inputs = "{\"prompt\":\"hello w\xc3\xb6rld\",\"key\":\"s3cret\"}"));
    weir_step_end(run.step,
                  &WEIR_STEP_RESULT(.result = "{\"answer\":[\"abcdef\",1.50,null]}",
                                    .state = "{\"user\":{\"name\":\"Ann\",\"key\":\"s3cret\"}}"));
    rig_end(rig, &run);
}

/* The member of the nth record of the log, as it stands there. */
static const char *member(struct rig *rig, size_t nth, const char *name) {
    const char *line = rig_file(rig, "a", "log.jsonl");
    for (; nth > 0; nth--) {
        line = strchr(line, '\n') + 1;
    }
    struct json_slice value =
        json_tree_member((struct json_slice){line, strcspn(line, "\n")}, name);
    return arena_copy(&rig->arena, value.text, value.n_bytes);
}

#define INTERNAL "\"__SEQUENCE_ID\":0,\"__PRIOR_STEP\":\"act\""

/* ---- levels ---- */

Test(capture, burrs_files_have_everything_and_spans_nothing) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    play(rig);
    expect_tree(rig, RIG_ATTRIBUTES | RIG_EVENTS, "run OK\n  act OK\n");
    expect_text(member(rig, 0, "inputs"), "{\"prompt\":\"hello w\xc3\xb6rld\",\"key\":\"s3cret\"}");
    expect_text(member(rig, 1, "result"), "{\"answer\":[\"abcdef\",1.50,null]}");
}

Test(capture, files_can_have_no_content_and_still_be_burrs) {
    struct rig *rig CLEANUP(rig_close) = RIG(.capture_tracker = WEIR_CAPTURE_NONE);
    play(rig);
    expect_text(member(rig, 0, "inputs"), "{}");
    expect_text(member(rig, 1, "result"), "null");
    expect_text(member(rig, 1, "state"), "{" INTERNAL "}");
}

Test(capture, long_texts_are_cut_inside_valid_json) {
    struct rig *rig CLEANUP(rig_close) =
        RIG(.capture_tracker = WEIR_CAPTURE_TRUNCATE, .capture_max_chars = 8);
    play(rig);
    expect_text(member(rig, 0, "inputs"),
                "{\"prompt\":\"hello w\xc3\xb6\xe2\x80\xa6\",\"key\":\"s3cret\"}");
    expect_text(member(rig, 1, "result"), "{\"answer\":[\"abcdef\",1.50,null]}");
}

Test(capture, content_has_names_of_its_own_on_spans) {
    struct rig *rig CLEANUP(rig_close) = RIG(.capture_otlp = WEIR_CAPTURE_FULL);
    play(rig);
    const char *tree = rig_tree(rig, RIG_IDENTITY);
    cr_assert(strstr(tree, "burr.inputs=\"{\\\"prompt\\\":") != NULL, "%s", tree);
    cr_assert(strstr(tree, "burr.result=\"{\\\"answer\\\":[\\\"abcdef\\\",1.50,null]}\"") != NULL,
              "%s", tree);
    cr_assert(strstr(tree, "burr.state=\"{\\\"user\\\":") != NULL, "%s", tree);
}

Test(capture, profiles_have_other_names_for_content) {
    struct rig *rig CLEANUP(rig_close) =
        RIG(.capture_otlp = WEIR_CAPTURE_TRUNCATE, .capture_max_chars = 3,
            .conventions = WEIR_CONVENTIONS_OPENINFERENCE | WEIR_CONVENTIONS_LANGFUSE);
    play(rig);
    const char *tree = rig_tree(rig, RIG_ATTRIBUTES | RIG_IDENTITY);
    static const char *const expected[] = {
        " input.value=\"{\\\"prompt\\\":\\\"hel\\u2026\\\",\\\"key\\\":\\\"s3c\\u2026\\\"}\"",
        " langfuse.observation.input=\"{\\\"prompt\\\":",
        " input.mime_type=\"application/json\"",
        " output.value=\"{\\\"answer\\\":[\\\"abc\\u2026\\\",1.50,null]}\"",
        " langfuse.observation.output=",
        " output.mime_type=\"application/json\"",
    };
    for (size_t i = 0; i < ARRAY_LENGTH(expected); i++) {
        cr_assert(strstr(tree, expected[i]) != NULL, "%s in\n%s", expected[i], tree);
    }
    cr_assert(strstr(tree, "burr.inputs") == NULL, "%s", tree);
}

Test(capture, a_model_call_has_messages) {
    struct rig *rig CLEANUP(rig_close) =
        RIG(.capture_otlp = WEIR_CAPTURE_FULL, .conventions = WEIR_CONVENTIONS_GENAI);
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.inputs = "{\"prompt\":\"h\\\"i\"}"));
    weir_set(run.step, "gen_ai.request.model", "small");
    weir_step_end(run.step, &WEIR_STEP_RESULT(.result = "{\"a\":1,\"b\":2}"));
    rig_end(rig, &run);
    const char *tree = rig_tree(rig, RIG_ATTRIBUTES);
    cr_assert(strstr(tree,
                     "gen_ai.input.messages=\"[{\\\"role\\\":\\\"user\\\",\\\"parts\\\":[{"
                     "\\\"type\\\":\\\"text\\\",\\\"content\\\":\\\"h\\\\\\\"i\\\"}]}]\"") != NULL,
              "%s", tree);
    cr_assert(strstr(tree, "\\\"content\\\":\\\"{\\\\\\\"a\\\\\\\":1,\\\\\\\"b\\\\\\\":2}\\\"}],"
                           "\\\"finish_reason\\\":\\\"stop\\\"}]\"") != NULL,
              "%s", tree);
}

Test(capture, a_plain_step_has_no_messages) {
    struct rig *rig CLEANUP(rig_close) =
        RIG(.capture_otlp = WEIR_CAPTURE_FULL, .conventions = WEIR_CONVENTIONS_GENAI);
    play(rig);
    cr_assert(strstr(rig_tree(rig, RIG_ATTRIBUTES), "messages") == NULL);
}

Test(capture, levels_that_are_none_are_refused) {
    weir *w = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_options options[] = {WEIR_OPTIONS(.otlp_off = true, .capture_otlp = (weir_capture)9),
                              WEIR_OPTIONS(.otlp_off = true, .capture_tracker = (weir_capture)9),
                              WEIR_OPTIONS(.otlp_off = true, .capture_items = (weir_capture)9)};
    for (size_t i = 0; i < ARRAY_LENGTH(options); i++) {
        cr_assert(eq(int, weir_open(&options[i], &w, &detail), WEIR_E_INVALID), "%zu", i);
        cr_assert(strstr(detail.message, "enum weir_capture") != NULL, "%s", detail.message);
    }
}

Test(capture, the_environment_chooses_where_the_host_does_not) {
    setenv("WEIR_CAPTURE_OTLP", "Full", 1);
    setenv("WEIR_CAPTURE_TRACKER", "truncate", 1);
    setenv("WEIR_CAPTURE_ITEMS", "some", 1); /* (D8) */
    setenv("WEIR_CAPTURE_MAX_CHARS", "2", 1);
    struct rig *rig CLEANUP(rig_close) = RIG(.capture_otlp = WEIR_CAPTURE_TRUNCATE);
    play(rig);
    cr_assert(kept_log_has(&rig->log, "WEIR_CAPTURE_ITEMS=some"));
    expect_text(member(rig, 0, "inputs"),
                "{\"prompt\":\"he\xe2\x80\xa6\",\"key\":\"s3\xe2\x80\xa6\"}");
    cr_assert(strstr(rig_tree(rig, RIG_IDENTITY),
                     "burr.result=\"{\\\"answer\\\":[\\\"ab\\u2026\\\"") != NULL);
}

/* ---- items ---- */

static void stream(struct rig *rig) {
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.streams = true));
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    weir_stream_yield_value(stream, weir_value_string("token"));
    rig_pass(rig, 1);
    weir_stream_pull(stream);
    weir_stream_produced_value(stream, weir_value_json("{\"t\":\"longer\"}"));
    weir_stream_item(stream);
    weir_stream_end(stream);
    rig_end(rig, &run);
}

Test(capture, items_are_kept_only_when_asked) {
    struct rig *rig CLEANUP(rig_close) =
        RIG(.capture_otlp = WEIR_CAPTURE_FULL, .streaming_mode = WEIR_STREAMING_CHUNK_SPANS);
    stream(rig);
    cr_assert(strstr(rig_tree(rig, RIG_ATTRIBUTES | RIG_EVENTS), "stream.item") == NULL);
}

Test(capture, a_chunk_span_has_its_item) {
    struct rig *rig CLEANUP(rig_close) =
        RIG(.capture_items = WEIR_CAPTURE_TRUNCATE, .capture_max_chars = 4,
            .streaming_mode = WEIR_STREAMING_CHUNK_SPANS);
    stream(rig);
    expect_tree(rig, RIG_ATTRIBUTES | RIG_EVENTS,
                "run OK\n"
                "  act::chunk_0 OK stream.item=\"toke\\u2026\"\n"
                "  act::chunk_1 OK stream.item=\"{\\\"t\\\": \\\"long\\\\u2026\\\"}\"\n");
}

Test(capture, without_chunk_spans_an_item_is_an_event) {
    static const weir_streaming_mode modes[] = {WEIR_STREAMING_SINGLE_SPAN, WEIR_STREAMING_EVENT};
    for (size_t i = 0; i < ARRAY_LENGTH(modes); i++) {
        struct rig *rig CLEANUP(rig_close) =
            RIG(.capture_items = WEIR_CAPTURE_FULL, .streaming_mode = modes[i]);
        stream(rig);
        const char *tree = rig_tree(rig, RIG_ATTRIBUTES | RIG_EVENTS);
        cr_assert(strstr(tree, "! stream_item stream.item=\"token\" stream.item_index=0\n") != NULL,
                  "%s", tree);
        cr_assert(strstr(tree, "! stream_item stream.item=\"{\\\"t\\\": \\\"longer\\\"}\""
                               " stream.item_index=1\n") != NULL,
                  "%s", tree);
    }
}

Test(capture, adapters_see_items_as_they_are) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    rig->keeps_fields = true;
    stream(rig);
    const char *told = rig_told(rig);
    cr_assert(strstr(told, "outcome=produced item=\"token\"") != NULL, "%s", told);
    cr_assert(strstr(told, "index=1 outcome=produced item={\"t\": \"longer\"}") != NULL, "%s",
              told);
}

Test(capture, an_item_that_is_no_json_is_counted) {
    struct rig *rig CLEANUP(rig_close) = RIG(.capture_items = WEIR_CAPTURE_FULL);
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.streams = true));
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    weir_stream_yield_value(stream, weir_value_json("{"));
    weir_emit(rig->w, &WEIR_LIFECYCLE_EVENT(.hook = WEIR_HOOK_PRE_STREAM_GENERATE, .app_id = "a"));
    const weir_value bad = weir_value_json("nul");
    weir_emit(rig->w, &WEIR_LIFECYCLE_EVENT(.hook = WEIR_HOOK_POST_STREAM_GENERATE, .app_id = "a",
                                            .item = &bad, .outcome = WEIR_PULL_PRODUCED));
    weir_stream_end(stream);
    rig_end(rig, &run);
    cr_assert(eq(u64, rig_stats(rig).refused_json, 2));
    cr_assert(strstr(rig_tree(rig, RIG_EVENTS), "stream_item") == NULL);
}

/* ---- redaction ---- */

/* What a redactor was asked, and what it answers. */
struct redactor {
    struct buf asked;
    const char *path;      /* of what it does not keep; NULL: keeps all */
    weir_destination only; /* 0: both */
    weir_verdict verdict;
    weir_value replacement;
};

static weir_verdict redact(void *data, const weir_redaction *what, weir_value *replacement) {
    struct redactor *redactor = data;
    static const char *const contents[] = {"", "inputs", "result", "state", "attribute", "item"};
    char line[128];
    (void)snprintf(line, sizeof line, "%s %s#%lld %d %s(%s)\n", what->app_id, what->action,
                   (long long)what->sequence_id, (int)what->destination, contents[what->content],
                   what->path);
    buf_append_text(&redactor->asked, line);
    cr_assert(eq(sz, what->size, sizeof *what));
    cr_assert(what->value != NULL);
    bool is_meant = redactor->path != NULL && strcmp(what->path, redactor->path) == 0 &&
                    (redactor->only == 0 || redactor->only == what->destination);
    *replacement = redactor->replacement;
    return is_meant ? redactor->verdict : WEIR_KEEP;
}

static struct redactor redactor_of(const char *path, weir_verdict verdict, weir_value replacement) {
    struct redactor redactor = {.path = path, .verdict = verdict, .replacement = replacement};
    buf_init(&redactor.asked, 1 << 16);
    return redactor;
}

#define REDACTING(redactor_, ...) RIG(.redact = redact, .redact_data = &(redactor_), __VA_ARGS__)

Test(capture, each_piece_is_asked_about_from_the_outside_in) {
    struct redactor redactor = redactor_of(NULL, WEIR_KEEP, (weir_value){0});
    struct rig *rig CLEANUP(rig_close) = REDACTING(redactor, .file_mode = 0600);
    play(rig);
    expect_text(expect_terminated((const char *)redactor.asked.data, redactor.asked.n_bytes),
                "a act#0 1 inputs()\n"
                "a act#0 1 inputs(prompt)\n"
                "a act#0 1 inputs(key)\n"
                "a act#0 1 result()\n"
                "a act#0 1 result(answer)\n"
                "a act#0 1 result(answer.0)\n"
                "a act#0 1 result(answer.1)\n"
                "a act#0 1 result(answer.2)\n"
                "a act#0 1 state()\n"
                "a act#0 1 state(user)\n"
                "a act#0 1 state(user.name)\n"
                "a act#0 1 state(user.key)\n");
    expect_text(member(rig, 1, "state"),
                "{\"user\":{\"name\":\"Ann\",\"key\":\"s3cret\"}," INTERNAL "}");
    buf_deinit(&redactor.asked);
}

Test(capture, an_item_is_asked_about_once) {
    struct redactor redactor = redactor_of(NULL, WEIR_KEEP, (weir_value){0});
    struct rig *rig CLEANUP(rig_close) = REDACTING(redactor, .capture_items = WEIR_CAPTURE_FULL,
                                                   .streaming_mode = WEIR_STREAMING_CHUNK_SPANS);
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.streams = true));
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    weir_stream_yield_value(stream, weir_value_string("token"));
    weir_stream_end(stream);
    rig_end(rig, &run);
    const char *asked =
        expect_terminated((const char *)redactor.asked.data, redactor.asked.n_bytes);
    const char *once = strstr(asked, "2 item()\n");
    cr_assert(once != NULL, "%s", asked);
    cr_assert(eq(ptr, strstr(once + 8, "item()"), NULL), "%s", asked);
    buf_deinit(&redactor.asked);
}

Test(capture, what_is_dropped_is_gone_with_its_key) {
    struct redactor redactor = redactor_of("user.key", WEIR_DROP, (weir_value){0});
    struct rig *rig CLEANUP(rig_close) = REDACTING(redactor, .capture_otlp = WEIR_CAPTURE_FULL);
    play(rig);
    expect_text(member(rig, 1, "state"), "{\"user\":{\"name\":\"Ann\"}," INTERNAL "}");
    cr_assert(strstr(rig_tree(rig, RIG_IDENTITY), "burr.state=\"{\\\"user\\\":{\\\"name\\\":"
                                                  "\\\"Ann\\\"}") != NULL);
    buf_deinit(&redactor.asked);
}

Test(capture, an_item_of_a_list_can_be_dropped) {
    struct redactor redactor = redactor_of("answer.0", WEIR_DROP, (weir_value){0});
    struct rig *rig CLEANUP(rig_close) = REDACTING(redactor, .file_mode = 0600);
    play(rig);
    expect_text(member(rig, 1, "result"), "{\"answer\":[1.50,null]}");
    buf_deinit(&redactor.asked);
}

Test(capture, a_replacement_goes_to_the_destination_it_is_for) {
    struct redactor redactor = redactor_of("key", WEIR_REPLACE, weir_value_string("***"));
    redactor.only = WEIR_TO_OTLP;
    struct rig *rig CLEANUP(rig_close) = REDACTING(redactor, .capture_otlp = WEIR_CAPTURE_FULL);
    play(rig);
    cr_assert(strstr(member(rig, 0, "inputs"), "s3cret") != NULL);
    cr_assert(strstr(rig_tree(rig, RIG_IDENTITY), "\\\"key\\\":\\\"***\\\"}") != NULL);
    buf_deinit(&redactor.asked);
}

Test(capture, a_whole_can_be_dropped) {
    struct redactor redactor = redactor_of("", WEIR_DROP, (weir_value){0});
    struct rig *rig CLEANUP(rig_close) = REDACTING(redactor, .capture_otlp = WEIR_CAPTURE_FULL);
    play(rig);
    expect_text(member(rig, 0, "inputs"), "{}");
    expect_text(member(rig, 1, "result"), "null");
    expect_text(member(rig, 1, "state"), "{" INTERNAL "}"); /* which Burr needs */
    const char *tree = rig_tree(rig, RIG_IDENTITY);
    cr_assert(strstr(tree, "burr.inputs") == NULL && strstr(tree, "burr.state") == NULL, "%s",
              tree);
    buf_deinit(&redactor.asked);
}

Test(capture, answers_that_make_no_sense_drop_and_are_counted) {
    static const struct {
        const char *path;
        weir_verdict verdict;
        weir_value replacement;
    } rows[] = {
        {"prompt", (weir_verdict)7, {WEIR_VALUE_EMPTY}},
        {"prompt", WEIR_REPLACE, {WEIR_VALUE_JSON, {{"{", 1}}}},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct redactor redactor = redactor_of(rows[i].path, rows[i].verdict, rows[i].replacement);
        struct rig *rig CLEANUP(rig_close) = REDACTING(redactor, .file_mode = 0600);
        play(rig);
        expect_text(member(rig, 0, "inputs"), "{\"key\":\"s3cret\"}");
        cr_assert(eq(u64, rig_stats(rig).refused_values, 1), "%zu", i);
        buf_deinit(&redactor.asked);
    }
}

Test(capture, inputs_stay_an_object) {
    struct redactor redactor = redactor_of("", WEIR_REPLACE, weir_value_string("gone"));
    struct rig *rig CLEANUP(rig_close) = REDACTING(redactor, .file_mode = 0600);
    play(rig);
    expect_text(member(rig, 0, "inputs"), "{}");
    expect_text(member(rig, 1, "result"), "\"gone\"");
    expect_text(member(rig, 1, "state"), "{" INTERNAL "}");
    cr_assert(eq(u64, rig_stats(rig).refused_values, 2)); /* inputs and state */
    buf_deinit(&redactor.asked);
}

Test(capture, attributes_are_asked_about_by_their_key) {
    const weir_value items[] = {weir_value_int(1), weir_value_int(2)};
    const weir_key_value members[] = {{"a", weir_value_int(1)}};
    static const struct {
        weir_verdict verdict;
        const char *span, *record;
    } rows[] = {
        {WEIR_KEEP, " token=\"x\" other=1", "\"value\":\"x\""},
        {WEIR_DROP, " other=1", NULL},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct redactor redactor = redactor_of("token", rows[i].verdict, (weir_value){0});
        struct rig *rig CLEANUP(rig_close) = REDACTING(redactor, .file_mode = 0600);
        struct rig_run run = rig_begin(rig, NULL);
        weir_set_all(run.step, {"token", weir_value_string("x")}, {"other", weir_value_int(1)});
        rig_end(rig, &run);
        cr_assert(strstr(rig_tree(rig, RIG_ATTRIBUTES), rows[i].span) != NULL, "%zu", i);
        const char *log = rig_file(rig, "a", "log.jsonl");
        bool has_record = strstr(log, "\"value\":\"x\"") != NULL;
        cr_assert(has_record == (rows[i].record != NULL), "%s", log);
        buf_deinit(&redactor.asked);
    }
    const weir_value replacements[] = {
        weir_value_string("s"),     weir_value_bytes("b", 1),   weir_value_int(3),
        weir_value_array(items, 2), weir_value_map(members, 1), weir_value_json("[1]"),
    };
    static const char *const expected[] = {"\"s\"", "\"Yg==\"", "3", "[1,2]", "{\"a\":1}", "[1]"};
    for (size_t i = 0; i < ARRAY_LENGTH(replacements); i++) {
        struct redactor redactor = redactor_of("token", WEIR_REPLACE, replacements[i]);
        struct rig *rig CLEANUP(rig_close) = REDACTING(redactor, .file_mode = 0600);
        struct rig_run run = rig_begin(rig, NULL);
        weir_set(run.step, "token", "x");
        rig_end(rig, &run);
        expect_text(member(rig, 1, "value"), expected[i]);
        buf_deinit(&redactor.asked);
    }
}

Test(capture, events_attributes_and_items_are_asked_about_for_spans) {
    struct redactor redactor = redactor_of("token", WEIR_DROP, (weir_value){0});
    struct rig *rig CLEANUP(rig_close) = REDACTING(redactor, .capture_items = WEIR_CAPTURE_FULL);
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.streams = true));
    const weir_key_value attributes[] = {{"token", weir_value_int(1)}, {"n", weir_value_int(2)}};
    weir_event(run.step, "e", attributes, 2);
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    weir_stream_yield_value(stream, weir_value_json("{\"token\":1,\"n\":2}"));
    weir_stream_end(stream);
    rig_end(rig, &run);
    const char *tree = rig_tree(rig, RIG_ATTRIBUTES | RIG_EVENTS);
    cr_assert(strstr(tree, "! e n=2\n") != NULL, "%s", tree);
    cr_assert(strstr(tree, "stream.item=\"{\\\"n\\\": 2}\"") != NULL, "%s", tree);
    buf_deinit(&redactor.asked);
}

Test(capture, a_deep_path_is_cut_not_lost) {
    struct redactor redactor = redactor_of(NULL, WEIR_KEEP, (weir_value){0});
    struct rig *rig CLEANUP(rig_close) = REDACTING(redactor, .file_mode = 0600);
    char inputs[4096], name[1500];
    memset(name, 'k', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    (void)snprintf(inputs, sizeof inputs, "{\"%s\":{\"%s\":1}}", name, name);
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.inputs = inputs));
    rig_end(rig, &run);
    expect_text(member(rig, 0, "inputs"), inputs);
    buf_deinit(&redactor.asked);
}

/* A redactor that uses weir, and ends what it is asked about. */
struct meddler {
    struct rig_run *run;
    bool has_meddled;
};

static weir_verdict meddle(void *data, const weir_redaction *what, weir_value *replacement) {
    struct meddler *meddler = data;
    (void)replacement;
    if (what->content == WEIR_CONTENT_ATTRIBUTE && !meddler->has_meddled) {
        meddler->has_meddled = true;
        weir_app_free(meddler->run->app);
    }
    return WEIR_KEEP;
}

Test(capture, the_host_may_free_the_app_it_is_asked_about) {
    struct rig_run run;
    struct meddler meddler = {&run, false};
    struct rig *rig CLEANUP(rig_close) = RIG(.redact = meddle, .redact_data = &meddler);
    run = rig_begin(rig, NULL);
    weir_set(run.step, "k", 1);
    cr_assert(meddler.has_meddled);
    weir_set(run.step, "k", 2);
    cr_assert(eq(u64, rig_stats(rig).left_open, 2)); /* the step and the call */
    expect_text(rig_records(rig, "a"), "begin_entry 0, end_entry 0");
}

static weir_verdict free_at_inputs(void *data, const weir_redaction *what,
                                   weir_value *replacement) {
    weir_app **app = data;
    (void)replacement;
    if (what->content == WEIR_CONTENT_INPUTS) {
        weir_app_free(*app);
    }
    return WEIR_KEEP;
}

Test(capture, an_app_freed_while_a_step_begins_leaves_no_step) {
    weir_app *app = NULL;
    struct rig *rig CLEANUP(rig_close) = RIG(.redact = free_at_inputs, .redact_data = &app);
    app = weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "a"));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    cr_assert(eq(ptr, weir_step_begin(call, "act", NULL), NULL));
    expect_text(rig_file(rig, "a", "log.jsonl"), "");
    expect_tree(rig, 0, "run OK\n");
}

/* ---- short memory: less content, never half of it, and no secret ---- */

Test(capture, short_memory_drops_whole_pieces) {
    struct redactor redactor = redactor_of("key", WEIR_REPLACE, weir_value_string("***"));
    FAULT_FOR_EACH_ALLOCATION(n) {
        fault_disarm();
        struct rig *rig = REDACTING(redactor, .capture_otlp = WEIR_CAPTURE_FULL);
        struct rig_run run = rig_begin(rig, NULL);
        (void)fault_arm(n, false);
        weir_set(run.step, "key", "s3cret");
        weir_step_end(run.step, &WEIR_STEP_RESULT(.result = "{\"key\":\"s3cret\",\"b\":1}"));
        bool has_struck = fault_has_struck();
        fault_disarm();
        rig_end(rig, &run);
        cr_assert(strstr(rig_file(rig, "a", "log.jsonl"), "s3cret") == NULL);
        cr_assert(strstr(rig_tree(rig, RIG_ATTRIBUTES | RIG_IDENTITY), "s3cret") == NULL);
        rig_close(&rig);
        if (!has_struck) {
            break;
        }
    }
    buf_deinit(&redactor.asked);
}
