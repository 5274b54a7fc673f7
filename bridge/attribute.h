/*
 * Attribute values on their way to OTLP, where Burr's bridge turns some into text.
 */
#pragma once

#include <stddef.h>

#include <weir/value.h>

#include "otlp/common/buf.h"

/*
 * The value as OTLP gets it: text, booleans, numbers and bytes as they are; a list whose items are
 * all of the first one's kind (after a first integer, booleans pass too) as an array; any other
 * list, a map and null as JSON text in Python's spelling, written to `scratch` and borrowed from
 * it. The value is sound (json_value_is_sound). An empty value when memory is short.
 */
weir_value attribute_for_otlp(const weir_value *value, struct buf *scratch);

/*
 * The same for several at once: what makes no sense is counted and left out. `items` borrows from
 * the given ones where nothing had to change. attributes_forget frees.
 */
struct weir;
struct otlp_attributes {
    const weir_key_value *items;
    size_t n_items;
    weir_key_value *own; /* NULL: items are the given ones */
    struct buf texts;
};
void attributes_for_otlp(struct weir *w, const weir_key_value *given, size_t n_given,
                         struct otlp_attributes *out);
void attributes_forget(struct otlp_attributes *attributes);
