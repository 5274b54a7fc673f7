/* The table of names, and what is said again when. */
#include "bridge/conventions.h"

#include <string.h>

#include "bridge/adapter_otlp.h"
#include "otlp/common/json_text.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "tracking/time_text.h"

enum {
    GENAI = WEIR_CONVENTIONS_GENAI,
    OPENINFERENCE = WEIR_CONVENTIONS_OPENINFERENCE,
    LANGFUSE = WEIR_CONVENTIONS_LANGFUSE,
    LEGACY = WEIR_CONVENTIONS_LEGACY_USAGE,
    EVERY = GENAI | OPENINFERENCE | LANGFUSE,
};

/* ---- names ---- */

enum meaning {
    KIND,
    SESSION,
    USER,
    MODEL,
    RESPONSE_MODEL,
    PROVIDER,
    INPUT_TOKENS,
    OUTPUT_TOKENS,
    CACHED_TOKENS,
    REASONING_TOKENS,
    TOOL_NAME,
    TOOL_ARGUMENTS,
    AGENT_NAME,
    TAGS,
    STREAMS,
    FIRST_ITEM_SECONDS,
    FIRST_ITEM_TIME,
    ERROR_TYPE,
    INPUT,
    INPUT_TYPE,
    OUTPUT,
    OUTPUT_TYPE,
    INPUT_MESSAGES,
    OUTPUT_MESSAGES,
    NODE,
    NODE_NAME,
    NODE_PARENT,
};

/* One name: who reads it. 0: it is understood, but never written. */
struct name {
    char text[46]; /* no pointer: that would be a relocation each */
    uint8_t profiles;
    uint8_t meaning;
};

/* A span remembers by a bit each which of them the application has set. */
static const struct name NAMES[] = {
    {"gen_ai.operation.name", GENAI, KIND},
    {"openinference.span.kind", OPENINFERENCE, KIND},
    {"langfuse.observation.type", LANGFUSE, KIND},
    {"gen_ai.conversation.id", GENAI, SESSION},
    {"session.id", OPENINFERENCE | LANGFUSE, SESSION},
    {"langfuse.session.id", 0, SESSION},
    {"user.id", EVERY, USER},
    {"langfuse.user.id", 0, USER},
    {"gen_ai.request.model", GENAI, MODEL},
    {"llm.model_name", OPENINFERENCE, MODEL},
    {"langfuse.observation.model.name", 0, MODEL},
    {"gen_ai.response.model", 0, RESPONSE_MODEL},
    {"gen_ai.provider.name", GENAI, PROVIDER},
    {"llm.provider", OPENINFERENCE, PROVIDER},
    {"gen_ai.system", 0, PROVIDER},
    {"gen_ai.usage.input_tokens", GENAI, INPUT_TOKENS},
    {"llm.token_count.prompt", OPENINFERENCE, INPUT_TOKENS},
    {"gen_ai.usage.prompt_tokens", LEGACY, INPUT_TOKENS},
    {"gen_ai.usage.output_tokens", GENAI, OUTPUT_TOKENS},
    {"llm.token_count.completion", OPENINFERENCE, OUTPUT_TOKENS},
    {"gen_ai.usage.completion_tokens", LEGACY, OUTPUT_TOKENS},
    {"gen_ai.usage.cache_read.input_tokens", GENAI, CACHED_TOKENS},
    {"llm.token_count.prompt_details.cache_read", OPENINFERENCE, CACHED_TOKENS},
    {"gen_ai.usage.reasoning.output_tokens", GENAI, REASONING_TOKENS},
    {"llm.token_count.completion_details.reasoning", OPENINFERENCE, REASONING_TOKENS},
    {"gen_ai.tool.name", GENAI, TOOL_NAME},
    {"tool.name", OPENINFERENCE, TOOL_NAME},
    {"gen_ai.tool.call.arguments", GENAI, TOOL_ARGUMENTS},
    {"tool.parameters", OPENINFERENCE, TOOL_ARGUMENTS},
    {"gen_ai.agent.name", GENAI, AGENT_NAME},
    {"agent.name", OPENINFERENCE, AGENT_NAME},
    {"tag.tags", OPENINFERENCE, TAGS},
    {"langfuse.trace.tags", LANGFUSE, TAGS},
    {"gen_ai.request.stream", GENAI, STREAMS},
    {"gen_ai.response.time_to_first_chunk", GENAI, FIRST_ITEM_SECONDS},
    {"langfuse.observation.completion_start_time", LANGFUSE, FIRST_ITEM_TIME},
    {"error.type", EVERY, ERROR_TYPE},
    {"input.value", OPENINFERENCE, INPUT},
    {"langfuse.observation.input", LANGFUSE, INPUT},
    {"input.mime_type", OPENINFERENCE, INPUT_TYPE},
    {"output.value", OPENINFERENCE, OUTPUT},
    {"langfuse.observation.output", LANGFUSE, OUTPUT},
    {"output.mime_type", OPENINFERENCE, OUTPUT_TYPE},
    {"gen_ai.input.messages", GENAI, INPUT_MESSAGES},
    {"gen_ai.output.messages", GENAI, OUTPUT_MESSAGES},
    {"graph.node.id", OPENINFERENCE, NODE},
    {"graph.node.name", OPENINFERENCE, NODE_NAME},
    {"graph.node.parent_id", OPENINFERENCE, NODE_PARENT},
};
_Static_assert(ARRAY_LENGTH(NAMES) <= 64, "a name is a bit of a word");

