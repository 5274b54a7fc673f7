#include "otlp/decode_json.h"

#include <inttypes.h>
#include <stdbool.h>

#include "otlp/bounds.h"
#include "otlp/common/error.h"
#include "otlp/common/json_text.h"
#include "otlp/common/utf8.h"
#include "otlp/decode_json_scalar.h"
#include "otlp/schema.h"
#include "otlp/wire.h"

/* A message being written: a JSON object being read. */
struct frame {
    const struct schema_message *message;
    const struct schema_member *array; /* the repeated member being read, or NULL */
    size_t mark;                       /* of wire_open; the outermost has none */
};

struct walk {
    struct json_cursor cursor;
    struct buf *out;
    struct frame frames[DECODE_MAX_FRAMES];
    size_t depth;
    weir_error_detail *detail;
};

/* ---- faults ---- */

/* What the JSON reader found. */
static int refuse_text(struct walk *walk, int error) {
    return error_set_at(walk->detail, error, walk->cursor.at, 0, "JSON: %s at byte %zu",
                        walk->cursor.fault, walk->cursor.at);
}

static int refuse(struct walk *walk, const struct schema_member *member, const char *expected) {
    size_t at = walk->cursor.at;
    return error_set_at(walk->detail, WEIR_E_SYNTAX, at, 0, "%s is not %s (near byte %zu)",
                        member->name, expected, at);
}

static int refuse_depth(struct walk *walk) {
    return error_set_at(walk->detail, WEIR_E_TOO_LARGE, walk->cursor.at, 0,
                        "an attribute value is nested more than %d deep", DECODE_MAX_NESTED_VALUES);
}

static int explain_output(struct walk *walk) {
    int error = buf_error(walk->out);
    return error == WEIR_E_TOO_LARGE ? error_set(walk->detail, error, "the request is too large")
           : error != 0              ? error_set(walk->detail, error, "no memory for the request")
                                     : 0;
}

/* ---- the walk ---- */

static const struct schema_member *find_member(const struct schema_message *message,
                                               struct json_slice key) {
    for (size_t i = 0; i < message->n_members; i++) {
        if (json_string_is(key, message->members[i].name)) {
            return &message->members[i];
        }
    }
    return NULL;
}

static int skip(struct walk *walk) {
    int error = json_skip(&walk->cursor, NULL);
    return error != 0 ? refuse_text(walk, error) : 0;
}

static int push(struct walk *walk, const struct schema_message *message, size_t mark) {
    if (walk->depth == DECODE_MAX_FRAMES) {
        return refuse_depth(walk);
    }
    int error = json_enter(&walk->cursor, '{');
    if (error != 0) {
        return refuse_text(walk, error);
    }
    walk->frames[walk->depth++] = (struct frame){.message = message, .mark = mark};
    return 0;
}

static void pop(struct walk *walk) {
    struct frame *frame = &walk->frames[--walk->depth];
    if (walk->depth > 0) {
        wire_close(walk->out, frame->mark);
    }
}

/* One value of a member: all of it, or an item of its array. */
static int read_value(struct walk *walk, const struct schema_member *member) {
    if (member->kind == SCHEMA_MESSAGE) {
        size_t mark = wire_open(walk->out, (uint8_t)(member->number << 3 | WIRE_LEN));
        return push(walk, member->message, mark);
    }
    struct json_slice value;
    int error = json_skip(&walk->cursor, &value);
    if (error != 0) {
        return refuse_text(walk, error);
    }
    const char *expected = decode_json_scalar(walk->out, member, value);
    return expected != NULL ? refuse(walk, member, expected) : 0;
}

/* A null among values is an empty one, in its place (A42); elsewhere an item must be something. */
static int read_null_item(struct walk *walk, const struct schema_member *member) {
    if (member->message != &schema_any_value) {
        return refuse(walk, member, "free of null");
    }
    wire_close(walk->out, wire_open(walk->out, (uint8_t)(member->number << 3 | WIRE_LEN)));
    return skip(walk);
}

static int step_array(struct walk *walk, struct frame *frame) {
    int more = json_next_element(&walk->cursor);
    if (more < 0) {
        return refuse_text(walk, more);
    }
    if (more == 0) {
        frame->array = NULL;
        return 0;
    }
    return json_next_kind(&walk->cursor) == JSON_NULL ? read_null_item(walk, frame->array)
                                                      : read_value(walk, frame->array);
}

static int step_member(struct walk *walk, struct frame *frame) {
    struct json_slice key;
    int more = json_next_key(&walk->cursor, &key);
    if (more < 0) {
        return refuse_text(walk, more);
    }
    if (more == 0) {
        pop(walk);
        return 0;
    }
    const struct schema_member *member = find_member(frame->message, key);
    bool is_ignored = member == NULL || member->presence == SCHEMA_UNUSED ||
                      json_next_kind(&walk->cursor) == JSON_NULL; /* B16, A39, B18 */
    if (is_ignored) {
        return skip(walk);
    }
    if (member->presence != SCHEMA_REPEATED) {
        return read_value(walk, member);
    }
    int error = json_enter(&walk->cursor, '[');
    frame->array = member;
    return error != 0 ? refuse_text(walk, error) : 0;
}

static int walk_all(struct walk *walk) {
    int error = push(walk, &schema_request, 0);
    while (error == 0 && walk->depth > 0 && buf_error(walk->out) == 0) {
        struct frame *frame = &walk->frames[walk->depth - 1];
        error = frame->array != NULL ? step_array(walk, frame) : step_member(walk, frame);
    }
    if (error == 0) {
        error = explain_output(walk);
    }
    if (error == 0 && !json_at_end(&walk->cursor)) {
        walk->cursor.fault = "something follows the value";
        error = refuse_text(walk, WEIR_E_SYNTAX);
    }
    return error;
}

int decode_json(const char *text, size_t n_bytes, struct buf *out, weir_error_detail *detail) {
    if (n_bytes == 0) {
        return 0;
    }
    size_t n_valid = utf8_valid_prefix(text, n_bytes);
    if (n_valid < n_bytes) {
        return error_set_at(detail, WEIR_E_SYNTAX, n_valid, 0, "JSON: ill-formed UTF-8 at byte %zu",
                            n_valid);
    }
    struct walk walk; /* not cleared: frames are made as they are pushed */
    walk.cursor = json_cursor_over(text, n_bytes);
    walk.out = out;
    walk.depth = 0;
    walk.detail = detail;
    return walk_all(&walk);
}
