/*
 * Where a command's spans go, and what became of them, in words for people: by the library's own
 * resolvers and counters.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <weir/otlp.h>

#include "otlp/common/buf.h"
#include "otlp/transport.h"

enum { DESTINATION_MAX_BYTES = 512 };

struct destination {
    /* One a pipeline: a file, "standard output", or a URL without user, password and query. */
    char names[TRANSPORT_MAX_CHOICES][DESTINATION_MAX_BYTES];
    bool is_http[TRANSPORT_MAX_CHOICES]; /* the name is a URL that is connected to */
    size_t n;
    const char *why_none; /* n is 0: what says so */
    char spool_dir[DESTINATION_MAX_BYTES];
    bool is_stdout; /* spans are printed there: no other words should be */
};

/* What weir_otlp_open would choose. Of options that it would refuse nothing is known: n is 0. */
void destination_find(const weir_otlp_options *options, struct destination *out);

/* Appends "X", "X and Y", or "nowhere". */
void destination_list(const struct destination *destination, struct buf *out);

/*
 * Waits until no span waits any more, at most timeout_ms, as long as the endpoint goes on
 * answering: what a close would still deliver out of a spool is then counted as delivered. After a
 * flush.
 */
void destination_drain(weir_otlp *otlp, uint32_t timeout_ms);

/* Prints "7 spans to X", "3 of 7 spans to X, 4 kept in DIRECTORY until it answers" …, one part a
 * pipeline, without a line feed. otlp: before its close. */
void destination_print_outcome(FILE *to, const struct destination *destination, weir_otlp *otlp);

/*
 * Says on stderr which spans were lost, and what helps, `again` included (NULL: nothing more): one
 * line a pipeline. Why they were lost, the library has said. COMMAND_OK or COMMAND_FAILED.
 */
int destination_report_losses(const struct destination *destination, weir_otlp *otlp,
                              const char *again);
