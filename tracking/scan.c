#include "tracking/scan.h"

#include <stddef.h>
#include <string.h>

#include "otlp/common/macro.h"

/* Every member that a record of Burr's can have. The five times have a place each: which one is the
 * record's time is known once its type is. */
enum member {
    M_TYPE,
    M_SEQUENCE_ID,
    M_ACTION_SEQUENCE_ID,
    M_START_TIME,
    M_END_TIME,
    M_TIME_LOGGED,
    M_STREAM_INIT_TIME,
    M_FIRST_ITEM_TIME,
    M_ACTION,
    M_INPUTS,
    M_RESULT,
    M_EXCEPTION,
    M_STATE,
    M_SPAN_ID,
    M_SPAN_NAME,
    M_PARENT_SPAN_ID,
    M_SPAN_DEPENDENCIES,
    M_KEY,
    M_VALUE,
    M_TAGS,
    M_ITEMS_STREAMED,
    M_GENERATION_TIME_MS,
    M_CONSUMER_TIME_MS,
    M_FIRST_ITEM_TIME_MS,
    N_MEMBERS
};

#define SLICE(member) offsetof(weir_record, member)
#define NAMED(text, offset)                                                                        \
    { text, {"\"" text "\"", sizeof text + 1}, offset }
static const struct {
    const char *name;
    struct json_slice quoted; /* as it nearly always stands there */
    size_t offset;            /* of its slice in weir_record; 0: it has none of its own */
} members[N_MEMBERS] = {
    [M_TYPE] = NAMED("type", 0),
    [M_SEQUENCE_ID] = NAMED("sequence_id", 0),
    [M_ACTION_SEQUENCE_ID] = NAMED("action_sequence_id", 0),
    [M_START_TIME] = NAMED("start_time", 0),
    [M_END_TIME] = NAMED("end_time", 0),
    [M_TIME_LOGGED] = NAMED("time_logged", 0),
    [M_STREAM_INIT_TIME] = NAMED("stream_init_time", 0),
    [M_FIRST_ITEM_TIME] = NAMED("first_item_time", 0),
    [M_ACTION] = NAMED("action", SLICE(action)),
    [M_INPUTS] = NAMED("inputs", SLICE(inputs)),
    [M_RESULT] = NAMED("result", SLICE(result)),
    [M_EXCEPTION] = NAMED("exception", SLICE(exception)),
    [M_STATE] = NAMED("state", SLICE(state)),
    [M_SPAN_ID] = NAMED("span_id", SLICE(span_id)),
    [M_SPAN_NAME] = NAMED("span_name", SLICE(span_name)),
    [M_PARENT_SPAN_ID] = NAMED("parent_span_id", SLICE(parent_span_id)),
    [M_SPAN_DEPENDENCIES] = NAMED("span_dependencies", SLICE(span_dependencies)),
    [M_KEY] = NAMED("key", SLICE(key)),
    [M_VALUE] = NAMED("value", SLICE(value)),
    [M_TAGS] = NAMED("tags", SLICE(tags)),
    [M_ITEMS_STREAMED] = NAMED("items_streamed", SLICE(items_streamed)),
    [M_GENERATION_TIME_MS] = NAMED("generation_time_ms", SLICE(generation_time_ms)),
    [M_CONSUMER_TIME_MS] = NAMED("consumer_time_ms", SLICE(consumer_time_ms)),
    [M_FIRST_ITEM_TIME_MS] = NAMED("first_item_time_ms", SLICE(first_item_time_ms)),
};
enum { LONGEST_SPELLING = 6 * (sizeof "first_item_time_ms" + 1) }; /* every letter a \u escape */

