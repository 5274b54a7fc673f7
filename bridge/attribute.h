/*
 * Attribute values on their way to OTLP, where Burr's bridge turns some into text.
 */
#pragma once

#include <weir/value.h>

#include "otlp/common/buf.h"

/*
 * The value as OTLP gets it: text, booleans, numbers and bytes as they are; a list whose items are
 * all of the first one's kind (after a first integer, booleans pass too) as an array; any other
 * list, a map and null as JSON text in Python's spelling, written to `scratch` and borrowed from
 * it. The value is sound (json_value_is_sound). An empty value when memory is short.
 */
weir_value attribute_for_otlp(const weir_value *value, struct buf *scratch);
