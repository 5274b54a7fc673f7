/*
 * How exports ended, counted by kind: for the metrics of an exporter (conformance H7, H8). An
 * export is one request with all its attempts, and the last one says how it ended.
 *
 * The codes are the peer's, so the kinds have a bound: beyond it their codes are forgotten.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp/bounds.h"

enum export_end {
    EXPORT_DELIVERED,
    EXPORT_PARTIAL,    /* the peer rejected some of its spans */
    EXPORT_REFUSED,    /* an answer that says no */
    EXPORT_UNANSWERED, /* none came, or nothing could be sent */
    N_EXPORT_ENDS
};

struct export_result {
    enum export_end end;
    bool is_grpc;
    int code; /* the status of HTTP or gRPC; unanswered: a WEIR_E_…; 0: one of many others */
};

/* All that ended alike. */
struct tally {
    struct export_result result;
    uint64_t n_exports;
    uint64_t n_spans;
    uint64_t duration_ns; /* together */
};

enum { TALLIES_MAX_KINDS = TALLIES_MAX_CODES + 2 * N_EXPORT_ENDS };

/* {0}: none. */
struct tallies {
    struct tally of[TALLIES_MAX_KINDS]; /* in the order in which they first came */
    size_t n;
};

void tallies_add(struct tallies *tallies, const struct export_result *result, uint64_t n_spans,
                 uint64_t duration_ns);
