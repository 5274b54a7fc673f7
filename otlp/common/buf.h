/*
 * A byte buffer that grows up to a maximum stated at birth.
 *
 * Every growing buffer in the project is one of these, so that no peer and no user can make memory
 * grow without bound. The first failure sticks: later writes do nothing, and the caller asks once,
 * at the end, with buf_error(). It knows nothing of what the bytes mean.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
    uint8_t *data;   /* owned; NULL until the first write */
    size_t n_bytes;  /* written so far */
    size_t capacity; /* usable: what is allocated, as far as max_bytes allows */
    size_t n_allocated;
    size_t max_bytes;
    int error; /* 0, or the first WEIR_E_... */
};

/* Makes an empty buffer that will hold at most max_bytes. Allocates nothing. */
void buf_init(struct buf *buf, size_t max_bytes);

/* Frees the bytes. The buffer may be initialised again. NULL is fine. */
void buf_deinit(struct buf *buf);

/*
 * Changes the maximum, which must not be below n_bytes: several buffers can so share one bound.
 * What is allocated already stays, and is used again when the maximum allows.
 */
static inline void buf_set_max(struct buf *buf, size_t max_bytes) {
    buf->max_bytes = max_bytes;
    buf->capacity = buf->n_allocated < max_bytes ? buf->n_allocated : max_bytes;
}

/* Forgets the bytes and the error but keeps the memory. */
static inline void buf_clear(struct buf *buf) {
    buf->n_bytes = 0;
    buf->error = 0;
}

/* Makes room for n_bytes more without counting them as written. false: see buf_error. */
_Bool buf_grow(struct buf *buf, size_t n_bytes);

/* Whether n_bytes can be written without more memory. */
static inline _Bool buf_has_room(const struct buf *buf, size_t n_bytes) {
    return n_bytes <= buf->capacity - buf->n_bytes && buf->error == 0;
}

/*
 * Makes room for n_bytes and returns where to write them, or NULL (error remembered).
 * The bytes count as written at once. Valid until the next append or reserve.
 */
static inline uint8_t *buf_reserve(struct buf *buf, size_t n_bytes) {
    if (!buf_has_room(buf, n_bytes) && !buf_grow(buf, n_bytes)) {
        return NULL;
    }
    uint8_t *room = buf->data + buf->n_bytes;
    buf->n_bytes += n_bytes;
    return room;
}

/*
 * Appends n_bytes. On failure the buffer keeps what it had and remembers
 * WEIR_E_TOO_LARGE (over max_bytes) or WEIR_E_NO_MEMORY.
 */
static inline void buf_append(struct buf *buf, const void *bytes, size_t n_bytes) {
    if (n_bytes == 0) {
        return; /* memcpy must not see a NULL source */
    }
    uint8_t *room = buf_reserve(buf, n_bytes);
    if (room != NULL) {
        memcpy(room, bytes, n_bytes);
    }
}

static inline void buf_append_byte(struct buf *buf, uint8_t byte) {
    uint8_t *room = buf_reserve(buf, 1);
    if (room != NULL) {
        *room = byte;
    }
}

static inline void buf_append_text(struct buf *buf, const char *text) {
    buf_append(buf, text, strlen(text));
}

/* Cuts back to n_bytes, which must not be more than there are. */
static inline void buf_truncate(struct buf *buf, size_t n_bytes) {
    buf->n_bytes = n_bytes;
}

/*
 * Hands the bytes over as a string with a NUL behind (not counted in n_bytes); the buffer is empty
 * afterwards. NULL when the buffer has an error or the NUL does not fit; free with mem_free.
 */
char *buf_take_text(struct buf *buf);

/* 0 while every write so far fitted, else the first error. */
static inline int buf_error(const struct buf *buf) {
    return buf->error;
}
