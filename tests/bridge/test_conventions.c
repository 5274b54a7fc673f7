/* Convention profiles: which names spans get besides Burr's, and who wins. */
#include <stdlib.h>
#include <string.h>

#include "bridge/conventions.h"
#include "tests/bridge/rig.h"
#include "tests/golden/json_tree.h"

TestSuite(conventions);

enum {
    GENAI = WEIR_CONVENTIONS_GENAI,
    OPENINFERENCE = WEIR_CONVENTIONS_OPENINFERENCE,
    LANGFUSE = WEIR_CONVENTIONS_LANGFUSE,
    LEGACY = WEIR_CONVENTIONS_LEGACY_USAGE,
    EVERY = GENAI | OPENINFERENCE | LANGFUSE | LEGACY,
};

/* ---- choosing ---- */

Test(conventions, names_become_bits) {
    static const struct {
        const char *names;
        unsigned bits;
    } rows[] = {
        {"burr", WEIR_CONVENTIONS_BURR},
        {"genai", WEIR_CONVENTIONS_BURR | GENAI},
        {" openinference ,langfuse", WEIR_CONVENTIONS_BURR | OPENINFERENCE | LANGFUSE},
        {"legacy_usage,genai,genai", WEIR_CONVENTIONS_BURR | LEGACY | GENAI},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        unsigned bits = 0;
        cr_assert(eq(int, weir_conventions_parse(rows[i].names, &bits), 0), "%zu", i);
        cr_assert(eq(uint, bits, rows[i].bits), "%zu", i);
    }
    static const char *const bad[] = {"",       ",",    "genai,",     "GENAI",
                                      "gen ai", "otel", "genai;burr", NULL};
    for (size_t i = 0; i < ARRAY_LENGTH(bad); i++) {
        unsigned bits = 77;
        cr_assert(eq(int, weir_conventions_parse(bad[i], &bits), WEIR_E_INVALID), "%zu", i);
        cr_assert(eq(uint, bits, 77), "%zu", i);
    }
    cr_assert(eq(int, weir_conventions_parse("burr", NULL), WEIR_E_INVALID));
}

static void run_once(struct rig *rig) {
    struct rig_run run = rig_begin(rig, NULL);
    rig_end(rig, &run);
}

Test(conventions, without_a_profile_nothing_is_added) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    run_once(rig);
    expect_tree(rig, RIG_ATTRIBUTES, "run OK\n  act OK\n");
}

Test(conventions, the_environment_chooses_where_the_host_does_not) {
    setenv("WEIR_CONVENTIONS", "langfuse", 1);
    struct rig *rig CLEANUP(rig_close) = RIG();
    run_once(rig);
    expect_tree(rig, RIG_ATTRIBUTES,
                "run OK session.id=\"a\" langfuse.observation.type=\"agent\"\n"
                "  act OK session.id=\"a\" langfuse.observation.type=\"chain\"\n");
}

Test(conventions, the_host_beats_the_environment) {
    setenv("WEIR_CONVENTIONS", "langfuse", 1);
    struct rig *rig CLEANUP(rig_close) = RIG(.conventions = WEIR_CONVENTIONS_BURR);
    run_once(rig);
    expect_tree(rig, RIG_ATTRIBUTES, "run OK\n  act OK\n");
}

Test(conventions, what_makes_no_sense_is_refused) {
    weir *w = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int error = weir_open(&WEIR_OPTIONS(.otlp_off = true, .conventions = 1 << 9), &w, &detail);
    cr_assert(eq(int, error, WEIR_E_INVALID));
    cr_assert(strstr(detail.message, "conventions 0x200") != NULL, "%s", detail.message);
    cr_assert(eq(ptr, w, NULL));
}

Test(conventions, what_the_environment_misspells_is_warned_of) { /* (D8) */
    struct kept_log said = KEPT_LOG_INIT;
    weir *w = NULL;
    setenv("WEIR_CONVENTIONS", "genai,phoenix", 1);
    int error =
        weir_open(&WEIR_OPTIONS(.otlp_off = true, .log = kept_log_fn, .log_data = &said), &w, NULL);
    cr_assert(eq(int, error, 0));
    cr_assert(kept_log_has(&said, "WEIR_CONVENTIONS=genai,phoenix is no comma list of burr"));
    weir_close(w, 0);
}

