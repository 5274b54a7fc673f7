/*
 * Hexadecimal digits of either case.
 */
#pragma once

/* 0 to 15, or -1. */
static inline int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* 0 to 255, or -1; the second character is read only if the first is a digit. */
static inline int hex_byte(const char *two) {
    int high = hex_digit(two[0]), low = high < 0 ? -1 : hex_digit(two[1]);
    return low < 0 ? -1 : high << 4 | low;
}

/* 0 to 65535, or -1, in the same way. */
static inline int hex_word(const char *four) {
    int high = hex_byte(four), low = high < 0 ? -1 : hex_byte(four + 2);
    return low < 0 ? -1 : high << 8 | low;
}