static size_t find_name(const char *key) {
    size_t i = 0;
    while (i < ARRAY_LENGTH(NAMES) && strcmp(NAMES[i].text, key) != 0) {
        i++;
    }
    return i;
}

/* Says it under each name of `meaning` that these profiles have, as far as they were chosen and the
 * application has not set it. */
static void say_to(const struct weir *w, struct otlp_part *part, enum meaning meaning,
                   uint32_t profiles, const weir_value *value) {
    if (part->span == NULL) {
        return;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        bool is_wanted =
            NAMES[i].meaning == meaning && NAMES[i].profiles & profiles & w->conventions;
        if (is_wanted && !(part->conventions.given >> i & 1)) {
            span_set(part->span, NAMES[i].text, value);
        }
    }
}

static void say(const struct weir *w, struct otlp_part *part, enum meaning meaning,
                const weir_value *value) {
    say_to(w, part, meaning, EVERY | LEGACY, value);
}

/* NULL: nothing to say. */
static void say_text_to(const struct weir *w, struct otlp_part *part, enum meaning meaning,
                        uint32_t profiles, const char *text) {
    if (text != NULL) {
        const weir_value value = weir_value_string(text);
        say_to(w, part, meaning, profiles, &value);
    }
}

static void say_text(const struct weir *w, struct otlp_part *part, enum meaning meaning,
                     const char *text) {
    say_text_to(w, part, meaning, EVERY | LEGACY, text);
}

static bool was_given(const struct otlp_part *part, enum meaning meaning) {
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        if (NAMES[i].meaning == meaning && part->conventions.given >> i & 1) {
            return true;
        }
    }
    return false;
}

const char *conventions_legacy_name(const char *key) {
    size_t nth = find_name(key);
    if (nth == ARRAY_LENGTH(NAMES) || NAMES[nth].profiles == LEGACY) {
        return NULL;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(NAMES); i++) {
        if (NAMES[i].meaning == NAMES[nth].meaning && NAMES[i].profiles == LEGACY) {
            return NAMES[i].text;
        }
    }
    return NULL;
}

/* ---- kinds ---- */

/* In rising order: a guess only ever goes up. */
enum span_kind {
    KIND_UNKNOWN,
    KIND_CHAIN,
    KIND_AGENT,
    KIND_RETRIEVER,
    KIND_EMBEDDING,
    KIND_TOOL,
    KIND_LLM,
    KIND_GUARDRAIL,
    KIND_EVALUATOR,
};

