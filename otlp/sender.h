/*
 * What OTLP/HTTP and OTLP/gRPC have in common: a transport that sends by a client for an endpoint,
 * the form of its requests, and the words for what can go wrong on the way.
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/deps/curl.h"
#include "otlp/encoding.h"
#include "otlp/endpoint.h"

/* A request's own header: "name: value", or "" for none. */
enum { SENDER_HEADER_BYTES = 40 };

/* What a protocol adds. `data` is its struct, whose first member is the sender. */
struct sender_protocol {
    /* NULL: its requests have no headers of their own. */
    void (*format_header)(char out[SENDER_HEADER_BYTES], uint64_t deadline_ns);
    /* What came of a request, as weir_transport.post tells it; `error` as of http_client_post. */
    int (*conclude)(void *data, int error, struct http_answer *answer,
                    weir_transport_response *response, weir_error_detail *detail);
    void (*destroy)(void *data); /* all of it, by sender_close too */
};

struct sender {
    const struct sender_protocol *protocol;
    struct http_client *client;
    struct encoding encoding;
    char *shown;             /* the URL, for messages */
    bool has_no_certificate; /* https, and none of ours to show */
    bool is_tls_guess;       /* nobody wrote https: it was taken for an endpoint without scheme */
    bool is_preparing;       /* for a child that is forked meanwhile */
};

/*
 * Opens a sender, which must be zero, and fills *out with the transport that it is; what it is part
 * of is destroyed after a failure. own_headers are the protocol's, NULL-terminated. WEIR_E_INVALID
 * (a file of certificates cannot be read …), WEIR_E_NO_MEMORY, WEIR_E_UNSUPPORTED, WEIR_E_IO.
 */
int sender_open(struct sender *sender, const struct sender_protocol *protocol,
                const struct endpoint *endpoint, const char *const *own_headers,
                weir_transport *out, weir_error_detail *detail);
/* A struct of zeros is fine. */
void sender_close(struct sender *sender);

/* No answer, for `error`: "<URL> <what is wrong and what to do>". */
void sender_describe(const struct sender *sender, const struct http_answer *answer, int error,
                     weir_error_detail *detail);
