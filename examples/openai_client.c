/*
 * Asks an OpenAI-compatible endpoint and prints the answer as it streams in. weir measures the time
 * to the first token, the stream of tokens, and how long printing (the consumer) took.
 *
 *   cc -I.. openai_client.c sse.c $(pkg-config --cflags --libs weir libcurl jansson)
 *   OPENAI_BASE_URL=http://localhost:11434/v1 ./a.out MODEL PROMPT
 *
 * OPENAI_BASE_URL defaults to https://api.openai.com/v1; OPENAI_API_KEY is sent if it is set. What
 * was asked and answered is not recorded.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>
#include <jansson.h>

#include <weir/weir.h>

#include "examples/sse.h"

struct client {
    CURL *curl;
    weir_step *step;
    weir_stream *stream;
    struct sse events;
    char page[4096]; /* an answer that is no stream: says what went wrong */
    size_t n_page;
    bool is_complete;
    char error_type[64], error_text[256]; /* type "": none */
};

static void fail(struct client *client, const char *type, const char *text) {
    snprintf(client->error_type, sizeof client->error_type, "%s", type);
    snprintf(client->error_text, sizeof client->error_text, "%s", text);
}

/* ---- what is in the answer ---- */

static void set_text(weir_step *step, const char *key, const json_t *value) {
    if (json_is_string(value)) {
        weir_set(step, key, json_string_value(value));
    }
}

static void set_count(weir_step *step, const char *key, const json_t *value) {
    if (json_is_integer(value)) {
        weir_set(step, key, json_integer_value(value));
    }
}

/* true when the object tells of an error, which is kept. */
static bool take_error(struct client *client, const json_t *object) {
    const json_t *error = json_object_get(object, "error");
    const char *text = json_string_value(json_object_get(error, "message"));
    const char *type = json_string_value(json_object_get(error, "type"));
    if (json_is_object(error)) {
        fail(client, type != NULL ? type : "Error", text != NULL ? text : "no message");
    }
    return json_is_object(error);
}

static void take_chunk(struct client *client, const json_t *chunk) {
    const json_t *choice = json_array_get(json_object_get(chunk, "choices"), 0);
    const json_t *token = json_object_get(json_object_get(choice, "delta"), "content");
    const json_t *reason = json_object_get(choice, "finish_reason");
    const json_t *usage = json_object_get(chunk, "usage");
    set_text(client->step, "gen_ai.response.model", json_object_get(chunk, "model"));
    set_count(client->step, "gen_ai.usage.input_tokens", json_object_get(usage, "prompt_tokens"));
    set_count(client->step, "gen_ai.usage.output_tokens",
              json_object_get(usage, "completion_tokens"));
    if (json_string_length(token) > 0) {
        weir_stream_yield(client->stream);
        fwrite(json_string_value(token), 1, json_string_length(token), stdout);
        fflush(stdout);
        weir_stream_pull(client->stream); /* from here on we wait for the next one */
    }
    if (json_is_string(reason)) {
        const weir_value reasons = weir_value_string(json_string_value(reason));
        weir_set(client->step, "gen_ai.response.finish_reasons", weir_value_array(&reasons, 1));
        client->is_complete = true;
    }
}

static bool take_event(void *data, const char *bytes, size_t n_bytes) {
    struct client *client = data;
    if (n_bytes == 6 && memcmp(bytes, "[DONE]", 6) == 0) {
        client->is_complete = true;
        return true;
    }
    json_error_t fault;
    json_t *chunk = json_loadb(bytes, n_bytes, 0, &fault);
    if (chunk == NULL) {
        fail(client, "ProtocolError", fault.text);
    } else if (!take_error(client, chunk)) {
        take_chunk(client, chunk);
    }
    json_decref(chunk);
    return client->error_type[0] == '\0';
}

/* libcurl has some bytes of the answer; taking fewer ends the transfer. */
static size_t receive(char *bytes, size_t size, size_t n, void *data) {
    struct client *client = data;
    long status = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200) {
        return sse_feed(&client->events, bytes, size * n) ? size * n : 0;
    }
    size_t room = sizeof client->page - client->n_page;
    size_t n_taken = size * n < room ? size * n : room;
    memcpy(client->page + client->n_page, bytes, n_taken);
    client->n_page += n_taken;
    return size * n;
}

