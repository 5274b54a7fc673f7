/*
 * The files that Burr's reference wrote in the recorded runs, laid out as a storage directory.
 */
#pragma once

#include <stddef.h>

/*
 * Writes <dir>/<scenario>/<app>/<file> for every recorded run; returns how many files. Aborts on a
 * recording that cannot be read.
 */
size_t recordings_unpack(const char *dir);
