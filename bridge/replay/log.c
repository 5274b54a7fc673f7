#include "bridge/replay/log.h"

#include <string.h>

#include "bridge/replay/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/json_text.h"
#include "otlp/common/macro.h"
#include "tracking/time_read.h"

enum {
    RECORDS_A_BREATH = 64, /* between two looks at the pipeline and two reports of progress */
};

/* A log while it is read. */
struct reading {
    struct replay_shared *shared;
    struct replay_trace trace;
    struct replay_steps steps;
    uint64_t last_ns; /* the latest time of any record */
    bool is_short;    /* memory was, for a text of the record */
};

static struct replay_counts *counts_of(const struct reading *reading) {
    return reading->shared->counts;
}

static struct json_slice slice_of(weir_slice slice) {
    return (struct json_slice){slice.text, slice.n_bytes};
}

static void report(const struct reading *reading, uint64_t line, const char *what) {
    const struct replay_options *options = reading->shared->options;
    counts_of(reading)->n_broken_lines++;
    if (options->report != NULL) {
        options->report(options->data, reading->trace.run->log_path, line, what);
    }
}

/* Owned; NULL when the member is no string, or memory is short (then is_short says so). */
static char *decode(struct reading *reading, weir_slice member) {
    if (json_kind_of(slice_of(member)) != JSON_STRING) {
        return NULL;
    }
    char *text = json_decode_text(slice_of(member));
    reading->is_short = reading->is_short || text == NULL;
    return text;
}

/* The same for a member that must be there: its absence is reported. */
static char *take_text(struct reading *reading, const weir_record *record, weir_slice member,
                       const char *complaint) {
    if (json_kind_of(slice_of(member)) != JSON_STRING) {
        report(reading, record->line, complaint);
    }
    return decode(reading, member);
}

/* ---- times ---- */

static uint64_t utc_of(struct reading *reading, const weir_record *record,
                       struct time_stamp stamp) {
    uint64_t ns = stamp.ns;
    if (!stamp.is_utc &&
        !replay_offsets_resolve(&reading->trace.run->offsets, record->line, stamp.ns, &ns)) {
        ns = reading->shared->resolve(reading->shared->resolve_data, stamp.ns, reading->last_ns);
    }
    return ns;
}

/* The time of a record in UTC; false (and reported) when it has none. */
static bool take_time(struct reading *reading, const weir_record *record, uint64_t *ns) {
    struct time_stamp stamp;
    if (!replay_stamp_of(record->time, &stamp)) {
        report(reading, record->line, "its time is missing, or no time stamp");
        return false;
    }
    *ns = utc_of(reading, record, stamp);
    reading->last_ns = MAX(reading->last_ns, *ns);
    return true;
}

/* The step a record belongs to; NULL (and counted): it never began. */
static struct replay_step *take_step(struct reading *reading, const weir_record *record,
                                     uint64_t ns) {
    struct replay_step *step = replay_steps_find(&reading->steps, record->sequence_id);
    if (step == NULL) {
        counts_of(reading)->n_without_step++;
        return NULL;
    }
    step->last_ns = MAX(step->last_ns, ns);
    return step;
}

/* ---- steps ---- */

static void finish(struct reading *reading, struct replay_step *step) {
    replay_trace_finish(&reading->trace, step);
    replay_steps_remove(&reading->steps, step);
    replay_step_free(step);
}

static void finish_all(struct reading *reading, bool with_end) {
    struct replay_step *step;
    while ((step = replay_steps_oldest(&reading->steps, with_end)) != NULL) {
        finish(reading, step);
    }
}

