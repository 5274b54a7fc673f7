#include "otlp/common/json_text.h"

#include <endian.h>
#include <string.h>

#include <weir/error.h>
#include <weir/value.h>

#include "otlp/common/bounds.h"
#include "otlp/common/error.h"
#include "otlp/common/hex.h"
#include "otlp/common/utf8.h"

_Static_assert(JSON_MAX_DEPTH <= 64, "the stack of open brackets is one 64-bit word");

static int fault_at(struct json_cursor *c, size_t at, const char *fault) {
    c->at = at;
    c->fault = fault;
    return WEIR_E_SYNTAX;
}

static int fault(struct json_cursor *c, const char *text) {
    return fault_at(c, c->at, text);
}

static void skip_space(struct json_cursor *c) {
    while (c->at < c->n_bytes) {
        char ch = c->text[c->at];
        if (ch != ' ' && ch != '\n' && ch != '\t' && ch != '\r') {
            break;
        }
        c->at++;
        c->has_space = true;
    }
}

static int peek(const struct json_cursor *c) {
    return c->at < c->n_bytes ? (unsigned char)c->text[c->at] : -1;
}

/* ---- strings ---- */

/*
 * The top bit of each byte that is a quote, a backslash or a control character. Bytes above the
 * first such one may be marked wrongly (a borrow): only the lowest mark counts.
 */
static uint64_t mark_special(uint64_t word) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = UINT64_C(0x8080808080808080);
    uint64_t quote = word ^ ones * '"', backslash = word ^ ones * '\\';
    uint64_t found = (quote - ones) & ~quote;
    found |= (backslash - ones) & ~backslash;
    found |= (word - ones * 0x20) & ~word;
    return found & tops;
}

/* Sixteen bytes at once, where the processor can. */
typedef uint8_t bytes16 __attribute__((vector_size(16)));

