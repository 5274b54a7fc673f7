#include <stdlib.h>
#include <string.h>

#include "otlp/transport.h"
#include "tests/support/expect.h"
#include "tests/support/log.h"
#include "tests/support/script.h"
#include "tests/support/temp.h"
#include "otlp/common/macro.h"

static struct kept_log said = KEPT_LOG_INIT;
static struct logger logger;
static const struct config_reader reader = {.logger = &logger};

static void begin(void) {
    kept_log_logger(&said, &logger);
    unsetenv("OTEL_TRACES_EXPORTER");
    unsetenv("OTEL_EXPORTER_OTLP_ENDPOINT");
    unsetenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");
}
TestSuite(transport, .init = begin);

static int open_chosen(const weir_otlp_options *options, weir_transport *out,
                       weir_error_detail *detail) {
    struct transport_choices choices CLEANUP(transport_choices_deinit) = {.n = 0};
    int error = transport_choose(options, &reader, &choices, detail);
    if (error == 0) {
        cr_assert(eq(sz, choices.n, 1));
        error = transport_open(&choices.of[0], out, detail);
    }
    return error;
}

static weir_transport opened(const weir_otlp_options *options) {
    weir_transport transport = WEIR_TRANSPORT_INIT;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, open_chosen(options, &transport, &detail), 0), "%s", detail.message);
    return transport;
}

static bool is_http(const weir_transport *transport) {
    return transport->post != NULL && !transport->is_disk && transport->cancel != NULL;
}

static void destroy(const weir_transport *transport) {
    if (transport->destroy != NULL) {
        transport->destroy(transport->data);
    }
}

#define OPTIONS(...) &WEIR_OTLP_OPTIONS(__VA_ARGS__)

Test(transport, the_hosts_own_comes_first) {
    struct script script;
    script_init(&script, &(struct script_step){.status = 200}, 1);
    weir_transport own = script_transport(&script);
    setenv("OTEL_TRACES_EXPORTER", "none", 1); /* what code chose is not undone */
    weir_transport got = opened(OPTIONS(.transport = &own, .output_path = "/nowhere/x"));
    cr_expect(got.data == &script);
    cr_expect(got.post == own.post);
}

Test(transport, the_hosts_own_must_be_whole) {
    weir_transport own = WEIR_TRANSPORT_INIT, out = {.data = &own};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(eq(int, open_chosen(OPTIONS(.transport = &own), &out, &detail), WEIR_E_INVALID));
    cr_expect(strncmp(detail.message, "transport:", 10) == 0);
    own.size = 0;
    cr_expect(eq(int, open_chosen(OPTIONS(.transport = &own), &out, &detail), WEIR_E_INVALID));
    cr_expect(out.data == &own); /* untouched */
}

Test(transport, then_the_output_path) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "spans.jsonl");
    weir_transport got = opened(OPTIONS(.output_path = path, .endpoint = "http://h"));
    cr_expect(got.is_disk);
    destroy(&got);
}

Test(transport, then_what_the_environment_names) {
    struct transport_choices choices = {.n = 7};
    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    cr_assert(
        eq(int, transport_choose(OPTIONS(.endpoint = "http://h"), &reader, &choices, NULL), 0));
    cr_expect(eq(sz, choices.n, 0));
    setenv("OTEL_TRACES_EXPORTER", "OTLP/stdout", 1);
    weir_transport got = opened(OPTIONS(.endpoint = "http://h"));
    cr_expect(got.is_disk);
    destroy(&got);
    cr_expect(eq(uint, said.n, 0), "%s", said.text);
}

