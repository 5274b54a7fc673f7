/*
 * Threads that record, come and go, and hand spans to each other, while others flush and read the
 * counters: every span arrives, whole, and the counters add up.
 */
#include <stdatomic.h>
#include <string.h>

#include <weir/otlp.h>

#include "otlp/common/id.h"
#include "otlp/wire_read.h"
#include "tests/stress/stress.h"

enum { N_THREADS = 8, N_GENERATIONS = 4, N_SPANS = 1500, N_RELAYS = 16 };

static weir_otlp *otlp;
static _Atomic uint64_t n_arrived;
static _Atomic bool is_over;
static _Atomic(weir_otlp_span *) relays[N_RELAYS]; /* spans that another thread will end */

/* ---- the peer: counts whole spans ---- */

static struct wire_field field_of(const uint8_t *bytes, size_t n_bytes, uint32_t number) {
    struct wire_reader reader = wire_reader_over(bytes, n_bytes);
    struct wire_field field;
    while (wire_read(&reader, &field) == 1) {
        if (field.number == number) {
            return field;
        }
    }
    CHECK(false && "the field is there");
    return field;
}

/* A span has ids, a name, and as many attributes as its start time says. */
static void check_span(const struct wire_field *span) {
    struct wire_reader reader = wire_reader_over(span->bytes, span->n_bytes);
    struct wire_field field;
    uint64_t n_attributes = 0;
    int more;
    while ((more = wire_read(&reader, &field)) == 1) {
        n_attributes += field.number == 9;
    }
    CHECK_EQUAL(more, 0);
    CHECK_EQUAL(field_of(span->bytes, span->n_bytes, 1).n_bytes, 16);
    CHECK_EQUAL(field_of(span->bytes, span->n_bytes, 5).n_bytes, 4);
    CHECK_EQUAL(field_of(span->bytes, span->n_bytes, 7).value, 1 + n_attributes);
}

static int post(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)deadline_ns, (void)detail;
    struct wire_field resource = field_of(body, n_bytes, 1);
    struct wire_field scope = field_of(resource.bytes, resource.n_bytes, 2);
    struct wire_reader reader = wire_reader_over(scope.bytes, scope.n_bytes);
    struct wire_field field;
    int more;
    while ((more = wire_read(&reader, &field)) == 1) {
        if (field.number == 2) {
            check_span(&field);
            atomic_fetch_add(&n_arrived, 1);
        }
    }
    CHECK_EQUAL(more, 0);
    response->http_status = 200;
    return 0;
}

/* ---- the application ---- */

static void end_span(weir_otlp_span *span) {
    weir_otlp_span_end(span);
    weir_otlp_span_end(span); /* nobody minds */
}

static void record(weir_otlp_tracer *tracer, const weir_otlp_context *parent) {
    static const char *const keys[] = {"k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7"};
    uint64_t n = id_random() % 8;
    weir_value value = weir_value_string("the value of an attribute");
    weir_otlp_span *span = weir_otlp_span_begin(
        tracer, "span",
        &WEIR_OTLP_SPAN_OPTIONS(.parent = parent, .has_start_time = true, .start_unix_ns = 1 + n));
    for (uint64_t i = 0; i < n; i++) {
        weir_otlp_span_set(span, keys[i], &value);
    }
    weir_otlp_span *theirs = span;
    if (id_random() % 4 == 0) {
        theirs = atomic_exchange(&relays[id_random() % N_RELAYS], span);
    }
    end_span(theirs);
}

static void *record_many(void *index) {
    static const char *const names[] = {"a", "b", "c"};
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, names[(size_t)index % 3], NULL, NULL);
    weir_otlp_span *root = weir_otlp_span_begin(
        tracer, "root", &WEIR_OTLP_SPAN_OPTIONS(.has_start_time = true, .start_unix_ns = 1));
    weir_otlp_context context = weir_otlp_span_context(root);
    for (int i = 1; i < N_SPANS; i++) {
        record(tracer, &context);
    }
    end_span(root);
    return NULL;
}

/* The sum is off by at most the calls in progress; nothing here may crash or race. */
static void *flush_and_look(void *unused) {
    while (!atomic_load(&is_over)) {
        weir_otlp_stats stats = {.size = sizeof stats};
        CHECK(weir_otlp_flush(otlp, 10000) == 0);
        weir_otlp_get_stats(otlp, &stats);
        CHECK(stats.acknowledged <= (uint64_t)N_THREADS * N_GENERATIONS * N_SPANS);
    }
    return unused;
}

static void expect_exact_sum(void) {
    weir_otlp_stats s = {.size = sizeof s};
    weir_otlp_get_stats(otlp, &s);
    uint64_t sum = s.live + s.not_sampled + s.queued + s.in_flight + s.acknowledged + s.rejected;
    for (int i = 0; i < WEIR_N_DROP_CAUSES; i++) {
        sum += s.dropped[i];
    }
    CHECK_EQUAL(s.started, (uint64_t)N_THREADS * N_GENERATIONS * N_SPANS);
    CHECK_EQUAL(s.live, 0);
    CHECK_EQUAL(s.started, sum);
    CHECK_EQUAL(s.acknowledged, s.started);
    CHECK_EQUAL(s.acknowledged, atomic_load(&n_arrived));
}

int main(void) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post;
    CHECK(weir_otlp_open(&WEIR_OTLP_OPTIONS(.service_name = "stress", .transport = &transport,
                                            .has_schedule_delay_ms = true, .schedule_delay_ms = 1,
                                            .max_queue_bytes = 64 << 20),
                         &otlp, NULL) == 0);
    pthread_t flusher;
    CHECK(pthread_create(&flusher, NULL, flush_and_look, NULL) == 0);
    for (int i = 0; i < N_GENERATIONS; i++) {
        run_threads(N_THREADS, record_many);
    }
    atomic_store(&is_over, true);
    CHECK(pthread_join(flusher, NULL) == 0);
    for (int i = 0; i < N_RELAYS; i++) {
        end_span(atomic_load(&relays[i]));
    }
    CHECK(weir_otlp_flush(otlp, 10000) == 0);
    expect_exact_sum();
    CHECK(weir_otlp_close(otlp, 10000) == 0);
    return 0;
}
