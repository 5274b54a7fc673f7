#include "bridge/cli/demo_app.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "otlp/common/clock.h"

/* One token, how long the model takes for it, and how long the reader takes with it. */
struct token {
    const char *text;
    unsigned generation_ms, consumer_ms;
};

static const struct token tokens[] = {
    {"A weir", 180, 25},   {" is a low", 30, 25}, {" wall", 15, 25},      {" across", 20, 60},
    {" a stream", 90, 25}, {" that", 10, 25},     {" measures", 140, 25}, {" the flow.", 25, 25},
};
enum { N_TOKENS = sizeof(tokens) / sizeof(tokens[0]), FAILS_AT = 5 };

static const weir_action actions[] = {
    {.name = "prompt",
     .writes = (const char *const[]){"question", NULL},
     .inputs = (const char *const[]){"question", NULL}},
    {.name = "retrieve",
     .reads = (const char *const[]){"question", NULL},
     .writes = (const char *const[]){"documents", NULL}},
    {.name = "answer",
     .reads = (const char *const[]){"question", "documents", NULL},
     .writes = (const char *const[]){"answer", NULL},
     .streams = true},
};
static const weir_transition transitions[] = {{"prompt", "retrieve", NULL},
                                              {"retrieve", "answer", NULL}};
static const weir_graph graph = {.entrypoint = "prompt",
                                 .actions = actions,
                                 .n_actions = 3,
                                 .transitions = transitions,
                                 .n_transitions = 2};

/* Stands for work. */
static void work(unsigned ms) {
    struct timespec left = clock_timespec(ms * NS_PER_MS);
    while (nanosleep(&left, &left) != 0) {
    }
}

static void prompt(weir_call *call) {
    weir_step *step = weir_step_begin(
        call, "prompt", &WEIR_STEP_OPTIONS(.inputs = "{\"question\":\"What is a weir?\"}"));
    work(3);
    weir_step_end(step, &WEIR_STEP_RESULT(.result = "{\"question\":\"What is a weir?\"}",
                                          .state = "{\"question\":\"What is a weir?\"}"));
}

static void search(weir_span *parent) {
    WEIR_SCOPED_SPAN *span = weir_span_begin(parent, "search", NULL);
    weir_set(span, "db.query.text", "SELECT text FROM documents ORDER BY distance LIMIT 2");
    weir_set(span, "documents.found", 2);
    weir_set(span, "documents.best_score", 0.92);
    work(35);
}

static void retrieve(weir_call *call) {
    weir_step *step = weir_step_begin(call, "retrieve", NULL);
    weir_span *lookup = weir_span_begin(step, "look up", NULL);
    weir_span *embed = weir_span_begin(lookup, "embed", NULL);
    weir_set(embed, "gen_ai.request.model", "demo-embedding");
    work(12);
    weir_span_end(embed);
    search(lookup);
    weir_event(lookup, "ranked", NULL, 0);
    weir_span_end(lookup);
    weir_step_end(step,
                  &WEIR_STEP_RESULT(.result = "{\"documents\":2}",
                                    .state = "{\"question\":\"What is a weir?\",\"documents\":2}"));
}

/* The answer until now, as JSON: the tokens need no escapes. */
static void append_token(char *state, size_t n_bytes, const char *token) {
    size_t n_used = strlen(state);
    snprintf(state + n_used, n_bytes - n_used, "%s", token);
}

/* Pulls tokens until the model has no more, or breaks off: then *error says so. */
static void stream_tokens(weir_stream *stream, bool fails, void (*say)(const char *token),
                          char *answer, size_t n_bytes, weir_error *error) {
    for (size_t i = 0; i < N_TOKENS; i++) {
        weir_stream_pull(stream);
        work(tokens[i].generation_ms);
        if (fails && i == FAILS_AT) {
            *error = WEIR_ERROR("ModelError", "the model ran out of words");
            weir_stream_failed(stream, error);
            return;
        }
        weir_stream_yield(stream);
        append_token(answer, n_bytes, tokens[i].text);
        if (say != NULL) {
            say(tokens[i].text);
        }
        work(tokens[i].consumer_ms);
    }
    weir_stream_pull(stream);
    work(2); /* the model finds that it has no more */
    weir_stream_exhausted(stream);
}

static void answer(weir_call *call, bool fails, void (*say)(const char *token), weir_error *error) {
    char text[256] = "", state[512];
    weir_step *step = weir_step_begin(call, "answer", &WEIR_STEP_OPTIONS(.streams = true));
    weir_set(step, "gen_ai.operation.name", "chat");
    weir_set(step, "gen_ai.request.model", "demo-model");
    weir_set(step, "gen_ai.request.temperature", 0.2);
    weir_stream *stream = weir_stream_begin(step);
    stream_tokens(stream, fails, say, text, sizeof(text), error);
    snprintf(state, sizeof(state),
             "{\"question\":\"What is a weir?\",\"documents\":2,\"answer\":\"%s\"}", text);
    bool has_failed = error->type != NULL;
    weir_step_end(step, &WEIR_STEP_RESULT(.state = has_failed ? NULL : state,
                                          .error = has_failed ? error : NULL));
    weir_stream_end(stream);
}

void demo_app_run(weir *w, const char *app_id, bool fails, void (*say)(const char *token),
                  struct demo_app_result *out) {
    weir_error error = {0};
    weir_app *app = weir_app_new(w, &WEIR_APP_OPTIONS(.app_id = app_id, .graph = &graph));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    weir_app_id(app, out->app_id, sizeof(out->app_id));
    weir_traceparent(call, out->traceparent);
    prompt(call);
    retrieve(call);
    answer(call, fails, say, &error);
    weir_call_end(call, error.type != NULL ? &error : NULL);
    weir_app_free(app);
}
