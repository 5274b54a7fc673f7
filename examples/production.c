/*
 * A long-running program set up for production: TLS and a token, compressed requests, a spool for
 * hours without a collector, its own log, and the pipeline's counters on SIGUSR1. SIGTERM ends it.
 *
 *     cc production.c $(pkg-config --cflags --libs weir) -o production
 *     COLLECTOR=https://collector.example:4318 COLLECTOR_CA=ca.pem COLLECTOR_TOKEN=secret \
 *         ./production /var/lib/shop/spool
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <weir/weir.h>

/* weir says little, and each thing once: when spans are being lost, and when no longer. */
static void log_line(weir_log_level level, const char *message, void *data) {
    static const char *const names[] = {"", "", "error", "warning", "info", "debug"};
    (void)data;
    fprintf(stderr, "shop: telemetry: %s: %s\n", names[level], message);
}

static weir *open_weir(const char *spool_dir) {
    weir *w = NULL;
    char authorization[512];
    const char *token = getenv("COLLECTOR_TOKEN");
    const char *headers[] = {token != NULL ? authorization : NULL, NULL};
    snprintf(authorization, sizeof authorization, "Authorization: Bearer %s", token ? token : "");
    weir_otlp_options otlp =
        WEIR_OTLP_OPTIONS(.endpoint = getenv("COLLECTOR"),   /* NULL: the usual variables */
                          .ca_file = getenv("COLLECTOR_CA"), /* NULL: the system's authorities */
                          .headers = headers, .compression = WEIR_OTLP_COMPRESSION_GZIP,
                          .max_queue_bytes = 8 << 20, /* of memory, and … */
                          .spool_dir = spool_dir, .spool_max_bytes = 64 << 20, /* … on disk */
                          .has_timeout_ms = true,
                          .timeout_ms = 30000); /* one export, retries included */
    weir_open(
        &WEIR_OPTIONS(.service_name = "shop", .project = "shop", .log = log_line, .otlp = &otlp),
        &w, NULL);
    return w; /* NULL: the log says why, and the shop stays open */
}

static void print_stats(weir *w) {
    weir_otlp_stats stats = WEIR_OTLP_STATS();
    weir_get_otlp_stats(w, &stats);
    const weir_otlp_stats *s = &stats;
    uint64_t n_dropped = 0;
    for (int cause = 0; cause < WEIR_N_DROP_CAUSES; cause++) {
        n_dropped += s->dropped[cause];
    }
    /* What was started, and left by an earlier run, is the sum of all the rest. */
    printf("spans: %" PRIu64 " started, %" PRIu64 " left by an earlier run, %" PRIu64
           " live, %" PRIu64 " waiting, %" PRIu64 " put aside, %" PRIu64 " arrived, %" PRIu64
           " lost; %" PRIu64 " bytes of files in the spool\n",
           s->started, s->adopted, s->live, s->queued + s->in_flight, s->spooled, s->acknowledged,
           n_dropped + s->rejected, s->spool_bytes);
    fflush(stdout);
}

static void sell(weir_app *app) {
    WEIR_SCOPED_CALL *call = weir_call_begin(app, WEIR_METHOD_STEP);
    WEIR_SCOPED_STEP *step = weir_step_begin(call, "sell", NULL);
    weir_set(step, "items", 1);
}

/* weir touches no signal; this program takes its own between two sales. */
static void serve(weir *w, weir_app *app, const sigset_t *signals) {
    const struct timespec pause = {.tv_nsec = 20000000};
    for (;;) {
        int signal = sigtimedwait(signals, NULL, &pause);
        if (signal == SIGTERM || signal == SIGINT) {
            return;
        }
        if (signal == SIGUSR1) {
            print_stats(w);
        }
        sell(app);
    }
}

int main(int n_arguments, char **arguments) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);

    weir *w = open_weir(n_arguments > 1 ? arguments[1] : NULL);
    weir_app *app = weir_app_new(w, NULL);
    printf("open\n");
    fflush(stdout);
    serve(w, app, &signals);
    weir_app_free(app);
    int error = weir_close(w, 3000); /* what has not arrived by then stays in the spool */
    printf("closed%s\n", error != 0 ? ", spans are left" : "");
    return 0;
}
