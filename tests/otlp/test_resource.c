#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <weir/version.h>

#include "otlp/bounds.h"
#include "otlp/proto/trace.pb-c.h"
#include "otlp/resource.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/log.h"

static struct kept_log kept = KEPT_LOG_INIT;
static struct logger logger;
static const struct config_reader reader = {.logger = &logger};

static void start(void) {
    unsetenv("OTEL_SERVICE_NAME");
    unsetenv("OTEL_RESOURCE_ATTRIBUTES");
    kept_log_logger(&kept, &logger);
}

TestSuite(resource, .init = start);

/* The message is a ResourceSpans with nothing but a resource; the caller frees. */
static Otlp__ResourceSpans *made(const weir_otlp_options *options) {
    struct buf out;
    buf_init(&out, RESOURCE_MAX_BYTES);
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, resource_encode(&out, options, &reader, &detail), 0), "%s", detail.message);
    Otlp__ResourceSpans *message = otlp__resource_spans__unpack(NULL, out.n_bytes, out.data);
    cr_assert(message != NULL && message->resource != NULL);
    buf_deinit(&out);
    return message;
}

static const Otlp__AnyValue *find(const Otlp__ResourceSpans *message, const char *key) {
    const Otlp__AnyValue *found = NULL;
    for (size_t i = 0; i < message->resource->n_attributes; i++) {
        const Otlp__KeyValue *item = message->resource->attributes[i];
        if (item->key.len == strlen(key) && memcmp(item->key.data, key, strlen(key)) == 0) {
            cr_assert(found == NULL, "%s stands there twice", key);
            found = item->value;
        }
    }
    return found;
}

/* NULL text: the attribute must not be there. */
static void expect_attribute(const weir_otlp_options *options, const char *key, const char *text) {
    Otlp__ResourceSpans *message = made(options);
    const Otlp__AnyValue *value = find(message, key);
    cr_assert(eq(int, value != NULL, text != NULL), "%s", key);
    if (value != NULL) {
        expect_text(expect_terminated(value->string_value.data, value->string_value.len), text);
    }
    otlp__resource_spans__free_unpacked(message, NULL);
}

static int refused(const weir_otlp_options *options, weir_error_detail *detail) {
    struct buf out;
    buf_init(&out, RESOURCE_MAX_BYTES);
    int error = resource_encode(&out, options, &reader, detail);
    buf_deinit(&out);
    return error;
}

Test(resource, says_what_an_sdk_must_say) {
    weir_otlp_options options = {0};
    char service[256];
    snprintf(service, sizeof service, "unknown_service:%s", program_invocation_short_name);
    expect_attribute(&options, "service.name", service);
    expect_attribute(&options, "telemetry.sdk.name", "weir");
    expect_attribute(&options, "telemetry.sdk.language", "c");
    expect_attribute(&options, "telemetry.sdk.version", WEIR_VERSION);
}

Test(resource, service_name_by_precedence) {
    weir_key_value in_code[] = {{"service.name", weir_value_string("from code")}};
    weir_otlp_options options = {0};
    setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=from-list", 1);
    expect_attribute(&options, "service.name", "from-list");
    setenv("OTEL_SERVICE_NAME", "from variable", 1);
    expect_attribute(&options, "service.name", "from variable");
    options.resource = in_code;
    options.n_resource = 1;
    expect_attribute(&options, "service.name", "from code");
    options.service_name = "by option";
    expect_attribute(&options, "service.name", "by option");
    options.service_name = "";
    expect_attribute(&options, "service.name", "from code");
}

Test(resource, takes_the_list_of_the_environment) {
    weir_otlp_options options = {0};
    setenv("OTEL_RESOURCE_ATTRIBUTES", " a=1 ,b = x=y ,c=%2c%3D%25%C3%A4,,d=,%65=e", 1);
    expect_attribute(&options, "a", "1");
    expect_attribute(&options, "b", "x=y");
    expect_attribute(&options, "c", ",=%\xc3\xa4");
    expect_attribute(&options, "d", "");
    expect_attribute(&options, "e", "e");
    cr_assert(eq(u32, kept.n, 0));
}

Test(resource, code_beats_the_list) {
    weir_key_value in_code[] = {{"a", weir_value_string("code")},
                                {"telemetry.sdk.name", weir_value_string("other")}};
    weir_otlp_options options = {.resource = in_code, .n_resource = 2};
    setenv("OTEL_RESOURCE_ATTRIBUTES", "a=list,b=list", 1);
    expect_attribute(&options, "a", "code");
    expect_attribute(&options, "b", "list");
    expect_attribute(&options, "telemetry.sdk.name", "other");
}

Test(resource, discards_a_faulty_list_whole_and_says_so) {
    static const char *const bad[] = {"a=1,b",      "a=1,=2",  "a=1,b=%",    "a=1,b=%4",
                                      "a=1,b=%zz",  "a=1,%00", "a=1,b=%00c", "a=1,b=%ff",
                                      "a=1,b=\xff", "a=1, = "};
    weir_otlp_options options = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        setenv("OTEL_RESOURCE_ATTRIBUTES", bad[i], 1);
        unsigned before = kept.n;
        expect_attribute(&options, "a", NULL);
        expect_attribute(&options, "telemetry.sdk.language", "c");
        cr_assert(eq(u32, kept.n, before + 2), "%s", bad[i]);
    }
    cr_assert(kept_log_has(&kept, "OTEL_RESOURCE_ATTRIBUTES"));
}

