/*
 * The scan: a walk over the bytes with a stack of its own, by the table of OTLP's messages.
 */
#include "otlp/decode.h"

#include <inttypes.h>
#include <stdbool.h>

#include "otlp/common/error.h"
#include "otlp/common/utf8.h"
#include "otlp/bounds.h"
#include "otlp/schema.h"
#include "otlp/wire_read.h"

/* A message being read. */
struct frame {
    struct wire_reader reader;
    const struct schema_message *message;
    uint32_t seen; /* bit n: a message that may stand once, number n, was there */
};

struct scan {
    const uint8_t *start;
    struct frame frames[DECODE_MAX_FRAMES];
    size_t n_frames;
    size_t n_values; /* AnyValues among the frames */
    struct decode_counts counts;
    weir_error_detail *detail;
};

static int refuse(struct scan *scan, const char *name, const char *what) {
    const struct wire_reader *reader = &scan->frames[scan->n_frames - 1].reader;
    uint64_t position = (uint64_t)(reader->at - scan->start);
    return error_set_at(scan->detail, WEIR_E_SYNTAX, position, 0, "%s %s (near byte %" PRIu64 ")",
                        name, what, position);
}

static int push(struct scan *scan, const struct schema_message *message,
                const struct wire_field *field) {
    bool is_value = message == &schema_any_value;
    if (scan->n_frames == DECODE_MAX_FRAMES ||
        (is_value && scan->n_values == DECODE_MAX_NESTED_VALUES)) {
        return error_set_at(scan->detail, WEIR_E_TOO_LARGE, (uint64_t)(field->bytes - scan->start),
                            0, "an attribute value is nested more than %d deep",
                            DECODE_MAX_NESTED_VALUES);
    }
    scan->frames[scan->n_frames++] = (struct frame){
        .reader = wire_reader_over(field->bytes, field->n_bytes), .message = message};
    scan->n_values += is_value;
    scan->counts.n_spans += message == &schema_span;
    scan->counts.n_resources += message == &schema_resource_spans;
    return 0;
}

static void pop(struct scan *scan) {
    scan->n_frames--;
    scan->n_values -= scan->frames[scan->n_frames].message == &schema_any_value;
}

/* Notes a message that may stand once; false when it was there before. */
static bool is_first(struct frame *frame, uint32_t number) {
    uint32_t bit = UINT32_C(1) << number;
    bool is_new = (frame->seen & bit) == 0;
    frame->seen |= bit;
    return is_new;
}

static int check_member(struct scan *scan, const struct schema_member *member,
                        const struct wire_field *found) {
    struct frame *frame = &scan->frames[scan->n_frames - 1];
    switch (member->kind) {
    case SCHEMA_STRING:
        return utf8_is_valid((const char *)found->bytes, found->n_bytes)
                   ? 0
                   : refuse(scan, member->name, "is not UTF-8");
    case SCHEMA_ID:
        return found->n_bytes == 0 || found->n_bytes == member->n_id_bytes
                   ? 0
                   : refuse(scan, member->name, "does not have the length of an id");
    case SCHEMA_MESSAGE:
        return member->presence == SCHEMA_REPEATED || is_first(frame, member->number)
                   ? push(scan, member->message, found)
                   : refuse(scan, member->name, "stands twice");
    default: return 0;
    }
}

static int check_field(struct scan *scan, const struct wire_field *found) {
    const struct schema_message *message = scan->frames[scan->n_frames - 1].message;
    const struct schema_member *member = schema_find(message, found->number);
    if (member == NULL) {
        return 0; /* fields that we do not know are passed over (A52) */
    }
    if (found->type != schema_wire_type(member->kind)) {
        return refuse(scan, member->name, "has the wrong wire type");
    }
    return check_member(scan, member, found);
}

static int scan_all(struct scan *scan) {
    while (scan->n_frames > 0) {
        struct wire_field found;
        int result = wire_read(&scan->frames[scan->n_frames - 1].reader, &found);
        if (result == 0) {
            pop(scan);
            continue;
        }
        result = result < 0 ? refuse(scan, "the request", "is cut off or no protobuf")
                            : check_field(scan, &found);
        if (result != 0) {
            return result;
        }
    }
    return 0;
}

int decode_scan(const uint8_t *bytes, size_t n_bytes, struct decode_counts *counts,
                weir_error_detail *detail) {
    struct scan scan; /* not cleared: frames are made as they are pushed */
    scan.start = bytes;
    scan.n_frames = 1;
    scan.n_values = 0;
    scan.counts = (struct decode_counts){0};
    scan.detail = detail;
    scan.frames[0] =
        (struct frame){.reader = wire_reader_over(bytes, n_bytes), .message = &schema_request};
    int error = scan_all(&scan);
    if (error == 0 && counts != NULL) {
        *counts = scan.counts;
    }
    return error;
}
