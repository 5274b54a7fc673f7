#include "otlp/deps/protobuf.h"

#include <stdalign.h>

#include <weir/error.h>

#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"

enum { CHUNK_BYTES = 64 << 10 };

struct protobuf_chunk {
    struct protobuf_chunk *next;
    size_t n_bytes, n_used;
    alignas(max_align_t) uint8_t bytes[];
};

void protobuf_arena_init(struct protobuf_arena *arena, size_t max_bytes) {
    *arena = (struct protobuf_arena){.left_bytes = max_bytes};
}

void protobuf_arena_deinit(struct protobuf_arena *arena) {
    while (arena->chunks != NULL) {
        struct protobuf_chunk *next = arena->chunks->next;
        mem_free(arena->chunks);
        arena->chunks = next;
    }
}

static struct protobuf_chunk *add_chunk(struct protobuf_arena *arena, size_t n_bytes) {
    if (n_bytes > arena->left_bytes) {
        arena->error = WEIR_E_TOO_LARGE;
        return NULL;
    }
    size_t room = MIN(MAX(n_bytes, (size_t)CHUNK_BYTES), arena->left_bytes);
    struct protobuf_chunk *chunk = mem_alloc(sizeof(*chunk) + room);
    if (chunk == NULL) {
        arena->error = WEIR_E_NO_MEMORY;
        return NULL;
    }
    *chunk = (struct protobuf_chunk){.next = arena->chunks, .n_bytes = room};
    arena->chunks = chunk;
    arena->left_bytes -= room;
    return chunk;
}

static void *allocate(void *data, size_t n_bytes) {
    struct protobuf_arena *arena = data;
    size_t padding = alignof(max_align_t) - 1;
    if (n_bytes > SIZE_MAX - padding) {
        arena->error = WEIR_E_TOO_LARGE;
        return NULL;
    }
    n_bytes = (n_bytes + padding) & ~padding;
    struct protobuf_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->n_bytes - chunk->n_used < n_bytes) {
        chunk = add_chunk(arena, n_bytes);
    }
    if (chunk == NULL) {
        return NULL;
    }
    void *block = chunk->bytes + chunk->n_used;
    chunk->n_used += n_bytes;
    return block;
}

/* All goes at once, with the arena. */
static void release(void *data, void *block) {
    (void)data;
    (void)block;
}

int protobuf_unpack(const ProtobufCMessageDescriptor *descriptor, const uint8_t *bytes,
                    size_t n_bytes, struct protobuf_arena *arena, ProtobufCMessage **out) {
    ProtobufCAllocator allocator = {.alloc = allocate, .free = release, .allocator_data = arena};
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, n_bytes, bytes);
    if (message == NULL) {
        return arena->error != 0 ? arena->error : WEIR_E_SYNTAX;
    }
    *out = message;
    return 0;
}
