/*
 * What threads do with their segments: filling, handing over, sharing the bound.
 */
#include <pthread.h>
#include <string.h>

#include "otlp/bounds.h"
#include "tests/support/fault.h"
#include "tests/support/pipeline.h"

static void end_span(weir_otlp_tracer *tracer, const char *name) {
    weir_otlp_span_end(weir_otlp_span_begin(tracer, name, NULL));
}

static void run_in_thread(void *(*run)(void *), void *data) {
    pthread_t thread;
    cr_assert(zero(int, pthread_create(&thread, NULL, run, data)));
    cr_assert(zero(int, pthread_join(thread, NULL)));
}

/* started = live + not sampled + queued + in flight + acknowledged + rejected + dropped. */
static void expect_exact_sum(struct pipeline *p) {
    weir_otlp_stats s = pipeline_stats(p);
    uint64_t sum = s.live + s.not_sampled + s.queued + s.in_flight + s.acknowledged + s.rejected;
    for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += s.dropped[i];
    }
    cr_assert(eq(u64, s.started, sum));
}

Test(producer, gathers_spans_until_collected) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    for (int i = 0; i < 100; i++) {
        end_span(p.tracer, "s");
    }
    cr_assert(eq(sz, fake_exporter.n_bodies, 0));
    cr_assert(eq(u32, fake_exporter.n_nudges, 1)); /* once for the segment */
    cr_assert(eq(u64, pipeline_stats(&p).queued, 100));
    expect_exact_sum(&p);
    cr_assert(eq(sz, pipeline_scope(&p)->n_spans, 100));
    cr_assert(eq(sz, fake_exporter.n_bodies, 1));
    cr_assert(eq(u64, pipeline_stats(&p).acknowledged, 100));
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
    cr_assert(eq(sz, fake_exporter.n_bodies, 1)); /* none without spans (A53) */
    end_span(p.tracer, "s");
    cr_assert(eq(u32, fake_exporter.n_nudges, 2));
    expect_exact_sum(&p);
    pipeline_close(&p);
}

Test(producer, pushes_a_segment_that_holds_its_number_of_spans) {
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.max_export_spans = 10);
    struct pipeline p;
    pipeline_open(&p, &options);
    for (int i = 0; i < 35; i++) {
        end_span(p.tracer, "s");
    }
    cr_assert(eq(sz, fake_exporter.n_bodies, 3));
    cr_assert(eq(sz, pipeline_scope(&p)->n_spans, 5));
    pipeline_close(&p);
}

Test(producer, pushes_a_segment_that_is_full) {
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.max_export_spans = 100000);
    struct pipeline p;
    pipeline_open(&p, &options);
    for (int i = 0; i < 5000; i++) {
        end_span(p.tracer, "s");
    }
    cr_assert(gt(sz, fake_exporter.n_bodies, 1));
    for (size_t i = 0; i < fake_exporter.n_bodies; i++) {
        size_t n_bytes;
        (void)fake_exporter_body(i, &n_bytes);
        cr_assert(le(sz, n_bytes, SEGMENT_MAX_BYTES));
        cr_assert(ge(sz, n_bytes, SEGMENT_MAX_BYTES - 1024));
    }
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
    cr_assert(eq(u64, fake_exporter.n_spans, 5000));
    pipeline_close(&p);
}

/* All spans of a body are named as its scope is. */
static void expect_own_spans(size_t nth, size_t n_spans) {
    size_t n_bytes;
    const uint8_t *body = fake_exporter_body(nth, &n_bytes);
    Otlp__ExportTraceServiceRequest *request =
        otlp__export_trace_service_request__unpack(NULL, n_bytes, body);
    cr_assert(request != NULL);
    cr_assert(eq(sz, request->resource_spans[0]->n_scope_spans, 1));
    const Otlp__ScopeSpans *scope = request->resource_spans[0]->scope_spans[0];
    cr_assert(eq(sz, scope->n_spans, n_spans));
    for (size_t i = 0; i < n_spans; i++) {
        char name[16];
        snprintf(name, sizeof name, "%s", pipeline_text(scope->spans[i]->name));
        expect_data(scope->scope->name, name);
    }
    otlp__export_trace_service_request__free_unpacked(request, NULL);
}

Test(producer, keeps_one_segment_per_tracer) { /* (A5, A8) */
    enum { N_TRACERS = 20 };
    weir_otlp_tracer *tracers[N_TRACERS];
    char name[16];
    struct pipeline p;
    pipeline_open(&p, NULL);
    for (int i = 0; i < N_TRACERS; i++) {
        snprintf(name, sizeof name, "t%d", i);
        tracers[i] = weir_otlp_tracer_get(p.otlp, name, NULL, NULL);
    }
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < N_TRACERS; i++) {
            snprintf(name, sizeof name, "t%d", i);
            end_span(tracers[i], name);
        }
    }
    cr_assert(eq(sz, fake_exporter.n_bodies, 0));
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
    cr_assert(eq(sz, fake_exporter.n_bodies, N_TRACERS));
    for (size_t i = 0; i < N_TRACERS; i++) {
        expect_own_spans(i, 5);
    }
    pipeline_close(&p);
}

