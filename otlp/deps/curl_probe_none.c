/*
 * Looking at servers in a build without libcurl: it cannot be done.
 */
#include <stdio.h>

#include <weir/error.h>

#include "otlp/deps/curl_probe.h"

int http_probe(const struct http_probe_options *options, uint64_t deadline_ns,
               struct http_probe *out) {
    (void)options, (void)deadline_ns;
    *out = (struct http_probe){0};
    snprintf(out->text, sizeof out->text,
             "this weir was built without HTTP: build it with -Dhttp=enabled");
    return WEIR_E_UNSUPPORTED;
}