Test(resource, keeps_values_of_every_kind) {
    weir_value items[] = {weir_value_string("a"), weir_value_string("b")};
    weir_key_value in_code[] = {{"process.pid", weir_value_int(42)},
                                {"list", weir_value_array(items, 2)}};
    weir_otlp_options options = {.resource = in_code, .n_resource = 2};
    Otlp__ResourceSpans *message = made(&options);
    cr_assert(eq(i64, find(message, "process.pid")->int_value, 42));
    cr_assert(eq(sz, find(message, "list")->array_value->n_values, 2));
    otlp__resource_spans__free_unpacked(message, NULL);
}

Test(resource, refuses_bad_attributes_and_names_them) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_key_value bad[] = {{"good", weir_value_int(1)}, {"bad.json", weir_value_json("{")}};
    weir_otlp_options options = {.resource = bad, .n_resource = 2};
    cr_assert(eq(int, refused(&options, &detail), WEIR_E_INVALID));
    cr_assert(strstr(detail.message, "bad.json") != NULL, "%s", detail.message);
    bad[1].key = NULL;
    cr_assert(eq(int, refused(&options, &detail), WEIR_E_INVALID));
    options.resource = NULL;
    cr_assert(eq(int, refused(&options, &detail), WEIR_E_INVALID));
    cr_assert(eq(int, refused(&options, NULL), WEIR_E_INVALID));
}

Test(resource, refuses_more_than_its_bound) {
    static char text[RESOURCE_MAX_BYTES];
    memset(text, 'x', sizeof text - 1);
    weir_key_value large = {"large", weir_value_string(text)};
    weir_otlp_options options = {.resource = &large, .n_resource = 1};
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, refused(&options, &detail), WEIR_E_TOO_LARGE));
    cr_assert(strstr(detail.message, "large") != NULL, "%s", detail.message);
}

Test(resource, survives_failing_allocation_at_every_step) {
    weir_key_value in_code[] = {{"a", weir_value_json("[1,2]")}};
    weir_otlp_options options = {.service_name = "s", .resource = in_code, .n_resource = 1};
    setenv("OTEL_RESOURCE_ATTRIBUTES", "a=1,b=2", 1);
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct buf out;
        buf_init(&out, RESOURCE_MAX_BYTES);
        int error = resource_encode(&out, &options, &reader, NULL);
        cr_assert(error == 0 || error == WEIR_E_NO_MEMORY);
        buf_deinit(&out);
    }
}

/* ---- detectors ---- */

Test(resource, detects_nothing_unasked) { /* (F10) */
    Otlp__ResourceSpans *message = made(&WEIR_OTLP_OPTIONS(.service_name = "s"));
    cr_assert(eq(sz, message->resource->n_attributes, 4));
    otlp__resource_spans__free_unpacked(message, NULL);
}

Test(resource, what_is_detected_lies_below_environment_and_code) { /* (F7, F9) */
    const uint32_t all = WEIR_DETECT_PROCESS | WEIR_DETECT_HOST | WEIR_DETECT_INSTANCE;
    weir_key_value given = {"os.type", weir_value_string("")};
    weir_otlp_options options =
        WEIR_OTLP_OPTIONS(.detectors = all, .resource = &given, .n_resource = 1);
    setenv("OTEL_RESOURCE_ATTRIBUTES", "host.name=of%20the%20environment", 1);
    expect_attribute(&options, "host.name", "of the environment");
    expect_attribute(&options, "os.type", ""); /* an empty value wins too */
    expect_attribute(&options, "process.runtime.name", "glibc");
    expect_attribute(&options, "process.command_args", NULL);
    expect_attribute(&WEIR_OTLP_OPTIONS(.detectors = WEIR_DETECT_PROCESS), "host.arch", NULL);
}

static void expect_url(const weir_otlp_options *options, const char *expected) {
    struct buf out;
    buf_init(&out, RESOURCE_MAX_BYTES);
    cr_assert(eq(int, resource_encode_url(&out, options, &reader, NULL), 0));
    Otlp__ResourceSpans *message = otlp__resource_spans__unpack(NULL, out.n_bytes, out.data);
    cr_assert(message != NULL);
    expect_text(expect_terminated(message->schema_url.data, message->schema_url.len), expected);
    otlp__resource_spans__free_unpacked(message, NULL);
    buf_deinit(&out);
}

Test(resource, merges_schema_urls) { /* (F8, F10) */
    static const char detected[] = "https://opentelemetry.io/schemas/1.37.0";
    expect_url(&WEIR_OTLP_OPTIONS(.detectors = 0), "");
    expect_url(&WEIR_OTLP_OPTIONS(.resource_schema_url = "http://own/1.0"), "http://own/1.0");
    expect_url(&WEIR_OTLP_OPTIONS(.detectors = WEIR_DETECT_HOST), detected);
    expect_url(&WEIR_OTLP_OPTIONS(.detectors = WEIR_DETECT_HOST, .resource_schema_url = detected),
               detected);
    cr_assert(eq(uint, kept.n, 0));
    expect_url(
        &WEIR_OTLP_OPTIONS(.detectors = WEIR_DETECT_HOST, .resource_schema_url = "http://own/1.0"),
        "");
    cr_assert(eq(uint, kept.n, 1));
    cr_assert(kept_log_has(&kept, "http://own/1.0"));
}
