/*
 * A pipeline, or several, around a real exporter: transports that do as scripts say, a pool of
 * segments, a log that is kept. For tests of the exporter; each of their processes has one.
 */
#pragma once

#include <string.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/exporter_state.h"
#include "tests/support/clock.h"
#include "tests/support/expect.h"
#include "tests/support/log.h"
#include "tests/support/script.h"

enum { RIG_MAX_PIPELINES = 3, RIG_POOL_BYTES = 1 << 20 };

static struct rig {
    union {
        struct script script; /* of the first pipeline */
        struct script scripts[RIG_MAX_PIPELINES];
    };
    struct exporter_destination destinations[RIG_MAX_PIPELINES];
    size_t n_pipelines;
    struct kept_log log;
    struct logger logger;
    struct segment_pool pool;
    struct scope scope;
    struct exporter *exporter;
    struct segment *open; /* what collect will push */
    _Atomic unsigned n_collected;
} rig = {.log = KEPT_LOG_INIT};

static inline struct segment *segment_of(uint32_t n_spans) {
    static const uint8_t span[] = {0x12, 0x00};
    bool is_no_memory;
    struct segment *segment =
        segment_take(&rig.pool, &rig.scope, n_spans * sizeof span, 0, &is_no_memory);
    cr_assert(segment != NULL);
    for (uint32_t i = 0; i < n_spans; i++) {
        memcpy(segment_room(segment, sizeof span), span, sizeof span);
        segment_commit(segment, sizeof span);
    }
    return segment;
}

static inline void collect(void *data) {
    (void)data;
    struct segment *segment = rig.open;
    rig.open = NULL;
    rig.n_collected++;
    if (segment != NULL) {
        exporter_push(rig.exporter, segment);
    }
}

/* ---- start ---- */

/* A pipeline whose transport does these steps; before start. What it gives may be changed. */
static inline struct exporter_destination *add_pipeline(const struct script_step *steps,
                                                        size_t n_steps, uint64_t timeout_ns) {
    size_t i = rig.n_pipelines++;
    script_init(&rig.scripts[i], steps, n_steps);
    rig.destinations[i] = (struct exporter_destination){
        .transport = script_transport(&rig.scripts[i]), .timeout_ns = timeout_ns};
    return &rig.destinations[i];
}
#define ADD_PIPELINE(steps, timeout_ns) add_pipeline(steps, ARRAY_LENGTH(steps), timeout_ns)

static inline struct exporter_options exporter_options(uint64_t schedule_delay_ns) {
    kept_log_logger(&rig.log, &rig.logger);
    segment_pool_init(&rig.pool, RIG_POOL_BYTES, 0);
    return (struct exporter_options){
        .destinations = rig.destinations,
        .n_destinations = rig.n_pipelines,
        .pool = &rig.pool,
        .logger = &rig.logger,
        .schedule_delay_ns = schedule_delay_ns,
        .collect = collect,
    };
}

static inline void start_pipelines(void) {
    const struct exporter_options options = exporter_options(S(3600));
    cr_assert(eq(int, exporter_start(&options, &rig.exporter, NULL), 0));
}

struct times {
    uint64_t timeout_ns;
    uint64_t schedule_delay_ns; /* 0: an hour */
};

static inline void start_with(const struct script_step *steps, size_t n_steps, struct times times) {
    rig.n_pipelines = 0;
    (void)add_pipeline(steps, n_steps, times.timeout_ns);
    const struct exporter_options options =
        exporter_options(times.schedule_delay_ns ? times.schedule_delay_ns : S(3600));
    cr_assert(eq(int, exporter_start(&options, &rig.exporter, NULL), 0));
}
/* One pipeline: its steps, then times. */
#define START(steps, ...) start_with(steps, ARRAY_LENGTH(steps), (struct times){__VA_ARGS__})

/* ---- use ---- */

static inline void push(uint32_t n_spans) {
    exporter_push(rig.exporter, segment_of(n_spans));
}

static inline int flush_in(uint64_t ns) {
    return exporter_flush(rig.exporter, clock_now_ns() + ns);
}

static inline struct exporter_counts counts_of(size_t index) {
    struct exporter_counts counts;
    exporter_get_counts(rig.exporter, index, &counts);
    return counts;
}

static inline struct exporter_counts counts(void) {
    return counts_of(0);
}

/* ---- the end ---- */

/* Nothing is lost from the books: every span pushed has one fate. */
static inline void expect_sum(const struct exporter_counts *counts, uint64_t n_spans) {
    uint64_t sum = counts->in_flight + counts->acknowledged + counts->rejected;
    for (size_t i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += counts->dropped[i];
    }
    cr_expect(eq(u64, counts->taken, n_spans));
    cr_expect(eq(u64, sum, n_spans));
    cr_expect(eq(u64, counts->in_flight, 0));
}

/* Stops; `last` gets the counts of each pipeline. */
static inline int stop_in(uint64_t ns, uint64_t n_spans, struct exporter_counts *last) {
    int error = exporter_stop(rig.exporter, clock_now_ns() + ns, last);
    for (size_t i = 0; i < rig.n_pipelines; i++) {
        expect_sum(&last[i], n_spans);
    }
    return error;
}

/* The same when no thread is left behind: the memory comes back. */
static inline void stop(uint64_t n_spans) {
    struct exporter_counts last[RIG_MAX_PIPELINES];
    (void)stop_in(S(10), n_spans, last);
    for (size_t i = 0; i < rig.n_pipelines; i++) {
        cr_expect(script_is_destroyed(&rig.scripts[i]));
    }
    cr_expect(eq(sz, segment_pool_held_bytes(&rig.pool), 0));
    segment_pool_deinit(&rig.pool);
}
