#include <stdlib.h>
#include <string.h>

#include "otlp/bounds.h"
#include "otlp/common/macro.h"
#include "otlp/delivery.h"
#include "otlp/deps/gzip.h"
#include "otlp/deps/zstd.h"
#include "tests/support/expect.h"
#include "tests/support/log.h"

static struct kept_log said = KEPT_LOG_INIT;
static struct logger logger;
static struct config_report report;
static const struct config_reader reader = {.logger = &logger, .report = &report};

static void begin(void) {
    static const char *const names[] = {"PROTOCOL",    "COMPRESSION",        "INSECURE",
                                        "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        char name[80];
        snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_%s", names[i]);
        unsetenv(name);
        snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_TRACES_%s", names[i]);
        unsetenv(name);
    }
    kept_log_logger(&said, &logger);
}
static void end(void) {
    config_report_deinit(&report);
}
TestSuite(delivery, .init = begin, .fini = end);

#define OPTIONS(...) &WEIR_OTLP_OPTIONS(__VA_ARGS__)

static struct delivery resolved(const weir_otlp_options *options) {
    struct delivery delivery;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, delivery_resolve(options, &reader, &delivery, &detail), 0), "%s",
              detail.message);
    return delivery;
}

static void expect_refused(const weir_otlp_options *options, int error, const char *in_message) {
    struct delivery delivery = {.proxy = "untouched"};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(eq(int, delivery_resolve(options, &reader, &delivery, &detail), error));
    cr_expect(strstr(detail.message, in_message) != NULL, "\"%s\" is not in \"%s\"", in_message,
              detail.message);
    expect_text(delivery.proxy, "untouched");
}

static void expect_reported(const char *name, const char *value, const char *origin) {
    const struct config_line *line = config_report_find(&report, name);
    cr_assert(line != NULL, "%s", name);
    expect_text(line->value, value);
    expect_text(line->origin, origin);
}

Test(delivery, has_defaults) {
    struct delivery delivery = resolved(OPTIONS(.service_name = "s"));
    cr_expect(eq(int, delivery.protocol, WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF)); /* D18 */
    cr_expect(eq(int, delivery.compression, WEIR_OTLP_COMPRESSION_NONE));    /* D16 */
    cr_expect(eq(int, delivery.min_tls_version, WEIR_OTLP_TLS_1_2));
    cr_expect(eq(sz, delivery.max_request_bytes, 67108864)); /* D19 */
    cr_expect(eq(sz, delivery.max_response_bytes, 4194304));
    cr_expect(delivery.ca.path == NULL && delivery.client_certificate.path == NULL &&
              delivery.client_key.path == NULL && delivery.proxy == NULL &&
              delivery.unix_socket == NULL && delivery.product == NULL);
    expect_reported("protocol", "http/protobuf", "");
    expect_reported("compression", "none", "");
}

Test(delivery, variables_for_traces_beat_the_general_ones_and_options_both) {
    setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", 1);
    cr_expect(eq(int, resolved(OPTIONS(.service_name = "s")).protocol, WEIR_OTLP_PROTOCOL_GRPC));
    setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "HTTP/json", 1); /* D8, D10 */
    cr_expect(
        eq(int, resolved(OPTIONS(.service_name = "s")).protocol, WEIR_OTLP_PROTOCOL_HTTP_JSON));
    expect_reported("protocol", "http/json", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL");
    cr_expect(eq(int, resolved(OPTIONS(.protocol = WEIR_OTLP_PROTOCOL_GRPC)).protocol,
                 WEIR_OTLP_PROTOCOL_GRPC));
    setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip", 1);
    cr_expect(eq(int, resolved(OPTIONS(.compression = WEIR_OTLP_COMPRESSION_NONE)).compression,
                 WEIR_OTLP_COMPRESSION_NONE));
    struct delivery delivery = resolved(OPTIONS(.service_name = "s"));
    cr_expect(eq(int, delivery.compression,
                 gzip_is_built() ? WEIR_OTLP_COMPRESSION_GZIP : WEIR_OTLP_COMPRESSION_NONE));
    setenv("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none", 1);
    cr_expect(eq(int, resolved(OPTIONS(.service_name = "s")).compression,
                 WEIR_OTLP_COMPRESSION_NONE)); /* D9 */
    cr_expect(eq(uint, said.n, gzip_is_built() ? 0 : 1), "%s", said.text);
}

Test(delivery, unknown_words_are_shown_and_ignored) {
    setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon", 1);
    setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli", 1);
    struct delivery delivery = resolved(OPTIONS(.service_name = "s"));
    cr_expect(eq(int, delivery.protocol, WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF)); /* D8 */
    cr_expect(eq(int, delivery.compression, WEIR_OTLP_COMPRESSION_NONE));
    cr_expect(eq(uint, said.n, 2));
    cr_expect(strstr(said.text, "carrier-pigeon") != NULL);
    cr_expect(strstr(said.text, "brotli") != NULL);
}

