/*
 * A receiver of OTLP over HTTP: POST /v1/traces with protobuf or JSON, plain, gzip or zstd.
 *
 * It checks what comes in (bounds, packing, encoding, nesting, UTF-8) and hands each good request
 * as protobuf to one function, its sink. It answers as OTLP says (B5, B20, B23): 200 with an
 * ExportTraceServiceResponse; 400 for what cannot be read and for other content encodings, 404 for
 * another path, 405 for another method, 413 over a bound, 415 for another content type, 503 when
 * the sink or the memory fails, each with a google.rpc.Status in the request's format. It knows
 * nothing of what the sink does with the spans.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <weir/error.h>

#include "otlp/decode.h"
#include "otlp/deps/microhttpd.h"

/*
 * Takes one request: an ExportTraceServiceRequest that decode_scan let through, borrowed for the
 * call. On the receiver's thread, one at a time for one receiver, with no lock held. 0;
 * WEIR_E_SYNTAX (400), WEIR_E_TOO_LARGE (413), any other error (503): `detail` is what the client
 * is told.
 */
typedef int receiver_sink(void *data, const uint8_t *request, size_t n_bytes,
                          const struct decode_counts *counts, weir_error_detail *detail);

/* A request that was not taken. Texts are borrowed for the call; what the client sent may hold
 * anything. */
struct receiver_refusal {
    const char *answer;        /* "415", or gRPC's "UNIMPLEMENTED" */
    const char *method, *path; /* NULL: it could not be read so far */
    const char *reason;        /* what the client was told */
    bool is_grpc;              /* it came to the port of OTLP over gRPC */
};

/* Hears of each of them, on the receiver's thread, with no lock held. */
typedef void receiver_refused(void *data, const struct receiver_refusal *refusal);

struct receiver_options {
    const char *address;   /* "127.0.0.1" */
    uint16_t port;         /* 0: a free one */
    size_t max_body_bytes; /* packed and unpacked; 0: RECEIVER_MAX_BODY_BYTES */
    receiver_sink *take;
    receiver_refused *refused; /* NULL: nobody wants to know */
    void *data;
};

struct receiver_counts {
    uint64_t n_accepted; /* requests answered with 200 */
    uint64_t n_refused;  /* with anything else, also before they could be read */
    uint64_t n_spans;    /* in the accepted ones */
};

struct receiver;

/* *out is set last; stop it with receiver_stop. WEIR_E_IO (cannot listen), WEIR_E_NO_MEMORY. */
int receiver_start(const struct receiver_options *options, struct receiver **out,
                   weir_error_detail *detail);

/* "http://ADDRESS:PORT"; borrowed. */
const char *receiver_url(const struct receiver *receiver);

/* Any thread. */
void receiver_get_counts(const struct receiver *receiver, struct receiver_counts *out);

/*
 * Answers what it is about to answer, closes the rest, frees. The sink is not called afterwards;
 * *counts (optional) gets the final counters. NULL is fine; returns NULL.
 */
struct receiver *receiver_stop(struct receiver *receiver, struct receiver_counts *counts);

/*
 * The answer to one request, without a network: what the receiver's thread calls. `take`, `data`
 * and `max_body_bytes` of the options are used. Returns the number of spans accepted.
 */
uint64_t receiver_answer(const struct receiver_options *options, const struct http_request *request,
                         struct http_response *response);