static bool has_special(const char *text) {
    bytes16 bytes;
    uint64_t halves[2];
    memcpy(&bytes, text, sizeof bytes);
    bytes16 found = (bytes16)((bytes == '"') | (bytes == '\\') | (bytes < 0x20));
    memcpy(halves, &found, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

/* Strings are most of a log, and most of its bytes are in long ones: sixteen bytes at a time, then
 * eight to find the one. */
size_t json_find_special(const char *text, size_t n_bytes, size_t at) {
    while (n_bytes - at >= 16 && !has_special(text + at)) {
        at += 16;
    }
    for (; n_bytes - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, text + at, 8);
        uint64_t special = mark_special(le64toh(word));
        if (special != 0) {
            return at + (size_t)__builtin_ctzll(special) / 8;
        }
    }
    while (at < n_bytes && text[at] != '"' && text[at] != '\\' && (unsigned char)text[at] >= 0x20) {
        at++;
    }
    return at;
}

static int skip_escape(struct json_cursor *c) {
    size_t left = c->n_bytes - c->at;
    if (left < 2) {
        return fault_at(c, c->n_bytes, "the text ends inside a string");
    }
    char kind = c->text[c->at + 1];
    if (kind == 'u') {
        if (left < 6 || hex_word(c->text + c->at + 2) < 0) {
            return fault(c, "a \\u escape without four hex digits");
        }
        c->at += 6;
        return 0;
    }
    switch (kind) { /* quotes and line feeds are common: no search */
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': c->at += 2; return 0;
    default: return fault(c, "an unknown escape in a string");
    }
}

static int skip_string(struct json_cursor *c) {
    c->at++;
    for (;;) {
        c->at = json_find_special(c->text, c->n_bytes, c->at);
        int ch = peek(c);
        if (ch == '"') {
            c->at++;
            return 0;
        }
        if (ch < 0) {
            return fault(c, "the text ends inside a string");
        }
        if (ch != '\\') {
            return fault(c, "a control character in a string");
        }
        int error = skip_escape(c);
        if (error != 0) {
            return error;
        }
    }
}

/* ---- scalars ---- */

static bool take_digits(struct json_cursor *c) {
    size_t before = c->at;
    while (c->at < c->n_bytes && c->text[c->at] >= '0' && c->text[c->at] <= '9') {
        c->at++;
    }
    return c->at > before;
}

static bool take_word(struct json_cursor *c, const char *word) {
    size_t length = strlen(word);
    if (c->n_bytes - c->at < length || memcmp(c->text + c->at, word, length) != 0) {
        return false;
    }
    c->at += length;
    return true;
}

static int skip_number(struct json_cursor *c) {
    size_t start = c->at;
    if (peek(c) == '-') {
        c->at++;
        if (c->allow_nan && take_word(c, "Infinity")) {
            return 0;
        }
    }
    if (peek(c) == '0') {
        c->at++;
    } else if (!take_digits(c)) {
        return fault_at(c, start, "neither a number nor any other value");
    }
    if (peek(c) == '.') {
        c->at++;
        if (!take_digits(c)) {
            return fault_at(c, start, "a number without digits behind its point");
        }
    }
    if (peek(c) == 'e' || peek(c) == 'E') {
        c->at++;
        if (peek(c) == '+' || peek(c) == '-') {
            c->at++;
        }
        if (!take_digits(c)) {
            return fault_at(c, start, "a number without digits in its exponent");
        }
    }
    return 0;
}

static int skip_scalar(struct json_cursor *c) {
    switch (peek(c)) {
    case -1: return fault(c, "the text ends where a value is due");
    case '"': return skip_string(c);
    case 't': return take_word(c, "true") ? 0 : fault(c, "an unknown word");
    case 'f': return take_word(c, "false") ? 0 : fault(c, "an unknown word");
    case 'n': return take_word(c, "null") ? 0 : fault(c, "an unknown word");
    case 'N':
    case 'I':
        if (c->allow_nan && (take_word(c, "NaN") || take_word(c, "Infinity"))) {
            return 0;
        }
        return fault(c, "NaN and Infinity are no JSON");
    default: return skip_number(c);
    }
}

/* ---- nested values ---- */

/* Passes over a key and its colon; *key gets it. */
static int take_key(struct json_cursor *c, struct json_slice *key) {
    skip_space(c);
    size_t start = c->at;
    if (peek(c) != '"') {
        return fault(c, "a key must be a string");
    }
    int error = skip_string(c);
    if (error != 0) {
        return error;
    }
    *key = (struct json_slice){c->text + start, c->at - start};
    skip_space(c);
    if (peek(c) != ':') {
        return fault(c, "no colon behind a key");
    }
    c->at++;
    return 0;
}

static int skip_key(struct json_cursor *c) {
    struct json_slice key;
    return take_key(c, &key);
}

/* The brackets that are open: bit 0 is the innermost, set for an object. */
struct brackets {
    uint64_t objects;
    unsigned depth;
};

static int open_bracket(struct json_cursor *c, struct brackets *open, bool object) {
    if (open->depth + c->n_around >= JSON_MAX_DEPTH) {
        c->fault = "nested too deep";
        return WEIR_E_TOO_LARGE;
    }
    c->at++;
    open->objects = open->objects << 1 | (object ? 1 : 0);
    open->depth++;
    return 0;
}

/* Behind a value: closes what ends here. 1 when another value is due, 0 when the outermost has
 * ended. */
static int close_brackets(struct json_cursor *c, struct brackets *open) {
    while (open->depth > 0) {
        bool object = open->objects & 1;
        skip_space(c);
        int ch = peek(c);
        if (ch == ',') {
            c->at++;
            int error = object ? skip_key(c) : 0;
            return error != 0 ? error : 1;
        }
        if (ch != (object ? '}' : ']')) {
            return fault(c, ch < 0 ? "the text ends inside an object or array"
                                   : "neither a comma nor a closing bracket");
        }
        c->at++;
        open->objects >>= 1;
        open->depth--;
    }
    return 0;
}

/* Opens a bracket and passes the key of a first member. 1: a value is due; 2: it was empty, a value
 * has ended. */
static int enter_nested(struct json_cursor *c, struct brackets *open, bool object) {
    int error = open_bracket(c, open, object);
    if (error != 0) {
        return error;
    }
    skip_space(c);
    if (peek(c) == (object ? '}' : ']')) {
        c->at++;
        open->objects >>= 1;
        open->depth--;
        return 2;
    }
    error = object ? skip_key(c) : 0;
    return error != 0 ? error : 1;
}

int json_skip(struct json_cursor *c, struct json_slice *out) {
    skip_space(c);
    size_t start = c->at;
    struct brackets open = {0};
    int state = 1;
    while (state == 1) {
        skip_space(c);
        int ch = peek(c);
        if (ch == '{' || ch == '[') {
            state = enter_nested(c, &open, ch == '{');
            if (state == 1) {
                continue;
            }
        } else {
            state = skip_scalar(c);
        }
        if (state >= 0) {
            state = close_brackets(c, &open);
        }
    }
    if (state == 0 && out != NULL) {
        *out = (struct json_slice){c->text + start, c->at - start};
    }
    return state;
}

bool json_at_end(struct json_cursor *c) {
    skip_space(c);
    return c->at == c->n_bytes;
}

int json_enter(struct json_cursor *c, char bracket) {
    skip_space(c);
    if (peek(c) != bracket) {
        return fault(c, bracket == '{' ? "not an object" : "not an array");
    }
    c->at++;
    c->is_first = true;
    return 0;
}

/* Before a member: 1 when one follows, 0 behind the closing bracket. */
static int next_in(struct json_cursor *c, char close) {
    skip_space(c);
    bool first = c->is_first;
    c->is_first = false;
    if (peek(c) == close) {
        c->at++;
        return 0;
    }
    if (!first) {
        if (peek(c) != ',') {
            return fault(c, peek(c) < 0 ? "the text ends inside an object or array"
                                        : "neither a comma nor a closing bracket");
        }
        c->at++;
    }
    return 1;
}

int json_next_key(struct json_cursor *c, struct json_slice *key) {
    int more = next_in(c, '}');
    if (more != 1) {
        return more;
    }
    int error = take_key(c, key);
    return error != 0 ? error : 1;
}

int json_next_element(struct json_cursor *c) {
    return next_in(c, ']');
}

int json_next_member(struct json_cursor *c, struct json_slice *key, struct json_slice *value) {
    int more = json_next_key(c, key);
    if (more != 1) {
        return more;
    }
    int error = json_skip(c, value);
    return error != 0 ? error : 1;
}

int json_next_item(struct json_cursor *c, struct json_slice *value) {
    int more = json_next_element(c);
    if (more != 1) {
        return more;
    }
    int error = json_skip(c, value);
    return error != 0 ? error : 1;
}

enum json_kind json_next_kind(struct json_cursor *c) {
    skip_space(c);
    return json_kind_of((struct json_slice){c->text + c->at, c->n_bytes - c->at});
}

enum json_kind json_kind_of(struct json_slice value) {
    if (value.text == NULL || value.n_bytes == 0) {
        return JSON_NONE;
    }
    switch (value.text[0]) {
    case 'n': return JSON_NULL;
    case 't':
    case 'f': return JSON_BOOL;
    case '"': return JSON_STRING;
    case '[': return JSON_ARRAY;
    case '{': return JSON_OBJECT;
    default: return JSON_NUMBER;
    }
}

int weir_json_check(const char *text, size_t n_bytes, weir_error_detail *detail) {
    if (text == NULL) {
        return error_set(detail, WEIR_E_INVALID, "JSON text is NULL");
    }
    struct json_cursor c = json_cursor_over(text, n_bytes);
    int error = json_skip(&c, NULL);
    if (error == 0 && !json_at_end(&c)) {
        error = fault(&c, "something follows the value");
    }
    if (error != 0) {
        return error_set_at(detail, error, c.at, 0, "JSON: %s at byte %zu", c.fault, c.at);
    }
    return 0;
}

/* ---- copying ---- */

/* The next white space outside strings, or the end. */
static size_t find_space(struct json_cursor *c) {
    while (c->at < c->n_bytes) {
        int ch = peek(c);
        if (ch == '"') {
            if (skip_string(c) != 0) {
                return c->n_bytes;
            }
        } else if (ch == ' ' || ch == '\n' || ch == '\t' || ch == '\r') {
            return c->at;
        } else {
            c->at++;
        }
    }
    return c->n_bytes;
}

void json_append_compact(struct buf *out, struct json_slice value) {
    struct json_cursor c = json_cursor_over(value.text, value.n_bytes);
    while (c.at < c.n_bytes) { /* long runs: most text has no space to lose */
        size_t start = c.at;
        size_t end = find_space(&c);
        utf8_append_repaired(out, c.text + start, end - start);
        c.at = end;
        skip_space(&c);
    }
}
