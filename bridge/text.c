#include "bridge/text.h"

#include <string.h>

#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"

static bool text_reserve(struct text *text, size_t n_bytes) {
    if (n_bytes < text->capacity) {
        return true;
    }
    size_t capacity = MAX(n_bytes + 1, (size_t)32);
    char *bytes = mem_realloc(text->bytes, capacity);
    if (bytes == NULL) {
        return false;
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

static bool text_set_valid(struct text *text, const char *source, size_t n_bytes) {
    if (!text_reserve(text, n_bytes)) {
        return false;
    }
    if (n_bytes > 0) {
        memcpy(text->bytes, source, n_bytes);
    }
    text->bytes[n_bytes] = '\0';
    text->n_bytes = n_bytes;
    return true;
}

static bool text_set_repaired(struct text *text, const char *source, size_t n_bytes,
                              size_t max_bytes) {
    struct buf CLEANUP(buf_deinit) repaired;
    buf_init(&repaired, n_bytes * 3);
    utf8_append_repaired(&repaired, source, n_bytes);
    if (buf_error(&repaired) != 0) {
        return false;
    }
    size_t kept = utf8_valid_prefix((const char *)repaired.data, MIN(repaired.n_bytes, max_bytes));
    return text_set_valid(text, (const char *)repaired.data, kept);
}

bool text_set(struct text *text, const char *source, size_t max_bytes) {
    size_t n_bytes = source != NULL ? strnlen(source, max_bytes) : 0;
    if (utf8_is_valid(source, n_bytes)) {
        return text_set_valid(text, source, n_bytes);
    }
    return text_set_repaired(text, source, n_bytes, max_bytes);
}

void text_deinit(struct text *text) {
    mem_free(text->bytes);
    *text = (struct text){0};
}

char *text_put_uint(char *at, uint64_t number) {
    char digits[TEXT_UINT_BYTES];
    char *first = digits + sizeof digits;
    do {
        *--first = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    size_t n_digits = (size_t)(digits + sizeof digits - first);
    memcpy(at, first, n_digits);
    at[n_digits] = '\0';
    return at + n_digits;
}

struct blob *blob_new(const char *bytes, size_t n_bytes) {
    if (n_bytes > SIZE_MAX - sizeof(struct blob) - 1) {
        return NULL;
    }
    struct blob *blob = mem_alloc(sizeof *blob + n_bytes + 1);
    if (blob == NULL) {
        return NULL;
    }
    atomic_init(&blob->n_owners, 1);
    blob->n_bytes = n_bytes;
    memcpy(blob->bytes, bytes, n_bytes);
    blob->bytes[n_bytes] = '\0';
    return blob;
}

struct blob *blob_share(struct blob *blob) {
    if (blob != NULL) {
        atomic_fetch_add_explicit(&blob->n_owners, 1, memory_order_relaxed);
    }
    return blob;
}

void blob_release(struct blob *blob) {
    if (blob != NULL && atomic_fetch_sub_explicit(&blob->n_owners, 1, memory_order_acq_rel) == 1) {
        mem_free(blob);
    }
}

char **list_copy(const char *const *list) {
    if (list == NULL) {
        return NULL;
    }
    size_t n = 0, n_bytes = 0;
    for (; list[n] != NULL; n++) {
        n_bytes += strlen(list[n]) + 1;
    }
    char **copy = mem_alloc((n + 1) * sizeof *copy + n_bytes);
    if (copy == NULL) {
        return NULL;
    }
    char *at = (char *)(copy + n + 1);
    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(list[i]) + 1;
        memcpy(at, list[i], length);
        copy[i] = at;
        at += length;
    }
    copy[n] = NULL;
    return copy;
}
