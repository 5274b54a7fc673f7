#include <stdlib.h>
#include <string.h>

#include "otlp/common/macro.h"
#include "otlp/endpoint.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/log.h"

static struct kept_log said = KEPT_LOG_INIT;
static struct logger logger;
static const struct config_reader reader = {.logger = &logger};

static void begin(void) {
    static const char *const names[] = {"ENDPOINT",    "HEADERS",           "PROTOCOL",
                                        "COMPRESSION", "CERTIFICATE",       "INSECURE",
                                        "CLIENT_KEY",  "CLIENT_CERTIFICATE"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        char name[80];
        snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_%s", names[i]);
        unsetenv(name);
        snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_TRACES_%s", names[i]);
        unsetenv(name);
    }
    kept_log_logger(&said, &logger);
}
TestSuite(endpoint, .init = begin);

static void expect_url(const weir_otlp_options *options, const char *wanted) {
    struct endpoint endpoint;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, endpoint_resolve(options, &reader, &endpoint, &detail), 0), "%s",
              detail.message);
    expect_text(endpoint.url, wanted);
    endpoint_deinit(&endpoint);
}

static void expect_refused(const weir_otlp_options *options, const char *in_message) {
    struct endpoint endpoint;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(eq(int, endpoint_resolve(options, &reader, &endpoint, &detail), WEIR_E_INVALID));
    cr_expect(strstr(detail.message, in_message) != NULL, "\"%s\" is not in \"%s\"", in_message,
              detail.message);
}

#define OPTIONS(...) &WEIR_OTLP_OPTIONS(__VA_ARGS__)

Test(endpoint, a_base_gets_the_path_of_traces) {
    static const struct {
        const char *base, *url;
    } rows[] = {
        {"http://h:4318", "http://h:4318/v1/traces"},
        {"http://h:4318/", "http://h:4318/v1/traces"},
        {"http://h:4318/my", "http://h:4318/my/v1/traces"},
        {"http://h:4318/my/", "http://h:4318/my/v1/traces"},
        {"http://h", "http://h/v1/traces"}, /* 80, never 4318 (B38) */
        {"HTTPS://h.example", "HTTPS://h.example/v1/traces"},
        {"http://[::1]:4318", "http://[::1]:4318/v1/traces"},
        {"http://127.0.0.1:1", "http://127.0.0.1:1/v1/traces"},
        {"http://h:65535/a?token=x#part", "http://h:65535/a/v1/traces?token=x"},
        {"http://h?token=x", "http://h/v1/traces?token=x"},
        {"http://u:p%40@h:1/a/", "http://u:p%40@h:1/a/v1/traces"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        expect_url(OPTIONS(.endpoint = rows[i].base), rows[i].url);
        setenv("OTEL_EXPORTER_OTLP_ENDPOINT", rows[i].base, 1);
        expect_url(OPTIONS(.service_name = "s"), rows[i].url);
    }
}

Test(endpoint, a_url_for_traces_is_used_as_it_is) {
    static const struct {
        const char *given, *url;
    } rows[] = {
        {"http://h:4318", "http://h:4318/"}, /* never /v1/traces (B36) */
        {"http://h:4318/", "http://h:4318/"},     {"http://h:4318/in/", "http://h:4318/in/"},
        {"http://h:4318/in", "http://h:4318/in"}, {"http://h:4318?x=1", "http://h:4318/?x=1"},
        {"https://h/in?x=1", "https://h/in?x=1"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        expect_url(OPTIONS(.traces_endpoint = rows[i].given), rows[i].url);
        setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", rows[i].given, 1);
        expect_url(OPTIONS(.service_name = "s"), rows[i].url);
    }
}

Test(endpoint, option_beats_environment_beats_default) {
    expect_url(OPTIONS(.service_name = "s"), "http://localhost:4318/v1/traces");
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "", 1); /* empty is unset (D2) */
    expect_url(OPTIONS(.service_name = "s"), "http://localhost:4318/v1/traces");
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://env", 1);
    expect_url(OPTIONS(.service_name = "s"), "http://env/v1/traces");
    setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://env-traces", 1);
    expect_url(OPTIONS(.service_name = "s"), "http://env-traces/");
    expect_url(OPTIONS(.endpoint = "http://option"), "http://option/v1/traces");
    expect_url(OPTIONS(.endpoint = "http://option", .traces_endpoint = "http://traces/x"),
               "http://traces/x");
}

Test(endpoint, a_bad_url_is_refused_by_name_and_with_the_remedy) {
    expect_refused(OPTIONS(.endpoint = ""), "endpoint \"\" is empty");
    expect_refused(OPTIONS(.endpoint = "localhost:4318"), "must begin with http://");
    expect_refused(OPTIONS(.endpoint = "grpc://h:4317"), "must begin with http://");
    expect_refused(OPTIONS(.endpoint = "file:///etc/passwd"), "must begin with http://");
    expect_refused(OPTIONS(.endpoint = " http://h"), "space");
    expect_refused(OPTIONS(.endpoint = "http://h/a b"), "space");
    expect_refused(OPTIONS(.endpoint = "http://h/\n"), "control");
    expect_refused(OPTIONS(.endpoint = "http://"), "no valid host");
    expect_refused(OPTIONS(.endpoint = "http:///path"), "no valid host");
    expect_refused(OPTIONS(.endpoint = "http://:4318"), "no valid host");
    expect_refused(OPTIONS(.endpoint = "http://[::1"), "no valid host");
    expect_refused(OPTIONS(.endpoint = "http://[]:1"), "no valid host");
    expect_refused(OPTIONS(.endpoint = "http://[host]:1"), "no valid host");
    expect_refused(OPTIONS(.endpoint = "http://a<b"), "no valid host");
    expect_refused(OPTIONS(.endpoint = "http://h:"), "no valid port");
    expect_refused(OPTIONS(.endpoint = "http://h:0"), "no valid port");
    expect_refused(OPTIONS(.endpoint = "http://h:65536"), "no valid port");
    expect_refused(OPTIONS(.endpoint = "http://h:4318x"), "no valid port");
    expect_refused(OPTIONS(.endpoint = "http://h:99999999999999999999"), "no valid port");
    expect_refused(OPTIONS(.endpoint = "http://[::1]4318"), "no valid port");
    expect_refused(OPTIONS(.traces_endpoint = "nonsense"), "traces_endpoint \"nonsense\"");
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "nonsense", 1);
    expect_refused(OPTIONS(.service_name = "s"), "OTEL_EXPORTER_OTLP_ENDPOINT \"nonsense\"");
}

