/*
 * The reader held against jansson, line by line: on the recorded logs, on those logs changed at
 * random, and cut off at every byte. jansson's names and those of our own JSON functions clash, so
 * only public headers here.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <glob.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/tracking.h>

#include "otlp/common/macro.h"
#include "tests/support/json_oracle.h"
#include "tests/support/temp.h"
#include "tests/tracking/recordings.h"

static const size_t FLAGS = JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL;

static const struct type {
    const char *name;
    weir_record_type type;
    const char *time, *sequence_id;
} types[] = {
    {"begin_entry", WEIR_RECORD_BEGIN_ENTRY, "start_time", "sequence_id"},
    {"end_entry", WEIR_RECORD_END_ENTRY, "end_time", "sequence_id"},
    {"begin_span", WEIR_RECORD_BEGIN_SPAN, "start_time", "action_sequence_id"},
    {"end_span", WEIR_RECORD_END_SPAN, "end_time", "action_sequence_id"},
    {"attribute", WEIR_RECORD_ATTRIBUTE, "time_logged", "action_sequence_id"},
    {"begin_stream", WEIR_RECORD_BEGIN_STREAM, "stream_init_time", "action_sequence_id"},
    {"first_item_stream", WEIR_RECORD_FIRST_ITEM, "first_item_time", "action_sequence_id"},
    {"end_stream", WEIR_RECORD_END_STREAM, "end_time", "action_sequence_id"},
};

#define MEMBER(name)                                                                               \
    { #name, offsetof(weir_record, name) }
static const struct {
    const char *name;
    size_t offset;
} members[] = {
    MEMBER(action),
    MEMBER(inputs),
    MEMBER(result),
    MEMBER(exception),
    MEMBER(state),
    MEMBER(span_id),
    MEMBER(span_name),
    MEMBER(parent_span_id),
    MEMBER(key),
    MEMBER(span_dependencies),
    MEMBER(value),
    MEMBER(tags),
    MEMBER(items_streamed),
    MEMBER(generation_time_ms),
    MEMBER(consumer_time_ms),
    MEMBER(first_item_time_ms),
};

/* The slice holds what the whole line's parse has at that name. */
static void expect_slice(weir_slice slice, json_t *line, const char *name) {
    json_t *wanted = json_object_get(line, name);
    if (wanted == NULL) {
        cr_assert(eq(ptr, (void *)(uintptr_t)slice.text, NULL), "%s", name);
        return;
    }
    cr_assert(ne(ptr, (void *)(uintptr_t)slice.text, NULL), "%s", name);
    json_t *found = json_loadb(slice.text, slice.n_bytes, FLAGS, NULL);
    cr_assert(json_equal(wanted, found), "%s: %.*s", name, (int)slice.n_bytes, slice.text);
    json_decref(found);
}

static void expect_record(const weir_record *record, json_t *line) {
    const char *type = json_string_value(json_object_get(line, "type"));
    const struct type *expected = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        expected = strcmp(type, types[i].name) == 0 ? &types[i] : expected;
    }
    cr_assert(eq(int, (int)record->type, expected != NULL ? (int)expected->type : 0), "%s", type);
    for (size_t i = 0; i < ARRAY_LENGTH(members); i++) {
        weir_slice slice;
        memcpy(&slice, (const char *)record + members[i].offset, sizeof slice);
        expect_slice(slice, line, members[i].name);
    }
    if (expected != NULL) {
        expect_slice(record->time, line, expected->time);
        json_t *id = json_object_get(line, expected->sequence_id);
        cr_assert(record->sequence_id == -1 || json_real_value(id) == (double)record->sequence_id);
    }
}

static unsigned n_taken, n_refused, n_outside;

/* The reader takes the line exactly when jansson does and it is an object with a type. */
static void expect_line(const char *text, size_t n_bytes, int result, const weir_record *record) {
    enum json_verdict verdict = json_oracle(text, n_bytes);
    if (verdict == JSON_VERDICT_OUTSIDE) { /* UTF-8 and the range of numbers are not looked at */
        n_outside++;
        return;
    }
    json_t *line = json_loadb(text, n_bytes, FLAGS, NULL);
    bool is_record = json_is_string(json_object_get(line, "type"));
    cr_assert(eq(int, result, is_record ? 1 : WEIR_E_SYNTAX), "%.*s", (int)n_bytes, text);
    if (is_record) {
        expect_record(record, line);
        n_taken++;
    } else {
        n_refused++;
    }
    json_decref(line);
}

static bool is_blank(const char *text, size_t n_bytes) {
    return strspn(text, " \t\r") >= n_bytes;
}

static void expect_log(const char *path) {
    size_t n_bytes = 0;
    char *bytes CLEANUP(temp_path_free) = temp_read(path, &n_bytes);
    weir_reader *reader = NULL;
    weir_record record = WEIR_RECORD_INIT;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, weir_reader_open(path, &reader, NULL), 0));
    uint64_t n_line = 0;
    for (char *line = bytes, *end; (end = memchr(line, '\n', n_bytes)) != NULL; line = end + 1) {
        size_t length = (size_t)(end - line);
        n_bytes -= length + 1;
        n_line++;
        *end = '\0';
        if (is_blank(line, length)) {
            continue;
        }
        int result = weir_reader_next(reader, &record, &detail);
        cr_assert(eq(u64, result == 1 ? record.line : detail.line, n_line));
        expect_line(line, length, result, &record);
    }
    cr_assert(eq(int, weir_reader_next(reader, &record, NULL), 0));
    cr_assert(eq(sz, weir_reader_torn_bytes(reader), n_bytes));
    weir_reader_close(reader);
}

