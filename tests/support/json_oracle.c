#include "tests/support/json_oracle.h"

#include <jansson.h>
#include <string.h>

#include "otlp/common/macro.h"

static const size_t FLAGS = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;

enum json_verdict json_oracle(const char *text, size_t n_bytes) {
    static const char *const outside[] = {"UTF-8", "unable to decode", "Unicode", "overflow",
                                          "too big"};
    json_error_t error = {0};
    json_t *value = json_loadb(text, n_bytes, FLAGS, &error);
    if (value != NULL) {
        json_decref(value);
        return JSON_VERDICT_TAKEN;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(outside); i++) {
        if (strstr(error.text, outside[i]) != NULL) {
            return JSON_VERDICT_OUTSIDE;
        }
    }
    return JSON_VERDICT_REFUSED;
}

bool json_oracle_agrees(const char *line, size_t n_line, const char *key, const char *value,
                        size_t n_value) {
    json_t *object = json_loadb(line, n_line, FLAGS, NULL);
    json_t *found = json_object_get(object, key);
    json_t *expected = value != NULL ? json_loadb(value, n_value, FLAGS, NULL) : NULL;
    bool agrees = value == NULL ? found == NULL : json_equal(found, expected) == 1;
    json_decref(expected);
    json_decref(object);
    return agrees;
}

bool json_oracle_has_text(const char *line, size_t n_line, const char *key) {
    json_t *object = json_loadb(line, n_line, FLAGS, NULL);
    bool has_text = json_is_string(json_object_get(object, key));
    json_decref(object);
    return has_text;
}
