/*
 * What stands around the spans of one tracer in a request: resource and instrumentation scope,
 * encoded once.
 *
 * Each piece is whole fields, ready to copy. In field order a request is: resource, scope, spans,
 * then the two schema URLs.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct scope_piece {
    const uint8_t *bytes; /* borrowed; NULL when empty */
    size_t n_bytes;
};

struct scope {
    struct scope_piece resource;     /* ResourceSpans.resource */
    struct scope_piece scope;        /* ScopeSpans.scope */
    struct scope_piece scope_url;    /* ScopeSpans.schema_url */
    struct scope_piece resource_url; /* ResourceSpans.schema_url */
};
