/* What is found wrong in well-formed files. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <stdlib.h>
#include <string.h>

#include "otlp/common/macro.h"
#include "tests/support/expect.h"
#include "tracking/check.h"

#define TIME "\"2026-01-02T03:04:05.000006\""

static bool is_sound(enum check_kind kind, const char *text, struct check_fault *fault) {
    return check_text(kind, text, strlen(text), fault);
}

Test(check, takes_what_burr_writes) {
    static const char *const records[] = {
        "{\"type\":\"begin_entry\",\"start_time\":" TIME
        ",\"action\":\"counter\",\"inputs\":{},\"sequence_id\":0}",
        "{\"type\":\"end_entry\",\"end_time\":" TIME
        ",\"action\":\"s\",\"result\":null,\"exception\":\"GeneratorExit\\n\",\"state\":{},"
        "\"sequence_id\":123456789012345678901234567890}",
        "{\"type\":\"begin_span\",\"start_time\":" TIME
        ",\"action_sequence_id\":3,\"span_id\":\"3:0.0\",\"span_name\":\"openai.chat\","
        "\"parent_span_id\":\"3:0\",\"span_dependencies\":[\"3:1\"]}",
        "{\"type\":\"end_span\",\"end_time\":1767323045.5,\"action_sequence_id\":0,\"span_id\":"
        "\"0:0\"}",
        "{\"type\":\"attribute\",\"key\":\"k\",\"action_sequence_id\":3,\"span_id\":null,\"value\":"
        "null,\"tags\":{\"a\":\"b\"},\"time_logged\":null}",
        "{\"type\":\"begin_stream\",\"action_sequence_id\":1,\"span_id\":null,"
        "\"stream_init_time\":\"2026-11-20 10:20:02.840170123Z\"}",
        "{\"type\":\"end_stream\",\"action_sequence_id\":1,\"span_id\":null,\"end_time\":" TIME
        ",\"items_streamed\":2}",
        "{\"type\":\"end_stream\",\"action_sequence_id\":1,\"span_id\":null,\"end_time\":" TIME
        ",\"items_streamed\":2,\"generation_time_ms\":0.05,\"consumer_time_ms\":4,"
        "\"first_item_time_ms\":null,\"extra\":1}",
        "{\"type\":\"of_the_future\"}",
    };
    struct check_fault fault = {0};
    for (size_t i = 0; i < ARRAY_LENGTH(records); i++) {
        cr_assert(is_sound(CHECK_RECORD, records[i], &fault), "%s", fault.text);
    }
    cr_assert(is_sound(CHECK_CHILD,
                       "{\"type\":\"child_application_data\",\"child\":{\"type\":\"pointer_data\","
                       "\"app_id\":\"f\",\"sequence_id\":null,\"partition_key\":null},"
                       "\"event_time\":" TIME ",\"event_type\":\"fork\",\"sequence_id\":null}",
                       &fault));
    cr_assert(is_sound(CHECK_METADATA,
                       "{\"type\": \"application_metadata\", \"partition_key\": null, "
                       "\"parent_pointer\": {\"app_id\": null}, \"spawning_parent_pointer\": null}",
                       &fault));
    cr_assert(
        is_sound(CHECK_GRAPH,
                 "{\"type\": \"application\", \"entrypoint\": \"a\", \"actions\": [{\"name\": "
                 "\"a\", \"reads\": [], \"writes\": [\"x\"], \"code\": \"\", \"inputs\": "
                 "[], \"optional_inputs\": []}], \"transitions\": [{\"from_\": \"a\", "
                 "\"to\": \"a\", \"condition\": \"default\"}]}",
                 &fault));
}

Test(check, names_what_is_wrong_and_where) {
    static const struct {
        enum check_kind kind;
        const char *text, *fault;
        size_t at;
    } rows[] = {
        {CHECK_RECORD, "[]", "not an object", 0},
        {CHECK_RECORD, "{\"a\":NaN}", "NaN and Infinity are no JSON", 5},
        {CHECK_RECORD, "{\"a\":\"\xff\"}", "ill-formed UTF-8", 6},
        {CHECK_RECORD, "{} {}", "something follows the object", 3},
        {CHECK_RECORD, "{}", "record: type is missing; it must be a string", 0},
        {CHECK_RECORD, "{\"type\":1}", "record: type must be a string", 8},
        {CHECK_RECORD,
         "{\"type\":\"end_span\",\"end_time\":" TIME
         ",\"action_sequence_id\":1.5,\"span_id\":\"\"}",
         "end_span: action_sequence_id must be an integer", 80},
        {CHECK_RECORD, "{\"type\":\"end_span\",\"end_time\":\"yesterday\"}",
         "end_span: end_time must be a time such as 2026-01-02T03:04:05.000006", 30},
        {CHECK_RECORD,
         "{\"type\":\"end_entry\",\"end_time\":" TIME ",\"action\":\"a\",\"result\":[1]}",
         "end_entry: result must be an object or null", 82},
        {CHECK_RECORD,
         "{\"type\":\"end_entry\",\"end_time\":" TIME ",\"action\":\"a\",\"exception\":\"\"}",
         "end_entry: exception must be a string that is not empty or null", 85},
        {CHECK_RECORD,
         "{\"type\":\"attribute\",\"key\":\"k\",\"action_sequence_id\":1,\"tags\":{}}",
         "attribute: value is missing; it must be any value", 0},
        {CHECK_RECORD,
         "{\"type\":\"attribute\",\"key\":\"k\",\"action_sequence_id\":1,\"value\":1,\"tags\":{"
         "\"a\":1}}",
         "attribute: tags must be an object of strings", 70},
        {CHECK_CHILD, "{\"child\":{}}",
         "child_application_data: child must be an object with an app_id", 9},
        {CHECK_METADATA, "{\"partition_key\":7}",
         "application_metadata: partition_key must be a string or null", 17},
        {CHECK_GRAPH, "{\"entrypoint\":\"a\",\"actions\":[7],\"transitions\":[]}",
         "action: the whole must be an object", 29},
        {CHECK_GRAPH,
         "{\"entrypoint\":\"a\",\"actions\":[{\"name\":\"a\",\"reads\":[1]}],\"transitions\":[]}",
         "action: reads must be a list of strings", 49},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct check_fault fault = {0};
        cr_assert(not(is_sound(rows[i].kind, rows[i].text, &fault)), "row %zu", i);
        expect_text_at(i, fault.text, rows[i].fault);
        cr_assert(eq(sz, fault.at, rows[i].at), "row %zu", i);
    }
}

Test(check, counts_a_repeated_key_once) {
    struct check_fault fault = {0};
    cr_assert(is_sound(CHECK_RECORD,
                       "{\"type\":\"end_span\",\"type\":\"of_the_future\",\"span_id\":1}", &fault));
    cr_assert(
        not(is_sound(CHECK_RECORD, "{\"type\":\"of_the_future\",\"type\":\"end_span\"}", &fault)));
}

Test(check, reads_no_byte_too_many) {
    static const char text[] = "{\"type\":\"end_span\",\"end_time\":" TIME
                               ",\"action_sequence_id\":0,\"span_id\":\"0:0\"}";
    for (size_t length = 0; length < sizeof text - 1; length++) {
        char *copy = malloc(length + 1); /* a sanitizer watches its end */
        struct check_fault fault = {0};
        cr_assert(not(check_text(CHECK_RECORD, memcpy(copy, text, length), length, &fault)));
        cr_assert(fault.text[0] != '\0' && fault.at <= length);
        free(copy);
    }
}