/* Calls fn for every recorded log that is not empty. */
static size_t for_each_log(void (*fn)(const char *path)) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *pattern CLEANUP(temp_path_free) = temp_path(dir, "*/*/log.jsonl");
    glob_t found;
    cr_assert(gt(sz, recordings_unpack(dir), 0));
    cr_assert(eq(int, glob(pattern, 0, NULL, &found), 0));
    size_t n = found.gl_pathc;
    for (size_t i = 0; i < n; i++) {
        fn(found.gl_pathv[i]);
    }
    globfree(&found);
    return n;
}

Test(reader_oracle, recorded_logs) {
    cr_assert(gt(sz, for_each_log(expect_log), 30));
    cr_assert(gt(uint, n_taken, 200));
    cr_assert(eq(uint, n_refused + n_outside, 0));
}

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15); /* the same every time */

static uint64_t draw(uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

/* A few bytes changed to ones that mean something, a few pieces moved. */
static void change(char *bytes, size_t n_bytes) {
    static const char telling[] = "\"\\{}[]:, \n\t0-1.eEu\x01\x80truefalsn";
    for (uint64_t n = 1 + draw(n_bytes / 80 + 2); n > 0; n--) {
        size_t at = draw(n_bytes);
        if (draw(8) > 0) {
            bytes[at] = telling[draw(sizeof telling)];
        } else {
            size_t length = draw(MIN(n_bytes - at, 40));
            memmove(bytes + draw(n_bytes - length), bytes + at, length);
        }
    }
}

static void expect_changed_log(const char *path) {
    size_t n_bytes = 0;
    char *seed CLEANUP(temp_path_free) = temp_read(path, &n_bytes);
    char *bytes CLEANUP(temp_path_free) = temp_read(path, NULL);
    for (int i = 0; i < 60 && n_bytes > 0; i++) {
        memcpy(bytes, seed, n_bytes);
        change(bytes, n_bytes);
        temp_write(path, bytes, n_bytes);
        expect_log(path);
    }
}

Test(reader_oracle, logs_changed_at_random, .timeout = 60) {
    (void)for_each_log(expect_changed_log);
    cr_assert(gt(uint, n_taken, 1000));
    cr_assert(gt(uint, n_refused, 1000));
    cr_assert(gt(uint, n_outside, 10));
}

/* One reader sees the log grow byte by byte: each record comes once, as soon as its line ends. */
static void expect_growth(const char *path) {
    size_t n_bytes = 0;
    char *bytes CLEANUP(temp_path_free) = temp_read(path, &n_bytes);
    temp_write(path, "", 0);
    FILE *file = fopen(path, "ab");
    weir_reader *reader = NULL;
    weir_record record = WEIR_RECORD_INIT;
    cr_assert(eq(int, weir_reader_open(path, &reader, NULL), 0));
    size_t torn = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        cr_assert(fputc(bytes[i], file) != EOF && fflush(file) == 0);
        torn = bytes[i] == '\n' ? 0 : torn + 1;
        cr_assert(eq(int, weir_reader_next(reader, &record, NULL), bytes[i] == '\n' ? 1 : 0));
        if (bytes[i] == '\n') {
            cr_assert(eq(int, weir_reader_next(reader, &record, NULL), 0));
        }
        cr_assert(eq(sz, weir_reader_torn_bytes(reader), torn));
    }
    weir_reader_close(reader);
    fclose(file);
}

/* A log that ends at any byte: its whole lines are read, the rest is told. */
static void expect_every_cut(const char *path) {
    size_t n_bytes = 0;
    char *bytes CLEANUP(temp_path_free) = temp_read(path, &n_bytes);
    for (size_t cut = n_bytes; cut-- > 0;) {
        cr_assert(eq(int, truncate(path, (off_t)cut), 0));
        expect_log(path);
    }
    temp_write(path, bytes, n_bytes);
}

static void expect_cuts_of_one(const char *path) {
    if (strstr(path, "/stream_three_items/") != NULL) {
        expect_every_cut(path);
        expect_growth(path);
    }
}

Test(reader_oracle, a_log_cut_at_every_byte, .timeout = 60) {
    (void)for_each_log(expect_cuts_of_one);
    cr_assert(gt(uint, n_taken, 1000));
    cr_assert(eq(uint, n_refused, 0));
}

Test(reader_oracle, sequence_ids_are_the_integers_of_the_line) {
    static const struct {
        const char *number;
        int64_t sequence_id;
    } rows[] = {{"0", 0},     {"7", 7},    {"-3", -3},    {"9223372036854775807", INT64_MAX},
                {"1.0", -1},  {"1e2", -1}, {"\"1\"", -1}, {"9223372036854775808", -1},
                {"null", -1}, {"true", -1}};
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "log.jsonl");
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        char line[128];
        int n = snprintf(line, sizeof line, "{\"type\":\"begin_entry\",\"sequence_id\":%s}\n",
                         rows[i].number);
        temp_write(path, line, (size_t)n);
        weir_reader *reader = NULL;
        weir_record record = WEIR_RECORD_INIT;
        cr_assert(eq(int, weir_reader_open(path, &reader, NULL), 0));
        cr_assert(eq(int, weir_reader_next(reader, &record, NULL), 1));
        cr_assert(eq(i64, record.sequence_id, rows[i].sequence_id), "%s", rows[i].number);
        weir_reader_close(reader);
    }
}
