/*
 * One segment's way out, as a state machine: it is prepared once, tried, waits between attempts,
 * and is concluded. A step does what is due and returns; who calls it may be a thread that can wait
 * for a post.
 */
#include <stdio.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/buf.h"
#include "otlp/common/id.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "otlp/exporter_state.h"
#include "otlp/grpc_status.h"
#include "otlp/response.h"
#include "otlp/retry.h"

/* What one attempt brought. */
struct attempt {
    int error;
    weir_transport_response response;
    weir_error_detail detail;
    char trouble[EXPORTER_TROUBLE_BYTES]; /* why it failed, in words */
};
#define ATTEMPT_INIT                                                                               \
    {                                                                                              \
        .response = {.size = sizeof(weir_transport_response), .retry_after_ms = -1},               \
        .detail = WEIR_ERROR_DETAIL_INIT                                                           \
    }

static enum retry_verdict judge(const struct attempt *attempt) {
    return retry_judge(attempt->error, &attempt->response);
}

/* What metrics say of it, unless it delivered. */
static struct export_result result_of(const struct attempt *attempt) {
    const weir_transport_response *response = &attempt->response;
    if (attempt->error != 0) {
        return (struct export_result){EXPORT_UNANSWERED, false, attempt->error};
    }
    if (!response->has_grpc_status) {
        return (struct export_result){EXPORT_REFUSED, false, response->http_status};
    }
    int status = response->grpc_status;
    bool is_known = status >= GRPC_OK && status <= GRPC_UNAUTHENTICATED;
    return (struct export_result){EXPORT_REFUSED, true, is_known ? status : GRPC_UNKNOWN};
}

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

/* ---- the end ---- */

static void read_answer(const weir_transport_response *response, struct outcome *outcome) {
    struct response_partial partial;
    if (response_read_partial(response->body, response->n_bytes, &partial) != 0) {
        outcome->is_strange = true;
        return;
    }
    /* The number is the peer's: it cannot have rejected more than it got. */
    outcome->n_rejected = (uint32_t)MIN(MAX(partial.n_rejected, 0), (int64_t)outcome->n_spans);
    copy_text(outcome->message, sizeof outcome->message, partial.message);
}

static void count(struct exporter_counts *counts, const struct outcome *outcome) {
    counts->in_flight -= outcome->n_spans;
    if (outcome->is_kept) {
        return; /* by the spool */
    }
    if (outcome->is_delivered) {
        counts->acknowledged += outcome->n_spans - outcome->n_rejected;
        counts->rejected += outcome->n_rejected;
    } else {
        counts->dropped[outcome->cause] += outcome->n_spans;
    }
}

/* What is said is said before a flush may return. */
static void conclude(struct pipeline *pipeline, const struct outcome *outcome) {
    struct segment *segment = pipeline->current;
    count(&pipeline->counts, outcome);
    tallies_add(&pipeline->counts.tallies, &pipeline->result, outcome->n_spans,
                clock_now_ns() - pipeline->begun_ns);
    pipeline->state = PIPELINE_IDLE;
    pipeline->current = NULL;
    pipeline->is_answering = outcome->is_delivered;
    pipeline_let_go(pipeline, segment);
    pipeline_tend_spool(pipeline); /* a file is clear, or waits, before a flush may return */
    pipeline_plan_spool(pipeline, outcome, pipeline->is_spooled);
    pipeline_tell(pipeline, outcome); /* foreign code: from here on we may be left behind */
    /* A stop, or a fork in there, has concluded all. */
    pipeline->n_concluded = MIN(pipeline->n_concluded + !pipeline->is_spooled, pipeline->n_pushed);
    pthread_cond_broadcast(&pipeline->exporter->progress);
}

static void give_up(struct pipeline *pipeline, weir_drop_cause cause) {
    struct outcome outcome = {.n_spans = pipeline->current->n_spans, .cause = cause};
    conclude(pipeline, &outcome);
}

/* Another attempt might have brought it there, but there is no time, or no memory, for one. */
static void give_up_for_now(struct pipeline *pipeline, weir_drop_cause cause) {
    struct outcome outcome = {.n_spans = pipeline->current->n_spans, .cause = cause};
    outcome.is_kept = pipeline_keep(pipeline, pipeline->current);
    conclude(pipeline, &outcome);
}

static void deliver(struct pipeline *pipeline, const weir_transport_response *response) {
    struct outcome outcome = {.n_spans = pipeline->current->n_spans, .is_delivered = true};
    read_answer(response, &outcome);
    pipeline->result.end = outcome.n_rejected > 0 ? EXPORT_PARTIAL : EXPORT_DELIVERED;
    conclude(pipeline, &outcome);
}

/* The cause of a loss that another attempt would not mend. */
static weir_drop_cause cause_of(const struct pipeline *pipeline, int error) {
    switch (error) {
    case WEIR_E_NO_MEMORY: return WEIR_DROP_NO_MEMORY;
    case WEIR_E_IO:
    case WEIR_E_TIMEOUT:
        return pipeline->transport.is_disk ? WEIR_DROP_DISK : WEIR_DROP_EXPORT_FAILED;
    default: return WEIR_DROP_EXPORT_FAILED;
    }
}

