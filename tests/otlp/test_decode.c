#include "otlp/decode.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "otlp/bounds.h"
#include "tests/support/expect.h"
#include "tests/support/fault.h"
#include "tests/support/nest.h"
#include "tests/support/request_json.h"
#include "tests/support/vectors.h"

enum { PLENTY = 64 << 20 };

/* The error of decoding; what comes out otherwise is freed. */
static int decode(const uint8_t *bytes, size_t n_bytes, size_t max_bytes) {
    struct decoded *decoded = NULL;
    int error = decode_request(bytes, n_bytes, max_bytes, &decoded, NULL);
    cr_assert(eq(int, error == 0, decoded != NULL));
    decoded_free(decoded);
    return error;
}

/* ---- what is right ---- */

static void check_vector(const struct vector *vector) {
    struct decoded *decoded = NULL;
    cr_assert(eq(int, decode_request(vector->body, vector->n_bytes, PLENTY, &decoded, NULL), 0),
              "%s", vector->name);
    json_t *got = request_json(decoded_request(decoded));
    json_t *wanted = json_loads(vector->json, JSON_ALLOW_NUL, NULL);
    char *text = json_dumps(got, 0);
    cr_expect(json_equal(got, wanted), "%s: %s", vector->name, text);
    free(text);
    json_decref(got);
    json_decref(wanted);
    decoded_free(decoded);
}

Test(decode, equals_the_recorded_json_of_every_request) {
    cr_assert(ge(sz, vectors_for_each(".", check_vector), 53));
}

static void check_counts(const struct vector *vector) {
    struct decode_counts counts;
    cr_assert(eq(int, decode_scan(vector->body, vector->n_bytes, &counts, NULL), 0));
    json_t *request = json_loads(vector->json, JSON_ALLOW_NUL, NULL);
    json_t *resources = json_object_get(request, "resourceSpans"), *resource, *scope;
    uint64_t n_spans = 0;
    size_t i, j;
    json_array_foreach(resources, i, resource) {
        json_array_foreach(json_object_get(resource, "scopeSpans"), j, scope) {
            n_spans += json_array_size(json_object_get(scope, "spans"));
        }
    }
    cr_expect(eq(u64, counts.n_spans, n_spans), "%s", vector->name);
    cr_expect(eq(u64, counts.n_resources, json_array_size(resources)), "%s", vector->name);
    json_decref(request);
}

Test(decode, counts_spans_and_resources) {
    vectors_for_each(".", check_counts);
}

Test(decode, an_empty_body_is_an_empty_request) {
    struct decoded *decoded = NULL;
    cr_assert(eq(int, decode_request(NULL, 0, PLENTY, &decoded, NULL), 0));
    cr_assert(eq(sz, decoded_request(decoded)->n_resource_spans, 0));
    decoded_free(decoded);
}

Test(decode, passes_over_fields_it_does_not_know) {
    struct nest nest = nest_new("\xc0\x3e\x07\x2a\x01n\xca\x3e\x02xx", 11, 64); /* 1000 and 1001 */
    nest_wrap_span(&nest);
    cr_assert(eq(int, decode(nest_bytes(&nest), nest_n_bytes(&nest), PLENTY), 0));
    nest_free(&nest);
}

Test(decode, free_takes_null) {
    cr_assert(eq(ptr, decoded_free(NULL), NULL));
}

/* ---- what is wrong ---- */

/* A body's scan and its unpacking agree, whatever the bytes: what the scan lets through protobuf-c
 * takes. */
static void check_truncated(const struct vector *vector) {
    for (size_t n_bytes = 0; n_bytes < vector->n_bytes; n_bytes++) {
        uint8_t *exact = malloc(n_bytes + 1); /* for the sanitizer: nothing behind it is readable */
        memcpy(exact, vector->body, n_bytes);
        int scanned = decode_scan(exact, n_bytes, NULL, NULL);
        cr_assert(scanned == 0 || scanned == WEIR_E_SYNTAX, "%s cut at %zu", vector->name, n_bytes);
        cr_assert(eq(int, decode(exact, n_bytes, PLENTY), scanned), "%s cut at %zu", vector->name,
                  n_bytes);
        free(exact);
    }
}

