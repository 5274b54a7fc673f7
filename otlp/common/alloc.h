/*
 * The one door to the heap, so that a build of the tests can count and fail allocations (they link
 * with --wrap=malloc and friends). Nothing else in the project calls malloc or free.
 */
#pragma once

#include <stddef.h>

/* Each returns NULL when memory is short. Size 0 gives a pointer that may be freed. Any thread. */
void *mem_alloc(size_t n_bytes);
void *mem_zalloc(size_t n_bytes);
/* Room for n items of n_bytes each; NULL also when the product overflows. Not cleared. */
void *mem_array(size_t n, size_t n_bytes);
/* On failure the old block stays as it was. NULL block: mem_alloc. */
void *mem_realloc(void *block, size_t n_bytes);
/* NULL is fine. */
void mem_free(void *block);

/* Copies with a NUL behind. NULL text gives NULL, without an error to tell it from a shortage. */
char *mem_strdup(const char *text);
char *mem_strndup(const char *text, size_t n_bytes);

/* For CLEANUP(mem_cleanup): frees what the pointer variable holds. */
void mem_cleanup(void *pointer_to_pointer);
