#include "otlp/transport_memory.h"

#include <stdbool.h>
#include <string.h>

#include <weir/error.h>

#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/lock.h"
#include "otlp/common/macro.h"

struct body {
    struct body *next;
    size_t n_bytes;
    uint8_t bytes[];
};

struct transport_memory {
    struct lock lock; /* guards all below */
    size_t max_bytes;
    size_t n_bytes;
    size_t n_bodies;
    struct body *first;
    struct body **last;
};

struct transport_memory *transport_memory_new(size_t max_bytes) {
    struct transport_memory *memory = mem_zalloc(sizeof *memory);
    if (memory != NULL) {
        memory->max_bytes = max_bytes;
        memory->last = &memory->first;
    }
    return memory;
}

void transport_memory_free(struct transport_memory *memory) {
    if (memory == NULL) {
        return;
    }
    while (memory->first != NULL) {
        struct body *body = memory->first;
        memory->first = body->next;
        mem_free(body);
    }
    mem_free(memory);
}

static struct body *copy_body(const uint8_t *bytes, size_t n_bytes) {
    struct body *body = mem_alloc(sizeof *body + n_bytes);
    if (body != NULL) {
        body->next = NULL;
        body->n_bytes = n_bytes;
        memcpy(body->bytes, bytes, n_bytes);
    }
    return body;
}

/* false when it is over the bound. */
static bool keep(struct transport_memory *memory, struct body *body) {
    lock_take(&memory->lock);
    bool has_room = body->n_bytes <= memory->max_bytes - memory->n_bytes;
    if (has_room) {
        *memory->last = body;
        memory->last = &body->next;
        memory->n_bytes += body->n_bytes;
        memory->n_bodies++;
    }
    lock_give(&memory->lock);
    return has_room;
}

static int post(void *data, const uint8_t *bytes, size_t n_bytes, uint64_t deadline_ns,
                weir_transport_response *response, weir_error_detail *detail) {
    (void)deadline_ns;
    struct body *body = copy_body(bytes, n_bytes);
    if (body == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory to keep a request");
    }
    if (!keep(data, body)) {
        mem_free(body);
        return error_set(detail, WEIR_E_TOO_LARGE, "no room to keep another request");
    }
    response->http_status = 200;
    return 0;
}

weir_transport transport_memory_interface(struct transport_memory *memory) {
    return (weir_transport){.size = sizeof(weir_transport), .post = post, .data = memory};
}

size_t transport_memory_count(struct transport_memory *memory) {
    lock_take(&memory->lock);
    size_t n = memory->n_bodies;
    lock_give(&memory->lock);
    return n;
}

const uint8_t *transport_memory_body(struct transport_memory *memory, size_t nth, size_t *n_bytes) {
    lock_take(&memory->lock);
    const struct body *body = memory->first;
    while (body != NULL && nth-- > 0) {
        body = body->next;
    }
    lock_give(&memory->lock);
    if (body == NULL) {
        return NULL;
    }
    *n_bytes = body->n_bytes;
    return body->bytes;
}