static const struct {
    const char *name;
    weir_record_type type;
    enum member time;
    enum member sequence_id;
} types[] = {
    {"begin_entry", WEIR_RECORD_BEGIN_ENTRY, M_START_TIME, M_SEQUENCE_ID},
    {"end_entry", WEIR_RECORD_END_ENTRY, M_END_TIME, M_SEQUENCE_ID},
    {"begin_span", WEIR_RECORD_BEGIN_SPAN, M_START_TIME, M_ACTION_SEQUENCE_ID},
    {"end_span", WEIR_RECORD_END_SPAN, M_END_TIME, M_ACTION_SEQUENCE_ID},
    {"attribute", WEIR_RECORD_ATTRIBUTE, M_TIME_LOGGED, M_ACTION_SEQUENCE_ID},
    {"begin_stream", WEIR_RECORD_BEGIN_STREAM, M_STREAM_INIT_TIME, M_ACTION_SEQUENCE_ID},
    {"first_item_stream", WEIR_RECORD_FIRST_ITEM, M_FIRST_ITEM_TIME, M_ACTION_SEQUENCE_ID},
    {"end_stream", WEIR_RECORD_END_STREAM, M_END_TIME, M_ACTION_SEQUENCE_ID},
};

static bool is_same(struct json_slice a, struct json_slice b) {
    return a.n_bytes == b.n_bytes && memcmp(a.text, b.text, a.n_bytes) == 0;
}

static enum member member_of(struct json_slice key) {
    for (int i = 0; i < N_MEMBERS; i++) {
        if (is_same(key, members[i].quoted)) {
            return (enum member)i;
        }
    }
    if (key.n_bytes <= LONGEST_SPELLING && memchr(key.text, '\\', key.n_bytes) != NULL) {
        for (int i = 0; i < N_MEMBERS; i++) {
            if (json_string_is(key, members[i].name)) {
                return (enum member)i;
            }
        }
    }
    return N_MEMBERS;
}

static int fault(struct json_cursor *cursor, size_t at, const char *text) {
    cursor->at = at;
    cursor->fault = text;
    return WEIR_E_SYNTAX;
}

/* Of a key that stands there twice the later one counts, as in Python. */
static int find_members(struct json_cursor *cursor, struct json_slice found[N_MEMBERS]) {
    int more = json_enter(cursor, '{');
    if (more != 0) {
        return more;
    }
    struct json_slice key, value;
    while ((more = json_next_member(cursor, &key, &value)) == 1) {
        enum member member = member_of(key);
        if (member != N_MEMBERS) {
            found[member] = value;
        }
    }
    if (more == 0 && !json_at_end(cursor)) {
        return fault(cursor, cursor->at, "something follows the object");
    }
    return more;
}

static weir_slice public_slice(struct json_slice slice) {
    return (weir_slice){slice.text, slice.n_bytes};
}

static void fill(weir_record *out, const struct json_slice found[N_MEMBERS]) {
    for (int i = 0; i < N_MEMBERS; i++) {
        if (members[i].offset != 0) {
            weir_slice slice = public_slice(found[i]);
            memcpy((char *)out + members[i].offset, &slice, sizeof slice);
        }
    }
}

static void fill_by_type(weir_record *out, const struct json_slice found[N_MEMBERS]) {
    struct json_slice sequence_id = found[M_SEQUENCE_ID];
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        if (json_string_is(found[M_TYPE], types[i].name)) {
            out->type = types[i].type;
            out->time = public_slice(found[types[i].time]);
            sequence_id = found[types[i].sequence_id];
            break;
        }
    }
    if (!json_to_int64(sequence_id, &out->sequence_id)) {
        out->sequence_id = -1;
    }
}

int scan_record(const char *text, size_t n_bytes, weir_record *out, struct json_cursor *cursor) {
    *cursor = json_cursor_over(text, n_bytes);
    cursor->allow_nan = true; /* Python's readers take them, and older Burrs wrote them */
    struct json_slice found[N_MEMBERS] = {0};
    if (find_members(cursor, found) != 0) {
        return WEIR_E_SYNTAX;
    }
    if (json_kind_of(found[M_TYPE]) != JSON_STRING) {
        size_t at = found[M_TYPE].text != NULL ? (size_t)(found[M_TYPE].text - text) : 0;
        return fault(cursor, at, "a record without a type");
    }
    weir_record record = {.whole = {text, n_bytes}};
    fill(&record, found);
    fill_by_type(&record, found);
    *out = record;
    return 0;
}