/* ---- threads ---- */

static void *end_three(void *data) {
    struct pipeline *p = data;
    for (int i = 0; i < 3; i++) {
        end_span(p->tracer, "in a thread");
    }
    return NULL;
}

Test(producer, hands_over_when_its_thread_ends) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    run_in_thread(end_three, &p);
    cr_assert(eq(sz, fake_exporter.n_bodies, 1));
    run_in_thread(end_three, &p);
    cr_assert(eq(u64, fake_exporter.n_spans, 6));
    weir_otlp_stats stats = pipeline_stats(&p);
    cr_assert(eq(u64, stats.started, 6)); /* the thread's counts have not gone with it */
    cr_assert(eq(u64, stats.acknowledged, 6));
    expect_exact_sum(&p);
    pipeline_close(&p);
}

struct meeting {
    struct pipeline *p;
    pthread_barrier_t barrier;
};

static void *end_three_and_wait(void *data) {
    struct meeting *meeting = data;
    (void)end_three(meeting->p);
    pthread_barrier_wait(&meeting->barrier); /* it has spans open to collection */
    pthread_barrier_wait(&meeting->barrier); /* the test has looked */
    return NULL;
}

Test(producer, is_collected_while_its_thread_lives) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    struct meeting meeting = {.p = &p};
    pthread_barrier_init(&meeting.barrier, NULL, 2);
    pthread_t thread;
    cr_assert(zero(int, pthread_create(&thread, NULL, end_three_and_wait, &meeting)));
    pthread_barrier_wait(&meeting.barrier);
    cr_assert(eq(u64, pipeline_stats(&p).queued, 3));
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
    cr_assert(eq(u64, fake_exporter.n_spans, 3));
    pthread_barrier_wait(&meeting.barrier);
    pthread_join(thread, NULL);
    cr_assert(eq(u64, fake_exporter.n_spans, 3));
    pipeline_close(&p);
}

static void *outlive_two_providers(void *data) {
    struct meeting *meeting = data;
    for (int i = 0; i < 2; i++) {
        pthread_barrier_wait(&meeting->barrier); /* a provider is open */
        (void)end_three(meeting->p);
        pthread_barrier_wait(&meeting->barrier); /* it may be closed */
        pthread_barrier_wait(&meeting->barrier); /* it is closed */
    }
    return NULL;
}

Test(producer, outlives_its_provider) {
    struct pipeline p;
    struct meeting meeting = {.p = &p};
    pthread_barrier_init(&meeting.barrier, NULL, 2);
    pthread_t thread;
    cr_assert(zero(int, pthread_create(&thread, NULL, outlive_two_providers, &meeting)));
    for (int i = 0; i < 2; i++) {
        pipeline_open(&p, NULL);
        pthread_barrier_wait(&meeting.barrier);
        pthread_barrier_wait(&meeting.barrier);
        cr_assert(eq(int, weir_otlp_close(p.otlp, 1000), 0)); /* gets what the thread has open */
        cr_assert(eq(u64, fake_exporter.n_spans, 3));
        fake_exporter_reset();
        pthread_barrier_wait(&meeting.barrier);
    }
    pthread_join(thread, NULL);
}

Test(producer, serves_several_providers_of_a_thread) {
    struct pipeline a, b;
    pipeline_open(&a, NULL);
    pipeline_open(&b, NULL);
    for (int i = 0; i < 10; i++) {
        end_span(a.tracer, "a");
        end_span(b.tracer, "b");
        end_span(b.tracer, "b");
    }
    cr_assert(eq(u64, pipeline_stats(&a).queued, 10));
    cr_assert(eq(u64, pipeline_stats(&b).queued, 20));
    cr_assert(eq(int, weir_otlp_close(a.otlp, 1000), 0));
    end_span(b.tracer, "b");
    cr_assert(eq(u64, pipeline_stats(&b).queued, 21));
    pipeline_close(&b);
}

enum { N_RELAYED = 200 };

struct relay {
    struct pipeline *p;
    pthread_barrier_t barrier;
    weir_otlp_span *spans[N_RELAYED];
};

static void *end_relayed(void *data) {
    struct relay *relay = data;
    for (int round = 0; round < 20; round++) {
        pthread_barrier_wait(&relay->barrier);
        for (int i = 0; i < N_RELAYED; i++) {
            weir_otlp_span_end(relay->spans[i]);
        }
        pthread_barrier_wait(&relay->barrier);
    }
    return NULL;
}

Test(producer, passes_span_objects_back_to_the_thread_that_begins) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    struct relay relay = {.p = &p};
    pthread_barrier_init(&relay.barrier, NULL, 2);
    pthread_t thread;
    cr_assert(zero(int, pthread_create(&thread, NULL, end_relayed, &relay)));
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < N_RELAYED; i++) {
            relay.spans[i] = weir_otlp_span_begin(p.tracer, "relayed", NULL);
        }
        pthread_barrier_wait(&relay.barrier);
        pthread_barrier_wait(&relay.barrier);
    }
    pthread_join(thread, NULL);
    cr_assert(eq(u64, pipeline_stats(&p).started, 20 * N_RELAYED));
    expect_exact_sum(&p);
    pipeline_close(&p);
}

