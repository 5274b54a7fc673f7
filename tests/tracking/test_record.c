/* The lines of log.jsonl and children.jsonl, byte for byte as Burr writes them. The zone is UTC. */
#include <math.h>
#include <stdlib.h>
#include <time.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tracking/record.h"

static const uint64_t NOON = UINT64_C(1724759998569646000); /* 2024-08-27T11:59:58.569646Z */

static struct buf line;
static struct record_writer writer;

static void set_up(void) {
    setenv("TZ", "UTC", 1);
    tzset();
    buf_init(&line, 1 << 20);
    writer = (struct record_writer){.out = &line};
}

static void tear_down(void) {
    buf_deinit(&line);
}

TestSuite(record, .init = set_up, .fini = tear_down);

Test(record, begin_entry) {
    weir_value inputs = weir_value_json("{}");
    record_begin_entry(&writer, NOON, "counter", &inputs, 0);
    expect_buf(&line, "{\"type\":\"begin_entry\",\"start_time\":\"2024-08-27T11:59:58.569646\","
                      "\"action\":\"counter\",\"inputs\":{},\"sequence_id\":0}\n");
}

Test(record, end_entry) {
    weir_value result = weir_value_json("{}");
    weir_value state = weir_value_json("{\"count_to\": 1, \"counter\": 1, \"__SEQUENCE_ID\": 0, "
                                       "\"__PRIOR_STEP\": \"counter\"}");
    record_end_entry(&writer, NOON + 132000, "counter", &result, NULL, &state, 0);
    expect_buf(&line, "{\"type\":\"end_entry\",\"end_time\":\"2024-08-27T11:59:58.569778\","
                      "\"action\":\"counter\",\"result\":{},\"exception\":null,\"state\":{"
                      "\"count_to\":1,\"counter\":1,\"__SEQUENCE_ID\":0,\"__PRIOR_STEP\":"
                      "\"counter\"},\"sequence_id\":0}\n");
}

Test(record, end_entry_of_a_step_that_failed) {
    record_end_entry(&writer, NOON, "s", NULL, "Traceback:\n  File \"a.py\"\nGeneratorExit\n", NULL,
                     7);
    expect_buf(&line, "{\"type\":\"end_entry\",\"end_time\":\"2024-08-27T11:59:58.569646\","
                      "\"action\":\"s\",\"result\":null,\"exception\":\"Traceback:\\n  File "
                      "\\\"a.py\\\"\\nGeneratorExit\\n\",\"state\":{},\"sequence_id\":7}\n");
}

Test(record, an_exception_is_never_the_empty_string) {
    record_end_entry(&writer, NOON, "s", NULL, "", NULL, 7);
    cr_assert(eq(int, buf_error(&line), 0));
    cr_assert(strstr(expect_terminated(line.data, line.n_bytes), "\"exception\":\"\\n\",") != NULL);
}

Test(record, begin_span) {
    record_begin_span(&writer, UINT64_C(1724759830770288000), 3, "3:0.0", "openai.chat", "3:0",
                      NULL);
    expect_buf(&line, "{\"type\":\"begin_span\",\"start_time\":\"2024-08-27T11:57:10.770288\","
                      "\"action_sequence_id\":3,\"span_id\":\"3:0.0\",\"span_name\":"
                      "\"openai.chat\",\"parent_span_id\":\"3:0\",\"span_dependencies\":[]}\n");
}

Test(record, begin_span_with_dependencies_and_no_parent) {
    static const char *const dependencies[] = {"a", "b\"c", NULL};
    record_begin_span(&writer, NOON, 0, "0:1", "n", NULL, dependencies);
    expect_buf(&line, "{\"type\":\"begin_span\",\"start_time\":\"2024-08-27T11:59:58.569646\","
                      "\"action_sequence_id\":0,\"span_id\":\"0:1\",\"span_name\":\"n\","
                      "\"parent_span_id\":null,\"span_dependencies\":[\"a\",\"b\\\"c\"]}\n");
}

