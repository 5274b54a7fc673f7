/*
 * How Python's str() spells a tuple: recorded logs hold it where the hook holds a list.
 */
#pragma once

#include <weir/value.h>

#include "tests/golden/arena.h"

/* The text of the list taken as a tuple: "(7,)", "('a', True, None)". Inner lists keep brackets. */
const char *python_text_of_tuple(struct arena *arena, const weir_value *list);
