/*
 * A fuzz target is one function in the form of libFuzzer, with a corpus to start from. driver.c
 * makes an ordinary test of it: every file of the corpus, whole, cut, and changed at random from a
 * fixed seed. run_libfuzzer.sh searches for real.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Takes any bytes; aborts when a promise is broken. Always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)