Test(conventions, nothing_is_added_to_spans_that_are_exactly_burrs) {
    struct rig *rig CLEANUP(rig_close) =
        RIG(.conventions = EVERY, .burr_exact = true, .capture_otlp = WEIR_CAPTURE_FULL);
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.inputs = "{\"a\":1}"));
    weir_set(run.step, "gen_ai.request.model", "small");
    rig_end(rig, &run);
    expect_tree(rig, RIG_ATTRIBUTES | RIG_IDENTITY | RIG_EVENTS,
                "run OK\n  act OK gen_ai.request.model=\"small\"\n");
}

/* ---- kinds, sessions, the graph ---- */

Test(conventions, an_app_is_an_agent_and_a_step_a_node_of_its_graph) {
    struct rig *rig CLEANUP(rig_close) = RIG(.conventions = GENAI | OPENINFERENCE);
    struct rig_run run = rig_begin(rig, NULL);
    weir_step_end(run.step, NULL);
    rig_pass(rig, 1);
    weir_step *second = weir_step_begin(run.call, "next", NULL);
    weir_step_end(second, NULL);
    rig_end(rig, &run);
    expect_tree(
        rig, RIG_ATTRIBUTES,
        "run OK session.id=\"a\" gen_ai.operation.name=\"invoke_agent\""
        " openinference.span.kind=\"AGENT\" gen_ai.conversation.id=\"a\" gen_ai.agent.name=\"p\""
        " agent.name=\"p\"\n"
        "  act OK session.id=\"a\" openinference.span.kind=\"CHAIN\""
        " graph.node.id=\"act\" graph.node.name=\"act\"\n"
        "  next OK session.id=\"a\" openinference.span.kind=\"CHAIN\""
        " graph.node.id=\"next\" graph.node.name=\"next\" graph.node.parent_id=\"act\"\n");
}

Test(conventions, the_graph_of_an_app_begins_anew_with_it) {
    struct rig *rig CLEANUP(rig_close) = RIG(.conventions = OPENINFERENCE);
    run_once(rig);
    rig_pass(rig, 1);
    run_once(rig); /* out of the pool that the first one went to */
    cr_assert(strstr(rig_tree(rig, RIG_ATTRIBUTES), "parent_id") == NULL);
}

/* The one span "s" of a step, with what is set on it by a test, without session and kind of begin.
 */
static const char *span_with(unsigned conventions, const weir_key_value *attributes, size_t n) {
    struct rig *rig CLEANUP(rig_close) = RIG(.conventions = conventions);
    struct rig_run run = rig_begin(rig, NULL);
    weir_span *span = weir_span_begin(run.step, "s", NULL);
    weir_set_all_((weir_handle *)span, attributes, n);
    weir_span_end(span);
    rig_end(rig, &run);
    const char *tree = strstr(rig_tree(rig, RIG_ATTRIBUTES), "    s OK ");
    static char copy[2048];
    (void)snprintf(copy, sizeof copy, "%s", tree + strlen("    s OK "));
    copy[strcspn(copy, "\n")] = '\0';
    return copy;
}
#define SPAN_WITH(conventions, ...)                                                                \
    span_with(conventions, (const weir_key_value[]){__VA_ARGS__},                                  \
              sizeof((const weir_key_value[]){__VA_ARGS__}) / sizeof(weir_key_value))

Test(conventions, a_model_makes_a_model_call) {
    expect_text(SPAN_WITH(EVERY, {"gen_ai.request.model", weir_value_string("small")}),
                "session.id=\"a\" gen_ai.request.model=\"small\" llm.model_name=\"small\""
                " gen_ai.operation.name=\"chat\" openinference.span.kind=\"LLM\""
                " langfuse.observation.type=\"generation\" gen_ai.conversation.id=\"a\"");
}

