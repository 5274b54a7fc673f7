#include "otlp/context.h"

#include <string.h>

#include "otlp/bounds.h"

enum {
    TRACEPARENT_LENGTH = 55,
    TRACE_ID_AT = 3,
    SPAN_ID_AT = 36,
    FLAGS_AT = 53,
    KEY_MAX_CHARS = 256,
    VALUE_MAX_CHARS = 256
};

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

/* ---- tracestate ---- */

/* The next member of a list, without the white space around it; *rest moves behind its comma, and
 * is NULL after the last. */
static size_t next_member(const char **rest, const char **member) {
    const char *at = *rest;
    size_t length = strcspn(at, ",");
    *rest = at[length] == ',' ? at + length + 1 : NULL;
    while (length > 0 && is_space(*at)) {
        at++;
        length--;
    }
    while (length > 0 && is_space(at[length - 1])) {
        length--;
    }
    *member = at;
    return length;
}

static bool is_key_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_key_char(char c) {
    return is_key_start(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
}

static bool is_key(const char *text, size_t length) {
    if (length == 0 || length > KEY_MAX_CHARS || !is_key_start(*text)) {
        return false;
    }
    for (size_t i = 1; i < length; i++) {
        if (!is_key_char(text[i])) {
            return false;
        }
    }
    return true;
}

/* A comma has ended the member before, a trailing space has been cut off. */
static bool is_value(const char *text, size_t length) {
    if (length == 0 || length > VALUE_MAX_CHARS) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e || text[i] == '=') {
            return false;
        }
    }
    return true;
}

static bool is_member(const char *text, size_t length) {
    const char *equals = memchr(text, '=', length);
    if (equals == NULL) {
        return false;
    }
    size_t n_key = (size_t)(equals - text);
    return is_key(text, n_key) && is_value(equals + 1, length - n_key - 1);
}

bool trace_state_is_valid(const char *text) {
    const char *rest = text, *member;
    for (int n = 0; rest != NULL;) {
        size_t length = next_member(&rest, &member);
        if (length > 0 && (!is_member(member, length) || ++n > TRACE_STATE_MAX_MEMBERS)) {
            return false;
        }
    }
    return true;
}

void trace_state_append(struct buf *out, const char *text) {
    const char *rest = text, *member;
    size_t start = out->n_bytes;
    while (rest != NULL) {
        size_t length = next_member(&rest, &member);
        if (length > 0) {
            buf_append(out, ",", out->n_bytes > start);
            buf_append(out, member, length);
        }
    }
}