/* What we lack ourselves we may have later: the endpoint has not been asked. */
static void give_up_after(struct pipeline *pipeline, int error) {
    weir_drop_cause cause = cause_of(pipeline, error);
    if (error == WEIR_E_NO_MEMORY) {
        give_up_for_now(pipeline, cause);
    } else {
        give_up(pipeline, cause);
    }
}

/* ---- the beginning ---- */

/* Lets the transport make of the request what it sends; once, for all attempts. */
static int prepare(struct pipeline *pipeline) {
    const weir_transport *transport = &pipeline->transport;
    struct segment *segment = pipeline->current;
    pipeline->body = segment->body;
    pipeline->n_body_bytes = segment->n_body_bytes;
    if (transport->prepare == NULL) {
        return 0;
    }
    struct attempt attempt = ATTEMPT_INIT;
    const uint8_t *body = NULL;
    size_t n_bytes = 0;
    pipeline_go_outside(pipeline);
    attempt.error = transport->prepare(transport->data, segment->body, segment->n_body_bytes, &body,
                                       &n_bytes, &attempt.detail);
    if (attempt.error != 0) {
        describe(&attempt);
    }
    pipeline_come_inside(pipeline);
    pipeline->body = body;
    pipeline->n_body_bytes = n_bytes;
    memcpy(pipeline->trouble, attempt.trouble, sizeof pipeline->trouble);
    return attempt.error;
}

static void begin(struct pipeline *pipeline, struct segment *segment, bool is_spooled) {
    pipeline->current = segment;
    pipeline->is_spooled = is_spooled;
    pipeline->state = PIPELINE_TRYING;
    pipeline->counts.in_flight += segment->n_spans;
    pipeline->counts.processed += segment->n_spans;
    pipeline->n_failed = 0;
    pipeline->begun_ns = clock_now_ns();
    pipeline->deadline_ns =
        pipeline->timeout_ns > 0 ? pipeline->begun_ns + pipeline->timeout_ns : UINT64_MAX;
    int error = prepare(pipeline);
    if (error != 0 && !pipeline->is_abandoned) {
        pipeline->result = (struct export_result){EXPORT_UNANSWERED, false, error};
        give_up_after(pipeline, error);
    }
}

/* ---- attempts ---- */

static uint64_t attempts_end_ns(const struct pipeline *pipeline) {
    return MIN(pipeline->deadline_ns, pipeline->exporter->stop_by_ns);
}

static void post(struct pipeline *pipeline, struct attempt *attempt) {
    const weir_transport *transport = &pipeline->transport;
    uint64_t by_ns = attempts_end_ns(pipeline);
    pipeline->counts.requests++;
    pipeline_go_outside(pipeline);
    attempt->error = transport->post(transport->data, pipeline->body, pipeline->n_body_bytes, by_ns,
                                     &attempt->response, &attempt->detail);
    if (judge(attempt) != RETRY_DELIVERED) {
        describe(attempt);
    }
    pipeline_come_inside(pipeline);
    memcpy(pipeline->trouble, attempt->trouble, sizeof pipeline->trouble);
}

static void plan_retry(struct pipeline *pipeline, int64_t retry_after_ms) {
    uint64_t now_ns = clock_now_ns();
    pipeline->n_failed++;
    pipeline->again_ns = now_ns + retry_delay_ns(pipeline->n_failed, retry_after_ms, id_random());
    if (retry_after_ms > 0) { /* holds for later segments too, should this one be given up */
        pipeline->hold_until_ns = MIN(pipeline->again_ns, now_ns + EXPORTER_MAX_HOLD_S * NS_PER_S);
    }
    pipeline->state = PIPELINE_WAITING;
}

static void take_answer(struct pipeline *pipeline, const struct attempt *attempt) {
    if (pipeline->is_abandoned) {
        return; /* by exporter_stop, which has counted the spans */
    }
    enum retry_verdict verdict = judge(attempt);
    pipeline->result = result_of(attempt);
    if (verdict == RETRY_DELIVERED) {
        deliver(pipeline, &attempt->response);
    } else if (verdict == RETRY_GIVE_UP || pipeline->transport.is_disk) {
        give_up_after(pipeline, attempt->error);
    } else {
        plan_retry(pipeline, attempt->response.retry_after_ms);
    }
}

/* ---- attempts in steps that wait for nothing ---- */

/* WEIR_PENDING, or as post. Without the mutex. */
static int start_or_advance(const struct pipeline *pipeline, bool is_first, bool is_late,
                            uint64_t by_ns, struct attempt *attempt) {
    const weir_transport *transport = &pipeline->transport;
    int error = 0;
    if (is_first) {
        error = transport->start(transport->data, pipeline->body, pipeline->n_body_bytes, by_ns);
    }
    if (error == 0) {
        error = transport->advance(transport->data, &attempt->response, &attempt->detail);
    }
    if (error == WEIR_PENDING && is_late && transport->cancel != NULL) { /* a close is sooner */
        transport->cancel(transport->data);
        error = transport->advance(transport->data, &attempt->response, &attempt->detail);
    }
    return error;
}