Test(decode, survives_a_cut_at_every_byte, .timeout = 60) {
    vectors_for_each(".", check_truncated);
}

static void check_flipped(const struct vector *vector) {
    uint8_t *bytes = malloc(vector->n_bytes + 1);
    memcpy(bytes, vector->body, vector->n_bytes);
    for (size_t i = 0; i < vector->n_bytes && i < 600; i++) {
        static const uint8_t flips[] = {0x01, 0x08, 0x80, 0xff};
        for (size_t j = 0; j < sizeof flips; j++) {
            bytes[i] ^= flips[j];
            int scanned = decode_scan(bytes, vector->n_bytes, NULL, NULL);
            cr_assert(eq(int, decode(bytes, vector->n_bytes, PLENTY), scanned), "%s byte %zu",
                      vector->name, i);
            bytes[i] ^= flips[j];
        }
    }
    free(bytes);
}

Test(decode, what_the_scan_lets_through_protobuf_takes, .timeout = 60) {
    vectors_for_each(".", check_flipped);
}

static int scan_span(const void *bytes, size_t n_bytes, weir_error_detail *detail) {
    struct nest nest = nest_new(bytes, n_bytes, 64);
    nest_wrap_span(&nest);
    int error = decode_scan(nest_bytes(&nest), nest_n_bytes(&nest), NULL, detail);
    nest_free(&nest);
    return error;
}

Test(decode, names_what_is_wrong_and_where) {
    static const struct {
        const char *span;
        size_t n_bytes;
        const char *message;
    } rows[] = {
        {"\x2a\x01\xff", 3, "name is not UTF-8 (near byte 9)"},
        {"\x0a\x0f"
         "0123456789abcde",
         17, "traceId does not have the length of an id (near byte 23)"},
        {"\x12\x01x", 3, "spanId does not have the length of an id (near byte 9)"},
        {"\x22\x09"
         "123456789",
         11, "parentSpanId does not have the length of an id (near byte 17)"},
        {"\x28\x01", 2, "name has the wrong wire type (near byte 8)"},
        {"\x7a\x00\x7a\x00", 4, "status stands twice (near byte 10)"},
        {"\x2a\x7f", 2, "the request is cut off or no protobuf (near byte 6)"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        cr_assert(eq(int, scan_span(rows[i].span, rows[i].n_bytes, &detail), WEIR_E_SYNTAX),
                  "row %zu", i);
        expect_text_at(i, detail.message, rows[i].message);
        cr_assert(eq(int, detail.code, WEIR_E_SYNTAX));
    }
}

Test(decode, checks_every_text_to_be_utf8) {
    /* key and value of an attribute, event name, link's trace state, status message */
    static const char *const spans[] = {"\x4a\x03\x0a\x01\xff", "\x4a\x05\x12\x03\x0a\x01\xff",
                                        "\x5a\x03\x12\x01\xff", "\x6a\x03\x1a\x01\xff",
                                        "\x7a\x03\x12\x01\xff", "\x1a\x01\xff"};
    for (size_t i = 0; i < sizeof spans / sizeof spans[0]; i++) {
        cr_assert(eq(int, scan_span(spans[i], strlen(spans[i]), NULL), WEIR_E_SYNTAX), "row %zu",
                  i);
    }
    cr_assert(
        eq(int, scan_span("\x4a\x05\x12\x03\x3a\x01\xff", 7, NULL), 0)); /* bytes may hold it */
}

/* ---- nesting ---- */

/* A request with an attribute whose value is nested `depth` deep: arrays, or maps. */
static struct nest nested_value(size_t depth, bool is_map) {
    struct nest nest = nest_new("\x18\x01", 2, depth * 16 + 128);
    for (size_t i = 1; i < depth; i++) {
        if (is_map) {
            nest_wrap(&nest, 0x12); /* KeyValue.value */
        }
        nest_wrap(&nest, 0x0a); /* ArrayValue.values, KeyValueList.values */
        nest_wrap(&nest, is_map ? 0x32 : 0x2a);
    }
    nest_wrap_value(&nest);
    return nest;
}

Test(decode, takes_values_nested_up_to_the_bound_and_no_deeper) {
    for (int is_map = 0; is_map < 2; is_map++) {
        struct nest fits = nested_value(DECODE_MAX_NESTED_VALUES, is_map);
        cr_assert(eq(int, decode(nest_bytes(&fits), nest_n_bytes(&fits), PLENTY), 0));
        nest_free(&fits);
        struct nest deeper = nested_value(DECODE_MAX_NESTED_VALUES + 1, is_map);
        cr_assert(
            eq(int, decode(nest_bytes(&deeper), nest_n_bytes(&deeper), PLENTY), WEIR_E_TOO_LARGE));
        nest_free(&deeper);
    }
}

static void *decode_in_thread(void *data) {
    const struct nest *nest = data;
    static int error;
    error = decode(nest_bytes(nest), nest_n_bytes(nest), PLENTY);
    return &error;
}

/* 34 kB that make plain protobuf-c recurse through a whole stack. Here a stack of 128 kB does. */
Test(decode, deep_nesting_does_not_use_up_the_stack) {
    struct nest nest = nested_value(5000, false);
    cr_assert(lt(sz, nest_n_bytes(&nest), 40000));
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 128 << 10);
    pthread_t thread;
    void *error = NULL;
    cr_assert(eq(int, pthread_create(&thread, &attributes, decode_in_thread, &nest), 0));
    pthread_join(thread, &error);
    pthread_attr_destroy(&attributes);
    cr_assert(eq(int, *(int *)error, WEIR_E_TOO_LARGE));
    nest_free(&nest);
}

