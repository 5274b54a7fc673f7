/*
 * The way to a peer, as HTTP needs to know it: whom to connect to, by which proxy, and with which
 * certificates.
 */
#pragma once

#include <stdbool.h>

struct http_route {
    const char *url;
    const char *ca_file;                                   /* PEM; NULL: what the system trusts */
    const char *client_certificate_file, *client_key_file; /* PEM; NULL: none */
    bool needs_tls_1_3;                                    /* else 1.2 will do */
    const char *proxy;       /* NULL: as the environment says (http_proxy …); "": none */
    const char *unix_socket; /* connect to it instead of the URL's host; NULL: no */
};