/* When to advance at the latest. */
static uint64_t next_advance_ns(const struct pipeline *pipeline, uint64_t by_ns, uint64_t now_ns) {
    bool must_ask = pipeline->watched_fd < 0 || by_ns <= now_ns;
    return must_ask ? now_ns + EXPORTER_ASK_MS * NS_PER_MS : by_ns;
}

static uint64_t step_under_way(struct pipeline *pipeline, uint64_t now_ns) {
    struct attempt attempt = ATTEMPT_INIT;
    uint64_t by_ns = attempts_end_ns(pipeline);
    bool is_first = !pipeline->is_under_way;
    pipeline->counts.requests += is_first;
    pipeline_go_outside(pipeline);
    attempt.error = start_or_advance(pipeline, is_first, now_ns >= by_ns, by_ns, &attempt);
    bool is_pending = attempt.error == WEIR_PENDING;
    int fd = is_pending ? pipeline->transport.poll_fd(pipeline->transport.data) : -1;
    if (!is_pending && judge(&attempt) != RETRY_DELIVERED) {
        describe(&attempt);
    }
    pipeline_come_inside(pipeline);
    pipeline->is_under_way = is_pending;
    exporter_loop_watch(&pipeline->exporter->loop, &pipeline->watched_fd, fd);
    if (is_pending) {
        return next_advance_ns(pipeline, by_ns, now_ns);
    }
    memcpy(pipeline->trouble, attempt.trouble, sizeof pipeline->trouble);
    take_answer(pipeline, &attempt);
    return now_ns;
}

static uint64_t step_trying(struct pipeline *pipeline, uint64_t now_ns) {
    if (pipeline->exporter->loop.is_open && pipeline->transport.start != NULL) {
        return step_under_way(pipeline, now_ns);
    }
    struct attempt attempt = ATTEMPT_INIT;
    post(pipeline, &attempt);
    take_answer(pipeline, &attempt);
    return now_ns;
}

/* ---- steps ---- */

/* What waits on disk goes when the queue is empty, and else in turns. */
static void begin_next(struct pipeline *pipeline, bool is_spool_due) {
    struct segment *segment = NULL;
    bool is_its_turn = is_spool_due && (pipeline->first == NULL || !pipeline->is_spooled);
    if (is_its_turn) {
        segment = pipeline_take_spooled(pipeline);
    } else {
        segment = pipeline_pop(pipeline);
    }
    if (segment != NULL) {
        begin(pipeline, segment, is_its_turn);
    }
}

static bool is_stopping(const struct pipeline *pipeline) {
    return pipeline->exporter->stop_by_ns != UINT64_MAX;
}

/* A close lets what waits on disk go first to last, as long as it arrives; spans of our own before
 * it. */
static uint64_t step_idle(struct pipeline *pipeline, uint64_t now_ns) {
    bool may_wait = is_stopping(pipeline) && (!pipeline->is_answering || pipeline->first != NULL);
    uint64_t spool_at_ns = may_wait ? UINT64_MAX : pipeline->spool_at_ns;
    if (pipeline->first == NULL && now_ns < spool_at_ns) {
        return spool_at_ns;
    }
    if (now_ns < pipeline->hold_until_ns) {
        return pipeline->hold_until_ns;
    }
    begin_next(pipeline, now_ns >= spool_at_ns);
    return now_ns;
}

/* A retry that could only begin when time is over is not waited for; nor, by a close, one of spans
 * that are on disk. */
static uint64_t step_waiting(struct pipeline *pipeline, uint64_t now_ns) {
    if (pipeline->again_ns >= attempts_end_ns(pipeline) ||
        (is_stopping(pipeline) && pipeline->is_spooled)) {
        bool is_by_stop = pipeline->exporter->stop_by_ns <= pipeline->deadline_ns;
        give_up_for_now(pipeline,
                        is_by_stop ? WEIR_DROP_SHUTDOWN_DEADLINE : WEIR_DROP_EXPORT_FAILED);
        return now_ns;
    }
    if (now_ns < pipeline->again_ns) {
        return pipeline->again_ns;
    }
    pipeline->counts.retries++;
    pipeline->state = PIPELINE_TRYING;
    return now_ns;
}

uint64_t pipeline_step(struct pipeline *pipeline, uint64_t now_ns) {
    pipeline_tell_of_overflow(pipeline);
    pipeline_tend_spool(pipeline);
    if (pipeline->exporter->is_ending) {
        return now_ns;
    }
    switch (pipeline->state) {
    case PIPELINE_IDLE: return step_idle(pipeline, now_ns);
    case PIPELINE_WAITING: return step_waiting(pipeline, now_ns);
    case PIPELINE_TRYING:
    default: return step_trying(pipeline, now_ns);
    }
}
