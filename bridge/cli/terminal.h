/*
 * What the terminal can do.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* True when fd is a terminal that understands cursor movement (TERM is not "dumb"). */
bool terminal_is_interactive(int fd);

/* True when it may also be sent colours: NO_COLOR is unset or empty. */
bool terminal_has_colour(int fd);

/* Columns of the terminal; 0 when fd is none. */
size_t terminal_columns(int fd);
