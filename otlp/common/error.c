#include "otlp/common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "otlp/common/options.h"
#include "otlp/common/utf8.h"

const char *weir_strerror(int code) {
    switch (code) {
    case 0: return "success";
    case WEIR_E_INVALID: return "invalid argument";
    case WEIR_E_NO_MEMORY: return "out of memory";
    case WEIR_E_TOO_LARGE: return "over a bound";
    case WEIR_E_SYNTAX: return "syntax error";
    case WEIR_E_NOT_FOUND: return "not found";
    case WEIR_E_IO: return "input/output error";
    case WEIR_E_TIMEOUT: return "timed out";
    case WEIR_E_UNSUPPORTED: return "not built in";
    case WEIR_E_CLOSED: return "closed before";
    default: return "unknown error";
    }
}

/* Fills the caller's struct as far as it goes. */
static void fill(weir_error_detail *detail, weir_error_detail own, const char *format,
                 va_list arguments) {
    if (detail == NULL) {
        return;
    }
    vsnprintf(own.message, sizeof own.message, format, arguments);
    size_t n = strlen(own.message);
    if (own.os_error != 0 && n < sizeof own.message) {
        char text[96] = "";
        const char *said =
            strerror_r(own.os_error, text, sizeof text); /* GNU form: may point elsewhere */
        snprintf(own.message + n, sizeof own.message - n, ": %s", said);
    }
    utf8_make_line(own.message); /* names and texts of peers and users are in it */
    options_write(detail, &own, sizeof own);
}

int error_set(weir_error_detail *detail, int code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(detail, (weir_error_detail){.code = code}, format, arguments);
    va_end(arguments);
    return code;
}

int error_set_os(weir_error_detail *detail, int code, int os_error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(detail, (weir_error_detail){.code = code, .os_error = os_error}, format, arguments);
    va_end(arguments);
    return code;
}

int error_set_at(weir_error_detail *detail, int code, uint64_t position, uint64_t line,
                 const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fill(detail, (weir_error_detail){.code = code, .position = position, .line = line}, format,
         arguments);
    va_end(arguments);
    return code;
}