Test(endpoint, a_url_over_the_bound_is_refused) {
    char *url = malloc(20000);
    memset(url, 'a', 19999);
    memcpy(url, "http://h/", 9);
    url[19999] = '\0';
    expect_refused(OPTIONS(.endpoint = url), "too long");
    free(url);
}

Test(endpoint, messages_show_no_secret) {
    struct endpoint endpoint;
    cr_assert(eq(
        int,
        endpoint_resolve(OPTIONS(.endpoint = "http://u:pw@h:1/a?key=pw"), &reader, &endpoint, NULL),
        0));
    expect_text(endpoint.shown, "http://h:1/a/v1/traces");
    endpoint_deinit(&endpoint);
    expect_refused(OPTIONS(.endpoint = "http://u:pw@h:x/?key=pw"), "\"http://h:x/\"");
    expect_refused(OPTIONS(.endpoint = "u:pw@h:1"), "\"h:1\"");
    expect_refused(OPTIONS(.endpoint = "http://u:p/w@h/p?q"), "\"http://h/p\"");
    expect_refused(OPTIONS(.endpoint = "http://u:p?w@h/p"), "\"http://\"");
    expect_refused(OPTIONS(.endpoint = "http://u:p#w@h/p"), "\"http://\"");
}

Test(endpoint, headers_of_options_beat_those_of_the_environment_by_name) {
    setenv("OTEL_EXPORTER_OTLP_HEADERS", "a=general,z=general", 1);
    setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=traces,b=traces", 1);
    const char *const lines[] = {"B: option", NULL};
    struct endpoint endpoint;
    cr_assert(eq(int, endpoint_resolve(OPTIONS(.headers = lines), &reader, &endpoint, NULL), 0));
    cr_assert(eq(sz, endpoint.headers.n, 2)); /* z: the variable for traces replaces the other */
    expect_text(endpoint.headers.lines[0], "a: traces");
    expect_text(endpoint.headers.lines[1], "B: option");
    endpoint_deinit(&endpoint);
}

Test(endpoint, a_bad_header_option_is_refused) {
    const char *const lines[] = {"no colon", NULL};
    expect_refused(OPTIONS(.headers = lines), "headers[0]");
}

/* ---- gRPC ---- */

#define GRPC_OPTIONS(...) OPTIONS(.protocol = WEIR_OTLP_PROTOCOL_GRPC, __VA_ARGS__)
#define SERVICE "/opentelemetry.proto.collector.trace.v1.TraceService/Export"

