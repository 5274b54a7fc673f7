#include "otlp/config_report.h"

#include <stdint.h>
#include <string.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/buf.h"
#include "otlp/common/macro.h"
#include "otlp/common/utf8.h"

static const char HIDDEN[] = "[hidden]";

/* ---- what must not be seen ---- */

/* Copies letters and digits in lower case: "API-Key" becomes "apikey". */
static void fold(const char *name, char *out, size_t n_out) {
    size_t n = 0;
    for (; *name != '\0' && n < n_out - 1; name++) {
        if (*name >= 'A' && *name <= 'Z') {
            out[n++] = (char)(*name | 0x20);
        } else if (strchr("_-. ", *name) == NULL) {
            out[n++] = *name;
        }
    }
    out[n] = '\0';
}

bool config_is_secret_name(const char *name) {
    static const char *const parts[] = {"password",    "passwd",        "passphrase", "secret",
                                        "token",       "credential",    "apikey",     "accesskey",
                                        "privatekey",  "authorization", "cookie",     "signature",
                                        "commandline", "commandargs"};
    char folded[256];
    if (name == NULL) {
        return false;
    }
    fold(name, folded, sizeof folded);
    for (size_t i = 0; i < ARRAY_LENGTH(parts); i++) {
        if (strstr(folded, parts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/*
 * Appends a URL behind its "://" without user, password, query and fragment. A bad URL may have
 * its '@' anywhere: everything before the last one is taken for a password.
 */
static void append_masked(struct buf *out, const char *at, size_t n_bytes) {
    const char *end = at + n_bytes, *query = at;
    while (query < end && *query != '?' && *query != '#') {
        query++;
    }
    const char *host = end;
    while (host > at && host[-1] != '@') {
        host--;
    }
    if (host > at) {
        buf_append_text(out, HIDDEN);
        buf_append_text(out, "@");
    }
    if (host <= query) {
        buf_append(out, host, (size_t)(query - host));
    }
    if (query < end) {
        buf_append(out, query, 1);
        buf_append_text(out, HIDDEN);
    }
}

/* How many bytes a URL's scheme has, with its "://"; 0: there is none. */
static size_t scheme_of(const char *url) {
    size_t n = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");
    return strncmp(url + n, "://", 3) == 0 ? n + 3 : 0;
}

/* Appends a text with every URL in it masked. A URL ends at a space. */
static void append_public(struct buf *out, const char *text, bool is_url) {
    const char *url = text + (is_url ? scheme_of(text) : 0);
    const char *slashes = is_url ? NULL : strstr(text, "://");
    while (is_url || slashes != NULL) {
        url = slashes != NULL ? slashes + 3 : url;
        size_t n_url = strcspn(url, " \t\r\n");
        buf_append(out, text, (size_t)(url - text));
        append_masked(out, url, n_url);
        text = url + n_url;
        slashes = strstr(text, "://");
        is_url = false;
    }
    buf_append_text(out, text);
}

/* One line of what may be seen; NULL when memory is short. Cut last: the part of a URL that is
 * left might be its password. */
static char *visible(const char *value, enum config_privacy privacy) {
    if (value == NULL || privacy == CONFIG_SECRET) {
        return mem_strdup(value == NULL ? "none" : HIDDEN);
    }
    struct buf out CLEANUP(buf_deinit);
    buf_init(&out, SIZE_MAX);
    append_public(&out, value, privacy == CONFIG_URL);
    buf_append_byte(&out, '\0');
    if (buf_error(&out) != 0) {
        return NULL;
    }
    char *text = mem_strndup((const char *)out.data, MIN(out.n_bytes - 1, CONFIG_MAX_VALUE));
    if (text != NULL) {
        utf8_make_line(text);
    }
    return text;
}

/* ---- the lines ---- */

static void line_deinit(struct config_line *line) {
    mem_free(line->name);
    mem_free(line->value);
    mem_free(line->origin);
    *line = (struct config_line){0};
}

void config_report_deinit(struct config_report *report) {
    if (report == NULL) {
        return;
    }
    for (size_t i = 0; i < report->n; i++) {
        line_deinit(&report->lines[i]);
    }
    mem_free(report->lines);
    *report = (struct config_report){0};
}

static struct config_line *find(const struct config_report *report, const char *name) {
    for (size_t i = 0; i < report->n; i++) {
        if (strcmp(report->lines[i].name, name) == 0) {
            return &report->lines[i];
        }
    }
    return NULL;
}

const struct config_line *config_report_find(const struct config_report *report, const char *name) {
    return find(report, name);
}

/* Where a line of this name goes: over the old one, else behind the last. NULL: no room. */
static struct config_line *place_for(struct config_report *report, const char *name) {
    struct config_line *line = find(report, name);
    if (line != NULL || report->n == CONFIG_MAX_LINES) {
        return line;
    }
    if ((report->n & (report->n - 1)) == 0) { /* full at 0 and at every power of two */
        size_t n = MAX(report->n * 2, 1);
        struct config_line *more = mem_realloc(report->lines, n * sizeof *more);
        if (more == NULL) {
            return NULL;
        }
        report->lines = more;
    }
    report->lines[report->n] = (struct config_line){0};
    return &report->lines[report->n];
}

void config_report_put(struct config_report *report, const char *name, const char *value,
                       enum config_privacy privacy, struct config_origin origin) {
    if (report == NULL) {
        return;
    }
    bool is_secret = privacy == CONFIG_SECRET || config_is_secret_name(name);
    struct config_line line = {
        .name = mem_strdup(name),
        .value = visible(value, is_secret ? CONFIG_SECRET : privacy),
        .source = origin.source,
        .origin = mem_strdup(origin.name != NULL ? origin.name : ""),
    };
    bool is_whole = line.name != NULL && line.value != NULL && line.origin != NULL;
    struct config_line *place = is_whole ? place_for(report, name) : NULL;
    if (place == NULL) {
        line_deinit(&line);
        report->is_cut = true;
        return;
    }
    report->n += place == &report->lines[report->n];
    line_deinit(place);
    *place = line;
}

const char *config_source_name(enum config_source source) {
    static const char *const names[] = {"default", "environment", "option"};
    return names[source];
}
