/*
 * What a pipeline says: that spans are lost, and that they arrive again; what the peer rejected.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "otlp/bounds.h"
#include "otlp/exporter_state.h"
#include "otlp/spool.h"

/* One of several says which it is, counted from 1 as people do. */
static void name_pipeline(const struct pipeline *pipeline, char out[32]) {
    *out = '\0';
    if (pipeline->exporter->n_pipelines > 1) {
        snprintf(out, 32, "pipeline %zu: ", pipeline->index + 1);
    }
}

__attribute__((format(printf, 3, 4))) static void
say(struct pipeline *pipeline, enum log_cause cause, const char *format, ...) {
    if (pipeline->is_abandoned) {
        return; /* the host's callback may be gone with its pipeline */
    }
    char text[EXPORTER_TROUBLE_BYTES + 64], name[32];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    name_pipeline(pipeline, name);
    pipeline->is_telling = true;
    pipeline_go_outside(pipeline);
    logger_say(&pipeline->logger, WEIR_LOG_WARN, cause, "%s%s", name, text);
    pipeline_come_inside(pipeline);
    pipeline->is_telling = false;
}

/* What a close drops, exporter_stop tells. */
static void tell_of_loss(struct pipeline *pipeline, const struct outcome *outcome) {
    if (!outcome->is_delivered && outcome->cause != WEIR_DROP_SHUTDOWN_DEADLINE) {
        bool begins = pipeline->n_lost == 0;
        pipeline->n_lost += outcome->n_spans;
        if (begins) {
            say(pipeline, LOG_CAUSE_EXPORT, "spans are being lost: %s", pipeline->trouble);
        }
    } else if (outcome->is_delivered && pipeline->n_lost > 0) {
        uint64_t n_lost = pipeline->n_lost;
        pipeline->n_lost = 0;
        say(pipeline, LOG_CAUSE_EXPORT, "spans arrive again; lost meanwhile: %" PRIu64, n_lost);
    }
}

/* At most once a minute: a peer that rejects something of every request would fill the log (B22).
 */
static void tell_of_partial(struct pipeline *pipeline, const struct outcome *outcome) {
    if (outcome->n_rejected == 0 && *outcome->message == '\0') {
        return;
    }
    uint64_t now_ns = clock_now_ns();
    pipeline->n_rejected_untold += outcome->n_rejected;
    if (now_ns < pipeline->tell_partial_at_ns) {
        return;
    }
    uint64_t n_rejected = pipeline->n_rejected_untold;
    pipeline->n_rejected_untold = 0;
    pipeline->tell_partial_at_ns = now_ns + EXPORTER_PARTIAL_QUIET_S * NS_PER_S;
    if (n_rejected > 0) {
        say(pipeline, LOG_CAUSE_PARTIAL, "the endpoint rejected %" PRIu64 " of the spans: %s",
            n_rejected, *outcome->message != '\0' ? outcome->message : "no reason given");
    } else {
        say(pipeline, LOG_CAUSE_PARTIAL, "the endpoint took all spans and warns: %s",
            outcome->message);
    }
}

static void tell_of_strange_answer(struct pipeline *pipeline, const struct outcome *outcome) {
    if (outcome->is_strange && !pipeline->is_strange_answer_told) {
        pipeline->is_strange_answer_told = true;
        say(pipeline, LOG_CAUSE_PARTIAL,
            "the endpoint said yes, but not in OTLP: does it take traces, by this protocol "
            "(protocol, "
            "OTEL_EXPORTER_OTLP_PROTOCOL)? Its spans are counted as acknowledged");
    }
}

/* Once when spans begin to go to the spool, and once when they arrive again. */
static void tell_of_waiting(struct pipeline *pipeline, const struct outcome *outcome) {
    if (outcome->is_kept && !pipeline->is_waiting_told &&
        outcome->cause != WEIR_DROP_SHUTDOWN_DEADLINE) {
        pipeline->is_waiting_told = true;
        say(pipeline, LOG_CAUSE_EXPORT, "spans wait in the spool: %s", pipeline->trouble);
    } else if (outcome->is_delivered && pipeline->is_waiting_told) {
        pipeline->is_waiting_told = false;
        say(pipeline, LOG_CAUSE_EXPORT, "spans arrive again; those in the spool follow");
    }
}

/* What the disk, damage and the spool's bounds have cost. */
static void tell_of_spool(struct pipeline *pipeline) {
    struct spool *spool = pipeline->exporter->spool;
    char text[SPOOL_NEWS_BYTES];
    if (spool != NULL && spool_news(spool, text, sizeof text)) {
        say(pipeline, LOG_CAUSE_SPOOL, "%s", text);
    }
}

void pipeline_tell(struct pipeline *pipeline, const struct outcome *outcome) {
    tell_of_spool(pipeline); /* first: afterwards we may be left behind, and it may be gone */
    tell_of_waiting(pipeline, outcome);
    if (outcome->is_kept) {
        return;
    }
    tell_of_loss(pipeline, outcome);
    tell_of_partial(pipeline, outcome);
    tell_of_strange_answer(pipeline, outcome);
}

void pipeline_tell_of_overflow(struct pipeline *pipeline) {
    size_t share = pipeline->exporter->pool->max_bytes / pipeline->exporter->n_pipelines;
    if (pipeline->n_overflowed == 0) {
        return;
    }
    if (!pipeline->is_overflow_told) {
        pipeline->is_overflow_told = true;
        say(pipeline, LOG_CAUSE_QUEUE,
            "its share of the queue is full: it loses new spans until it has caught up");
    } else if (pipeline->pinned_bytes <=
               share / 2) { /* at the brim it would be said all the time */
        uint64_t n_lost = pipeline->n_overflowed;
        pipeline->n_overflowed = 0;
        pipeline->is_overflow_told = false;
        say(pipeline, LOG_CAUSE_QUEUE, "its queue has room again: it lost %" PRIu64 " spans",
            n_lost);
    }
}

void pipeline_say_undelivered(struct pipeline *pipeline, uint64_t n_spans, const char *when,
                              const char *trouble) {
    char name[32];
    name_pipeline(pipeline, name);
    logger_say(&pipeline->logger, WEIR_LOG_WARN, LOG_CAUSE_EXPORT,
               "%s%" PRIu64 " %s not sent %s: %s", name, n_spans,
               n_spans == 1 ? "span was" : "spans were", when,
               *trouble != '\0' ? trouble : "no answer came in time");
}

void pipeline_say_kept(struct pipeline *pipeline, uint64_t n_spans, const char *trouble) {
    char name[32];
    name_pipeline(pipeline, name);
    logger_say(&pipeline->logger, WEIR_LOG_INFO, LOG_CAUSE_SPOOL,
               "%s%" PRIu64 " %s not sent before the close and %s in the spool: %s", name, n_spans,
               n_spans == 1 ? "span was" : "spans were", n_spans == 1 ? "waits" : "wait",
               *trouble != '\0' ? trouble : "no answer came in time");
}
