/*
 * The limits of this folder, in one place. Everything a user or peer can drive has one.
 */
#pragma once

enum {
    DECODE_MAX_NESTED_VALUES = 64, /* an array in an array is two */
    DECODE_MAX_FRAMES = 208,       /* messages in messages, in a request from outside */
    JSON_LINES_MAX_DEPTH = 224,    /* messages in messages: a map in a map takes three */
    FILE_MAX_LINE_BYTES =
        256 << 20, /* one line of JSON Lines; a request is shorter than its JSON */
    HTTP_MAX_REQUEST_BYTES = 64 << 20,    /* B7 */
    HTTP_MAX_RESPONSE_BYTES = 4 << 20,    /* B8 */
    HTTP_MAX_RESPONSE_HEADERS = 64 << 10, /* bytes, all of one response */
    ENDPOINT_MAX_URL = 8 << 10,           /* bytes */
    ENDPOINT_MAX_HEADERS = 64,
    RETRY_AFTER_MAX_S = 86400, /* a peer that asks for longer is asked again after this */
    EXPORTER_MAX_HOLD_S = 300, /* how long a Retry-After may hold back later requests */
};
