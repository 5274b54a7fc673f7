/*
 * The requests that `weir collect` did not take: the first of each kind is said on stderr, all are
 * counted for the end. A client that asks again and again fills no screen.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "bridge/server/receiver.h"
#include "otlp/common/buf.h"

enum { REFUSALS_MAX_KINDS = 16, REFUSALS_MAX_PATH = 80 };

/* Requests with one answer for one path. */
struct refusal_kind {
    char answer[24];
    char request[REFUSALS_MAX_PATH]; /* "POST /v1/logs"; "" when its head could not be read */
    bool is_grpc;
    uint64_t n;
};

struct refusals {
    pthread_mutex_t mutex; /* guards all below */
    struct refusal_kind kinds[REFUSALS_MAX_KINDS];
    size_t n_kinds;
    uint64_t n_others; /* of more kinds than there is room for */
};

void refusals_init(struct refusals *refusals);
void refusals_deinit(struct refusals *refusals);

/* Counts it, and says it if it is the first of its kind. Any thread. */
void refusals_add(struct refusals *refusals, const struct receiver_refusal *refusal);

/* Appends, to an empty text, " (3x 404: POST /v1/logs, 1x 505: what is no HTTP/1.1)"; nothing when
 * there were none. */
void refusals_list(struct refusals *refusals, struct buf *out);
