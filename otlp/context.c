#include "otlp/context.h"

#include <string.h>

#include "otlp/trace_state.h"

enum { TRACEPARENT_LENGTH = 55, TRACE_ID_AT = 3, SPAN_ID_AT = 36, FLAGS_AT = 53 };

static const char HEX[] = "0123456789abcdef";

/* ---- traceparent ---- */

static char *put_hex(char *at, const uint8_t *bytes, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) {
        *at++ = HEX[bytes[i] >> 4];
        *at++ = HEX[bytes[i] & 0xf];
    }
    return at;
}

bool weir_otlp_context_format(const weir_otlp_context *context, char out[56]) {
    if (!context_is_valid(context)) {
        out[0] = '\0';
        return false;
    }
    uint8_t flags = context->trace_flags & TRACE_FLAGS_KNOWN;
    memcpy(out, "00-", 3);
    char *at = put_hex(out + TRACE_ID_AT, context->trace_id, sizeof context->trace_id);
    *at++ = '-';
    at = put_hex(at, context->span_id, sizeof context->span_id);
    *at++ = '-';
    *put_hex(at, &flags, 1) = '\0';
    return true;
}

/* Lower-case only (G6, G7). */
static int hex_value(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_hex(const char *text, uint8_t *out, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) {
        int high = hex_value(text[2 * i]);
        int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);
        if (low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool is_space(char c) {
    return c == ' ' || c == '\t';
}

/* Version 00 ends behind its flags (G3); a higher one may go on behind another dash (G4). */
static bool has_right_length(const char *text, size_t length, uint8_t version) {
    if (version == 0xff) {
        return false;
    }
    return length == TRACEPARENT_LENGTH || (version > 0 && text[TRACEPARENT_LENGTH] == '-');
}

static bool parse_traceparent(const char *text, weir_otlp_context *out) {
    while (is_space(*text)) {
        text++;
    }
    size_t length = strlen(text);
    while (length > 0 && is_space(text[length - 1])) {
        length--;
    }
    uint8_t version, flags;
    if (length < TRACEPARENT_LENGTH || text[2] != '-' || text[SPAN_ID_AT - 1] != '-' ||
        text[FLAGS_AT - 1] != '-' || !take_hex(text, &version, 1) ||
        !take_hex(text + TRACE_ID_AT, out->trace_id, sizeof out->trace_id) ||
        !take_hex(text + SPAN_ID_AT, out->span_id, sizeof out->span_id) ||
        !take_hex(text + FLAGS_AT, &flags, 1) || !has_right_length(text, length, version)) {
        return false;
    }
    out->trace_flags = flags & TRACE_FLAGS_KNOWN;
    return context_is_valid(out);
}

int weir_otlp_context_parse(const char *traceparent, const char *trace_state,
                            weir_otlp_context *out) {
    weir_otlp_context context = {.is_remote = true};
    if (traceparent == NULL || !parse_traceparent(traceparent, &context)) {
        return WEIR_E_SYNTAX;
    }
    if (trace_state != NULL && *trace_state != '\0' && trace_state_is_valid(trace_state)) {
        context.trace_state = trace_state;
    }
    *out = context;
    return 0;
}
