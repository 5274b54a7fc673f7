/*
 * The scan: a walk over the bytes with a stack of its own, by a table of OTLP's trace messages.
 */
#include "otlp/decode.h"

#include <stdbool.h>

#include "otlp/common/error.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "otlp/wire_read.h"

enum field_kind {
    FIELD_VARINT,
    FIELD_I64,
    FIELD_I32,
    FIELD_BYTES,
    FIELD_TEXT,
    FIELD_ID,
    FIELD_MESSAGE,
    FIELD_MESSAGES
};

struct field_row {
    uint32_t number;
    enum field_kind kind;
    const char *name;
    const struct message_row *message; /* FIELD_MESSAGE, FIELD_MESSAGES (repeated) */
    size_t id_bytes;                   /* FIELD_ID: its length, when it is there */
};

struct message_row {
    const char *name;
    const struct field_row *fields;
    size_t n_fields;
    bool is_span, is_resource_spans, is_value;
};

#define FIELDS(rows) .fields = (rows), .n_fields = ARRAY_LENGTH(rows)

static const struct message_row any_value, key_value;

static const struct field_row array_value_fields[] = {
    {1, FIELD_MESSAGES, "values", &any_value},
};
static const struct message_row array_value = {"ArrayValue", FIELDS(array_value_fields)};

static const struct field_row key_value_list_fields[] = {
    {1, FIELD_MESSAGES, "values", &key_value},
};
static const struct message_row key_value_list = {"KeyValueList", FIELDS(key_value_list_fields)};

static const struct field_row any_value_fields[] = {
    {1, FIELD_TEXT, "string_value"},
    {2, FIELD_VARINT, "bool_value"},
    {3, FIELD_VARINT, "int_value"},
    {4, FIELD_I64, "double_value"},
    {5, FIELD_MESSAGE, "array_value", &array_value},
    {6, FIELD_MESSAGE, "kvlist_value", &key_value_list},
    {7, FIELD_BYTES, "bytes_value"},
    {8, FIELD_VARINT, "string_value_strindex"},
};
static const struct message_row any_value = {"AnyValue", FIELDS(any_value_fields),
                                             .is_value = true};

static const struct field_row key_value_fields[] = {
    {1, FIELD_TEXT, "key"},
    {2, FIELD_MESSAGE, "value", &any_value},
};
static const struct message_row key_value = {"KeyValue", FIELDS(key_value_fields)};

static const struct field_row scope_fields[] = {
    {1, FIELD_TEXT, "name"},
    {2, FIELD_TEXT, "version"},
    {3, FIELD_MESSAGES, "attributes", &key_value},
    {4, FIELD_VARINT, "dropped_attributes_count"},
};
static const struct message_row scope = {"InstrumentationScope", FIELDS(scope_fields)};

static const struct field_row resource_fields[] = {
    {1, FIELD_MESSAGES, "attributes", &key_value},
    {2, FIELD_VARINT, "dropped_attributes_count"},
};
static const struct message_row resource = {"Resource", FIELDS(resource_fields)};

static const struct field_row event_fields[] = {
    {1, FIELD_I64, "time_unix_nano"},
    {2, FIELD_TEXT, "name"},
    {3, FIELD_MESSAGES, "attributes", &key_value},
    {4, FIELD_VARINT, "dropped_attributes_count"},
};
static const struct message_row event = {"Event", FIELDS(event_fields)};

static const struct field_row link_fields[] = {
    {1, FIELD_ID, "trace_id", .id_bytes = 16},
    {2, FIELD_ID, "span_id", .id_bytes = 8},
    {3, FIELD_TEXT, "trace_state"},
    {4, FIELD_MESSAGES, "attributes", &key_value},
    {5, FIELD_VARINT, "dropped_attributes_count"},
    {6, FIELD_I32, "flags"},
};
static const struct message_row link_row = {"Link", FIELDS(link_fields)};

static const struct field_row status_fields[] = {
    {2, FIELD_TEXT, "message"},
    {3, FIELD_VARINT, "code"},
};
static const struct message_row status = {"Status", FIELDS(status_fields)};

static const struct field_row span_fields[] = {
    {1, FIELD_ID, "trace_id", .id_bytes = 16},
    {2, FIELD_ID, "span_id", .id_bytes = 8},
    {3, FIELD_TEXT, "trace_state"},
    {4, FIELD_ID, "parent_span_id", .id_bytes = 8},
    {5, FIELD_TEXT, "name"},
    {6, FIELD_VARINT, "kind"},
    {7, FIELD_I64, "start_time_unix_nano"},
    {8, FIELD_I64, "end_time_unix_nano"},
    {9, FIELD_MESSAGES, "attributes", &key_value},
    {10, FIELD_VARINT, "dropped_attributes_count"},
    {11, FIELD_MESSAGES, "events", &event},
    {12, FIELD_VARINT, "dropped_events_count"},
    {13, FIELD_MESSAGES, "links", &link_row},
    {14, FIELD_VARINT, "dropped_links_count"},
    {15, FIELD_MESSAGE, "status", &status},
    {16, FIELD_I32, "flags"},
};
static const struct message_row span = {"Span", FIELDS(span_fields), .is_span = true};