Test(record, end_span) {
    record_end_span(&writer, UINT64_C(1724759830764191000), 0, "0:0");
    expect_buf(&line, "{\"type\":\"end_span\",\"end_time\":\"2024-08-27T11:57:10.764191\","
                      "\"action_sequence_id\":0,\"span_id\":\"0:0\"}\n");
}

Test(record, attribute) {
    weir_key_value attribute = {"llm.request.type", weir_value_string("chat")};
    record_attribute(&writer, UINT64_C(1724785031562787000), 3, "3:0.0", &attribute);
    expect_buf(&line, "{\"type\":\"attribute\",\"key\":\"llm.request.type\","
                      "\"action_sequence_id\":3,\"span_id\":\"3:0.0\",\"value\":\"chat\","
                      "\"tags\":{},\"time_logged\":\"2024-08-27T18:57:11.562787Z\"}\n");
}

Test(record, attribute_of_a_step) {
    weir_key_value attribute = {"k", {.kind = WEIR_VALUE_EMPTY}};
    record_attribute(&writer, NOON, 3, NULL, &attribute);
    expect_buf(&line, "{\"type\":\"attribute\",\"key\":\"k\",\"action_sequence_id\":3,\"span_id\":"
                      "null,\"value\":null,\"tags\":{},\"time_logged\":"
                      "\"2024-08-27T11:59:58.569646Z\"}\n");
}

Test(record, begin_stream_and_first_item) {
    record_begin_stream(&writer, UINT64_C(1795170002840170000), 1);
    record_first_item(&writer, UINT64_C(1795170002840230000), 1);
    expect_buf(&line, "{\"type\":\"begin_stream\",\"action_sequence_id\":1,\"span_id\":null,"
                      "\"stream_init_time\":\"2026-11-20T10:20:02.840170Z\"}\n"
                      "{\"type\":\"first_item_stream\",\"action_sequence_id\":1,\"span_id\":null,"
                      "\"first_item_time\":\"2026-11-20T10:20:02.840230Z\"}\n");
}

#define END_STREAM(values)                                                                         \
    "{\"type\":\"end_stream\",\"action_sequence_id\":1,\"span_id\":null,\"end_time\":"             \
    "\"2026-11-20T10:20:02.844704Z\"," values "}\n"

Test(record, end_stream) {
    static const struct {
        weir_stream_times times;
        const char *line;
    } rows[] = {
        {{2, true, true, 54328, 4266401, 8666},
         END_STREAM("\"items_streamed\":2,\"generation_time_ms\":0.054328,\"consumer_time_ms\":"
                    "4.266401,\"first_item_time_ms\":0.008666")},
        {{0, true, false, 1000000, 0, 0}, /* pulls, but nothing came */
         END_STREAM("\"items_streamed\":0,\"generation_time_ms\":1.0,\"consumer_time_ms\":0.0,"
                    "\"first_item_time_ms\":null")},
        {{0, false, false, 0, 0, 0},
         END_STREAM("\"items_streamed\":0,\"generation_time_ms\":null,\"consumer_time_ms\":null,"
                    "\"first_item_time_ms\":null")},
        {{0, false, true, 7, 7, 7}, /* without pulls there was no first item */
         END_STREAM("\"items_streamed\":0,\"generation_time_ms\":null,\"consumer_time_ms\":null,"
                    "\"first_item_time_ms\":null")},
        {{3, true, true, 1, 10, 123456789012345},
         END_STREAM("\"items_streamed\":3,\"generation_time_ms\":1e-6,\"consumer_time_ms\":"
                    "0.00001,\"first_item_time_ms\":123456789.012345")},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        buf_clear(&line);
        record_end_stream(&writer, UINT64_C(1795170002844704000), 1, &rows[i].times);
        expect_buf_at(i, &line, rows[i].line);
    }
}

