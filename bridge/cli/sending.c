#include "bridge/cli/sending.h"

#include <string.h>

#include "otlp/common/macro.h"

/* The place of the text among names that begin at 1. */
static bool parse_name(const char *text, const char *const *names, unsigned n_names,
                       unsigned *out) {
    for (unsigned i = 1; i < n_names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool sending_parse_protocol(const char *text, void *out) {
    static const char *const names[] = {[WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF] = "http/protobuf",
                                        [WEIR_OTLP_PROTOCOL_HTTP_JSON] = "http/json",
                                        [WEIR_OTLP_PROTOCOL_GRPC] = "grpc"};
    unsigned place = 0;
    bool is_known = parse_name(text, names, ARRAY_LENGTH(names), &place);
    *(weir_otlp_protocol *)out = (weir_otlp_protocol)place;
    return is_known;
}

bool sending_parse_compression(const char *text, void *out) {
    static const char *const names[] = {[WEIR_OTLP_COMPRESSION_NONE] = "none",
                                        [WEIR_OTLP_COMPRESSION_GZIP] = "gzip",
                                        [WEIR_OTLP_COMPRESSION_ZSTD] = "zstd"};
    unsigned place = 0;
    bool is_known = parse_name(text, names, ARRAY_LENGTH(names), &place);
    *(weir_otlp_compression *)out = (weir_otlp_compression)place;
    return is_known;
}
