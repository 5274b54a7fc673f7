/* What the tracker writes of a run: fields that the lifecycle decides. Their form is tracking's. */
#include <string.h>

#include "tests/bridge/rig.h"
#include "tests/golden/json_tree.h"

TestSuite(adapter_tracker);

#define STREAMS &WEIR_STEP_OPTIONS(.streams = true)

/* A member of the last record of that type, as it is written; "absent". */
static const char *field(struct rig *rig, const char *type, const char *member) {
    const char *line = rig_file(rig, "a", "log.jsonl"), *found = "absent";
    for (; *line != '\0'; line += strcspn(line, "\n") + 1) {
        struct json_slice record = {line, strcspn(line, "\n")};
        struct json_slice value = json_tree_member(record, member);
        if (json_string_is(json_tree_member(record, "type"), type) && value.text != NULL) {
            found = arena_copy(&rig->arena, value.text, value.n_bytes);
        }
    }
    return found;
}

Test(adapter_tracker, errors_are_never_an_empty_text) {
    static const struct {
        weir_error error;
        const char *expected;
    } rows[] = {
        {{"ValueError", "boom"}, "\"ValueError: boom\\n\""},
        {{"ValueError", ""}, "\"ValueError\\n\""},
        {{"ValueError", NULL}, "\"ValueError\\n\""},
        {{NULL, "boom"}, "\"Error: boom\\n\""},
        {{"", ""}, "\"Error\\n\""},
        {{NULL, NULL}, "\"Error\\n\""},
        {{"E", "two\nlines \xff"}, "\"E: two\\nlines \xef\xbf\xbd\\n\""},
    };
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        struct rig *rig CLEANUP(rig_close) = RIG();
        struct rig_run run = rig_begin(rig, NULL);
        weir_step_end(run.step, &WEIR_STEP_RESULT(.error = &rows[i].error));
        expect_text_at(i, field(rig, "end_entry", "exception"), rows[i].expected);
    }
}

Test(adapter_tracker, an_abandoned_stream_is_a_generator_exit) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_abandon(stream);
    weir_step_end(run.step, NULL);
    expect_text(field(rig, "end_entry", "exception"), "\"GeneratorExit\\n\"");
}

Test(adapter_tracker, times_of_a_stream) {
    struct rig *rig CLEANUP(rig_close) = RIG(.streaming_mode = WEIR_STREAMING_EVENT);
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    weir_stream_pull(stream);
    rig_pass(rig, 10);
    weir_stream_yield(stream);
    rig_pass(rig, 5);
    weir_stream_pull(stream);
    rig_pass(rig, 20);
    weir_stream_produced(stream);
    weir_step_end(run.step, NULL);
    weir_stream_end(stream);
    expect_text(field(rig, "end_stream", "items_streamed"), "1");
    expect_text(field(rig, "end_stream", "generation_time_ms"), "30.0");
    expect_text(field(rig, "end_stream", "consumer_time_ms"), "5.0");
    expect_text(field(rig, "end_stream", "first_item_time_ms"), "10.0");
}

Test(adapter_tracker, what_never_happened_is_null) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    weir_step_end(run.step, NULL);
    weir_stream_end(stream);
    expect_text(field(rig, "end_stream", "items_streamed"), "0");
    expect_text(field(rig, "end_stream", "generation_time_ms"), "null");
    expect_text(field(rig, "end_stream", "consumer_time_ms"), "null");
    expect_text(field(rig, "end_stream", "first_item_time_ms"), "null");
    weir_step *next = weir_step_begin(run.call, "next", STREAMS);
    stream = weir_stream_begin(next);
    weir_stream_pull(stream);
    rig_pass(rig, 3);
    weir_stream_exhausted(stream);
    weir_step_end(next, NULL);
    weir_stream_end(stream);
    expect_text(field(rig, "end_stream", "generation_time_ms"), "3.0");
    expect_text(field(rig, "end_stream", "first_item_time_ms"), "null");
}

Test(adapter_tracker, the_first_item_is_one_record) {
    struct rig *rig CLEANUP(rig_close) = RIG();
    struct rig_run run = rig_begin(rig, STREAMS);
    weir_stream *stream = weir_stream_begin(run.step);
    for (int i = 0; i < 3; i++) {
        weir_stream_pull(stream);
        weir_stream_yield(stream);
    }
    weir_step_end(run.step, NULL);
    weir_stream_end(stream);
    expect_text(rig_records(rig, "a"), "begin_entry 0, begin_stream 0, first_item_stream 0, "
                                       "end_entry 0, end_stream 0");
}

Test(adapter_tracker, the_log_is_the_same_in_every_mode) {
    const char *first = NULL;
    struct rig *rigs[4];
    for (unsigned i = 0; i < 4; i++) {
        rigs[i] = RIG(.streaming_mode = (weir_streaming_mode)(WEIR_STREAMING_SINGLE_SPAN + i));
        struct rig_run run = rig_begin(rigs[i], STREAMS);
        weir_stream *stream = weir_stream_begin(run.step);
        weir_stream_pull(stream);
        rig_pass(rigs[i], 3);
        weir_set(run.step, "k", 1);
        weir_span_end(weir_span_begin(run.step, "inside", NULL));
        weir_stream_yield(stream);
        weir_stream_abandon(stream);
        weir_step_end(run.step, NULL);
        weir_stream_end(stream);
        const char *log = rig_file(rigs[i], "a", "log.jsonl");
        first = first != NULL ? first : log;
        expect_text_at(i, log, first);
    }
    for (unsigned i = 0; i < 4; i++) {
        rig_close(&rigs[i]);
    }
}

Test(adapter_tracker, children_carry_the_partition_key_unless_exact) {
    for (int exact = 0; exact < 2; exact++) {
        struct rig *rig CLEANUP(rig_close) = RIG(.burr_exact = exact);
        struct rig_run run = rig_begin(rig, NULL);
        weir_app_free(weir_app_new(rig->w, &WEIR_APP_OPTIONS(.app_id = "c", .partition_key = "user",
                                                             .spawning_step = run.step)));
        const char *children = rig_file(rig, "a", "children.jsonl");
        const char *expected = exact ? "\"partition_key\":null" : "\"partition_key\":\"user\"";
        cr_assert(ne(ptr, strstr(children, expected), NULL), "%s", children);
    }
}
