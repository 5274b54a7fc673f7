/*
 * The recorded OTLP bodies of tests/data/otlp-vectors, each with the JSON that says what it holds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vector {
    const char *name; /* "span_minimal.pb" */
    const uint8_t *body;
    size_t n_bytes;
    const char *json; /* NUL-terminated */
};

typedef void vector_fn(const struct vector *vector);

/* Calls fn for each body in a folder: "." for the requests, "responses". Returns how many there
 * were; aborts on one that cannot be read. */
size_t vectors_for_each(const char *folder, vector_fn *fn);
