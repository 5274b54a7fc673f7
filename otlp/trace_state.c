#include "otlp/trace_state.h"

#include <string.h>

#include <weir/propagation.h>

#include "otlp/bounds.h"
#include "otlp/piece.h"

enum {
    KEY_MAX_CHARS = 256,
    VALUE_MAX_CHARS = 256,
    LARGE_MEMBER_CHARS = 128 /* longer ones are the first to go (G19) */
};
_Static_assert(WEIR_TRACE_STATE_BYTES >=
                   TRACE_STATE_MAX_MEMBERS * (KEY_MAX_CHARS + 1 + VALUE_MAX_CHARS + 1),
               "the longest tracestate has room");

/* ---- what is valid ---- */

static bool is_key_start(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_key_char(char c) {
    return is_key_start(c) || c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
}

static bool is_key(struct piece key) {
    if (key.n_bytes == 0 || key.n_bytes > KEY_MAX_CHARS || !is_key_start(*key.at)) {
        return false;
    }
    for (size_t i = 1; i < key.n_bytes; i++) {
        if (!is_key_char(key.at[i])) {
            return false;
        }
    }
    return true;
}

static bool is_value(struct piece value) {
    if (value.n_bytes == 0 || value.n_bytes > VALUE_MAX_CHARS ||
        value.at[value.n_bytes - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < value.n_bytes; i++) {
        char c = value.at[i];
        if (c < 0x20 || c > 0x7e || c == '=' || c == ',') {
            return false;
        }
    }
    return true;
}

/* The key of a member; what is behind its '=' is the value. */
static struct piece key_of(struct piece member) {
    const char *equals = memchr(member.at, '=', member.n_bytes);
    size_t n_key = equals != NULL ? (size_t)(equals - member.at) : member.n_bytes;
    return (struct piece){member.at, n_key};
}

static struct piece value_of(struct piece member) {
    size_t n_head = key_of(member).n_bytes + 1;
    return (struct piece){member.at + n_head, member.n_bytes - n_head};
}

static bool is_member(struct piece member) {
    struct piece key = key_of(member);
    return key.n_bytes < member.n_bytes && is_key(key) && is_value(value_of(member));
}

bool trace_state_is_valid(const char *text) {
    const char *rest = text;
    for (int n = 0; rest != NULL;) {
        struct piece member = piece_next(&rest, ',');
        if (member.n_bytes > 0 && (!is_member(member) || ++n > TRACE_STATE_MAX_MEMBERS)) {
            return false;
        }
    }
    return true;
}

void trace_state_append(struct buf *out, const char *text) {
    const char *rest = text;
    size_t start = out->n_bytes;
    while (rest != NULL) {
        struct piece member = piece_next(&rest, ',');
        if (member.n_bytes > 0) {
            buf_append(out, ",", out->n_bytes > start);
            buf_append(out, member.at, member.n_bytes);
        }
    }
}

/* ---- members as a list ---- */

struct members {
    struct piece items[TRACE_STATE_MAX_MEMBERS + 1];
    size_t n;
};

/* Of what is no tracestate there are none. */
static struct members members_of(const char *state) {
    struct members all = {.n = 0};
    const char *rest = state != NULL && trace_state_is_valid(state) ? state : NULL;
    while (rest != NULL) {
        struct piece member = piece_next(&rest, ',');
        if (member.n_bytes > 0) {
            all.items[all.n++] = member;
        }
    }
    return all;
}

static void remove_nth(struct members *all, size_t nth) {
    memmove(all->items + nth, all->items + nth + 1, (all->n - nth - 1) * sizeof all->items[0]);
    all->n--;
}

static void remove_key(struct members *all, struct piece key) {
    for (size_t i = all->n; i-- > 0;) {
        if (piece_equals(key_of(all->items[i]), key)) {
            remove_nth(all, i);
        }
    }
}

static size_t length_of(const struct members *all) {
    size_t length = all->n > 0 ? all->n - 1 : 0;
    for (size_t i = 0; i < all->n; i++) {
        length += all->items[i].n_bytes;
    }
    return length;
}

static char *put(char *at, struct piece text) {
    memcpy(at, text.at, text.n_bytes);
    return at + text.n_bytes;
}

static void write_members(char *at, const struct members *all) {
    for (size_t i = 0; i < all->n; i++) {
        if (i > 0) {
            *at++ = ',';
        }
        at = put(at, all->items[i]);
    }
    *at = '\0';
}

/* ---- reading and changing ---- */

bool weir_trace_state_get(const char *state, const char *key, const char **value, size_t *n_bytes) {
    if (key == NULL || value == NULL || n_bytes == NULL) {
        return false;
    }
    const struct members all = members_of(state);
    for (size_t i = 0; i < all.n; i++) {
        if (piece_equals(key_of(all.items[i]), piece_of(key))) {
            struct piece found = value_of(all.items[i]);
            *value = found.at;
            *n_bytes = found.n_bytes;
            return true;
        }
    }
    return false;
}

int weir_trace_state_set(const char *state, const char *key, const char *value, char *out,
                         size_t n_bytes) {
    if (key == NULL || value == NULL || out == NULL || !is_key(piece_of(key)) ||
        !is_value(piece_of(value))) {
        return WEIR_E_INVALID;
    }
    struct members all = members_of(state);
    remove_key(&all, piece_of(key));
    if (all.n == TRACE_STATE_MAX_MEMBERS) {
        all.n--;
    }
    size_t n_first = strlen(key) + 1 + strlen(value);
    size_t n_rest = length_of(&all) + (all.n > 0); /* with the comma */
    if (n_first + n_rest + 1 > n_bytes) {
        return WEIR_E_TOO_LARGE;
    }
    char *at = put(out, piece_of(key));
    *at++ = '=';
    at = put(at, piece_of(value));
    if (all.n > 0) {
        *at++ = ',';
    }
    write_members(at, &all);
    return 0;
}

static int write_all(const struct members *all, char *out, size_t n_bytes) {
    if (length_of(all) + 1 > n_bytes) {
        return WEIR_E_TOO_LARGE;
    }
    write_members(out, all);
    return 0;
}

int weir_trace_state_delete(const char *state, const char *key, char *out, size_t n_bytes) {
    if (key == NULL || out == NULL) {
        return WEIR_E_INVALID;
    }
    struct members all = members_of(state);
    remove_key(&all, piece_of(key));
    return write_all(&all, out, n_bytes);
}

/* Takes the last member out that is longer than that; false when there is none. */
static bool remove_last_over(struct members *all, size_t n_chars) {
    for (size_t i = all->n; i-- > 0;) {
        if (all->items[i].n_bytes > n_chars) {
            remove_nth(all, i);
            return true;
        }
    }
    return false;
}

int weir_trace_state_cut(const char *state, size_t max_chars, char *out, size_t n_bytes) {
    if (out == NULL) {
        return WEIR_E_INVALID;
    }
    struct members all = members_of(state);
    while (length_of(&all) > max_chars && remove_last_over(&all, LARGE_MEMBER_CHARS)) {
    }
    while (length_of(&all) > max_chars && remove_last_over(&all, 0)) {
    }
    return write_all(&all, out, n_bytes);
}
