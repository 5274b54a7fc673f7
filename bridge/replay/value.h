/*
 * Values of a log as OTLP gets them: the same as if they had been set while the run was live.
 */
#pragma once

#include <weir/value.h>

#include "otlp/common/buf.h"
#include "otlp/common/json_text.h"

/* Texts of one value on their way; kept from one to the next. */
struct replay_scratch {
    struct buf text;
    struct buf json;
};

void replay_scratch_init(struct replay_scratch *scratch);
void replay_scratch_deinit(struct replay_scratch *scratch);

/* Borrowed from the scratch until the next one. An empty value when memory is short. */
weir_value replay_value_of(struct json_slice json, struct replay_scratch *scratch);

/* The decoded text of a JSON string, NUL-terminated, borrowed as above; NULL when it is none, or
 * memory is short. */
const char *replay_text_of(struct json_slice json, struct replay_scratch *scratch);