/* ---- the request ---- */

static void take_outcome(struct client *client, CURLcode code) {
    long status = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    if (client->error_type[0] != '\0') {
        return;
    }
    if (client->events.is_too_large) {
        fail(client, "ProtocolError", "an event of the answer is over 1 MiB");
    } else if (code != CURLE_OK) {
        fail(client, "ConnectionError", curl_easy_strerror(code));
    } else if (status != 200) {
        char text[32];
        snprintf(text, sizeof text, "HTTP status %ld", status);
        json_t *page = json_loadb(client->page, client->n_page, 0, NULL);
        if (!take_error(client, page)) {
            fail(client, "HTTPError", text);
        }
        json_decref(page);
    } else if (!client->is_complete) {
        fail(client, "ConnectionError", "the answer broke off");
    }
}

static struct curl_slist *headers_of(weir_step *step) {
    char traceparent[56], line[4096];
    const char *key = getenv("OPENAI_API_KEY");
    struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
    if (key != NULL) {
        snprintf(line, sizeof line, "Authorization: Bearer %s", key);
        headers = curl_slist_append(headers, line);
    }
    if (weir_traceparent(step, traceparent)) { /* the server's spans join our trace */
        snprintf(line, sizeof line, "traceparent: %s", traceparent);
        headers = curl_slist_append(headers, line);
    }
    return headers;
}

static void ask(struct client *client, const char *model, const char *prompt) {
    char url[2048];
    const char *base = getenv("OPENAI_BASE_URL");
    snprintf(url, sizeof url, "%s/chat/completions", base ? base : "https://api.openai.com/v1");
    json_t *request = json_pack("{s:s, s:b, s:{s:b}, s:[{s:s, s:s}]}", "model", model, "stream", 1,
                                "stream_options", "include_usage", 1, "messages", "role", "user",
                                "content", prompt);
    char *body = json_dumps(request, JSON_COMPACT);
    struct curl_slist *headers = headers_of(client->step);
    client->curl = curl_easy_init();
    curl_easy_setopt(client->curl, CURLOPT_URL, url);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, receive);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client);
    curl_easy_setopt(client->curl, CURLOPT_CONNECTTIMEOUT, 10L);
    curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_LIMIT, 1L); /* silent for a minute: give up */
    curl_easy_setopt(client->curl, CURLOPT_LOW_SPEED_TIME, 60L);
    weir_stream_pull(client->stream);
    take_outcome(client, curl_easy_perform(client->curl));
    curl_easy_cleanup(client->curl);
    curl_slist_free_all(headers);
    free(body);
    json_decref(request);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL PROMPT\n", argv[0]);
        return 2;
    }
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir *w = NULL;
    if (weir_open(&WEIR_OPTIONS(.service_name = "openai_client"), &w, &detail) != 0) {
        fprintf(stderr, "no telemetry: %s\n", detail.message);
    }
    static struct client client = {.events = {.on_event = take_event, .data = &client}};
    weir_app *app = weir_app_new(w, NULL);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    client.step = weir_step_begin(call, "chat", &WEIR_STEP_OPTIONS(.streams = true));
    weir_set_all(client.step, {"gen_ai.operation.name", weir_value_string("chat")},
                 {"gen_ai.provider.name", weir_value_string("openai")},
                 {"gen_ai.request.model", weir_value_string(argv[1])},
                 {"gen_ai.request.stream", weir_value_bool(true)});
    client.stream = weir_stream_begin(client.step);
    ask(&client, argv[1], argv[2]);
    const weir_error error = {client.error_type, client.error_text};
    const weir_error *failure = client.error_type[0] != '\0' ? &error : NULL;
    if (failure != NULL) {
        weir_set(client.step, "error.type", error.type);
        weir_stream_failed(client.stream, failure);
        fprintf(stderr, "\n%s: %s\n", error.type, error.text);
    } else {
        weir_stream_exhausted(client.stream);
        putchar('\n');
    }
    weir_step_end(client.step, &WEIR_STEP_RESULT(.error = failure));
    weir_stream_end(client.stream);
    weir_call_end(call, failure);
    weir_app_free(app);
    return weir_close(w, 5000) == 0 && failure == NULL ? 0 : 1;
}
