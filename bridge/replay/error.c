#include "bridge/replay/error.h"

#include <string.h>

#include "otlp/common/macro.h"

static const char TRACEBACK[] = "Traceback (most recent call last):";

struct lines {
    const char *at, *end;
};

/* The next line without its line feed; false at the end. */
static bool next_line(struct lines *lines, struct replay_text *out) {
    if (lines->at == lines->end) {
        return false;
    }
    size_t left = (size_t)(lines->end - lines->at);
    const char *feed = memchr(lines->at, '\n', left);
    size_t length = feed != NULL ? (size_t)(feed - lines->at) : left;
    *out = (struct replay_text){lines->at, length};
    lines->at += length + (feed != NULL);
    return true;
}

static bool is_traceback(struct replay_text line) {
    return line.n_bytes >= sizeof TRACEBACK - 1 &&
           memcmp(line.bytes, TRACEBACK, sizeof TRACEBACK - 1) == 0;
}

static bool is_indented(struct replay_text line) {
    return line.n_bytes == 0 || line.bytes[0] == ' ' || line.bytes[0] == '\t';
}

/* The text behind the last traceback line; all of it when there is none. */
static struct lines last_section(struct lines all) {
    struct lines section = all;
    struct replay_text line;
    while (next_line(&all, &line)) {
        if (is_traceback(line)) {
            section = all;
        }
    }
    return section;
}

static bool is_name_byte(char byte, bool is_first) {
    bool is_letter = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' ||
                     (unsigned char)byte >= 0x80;
    bool is_inner = (byte >= '0' && byte <= '9') || byte == '.' || byte == '<' || byte == '>';
    return is_letter || (is_inner && !is_first);
}

/* The length of a dotted name that stands alone on its line or before ": "; 0: there is none. */
static size_t type_length(struct replay_text line) {
    size_t length = 0;
    while (length < line.n_bytes && is_name_byte(line.bytes[length], length == 0)) {
        length++;
    }
    bool stands_alone = length == line.n_bytes;
    bool has_text = length < line.n_bytes && line.bytes[length] == ':';
    return stands_alone || has_text ? length : 0;
}

static struct replay_text trimmed(const char *from, const char *end) {
    while (end > from && (end[-1] == '\n' || end[-1] == '\r')) {
        end--;
    }
    return (struct replay_text){from, (size_t)(end - from)};
}

void replay_error_read(const char *text, size_t n_bytes, struct replay_error *out) {
    *out = (struct replay_error){{"", 0}, trimmed(text, text + n_bytes), false};
    struct lines lines = last_section((struct lines){text, text + n_bytes});
    struct replay_text line;
    bool found = false;
    while (!found && next_line(&lines, &line)) {
        found = !is_indented(line);
    }
    if (!found) {
        return;
    }
    size_t length = type_length(line);
    const char *from = line.bytes;
    if (length > 0) {
        out->type = (struct replay_text){line.bytes, length};
        from += MIN(length + 2, line.n_bytes); /* ": " */
    }
    out->text = trimmed(from, text + n_bytes);
    out->is_abandoned = out->text.n_bytes == 0 && length == strlen("GeneratorExit") &&
                        memcmp(line.bytes, "GeneratorExit", length) == 0;
}
