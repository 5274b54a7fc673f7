/*
 * What OTLP/HTTP and OTLP/gRPC have in common: a client for an endpoint, the form of its requests,
 * and the words for what can go wrong on the way.
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/deps/curl.h"
#include "otlp/encoding.h"
#include "otlp/endpoint.h"

struct sender {
    struct http_client *client;
    struct encoding encoding;
    char *shown;             /* the URL, for messages */
    bool has_no_certificate; /* https, and none of ours to show */
    bool is_tls_guess;       /* nobody wrote https: it was taken for an endpoint without scheme */
    bool is_preparing;       /* for a child that is forked meanwhile */
};

/*
 * Fills *out, which must be zero; close it with sender_close, also after a failure. own_headers are
 * the protocol's, NULL-terminated. WEIR_E_INVALID (a file of certificates cannot be read …),
 * WEIR_E_NO_MEMORY, WEIR_E_UNSUPPORTED, WEIR_E_IO.
 */
int sender_open(struct sender *out, const struct endpoint *endpoint, const char *const *own_headers,
                weir_error_detail *detail);
/* A struct of zeros is fine. */
void sender_close(struct sender *sender);

/* No answer, for `error`: "<URL> <what is wrong and what to do>". */
void sender_describe(const struct sender *sender, const struct http_answer *answer, int error,
                     weir_error_detail *detail);

/* For weir_transport: data is a struct whose first member is the sender. */
void sender_cancel(void *data);
int sender_prepare(void *data, const uint8_t *body, size_t n_bytes, const uint8_t **out,
                   size_t *n_out, weir_error_detail *detail);
int sender_poll_fd(void *data);
void sender_after_fork(void *data);
