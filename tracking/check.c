#include "tracking/check.h"

#include <stdio.h>
#include <string.h>

#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "tracking/time_read.h"

/* What a member may be. */
enum {
    NIL = 1 << 0, /* null, or not there at all */
    STRING = 1 << 1,
    FILLED = 1 << 2, /* a string that is not empty: "" would read as no exception */
    INTEGER = 1 << 3,
    NUMBER = 1 << 4,
    OBJECT = 1 << 5,
    TIME = 1 << 6,
    STRINGS = 1 << 7,    /* a list of strings */
    STRING_MAP = 1 << 8, /* an object of strings */
    LIST = 1 << 9,
    POINTER = 1 << 10, /* an object with an app id */
    ANY = 1 << 11
};

static const struct {
    unsigned bit;
    const char *words;
} kind_words[] = {
    {STRING, "a string"},
    {FILLED, "a string that is not empty"},
    {INTEGER, "an integer"},
    {NUMBER, "a number"},
    {OBJECT, "an object"},
    {TIME, "a time such as 2026-01-02T03:04:05.000006"},
    {STRINGS, "a list of strings"},
    {STRING_MAP, "an object of strings"},
    {LIST, "a list"},
    {POINTER, "an object with an app_id"},
    {ANY, "any value"},
    {NIL, "null"},
};

/* Names are arrays: a pointer would cost a relocation of 24 bytes each, at every start. */
struct member {
    char name[24];
    uint16_t kinds;
};
enum { MAX_MEMBERS = 8 };

struct type {
    char name[24];
    struct member members[MAX_MEMBERS];
};

static const struct type record_types[] = {
    {"begin_entry",
     {{"start_time", TIME}, {"action", STRING}, {"inputs", OBJECT}, {"sequence_id", INTEGER}}},
    {"end_entry",
     {{"end_time", TIME},
      {"action", STRING},
      {"result", OBJECT | NIL},
      {"exception", FILLED | NIL},
      {"state", OBJECT},
      {"sequence_id", INTEGER}}},
    {"begin_span",
     {{"start_time", TIME},
      {"action_sequence_id", INTEGER},
      {"span_id", STRING},
      {"span_name", STRING},
      {"parent_span_id", STRING | NIL},
      {"span_dependencies", STRINGS}}},
    {"end_span", {{"end_time", TIME}, {"action_sequence_id", INTEGER}, {"span_id", STRING}}},
    {"attribute",
     {{"key", STRING},
      {"action_sequence_id", INTEGER},
      {"span_id", STRING | NIL},
      {"value", ANY},
      {"tags", STRING_MAP},
      {"time_logged", TIME | NIL}}},
    {"begin_stream",
     {{"action_sequence_id", INTEGER}, {"span_id", STRING | NIL}, {"stream_init_time", TIME}}},
    {"first_item_stream",
     {{"action_sequence_id", INTEGER}, {"span_id", STRING | NIL}, {"first_item_time", TIME}}},
    {"end_stream",
     {{"action_sequence_id", INTEGER},
      {"span_id", STRING | NIL},
      {"end_time", TIME},
      {"items_streamed", INTEGER},
      {"generation_time_ms", NUMBER | NIL},
      {"consumer_time_ms", NUMBER | NIL},
      {"first_item_time_ms", NUMBER | NIL}}},
    {"suspend_entry",
     {{"suspend_time", TIME},
      {"action", STRING},
      {"sequence_id", INTEGER},
      {"channel", STRING},
      {"metadata", OBJECT},
      {"suspension_id", STRING}}},
};
static const struct type child_type = {"child_application_data",
                                       {{"child", POINTER},
                                        {"event_time", TIME},
                                        {"event_type", STRING},
                                        {"sequence_id", INTEGER | NIL}}};
static const struct type metadata_type = {"application_metadata",
                                          {{"partition_key", STRING | NIL},
                                           {"parent_pointer", OBJECT | NIL},
                                           {"spawning_parent_pointer", OBJECT | NIL}}};
static const struct type graph_type = {
    "application", {{"entrypoint", STRING}, {"actions", LIST}, {"transitions", LIST}}};
static const struct type action_type = {"action",
                                        {{"name", STRING},
                                         {"reads", STRINGS},
                                         {"writes", STRINGS},
                                         {"code", STRING},
                                         {"inputs", STRINGS | NIL},
                                         {"optional_inputs", STRINGS | NIL}}};
