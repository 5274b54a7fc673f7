/*
 * Memory for protobuf-c with a bound. For the program and the tests.
 *
 * An arena: unpacking only adds, and everything goes at once at the end.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <protobuf-c/protobuf-c.h>

struct protobuf_chunk;

struct protobuf_arena {
    struct protobuf_chunk *chunks; /* the newest first */
    size_t left_bytes;             /* of the bound */
    int error;                     /* 0, or why an allocation failed: WEIR_E_... */
};

/* Allocates nothing. */
void protobuf_arena_init(struct protobuf_arena *arena, size_t max_bytes);
void protobuf_arena_deinit(struct protobuf_arena *arena);

/*
 * Unpacks a message into the arena. 0, *out set; WEIR_E_SYNTAX; WEIR_E_TOO_LARGE (the arena's
 * bound); WEIR_E_NO_MEMORY. The bytes have been checked for depth before.
 */
int protobuf_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                    size_t n_bytes, struct protobuf_arena *arena, ProtobufCMessage **out);
