#include "tracking/record.h"

#include <string.h>

#include "otlp/common/json_write.h"

/* Not inlined: the literals of all records with an append each were 6 kB. */
static __attribute__((noinline)) void put(struct record_writer *to, const char *literal) {
    buf_append_text(to->out, literal);
}

static void put_string(struct record_writer *to, const char *text) {
    if (text == NULL) {
        put(to, "null");
    } else {
        json_write_string(to->out, text, strlen(text), JSON_COMPACT);
    }
}

/* Never the empty string: Burr's page tests it for truth. */
static void put_exception(struct record_writer *to, const char *exception) {
    put_string(to, exception != NULL && *exception == '\0' ? "\n" : exception);
}

static void put_value(struct record_writer *to, const weir_value *value, const char *absent) {
    if (value == NULL) {
        put(to, absent);
    } else {
        json_write_value(to->out, value, JSON_COMPACT);
    }
}

static void put_local(struct record_writer *to, uint64_t unix_ns) {
    put(to, "\"");
    time_text_local(to->out, unix_ns, &to->local);
    put(to, "\"");
}

static void put_utc(struct record_writer *to, uint64_t unix_ns) {
    put(to, "\"");
    time_text_utc(to->out, unix_ns, &to->utc);
    put(to, "\"");
}

static void put_milliseconds(struct record_writer *to, uint64_t ns, bool is_known) {
    if (is_known) {
        json_write_double(to->out, (double)ns / 1e6, JSON_COMPACT);
    } else {
        put(to, "null");
    }
}

void record_begin_entry(struct record_writer *to, uint64_t unix_ns, const char *action,
                        const weir_value *inputs, int64_t sequence_id) {
    put(to, "{\"type\":\"begin_entry\",\"start_time\":");
    put_local(to, unix_ns);
    put(to, ",\"action\":");
    put_string(to, action);
    put(to, ",\"inputs\":");
    put_value(to, inputs, "{}");
    put(to, ",\"sequence_id\":");
    json_write_int(to->out, sequence_id);
    put(to, "}\n");
}

void record_end_entry(struct record_writer *to, uint64_t unix_ns, const char *action,
                      const weir_value *result, const char *exception, const weir_value *state,
                      int64_t sequence_id) {
    put(to, "{\"type\":\"end_entry\",\"end_time\":");
    put_local(to, unix_ns);
    put(to, ",\"action\":");
    put_string(to, action);
    put(to, ",\"result\":");
    put_value(to, result, "null");
    put(to, ",\"exception\":");
    put_exception(to, exception);
    put(to, ",\"state\":");
    put_value(to, state, "{}");
    put(to, ",\"sequence_id\":");
    json_write_int(to->out, sequence_id);
    put(to, "}\n");
}

void record_begin_span(struct record_writer *to, uint64_t unix_ns, int64_t sequence_id,
                       const char *span_id, const char *name, const char *parent_span_id,
                       const char *const *dependencies) {
    put(to, "{\"type\":\"begin_span\",\"start_time\":");
    put_local(to, unix_ns);
    put(to, ",\"action_sequence_id\":");
    json_write_int(to->out, sequence_id);
    put(to, ",\"span_id\":");
    put_string(to, span_id);
    put(to, ",\"span_name\":");
    put_string(to, name);
    put(to, ",\"parent_span_id\":");
    put_string(to, parent_span_id);
    put(to, ",\"span_dependencies\":[");
    for (size_t i = 0; dependencies != NULL && dependencies[i] != NULL; i++) {
        put(to, i > 0 ? "," : "");
        put_string(to, dependencies[i]);
    }
    put(to, "]}\n");
}

void record_end_span(struct record_writer *to, uint64_t unix_ns, int64_t sequence_id,
                     const char *span_id) {
    put(to, "{\"type\":\"end_span\",\"end_time\":");
    put_local(to, unix_ns);
    put(to, ",\"action_sequence_id\":");
    json_write_int(to->out, sequence_id);
    put(to, ",\"span_id\":");
    put_string(to, span_id);
    put(to, "}\n");
}

void record_attribute(struct record_writer *to, uint64_t unix_ns, int64_t sequence_id,
                      const char *span_id, const weir_key_value *attribute) {
    put(to, "{\"type\":\"attribute\",\"key\":");
    put_string(to, attribute->key);
    put(to, ",\"action_sequence_id\":");
    json_write_int(to->out, sequence_id);
    put(to, ",\"span_id\":");
    put_string(to, span_id);
    put(to, ",\"value\":");
    put_value(to, &attribute->value, "null");
    put(to, ",\"tags\":{},\"time_logged\":");
    put_utc(to, unix_ns);
    put(to, "}\n");
}

/* The stream lines share their beginning; span_id is always null in Burr's. */
static void put_stream_head(struct record_writer *to, const char *type, int64_t sequence_id) {
    put(to, "{\"type\":\"");
    put(to, type);
    put(to, "\",\"action_sequence_id\":");
    json_write_int(to->out, sequence_id);
    put(to, ",\"span_id\":null,");
}

void record_begin_stream(struct record_writer *to, uint64_t unix_ns, int64_t sequence_id) {
    put_stream_head(to, "begin_stream", sequence_id);
    put(to, "\"stream_init_time\":");
    put_utc(to, unix_ns);
    put(to, "}\n");
}

void record_first_item(struct record_writer *to, uint64_t unix_ns, int64_t sequence_id) {
    put_stream_head(to, "first_item_stream", sequence_id);
    put(to, "\"first_item_time\":");
    put_utc(to, unix_ns);
    put(to, "}\n");
}

void record_end_stream(struct record_writer *to, uint64_t unix_ns, int64_t sequence_id,
                       const weir_stream_times *times) {
    put_stream_head(to, "end_stream", sequence_id);
    put(to, "\"end_time\":");
    put_utc(to, unix_ns);
    put(to, ",\"items_streamed\":");
    json_write_int(to->out, (int64_t)times->items_streamed);
    put(to, ",\"generation_time_ms\":");
    put_milliseconds(to, times->generation_ns, times->has_pulls);
    put(to, ",\"consumer_time_ms\":");
    put_milliseconds(to, times->consumer_ns, times->has_pulls);
    put(to, ",\"first_item_time_ms\":");
    put_milliseconds(to, times->first_item_ns, times->has_pulls && times->has_first_item);
    put(to, "}\n");
}

void record_child(struct record_writer *to, uint64_t unix_ns, const char *app_id,
                  const char *partition_key, const char *event_type, const weir_pointer *parent) {
    put(to,
        "{\"type\":\"child_application_data\",\"child\":{\"type\":\"pointer_data\",\"app_id\":");
    put_string(to, app_id);
    put(to, ",\"sequence_id\":null,\"partition_key\":");
    put_string(to, partition_key);
    put(to, "},\"event_time\":");
    put_local(to, unix_ns);
    put(to, ",\"event_type\":\"");
    put(to, event_type);
    put(to, "\",\"sequence_id\":");
    if (parent->has_sequence_id) {
        json_write_int(to->out, parent->sequence_id);
    } else {
        put(to, "null");
    }
    put(to, "}\n");
}
