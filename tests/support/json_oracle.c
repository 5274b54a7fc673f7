#include "tests/support/json_oracle.h"

#include <jansson.h>
#include <string.h>

#include "otlp/common/macro.h"

enum json_verdict json_oracle(const char *text, size_t n_bytes) {
    static const char *const outside[] = {"UTF-8", "unable to decode", "Unicode", "overflow",
                                          "too big"};
    json_error_t error = {0};
    size_t flags = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;
    json_t *value = json_loadb(text, n_bytes, flags, &error);
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
