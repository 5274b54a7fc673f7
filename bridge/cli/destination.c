#include "bridge/cli/destination.h"

#include <inttypes.h>
#include <poll.h>
#include <string.h>

#include "bridge/cli/command.h"
#include "bridge/cli/report.h"
#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/deps/curl_probe.h"
#include "otlp/explain.h"

/* ---- where to ---- */

/* weir_otlp_open says it all once more, aloud. */
static void keep_silent(weir_log_level level, const char *message, void *data) {
    (void)level;
    (void)message;
    (void)data;
}

static const char *name_of(const struct transport_choice *choice) {
    switch (choice->kind) {
    case TRANSPORT_HTTP: return choice->endpoint.shown;
    case TRANSPORT_FILE: return strcmp(choice->path, "-") == 0 ? "standard output" : choice->path;
    case TRANSPORT_CONSOLE: return "standard output";
    case TRANSPORT_OWN:
    default: return "nowhere";
    }
}

static void add(struct destination *out, const struct transport_choice *choice) {
    const struct endpoint *endpoint = &choice->endpoint;
    const char *name = name_of(choice);
    out->is_http[out->n] = choice->kind == TRANSPORT_HTTP && endpoint->unix_socket == NULL &&
                           endpoint->delivery.unix_socket == NULL;
    out->is_stdout |= choice->kind == TRANSPORT_CONSOLE ||
                      (choice->kind == TRANSPORT_FILE && strcmp(choice->path, "-") == 0);
    snprintf(out->names[out->n++], DESTINATION_MAX_BYTES, "%s", name);
}

