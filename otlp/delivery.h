/*
 * How requests are sent: protocol, compression, TLS, proxy and bounds, from the options and
 * OpenTelemetry's variables (conformance D10, D12-D14, D16, D18, D19). Where to is endpoint.h's.
 *
 * It decides; it opens no file and knows nothing of the library that will.
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/config_read.h"

/* A file, and the option or variable that names it, for messages. */
struct delivery_file {
    const char *path; /* NULL: none */
    const char *source;
};

/* Texts are borrowed from the options and the environment. */
struct delivery {
    weir_otlp_protocol protocol;       /* never the default */
    weir_otlp_compression compression; /* never the default */
    bool is_insecure;                  /* for an endpoint without scheme (D12) */
    struct delivery_file ca, client_certificate, client_key;
    weir_otlp_tls_version min_tls_version; /* never the default */
    const char *proxy;                     /* NULL: the environment's, as libcurl takes it */
    const char *unix_socket;               /* NULL: none */
    const char *product;                   /* in front of our User-Agent; NULL: nothing */
    size_t max_request_bytes;
    size_t max_response_bytes;
};

/*
 * *out is set last. WEIR_E_INVALID, WEIR_E_UNSUPPORTED (a compression that is not built in):
 * an option breaks its rule; detail names it and the remedy. A variable that cannot be used is
 * warned of (D8).
 */
int delivery_resolve(const weir_otlp_options *options, const struct config_reader *reader,
                     struct delivery *out, weir_error_detail *detail);
