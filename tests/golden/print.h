/*
 * Spans and files as JSON in the form of the recordings.
 */
#pragma once

#include <stdio.h>

#include "tests/golden/play.h"

void print_result(FILE *to, struct arena *arena, const struct play_result *result);
