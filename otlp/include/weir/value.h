/*
 * Values of attributes, inputs, results and states: a borrowed tree that the caller builds.
 *
 * Nothing here allocates. A value borrows its strings and children until the call that takes it
 * returns. Kinds follow OTLP's AnyValue (conformance A36-A43) plus WEIR_VALUE_JSON: a piece of JSON
 * text taken over as it stands, for numbers beyond int64 and for text that is JSON already.
 * All functions here may be called from any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum weir_value_kind {
    WEIR_VALUE_EMPTY = 0, /* JSON null, OTLP's empty AnyValue */
    WEIR_VALUE_STRING,
    WEIR_VALUE_BOOL,
    WEIR_VALUE_INT,
    WEIR_VALUE_DOUBLE,
    WEIR_VALUE_BYTES,
    WEIR_VALUE_ARRAY,
    WEIR_VALUE_MAP,
    WEIR_VALUE_JSON
} weir_value_kind;

typedef struct weir_value weir_value;
typedef struct weir_key_value weir_key_value;

struct weir_value {
    weir_value_kind kind;
    union {
        struct {
            const char *bytes;
            size_t n_bytes;
        } string; /* STRING, JSON; may hold U+0000 */
        struct {
            const uint8_t *data;
            size_t n_bytes;
        } bytes; /* BYTES; base64 text in Burr's files */
        struct {
            const weir_value *items;
            size_t n_items;
        } array;
        struct {
            const weir_key_value *items;
            size_t n_items;
        } map; /* keys unique; a later one wins */
        bool boolean;
        int64_t integer;
        double number; /* NaN and infinities: allowed in OTLP, null in Burr's files */
    } as;
};

struct weir_key_value {
    const char *key; /* NUL-terminated, not empty */
    weir_value value;
};

/* Constructors; they borrow their arguments. A NULL string, or NULL with a length, gives an empty
 * value. */
WEIR_API weir_value weir_value_string(const char *text);
WEIR_API weir_value weir_value_string_n(const char *text, size_t n_bytes);
WEIR_API weir_value weir_value_bool(bool boolean);
WEIR_API weir_value weir_value_int(int64_t integer);
WEIR_API weir_value weir_value_double(double number);
WEIR_API weir_value weir_value_bytes(const void *data, size_t n_bytes);
WEIR_API weir_value weir_value_array(const weir_value *items, size_t n_items);
WEIR_API weir_value weir_value_map(const weir_key_value *items, size_t n_items);
WEIR_API weir_value weir_value_json(const char *text);
WEIR_API weir_value weir_value_json_n(const char *text, size_t n_bytes);

/*
 * Checks that the n_bytes at `text` are one JSON value (RFC 8259), nested at most 64 deep, with no
 * NaN or Infinity. White space around it is allowed. 0, or WEIR_E_SYNTAX / WEIR_E_TOO_LARGE (depth)
 * with the position in `detail` (optional). NULL text: WEIR_E_INVALID.
 */
WEIR_API int weir_json_check(const char *text, size_t n_bytes, weir_error_detail *detail);

#ifdef __cplusplus
}
#endif
