/*
 * Baggage (W3C Baggage, G25-G30): one block of memory, never changed once it is made.
 */
#include <weir/propagation.h>

#include <stdio.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"
#include "otlp/piece.h"

_Static_assert(WEIR_BAGGAGE_BYTES == BAGGAGE_MAX_BYTES + 1, "the longest header has room");

struct weir_baggage {
    size_t n;
    weir_baggage_member items[]; /* their texts lie behind them */
};

/* ---- a baggage that is being made ---- */

/* Values are decoded into one buffer, which may move: they are kept by their place there. */
struct item {
    struct piece name, metadata;
    size_t value_at, n_value;
    size_t n_encoded; /* as a member of a header */
};

struct maker {
    struct item items[BAGGAGE_MAX_MEMBERS];
    size_t n;
    size_t n_encoded; /* of all, with the commas */
    struct buf values;
};

static void maker_init(struct maker *m) {
    m->n = m->n_encoded = 0;
    buf_init(&m->values, BAGGAGE_MAX_VALUE_BYTES);
}

static void maker_deinit(struct maker *m) {
    buf_deinit(&m->values);
}

/* baggage-octet of W3C Baggage, and no '%' */
static bool is_plain(char c) {
    return c >= 0x21 && c <= 0x7e && c != '"' && c != ',' && c != ';' && c != '\\' && c != '%';
}

static size_t encoded_size(struct piece name, const char *value, size_t n_value,
                           struct piece metadata) {
    size_t size = name.n_bytes + 1 + (metadata.n_bytes > 0 ? 1 + metadata.n_bytes : 0);
    for (size_t i = 0; i < n_value; i++) {
        size += is_plain(value[i]) ? 1 : 3;
    }
    return size;
}

static const char *value_at(const struct maker *m, size_t at) {
    return m->values.data != NULL ? (const char *)m->values.data + at : "";
}

/* The item of that name, or NULL. */
static struct item *find(struct maker *m, struct piece name) {
    for (size_t i = 0; i < m->n; i++) {
        if (piece_equals(m->items[i].name, name)) {
            return &m->items[i];
        }
    }
    return NULL;
}

/* Takes an item out, and its value; those behind it move up by as much, which is returned. */
static size_t remove_item(struct maker *m, struct item *item) {
    const struct item old = *item;
    size_t n_behind = m->values.n_bytes - old.value_at - old.n_value;
    if (old.n_value > 0) {
        memmove(m->values.data + old.value_at, m->values.data + old.value_at + old.n_value,
                n_behind);
    }
    buf_truncate(&m->values, m->values.n_bytes - old.n_value);
    m->n_encoded -= old.n_encoded + 1;
    m->n--;
    memmove(item, item + 1, (size_t)(m->items + m->n - item) * sizeof *item);
    for (size_t i = 0; i < m->n; i++) {
        m->items[i].value_at -= m->items[i].value_at > old.value_at ? old.n_value : 0;
    }
    return old.n_value;
}

/* The value lies at the end of `values`, from `at` on. False, and it is gone, when it does not fit
 * (G29). A member of that name is replaced. */
static bool add(struct maker *m, struct piece name, size_t at, struct piece metadata) {
    struct item item = {name, metadata, at, m->values.n_bytes - at, 0};
    item.n_encoded = encoded_size(name, value_at(m, at), item.n_value, metadata);
    struct item *old = find(m, name);
    size_t n_others = m->n_encoded - (old != NULL ? old->n_encoded + 1 : 0);
    if ((old == NULL && m->n == BAGGAGE_MAX_MEMBERS) ||
        n_others + item.n_encoded > BAGGAGE_MAX_BYTES) {
        buf_truncate(&m->values, at);
        return false;
    }
    item.value_at -= old != NULL ? remove_item(m, old) : 0;
    m->items[m->n++] = item;
    m->n_encoded += item.n_encoded + 1; /* and a comma, but for the last */
    return true;
}