static const struct type transition_type = {
    "transition", {{"from_", STRING}, {"to", STRING}, {"condition", STRING}}};

/* ---- faults ---- */

/* The text that is checked, and where its fault goes. */
struct checker {
    const char *text;
    struct check_fault *fault;
};

static void name_kinds(unsigned kinds, char *out, size_t n_bytes) {
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < ARRAY_LENGTH(kind_words) && n < n_bytes; i++) {
        if (kinds & kind_words[i].bit) {
            n += (size_t)snprintf(out + n, n_bytes - n, "%s%s", n > 0 ? " or " : "",
                                  kind_words[i].words);
        }
    }
}

static bool refuse(struct checker *checker, const char *at, const struct type *type,
                   const struct member *member, bool is_missing) {
    struct check_fault *fault = checker->fault;
    char wanted[96];
    name_kinds(member->kinds, wanted, sizeof wanted);
    fault->at = (size_t)(at - checker->text);
    if (is_missing) {
        snprintf(fault->text, sizeof fault->text, "%s: %s is missing; it must be %s", type->name,
                 member->name, wanted);
    } else {
        snprintf(fault->text, sizeof fault->text, "%s: %s must be %s", type->name, member->name,
                 wanted);
    }
    return false;
}

/* ---- kinds ---- */

static struct json_cursor cursor_in(struct json_slice value, char bracket) {
    struct json_cursor cursor = json_cursor_over(value.text, value.n_bytes);
    (void)json_enter(&cursor, bracket);
    return cursor;
}

static bool holds_strings(struct json_slice value) {
    if (json_kind_of(value) != JSON_ARRAY) {
        return false;
    }
    struct json_cursor cursor = cursor_in(value, '[');
    struct json_slice item;
    while (json_next_item(&cursor, &item) == 1) {
        if (json_kind_of(item) != JSON_STRING) {
            return false;
        }
    }
    return true;
}

static bool maps_to_strings(struct json_slice value) {
    if (json_kind_of(value) != JSON_OBJECT) {
        return false;
    }
    struct json_cursor cursor = cursor_in(value, '{');
    struct json_slice key, item;
    while (json_next_member(&cursor, &key, &item) == 1) {
        if (json_kind_of(item) != JSON_STRING) {
            return false;
        }
    }
    return true;
}

/* The last member of that name. */
static struct json_slice member_of(struct json_slice object, const char *name) {
    struct json_slice found = {0}, key, value;
    if (json_kind_of(object) == JSON_OBJECT) {
        struct json_cursor cursor = cursor_in(object, '{');
        while (json_next_member(&cursor, &key, &value) == 1) {
            if (json_string_is(key, name)) {
                found = value;
            }
        }
    }
    return found;
}

static bool is_integer(struct json_slice value) {
    return json_kind_of(value) == JSON_NUMBER && memchr(value.text, '.', value.n_bytes) == NULL &&
           memchr(value.text, 'e', value.n_bytes) == NULL &&
           memchr(value.text, 'E', value.n_bytes) == NULL;
}

/* Which of the kinds the value is. */
static unsigned kinds_of(struct json_slice value, unsigned asked) {
    struct time_stamp stamp;
    unsigned kinds = ANY;
    switch (json_kind_of(value)) {
    case JSON_NONE: return NIL;
    case JSON_NULL: kinds |= NIL; break;
    case JSON_BOOL: break;
    case JSON_NUMBER: kinds |= NUMBER | (is_integer(value) ? INTEGER : 0); break;
    case JSON_STRING: kinds |= STRING | (value.n_bytes > 2 ? FILLED : 0); break;
    case JSON_ARRAY: kinds |= LIST | (holds_strings(value) ? STRINGS : 0); break;
    case JSON_OBJECT:
        kinds |= OBJECT;
        kinds |= asked & STRING_MAP && maps_to_strings(value) ? STRING_MAP : 0;
        kinds |= json_kind_of(member_of(value, "app_id")) == JSON_STRING ? POINTER : 0;
        break;
    }
    if (asked & TIME && time_read_json(value.text, value.n_bytes, &stamp)) {
        kinds |= TIME;
    }
    return kinds;
}