/* How the profiles call a kind; NULL: they do not know it. The first of a kind is written. */
struct kind_names {
    enum span_kind kind;
    const char *operation, *openinference, *langfuse;
};
static const struct kind_names KINDS[] = {
    {KIND_CHAIN, NULL, "CHAIN", "chain"},
    {KIND_AGENT, "invoke_agent", "AGENT", "agent"},
    {KIND_RETRIEVER, "retrieval", "RETRIEVER", "retriever"},
    {KIND_EMBEDDING, "embeddings", "EMBEDDING", "embedding"},
    {KIND_TOOL, "execute_tool", "TOOL", "tool"},
    {KIND_LLM, "chat", "LLM", "generation"},
    {KIND_GUARDRAIL, NULL, "GUARDRAIL", "guardrail"},
    {KIND_EVALUATOR, NULL, "EVALUATOR", "evaluator"},
    {KIND_LLM, "text_completion", NULL, NULL},
    {KIND_LLM, "generate_content", NULL, NULL},
    {KIND_AGENT, "create_agent", NULL, NULL},
    {KIND_CHAIN, "invoke_workflow", NULL, NULL},
};

static const struct kind_names *names_of_kind(enum span_kind kind) {
    for (size_t i = 0; i < ARRAY_LENGTH(KINDS); i++) {
        if (KINDS[i].kind == kind) {
            return &KINDS[i];
        }
    }
    return NULL;
}

static bool is_text(const weir_value *value, const char *text) {
    return text != NULL && value->kind == WEIR_VALUE_STRING &&
           value->as.string.n_bytes == strlen(text) &&
           memcmp(value->as.string.bytes, text, value->as.string.n_bytes) == 0;
}

static enum span_kind kind_by_name(const weir_value *value) {
    for (size_t i = 0; i < ARRAY_LENGTH(KINDS); i++) {
        const struct kind_names *row = &KINDS[i];
        if (is_text(value, row->operation) || is_text(value, row->openinference) ||
            is_text(value, row->langfuse)) {
            return row->kind;
        }
    }
    return KIND_UNKNOWN;
}

/* What an attribute says of its span by its mere name: the first prefix that fits. */
static const struct {
    const char *prefix;
    enum span_kind kind;
} GUESSES[] = {
    {"gen_ai.tool.name", KIND_TOOL},
    {"gen_ai.tool.call.", KIND_TOOL},
    {"tool.name", KIND_TOOL},
    {"tool.parameters", KIND_TOOL},
    {"gen_ai.agent.", KIND_AGENT},
    {"agent.name", KIND_AGENT},
    {"gen_ai.conversation.", KIND_UNKNOWN},
    {"gen_ai.", KIND_LLM},
    {"llm.", KIND_LLM},
    {"embedding.", KIND_EMBEDDING},
    {"retrieval.", KIND_RETRIEVER},
};

static enum span_kind kind_by_key(const char *key) {
    for (size_t i = 0; i < ARRAY_LENGTH(GUESSES); i++) {
        if (strncmp(key, GUESSES[i].prefix, strlen(GUESSES[i].prefix)) == 0) {
            return GUESSES[i].kind;
        }
    }
    return KIND_UNKNOWN;
}

/*
 * A conversation's id only where GenAI's own names are: each of them makes a span a "GenAI" one to
 * viewers. The session's id is on every span.
 */
static uint32_t profiles_with_session(const struct otlp_part *part) {
    const struct kind_names *names = names_of_kind((enum span_kind)part->conventions.kind);
    return names != NULL && names->operation != NULL ? EVERY : OPENINFERENCE | LANGFUSE;
}

static void take_kind(const struct weir *w, const struct app *app, struct otlp_part *part,
                      enum span_kind kind) {
    const struct kind_names *names = names_of_kind(kind);
    if (names == NULL || part->conventions.kind == kind) {
        return;
    }
    part->conventions.kind = (uint8_t)kind;
    say_text_to(w, part, KIND, GENAI, names->operation);
    say_text_to(w, part, KIND, OPENINFERENCE, names->openinference);
    say_text_to(w, part, KIND, LANGFUSE, names->langfuse);
    if (names->operation != NULL && !was_given(part, SESSION)) {
        say_text_to(w, part, SESSION, GENAI, app->id);
    }
}

