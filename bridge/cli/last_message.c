#include "bridge/cli/last_message.h"

#include <stdio.h>
#include <string.h>

void last_message_keep(weir_log_level level, const char *message, void *data) {
    struct last_message *last = data;
    if (level <= WEIR_LOG_WARN) {
        lock_take(&last->lock);
        snprintf(last->text, sizeof(last->text), "%s", message);
        lock_give(&last->lock);
    }
}

void last_message_get(struct last_message *last, char out[LAST_MESSAGE_BYTES]) {
    lock_take(&last->lock);
    memcpy(out, last->text, sizeof(last->text));
    lock_give(&last->lock);
}