Test(conventions, a_plain_span_has_no_name_of_genai) { /* any would make it one in viewers */
    expect_text(SPAN_WITH(EVERY, {"rows", weir_value_int(3)}),
                "session.id=\"a\" openinference.span.kind=\"CHAIN\""
                " langfuse.observation.type=\"chain\" rows=3");
}

Test(conventions, kinds_are_told_by_what_is_set) {
    static const struct {
        const char *key;
        weir_value value;
        const char *kind;
    } rows[] = {
        {"gen_ai.tool.name", {WEIR_VALUE_STRING, {{"t", 1}}}, "openinference.span.kind=\"TOOL\""},
        {"gen_ai.tool.definitions",
         {WEIR_VALUE_STRING, {{"t", 1}}},
         "openinference.span.kind=\"LLM\""},
        {"gen_ai.agent.name", {WEIR_VALUE_STRING, {{"t", 1}}}, "openinference.span.kind=\"AGENT\""},
        {"gen_ai.conversation.id",
         {WEIR_VALUE_STRING, {{"t", 1}}},
         "openinference.span.kind=\"CHAIN\""},
        {"llm.model_name", {WEIR_VALUE_STRING, {{"t", 1}}}, "openinference.span.kind=\"LLM\""},
        {"gen_ai.operation.name",
         {WEIR_VALUE_STRING, {{"embeddings", 10}}},
         "openinference.span.kind=\"EMBEDDING\""},
        {"gen_ai.operation.name",
         {WEIR_VALUE_STRING, {{"execute_tool", 12}}},
         "openinference.span.kind=\"TOOL\""},
        {"langfuse.observation.type",
         {WEIR_VALUE_STRING, {{"evaluator", 9}}},
         "openinference.span.kind=\"EVALUATOR\""},
        {"openinference.span.kind",
         {WEIR_VALUE_STRING, {{"RETRIEVER", 9}}},
         "gen_ai.operation.name=\"retrieval\""},
        {"openinference.span.kind",
         {WEIR_VALUE_STRING, {{"RERANKER", 8}}},
         "openinference.span.kind=\"RERANKER\""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        const weir_key_value attribute = {rows[i].key, rows[i].value};
        const char *got = span_with(EVERY, &attribute, 1);
        cr_assert(strstr(got, rows[i].kind) != NULL, "%zu: %s", i, got);
    }
}

Test(conventions, what_the_application_says_stays) {
    expect_text(SPAN_WITH(GENAI | OPENINFERENCE,
                          {"openinference.span.kind", weir_value_string("TOOL")},
                          {"gen_ai.request.model", weir_value_string("small")},
                          {"llm.model_name", weir_value_string("mine")},
                          {"session.id", weir_value_string("s1")},
                          {"gen_ai.request.model", weir_value_string("large")}),
                "openinference.span.kind=\"TOOL\" gen_ai.operation.name=\"execute_tool\""
                " llm.model_name=\"mine\" session.id=\"s1\" gen_ai.conversation.id=\"s1\""
                " gen_ai.request.model=\"large\"");
}

/* ---- models and tokens ---- */

Test(conventions, tokens_are_said_in_every_family_when_one_is_given) {
    expect_text(SPAN_WITH(GENAI | OPENINFERENCE | LEGACY,
                          {"gen_ai.operation.name", weir_value_string("chat")},
                          {"gen_ai.usage.input_tokens", weir_value_int(7)},
                          {"llm.token_count.completion", weir_value_int(9)}),
                "session.id=\"a\" gen_ai.operation.name=\"chat\" openinference.span.kind=\"LLM\""
                " gen_ai.conversation.id=\"a\""
                " gen_ai.usage.input_tokens=7 llm.token_count.prompt=7"
                " gen_ai.usage.prompt_tokens=7 llm.token_count.completion=9"
                " gen_ai.usage.output_tokens=9 gen_ai.usage.completion_tokens=9");
}

Test(conventions, no_usage_is_invented) {
    const char *got = SPAN_WITH(EVERY, {"gen_ai.request.model", weir_value_string("small")},
                                {"llm.token_count.total", weir_value_int(5)});
    cr_assert(strstr(got, "usage") == NULL, "%s", got);
}

Test(conventions, the_model_that_answered_names_openinferences) {
    const char *got = SPAN_WITH(OPENINFERENCE, {"gen_ai.response.model", weir_value_string("m-1")});
    cr_assert(strstr(got, "llm.model_name=\"m-1\"") != NULL, "%s", got);
    got = SPAN_WITH(OPENINFERENCE, {"gen_ai.request.model", weir_value_string("m")},
                    {"gen_ai.response.model", weir_value_string("m-1")});
    cr_assert(strstr(got, "llm.model_name=\"m\"") != NULL, "%s", got);
}

Test(conventions, the_older_token_names_are_in_burrs_files_too) {
    struct rig *rig CLEANUP(rig_close) = RIG(.conventions = LEGACY);
    struct rig_run run = rig_begin(rig, NULL);
    weir_set(run.step, "gen_ai.usage.input_tokens", 7);
    weir_set(run.step, "llm.token_count.completion", 9);
    weir_set(run.step, "gen_ai.usage.prompt_tokens", 8); /* is one already */
    weir_set(run.step, "x", 1);
    rig_end(rig, &run);
    const char *log = rig_file(rig, "a", "log.jsonl");
    cr_assert(strstr(log, "\"key\":\"gen_ai.usage.prompt_tokens\",\"action_sequence_id\":0,"
                          "\"span_id\":null,\"value\":7,") != NULL,
              "%s", log);
    cr_assert(strstr(log, "\"key\":\"gen_ai.usage.completion_tokens\",\"action_sequence_id\":0,"
                          "\"span_id\":null,\"value\":9,") != NULL,
              "%s", log);
    cr_assert(
        eq(sz, (size_t)rig_stats(rig).tracker_written, 2 + 2 + 4 + 2)); /* nothing else twice */
}

/* ---- streams: the time to the first item in four forms ---- */

static void stream(struct rig *rig, const char *model) {
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.streams = true));
    if (model != NULL) {
        weir_set(run.step, "gen_ai.request.model", model);
    }
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    rig_pass(rig, 250);
    weir_stream_yield(stream);
    weir_stream_end(stream);
    rig_end(rig, &run);
}

