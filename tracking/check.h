/*
 * What Burr's own readers would stumble over in a file that is well-formed JSON: members that are
 * missing or of a wrong kind, and texts that no reader takes.
 *
 * Unknown types and further members are no fault, nor are ends without a begin: logs are written by
 * processes that die.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "otlp/common/json_text.h"

struct check_fault {
    size_t at;      /* byte in the text, from 0 */
    char text[200]; /* one line */
};

/* Which file the text is from. CHECK_RECORD: a line of log.jsonl; CHECK_CHILD: of children.jsonl.
 */
enum check_kind { CHECK_RECORD, CHECK_CHILD, CHECK_GRAPH, CHECK_METADATA };

/* True: nothing is wrong. False: *fault has the first thing that is. Reads the text once or twice.
 */
bool check_text(enum check_kind kind, const char *text, size_t n_bytes, struct check_fault *fault);
