#include "otlp/decode.h"

#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/deps/protobuf.h"

struct decoded {
    struct protobuf_arena arena;
    const Otlp__ExportTraceServiceRequest *request;
};

static void free_decoded(struct decoded **decoded) {
    decoded_free(*decoded);
}

static int explain(int error, weir_error_detail *detail) {
    switch (error) {
    case WEIR_E_TOO_LARGE:
        return error_set(detail, error, "the request takes too much memory unpacked");
    case WEIR_E_NO_MEMORY: return error_set(detail, error, "no memory to unpack the request");
    default: return error_set(detail, error, "the request is no protobuf");
    }
}

int decode_request(const uint8_t *bytes, size_t n_bytes, size_t max_bytes, struct decoded **out,
                   weir_error_detail *detail) {
    int error = decode_scan(bytes, n_bytes, NULL, detail);
    if (error != 0) {
        return error;
    }
    CLEANUP(free_decoded) struct decoded *decoded = mem_zalloc(sizeof(*decoded));
    if (decoded == NULL) {
        return explain(WEIR_E_NO_MEMORY, detail);
    }
    protobuf_arena_init(&decoded->arena, max_bytes);
    ProtobufCMessage *message = NULL;
    error = protobuf_unpack(&otlp__export_trace_service_request__descriptor, bytes, n_bytes,
                            &decoded->arena, &message);
    if (error != 0) {
        return explain(error, detail);
    }
    decoded->request = (const Otlp__ExportTraceServiceRequest *)message;
    *out = decoded;
    decoded = NULL;
    return 0;
}

const Otlp__ExportTraceServiceRequest *decoded_request(const struct decoded *decoded) {
    return decoded->request;
}

struct decoded *decoded_free(struct decoded *decoded) {
    if (decoded != NULL) {
        protobuf_arena_deinit(&decoded->arena);
        mem_free(decoded);
    }
    return NULL;
}
