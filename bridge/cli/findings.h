/*
 * What an examination found: one line a step, in order, for `weir doctor`.
 */
#pragma once

#include <stddef.h>

#include "otlp/common/macro.h"

enum { FINDINGS_MAX = 128, FINDING_MAX_BYTES = 640 };

enum finding_kind {
    FINDING_OK,
    FINDING_NOTE,  /* worth knowing; nothing is broken */
    FINDING_FAILED /* and what to do about it */
};

struct finding {
    enum finding_kind kind;
    size_t pipeline; /* from 1; 0: of none */
    const char *step;
    char text[FINDING_MAX_BYTES]; /* one line of UTF-8 */
};

/* Begins as {0}. */
struct findings {
    struct finding items[FINDINGS_MAX]; /* what is beyond is counted, not kept */
    size_t n;
    size_t n_failed;
};

/* `step` is borrowed for good; a text that is too long is cut. */
void findings_add(struct findings *findings, size_t pipeline, const char *step,
                  enum finding_kind kind, const char *format, ...) PRINTF_FORMAT(5, 6);

/* "ok", "note", "failed". */
const char *finding_kind_name(enum finding_kind kind);