Test(transport, a_list_names_several) { /* (D34) */
    struct transport_choices choices CLEANUP(transport_choices_deinit) = {.n = 0};
    setenv("OTEL_TRACES_EXPORTER", "otlp/stdout, otlp,none,zipkin,otlp", 1);
    cr_assert(
        eq(int, transport_choose(OPTIONS(.endpoint = "http://h"), &reader, &choices, NULL), 0));
    cr_assert(eq(sz, choices.n, 2));
    cr_expect(eq(int, choices.of[0].kind, TRANSPORT_HTTP));
    expect_text(choices.of[0].endpoint.url, "http://h/v1/traces");
    cr_expect(eq(int, choices.of[1].kind, TRANSPORT_FILE));
    expect_text(choices.of[1].path, "-");
    cr_expect(eq(uint, said.n, 2));
    cr_expect(kept_log_has(&said, "OTEL_TRACES_EXPORTER=zipkin is none of"));
    cr_expect(kept_log_has(&said, "OTEL_TRACES_EXPORTER: none, among others, is left out"));
}

#ifdef HAS_HTTP
Test(transport, then_http) {
    static const char *const names[] = {"", "otlp", "OTLP"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        setenv("OTEL_TRACES_EXPORTER", names[i], 1);
        weir_transport got = opened(OPTIONS(.service_name = "s"));
        cr_expect(is_http(&got));
        destroy(&got);
    }
    cr_expect(eq(uint, said.n, 0), "%s", said.text);
    setenv("OTEL_TRACES_EXPORTER", "zipkin", 1);
    weir_transport got = opened(OPTIONS(.service_name = "s"));
    cr_expect(is_http(&got));
    cr_expect(eq(uint, said.n, 1));
    cr_expect(kept_log_has(&said, "OTEL_TRACES_EXPORTER=zipkin"));
    destroy(&got);
}
#else
Test(transport, http_that_is_not_built_in_is_refused_by_name) {
    weir_transport out = WEIR_TRANSPORT_INIT;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(not(is_http(&out)));
    cr_expect(
        eq(int, open_chosen(OPTIONS(.endpoint = "http://h:1"), &out, &detail), WEIR_E_UNSUPPORTED));
    cr_expect(strncmp(detail.message, "http://h:1/v1/traces cannot be used", 35) == 0, "%s",
              detail.message);
}
#endif

Test(transport, a_bad_endpoint_is_refused) {
    weir_transport out = WEIR_TRANSPORT_INIT;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(eq(int, open_chosen(OPTIONS(.endpoint = "nonsense"), &out, &detail), WEIR_E_INVALID));
    cr_expect(strncmp(detail.message, "endpoint \"nonsense\"", 19) == 0);
}

/* Where text for people goes, until destroyed: nothing of it is seen before a post. */
static void expect_console(const weir_otlp_options *options) {
    weir_transport transport = opened(options);
    cr_assert(transport.is_disk);
    cr_assert(transport.post != NULL);
    destroy(&transport);
}

/* (I6, D34) */
Test(transport, the_console_is_chosen_by_option_or_variable) {
    expect_console(OPTIONS(.console = true));
    setenv("OTEL_TRACES_EXPORTER", "Console", 1);
    expect_console(OPTIONS(.service_name = "s"));
    struct transport_choices choices CLEANUP(transport_choices_deinit) = {0};
    cr_assert(zero(int, transport_choose(OPTIONS(.service_name = "s"), &reader, &choices, NULL)));
    cr_assert(eq(int, choices.of[0].kind, TRANSPORT_CONSOLE));
    cr_assert(zero(uint, said.n));
}

Test(transport, a_file_takes_its_rotation_along) {
    struct transport_choices choices CLEANUP(transport_choices_deinit) = {0};
    cr_assert(zero(int, transport_choose(OPTIONS(.output_path = "x", .output_max_bytes = 7,
                                                 .output_max_files = 3, .console = true),
                                         &reader, &choices, NULL)));
    cr_assert(eq(int, choices.of[0].kind, TRANSPORT_FILE));
    cr_assert(eq(u64, choices.of[0].rotation.max_bytes, 7));
    cr_assert(eq(u32, choices.of[0].rotation.max_files, 3));
}
