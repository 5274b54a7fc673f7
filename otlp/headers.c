#include "otlp/headers.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/common/error.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"
#include "otlp/piece.h"

static bool is_value(struct piece value) {
    for (size_t i = 0; i < value.n_bytes; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false; /* a line feed here would begin another header */
        }
    }
    return true;
}

static bool is_name(struct piece name, const char *wanted) {
    return strlen(wanted) == name.n_bytes && strncasecmp(wanted, name.at, name.n_bytes) == 0;
}

/* What the request itself decides. */
static bool is_ours(struct piece name) {
    static const char *const ours[] = {"content-type", "content-length", "content-encoding",
                                       "transfer-encoding", "expect"};
    for (size_t i = 0; i < ARRAY_LENGTH(ours); i++) {
        if (is_name(name, ours[i])) {
            return true;
        }
    }
    return false;
}

static bool is_reserved_for_grpc(struct piece name) {
    return is_name(name, "te") || (name.n_bytes >= 5 && strncasecmp(name.at, "grpc-", 5) == 0);
}

static bool is_binary(struct piece name) {
    return name.n_bytes >= 4 && strncasecmp(name.at + name.n_bytes - 4, "-bin", 4) == 0;
}

static bool is_ascii(struct piece value) {
    for (size_t i = 0; i < value.n_bytes; i++) {
        if (value.at[i] < 0x20 || value.at[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

/* The rules of gRPC, which has any bytes in base64 (C12). */
static const char *fault_of_metadata(struct piece name, struct piece value) {
    if (is_reserved_for_grpc(name)) {
        return "gRPC keeps this name for itself";
    }
    return is_binary(name) || is_ascii(value)
               ? NULL
               : "in gRPC a value that is not ASCII needs a name that ends in -bin";
}

/* Why a header cannot be sent, or NULL. */
static const char *fault_of(const struct headers *headers, struct piece name, struct piece value) {
    if (!piece_is_token(name)) {
        return "its name is empty or has a character that header names cannot have";
    }
    if (is_ours(name)) {
        return "weir sets this header itself";
    }
    if (headers->is_metadata) {
        return fault_of_metadata(name, value);
    }
    return is_value(value) ? NULL : "its value has a control character";
}

static void lower_case(char *name, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) {
        name[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 0x20 : name[i]);
    }
}

static char *line_of(const struct headers *headers, struct piece name, struct piece value) {
    struct buf line;
    buf_init(&line, SIZE_MAX);
    buf_append(&line, name.at, name.n_bytes);
    buf_append_text(&line, ": ");
    if (headers->is_metadata && is_binary(name)) {
        json_write_base64(&line, (const uint8_t *)value.at, value.n_bytes);
    } else {
        buf_append(&line, value.at, value.n_bytes);
    }
    char *text = buf_take_text(&line);
    buf_deinit(&line);
    if (text != NULL && headers->is_metadata) {
        lower_case(text, name.n_bytes);
    }
    return text;
}

/* Where the header of this name stands, or else the place behind the last one. */
static size_t place_of(const struct headers *headers, struct piece name) {
    size_t i = 0;
    for (; i < headers->n; i++) {
        const char *line = headers->lines[i];
        if (strncasecmp(line, name.at, name.n_bytes) == 0 && line[name.n_bytes] == ':') {
            break;
        }
    }
    return i;
}

static void note(const struct config_reader *reader, struct piece name,
                 struct config_origin origin) {
    char line[80];
    int n = snprintf(line, sizeof line, "header %.*s", (int)MIN(name.n_bytes, 64), name.at);
    for (int i = 0; i < n; i++) {
        line[i] |= line[i] >= 'A' && line[i] <= 'Z' ? 0x20 : 0; /* the same name in any case */
    }
    config_note_text(reader, line, "", CONFIG_SECRET, origin);
}

static int put(struct headers *headers, struct piece name, struct piece value) {
    size_t place = place_of(headers, name);
    if (place == ENDPOINT_MAX_HEADERS) {
        return WEIR_E_TOO_LARGE;
    }
    if (headers->lines == NULL) {
        headers->lines = mem_zalloc((ENDPOINT_MAX_HEADERS + 1) * sizeof *headers->lines);
    }
    char *line = headers->lines != NULL ? line_of(headers, name, value) : NULL;
    if (line == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    mem_free(headers->lines[place]);
    headers->lines[place] = line;
    headers->n = MAX(headers->n, place + 1);
    return 0;
}

void headers_deinit(struct headers *headers) {
    for (size_t i = 0; i < headers->n; i++) {
        mem_free(headers->lines[i]);
    }
    mem_free(headers->lines);
    *headers = (struct headers){0};
}

/* ---- the option ---- */

static int add_line(struct headers *headers, const struct config_reader *reader, const char *line,
                    size_t nth, weir_error_detail *detail) {
    const char *colon = strchr(line, ':');
    if (colon == NULL) {
        return error_set(detail, WEIR_E_INVALID, "headers[%zu]: write it as \"name: value\"", nth);
    }
    struct piece name = {line, (size_t)(colon - line)};
    struct piece value = piece_trimmed(colon + 1, colon + strlen(colon));
    const char *fault = fault_of(headers, name, value);
    if (fault != NULL) {
        return error_set(detail, WEIR_E_INVALID, "headers[%zu] (%.*s): %s", nth,
                         (int)MIN(name.n_bytes, 64), name.at, fault);
    }
    int error = put(headers, name, value);
    if (error != 0) {
        return error_set(detail, error, "headers[%zu]: %s", nth, weir_strerror(error));
    }
    note(reader, name, config_by_option("headers"));
    return 0;
}

int headers_add_lines(struct headers *headers, const struct config_reader *reader,
                      const char *const *lines, weir_error_detail *detail) {
    for (size_t i = 0; lines != NULL && lines[i] != NULL; i++) {
        int error = add_line(headers, reader, lines[i], i, detail);
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/* ---- the variable ---- */

/* *fault says why the header cannot be sent; it is untouched when the header was added. */
static int put_encoded(struct headers *headers, struct piece name, struct piece encoded,
                       const char **fault) {
    struct buf decoded;
    buf_init(&decoded, encoded.n_bytes);
    bool is_decoded = piece_percent_decode(&decoded, encoded);
    struct piece value = {(const char *)decoded.data, decoded.n_bytes};
    int error = buf_error(&decoded);
    if (error == 0) {
        const char *found = is_decoded ? fault_of(headers, name, value)
                                       : "a % in its value is not followed by two hex digits";
        error = found == NULL ? put(headers, name, value) : 0;
        *fault = error == WEIR_E_TOO_LARGE ? "there are too many headers" : found;
    }
    buf_deinit(&decoded);
    return error == WEIR_E_TOO_LARGE ? 0 : error;
}

static int add_member(struct headers *headers, const struct config_reader *reader,
                      const char *variable, struct piece member) {
    const char *equals = memchr(member.at, '=', member.n_bytes);
    if (equals == NULL) { /* not shown: what has no name may well be the secret */
        logger_say(reader->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "%s: a header without '=' is left out: write name=value,name=value", variable);
        return 0;
    }
    struct piece name = piece_trimmed(member.at, equals);
    const char *fault = NULL;
    int error =
        put_encoded(headers, name, piece_trimmed(equals + 1, member.at + member.n_bytes), &fault);
    if (fault != NULL) {
        logger_say(reader->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
                   "%s: header %.*s is left out: %s", variable, (int)MIN(name.n_bytes, 64), name.at,
                   fault);
    } else if (error == 0) {
        note(reader, name, config_by_variable(variable));
    }
    return error;
}

int headers_add_list(struct headers *headers, const struct config_reader *reader,
                     const char *variable, const char *text) {
    for (const char *at = text; at != NULL;) {
        const char *comma = strchr(at, ',');
        struct piece member = piece_trimmed(at, comma != NULL ? comma : at + strlen(at));
        int error = member.n_bytes > 0 ? add_member(headers, reader, variable, member) : 0;
        if (error != 0) {
            return error;
        }
        at = comma != NULL ? comma + 1 : NULL;
    }
    return 0;
}