/* ---- the bound ---- */

static uint64_t fill_until_dropped(struct pipeline *p) {
    uint64_t n = 0;
    do {
        end_span(p->tracer, "s");
        n++;
    } while (pipeline_stats(p).dropped[WEIR_DROP_QUEUE_FULL] == 0);
    return n;
}

Test(producer, drops_the_newest_when_the_queue_is_full_and_says_so_once) {
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.max_queue_bytes = QUEUE_MIN_BYTES);
    struct pipeline p;
    pipeline_open(&p, &options);
    fake_exporter.holds = true;
    uint64_t n = fill_until_dropped(&p);
    cr_assert(gt(u64, n * 60, QUEUE_MIN_BYTES / 2)); /* most of the memory held spans by then */
    cr_assert(gt(u32, fake_exporter.n_hurries, 0));
    for (int i = 0; i < 50; i++) {
        end_span(p.tracer, "s");
    }
    weir_otlp_stats stats = pipeline_stats(&p);
    cr_assert(eq(u64, stats.dropped[WEIR_DROP_QUEUE_FULL], 51));
    cr_assert(eq(u64, stats.started, n + 50));
    cr_assert(le(u64, stats.queue_bytes, stats.queue_capacity_bytes));
    cr_assert(eq(u64, stats.queue_capacity_bytes, QUEUE_MIN_BYTES));
    cr_assert(eq(u32, p.log.n, 1));
    cr_assert(kept_log_has(&p.log, "queue is full"));
    expect_exact_sum(&p);

    fake_exporter.holds = false;
    fake_exporter_let_go();
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
    end_span(p.tracer, "s");
    cr_assert(eq(u32, p.log.n, 2));
    cr_assert(kept_log_has(&p.log, "51 spans were dropped"));
    cr_assert(eq(u64, pipeline_stats(&p).queued, 1));
    expect_exact_sum(&p);
    pipeline_close(&p);
}

Test(producer, keeps_a_limit_of_spans_when_one_is_set) {
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.max_queue_spans = 100, .max_export_spans = 40);
    struct pipeline p;
    pipeline_open(&p, &options);
    fake_exporter.holds = true;
    for (int i = 0; i < 150; i++) {
        end_span(p.tracer, "s");
    }
    weir_otlp_stats stats = pipeline_stats(&p);
    cr_assert(eq(u64, stats.dropped[WEIR_DROP_QUEUE_FULL], 50));
    cr_assert(eq(u64, stats.queued + stats.in_flight, 100));
    expect_exact_sum(&p);
    fake_exporter.holds = false;
    fake_exporter_let_go(); /* 80 of them */
    for (int i = 0; i < 100; i++) {
        end_span(p.tracer, "s");
    }
    cr_assert(eq(u64, pipeline_stats(&p).dropped[WEIR_DROP_QUEUE_FULL], 50));
    pipeline_close(&p);
}

enum { N_SMALL = 100 };

static void *wait_with_an_open_segment(void *data) {
    struct meeting *meeting = data;
    end_span(meeting->p->tracer, "s");
    pthread_barrier_wait(&meeting->barrier);
    pthread_barrier_wait(&meeting->barrier);
    return NULL;
}

Test(producer, many_threads_with_a_little_each_share_the_bound) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    struct meeting meeting = {.p = &p};
    pthread_barrier_init(&meeting.barrier, NULL, N_SMALL + 1);
    pthread_t threads[N_SMALL];
    for (int i = 0; i < N_SMALL; i++) {
        cr_assert(
            zero(int, pthread_create(&threads[i], NULL, wait_with_an_open_segment, &meeting)));
    }
    pthread_barrier_wait(&meeting.barrier);
    weir_otlp_stats stats = pipeline_stats(&p);
    cr_assert(eq(u64, stats.queued, N_SMALL));
    cr_assert(le(u64, stats.queue_bytes, N_SMALL * SEGMENT_FIRST_BYTES));
    cr_assert(eq(int, weir_otlp_flush(p.otlp, 1000), 0));
    cr_assert(eq(u64, fake_exporter.n_spans, N_SMALL));
    pthread_barrier_wait(&meeting.barrier);
    for (int i = 0; i < N_SMALL; i++) {
        pthread_join(threads[i], NULL);
    }
    pipeline_close(&p);
}

/* ---- the end ---- */

Test(producer, close_sends_what_has_ended_and_counts_what_has_not) {
    struct pipeline p;
    pipeline_open(&p, NULL);
    end_span(p.tracer, "ended");
    weir_otlp_span *open = weir_otlp_span_begin(p.tracer, "open", NULL);
    cr_assert(eq(u64, pipeline_stats(&p).live, 1));
    expect_exact_sum(&p);
    (void)weir_otlp_close(p.otlp, 1000);
    cr_assert(eq(u64, fake_exporter.n_spans, 1));
    cr_assert(kept_log_has(&p.log, "1 spans were open"));
    weir_otlp_span_end(open);
    fake_exporter_reset();
}
