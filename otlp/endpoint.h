/*
 * Where spans are sent, and with which headers: the options and OpenTelemetry's variables put
 * together (conformance B34-B39, C25, D10, D11, D15).
 *
 * It parses and decides; it opens nothing, and knows nothing of the library that will.
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/config_read.h"
#include "otlp/delivery.h"
#include "otlp/deps/http_route.h"
#include "otlp/headers.h"

struct endpoint {
    char *url;   /* of each request */
    char *shown; /* the same without user, password and query, for messages */
    struct headers headers;
    struct delivery delivery;
    char *unix_socket; /* where "unix:path" of gRPC leads to; else NULL */
    bool is_tls_guess; /* gRPC: the URL had no scheme and nobody said `insecure` */
};

/*
 * Option over environment over default. *out is set last; free it with endpoint_deinit.
 * WEIR_E_INVALID: a URL or an option's header breaks its rule; detail names the option or variable
 * and the remedy. WEIR_E_NO_MEMORY. A bad header in the environment is warned of and left out.
 */
int endpoint_resolve(const weir_otlp_options *options, const struct config_reader *reader,
                     struct endpoint *out, weir_error_detail *detail);
void endpoint_deinit(struct endpoint *endpoint);

/*
 * Whom requests go to, for metrics: the host's name or address (an IPv6 one without its brackets),
 * or the path of the socket. One that does not fit is left out. Returns the port; 0: none.
 */
unsigned endpoint_server(const struct endpoint *endpoint, char *address, size_t n_address);

/* The way that requests take; its texts are the endpoint's. */
struct http_route endpoint_route(const struct endpoint *endpoint);
