/* What a forked child finds of its parent's spans. */
#include <pthread.h>
#include <string.h>

#include "otlp/bounds.h"
#include "tests/support/child.h"
#include "tests/support/pipeline.h"

TestSuite(provider_fork);

static weir_otlp_span *begin(struct pipeline *p, const char *name) {
    return weir_otlp_span_begin(p->tracer, name, NULL);
}

static void end_span(struct pipeline *p, const char *name) {
    weir_otlp_span_end(begin(p, name));
}

static uint64_t sum(const weir_otlp_stats *s) {
    uint64_t sum =
        s->live + s->not_sampled + s->queued + s->in_flight + s->acknowledged + s->rejected;
    for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += s->dropped[i];
    }
    return sum;
}

struct scene {
    struct pipeline p;
    weir_otlp_span *live;
};

static int find_nothing(void *data) {
    struct scene *s = data;
    weir_otlp_stats stats = pipeline_stats(&s->p);
    CHILD_EXPECT(stats.started == 3 && stats.dropped[WEIR_DROP_FORKED_CHILD] == 3);
    CHILD_EXPECT(stats.live == 0 && stats.queued == 0 && sum(&stats) == 3);
    CHILD_EXPECT(stats.stale_handles == 0 && stats.queue_bytes == 0);
    weir_otlp_span_set(s->live, "key", &(weir_value){.kind = WEIR_VALUE_BOOL});
    CHILD_EXPECT(!weir_otlp_span_is_recording(s->live));
    weir_otlp_span_end(s->live);
    CHILD_EXPECT(pipeline_stats(&s->p).stale_handles == 3);
    CHILD_EXPECT(weir_otlp_flush(s->p.otlp, 1000) == 0);
    CHILD_EXPECT(fake_exporter.n_bodies == 0);
    return 0;
}

Test(provider_fork, the_child_has_none_of_the_spans) {
    struct scene s;
    pipeline_open(&s.p, NULL);
    end_span(&s.p, "one");
    end_span(&s.p, "two");
    s.live = begin(&s.p, "live");
    expect_in_child(find_nothing, &s);
    weir_otlp_span_end(s.live);
    cr_assert(eq(sz, pipeline_scope(&s.p)->n_spans, 3)); /* the parent has all */
    cr_assert(eq(u64, pipeline_stats(&s.p).started, 3));
    cr_assert(eq(u64, pipeline_stats(&s.p).stale_handles, 0));
    pipeline_close(&s.p);
}

static int record(void *data) {
    struct scene *s = data;
    weir_otlp_context parents = weir_otlp_span_context(s->live);
    CHILD_EXPECT(parents.trace_id[0] == 0 && parents.span_id[0] == 0); /* stale */
    for (int i = 0; i < 100; i++) {
        end_span(&s->p, "child's");
    }
    CHILD_EXPECT(weir_otlp_flush(s->p.otlp, 1000) == 0);
    CHILD_EXPECT(fake_exporter.n_spans == 100);
    weir_otlp_stats stats = pipeline_stats(&s->p);
    CHILD_EXPECT(stats.started == 101 && sum(&stats) == 101);
    CHILD_EXPECT(weir_otlp_tracer_get(s->p.otlp, "test", "1.0", NULL) == s->p.tracer);
    CHILD_EXPECT(weir_otlp_close(s->p.otlp, 1000) == 0);
    return 0;
}

Test(provider_fork, the_child_records_its_own) {
    struct scene s;
    pipeline_open(&s.p, NULL);
    s.live = begin(&s.p, "live");
    expect_in_child(record, &s);
    weir_otlp_span_end(s.live);
    cr_assert(eq(sz, pipeline_scope(&s.p)->n_spans, 1));
    pipeline_close(&s.p);
}

/* ---- threads that are not there in the child ---- */

enum { N_SPANS = PRODUCER_KEEP_SPANS };
static pthread_barrier_t ready, go;

/* Leaves free objects, live spans, and an open segment with its thread. */
static void *hold_spans(void *data) {
    struct pipeline *p = data;
    weir_otlp_span *spans[N_SPANS];
    for (int i = 0; i < N_SPANS; i++) {
        spans[i] = begin(p, "held");
    }
    for (int i = 0; i < N_SPANS / 2; i++) {
        weir_otlp_span_end(spans[i]);
    }
    pthread_barrier_wait(&ready);
    pthread_barrier_wait(&go);
    for (int i = N_SPANS / 2; i < N_SPANS; i++) {
        weir_otlp_span_end(spans[i]);
    }
    return NULL;
}

static int take_over(void *data) {
    struct pipeline *p = data;
    weir_otlp_stats stats = pipeline_stats(p);
    CHILD_EXPECT(stats.started == N_SPANS && sum(&stats) == N_SPANS);
    CHILD_EXPECT(stats.dropped[WEIR_DROP_FORKED_CHILD] == N_SPANS && stats.queue_bytes == 0);
    pthread_t thread;
    pthread_barrier_init(&ready, NULL, 2);
    pthread_barrier_init(&go, NULL, 2);
    CHILD_EXPECT(pthread_create(&thread, NULL, hold_spans, p) == 0); /* has a producer of its own */
    pthread_barrier_wait(&ready);
    end_span(p, "mine");
    pthread_barrier_wait(&go);
    CHILD_EXPECT(pthread_join(thread, NULL) == 0);
    stats = pipeline_stats(p);
    CHILD_EXPECT(stats.started == 2 * N_SPANS + 1 && sum(&stats) == stats.started);
    CHILD_EXPECT(weir_otlp_close(p->otlp, 1000) == 0);
    return 0;
}

Test(provider_fork, threads_of_the_parent_leave_nothing_but_memory) {
    struct pipeline p;
    pthread_t thread;
    pipeline_open(&p, NULL);
    pthread_barrier_init(&ready, NULL, 2);
    pthread_barrier_init(&go, NULL, 2);
    cr_assert(zero(int, pthread_create(&thread, NULL, hold_spans, &p)));
    pthread_barrier_wait(&ready);
    expect_in_child(take_over, &p);
    pthread_barrier_wait(&go);
    cr_assert(zero(int, pthread_join(thread, NULL)));
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
    cr_assert(eq(u64, fake_exporter.n_spans, N_SPANS));
    pipeline_close(&p);
}

/* ---- generations ---- */

static int be_forefather(void *data) {
    struct pipeline *p = data;
    static int generation;
    weir_otlp_stats stats = pipeline_stats(p);
    CHILD_EXPECT(sum(&stats) == stats.started);
    weir_otlp_span *live = begin(p, "live"); /* left behind by each */
    CHILD_EXPECT(live != NULL);
    end_span(p, "ended");
    if (++generation < 40) {
        int line = child_run(be_forefather, data);
        CHILD_EXPECT(line == 0);
    }
    weir_otlp_span_end(live);
    CHILD_EXPECT(weir_otlp_flush(p->otlp, 1000) == 0);
    CHILD_EXPECT(fake_exporter.n_spans == 2);
    return 0;
}

Test(provider_fork, forty_generations) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    expect_in_child(be_forefather, &p);
    pipeline_close(&p);
}
