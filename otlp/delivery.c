#include "otlp/delivery.h"

#include <string.h>

#include <weir/error.h>

#include "otlp/bounds.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/deps/gzip.h"
#include "otlp/deps/zstd.h"

static const char *const PROTOCOLS[] = {
    [WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF] = "http/protobuf",
    [WEIR_OTLP_PROTOCOL_HTTP_JSON] = "http/json",
    [WEIR_OTLP_PROTOCOL_GRPC] = "grpc",
};

static const char *const COMPRESSIONS[] = {
    [WEIR_OTLP_COMPRESSION_NONE] = "none",
    [WEIR_OTLP_COMPRESSION_GZIP] = "gzip",
    [WEIR_OTLP_COMPRESSION_ZSTD] = "zstd",
};

static const char *const TLS_VERSIONS[] = {
    [WEIR_OTLP_TLS_1_2] = "1.2",
    [WEIR_OTLP_TLS_1_3] = "1.3",
};

/* ---- options that cannot be ---- */

/* Goes into a header: a line feed here would begin another one. */
static bool is_one_line(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return false;
        }
    }
    return true;
}

static int check_options(const weir_otlp_options *options, weir_error_detail *detail) {
    const char *fault = NULL;
    if ((unsigned)options->protocol >= ARRAY_LENGTH(PROTOCOLS)) {
        fault = "protocol: take one of the WEIR_OTLP_PROTOCOL_ values";
    } else if ((unsigned)options->compression >= ARRAY_LENGTH(COMPRESSIONS)) {
        fault = "compression: take one of the WEIR_OTLP_COMPRESSION_ values";
    } else if ((unsigned)options->min_tls_version >= ARRAY_LENGTH(TLS_VERSIONS)) {
        fault = "min_tls_version: take WEIR_OTLP_TLS_1_2 or WEIR_OTLP_TLS_1_3";
    } else if (options->user_agent != NULL && !is_one_line(options->user_agent)) {
        fault = "user_agent has a control character: write it as \"name/version\"";
    } else if (options->unix_socket != NULL && *options->unix_socket == '\0') {
        fault = "unix_socket is empty: write the path of the socket";
    }
    return fault == NULL ? 0 : error_set(detail, WEIR_E_INVALID, "%s", fault);
}

/* ---- compression ---- */

static bool is_built(weir_otlp_compression compression) {
    return (compression != WEIR_OTLP_COMPRESSION_GZIP || gzip_is_built()) &&
           (compression != WEIR_OTLP_COMPRESSION_ZSTD || zstd_is_built());
}

static int resolve_compression(const weir_otlp_options *options, const struct config_reader *reader,
                               struct delivery *delivery, weir_error_detail *detail) {
    unsigned given = options->compression;
    delivery->compression = CONFIG_ENUM(
        reader, .option = "compression", .is_given = given != 0, .given = given,
        .variables = {"OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION"},
        .names = COMPRESSIONS, .n_names = ARRAY_LENGTH(COMPRESSIONS),
        .otherwise = WEIR_OTLP_COMPRESSION_NONE);
    const char *name = COMPRESSIONS[delivery->compression];
    if (is_built(delivery->compression)) {
        return 0;
    }
    if (given != 0) {
        return error_set(detail, WEIR_E_UNSUPPORTED,
                         "compression: this libweir was built without %s: take another one, or "
                         "build with -D%s=enabled",
                         name, name);
    }
    logger_say(reader->logger, WEIR_LOG_WARN, LOG_CAUSE_CONFIG,
               "OTEL_EXPORTER_OTLP_COMPRESSION=%s: this libweir was built without it: sending "
               "without compression",
               name);
    config_note(reader, "compression", config_by_default(), "none");
    delivery->compression = WEIR_OTLP_COMPRESSION_NONE;
    return 0;
}

/* ---- TLS ---- */

static struct delivery_file file_of(const struct config_reader *reader, const char *option,
                                    const char *given, const char *traces_variable,
                                    const char *variable) {
    struct config_origin origin;
    struct delivery_file file;
    file.path = CONFIG_TEXT(reader, &origin, .option = option, .given = given,
                            .variables = {traces_variable, variable});
    file.source = origin.name != NULL ? origin.name : option;
    return file;
}