static int on_begin_entry(struct reading *reading, const weir_record *record, uint64_t ns) {
    finish_all(reading, true);
    if (reading->steps.n >= REPLAY_MAX_OPEN_STEPS) {
        finish(reading, replay_steps_oldest(&reading->steps, false));
    }
    char *action CLEANUP(mem_cleanup) =
        take_text(reading, record, record->action, "begin_entry without an action");
    if (action == NULL) {
        return 0;
    }
    struct replay_step *step = replay_steps_add(&reading->steps, record->sequence_id, action);
    if (step == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    int error = replay_trace_begin_step(&reading->trace, step, record->line, ns);
    if (error != 0) {
        replay_steps_remove(&reading->steps, step);
        replay_step_free(step);
    }
    return error;
}

/* Keeps the exception's text; null, or an empty text, is none (Burr's page takes it so). */
static int take_exception(struct replay_step *step, const weir_record *record) {
    struct json_slice exception = slice_of(record->exception);
    struct buf text;
    if (json_kind_of(exception) != JSON_STRING || exception.n_bytes == 2) {
        return 0;
    }
    buf_init(&text, exception.n_bytes * 3 + 1);
    json_append_decoded(&text, exception);
    step->n_exception = text.n_bytes;
    step->exception = buf_take_text(&text);
    buf_deinit(&text);
    return step->exception != NULL ? 0 : WEIR_E_NO_MEMORY;
}

static int on_end_entry(struct reading *reading, const weir_record *record, uint64_t ns) {
    char *action CLEANUP(mem_cleanup) =
        take_text(reading, record, record->action, "end_entry without an action");
    if (action == NULL) {
        return 0;
    }
    struct replay_step *step = replay_steps_find_open(&reading->steps, record->sequence_id, action);
    if (step == NULL) {
        counts_of(reading)->n_ends_without_begin++;
        return 0;
    }
    step->has_end = true;
    step->end_ns = ns;
    step->last_ns = MAX(step->last_ns, ns);
    return take_exception(step, record);
}

/* ---- spans and attributes ---- */

static int on_begin_span(struct reading *reading, const weir_record *record, uint64_t ns) {
    struct replay_step *step = take_step(reading, record, ns);
    if (step == NULL) {
        return 0;
    }
    char *uid CLEANUP(mem_cleanup) =
        take_text(reading, record, record->span_id, "begin_span without a span_id");
    char *name CLEANUP(mem_cleanup) =
        uid != NULL ? take_text(reading, record, record->span_name, "begin_span without a name")
                    : NULL;
    if (name == NULL) {
        return 0;
    }
    char *parent_uid CLEANUP(mem_cleanup) = decode(reading, record->parent_span_id);
    const struct replay_span *parent =
        parent_uid != NULL ? replay_step_find_span(step, parent_uid) : NULL;
    counts_of(reading)->n_unknown_parents += parent_uid != NULL && parent == NULL;
    struct replay_span *span = replay_step_add_span(step, uid);
    if (span == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    int error =
        replay_trace_begin_span(&reading->trace, step, span, parent, name, record->line, ns);
    if (error == 0 && step->n_spans > REPLAY_MAX_HELD_SPANS) {
        replay_trace_relieve(&reading->trace, step);
    }
    return error;
}

static int on_end_span(struct reading *reading, const weir_record *record, uint64_t ns) {
    struct replay_step *step = take_step(reading, record, ns);
    char *uid CLEANUP(mem_cleanup) =
        step != NULL ? take_text(reading, record, record->span_id, "end_span without a span_id")
                     : NULL;
    if (uid == NULL) {
        return 0;
    }
    struct replay_span *span = replay_step_find_open_span(step, uid);
    if (span == NULL) {
        counts_of(reading)->n_span_ends_without_begin++;
        return 0;
    }
    span->has_end = true;
    span->end_ns = ns;
    return 0;
}

static int on_attribute(struct reading *reading, const weir_record *record, uint64_t ns) {
    struct replay_step *step = take_step(reading, record, ns);
    char *key CLEANUP(mem_cleanup) =
        step != NULL ? take_text(reading, record, record->key, "attribute without a key") : NULL;
    if (key == NULL) {
        return 0;
    }
    char *uid CLEANUP(mem_cleanup) = decode(reading, record->span_id);
    const struct replay_span *span = uid != NULL ? replay_step_find_span(step, uid) : NULL;
    replay_trace_set(&reading->trace, span != NULL ? span->span : step->span, key,
                     slice_of(record->value));
    return 0;
}

/* ---- streams ---- */

static bool take_double(weir_slice member, double *out) {
    return json_kind_of(slice_of(member)) == JSON_NUMBER && json_to_double(slice_of(member), out);
}

static int on_stream(struct reading *reading, const weir_record *record, uint64_t ns) {
    struct replay_step *step = take_step(reading, record, ns);
    if (step == NULL) {
        return 0;
    }
    struct replay_stream *stream = &step->stream;
    stream->has_begun = true;
    if (record->type == WEIR_RECORD_END_STREAM) {
        stream->has_generation = take_double(record->generation_time_ms, &stream->generation_ms);
        stream->has_consumer = take_double(record->consumer_time_ms, &stream->consumer_ms);
        stream->has_first_item = take_double(record->first_item_time_ms, &stream->first_item_ms);
        stream->has_items = json_kind_of(slice_of(record->items_streamed)) == JSON_NUMBER &&
                            json_to_int64(slice_of(record->items_streamed), &stream->n_items);
    }
    return 0;
}

/* ---- the log ---- */

typedef int on_record_fn(struct reading *reading, const weir_record *record, uint64_t ns);

static on_record_fn *const HANDLERS[] = {
    [WEIR_RECORD_BEGIN_ENTRY] = on_begin_entry, [WEIR_RECORD_END_ENTRY] = on_end_entry,
    [WEIR_RECORD_BEGIN_SPAN] = on_begin_span,   [WEIR_RECORD_END_SPAN] = on_end_span,
    [WEIR_RECORD_ATTRIBUTE] = on_attribute,     [WEIR_RECORD_BEGIN_STREAM] = on_stream,
    [WEIR_RECORD_FIRST_ITEM] = on_stream,       [WEIR_RECORD_END_STREAM] = on_stream,
};

static int take_record(struct reading *reading, const weir_record *record) {
    on_record_fn *handler =
        (size_t)record->type < ARRAY_LENGTH(HANDLERS) ? HANDLERS[record->type] : NULL;
    uint64_t ns;
    counts_of(reading)->n_records++;
    if (handler == NULL) {
        counts_of(reading)->n_other_records++;
        return 0;
    }
    if (record->sequence_id < 0) {
        report(reading, record->line, "its sequence id is missing, or no integer from 0 on");
        return 0;
    }
    if (!take_time(reading, record, &ns)) {
        return 0;
    }
    int error = reading->trace.root == NULL ? replay_trace_begin(&reading->trace, ns) : 0;
    error = error != 0 ? error : handler(reading, record, ns);
    return reading->is_short ? WEIR_E_NO_MEMORY : error;
}

static int make_room(struct reading *reading, weir_error_detail *detail) {
    int error = replay_trace_make_room(&reading->trace);
    return error == 0 ? 0
                      : error_set(detail, error,
                                  "spans were given up on their way; replay again when the "
                                  "receiver answers");
}

static int breathe(struct reading *reading, uint64_t n_bytes, weir_error_detail *detail) {
    struct replay_shared *shared = reading->shared;
    if (shared->options->progress != NULL) {
        shared->options->progress(shared->options->data, shared->done_bytes + n_bytes,
                                  shared->total_bytes);
    }
    return make_room(reading, detail);
}

void replay_log_unreadable(struct replay_shared *shared, const struct replay_run *run,
                           const char *what) {
    shared->counts->n_unreadable_logs++;
    if (shared->options->report != NULL) {
        shared->options->report(shared->options->data, run->log_path, 0, what);
    }
}

/* A log that can no longer be read ends, but not the replay: the other runs go on. */
static int end_unreadable(struct replay_shared *shared, const struct replay_run *run, int error,
                          const weir_error_detail *fault) {
    if (error == WEIR_E_NO_MEMORY) {
        return error;
    }
    replay_log_unreadable(shared, run, fault->message);
    return 0;
}

static int read_records(struct reading *reading, weir_reader *reader, weir_error_detail *detail) {
    weir_error_detail fault = WEIR_ERROR_DETAIL_INIT;
    weir_record record = WEIR_RECORD_INIT;
    uint64_t n_bytes = 0;
    for (uint64_t n = 1;; n++) {
        int got = weir_reader_next(reader, &record, &fault);
        int error = 0;
        if (got == 1) {
            n_bytes += record.whole.n_bytes + 1;
            error = take_record(reading, &record);
        } else if (got == WEIR_E_SYNTAX || got == WEIR_E_TOO_LARGE) {
            report(reading, fault.line, fault.message);
        } else {
            return got == 0 ? 0 : end_unreadable(reading->shared, reading->trace.run, got, &fault);
        }
        if (error == 0 && n % RECORDS_A_BREATH == 0) {
            error = breathe(reading, n_bytes, detail);
        }
        if (error != 0) {
            return error;
        }
    }
}

static void close_reader(weir_reader **reader) {
    weir_reader_close(*reader);
}

/* Whatever happened, what was begun is ended: a span that stays live would be lost. */
static void end_all(struct reading *reading) {
    finish_all(reading, true);
    finish_all(reading, false);
    replay_trace_end(&reading->trace, reading->last_ns);
}

void replay_log_name_faults(struct replay_shared *shared, const struct replay_run *run) {
    weir_reader *reader CLEANUP(close_reader) = NULL;
    weir_error_detail fault = WEIR_ERROR_DETAIL_INIT;
    weir_record record = WEIR_RECORD_INIT;
    const struct reading reading = {.shared = shared, .trace = {.run = run}};
    int got = replay_run_open(run, &reader, &fault) == 0 ? 1 : 0;
    while (got == 1 || got == WEIR_E_SYNTAX || got == WEIR_E_TOO_LARGE) {
        if (got != 1) {
            report(&reading, fault.line, fault.message);
        }
        got = weir_reader_next(reader, &record, &fault);
    }
}

int replay_log_run(struct replay_shared *shared, const struct replay_run *run,
                   const struct replay_place *place, weir_error_detail *detail) {
    weir_reader *reader CLEANUP(close_reader) = NULL;
    weir_error_detail fault = WEIR_ERROR_DETAIL_INIT;
    int error = replay_run_open(run, &reader, &fault);
    if (error != 0) {
        return end_unreadable(shared, run, error, &fault);
    }
    struct reading reading = {
        .shared = shared,
        .trace = {.options = shared->options,
                  .counts = shared->counts,
                  .scratch = shared->scratch,
                  .run = run,
                  .place = place},
    };
    error = read_records(&reading, reader, detail);
    shared->counts->n_torn_logs += weir_reader_torn_bytes(reader) > 0;
    shared->counts->n_bytes += run->n_bytes;
    end_all(&reading);
    return error != 0 ? error : make_room(&reading, detail);
}
