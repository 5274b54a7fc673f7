#include <string.h>

#include <weir/error.h>

#include "otlp/transport_memory.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"

static int post(const weir_transport *transport, const char *body, weir_transport_response *out) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    return transport->post(transport->data, (const uint8_t *)body, strlen(body), 0, out, &detail);
}

static void expect_body(struct transport_memory *memory, size_t nth, const char *wanted) {
    size_t n_bytes;
    const uint8_t *body = transport_memory_body(memory, nth, &n_bytes);
    cr_assert(body != NULL);
    expect_text(expect_terminated(body, n_bytes), wanted);
}

Test(transport_memory, keeps_bodies_in_order) {
    struct transport_memory *memory = transport_memory_new(100);
    weir_transport transport = transport_memory_interface(memory);
    weir_transport_response response = {.size = sizeof response, .retry_after_ms = -1};
    cr_assert(eq(int, post(&transport, "one", &response), 0));
    cr_expect(eq(int, response.http_status, 200));
    cr_expect(eq(sz, response.n_bytes, 0));
    cr_assert(eq(int, post(&transport, "", &response), 0));
    cr_assert(eq(int, post(&transport, "three", &response), 0));
    cr_expect(eq(sz, transport_memory_count(memory), 3));
    expect_body(memory, 0, "one");
    expect_body(memory, 1, "");
    expect_body(memory, 2, "three");
    size_t n_bytes;
    cr_expect(transport_memory_body(memory, 3, &n_bytes) == NULL);
    transport_memory_free(memory);
    transport_memory_free(NULL);
}

Test(transport_memory, holds_exactly_its_bound) {
    struct transport_memory *memory = transport_memory_new(6);
    weir_transport transport = transport_memory_interface(memory);
    weir_transport_response response = {.size = sizeof response, .retry_after_ms = -1};
    cr_expect(eq(int, post(&transport, "1234", &response), 0));
    cr_expect(eq(int, post(&transport, "567", &response), WEIR_E_TOO_LARGE));
    cr_expect(eq(int, post(&transport, "56", &response), 0));
    cr_expect(eq(int, post(&transport, "7", &response), WEIR_E_TOO_LARGE));
    cr_expect(eq(sz, transport_memory_count(memory), 2));
    transport_memory_free(memory);
}

Test(transport_memory, survives_failing_allocation_at_every_step) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct transport_memory *memory = transport_memory_new(100);
        if (memory == NULL) {
            continue;
        }
        weir_transport transport = transport_memory_interface(memory);
        weir_transport_response response = {.size = sizeof response, .retry_after_ms = -1};
        int error = post(&transport, "body", &response);
        cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        cr_assert(eq(sz, transport_memory_count(memory), error == 0));
        transport_memory_free(memory);
    }
}
