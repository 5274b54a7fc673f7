/*
 * The limits of this folder, in one place. Everything a user or peer can drive has one.
 */
#pragma once

enum {
    JSON_MAX_DEPTH = 64,        /* nesting of JSON text and of values; deeper is refused */
    HANDLE_MAX_SLOTS = 1 << 22, /* handles alive at once in a process, of all kinds */
};