Test(record, children) {
    weir_pointer parent = {"parent", NULL, true, 0};
    record_child(&writer, UINT64_C(1795170064915417000), "fork1", NULL, "fork", &parent);
    expect_buf(&line, "{\"type\":\"child_application_data\",\"child\":{\"type\":\"pointer_data\","
                      "\"app_id\":\"fork1\",\"sequence_id\":null,\"partition_key\":null},"
                      "\"event_time\":\"2026-11-20T10:21:04.915417\",\"event_type\":\"fork\","
                      "\"sequence_id\":0}\n");
    buf_clear(&line);
    parent.has_sequence_id = false; /* from the latest step */
    record_child(&writer, UINT64_C(1795170064915417000), "c", "user-é", "spawn_start", &parent);
    expect_buf(&line, "{\"type\":\"child_application_data\",\"child\":{\"type\":\"pointer_data\","
                      "\"app_id\":\"c\",\"sequence_id\":null,\"partition_key\":\"user-é\"},"
                      "\"event_time\":\"2026-11-20T10:21:04.915417\",\"event_type\":"
                      "\"spawn_start\",\"sequence_id\":null}\n");
}

/* The value of an attribute line. */
static char *value_of(const weir_value *value) {
    weir_key_value attribute = {"k", *value};
    buf_clear(&line);
    record_attribute(&writer, NOON, 0, NULL, &attribute);
    cr_assert(eq(int, buf_error(&line), 0));
    char *text = expect_terminated(line.data, line.n_bytes);
    char *start = strstr(text, "\"value\":") + strlen("\"value\":");
    *strstr(start, ",\"tags\"") = '\0';
    return start;
}

Test(record, doubles) {
    static const struct {
        double number;
        const char *text;
    } rows[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {0.1, "0.1"},
        {0.00001, "0.00001"},
        {0.000001, "1e-6"},
        {1.5e-7, "1.5e-7"},
        {1e15, "1000000000000000.0"},
        {1e16, "1e+16"},
        {2.5e20, "2.5e+20"},
        {5e-324, "5e-324"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {123456.789, "123456.789"},
        {NAN, "null"},
        {INFINITY, "null"},
        {-INFINITY, "null"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        weir_value value = weir_value_double(rows[i].number);
        expect_text_at(i, value_of(&value), rows[i].text);
    }
}

Test(record, other_values) {
    const weir_value items[] = {weir_value_int(1), weir_value_string("a"), weir_value_bool(true)};
    const weir_key_value members[] = {{"1", weir_value_string("b")}, {"n", weir_value_int(-2)}};
    const struct {
        weir_value value;
        const char *text;
    } rows[] = {
        {weir_value_int(INT64_MIN), "-9223372036854775808"},
        {weir_value_bool(false), "false"},
        {weir_value_array(items, 3), "[1,\"a\",true]"},
        {weir_value_map(members, 2), "{\"1\":\"b\",\"n\":-2}"},
        {weir_value_bytes("\xff\x00z", 3), "\"/wB6\""},
        {weir_value_string("\"\\\b\t\n\f\r\x01\x1f/\x7f\xe2\x80\xa8é"),
         "\"\\\"\\\\\\b\\t\\n\\f\\r\\u0001\\u001f/\x7f\xe2\x80\xa8é\""},
        {weir_value_string_n("a\0b", 3), "\"a\\u0000b\""},
        {weir_value_string("a\xffz"), "\"a\xef\xbf\xbdz\""},
        {weir_value_json(" [ 1e400 , 10000000000000000000000 , \"a b\" ]\n"),
         "[1e400,10000000000000000000000,\"a b\"]"},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        expect_text_at(i, value_of(&rows[i].value), rows[i].text);
    }
}

Test(record, what_is_no_json_leaves_an_error) {
    static const char *const rows[] = {"", "{", "NaN", "[Infinity]", "{} {}", "{\"a\":01}", "nul"};
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        weir_value value = weir_value_json(rows[i]);
        buf_clear(&line);
        record_begin_entry(&writer, NOON, "a", &value, 0);
        cr_assert(eq(int, buf_error(&line), WEIR_E_SYNTAX), "%s", rows[i]);
    }
}

Test(record, what_does_not_fit_leaves_an_error) {
    struct buf small;
    buf_init(&small, 64);
    struct record_writer to = {.out = &small};
    record_begin_entry(&to, NOON, "a", NULL, 0);
    cr_assert(eq(int, buf_error(&small), WEIR_E_TOO_LARGE));
    buf_deinit(&small);
}
