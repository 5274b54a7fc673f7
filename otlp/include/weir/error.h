/*
 * Error codes and error detail of every fallible call.
 *
 * A fallible call returns 0 or one of the negative codes below. Detail (which option, which file,
 * which byte) goes to an optional struct of the caller's; there is no thread-local "last error".
 *
 * Structs, here and in every header of weir's, and later releases:
 * - One that begins with `size` may get further members, at its end. Whoever makes it says there
 *   how far it goes (the macros WEIR_…(…) and WEIR_…_INIT do), and nobody reads or writes beyond:
 *   a program runs with a later release than the one it was built with. It is always handed over
 *   by a pointer, and no other struct holds it by value.
 * - One without `size` stays as it is, for as long as the library's soname.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define WEIR_API __attribute__((visibility("default")))
#define WEIR_WARN_UNUSED __attribute__((warn_unused_result))
#else
#define WEIR_API
#define WEIR_WARN_UNUSED
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum {
    WEIR_E_INVALID = -1,     /* an argument breaks its stated rule; a programming error */
    WEIR_E_NO_MEMORY = -2,   /* an allocation failed */
    WEIR_E_TOO_LARGE = -3,   /* over a stated bound */
    WEIR_E_SYNTAX = -4,      /* text or bytes from outside do not parse */
    WEIR_E_NOT_FOUND = -5,   /* no such file, run, or sequence id */
    WEIR_E_IO = -6,          /* the system refused; detail.os_error says why */
    WEIR_E_TIMEOUT = -7,     /* the deadline passed first */
    WEIR_E_UNSUPPORTED = -8, /* not built in (for instance HTTP in a build without it) */
    WEIR_E_CLOSED = -9       /* the object was closed or ended before */
};

/*
 * What went wrong, for people. Set .size = sizeof(struct weir_error_detail) (or use
 * WEIR_ERROR_DETAIL_INIT); the callee writes no further than that. Untouched on success. A pointer
 * to it may be NULL wherever it is taken.
 */
struct weir_error_detail {
    size_t size;
    int code;          /* WEIR_E_... */
    int os_error;      /* errno, or 0 */
    uint64_t position; /* byte offset in the text concerned, 0 if none */
    uint64_t line;     /* line number from 1 in the file concerned, 0 if none */
    char message[256]; /* one line, names the thing and the remedy, NUL-terminated UTF-8 */
};
typedef struct weir_error_detail weir_error_detail;
#define WEIR_ERROR_DETAIL_INIT                                                                     \
    {                                                                                              \
        sizeof(struct weir_error_detail), 0, 0, 0, 0, {                                            \
            0                                                                                      \
        }                                                                                          \
    }

/* A short constant text for a code, never NULL; "unknown error" for others. Any thread. */
WEIR_API const char *weir_strerror(int code);

#ifdef __cplusplus
}
#endif
