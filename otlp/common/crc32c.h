/*
 * CRC-32C (Castagnoli), which tells bytes that were damaged from bytes as they were written. By the
 * processor's own instruction where it has one.
 *
 * Not for secrets, nor against somebody who wants to deceive.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of n_bytes behind what `crc` is the checksum of; 0 to begin. `bytes` may be NULL
 * when n_bytes is 0. Any thread.
 */
uint32_t crc32c(uint32_t crc, const void *bytes, size_t n_bytes);

/* The same without the instruction: what other processors use. */
uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t n_bytes);