static int resolve_tls(const weir_otlp_options *options, const struct config_reader *reader,
                       struct delivery *delivery, weir_error_detail *detail) {
    delivery->ca =
        file_of(reader, "ca_file", options->ca_file, "OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE",
                "OTEL_EXPORTER_OTLP_CERTIFICATE");
    delivery->client_certificate = file_of(
        reader, "client_certificate_file", options->client_certificate_file,
        "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE", "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE");
    delivery->client_key =
        file_of(reader, "client_key_file", options->client_key_file,
                "OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "OTEL_EXPORTER_OTLP_CLIENT_KEY");
    delivery->min_tls_version =
        CONFIG_ENUM(reader, .option = "min_tls_version", .is_given = options->min_tls_version != 0,
                    .given = options->min_tls_version, .names = TLS_VERSIONS,
                    .n_names = ARRAY_LENGTH(TLS_VERSIONS), .otherwise = WEIR_OTLP_TLS_1_2);
    bool has_certificate = delivery->client_certificate.path != NULL;
    bool has_key = delivery->client_key.path != NULL;
    if (has_certificate == has_key) {
        return 0;
    }
    return error_set(detail, WEIR_E_INVALID, "%s needs %s beside it: set both, or none",
                     has_certificate ? delivery->client_certificate.source
                                     : delivery->client_key.source,
                     has_certificate ? "client_key_file (OTEL_EXPORTER_OTLP_CLIENT_KEY)"
                                     : "client_certificate_file "
                                       "(OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE)");
}

/* ---- the whole ---- */

static void resolve_protocol(const weir_otlp_options *options, const struct config_reader *reader,
                             struct delivery *delivery) {
    delivery->protocol = CONFIG_ENUM(
        reader, .option = "protocol", .is_given = options->protocol != 0,
        .given = options->protocol,
        .variables = {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"},
        .names = PROTOCOLS, .n_names = ARRAY_LENGTH(PROTOCOLS),
        .otherwise = WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF);
    if (delivery->protocol != WEIR_OTLP_PROTOCOL_GRPC) {
        return; /* B35: of no effect */
    }
    const char *variable = "OTEL_EXPORTER_OTLP_TRACES_INSECURE";
    if (config_variable(reader, variable) == NULL) {
        variable = "OTEL_EXPORTER_OTLP_INSECURE";
    }
    delivery->is_insecure =
        CONFIG_BOOL(reader, .option = "insecure", .is_given = options->has_insecure,
                    .given = options->insecure, .variable = variable);
}

static void resolve_rest(const weir_otlp_options *options, const struct config_reader *reader,
                         struct delivery *delivery) {
    delivery->proxy = CONFIG_TEXT(reader, NULL, .option = "proxy", .given = options->proxy,
                                  .privacy = CONFIG_URL);
    delivery->unix_socket =
        CONFIG_TEXT(reader, NULL, .option = "unix_socket", .given = options->unix_socket);
    delivery->product =
        CONFIG_TEXT(reader, NULL, .option = "user_agent", .given = options->user_agent);
    delivery->max_request_bytes = (size_t)CONFIG_U64(
        reader, .option = "max_request_bytes", .is_given = options->max_request_bytes != 0,
        .given = options->max_request_bytes, .otherwise = HTTP_MAX_REQUEST_BYTES,
        .most = HTTP_MOST_REQUEST_BYTES, .unit = "bytes");
    delivery->max_response_bytes = (size_t)CONFIG_U64(
        reader, .option = "max_response_bytes", .is_given = options->max_response_bytes != 0,
        .given = options->max_response_bytes, .otherwise = HTTP_MAX_RESPONSE_BYTES,
        .most = HTTP_MOST_RESPONSE_BYTES, .unit = "bytes");
}

int delivery_resolve(const weir_otlp_options *options, const struct config_reader *reader,
                     struct delivery *out, weir_error_detail *detail) {
    struct delivery delivery = {0};
    int error = check_options(options, detail);
    if (error == 0) {
        resolve_protocol(options, reader, &delivery);
        error = resolve_compression(options, reader, &delivery, detail);
    }
    if (error == 0) {
        error = resolve_tls(options, reader, &delivery, detail);
    }
    if (error != 0) {
        return error;
    }
    resolve_rest(options, reader, &delivery);
    *out = delivery;
    return 0;
}