void destination_find(const weir_otlp_options *options, struct destination *out) {
    struct logger logger;
    logger_init(&logger, keep_silent, NULL, WEIR_LOG_NONE);
    const struct config_reader reader = {.logger = &logger};
    struct explanation explanation CLEANUP(explanation_deinit);
    *out = (struct destination){.why_none = "its settings cannot be used"};
    if (explain_options(options, &reader, &explanation, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i < explanation.choices.n; i++) {
        add(out, &explanation.choices.of[i]);
    }
    out->why_none = explanation.config.is_disabled ? "OTEL_SDK_DISABLED is true"
                                                   : "OTEL_TRACES_EXPORTER is none";
    const char *spool_dir = explanation.config.spool.dir;
    snprintf(out->spool_dir, sizeof out->spool_dir, "%s", spool_dir != NULL ? spool_dir : "");
}

void destination_list(const struct destination *destination, struct buf *out) {
    for (size_t i = 0; i < destination->n; i++) {
        buf_append_text(out, i > 0 ? " and " : "");
        buf_append_text(out, destination->names[i]);
    }
    buf_append_text(out, destination->n == 0 ? "nowhere" : "");
}

/* ---- waiting for them ---- */

/* An endpoint that took nothing for so long has stopped answering; a spool looks every 5 s. */
enum { DRAIN_PATIENCE_MS = 6000, DRAIN_LOOK_MS = 5 };

/* What waits for endpoints that have answered; *n_acknowledged: what all have taken. */
static uint64_t n_waiting(weir_otlp *otlp, uint64_t *n_acknowledged) {
    uint64_t n = 0;
    *n_acknowledged = 0;
    for (size_t i = 0; i < weir_otlp_n_pipelines(otlp); i++) {
        weir_otlp_stats s = {.size = sizeof s};
        (void)weir_otlp_get_pipeline_stats(otlp, i, &s);
        *n_acknowledged += s.acknowledged;
        n += s.acknowledged > 0 ? s.spooled + s.queued + s.in_flight : 0;
    }
    return n;
}

void destination_drain(weir_otlp *otlp, uint32_t timeout_ms) {
    uint64_t n_before = 0, n_now, now = clock_now_ns(), end = now + timeout_ms * NS_PER_MS;
    uint64_t patient_until = end;
    while (n_waiting(otlp, &n_now) > 0 && now < MIN(end, patient_until)) {
        if (n_now != n_before) {
            n_before = n_now;
            patient_until = now + DRAIN_PATIENCE_MS * NS_PER_MS;
        }
        (void)poll(NULL, 0, DRAIN_LOOK_MS);
        now = clock_now_ns();
    }
}

/* ---- what became of them ---- */

struct outcome {
    uint64_t n_all, n_adopted, n_delivered, n_not_sampled, n_kept, n_lost;
};

/* Of a pipeline. A spool keeps what has not been sent, wherever it is now. */
static struct outcome outcome_of(weir_otlp *otlp, size_t pipeline) {
    weir_otlp_stats s = {.size = sizeof s};
    (void)weir_otlp_get_pipeline_stats(otlp, pipeline, &s);
    uint64_t n_dropped = 0, n_unsent = s.queued + s.in_flight + s.live;
    for (size_t cause = 0; cause < WEIR_N_DROP_CAUSES; cause++) {
        n_dropped += s.dropped[cause];
    }
    bool is_spooling = s.spool_bytes > 0 && s.spool_refusals == 0;
    return (struct outcome){.n_all = s.started + s.adopted,
                            .n_adopted = s.adopted,
                            .n_delivered = s.acknowledged,
                            .n_not_sampled = s.not_sampled,
                            .n_kept = s.spooled + (is_spooling ? n_unsent : 0),
                            .n_lost = s.rejected + n_dropped + (is_spooling ? 0 : n_unsent)};
}

static void print_pipeline(FILE *to, const struct destination *destination, size_t pipeline,
                           const struct outcome *o) {
    fprintf(to, "%" PRIu64, o->n_delivered);
    if (o->n_delivered != o->n_all) {
        fprintf(to, " of %" PRIu64, o->n_all);
    }
    fprintf(to, " %s to %s", report_noun(o->n_all, "span", "spans"), destination->names[pipeline]);
    if (o->n_adopted > 0) {
        fprintf(to, " (%" PRIu64 " left in the spool by an earlier run)", o->n_adopted);
    }
    if (o->n_kept > 0) {
        fprintf(to, ", %" PRIu64 " kept in %s until it answers", o->n_kept, destination->spool_dir);
    }
    if (o->n_not_sampled > 0) {
        fprintf(to, ", %" PRIu64 " not sampled (OTEL_TRACES_SAMPLER)", o->n_not_sampled);
    }
}

void destination_print_outcome(FILE *to, const struct destination *destination, weir_otlp *otlp) {
    size_t n = MIN(destination->n, weir_otlp_n_pipelines(otlp));
    for (size_t i = 0; i < n; i++) {
        struct outcome outcome = outcome_of(otlp, i);
        fputs(i > 0 ? ", " : "", to);
        print_pipeline(to, destination, i, &outcome);
    }
    if (n == 0) {
        fprintf(to, "no spans: %s", destination->why_none);
    }
}

/* ---- what was lost ---- */

/* The commonest fault of all has a remedy of its own. */
static bool is_nobody_there(const char *url) {
    struct http_probe probe;
    const struct http_probe_options options = {
        .route = {.url = url}, .kind = HTTP_PROBE_CONNECT, .trusts_anyone = true};
    return http_probe(&options, clock_now_ns() + NS_PER_S, &probe) == 0 &&
           probe.failed_at == HTTP_PROBE_CONNECTION && !probe.has_timed_out && !probe.is_proxied;
}

static const char *remedy_for(const struct destination *destination, size_t pipeline) {
    if (!destination->is_http[pipeline]) {
        return "mend that, or name another place by --output FILE";
    }
    return is_nobody_there(destination->names[pipeline])
               ? "nobody listens there: start `weir collect` in another terminal, or use --output "
                 "FILE"
               : "`weir doctor` with the same settings tests it step by step";
}

int destination_report_losses(const struct destination *destination, weir_otlp *otlp,
                              const char *again) {
    int exit_code = COMMAND_OK;
    size_t n = MIN(destination->n, weir_otlp_n_pipelines(otlp));
    for (size_t i = 0; i < n; i++) {
        struct outcome o = outcome_of(otlp, i);
        if (o.n_lost > 0) {
            exit_code = report_failure("%" PRIu64 " of %" PRIu64 " %s did not reach %s; %s%s%s",
                                       o.n_lost, o.n_all, report_noun(o.n_all, "span", "spans"),
                                       destination->names[i], remedy_for(destination, i),
                                       again != NULL ? "; " : "", again != NULL ? again : "");
        }
    }
    return exit_code;
}
