/*
 * Locales for tests of independence from them, made on the spot: none but C need be installed.
 */
#pragma once

#include <stdbool.h>

/*
 * Sets the process's locale to `name` ("de_DE": comma as decimal point; "ps_AF": one of two bytes).
 * False when it cannot be made (Debian's package locales is missing).
 */
bool locale_enter(const char *name);
