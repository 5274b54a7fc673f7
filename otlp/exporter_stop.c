/*
 * The end of an exporter: by the deadline, with exact counts, whatever the peer does.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/macro.h"
#include "otlp/exporter_state.h"

static const uint64_t NS_PER_MS = 1000000;

/* With the mutex held, which is given back meanwhile. */
static void cancel_post(struct exporter *exporter) {
    if (exporter->transport.cancel == NULL || exporter->is_stopped) {
        return;
    }
    exporter->n_borrowing++;
    pthread_mutex_unlock(&exporter->mutex);
    exporter->transport.cancel(exporter->transport.data);
    pthread_mutex_lock(&exporter->mutex);
    exporter->n_borrowing--;
    pthread_cond_broadcast(&exporter->progress);
}

/*
 * With the mutex held. Waits for the thread's end; in foreign code only until the deadline, and a
 * moment longer, so that a cancelled post can come back.
 */
static void end_thread(struct exporter *exporter, uint64_t deadline_ns) {
    exporter->is_ending = true;
    pthread_cond_signal(&exporter->work);
    if (exporter->is_outside) {
        cancel_post(exporter);
    }
    uint64_t grace_ns = exporter_now() + EXPORTER_GRACE_MS * NS_PER_MS;
    uint64_t until_ns = MAX(deadline_ns, grace_ns);
    while (!exporter->is_ended && !(exporter->is_outside && exporter_now() >= until_ns)) {
        (void)exporter_wait(exporter, &exporter->progress,
                            exporter->is_outside ? until_ns : UINT64_MAX);
    }
}

static void count_undelivered(struct exporter *exporter, const struct segment *segment) {
    exporter->counts.dropped[WEIR_DROP_SHUTDOWN_DEADLINE] += segment->n_spans;
}

/* With the mutex held; the thread sends no more. */
static void drop_what_is_left(struct exporter *exporter) {
    if (exporter->current != NULL) { /* its memory is freed by the thread that is left behind */
        exporter->counts.in_flight -= exporter->current->n_spans;
        count_undelivered(exporter, exporter->current);
    }
    while (exporter->first != NULL) {
        struct segment *segment = exporter->first;
        exporter->first = segment->next;
        exporter->counts.taken += segment->n_spans;
        count_undelivered(exporter, segment);
        segment_release(exporter->pool, segment);
    }
    exporter->last = &exporter->first;
    exporter->n_concluded = exporter->n_pushed;
    pthread_cond_broadcast(&exporter->progress); /* to those that flush */
}

/* What is left to do once the mutex was given back for the last time. */
struct farewell {
    bool is_abandoned;
    uint64_t n_lost;
    struct exporter_counts counts;
    char trouble[EXPORTER_TROUBLE_BYTES];
};

/* Flushes and gives up what is left. Afterwards nobody uses what belongs to the owner. */
static void wind_up(struct exporter *exporter, uint64_t deadline_ns, struct farewell *farewell) {
    pthread_mutex_lock(&exporter->mutex);
    uint64_t before = exporter->counts.dropped[WEIR_DROP_SHUTDOWN_DEADLINE];
    exporter->stop_by_ns = deadline_ns;
    pthread_cond_signal(&exporter->work); /* a retry beyond the deadline is not waited for */
    exporter_collect(exporter);
    (void)exporter_wait_concluded(exporter, exporter->n_pushed, deadline_ns);
    end_thread(exporter, deadline_ns);
    drop_what_is_left(exporter);
    exporter->is_stopped = true;
    exporter->is_abandoned = !exporter->is_ended;
    farewell->is_abandoned = exporter->is_abandoned;
    farewell->counts = exporter->counts;
    farewell->n_lost = exporter->counts.dropped[WEIR_DROP_SHUTDOWN_DEADLINE] - before;
    memcpy(farewell->trouble, exporter->trouble, sizeof farewell->trouble);
    exporter_wait_for_borrowers(exporter);
    pthread_mutex_unlock(&exporter->mutex);
}

static void part_from_thread(struct exporter *exporter, bool is_abandoned) {
    if (is_abandoned) {
        (void)pthread_detach(exporter->thread);
        return;
    }
    (void)pthread_join(exporter->thread, NULL);
    exporter_destroy_transport(exporter);
}

static void say_undelivered(struct exporter *exporter, uint64_t n_spans, const char *when,
                            const char *trouble) {
    logger_say(&exporter->logger, WEIR_LOG_WARN, LOG_CAUSE_EXPORT, "%" PRIu64 " %s not sent %s: %s",
               n_spans, n_spans == 1 ? "span was" : "spans were", when,
               *trouble != '\0' ? trouble : "no answer came in time");
}

int exporter_stop(struct exporter *exporter, uint64_t deadline_ns, struct exporter_counts *counts) {
    struct farewell farewell = {0};
    if (exporter->pid == getpid()) {
        exporter_list_remove(exporter);
        wind_up(exporter, deadline_ns, &farewell);
        part_from_thread(exporter, farewell.is_abandoned);
        if (farewell.n_lost > 0) {
            say_undelivered(exporter, farewell.n_lost, "before the close", farewell.trouble);
        }
        exporter_unref(exporter);
    } /* else a forked child: thread, connections and counts are the parent's */
    if (counts != NULL) {
        *counts = farewell.counts;
    }
    return farewell.n_lost > 0 ? WEIR_E_TIMEOUT : 0;
}

/* ---- at exit ---- */

static uint64_t n_waiting(const struct exporter *exporter) {
    uint64_t n = exporter->current != NULL ? exporter->current->n_spans : 0;
    for (const struct segment *segment = exporter->first; segment; segment = segment->next) {
        n += segment->n_spans;
    }
    return n;
}

void exporter_halt(struct exporter *exporter, uint64_t deadline_ns) {
    char trouble[EXPORTER_TROUBLE_BYTES];
    (void)exporter_flush(exporter, deadline_ns);
    pthread_mutex_lock(&exporter->mutex);
    uint64_t before = exporter->counts.dropped[WEIR_DROP_SHUTDOWN_DEADLINE];
    end_thread(exporter, 0);
    uint64_t n_lost = exporter->counts.dropped[WEIR_DROP_SHUTDOWN_DEADLINE] - before;
    n_lost += n_waiting(exporter);
    memcpy(trouble, exporter->trouble, sizeof trouble);
    pthread_mutex_unlock(&exporter->mutex);
    /* To stderr only: what the host's callback needs may be gone by now. */
    if (n_lost > 0 && exporter->logger.fn == NULL) {
        say_undelivered(exporter, n_lost, "before the exit, without a close", trouble);
    }
}
