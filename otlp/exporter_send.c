/*
 * One segment's way out: attempts, the waits between them, and what is counted and said in the end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/buf.h"
#include "otlp/common/id.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "otlp/exporter_state.h"
#include "otlp/response.h"
#include "otlp/retry.h"

static const uint64_t NS_PER_S = UINT64_C(1000000000);

/* What one attempt brought. */
struct attempt {
    int error;
    weir_transport_response response;
    weir_error_detail detail;
    char trouble[EXPORTER_TROUBLE_BYTES]; /* why it failed, in words */
};

/* What became of a segment. */
struct outcome {
    uint32_t n_spans;
    bool is_delivered;
    weir_drop_cause cause;  /* when not delivered */
    uint64_t hold_until_ns; /* nothing is to be sent before: the peer said so */
    uint32_t n_rejected;    /* when delivered: of its spans */
    bool is_strange;        /* when delivered: the answer was no OTLP */
    char message[192];      /* when delivered: the peer's, or "" */
};

/* ---- texts ---- */

/* A peer's text as valid UTF-8, cut where it no longer fits. */
static void copy_text(char *out, size_t n_out, struct response_text text) {
    struct buf repaired;
    buf_init(&repaired, 4 * n_out);
    utf8_append_repaired(&repaired, text.bytes, MIN(text.n_bytes, n_out));
    size_t n = utf8_valid_prefix((const char *)repaired.data, MIN(repaired.n_bytes, n_out - 1));
    memcpy(out, n > 0 ? (const char *)repaired.data : "", n);
    out[n] = '\0';
    buf_deinit(&repaired);
}

/* The transport's words, else our own, with the message of a google.rpc.Status behind (B23). */
static void describe(struct attempt *attempt) {
    char plain[64], said[128] = "";
    struct response_status status;
    if (attempt->error != 0) {
        snprintf(plain, sizeof plain, "sending failed: %s", weir_strerror(attempt->error));
    } else {
        snprintf(plain, sizeof plain, "the answer was %d", attempt->response.http_status);
        if (response_read_status(attempt->response.body, attempt->response.n_bytes, &status) == 0) {
            copy_text(said, sizeof said, status.message);
        }
    }
    const char *words = *attempt->detail.message != '\0' ? attempt->detail.message : plain;
    snprintf(attempt->trouble, sizeof attempt->trouble, "%s%s%s%s", words,
             *said != '\0' ? "; it says: \"" : "", said, *said != '\0' ? "\"" : "");
}

/* ---- attempts ---- */

/* The mutex is held before and after. */
static void try_once(struct exporter *exporter, const uint8_t *body, size_t n_bytes,
                     uint64_t deadline_ns, struct attempt *attempt) {
    *attempt = (struct attempt){
        .response = {.retry_after_ms = -1},
        .detail = WEIR_ERROR_DETAIL_INIT,
    };
    exporter->counts.requests++;
    uint64_t by_ns = MIN(deadline_ns, exporter->stop_by_ns);
    exporter_go_outside(exporter);
    attempt->error = exporter->transport.post(exporter->transport.data, body, n_bytes, by_ns,
                                              &attempt->response, &attempt->detail);
    if (retry_judge(attempt->error, &attempt->response) != RETRY_DELIVERED) {
        describe(attempt);
    }
    exporter_come_inside(exporter);
    memcpy(exporter->trouble, attempt->trouble, sizeof exporter->trouble);
}

/*
 * Waits until the next attempt is due. False when that would be too late; outcome->cause says for
 * what.
 */
static bool wait_for_retry(struct exporter *exporter, unsigned n_failed, int64_t retry_after_ms,
                           uint64_t deadline_ns, struct outcome *outcome) {
    uint64_t now_ns = exporter_now();
    uint64_t again_ns = now_ns + retry_delay_ns(n_failed, retry_after_ms, id_random());
    if (retry_after_ms > 0) {
        outcome->hold_until_ns = MIN(again_ns, now_ns + EXPORTER_MAX_HOLD_S * NS_PER_S);
    }
    do {
        bool is_stopping = exporter->is_ending || exporter->stop_by_ns <= deadline_ns;
        if (exporter->is_ending || again_ns >= MIN(deadline_ns, exporter->stop_by_ns)) {
            outcome->cause = is_stopping ? WEIR_DROP_SHUTDOWN_DEADLINE : WEIR_DROP_EXPORT_FAILED;
            return false;
        }
    } while (exporter_wait(exporter, &exporter->work, again_ns));
    return true;
}

