/*
 * What every receiver does with a whole, unpacked request: check it, and hand it to the sink.
 */
#pragma once

#include "bridge/server/receiver.h"

/*
 * Scans an ExportTraceServiceRequest in protobuf and gives it to the sink of the options. 0, and
 * *n_spans set; else the error that receiver_sink describes, `detail` filled.
 */
int take_request(const struct receiver_options *options, const uint8_t *bytes, size_t n_bytes,
                 uint64_t *n_spans, weir_error_detail *detail);

/* The same for a request in JSON. */
int take_json_request(const struct receiver_options *options, const uint8_t *bytes, size_t n_bytes,
                      uint64_t *n_spans, weir_error_detail *detail);