Test(endpoint, grpc_has_its_own_default_and_path) {
    expect_url(GRPC_OPTIONS(.service_name = "s"), "http://localhost:4317" SERVICE); /* C25, D11 */
    expect_url(GRPC_OPTIONS(.endpoint = "http://h:1"), "http://h:1" SERVICE);
    expect_url(GRPC_OPTIONS(.endpoint = "https://h/"), "https://h" SERVICE);
    expect_url(GRPC_OPTIONS(.traces_endpoint = "http://[::1]:1"), "http://[::1]:1" SERVICE);
    cr_expect(eq(uint, said.n, 0), "%s", said.text);
    expect_url(GRPC_OPTIONS(.endpoint = "http://u:pw@h:1/v1/traces?a"), "http://u:pw@h:1" SERVICE);
    cr_expect(strstr(said.text, "endpoint: gRPC makes no use of the path") != NULL, "%s",
              said.text);
    setenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "GRPC", 1);
    expect_url(OPTIONS(.service_name = "s"), "http://localhost:4317" SERVICE);
}

Test(endpoint, an_endpoint_without_scheme_has_tls_unless_insecure) {
    expect_url(GRPC_OPTIONS(.endpoint = "h:4317"), "https://h:4317" SERVICE); /* D12 */
    expect_url(GRPC_OPTIONS(.endpoint = "dns:///h:4317"), "https://h:4317" SERVICE);
    setenv("OTEL_EXPORTER_OTLP_INSECURE", "true", 1);
    expect_url(GRPC_OPTIONS(.endpoint = "h:4317"), "http://h:4317" SERVICE);
    expect_url(GRPC_OPTIONS(.endpoint = "dns:///h"), "http://h" SERVICE);
    expect_url(GRPC_OPTIONS(.endpoint = "https://h:1"), "https://h:1" SERVICE); /* C25 */
    setenv("OTEL_EXPORTER_OTLP_TRACES_INSECURE", "false", 1);
    expect_url(GRPC_OPTIONS(.endpoint = "h:4317"), "https://h:4317" SERVICE); /* D10 */
    expect_url(GRPC_OPTIONS(.endpoint = "h:1", .has_insecure = true, .insecure = true),
               "http://h:1" SERVICE);
    expect_refused(OPTIONS(.endpoint = "h:4318"), "must begin with http://"); /* B35 */
    expect_url(OPTIONS(.endpoint = "https://h", .has_insecure = true, .insecure = true),
               "https://h/v1/traces");
    expect_url(OPTIONS(.endpoint = "http://h", .has_insecure = true), "http://h/v1/traces");
}

Test(endpoint, grpc_refuses_what_it_cannot_reach) {
    expect_refused(GRPC_OPTIONS(.endpoint = ""), "endpoint \"\" is empty");
    expect_refused(GRPC_OPTIONS(.endpoint = "h:x"), "\"h:x\" has no valid port");
    expect_refused(GRPC_OPTIONS(.endpoint = "xds:///h"), "must begin with http://");
    expect_refused(GRPC_OPTIONS(.endpoint = "u:pw@h:x"), "\"h:x\"");
    expect_refused(GRPC_OPTIONS(.endpoint = "unix:"), "has no path");
}

Test(endpoint, grpc_reaches_unix_sockets_by_its_own_names) {
    static const char *const urls[] = {"unix:///run/c.sock", "unix:/run/c.sock"};
    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
        struct endpoint endpoint;
        cr_assert(eq(
            int, endpoint_resolve(GRPC_OPTIONS(.endpoint = urls[i]), &reader, &endpoint, NULL), 0));
        expect_text(endpoint.unix_socket, "/run/c.sock");
        expect_text(endpoint.url, "http://localhost" SERVICE);
        expect_text(endpoint.shown, urls[i]);
        endpoint_deinit(&endpoint);
    }
}

Test(endpoint, messages_of_grpc_show_no_secret) {
    struct endpoint endpoint;
    cr_assert(eq(
        int, endpoint_resolve(GRPC_OPTIONS(.endpoint = "u:pw@h:1"), &reader, &endpoint, NULL), 0));
    expect_text(endpoint.url, "https://u:pw@h:1" SERVICE);
    expect_text(endpoint.shown, "https://h:1");
    cr_expect(eq(int, endpoint.is_tls_guess, true));
    endpoint_deinit(&endpoint);
}

