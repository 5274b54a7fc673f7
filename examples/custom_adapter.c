/*
 * An adapter of one's own: what it hears is turned into a live line for each streaming step.
 *
 *   cc custom_adapter.c $(pkg-config --cflags --libs weir) -o custom_adapter && ./custom_adapter
 *
 *   answer: first token after 30 ms, then 80 tokens/s (12 tokens)
 *
 * An adapter is a table of functions named after the hooks; those left out are not called. All it
 * needs here is in each event, so it keeps no state and may be called from any thread.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include <weir/weir.h>

static double seconds_between(uint64_t from_ns, uint64_t to_ns) {
    return (double)(to_ns - from_ns) / 1e9;
}

/* The consumer has got a token. */
static int on_item(void *data, const weir_lifecycle_event *event) {
    FILE *out = data;
    double first = seconds_between(event->stream_initialize_unix_ns, event->first_item_unix_ns);
    double since = seconds_between(event->first_item_unix_ns, event->unix_ns);
    fprintf(out, "\r%s: first token after %.0f ms", event->action, first * 1e3);
    if (event->item_index > 0 && since > 0) {
        fprintf(out, ", then %.0f tokens/s (%" PRIu64 " tokens)", (double)event->item_index / since,
                event->item_index + 1);
    }
    fflush(out);
    return ferror(out) ? -1 : 0; /* counted by weir, and logged once; the run goes on */
}

static int on_stream_end(void *data, const weir_lifecycle_event *event) {
    if (event->first_item_unix_ns == 0) {
        fprintf(data, "%s: no token", event->action);
    }
    fputc('\n', data);
    return 0;
}

static int on_step_end(void *data, const weir_lifecycle_event *event) {
    if (event->error != NULL) {
        fprintf(data, "%s failed: %s: %s\n", event->action, event->error->type, event->error->text);
    }
    return 0;
}

/* ---- an application to listen to ---- */

static void generate(long ms) {
    nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

static void answer(weir_call *call, int n_tokens, const weir_error *error) {
    weir_step *step = weir_step_begin(call, "answer", &WEIR_STEP_OPTIONS(.streams = true));
    weir_stream *stream = weir_stream_begin(step);
    for (int i = 0; i < n_tokens; i++) {
        weir_stream_pull(stream);
        generate(i == 0 ? 15 : 4);
        weir_stream_yield(stream);
    }
    weir_step_end(step, &WEIR_STEP_RESULT(.error = error));
    weir_stream_end(stream);
}

int main(void) {
    const weir_adapter meter =
        WEIR_ADAPTER(.data = stdout, .post_stream_item = on_item, .post_end_stream = on_stream_end,
                     .post_run_step = on_step_end);
    const weir_adapter *adapters[] = {&meter}; /* after the tracker and OTLP, in this order */
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir *w = NULL;
    if (weir_open(&WEIR_OPTIONS(.service_name = "custom_adapter", .otlp_off = true,
                                .adapters = adapters, .n_adapters = 1),
                  &w, &detail) != 0) {
        fprintf(stderr, "%s\n", detail.message);
        return 1;
    }
    weir_app *app = weir_app_new(w, NULL);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_STREAM_RESULT);
    answer(call, 12, NULL);
    answer(call, 1, NULL);
    answer(call, 0, &WEIR_ERROR("TimeoutError", "the model did not answer"));
    weir_call_end(call, NULL);
    weir_app_free(app);

    weir_stats stats = {.size = sizeof stats};
    weir_get_stats(w, &stats);
    weir_close(w, 0);
    return stats.adapter_faults == 0 ? 0 : 1;
}
