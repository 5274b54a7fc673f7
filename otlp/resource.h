/*
 * The resource of a pipeline: what its spans are about, encoded once (F1-F5, F9).
 *
 * From the lowest precedence to the highest: what the SDK knows of itself,
 * what detectors find, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME, attributes given in code, the
 * service name given in code.
 */
#pragma once

#include <weir/otlp.h>

#include "otlp/common/buf.h"
#include "otlp/config_read.h"

/*
 * Appends the field ResourceSpans.resource. WEIR_E_INVALID (an attribute, named in detail);
 * WEIR_E_TOO_LARGE (over RESOURCE_MAX_BYTES); WEIR_E_NO_MEMORY. A bad OTEL_RESOURCE_ATTRIBUTES is
 * warned of and left out as a whole (D22).
 */
int resource_encode(struct buf *out, const weir_otlp_options *options,
                    const struct config_reader *reader, weir_error_detail *detail);

/*
 * Appends the field ResourceSpans.schema_url: the option's, or the detectors' when some are asked
 * for. When both are there and differ there is none, and a warning (F8). WEIR_E_TOO_LARGE,
 * WEIR_E_NO_MEMORY.
 */
int resource_encode_url(struct buf *out, const weir_otlp_options *options,
                        const struct config_reader *reader, weir_error_detail *detail);
