/*
 * Decoding a request that a stranger sent. For the program and the tests; not in libweir.
 *
 * Two steps. The scan reads the bytes in place, without recursion and without memory of its own:
 * it bounds nesting, checks wire types, that strings are UTF-8 and ids have their length, and
 * counts. What it lets through protobuf-c can unpack: plain protobuf-c recurses as deep as the
 * bytes say (34 kB overflow a thread's stack) and takes eighty times their size, so unpacking also
 * draws on memory with a bound.
 *
 * Stricter than protobuf in one point: a message field that is not repeated may stand only once.
 * Merging it, as protobuf would, takes quadratic time, and no encoder writes it twice.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

#include "otlp/proto/trace_service.pb-c.h"

struct decode_counts {
    uint64_t n_spans;
    uint64_t n_resources;
};

/*
 * Checks the bytes of an ExportTraceServiceRequest. 0, *counts filled (optional); or WEIR_E_SYNTAX,
 * or WEIR_E_TOO_LARGE (nested too deep); `detail` says what and at which byte.
 */
int decode_scan(const uint8_t *bytes, size_t n_bytes, struct decode_counts *counts,
                weir_error_detail *detail);

/* An unpacked request, with the memory it lies in. */
struct decoded;

/*
 * Scans and unpacks. *out is set last; free with decoded_free. It does not refer to `bytes`.
 * The errors of decode_scan; WEIR_E_TOO_LARGE also when it would take more than max_bytes of
 * memory; WEIR_E_NO_MEMORY.
 */
int decode_request(const uint8_t *bytes, size_t n_bytes, size_t max_bytes, struct decoded **out,
                   weir_error_detail *detail);

/* Valid as long as `decoded` is. */
const Otlp__ExportTraceServiceRequest *decoded_request(const struct decoded *decoded);

/* NULL is fine; returns NULL. */
struct decoded *decoded_free(struct decoded *decoded);