static void read_answer(const weir_transport_response *response, struct outcome *outcome) {
    struct response_partial partial;
    outcome->is_delivered = true;
    if (response_read_partial(response->body, response->n_bytes, &partial) != 0) {
        outcome->is_strange = true;
        return;
    }
    /* The number is the peer's: it cannot have rejected more than it got. */
    outcome->n_rejected = (uint32_t)MIN(MAX(partial.n_rejected, 0), (int64_t)outcome->n_spans);
    copy_text(outcome->message, sizeof outcome->message, partial.message);
}

/* The cause of a loss that another attempt would not mend. */
static weir_drop_cause cause_of(const struct exporter *exporter, int error) {
    switch (error) {
    case WEIR_E_NO_MEMORY: return WEIR_DROP_NO_MEMORY;
    case WEIR_E_IO:
    case WEIR_E_TIMEOUT:
        return exporter->transport.is_disk ? WEIR_DROP_DISK : WEIR_DROP_EXPORT_FAILED;
    default: return WEIR_DROP_EXPORT_FAILED;
    }
}

/* Lets the transport make of the request what it sends; the mutex is held before and after. */
static int prepare(struct exporter *exporter, const uint8_t **body, size_t *n_bytes) {
    if (exporter->transport.prepare == NULL) {
        return 0;
    }
    struct attempt attempt = {.detail = WEIR_ERROR_DETAIL_INIT};
    exporter_go_outside(exporter);
    attempt.error = exporter->transport.prepare(exporter->transport.data, *body, *n_bytes, body,
                                                n_bytes, &attempt.detail);
    if (attempt.error != 0) {
        describe(&attempt);
    }
    exporter_come_inside(exporter);
    memcpy(exporter->trouble, attempt.trouble, sizeof exporter->trouble);
    return attempt.error;
}

/* Until it is delivered or given up. False: exporter_stop has left us behind meanwhile. */
static bool deliver(struct exporter *exporter, struct segment *segment, struct outcome *outcome) {
    uint64_t deadline_ns =
        exporter->timeout_ns > 0 ? exporter_now() + exporter->timeout_ns : UINT64_MAX;
    size_t n_bytes;
    const uint8_t *body = segment_body(segment, &n_bytes);
    int error = prepare(exporter, &body, &n_bytes);
    if (exporter->is_abandoned) {
        return false;
    }
    if (error != 0) {
        outcome->cause = error == WEIR_E_NO_MEMORY ? WEIR_DROP_NO_MEMORY : WEIR_DROP_EXPORT_FAILED;
        return true;
    }
    for (unsigned n_failed = 1;; n_failed++) {
        struct attempt attempt;
        try_once(exporter, body, n_bytes, deadline_ns, &attempt);
        if (exporter->is_abandoned) {
            return false;
        }
        enum retry_verdict verdict = retry_judge(attempt.error, &attempt.response);
        if (verdict == RETRY_DELIVERED) {
            read_answer(&attempt.response, outcome);
            return true;
        }
        if (verdict == RETRY_GIVE_UP || exporter->transport.is_disk) {
            outcome->cause = cause_of(exporter, attempt.error);
            return true;
        }
        if (!wait_for_retry(exporter, n_failed, attempt.response.retry_after_ms, deadline_ns,
                            outcome)) {
            return true;
        }
        exporter->counts.retries++;
    }
}

/* ---- what is said ---- */

static void say(struct exporter *exporter, enum log_cause cause, const char *text) {
    if (exporter->is_abandoned) {
        return; /* the host's callback may be gone with its pipeline */
    }
    exporter_go_outside(exporter);
    logger_say(&exporter->logger, WEIR_LOG_WARN, cause, "%s", text);
    exporter_come_inside(exporter);
}