static void add_members_of(struct maker *m, const weir_baggage *baggage) {
    for (size_t i = 0; baggage != NULL && i < baggage->n; i++) {
        const weir_baggage_member *member = &baggage->items[i];
        size_t at = m->values.n_bytes;
        buf_append(&m->values, member->value, member->value_bytes);
        (void)add(m, piece_of(member->name), at, piece_of(member->metadata));
    }
}

static char *put(char *at, const char **out, const void *bytes, size_t n_bytes) {
    *out = at;
    if (n_bytes > 0) {
        memcpy(at, bytes, n_bytes);
    }
    at[n_bytes] = '\0';
    return at + n_bytes + 1;
}

/* The finished thing. */
static int finish(const struct maker *m, weir_baggage **out) {
    size_t size = sizeof(weir_baggage) + m->n * sizeof(weir_baggage_member);
    for (size_t i = 0; i < m->n; i++) {
        size += m->items[i].name.n_bytes + m->items[i].n_value + m->items[i].metadata.n_bytes + 3;
    }
    weir_baggage *baggage = buf_error(&m->values) == 0 ? mem_alloc(size) : NULL;
    if (baggage == NULL) {
        return WEIR_E_NO_MEMORY;
    }
    baggage->n = m->n;
    char *at = (char *)&baggage->items[m->n];
    for (size_t i = 0; i < m->n; i++) {
        const struct item *from = &m->items[i];
        weir_baggage_member *to = &baggage->items[i];
        to->value_bytes = from->n_value;
        at = put(at, &to->name, from->name.at, from->name.n_bytes);
        at = put(at, &to->value, value_at(m, from->value_at), from->n_value);
        at = put(at, &to->metadata, from->metadata.at, from->metadata.n_bytes);
    }
    *out = baggage;
    return 0;
}

/* ---- changing ---- */

/* What can stand behind a member's first semicolon: nothing that would end the member or header. */
static bool is_metadata(struct piece text) {
    for (size_t i = 0; i < text.n_bytes; i++) {
        char c = text.at[i];
        if ((c < 0x20 && c != '\t') || c > 0x7e || c == ',') {
            return false;
        }
    }
    return true;
}

int weir_baggage_set(const weir_baggage *baggage, const char *name, const char *value,
                     const char *metadata, weir_baggage **out) {
    struct piece properties = piece_of(metadata != NULL ? metadata : "");
    if (name == NULL || value == NULL || out == NULL || !piece_is_token(piece_of(name)) ||
        !utf8_is_valid(value, strlen(value)) || !is_metadata(properties)) {
        return WEIR_E_INVALID;
    }
    properties = piece_trimmed(properties.at, properties.at + properties.n_bytes);
    struct maker m;
    maker_init(&m);
    add_members_of(&m, baggage);
    size_t at = m.values.n_bytes;
    buf_append(&m.values, value, strlen(value));
    int error = buf_error(&m.values);
    if (error == 0) {
        error = add(&m, piece_of(name), at, properties) ? finish(&m, out) : WEIR_E_TOO_LARGE;
    }
    maker_deinit(&m);
    return error;
}

int weir_baggage_remove(const weir_baggage *baggage, const char *name, weir_baggage **out) {
    if (name == NULL || out == NULL) {
        return WEIR_E_INVALID;
    }
    struct maker m;
    maker_init(&m);
    add_members_of(&m, baggage);
    struct item *old = find(&m, piece_of(name));
    if (old != NULL) {
        (void)remove_item(&m, old);
    }
    int error = finish(&m, out);
    maker_deinit(&m);
    return error;
}

void weir_baggage_free(weir_baggage *baggage) {
    mem_free(baggage);
}

/* ---- reading ---- */

size_t weir_baggage_count(const weir_baggage *baggage) {
    return baggage != NULL ? baggage->n : 0;
}

bool weir_baggage_at(const weir_baggage *baggage, size_t nth, weir_baggage_member *out) {
    if (nth >= weir_baggage_count(baggage) || out == NULL) {
        return false;
    }
    *out = baggage->items[nth];
    return true;
}

