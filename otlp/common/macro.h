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
/* For what a hot function seldom calls: kept out of its way. */
#define COLD __attribute__((cold, noinline))