/* ---- objects ---- */

static size_t n_members(const struct type *type) {
    size_t n = 0;
    while (n < MAX_MEMBERS && type->members[n].name[0] != '\0') {
        n++;
    }
    return n;
}

/* One pass over the object; of a repeated key the last one counts. */
static bool check_members(struct checker *checker, struct json_slice object,
                          const struct type *type) {
    struct json_slice found[MAX_MEMBERS] = {0}, key, value;
    size_t n = n_members(type);
    struct json_cursor cursor = cursor_in(object, '{');
    while (json_next_member(&cursor, &key, &value) == 1) {
        for (size_t i = 0; i < n; i++) {
            if (json_string_is(key, type->members[i].name)) {
                found[i] = value;
            }
        }
    }
    for (size_t i = 0; i < n; i++) {
        const struct member *member = &type->members[i];
        if ((kinds_of(found[i], member->kinds) & member->kinds) == 0) {
            bool is_missing = found[i].text == NULL;
            return refuse(checker, is_missing ? object.text : found[i].text, type, member,
                          is_missing);
        }
    }
    return true;
}

static bool check_object(struct checker *checker, struct json_slice value,
                         const struct type *type) {
    static const struct member itself = {"the whole", OBJECT};
    if (json_kind_of(value) != JSON_OBJECT) {
        return refuse(checker, value.text, type, &itself, false);
    }
    return check_members(checker, value, type);
}

static bool check_items(struct checker *checker, struct json_slice list, const struct type *type) {
    struct json_cursor cursor = cursor_in(list, '[');
    struct json_slice item;
    while (json_next_item(&cursor, &item) == 1) {
        if (!check_object(checker, item, type)) {
            return false;
        }
    }
    return true;
}

static bool check_graph(struct checker *checker, struct json_slice value) {
    return check_object(checker, value, &graph_type) &&
           check_items(checker, member_of(value, "actions"), &action_type) &&
           check_items(checker, member_of(value, "transitions"), &transition_type);
}

static bool check_record(struct checker *checker, struct json_slice value) {
    static const struct type any = {"record", {{"type", STRING}}};
    if (!check_members(checker, value, &any)) {
        return false;
    }
    struct json_slice name = member_of(value, "type");
    for (size_t i = 0; i < ARRAY_LENGTH(record_types); i++) {
        if (json_string_is(name, record_types[i].name)) {
            return check_members(checker, value, &record_types[i]);
        }
    }
    return true;
}

/* ---- the text ---- */

/* Passes the object at the front. Its members are counted as the reader of logs does: the brackets
 * of the object itself are none of the nesting that has a bound. */
static const char *skip_object(struct json_cursor *cursor, struct json_slice *object) {
    struct json_slice key, value;
    int more = json_enter(cursor, '{');
    size_t start = cursor->at - 1;
    while (more >= 0 && (more = json_next_member(cursor, &key, &value)) == 1) {
    }
    if (more < 0) {
        return cursor->fault;
    }
    *object = (struct json_slice){cursor->text + start, cursor->at - start};
    return json_at_end(cursor) ? NULL : "something follows the object";
}

static bool check_syntax(const char *text, size_t n_bytes, struct json_slice *object,
                         struct check_fault *fault) {
    struct json_cursor cursor = json_cursor_over(text, n_bytes);
    const char *wrong = skip_object(&cursor, object);
    size_t at = cursor.at, n_valid = utf8_valid_prefix(text, n_bytes);
    if (wrong == NULL && n_valid < n_bytes) {
        wrong = "ill-formed UTF-8";
        at = n_valid;
    }
    if (wrong != NULL) {
        fault->at = at;
        snprintf(fault->text, sizeof fault->text, "%s", wrong);
    }
    return wrong == NULL;
}

bool check_text(enum check_kind kind, const char *text, size_t n_bytes, struct check_fault *fault) {
    struct json_slice value;
    if (!check_syntax(text, n_bytes, &value, fault)) {
        return false;
    }
    struct checker checker = {text, fault};
    switch (kind) {
    case CHECK_CHILD: return check_object(&checker, value, &child_type);
    case CHECK_GRAPH: return check_graph(&checker, value);
    case CHECK_METADATA: return check_object(&checker, value, &metadata_type);
    default: return check_record(&checker, value);
    }
}