Test(endpoint, headers_become_metadata) {
    const char *const lines[] = {"Authorization: Bearer x", "Key-BIN: a\x01", NULL};
    struct endpoint endpoint;
    setenv("OTEL_EXPORTER_OTLP_HEADERS", "Team=a%20b,grpc-timeout=1S,te=x,caf=%C3%A9,c-bin=%C3%A9",
           1);
    cr_assert(
        eq(int, endpoint_resolve(GRPC_OPTIONS(.headers = lines), &reader, &endpoint, NULL), 0));
    cr_assert(eq(sz, endpoint.headers.n, 4)); /* C12 */
    expect_text(endpoint.headers.lines[0], "team: a b");
    expect_text(endpoint.headers.lines[1], "c-bin: w6k=");
    expect_text(endpoint.headers.lines[2], "authorization: Bearer x");
    expect_text(endpoint.headers.lines[3], "key-bin: YQE=");
    endpoint_deinit(&endpoint);
    cr_expect(eq(uint, said.n, 3), "%s", said.text);
    cr_expect(strstr(said.text, "grpc-timeout is left out: gRPC keeps this name") != NULL);
    cr_expect(strstr(said.text, "header te is left out") != NULL);
    cr_expect(strstr(said.text, "caf is left out: in gRPC a value that is not ASCII") != NULL);
    const char *const reserved[] = {"Grpc-Encoding: x", NULL};
    expect_refused(GRPC_OPTIONS(.headers = reserved), "headers[0] (Grpc-Encoding): gRPC keeps");
}

Test(endpoint, grpc_survives_failing_allocation_at_every_step) {
    static const char *const urls[] = {"h:1", "unix:/x"};
    const char *const lines[] = {"a-bin: 1", NULL};
    for (size_t i = 0; i < ARRAY_LENGTH(urls); i++) {
        FAULT_FOR_EACH_ALLOCATION(n) {
            struct endpoint endpoint;
            int error = endpoint_resolve(GRPC_OPTIONS(.endpoint = urls[i], .headers = lines),
                                         &reader, &endpoint, NULL);
            cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
            if (error == 0) {
                endpoint_deinit(&endpoint);
            }
        }
    }
}

static void expect_server(const weir_otlp_options *options, const char *wanted, unsigned port) {
    struct endpoint endpoint;
    char address[16];
    cr_assert(eq(int, endpoint_resolve(options, &reader, &endpoint, NULL), 0));
    cr_expect(eq(u32, endpoint_server(&endpoint, address, sizeof address), port));
    expect_text(address, wanted);
    endpoint_deinit(&endpoint);
}

Test(endpoint, metrics_are_told_whom_it_is_sent_to) { /* (H6) */
    expect_server(OPTIONS(.endpoint = "http://user:pw@h.example:4318/a"), "h.example", 4318);
    expect_server(OPTIONS(.endpoint = "http://h"), "h", 80);
    expect_server(OPTIONS(.endpoint = "HTTPS://h?q"), "h", 443);
    expect_server(OPTIONS(.endpoint = "http://[::1]:9/"), "::1", 9);
    expect_server(OPTIONS(.endpoint = "https://[fe80::1]"), "fe80::1", 443);
    expect_server(OPTIONS(.endpoint = "http://127.0.0.1:65535"), "127.0.0.1", 65535);
    expect_server(OPTIONS(.endpoint = "http://fifteen-letters:1"), "fifteen-letters", 1);
    expect_server(OPTIONS(.endpoint = "http://sixteen-letters-:1"), "", 1);
    expect_server(OPTIONS(.endpoint = "http://h:1", .unix_socket = "/run/c.sock"), "/run/c.sock",
                  0);
    expect_server(OPTIONS(.protocol = WEIR_OTLP_PROTOCOL_GRPC, .endpoint = "h:7"), "h", 7);
    expect_server(OPTIONS(.protocol = WEIR_OTLP_PROTOCOL_GRPC, .endpoint = "unix:///s"), "/s", 0);
}

Test(endpoint, survives_failing_allocation_at_every_step) {
    const char *const lines[] = {"a: 1", NULL};
    setenv("OTEL_EXPORTER_OTLP_HEADERS", "b=2", 1);
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct endpoint endpoint;
        int error = endpoint_resolve(OPTIONS(.headers = lines), &reader, &endpoint, NULL);
        cr_assert(eq(int, error, fault_has_struck() ? WEIR_E_NO_MEMORY : 0));
        if (error == 0) {
            endpoint_deinit(&endpoint);
        }
    }
}
