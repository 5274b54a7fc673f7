/*
 * Taking members out of the JSON objects in an app's folder, whose text is known to be valid.
 */
#pragma once

#include <weir/tracking.h>

#include "otlp/common/json_text.h"
#include "tracking/store_memory.h"

/* A member that is looked for, and where its value goes; what is not there leaves it as it is. */
struct store_member {
    const char *name;
    struct json_slice *value;
};

/* Of a key that stands there twice the later one counts. Anything but an object has no members. */
void store_json_find(struct json_slice object, const struct store_member *wanted, size_t n_wanted);

/* Burr's pointer_data; NULL when it is no object, or memory is short. */
const weir_pointer *store_json_pointer(struct store_memory *memory, struct json_slice object);