/* ---- begins ---- */

void conventions_begin(const struct weir *w, const struct app *app, struct otlp_part *part,
                       enum span_role role) {
    part->conventions = (struct conventions_part){0};
    say_text_to(w, part, SESSION, OPENINFERENCE | LANGFUSE, app->id);
    take_kind(w, app, part, role == SPAN_OF_METHOD ? KIND_AGENT : KIND_CHAIN);
    if (role == SPAN_OF_METHOD) {
        say_text(w, part, AGENT_NAME, w->project);
        part->conventions.has_settled = true;
    }
}

void conventions_node(const struct weir *w, struct step *step, struct otlp_part *part) {
    const char *before = text_get(&step->action_before);
    say_text(w, part, NODE, text_get(&step->action));
    say_text(w, part, NODE_NAME, text_get(&step->action));
    if (*before != '\0') {
        say_text(w, part, NODE_PARENT, before);
    }
}

/* ---- what the application sets ---- */

/* A kind that the application names itself is final, and the other profiles' word for it is said.
 */
static void follow_kind(const struct weir *w, const struct app *app, struct otlp_part *part,
                        const weir_value *value) {
    part->conventions.has_settled = true;
    take_kind(w, app, part, kind_by_name(value));
}

/* OpenInference has one name for the model that was asked for and the one that answered. */
static void follow_response_model(const struct weir *w, struct otlp_part *part,
                                  const weir_value *value) {
    if (!was_given(part, MODEL)) {
        say_to(w, part, MODEL, OPENINFERENCE, value);
    }
}

static void follow_name(const struct weir *w, const struct app *app, struct otlp_part *part,
                        enum meaning meaning, const weir_value *value) {
    switch (meaning) {
    case KIND: follow_kind(w, app, part, value); break;
    case SESSION: say_to(w, part, SESSION, profiles_with_session(part), value); break;
    case RESPONSE_MODEL: follow_response_model(w, part, value); break;
    default: say(w, part, meaning, value); break;
    }
}

void conventions_given(const struct weir *w, const struct app *app, struct otlp_part *part,
                       const weir_key_value *attribute) {
    size_t nth = find_name(attribute->key);
    if (nth < ARRAY_LENGTH(NAMES)) {
        part->conventions.given |= UINT64_C(1) << nth;
        follow_name(w, app, part, NAMES[nth].meaning, &attribute->value);
    }
    enum span_kind kind = kind_by_key(attribute->key);
    if (!part->conventions.has_settled && kind > (enum span_kind)part->conventions.kind) {
        take_kind(w, app, part, kind);
    }
}

/* ---- content ---- */

bool conventions_have_content(const struct weir *w) {
    return w->conventions & (OPENINFERENCE | LANGFUSE);
}

void conventions_input(const struct weir *w, struct otlp_part *part, const weir_value *text) {
    say(w, part, INPUT, text);
    say_text(w, part, INPUT_TYPE, "application/json");
}

void conventions_output(const struct weir *w, struct otlp_part *part, const weir_value *text) {
    say(w, part, OUTPUT, text);
    say_text(w, part, OUTPUT_TYPE, "application/json");
}

/* The one text of `{"prompt":"hi"}`; otherwise the whole. */
static struct json_slice only_text(struct json_slice whole) {
    struct json_cursor c = json_cursor_over(whole.text, whole.n_bytes);
    struct json_slice key, first, second;
    if (json_enter(&c, '{') == 0 && json_next_member(&c, &key, &first) == 1 &&
        json_next_member(&c, &key, &second) == 0 && json_kind_of(first) == JSON_STRING) {
        return first;
    }
    return whole;
}

