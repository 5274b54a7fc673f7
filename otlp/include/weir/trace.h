/*
 * The words that the OTLP headers share: handles, span contexts, kinds, statuses, links.
 *
 * Included by <weir/otlp.h>, which is what users include.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/value.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct weir_otlp weir_otlp;               /* provider with its pipeline */
typedef struct weir_otlp_tracer weir_otlp_tracer; /* one instrumentation scope */
typedef struct weir_otlp_span weir_otlp_span;     /* handle */

/* A W3C span context, by value. Invalid when either id is all zero (E10). */
typedef struct weir_otlp_context {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t trace_flags; /* W3C: 0x01 sampled, 0x02 random */
    bool is_remote;
    const char *trace_state; /* borrowed; NULL = none */
    uint64_t owner;          /* opaque; set by a layer above (a step's handle), else 0 */
} weir_otlp_context;

typedef enum weir_otlp_kind {
    WEIR_OTLP_KIND_DEFAULT = 0, /* INTERNAL */
    WEIR_OTLP_KIND_INTERNAL = 1,
    WEIR_OTLP_KIND_SERVER = 2,
    WEIR_OTLP_KIND_CLIENT = 3,
    WEIR_OTLP_KIND_PRODUCER = 4,
    WEIR_OTLP_KIND_CONSUMER = 5
} weir_otlp_kind;

typedef enum weir_otlp_status {
    WEIR_OTLP_STATUS_UNSET = 0,
    WEIR_OTLP_STATUS_OK = 1,
    WEIR_OTLP_STATUS_ERROR = 2
} weir_otlp_status;

typedef struct weir_otlp_link {
    weir_otlp_context context;
    const weir_key_value *attributes;
    size_t n_attributes;
} weir_otlp_link;

#ifdef __cplusplus
}
#endif
