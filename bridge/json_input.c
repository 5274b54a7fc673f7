#include "bridge/json_input.h"

#include <string.h>

#include <weir/error.h>

#include "bridge/bounds.h"
#include "otlp/common/bounds.h"
#include "otlp/common/buf.h"
#include "otlp/common/json_text.h"
#include "otlp/common/json_write.h"
#include "otlp/common/macro.h"

static const char SEQUENCE_ID[] = "__SEQUENCE_ID";
static const char PRIOR_STEP[] = "__PRIOR_STEP";

int json_input(const char *text, const weir_value *value, bool must_be_object, struct blob **out) {
    *out = NULL;
    if (text == NULL && value == NULL) {
        return 0;
    }
    weir_value leaf = text != NULL ? weir_value_json(text) : *value;
    struct buf CLEANUP(buf_deinit) compact;
    buf_init(&compact, WEIR_MAX_STATE_BYTES);
    json_write_value(&compact, &leaf, JSON_COMPACT);
    if (buf_error(&compact) != 0) {
        return buf_error(&compact);
    }
    if (must_be_object && (compact.n_bytes == 0 || compact.data[0] != '{')) {
        return WEIR_E_SYNTAX;
    }
    *out = blob_new((const char *)compact.data, compact.n_bytes);
    return *out != NULL ? 0 : WEIR_E_NO_MEMORY;
}

weir_value json_value(const struct blob *blob) {
    return blob != NULL ? weir_value_json_n(blob->bytes, blob->n_bytes) : (weir_value){0};
}

/* The top-level member of an object; false when there is none. */
static bool find_member(const struct blob *object, const char *key, struct json_slice *out) {
    struct json_cursor c = json_cursor_over(object->bytes, object->n_bytes);
    struct json_slice name, value;
    bool found = false;
    if (json_enter(&c, '{') != 0) {
        return false;
    }
    while (json_next_member(&c, &name, &value) == 1) {
        if (json_string_is(name, key)) {
            *out = value;
            found = true; /* go on: of repeated keys the last one counts */
        }
    }
    return found;
}

bool json_sequence_id(const struct blob *state, int64_t *out) {
    struct json_slice value;
    return state != NULL && find_member(state, SEQUENCE_ID, &value) && json_to_int64(value, out);
}

static void write_key(struct buf *out, const char *key, bool *is_first) {
    if (!*is_first) {
        buf_append_byte(out, ',');
    }
    *is_first = false;
    json_write_string(out, key, strlen(key), JSON_COMPACT);
    buf_append_byte(out, ':');
}

static void write_sequence_id(struct buf *out, int64_t sequence_id, bool *is_first) {
    write_key(out, SEQUENCE_ID, is_first);
    json_write_int(out, sequence_id);
}

static void write_prior_step(struct buf *out, const char *action, bool *is_first) {
    write_key(out, PRIOR_STEP, is_first);
    json_write_string(out, action, strlen(action), JSON_COMPACT);
}

/* Copies a state's members, the internal ones renewed where they stand. */
static void write_state(struct buf *out, const struct blob *base, int64_t sequence_id,
                        const char *action) {
    struct json_cursor c = json_cursor_over(base->bytes, base->n_bytes);
    struct json_slice name, value;
    bool is_first = true, has_id = false, has_prior = false;
    (void)json_enter(&c, '{');
    buf_append_byte(out, '{');
    while (json_next_member(&c, &name, &value) == 1) {
        if (json_string_is(name, SEQUENCE_ID)) {
            write_sequence_id(out, sequence_id, &is_first);
            has_id = true;
        } else if (action != NULL && json_string_is(name, PRIOR_STEP)) {
            write_prior_step(out, action, &is_first);
            has_prior = true;
        } else {
            buf_append(out, is_first ? "" : ",", is_first ? 0 : 1);
            is_first = false;
            buf_append(out, name.text, name.n_bytes);
            buf_append_byte(out, ':');
            buf_append(out, value.text, value.n_bytes);
        }
    }
    if (!has_id) {
        write_sequence_id(out, sequence_id, &is_first);
    }
    if (action != NULL && !has_prior) {
        write_prior_step(out, action, &is_first);
    }
    buf_append_byte(out, '}');
}

struct blob *json_state(const struct blob *given, const struct blob *last, int64_t sequence_id,
                        const char *action) {
    struct json_slice unused;
    if (given != NULL && find_member(given, SEQUENCE_ID, &unused)) {
        return blob_new(given->bytes, given->n_bytes);
    }
    const struct blob *base = given != NULL ? given : last;
    struct blob *empty = base == NULL ? blob_new("{}", 2) : NULL;
    base = base != NULL ? base : empty;
    if (base == NULL) {
        return NULL;
    }
    struct buf CLEANUP(buf_deinit) out;
    buf_init(&out, WEIR_MAX_STATE_BYTES + WEIR_MAX_NAME_BYTES * 6 + 256);
    write_state(&out, base, sequence_id, action);
    blob_release(empty);
    return buf_error(&out) == 0 ? blob_new((const char *)out.data, out.n_bytes) : NULL;
}

static bool is_sound(const weir_value *value, int depth) {
    if (depth >= JSON_MAX_DEPTH) {
        return false;
    }
    if (value->kind == WEIR_VALUE_JSON) {
        return weir_json_check(value->as.string.bytes, value->as.string.n_bytes, NULL) == 0;
    }
    if (value->kind == WEIR_VALUE_ARRAY) {
        for (size_t i = 0; i < value->as.array.n_items; i++) {
            if (!is_sound(&value->as.array.items[i], depth + 1)) {
                return false;
            }
        }
    } else if (value->kind == WEIR_VALUE_MAP) {
        for (size_t i = 0; i < value->as.map.n_items; i++) {
            if (!is_sound(&value->as.map.items[i].value, depth + 1)) {
                return false;
            }
        }
    }
    return true;
}

bool json_value_is_sound(const weir_value *value) {
    return is_sound(value, 0);
}
