/*
 * What can be found out about the process and its machine, as resource attributes by the semantic
 * conventions (F10). Only when asked: nothing here runs by default.
 *
 * Nothing found is no error. Files are read to a bound; nothing waits but for local files.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/value.h>

/* The conventions whose names are used here: the schema URL of these attributes. */
#define DETECT_SCHEMA_URL "https://opentelemetry.io/schemas/1.37.0"

/* Takes one attribute, borrowed for the call. Non-zero ends the detection with that error. */
typedef int detect_put_fn(void *data, const char *key, const weir_value *value);

/* All of `detectors` (enum weir_detector) in a fixed order. 0, or the first error of `put`. */
int detect_run(uint32_t detectors, detect_put_fn *put, void *data);

/* The value of a key in text of the form of os-release(5), without quotes, cut to n_bytes with the
 * NUL. False: it is not there, or empty. */
bool detect_os_release(const char *text, const char *key, char *out, size_t n_bytes);

/* The name that the conventions have for a machine of uname(2). */
const char *detect_arch(const char *machine);