static const struct field_row scope_spans_fields[] = {
    {1, FIELD_MESSAGE, "scope", &scope},
    {2, FIELD_MESSAGES, "spans", &span},
    {3, FIELD_TEXT, "schema_url"},
};
static const struct message_row scope_spans = {"ScopeSpans", FIELDS(scope_spans_fields)};

static const struct field_row resource_spans_fields[] = {
    {1, FIELD_MESSAGE, "resource", &resource},
    {2, FIELD_MESSAGES, "scope_spans", &scope_spans},
    {3, FIELD_TEXT, "schema_url"},
};
static const struct message_row resource_spans = {"ResourceSpans", FIELDS(resource_spans_fields),
                                                  .is_resource_spans = true};

static const struct field_row request_fields[] = {
    {1, FIELD_MESSAGES, "resource_spans", &resource_spans},
};
static const struct message_row request = {"ExportTraceServiceRequest", FIELDS(request_fields)};

/* A message being read. */
struct frame {
    struct wire_reader reader;
    const struct message_row *row;
    uint32_t seen; /* bit n: the single message field number n was there */
};

struct scan {
    const uint8_t *start;
    struct frame frames[DECODE_MAX_FRAMES];
    size_t n_frames;
    size_t n_values; /* AnyValues among the frames */
    struct decode_counts counts;
    weir_error_detail *detail;
};

static const struct field_row *find_field(const struct message_row *row, uint32_t number) {
    for (size_t i = 0; i < row->n_fields; i++) {
        if (row->fields[i].number == number) {
            return &row->fields[i];
        }
    }
    return NULL;
}

static enum wire_type type_of(enum field_kind kind) {
    switch (kind) {
    case FIELD_VARINT: return WIRE_VARINT;
    case FIELD_I64: return WIRE_I64;
    case FIELD_I32: return WIRE_I32;
    default: return WIRE_LEN;
    }
}

static int refuse(struct scan *scan, const struct field_row *field, const char *what) {
    const struct frame *frame = &scan->frames[scan->n_frames - 1];
    uint64_t position = (uint64_t)(frame->reader.at - scan->start);
    return error_set_at(scan->detail, WEIR_E_SYNTAX, position, 0, "%s%s%s %s (near byte %llu)",
                        frame->row->name, field != NULL ? "." : "",
                        field != NULL ? field->name : "", what, (unsigned long long)position);
}

static int push(struct scan *scan, const struct message_row *row, const struct wire_field *field) {
    bool is_too_deep = scan->n_frames == DECODE_MAX_FRAMES ||
                       (row->is_value && scan->n_values == DECODE_MAX_NESTED_VALUES);
    if (is_too_deep) {
        return error_set_at(scan->detail, WEIR_E_TOO_LARGE, (uint64_t)(field->bytes - scan->start),
                            0, "an attribute value is nested more than %d deep",
                            DECODE_MAX_NESTED_VALUES);
    }
    scan->frames[scan->n_frames++] =
        (struct frame){wire_reader_over(field->bytes, field->n_bytes), row, 0};
    scan->n_values += row->is_value;
    scan->counts.n_spans += row->is_span;
    scan->counts.n_resources += row->is_resource_spans;
    return 0;
}

static void pop(struct scan *scan) {
    scan->n_frames--;
    scan->n_values -= scan->frames[scan->n_frames].row->is_value;
}

/* Notes a single message field; false when it was there before. */
static bool is_first(struct frame *frame, uint32_t number) {
    uint32_t bit = UINT32_C(1) << number;
    bool is_new = (frame->seen & bit) == 0;
    frame->seen |= bit;
    return is_new;
}

static int check_field(struct scan *scan, const struct wire_field *found) {
    struct frame *frame = &scan->frames[scan->n_frames - 1];
    const struct field_row *row = find_field(frame->row, found->number);
    if (row == NULL) {
        return 0; /* fields that we do not know are passed over (A52) */
    }
    if (found->type != type_of(row->kind)) {
        return refuse(scan, row, "has the wrong wire type");
    }
    switch (row->kind) {
    case FIELD_TEXT:
        return utf8_is_valid((const char *)found->bytes, found->n_bytes)
                   ? 0
                   : refuse(scan, row, "is not UTF-8");
    case FIELD_ID:
        return found->n_bytes == 0 || found->n_bytes == row->id_bytes
                   ? 0
                   : refuse(scan, row, "does not have the length of an id");
    case FIELD_MESSAGE:
        return is_first(frame, row->number) ? push(scan, row->message, found)
                                            : refuse(scan, row, "stands twice");
    case FIELD_MESSAGES: return push(scan, row->message, found);
    default: return 0;
    }
}

static int scan_all(struct scan *scan) {
    while (scan->n_frames > 0) {
        struct wire_field found;
        int result = wire_read(&scan->frames[scan->n_frames - 1].reader, &found);
        if (result == 0) {
            pop(scan);
            continue;
        }
        result = result < 0 ? refuse(scan, NULL, "is cut off or is no protobuf")
                            : check_field(scan, &found);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int decode_scan(const uint8_t *bytes, size_t n_bytes, struct decode_counts *counts,
                weir_error_detail *detail) {
    struct scan scan = {.start = bytes, .detail = detail, .n_frames = 1};
    scan.frames[0] = (struct frame){wire_reader_over(bytes, n_bytes), &request, 0};
    int error = scan_all(&scan);
    if (error == 0 && counts != NULL) {
        *counts = scan.counts;
    }
    return error;
}
