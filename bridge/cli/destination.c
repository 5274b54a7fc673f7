#include "bridge/cli/destination.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "otlp/common/env.h"

static const char *chosen_url(const char *endpoint) {
    endpoint = endpoint != NULL ? endpoint : env_text("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
    endpoint = endpoint != NULL ? endpoint : env_text("OTEL_EXPORTER_OTLP_ENDPOINT");
    return endpoint != NULL ? endpoint : "http://localhost:4318";
}

/* By OTEL_TRACES_EXPORTER alone; a list of several still names the endpoint among them. */
static bool is_named(const char *exporter) {
    const char *named = env_text("OTEL_TRACES_EXPORTER");
    return named != NULL && strcasecmp(named, exporter) == 0;
}

const char *destination_shown(const char *output, const char *endpoint,
                              char out[DESTINATION_MAX_BYTES]) {
    if (output != NULL) {
        return strcmp(output, "-") == 0 ? "standard output" : output;
    }
    if (is_named("console") || is_named("otlp/stdout")) {
        return "standard output";
    }
    const char *url = chosen_url(endpoint);
    const char *host = strstr(url, "://");
    host = host != NULL ? host + 3 : url;
    size_t scheme_bytes = (size_t)(host - url);
    size_t authority_bytes = strcspn(host, "/?#");
    for (size_t i = authority_bytes; i > 0; i--) {
        if (host[i - 1] == '@') { /* the last one: a password may hold others */
            authority_bytes -= i;
            host += i;
            break;
        }
    }
    size_t shown_bytes = authority_bytes + strcspn(host + authority_bytes, "?#");
    snprintf(out, DESTINATION_MAX_BYTES, "%.*s%.*s", (int)scheme_bytes, url, (int)shown_bytes,
             host);
    return out;
}