Test(delivery, what_is_not_built_is_an_error_in_code_and_a_warning_in_a_variable) {
    static const struct {
        weir_otlp_compression compression;
        const char *name;
    } rows[] = {{WEIR_OTLP_COMPRESSION_GZIP, "gzip"}, {WEIR_OTLP_COMPRESSION_ZSTD, "zstd"}};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        bool is_built = i == 0 ? gzip_is_built() : zstd_is_built();
        setenv("OTEL_EXPORTER_OTLP_COMPRESSION", rows[i].name, 1);
        struct delivery delivery = resolved(OPTIONS(.service_name = "s"));
        if (is_built) {
            cr_expect(eq(int, delivery.compression, rows[i].compression));
            cr_expect(eq(int, resolved(OPTIONS(.compression = rows[i].compression)).compression,
                         rows[i].compression));
        } else {
            cr_expect(eq(int, delivery.compression, WEIR_OTLP_COMPRESSION_NONE));
            cr_expect(strstr(said.text, "built without it") != NULL, "%s", said.text);
            expect_reported("compression", "none", "");
            expect_refused(OPTIONS(.compression = rows[i].compression), WEIR_E_UNSUPPORTED,
                           rows[i].name);
        }
    }
}

Test(delivery, certificates_come_from_options_and_variables) {
    setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem", 1); /* D13 */
    setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/cert.pem", 1);
    setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem", 1); /* D14 */
    struct delivery delivery = resolved(OPTIONS(.service_name = "s"));
    expect_text(delivery.ca.path, "/ca.pem");
    expect_text(delivery.ca.source, "OTEL_EXPORTER_OTLP_CERTIFICATE");
    expect_text(delivery.client_certificate.path, "/cert.pem");
    expect_text(delivery.client_key.path, "/key.pem");
    setenv("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", "/traces.pem", 1);
    setenv("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/traces.key", 1);
    delivery = resolved(OPTIONS(.ca_file = NULL));
    expect_text(delivery.ca.path, "/traces.pem");
    expect_text(delivery.client_key.path, "/traces.key");
    delivery = resolved(OPTIONS(.ca_file = "/own.pem", .min_tls_version = WEIR_OTLP_TLS_1_3));
    expect_text(delivery.ca.path, "/own.pem");
    expect_text(delivery.ca.source, "ca_file");
    cr_expect(eq(int, delivery.min_tls_version, WEIR_OTLP_TLS_1_3));
    expect_reported("min_tls_version", "1.3", "min_tls_version");
}

Test(delivery, a_certificate_needs_its_key) {
    expect_refused(OPTIONS(.client_certificate_file = "/c"), WEIR_E_INVALID,
                   "client_certificate_file needs client_key_file");
    setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k", 1);
    expect_refused(OPTIONS(.service_name = "s"), WEIR_E_INVALID,
                   "OTEL_EXPORTER_OTLP_CLIENT_KEY needs client_certificate_file");
}

Test(delivery, the_environment_may_speak_of_another_pipeline) {
    const struct config_reader code_only = {.logger = &logger, .is_code_only = true};
    struct delivery delivery;
    setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", 1);
    setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem", 1);
    setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k", 1);
    cr_assert(
        eq(int, delivery_resolve(OPTIONS(.service_name = "s"), &code_only, &delivery, NULL), 0));
    cr_expect(eq(int, delivery.protocol, WEIR_OTLP_PROTOCOL_HTTP_PROTOBUF));
    cr_expect(delivery.ca.path == NULL && delivery.client_key.path == NULL);
}

Test(delivery, takes_bounds_up_to_a_gibibyte) {
    struct delivery delivery =
        resolved(OPTIONS(.max_request_bytes = 1000, .max_response_bytes = SIZE_MAX));
    cr_expect(eq(sz, delivery.max_request_bytes, 1000));
    cr_expect(eq(sz, delivery.max_response_bytes, 1 << 30));
}

Test(delivery, refuses_options_that_cannot_be) {
    expect_refused(OPTIONS(.protocol = (weir_otlp_protocol)4), WEIR_E_INVALID, "protocol:");
    expect_refused(OPTIONS(.compression = (weir_otlp_compression)4), WEIR_E_INVALID,
                   "compression:");
    expect_refused(OPTIONS(.min_tls_version = (weir_otlp_tls_version)3), WEIR_E_INVALID,
                   "min_tls_version:");
    expect_refused(OPTIONS(.user_agent = "a\r\nb: c"), WEIR_E_INVALID, "user_agent");
    expect_refused(OPTIONS(.unix_socket = ""), WEIR_E_INVALID, "unix_socket");
}

Test(delivery, reports_no_password_of_a_proxy) {
    struct delivery delivery = resolved(OPTIONS(.proxy = "http://u:secret@proxy:3128"));
    expect_text(delivery.proxy, "http://u:secret@proxy:3128");
    const struct config_line *line = config_report_find(&report, "proxy");
    cr_assert(line != NULL);
    cr_expect(strstr(line->value, "secret") == NULL, "%s", line->value);
    cr_expect(strstr(line->value, "proxy:3128") != NULL, "%s", line->value);
}