/* Once when a loss begins and once when it ends. What a close drops, exporter_stop tells. */
static void tell_of_loss(struct exporter *exporter, const struct outcome *outcome) {
    char text[EXPORTER_TROUBLE_BYTES + 64];
    if (!outcome->is_delivered && outcome->cause != WEIR_DROP_SHUTDOWN_DEADLINE) {
        bool begins = exporter->n_lost == 0;
        exporter->n_lost += outcome->n_spans;
        if (begins) {
            snprintf(text, sizeof text, "spans are being lost: %s", exporter->trouble);
            say(exporter, LOG_CAUSE_EXPORT, text);
        }
    } else if (outcome->is_delivered && exporter->n_lost > 0) {
        snprintf(text, sizeof text, "spans arrive again; lost meanwhile: %" PRIu64,
                 exporter->n_lost);
        exporter->n_lost = 0;
        say(exporter, LOG_CAUSE_EXPORT, text);
    }
}

/* At most once a minute: a peer that rejects something of every request would fill the log (B22).
 */
static void tell_of_partial(struct exporter *exporter, const struct outcome *outcome) {
    if (outcome->n_rejected == 0 && *outcome->message == '\0') {
        return;
    }
    uint64_t now_ns = exporter_now();
    exporter->n_rejected_untold += outcome->n_rejected;
    if (now_ns < exporter->tell_partial_at_ns) {
        return;
    }
    char text[EXPORTER_TROUBLE_BYTES + 64];
    const char *reason = *outcome->message != '\0' ? outcome->message : "no reason given";
    if (exporter->n_rejected_untold > 0) {
        snprintf(text, sizeof text, "the endpoint rejected %" PRIu64 " of the spans: %s",
                 exporter->n_rejected_untold, reason);
    } else {
        snprintf(text, sizeof text, "the endpoint took all spans and warns: %s", reason);
    }
    exporter->n_rejected_untold = 0;
    exporter->tell_partial_at_ns = now_ns + EXPORTER_PARTIAL_QUIET_S * NS_PER_S;
    say(exporter, LOG_CAUSE_PARTIAL, text);
}

static void tell_of_strange_answer(struct exporter *exporter, const struct outcome *outcome) {
    if (outcome->is_strange && !exporter->is_strange_answer_told) {
        exporter->is_strange_answer_told = true;
        say(exporter, LOG_CAUSE_PARTIAL,
            "the endpoint said yes, but not in OTLP: is it an OTLP/HTTP endpoint? Its spans are "
            "counted as acknowledged");
    }
}

/* ---- the whole ---- */

static struct segment *take_first(struct exporter *exporter) {
    struct segment *segment = exporter->first;
    exporter->first = segment->next;
    if (exporter->first == NULL) {
        exporter->last = &exporter->first;
    }
    exporter->current = segment;
    exporter->counts.taken += segment->n_spans;
    exporter->counts.in_flight += segment->n_spans;
    return segment;
}

static void count(struct exporter_counts *counts, const struct outcome *outcome) {
    counts->in_flight -= outcome->n_spans;
    if (outcome->is_delivered) {
        counts->acknowledged += outcome->n_spans - outcome->n_rejected;
        counts->rejected += outcome->n_rejected;
    } else {
        counts->dropped[outcome->cause] += outcome->n_spans;
    }
}

void exporter_send_next(struct exporter *exporter) {
    struct segment *segment = take_first(exporter);
    struct outcome outcome = {.n_spans = segment->n_spans};
    if (!deliver(exporter, segment, &outcome)) {
        segment_free(segment); /* counted by exporter_stop; its pool may be gone */
        return;
    }
    count(&exporter->counts, &outcome);
    exporter->current = NULL;
    segment_release(exporter->pool, segment);
    tell_of_loss(exporter, &outcome); /* foreign code: from here on we may be left behind */
    tell_of_partial(exporter, &outcome);
    tell_of_strange_answer(exporter, &outcome);
    exporter->hold_until_ns = outcome.hold_until_ns;
    exporter->n_concluded++;
    pthread_cond_broadcast(&exporter->progress);
}
