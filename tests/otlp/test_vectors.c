/*
 * The recorded requests: what they say in JSON, built through weir's encoder and through its public
 * span functions, gives the recorded bytes.
 */
#include <string.h>

#include "tests/support/expect.h"
#include "tests/support/fake_exporter.h"
#include "tests/support/request_model.h"
#include "tests/support/span_bytes.h"
#include "tests/support/vectors.h"

enum { MAX_BODY = 1 << 20 };

static void expect_same_bytes(const char *name, const void *got, size_t n_got, const void *wanted,
                              size_t n_wanted) {
    cr_expect(eq(sz, n_got, n_wanted), "%s", name);
    cr_expect(n_got == n_wanted && (n_got == 0 || memcmp(got, wanted, n_got) == 0), "%s", name);
}

static void check_encoder(const struct vector *vector) {
    struct model_request model = model_from_json(vector->json);
    struct buf out;
    buf_init(&out, MAX_BODY);
    model_encode(&model, &out);
    cr_assert(eq(int, buf_error(&out), 0));
    expect_same_bytes(vector->name, out.data, out.n_bytes, vector->body, vector->n_bytes);
    buf_deinit(&out);
    model_free(&model);
}

Test(vectors, encoder_gives_the_recorded_bytes) {
    cr_assert(ge(sz, vectors_for_each(".", check_encoder), 53));
}

/* The other tests take protobuf-c's bytes of the model for the truth. */
static void check_oracle(const struct vector *vector) {
    struct model_request model = model_from_json(vector->json);
    const Otlp__ExportTraceServiceRequest *request = model_to_protobuf(&model);
    size_t n_bytes = otlp__export_trace_service_request__get_packed_size(request);
    uint8_t *bytes = model_alloc(&model, n_bytes, 1);
    otlp__export_trace_service_request__pack(request, bytes);
    expect_same_bytes(vector->name, bytes, n_bytes, vector->body, vector->n_bytes);
    model_free(&model);
}

Test(vectors, oracle_gives_the_recorded_bytes) {
    cr_assert(ge(sz, vectors_for_each(".", check_oracle), 53));
}

/* ---- as an application says it ---- */

static size_t n_said;

static weir_otlp *open_without_limits(void) {
    weir_otlp *otlp = NULL;
    weir_otlp_options options = WEIR_OTLP_OPTIONS(.service_name = "vectors");
    options.limits = (weir_otlp_limits){.has_max_attributes = true,
                                        .max_attributes = UINT32_MAX,
                                        .has_max_events = true,
                                        .max_events = UINT32_MAX,
                                        .has_max_links = true,
                                        .max_links = UINT32_MAX};
    cr_assert(eq(int, weir_otlp_open(&options, &otlp, NULL), 0));
    return otlp;
}

static void say_span(struct model_request *model, weir_otlp *otlp, const char *name,
                     const struct model_span *span) {
    if (!model_can_be_said(span)) {
        return;
    }
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "vectors", NULL, NULL);
    size_t nth = fake_exporter.n_bodies;
    model_say(tracer, span);
    cr_assert(eq(int, weir_otlp_flush(otlp, 1000), 0));
    cr_assert(eq(sz, fake_exporter.n_bodies, nth + 1), "%s", name);

    size_t n_body, n_wanted;
    const uint8_t *body = fake_exporter_body(nth, &n_body);
    struct span_bytes got = span_bytes_in(body, n_body, 0);
    struct model_span sdk = model_as_sdk(model, span);
    const uint8_t *wanted = model_pack_span(model, &sdk, &n_wanted);
    expect_same_bytes(name, got.bytes, got.n_bytes, wanted, n_wanted);
    n_said++;
}

static void check_public(const struct vector *vector) {
    struct model_request model = model_from_json(vector->json);
    weir_otlp *otlp = open_without_limits();
    for (size_t i = 0; i < model.n_resources; i++) {
        const struct model_resource *resource = &model.resources[i];
        for (size_t j = 0; j < resource->n_scopes; j++) {
            for (size_t k = 0; k < resource->scopes[j].n_spans; k++) {
                say_span(&model, otlp, vector->name, &resource->scopes[j].spans[k]);
            }
        }
    }
    (void)weir_otlp_close(otlp, 1000);
    model_free(&model);
    fake_exporter_reset();
}

Test(vectors, public_functions_give_the_recorded_spans) {
    cr_assert(ge(sz, vectors_for_each(".", check_public), 53));
    cr_assert(ge(sz, n_said, 78)); /* of 82: few vectors hold what an SDK never says */
}
