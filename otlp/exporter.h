/*
 * The exporter: takes full segments to one destination or several, each by a pipeline with a
 * thread, a queue, retries and counters of its own; what became of every span is counted. A segment
 * is shared by the pipelines and given back when the last one is done with it (B32).
 *
 * It knows nothing of spans' contents nor of HTTP. Its waits and deadlines use CLOCK_MONOTONIC; the
 * replaceable clock is for the times in spans only. All signals are blocked in its threads, which
 * sleep without a wake-up while nothing is open and nothing queued.
 *
 * Foreign code (a transport, the log callback) is called with no lock held and may hang: then
 * exporter_stop leaves that thread behind, with all that it still needs, and the thread frees that
 * when it comes back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <weir/otlp.h>

#include "otlp/common/log.h"
#include "otlp/segment.h"
#include "otlp/tally.h"

struct exporter;

/* One destination. */
struct exporter_destination {
    weir_transport transport; /* owned by the exporter once exporter_start succeeded */
    uint64_t timeout_ns;      /* one segment, retries included; 0: no limit */
};

struct exporter_options {
    const struct exporter_destination *destinations; /* copied; at least one */
    size_t n_destinations;                           /* at most OTLP_MAX_PIPELINES */
    struct segment_pool *pool;
    const struct logger *logger; /* copied */
    bool has_no_thread;          /* exporter_tick drives, and flush and stop do */
    uint64_t schedule_delay_ns;  /* from exporter_nudge to the collection of what is open */
    /*
     * Hands every open segment that holds spans to exporter_push. Called by a thread of the
     * exporter's, or by the thread in exporter_flush or exporter_stop, with no lock held.
     */
    void (*collect)(void *data);
    void *collect_data;
};

/*
 * Spans of one pipeline by fate. taken + adopted = in_flight + acknowledged + rejected + the
 * dropped ones + spooled.
 */
struct exporter_counts {
    uint64_t taken; /* left the queue: their export began, or they were dropped from the queue */
    uint64_t in_flight;
    uint64_t acknowledged;
    uint64_t rejected;
    uint64_t dropped[WEIR_N_DROP_CAUSES];
    uint64_t requests;
    uint64_t retries;
    uint64_t kept;    /* left to the spool, each time */
    uint64_t spooled; /* wait there now */
    uint64_t adopted; /* of processes that have died */
    /*
     * For metrics. Spans whose export began, each time: what the spool gave back begins again.
     * processed = in_flight + the spans of all tallies.
     */
    uint64_t processed;
    uint64_t late; /* dropped because the exporter was stopped before their export */
    struct tallies tallies;
};

/* *out is set last. WEIR_E_NO_MEMORY, WEIR_E_IO (no thread, or without them no descriptor). */
int exporter_start(const struct exporter_options *options, struct exporter **out,
                   weir_error_detail *detail);

/*
 * Takes a segment that is full or collected, for all pipelines; never waits. With several, one that
 * lags keeps no more memory than its share of the pool; beyond it, it loses the segment
 * (queue_full). Any thread.
 */
void exporter_push(struct exporter *exporter, struct segment *segment);

/*
 * Says that a span now waits in a segment that was empty: it will be collected after the schedule
 * delay at the latest. Cheap when that is known already. Any thread.
 */
void exporter_nudge(struct exporter *exporter);

/* Says that memory is short: what is open is to be collected at once. Never waits. Any thread. */
void exporter_hurry(struct exporter *exporter);

/*
 * Collects and sends everything that was pushed until now, waiting until the deadline (UINT64_MAX:
 * none), or until it is plain that it cannot be met. 0, WEIR_E_TIMEOUT (also when spans were left
 * to the spool since the last flush), or WEIR_E_IO when spans were given up or rejected since. Any
 * thread, many at once.
 */
int exporter_flush(struct exporter *exporter, uint64_t deadline_ns);

/*
 * Flushes, ends the threads, destroys the transports and frees, by the deadline whatever the peers
 * do. What is left is counted as dropped (shutdown deadline); *counts (optional) gets the final
 * counters, one for each pipeline. 0; WEIR_E_TIMEOUT when spans were lost to the deadline;
 * WEIR_E_IO when others were given up or rejected since the last flush. One thread, once; flushes
 * of other threads end with it.
 */
int exporter_stop(struct exporter *exporter, uint64_t deadline_ns, struct exporter_counts *counts);

/*
 * Without threads: readable when exporter_tick has something to do; -1 with threads.
 */
int exporter_poll_fd(struct exporter *exporter);
/*
 * Does what can be done without waiting for a peer. The milliseconds until there is more to do, as
 * far as is known; -1: nothing until the descriptor says so. Any thread; while one is in it, others
 * come back at once.
 */
int64_t exporter_tick(struct exporter *exporter);

/*
 * In a forked child, with no lock held: lets go of everything that is the parent's, connections
 * included, and counts from zero. The threads are started when there is something to do. A pipeline
 * whose log callback or transport forked goes on, and returns from that in the child too.
 */
void exporter_begin_anew(struct exporter *exporter);
/* Behind that: spans that a transport is in the middle of sending, because it forked. */
uint64_t exporter_n_in_hand(struct exporter *exporter);

/* `index` is that of the destination. */
void exporter_get_counts(struct exporter *exporter, size_t index, struct exporter_counts *out);
/* Memory of the segments that wait there or are being sent. */
size_t exporter_pinned_bytes(struct exporter *exporter, size_t index);

/*
 * At exit, exporters that were not stopped are flushed within EXPORTER_EXIT_MS and their threads
 * ended. The handler for it runs before those that were registered earlier; so a transport calls
 * this after it has initialised a library with exit handlers of its own, whose state the threads
 * need until the end.
 */
void exporter_watch_exit(void);
