/*
 * JSON that the host hands in: inputs, results, states. Checked, freed of white space, and, for
 * states, completed with Burr's internal keys.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <weir/value.h>

#include "bridge/text.h"

/*
 * The compact text of `text`, or else of `value`, in *out: NULL on a fault, and when both are NULL,
 * which is none. Free with blob_release. WEIR_E_SYNTAX (does not parse, or is no object although it
 * must be one), WEIR_E_TOO_LARGE (over WEIR_MAX_STATE_BYTES, or nested too deep),
 * WEIR_E_NO_MEMORY.
 */
int json_input(const char *text, const weir_value *value, bool must_be_object, struct blob **out);

/* A borrowed value over a blob's text; the empty value for NULL. */
weir_value json_value(const struct blob *blob);

/*
 * The state that a step leaves: `given`, or `last` when that is NULL, or {}. A given state that
 * holds __SEQUENCE_ID stays as it is. Else __SEQUENCE_ID becomes sequence_id and, when `action` is
 * not NULL (success), __PRIOR_STEP becomes action; both where they stood, or else at the end.
 * NULL: no memory.
 */
struct blob *json_state(const struct blob *given, const struct blob *last, int64_t sequence_id,
                        const char *action);

/* __SEQUENCE_ID of a state; false when it has none. */
bool json_sequence_id(const struct blob *state, int64_t *out);

/* True when every JSON leaf of the value parses and it is not nested too deep. */
bool json_value_is_sound(const weir_value *value);