static const struct golden_span *span_named(struct rig *rig, const char *name) {
    struct span_list spans = rig_spans(rig);
    for (size_t i = 0; i < spans.n; i++) {
        if (strcmp(spans.items[i]->name, name) == 0) {
            return spans.items[i];
        }
    }
    return NULL;
}

/* The attribute as text; "" when there is none. */
static const char *attribute_of(struct rig *rig, const struct golden_span *span, const char *key) {
    for (size_t i = 0; i < span->attributes.n; i++) {
        if (strcmp(span->attributes.items[i].key, key) == 0) {
            return json_tree_print(&rig->arena, &span->attributes.items[i].value);
        }
    }
    return "";
}

Test(conventions, the_first_item_is_told_in_four_forms) {
    struct rig *rig CLEANUP(rig_close) = RIG(.conventions = EVERY);
    stream(rig, "small");
    const struct golden_span *span = span_named(rig, "act");
    expect_text(attribute_of(rig, span, "stream.first_item_time_ms"), "250.0");
    expect_text(attribute_of(rig, span, "gen_ai.response.time_to_first_chunk"), "0.25");
    expect_text(attribute_of(rig, span, "gen_ai.request.stream"), "true");
    const char *time = attribute_of(rig, span, "langfuse.observation.completion_start_time");
    cr_assert(strlen(time) > 4 && time[strlen(time) - 2] == 'Z', "%s", time);
    cr_assert(eq(sz, span->n_events, 1));
    expect_text(span->events[0].name, "First Token Stream Event");
    cr_assert(eq(u64, span->events[0].unix_ns, span->start_ns + 250000000));
    cr_assert(eq(sz, span->events[0].attributes.n, 0));
}