/* ---- memory ---- */

/* A million empty messages: two bytes each on the wire, eighty unpacked. */
static struct nest many_empty_spans(size_t n_spans) {
    struct nest nest = nest_new(NULL, 0, n_spans * 2 + 64);
    for (size_t i = 0; i < n_spans; i++) {
        nest_prepend(&nest, "\x12\x00", 2);
    }
    nest_wrap(&nest, 0x12);
    nest_wrap(&nest, 0x0a);
    return nest;
}

Test(decode, bounds_the_memory_of_what_it_unpacks) {
    struct nest nest = many_empty_spans(200000);
    struct decode_counts counts;
    cr_assert(eq(int, decode_scan(nest_bytes(&nest), nest_n_bytes(&nest), &counts, NULL), 0));
    cr_assert(eq(u64, counts.n_spans, 200000));
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    struct decoded *decoded = NULL;
    cr_assert(eq(int,
                 decode_request(nest_bytes(&nest), nest_n_bytes(&nest), 1 << 20, &decoded, &detail),
                 WEIR_E_TOO_LARGE));
    expect_text(detail.message, "the request takes too much memory unpacked");
    cr_assert(eq(ptr, decoded, NULL));
    cr_assert(eq(int, decode(nest_bytes(&nest), nest_n_bytes(&nest), PLENTY), 0));
    nest_free(&nest);
}

Test(decode, a_bound_of_nothing_still_refuses_cleanly) {
    struct nest nest = many_empty_spans(1);
    cr_assert(eq(int, decode(nest_bytes(&nest), nest_n_bytes(&nest), 0), WEIR_E_TOO_LARGE));
    nest_free(&nest);
}

static void check_short_memory(const struct vector *vector) {
    FAULT_FOR_EACH_ALLOCATION(n) {
        int error = decode(vector->body, vector->n_bytes, PLENTY);
        bool has_failed = fault_has_struck();
        fault_disarm();
        cr_assert(eq(int, error, has_failed ? WEIR_E_NO_MEMORY : 0), "%s", vector->name);
    }
}

Test(decode, survives_every_failing_allocation) {
    vectors_for_each(".", check_short_memory);
}

/* Every bound from nothing up: protobuf-c's own way out of a failed allocation. */
static void check_short_arena(const struct vector *vector) {
    for (size_t max_bytes = 0; max_bytes < 12000; max_bytes += 16) {
        int error = decode(vector->body, vector->n_bytes, max_bytes);
        cr_assert(error == 0 || error == WEIR_E_TOO_LARGE, "%s with %zu bytes", vector->name,
                  max_bytes);
    }
}

Test(decode, survives_every_bound_on_memory) {
    vectors_for_each(".", check_short_arena);
}
