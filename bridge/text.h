/*
 * Owned strings of lifecycle objects.
 *
 * text: a string whose memory is kept and used again with its object, so that a step costs no
 *       allocation once its pool is warm.
 * blob: immutable bytes shared by counting, for states, which outlive the lock they were read
 * under.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *bytes; /* NUL-terminated; NULL until first set */
    size_t n_bytes;
    size_t capacity;
};

/* Copies, repairing UTF-8 and cutting at max_bytes. NULL source: "". false: no memory, old text
 * kept. */
bool text_set(struct text *text, const char *source, size_t max_bytes);
void text_deinit(struct text *text);
/* "" while never set. */
static inline const char *text_get(const struct text *text) {
    return text->bytes != NULL ? text->bytes : "";
}

/* Digits and a NUL; the result is where the NUL is. */
enum { TEXT_UINT_BYTES = 21 };
char *text_put_uint(char *at, uint64_t number);

struct blob {
    atomic_size_t n_owners;
    size_t n_bytes;
    char bytes[]; /* NUL-terminated */
};

/* One owner. NULL: no memory. */
struct blob *blob_new(const char *bytes, size_t n_bytes);
/* One more owner; NULL is fine. Returns its argument. */
struct blob *blob_share(struct blob *blob);
/* One owner less; frees with the last. NULL is fine. */
void blob_release(struct blob *blob);

/* A deep copy of a NULL-terminated list, in one block for mem_free; NULL for NULL or no memory. */
char **list_copy(const char *const *list);
