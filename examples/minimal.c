/*
 * One streaming step, sent as OTLP and written as Burr's files: the program of the README.
 *
 *   cc minimal.c $(pkg-config --cflags --libs weir) -o minimal && ./minimal
 *
 * `weir collect` in another terminal shows what was sent; ~/.burr/chat/run-1 has the files.
 */
#include <stdio.h>

#include <weir/weir.h>

static const char *next_token(void) {
    static const char *const tokens[] = {"to ", "be ", "or ", "not", NULL};
    static size_t n;
    return tokens[n] != NULL ? tokens[n++] : NULL;
}

int main(void) {
    weir *w = NULL;
    weir_open(&WEIR_OPTIONS(.service_name = "chat", .project = "chat", .tracker_dir = "~/.burr",
                            .streaming_mode = WEIR_STREAMING_EVENT),
              &w, NULL);
    weir_app *app = weir_app_new(w, &WEIR_APP_OPTIONS(.app_id = "run-1"));
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    weir_step *step = weir_step_begin(
        call, "answer", &WEIR_STEP_OPTIONS(.streams = true, .inputs = "{\"prompt\":\"hi\"}"));
    weir_set(step, "gen_ai.request.model", "small");
    weir_stream *stream = weir_stream_begin(step);
    const char *token;
    while (weir_stream_pull(stream), (token = next_token()) != NULL) {
        weir_stream_yield(stream);
        fputs(token, stdout); /* consumer time */
    }
    weir_stream_exhausted(stream);
    weir_step_end(step, &WEIR_STEP_RESULT(.state = "{\"answer\":\"to be or not\"}"));
    weir_stream_end(stream); /* before or after the step's end: the log is the same */
    weir_call_end(call, NULL);
    weir_app_free(app);
    putchar('\n');
    weir_close(w, 5000); /* says on stderr what did not arrive, as weir_open says why it fails */
    return 0;            /* telemetry that fails is no failure of the application */
}
