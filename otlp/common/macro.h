/*
 * Small things that every file may use.
 */
#pragma once

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Calls fn(&variable) when the variable leaves its scope. */
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define PRINTF_FORMAT(nth, first) __attribute__((format(printf, nth, first)))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
/*
 * A small thread-local variable of a hot function. In a shared library the usual model calls into
 * the dynamic linker for each use (measured: 4 ns, three times for a span); this one takes a few
 * bytes of the room that glibc keeps for libraries loaded later.
 */
#define THREAD_LOCAL_HOT _Thread_local __attribute__((tls_model("initial-exec")))
/* For what a hot function seldom calls: kept out of its way. */
#define COLD __attribute__((cold, noinline))