Test(conventions, where_the_mode_has_no_action_span_the_method_span_tells_it) {
    struct rig *rig CLEANUP(rig_close) =
        RIG(.conventions = EVERY, .streaming_mode = WEIR_STREAMING_EVENT);
    stream(rig, NULL);
    const struct golden_span *span = span_named(rig, "run");
    expect_text(attribute_of(rig, span, "gen_ai.response.time_to_first_chunk"), "0.25");
    expect_text(attribute_of(rig, span, "openinference.span.kind"), "\"AGENT\"");
    cr_assert(eq(sz, span->n_events, 2)); /* and stream_completed */
}

Test(conventions, a_stream_without_items_has_no_first_one) {
    struct rig *rig CLEANUP(rig_close) = RIG(.conventions = EVERY);
    struct rig_run run = rig_begin(rig, &WEIR_STEP_OPTIONS(.streams = true));
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    weir_stream_exhausted(stream);
    weir_stream_end(stream);
    rig_end(rig, &run);
    const struct golden_span *span = span_named(rig, "act");
    expect_text(attribute_of(rig, span, "gen_ai.response.time_to_first_chunk"), "");
    expect_text(attribute_of(rig, span, "langfuse.observation.completion_start_time"), "");
    cr_assert(eq(sz, span->n_events, 0));
}

Test(conventions, the_events_sums_can_be_attributes_too) {
    struct rig *rig CLEANUP(rig_close) =
        RIG(.streaming_mode = WEIR_STREAMING_EVENT, .stream_event_attributes = true);
    stream(rig, NULL);
    expect_tree(rig, RIG_ATTRIBUTES,
                "run OK stream.generation_time_ms=250.0 stream.consumer_time_ms=0.0"
                " stream.total_time_ms=250.0 stream.iteration_count=1"
                " stream.first_item_time_ms=250.0\n");
}

/* ---- errors ---- */

Test(conventions, an_error_has_a_type) {
    struct rig *rig CLEANUP(rig_close) = RIG(.conventions = GENAI | OPENINFERENCE);
    struct rig_run run = rig_begin(rig, NULL);
    weir_span *span = weir_span_begin(run.step, "s", NULL);
    weir_set_error(span, &WEIR_ERROR(NULL, "x"));
    weir_span_end(span);
    weir_step_end(run.step, &WEIR_STEP_RESULT(.error = &WEIR_ERROR("ValueError", "no such row")));
    rig_end(rig, &run);
    const struct golden_span *act = span_named(rig, "act");
    expect_text(attribute_of(rig, act, "error.type"), "\"ValueError\"");
    expect_text(act->events[0].name, "exception");
    expect_text(json_tree_print(&rig->arena, &act->events[0].attributes.items[1].value),
                "\"no such row\"");
    expect_text(attribute_of(rig, span_named(rig, "s"), "error.type"), "\"Error\"");
    expect_text(attribute_of(rig, span_named(rig, "run"), "error.type"), "");
}

Test(conventions, an_error_type_of_the_applications_own_stays) {
    struct rig *rig CLEANUP(rig_close) = RIG(.conventions = GENAI);
    struct rig_run run = rig_begin(rig, NULL);
    weir_set(run.step, "error.type", "429");
    weir_step_end(run.step, &WEIR_STEP_RESULT(.error = &WEIR_ERROR("HttpError", "")));
    rig_end(rig, &run);
    expect_text(attribute_of(rig, span_named(rig, "act"), "error.type"), "\"429\"");
}

/* ---- names ---- */

Test(conventions, only_token_counts_have_an_older_name) {
    expect_text(conventions_legacy_name("gen_ai.usage.input_tokens"), "gen_ai.usage.prompt_tokens");
    expect_text(conventions_legacy_name("llm.token_count.completion"),
                "gen_ai.usage.completion_tokens");
    cr_assert(conventions_legacy_name("gen_ai.usage.prompt_tokens") == NULL);
    cr_assert(conventions_legacy_name("gen_ai.request.model") == NULL);
    cr_assert(conventions_legacy_name("x") == NULL);
}
