/*
 * How a request is sent, on the command line: for the commands that have --protocol and
 * --compression.
 */
#pragma once

#include <stdbool.h>

#include <weir/otlp.h>

#define PROTOCOLS "http/protobuf, http/json or grpc"
#define COMPRESSIONS "none, gzip or zstd"

/* The two rows of a table of options; the settings have members of these names, of the types
 * weir_otlp_protocol and weir_otlp_compression. */
#define SENDING_OPTIONS(settings)                                                                  \
    {"protocol",                                                                                   \
     "NAME",                                                                                       \
     PROTOCOLS " (default: OTEL_EXPORTER_OTLP_PROTOCOL, else http/protobuf)",                      \
     OPTION_WORD,                                                                                  \
     offsetof(settings, protocol),                                                                 \
     .parse = sending_parse_protocol,                                                              \
     .expected = PROTOCOLS},                                                                       \
    {                                                                                              \
        "compression", "NAME",                                                                     \
            COMPRESSIONS " (default: OTEL_EXPORTER_OTLP_COMPRESSION, else none)", OPTION_WORD,     \
            offsetof(settings, compression), .parse = sending_parse_compression,                   \
                                             .expected = COMPRESSIONS                              \
    }

/* For .parse of an OPTION_WORD; `out` is a weir_otlp_protocol. */
bool sending_parse_protocol(const char *text, void *out);
/* `out` is a weir_otlp_compression. */
bool sending_parse_compression(const char *text, void *out);