bool weir_baggage_get(const weir_baggage *baggage, const char *name, weir_baggage_member *out) {
    for (size_t i = 0; name != NULL && i < weir_baggage_count(baggage); i++) {
        if (strcmp(baggage->items[i].name, name) == 0) {
            return weir_baggage_at(baggage, i, out);
        }
    }
    return false;
}

/* ---- the header ---- */

/* A value as it stands in a header: plain characters and %XX; anything else is no member (G28). */
static bool is_encoded_value(struct piece value) {
    for (size_t i = 0; i < value.n_bytes; i++) {
        if (!is_plain(value.at[i]) && value.at[i] != '%') {
            return false;
        }
    }
    return true;
}

/* Appends what the value means: not UTF-8 becomes U+FFFD; a stray % stays one. */
static void decode_value(struct buf *values, struct piece value) {
    struct buf decoded;
    buf_init(&decoded, BAGGAGE_MAX_BYTES);
    (void)piece_percent_decode(&decoded, value);
    if (buf_error(&decoded) == 0) {
        utf8_append_repaired(values, (const char *)decoded.data, decoded.n_bytes);
    } else if (values->error == 0) {
        values->error = buf_error(&decoded);
    }
    buf_deinit(&decoded);
}

static void read_member(struct maker *m, struct piece member) {
    const char *end = member.at + member.n_bytes;
    const char *semicolon = memchr(member.at, ';', member.n_bytes);
    const char *pair_end = semicolon != NULL ? semicolon : end;
    const char *equals = memchr(member.at, '=', (size_t)(pair_end - member.at));
    if (equals == NULL || member.n_bytes > BAGGAGE_MAX_BYTES) {
        return;
    }
    struct piece name = piece_trimmed(member.at, equals);
    struct piece value = piece_trimmed(equals + 1, pair_end);
    struct piece metadata = piece_trimmed(semicolon != NULL ? semicolon + 1 : end, end);
    if (piece_is_token(name) && is_encoded_value(value) && is_metadata(metadata)) {
        size_t at = m->values.n_bytes;
        decode_value(&m->values, value);
        (void)add(m, name, at, metadata);
    }
}

int weir_baggage_parse(const char *header, weir_baggage **out) {
    if (out == NULL) {
        return WEIR_E_INVALID;
    }
    struct maker m;
    maker_init(&m);
    for (const char *rest = header; rest != NULL && buf_error(&m.values) == 0;) {
        struct piece member = piece_next(&rest, ',');
        if (member.n_bytes > 0) {
            read_member(&m, member);
        }
    }
    int error = m.n > 0 || buf_error(&m.values) != 0 ? finish(&m, out) : WEIR_E_SYNTAX;
    maker_deinit(&m);
    return error;
}

struct writer {
    char *out;
    size_t n_bytes, length;
};

static void write_char(struct writer *w, char c) {
    if (w->length + 1 < w->n_bytes) {
        w->out[w->length] = c;
    }
    w->length++;
}

static void write_text(struct writer *w, const char *text) {
    while (*text != '\0') {
        write_char(w, *text++);
    }
}

static void write_value(struct writer *w, const char *value, size_t n_bytes) {
    static const char HEX[] = "0123456789ABCDEF";
    for (size_t i = 0; i < n_bytes; i++) {
        if (is_plain(value[i])) {
            write_char(w, value[i]);
        } else {
            write_char(w, '%');
            write_char(w, HEX[(unsigned char)value[i] >> 4]);
            write_char(w, HEX[value[i] & 0xf]);
        }
    }
}

size_t weir_baggage_format(const weir_baggage *baggage, char *out, size_t n_bytes) {
    struct writer w = {out, n_bytes, 0};
    for (size_t i = 0; i < weir_baggage_count(baggage); i++) {
        const weir_baggage_member *member = &baggage->items[i];
        write_text(&w, i > 0 ? "," : "");
        write_text(&w, member->name);
        write_char(&w, '=');
        write_value(&w, member->value, member->value_bytes);
        write_text(&w, *member->metadata != '\0' ? ";" : "");
        write_text(&w, member->metadata);
    }
    if (n_bytes > 0) {
        out[MIN(w.length, n_bytes - 1)] = '\0';
    }
    return w.length;
}
