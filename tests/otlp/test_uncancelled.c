/* A host's thread that is cancelled in a call that waits: the call is done first, whole. */
#include <pthread.h>

#include <weir/otlp.h>

#include "tests/support/expect.h"

enum { WAIT_MS = 20000 };

static bool has_opened, has_flushed, has_closed;

static int post_nowhere(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                        weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)detail;
    response->http_status = 200;
    return 0;
}

static void *play(void *unused) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    weir_otlp *otlp = NULL;
    transport.post = post_nowhere;
    (void)pthread_cancel(pthread_self()); /* taken at the next point where a thread may be */
    has_opened = weir_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport), &otlp, NULL) == 0;
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "test", NULL, NULL);
    weir_otlp_span_end(weir_otlp_span_begin(tracer, "span", NULL));
    has_flushed = weir_otlp_flush(otlp, WAIT_MS) == 0;
    has_closed = weir_otlp_close(otlp, WAIT_MS) == 0;
    pthread_testcancel();
    return unused;
}

Test(uncancelled, calls_that_wait_are_done_before_the_thread_ends) {
    pthread_t thread;
    void *result = NULL;
    cr_assert(zero(int, pthread_create(&thread, NULL, play, NULL)));
    cr_assert(zero(int, pthread_join(thread, &result)));
    cr_assert(has_opened);
    cr_assert(has_flushed);
    cr_assert(has_closed);
    cr_assert(eq(ptr, result, PTHREAD_CANCELED), "it is cancelled then");
}