/* `[{"role":…,"parts":[{"type":"text","content":…}]…}]`, as GenAI's message schema has it. */
static void write_message(struct buf *out, const char *role, const weir_value *content,
                          const char *finish_reason) {
    struct json_slice whole = {content->as.string.bytes, content->as.string.n_bytes};
    struct json_slice text = only_text(whole);
    buf_append_text(out, "[{\"role\":\"");
    buf_append_text(out, role);
    buf_append_text(out, "\",\"parts\":[{\"type\":\"text\",\"content\":");
    if (json_kind_of(text) == JSON_STRING) {
        buf_append(out, text.text, text.n_bytes);
    } else {
        json_write_string(out, text.text, text.n_bytes, JSON_COMPACT);
    }
    buf_append_text(out, "}]");
    if (finish_reason != NULL) {
        buf_append_text(out, ",\"finish_reason\":\"");
        buf_append_text(out, finish_reason);
        buf_append_text(out, "\"");
    }
    buf_append_text(out, "}]");
}

static void say_message(const struct weir *w, struct otlp_part *part, enum meaning meaning,
                        const char *role, const weir_value *content, const char *finish_reason) {
    if (content == NULL || content->kind != WEIR_VALUE_STRING) {
        return;
    }
    struct buf CLEANUP(buf_deinit) out;
    buf_init(&out, WEIR_MAX_STATE_BYTES);
    write_message(&out, role, content, finish_reason);
    if (buf_error(&out) == 0) {
        const weir_value value = weir_value_string_n((const char *)out.data, out.n_bytes);
        say(w, part, meaning, &value);
    }
}

void conventions_messages(const struct weir *w, struct otlp_part *part, const weir_value *input,
                          const weir_value *output, const weir_error *error) {
    if (!(w->conventions & GENAI) || part->conventions.kind != KIND_LLM || part->span == NULL) {
        return;
    }
    say_message(w, part, INPUT_MESSAGES, "user", input, NULL);
    say_message(w, part, OUTPUT_MESSAGES, "assistant", output, error != NULL ? "error" : "stop");
}

/* ---- streams ---- */

static void say_first_item(const struct weir *w, const struct step *step, struct otlp_part *part) {
    uint64_t unix_ns = step->account.initialize_unix_ns + step->account.first_item_ns;
    const weir_value seconds = weir_value_double((double)step->account.first_item_ns / 1e9);
    say(w, part, FIRST_ITEM_SECONDS, &seconds);
    if (w->conventions & OPENINFERENCE) {
        span_add_event(part->span, unix_ns, "First Token Stream Event", NULL, 0);
    }
    if (w->conventions & LANGFUSE) {
        struct buf CLEANUP(buf_deinit) text;
        struct time_text_cache cache = {0};
        buf_init(&text, sizeof "2026-01-02T03:04:05.000006Z" + 16);
        time_text_utc(&text, unix_ns, &cache);
        const weir_value time = weir_value_string_n((const char *)text.data, text.n_bytes);
        say(w, part, FIRST_ITEM_TIME, &time);
    }
}

void conventions_stream(const struct weir *w, const struct step *step, struct otlp_part *part) {
    if (part->span == NULL) {
        return;
    }
    if (part->conventions.kind == KIND_LLM) {
        const weir_value streams = weir_value_bool(true);
        say(w, part, STREAMS, &streams);
    }
    if (step->account.n_produced > 0) {
        say_first_item(w, step, part);
    }
}

/* ---- errors ---- */

void conventions_error(const struct weir *w, struct otlp_part *part, const weir_error *error,
                       uint64_t unix_ns) {
    const char *type = error->type != NULL && *error->type != '\0' ? error->type : "Error";
    if (part->span == NULL || !(w->conventions & EVERY)) {
        return;
    }
    say_text(w, part, ERROR_TYPE, type);
    if (w->conventions & OPENINFERENCE) {
        const weir_key_value attributes[] = {
            {"exception.type", weir_value_string(type)},
            {"exception.message", weir_value_string(otlp_error_text(w, error))}};
        span_add_event(part->span, unix_ns, "exception", attributes, ARRAY_LENGTH(attributes));
    }
}
