/*
 * Settings of libcurl's handles that the client (curl.c) and the probe (curl_probe.c) share: what
 * both say of TLS, of proxies and of the time they take must be the same.
 */
#pragma once

#include <curl/curl.h>

#include "otlp/deps/curl.h"

/* Initialises libcurl, once a process; how that went. */
CURLcode http_library(void);

/* Options by name, until one is refused. */
struct http_settings {
    CURL *easy;
    CURLcode code;
};

void http_set_long(struct http_settings *settings, CURLoption option, long value);
/* NULL: the option stays as it is. */
void http_set_pointer(struct http_settings *settings, CURLoption option, const void *value);
/* The way to a peer, and what every handle of ours must and must not do. error_text has
 * CURL_ERROR_SIZE bytes and lives as long as the handle. */
void http_set_route(struct http_settings *settings, const struct http_route *route,
                    char *error_text);

/* True when the transfer has ended; *result gets how. */
bool http_transfer_has_ended(CURLM *multi, CURLcode *result);
