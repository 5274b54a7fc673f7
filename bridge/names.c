/* The names of methods and streaming modes, as Burr spells them, and of convention profiles. */
#include <stdio.h>
#include <string.h>

#include <weir/weir.h>

#include "bridge/conventions.h"
#include "otlp/common/macro.h"

/* No pointers in these tables: each would be a relocation. */
static const char METHODS[][16] = {
    [WEIR_METHOD_STEP] = "step",
    [WEIR_METHOD_ASTEP] = "astep",
    [WEIR_METHOD_ITERATE] = "iterate",
    [WEIR_METHOD_AITERATE] = "aiterate",
    [WEIR_METHOD_RUN] = "run",
    [WEIR_METHOD_ARUN] = "arun",
    [WEIR_METHOD_STREAM_RESULT] = "stream_result",
    [WEIR_METHOD_ASTREAM_RESULT] = "stream_result", /* Burr reports the async form by this name */
    [WEIR_METHOD_STREAM_ITERATE] = "stream_iterate",
    [WEIR_METHOD_ASTREAM_ITERATE] = "astream_iterate",
};

static const char MODES[][24] = {
    [WEIR_STREAMING_DEFAULT] = "default",
    [WEIR_STREAMING_SINGLE_SPAN] = "single_span",
    [WEIR_STREAMING_EVENT] = "event",
    [WEIR_STREAMING_CHUNK_SPANS] = "chunk_spans",
    [WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS] = "single_and_chunk_spans",
};

const char *weir_method_name(weir_method method) {
    return method > 0 && (size_t)method < ARRAY_LENGTH(METHODS) ? METHODS[method] : NULL;
}

const char *weir_streaming_mode_name(weir_streaming_mode mode) {
    return (size_t)mode < ARRAY_LENGTH(MODES) ? MODES[mode] : NULL;
}

int weir_streaming_mode_parse(const char *name, weir_streaming_mode *out) {
    if (name == NULL || out == NULL) {
        return WEIR_E_INVALID;
    }
    if (strcmp(name, "both") == 0) {
        *out = WEIR_STREAMING_SINGLE_AND_CHUNK_SPANS;
        return 0;
    }
    for (size_t i = WEIR_STREAMING_SINGLE_SPAN; i < ARRAY_LENGTH(MODES); i++) {
        if (strcmp(name, MODES[i]) == 0) {
            *out = (weir_streaming_mode)i;
            return 0;
        }
    }
    return WEIR_E_INVALID;
}

static const struct {
    char name[16];
    unsigned bit;
} CONVENTIONS[] = {
    {"burr", WEIR_CONVENTIONS_BURR},
    {"genai", WEIR_CONVENTIONS_GENAI},
    {"openinference", WEIR_CONVENTIONS_OPENINFERENCE},
    {"langfuse", WEIR_CONVENTIONS_LANGFUSE},
    {"legacy_usage", WEIR_CONVENTIONS_LEGACY_USAGE},
};

/* 0: no such name. */
static unsigned convention_bit(const char *name, size_t n_bytes) {
    for (size_t i = 0; i < ARRAY_LENGTH(CONVENTIONS); i++) {
        if (strlen(CONVENTIONS[i].name) == n_bytes &&
            memcmp(CONVENTIONS[i].name, name, n_bytes) == 0) {
            return CONVENTIONS[i].bit;
        }
    }
    return 0;
}

void conventions_describe(unsigned bits, char out[CONVENTIONS_TEXT_BYTES]) {
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LENGTH(CONVENTIONS); i++) {
        if ((bits & CONVENTIONS[i].bit) != 0) {
            n += (size_t)snprintf(out + n, CONVENTIONS_TEXT_BYTES - n, "%s%s", n > 0 ? "," : "",
                                  CONVENTIONS[i].name);
        }
    }
}

int weir_conventions_parse(const char *names, unsigned *out) {
    if (names == NULL || out == NULL) {
        return WEIR_E_INVALID;
    }
    unsigned bits = WEIR_CONVENTIONS_BURR;
    for (const char *at = names;; at++) {
        size_t n_bytes = strcspn(at, ",");
        size_t n_before = strspn(at, " \t");
        n_before = MIN(n_before, n_bytes);
        size_t end = n_bytes;
        while (end > n_before && (at[end - 1] == ' ' || at[end - 1] == '\t')) {
            end--;
        }
        unsigned bit = convention_bit(at + n_before, end - n_before);
        if (bit == 0) {
            return WEIR_E_INVALID;
        }
        bits |= bit;
        at += n_bytes;
        if (*at == '\0') {
            break;
        }
    }
    *out = bits;
    return 0;
}
