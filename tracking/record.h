/*
 * The lines of log.jsonl and children.jsonl, field by field in Burr's order. Pure: text in, text
 * out.
 *
 * Each function appends one whole line with its line feed. What does not fit or is no JSON leaves
 * its error in the buffer.
 */
#pragma once

#include <weir/tracking.h>

#include "otlp/common/buf.h"
#include "tracking/time_text.h"

/* Where a line goes, and the stamps of the last second in both spellings. */
struct record_writer {
    struct buf *out;
    struct time_text_cache local, utc;
};

void record_begin_entry(struct record_writer *to, uint64_t unix_ns, const char *action,
                        const weir_value *inputs, int64_t sequence_id);
void record_end_entry(struct record_writer *to, uint64_t unix_ns, const char *action,
                      const weir_value *result, const char *exception, const weir_value *state,
                      int64_t sequence_id);
void record_begin_span(struct record_writer *to, uint64_t unix_ns, int64_t sequence_id,
                       const char *span_id, const char *name, const char *parent_span_id,
                       const char *const *dependencies);
void record_end_span(struct record_writer *to, uint64_t unix_ns, int64_t sequence_id,
                     const char *span_id);
void record_attribute(struct record_writer *to, uint64_t unix_ns, int64_t sequence_id,
                      const char *span_id, const weir_key_value *attribute);
void record_begin_stream(struct record_writer *to, uint64_t unix_ns, int64_t sequence_id);
void record_first_item(struct record_writer *to, uint64_t unix_ns, int64_t sequence_id);
void record_end_stream(struct record_writer *to, uint64_t unix_ns, int64_t sequence_id,
                       const weir_stream_times *times);

/* A line of the parent's children.jsonl. event_type: "fork" or "spawn_start". */
void record_child(struct record_writer *to, uint64_t unix_ns, const char *app_id,
                  const char *partition_key, const char *event_type, const weir_pointer *parent);
