#include "otlp/common/buf.h"

#include <weir/error.h>

#include "otlp/common/alloc.h"

enum { BUF_FIRST_CAPACITY = 256 };

void buf_init(struct buf *buf, size_t max_bytes) {
    *buf = (struct buf){.max_bytes = max_bytes};
}

void buf_deinit(struct buf *buf) {
    if (buf == NULL) {
        return;
    }
    mem_free(buf->data);
    *buf = (struct buf){0};
}

/* Doubling keeps appends amortised O(1); the last step lands exactly on the maximum. */
static size_t next_capacity(const struct buf *buf, size_t needed) {
    size_t capacity = buf->capacity ? buf->capacity : BUF_FIRST_CAPACITY;
    while (capacity < needed) {
        capacity = capacity > buf->max_bytes / 2 ? buf->max_bytes : capacity * 2;
    }
    return capacity < buf->max_bytes ? capacity : buf->max_bytes;
}

_Bool buf_grow(struct buf *buf, size_t n_bytes) {
    if (buf->error != 0) {
        return 0;
    }
    if (n_bytes > buf->max_bytes - buf->n_bytes) {
        buf->error = WEIR_E_TOO_LARGE;
        return 0;
    }
    size_t needed = buf->n_bytes + n_bytes;
    if (needed <= buf->capacity) {
        return 1;
    }
    size_t capacity = next_capacity(buf, needed);
    uint8_t *data = mem_realloc(buf->data, capacity);
    if (data == NULL) {
        buf->error = WEIR_E_NO_MEMORY;
        return 0;
    }
    buf->data = data;
    buf->n_allocated = capacity;
    buf->capacity = capacity;
    return 1;
}

char *buf_take_text(struct buf *buf) {
    buf_append_byte(buf, '\0');
    if (buf->error != 0) {
        return NULL;
    }
    char *text = (char *)buf->data;
    buf_init(buf, buf->max_bytes);
    return text;
}
