/*
 * Filling the caller's weir_error_detail.
 */
#pragma once

#include <weir/error.h>

#include "otlp/common/macro.h"

/* Fills *detail (optional) with a one-line message and returns code, so that `return error_set(…)`
 * reads well. */
int error_set(weir_error_detail *detail, int code, const char *format, ...) PRINTF_FORMAT(3, 4);

/* The same for a refusal of the system: os_error is kept, and ": <its text>" is put behind the
 * message. */
int error_set_os(weir_error_detail *detail, int code, int os_error, const char *format, ...)
    PRINTF_FORMAT(4, 5);

/* The same with the place in the text or file: byte offset, and line from 1 (0: none). */
int error_set_at(weir_error_detail *detail, int code, uint64_t position, uint64_t line,
                 const char *format, ...) PRINTF_FORMAT(5, 6);
