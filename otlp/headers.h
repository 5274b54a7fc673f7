/*
 * The HTTP headers that a user configured: from a list of "name: value" and from a variable in the
 * form of W3C Baggage (D15). Checked, so that no value can smuggle in another header.
 *
 * Values are secrets as a rule: no message shows one, nor does the report ("header <name>", the
 * name in lower case).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <weir/error.h>

#include "otlp/config_read.h"

struct headers {
    char **lines; /* "name: value", NULL-terminated once there is one; NULL while there is none */
    size_t n;
    bool
        is_metadata; /* of gRPC: lower-case names, "-bin" values in base64, none of "grpc-" (C12) */
};

void headers_deinit(struct headers *headers);

/*
 * Adds the lines of an option, NULL-terminated (NULL: none). A name that is there already gets the
 * new value. WEIR_E_INVALID (detail names the place), WEIR_E_TOO_LARGE (too many),
 * WEIR_E_NO_MEMORY.
 */
int headers_add_lines(struct headers *headers, const struct config_reader *reader,
                      const char *const *lines, weir_error_detail *detail);

/*
 * Adds the members of `name1=value1,name2=value2`; `variable` is where the text came from. A bad
 * member is warned of and left out. WEIR_E_NO_MEMORY.
 */
int headers_add_list(struct headers *headers, const struct config_reader *reader,
                     const char *variable, const char *text);
