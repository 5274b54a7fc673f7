/*
 * The HTTP and gRPC transports of a build without libcurl.
 */
#include "otlp/common/error.h"
#include "otlp/transport.h"

static int refuse(const struct endpoint *endpoint, weir_error_detail *detail) {
    return error_set(detail, WEIR_E_UNSUPPORTED,
                     "%.100s cannot be used: this libweir was built without HTTP; set output_path, "
                     "or build with -Dhttp=enabled",
                     endpoint->shown);
}

int transport_http_open(const struct endpoint *endpoint, weir_transport *out,
                        weir_error_detail *detail) {
    (void)out;
    return refuse(endpoint, detail);
}

int transport_grpc_open(const struct endpoint *endpoint, weir_transport *out,
                        weir_error_detail *detail) {
    (void)out;
    return refuse(endpoint, detail);
}
