/*
 * What the library last warned of, for a command's own message: why spans were lost, if they were.
 */
#pragma once

#include <weir/host.h>

#include "otlp/common/lock.h"

enum { LAST_MESSAGE_BYTES = 256 };

/* Begins as {0}. */
struct last_message {
    struct lock lock; /* guards text: messages come on the exporter's thread too */
    char text[LAST_MESSAGE_BYTES];
};

/* For .log of the options; .log_data is the struct last_message. */
void last_message_keep(weir_log_level level, const char *message, void *data);

/* A copy of it; "" when there was none. */
void last_message_get(struct last_message *last, char out[LAST_MESSAGE_BYTES]);
