/*
 * The reader of logs on the recorded ones: held against jansson, line by line, whole and changed;
 * cut at every byte; lines beyond every size.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "otlp/common/buf.h"
#include "otlp/common/json_text.h"
#include "otlp/common/macro.h"
#include "tests/support/json_oracle.h"
#include "tests/support/temp.h"
#include "tracking/bounds.h"
#include "tracking/reader.h"
#include "tracking/scan.h"

static const char RECORDINGS[] = TEST_SOURCE_DIR "/data/burr-reference";

/* Appends the log.jsonl of every app in a recording. */
static void add_logs(struct buf *logs, const char *name) {
    char *path CLEANUP(temp_path_free) = temp_path(RECORDINGS, name);
    size_t n_bytes;
    char *text CLEANUP(temp_path_free) = temp_read(path, &n_bytes);
    struct json_cursor top = json_cursor_over(text, n_bytes);
    top.allow_nan = true;
    struct json_slice key, apps, files, value;
    cr_assert(eq(int, json_enter(&top, '{'), 0));
    while (json_next_member(&top, &key, &apps) == 1) {
        if (!json_string_is(key, "files")) {
            continue;
        }
        struct json_cursor app = json_cursor_over(apps.text, apps.n_bytes);
        cr_assert(eq(int, json_enter(&app, '{'), 0));
        while (json_next_member(&app, &key, &files) == 1) {
            struct json_cursor file = json_cursor_over(files.text, files.n_bytes);
            cr_assert(eq(int, json_enter(&file, '{'), 0));
            while (json_next_member(&file, &key, &value) == 1) {
                if (json_string_is(key, "log.jsonl")) {
                    json_append_decoded(logs, value);
                }
            }
        }
    }
}

static void read_recordings(struct buf *logs) {
    buf_init(logs, 16 << 20);
    DIR *folder = opendir(RECORDINGS);
    cr_assert(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strstr(entry->d_name, ".json") != NULL) {
            add_logs(logs, entry->d_name);
        }
    }
    closedir(folder);
    cr_assert(eq(int, buf_error(logs), 0));
    cr_assert(gt(sz, logs->n_bytes, 10000));
}

/* A log in memory, and a reader of it; the reader owns the descriptor, `fd` is for appending. */
static weir_reader *open_memory(const void *bytes, size_t n_bytes, int *fd) {
    *fd = memfd_create("log", MFD_CLOEXEC);
    cr_assert(ge(int, *fd, 0));
    cr_assert(eq(sz, (size_t)pwrite(*fd, bytes, n_bytes, 0), n_bytes));
    weir_reader *reader = NULL;
    cr_assert(eq(int, reader_open_fd(dup(*fd), "log", &reader, NULL), 0));
    return reader;
}

/* ---- against jansson ---- */

static const struct {
    const char *key;
    size_t offset;
} slices[] = {
    {"action", offsetof(weir_record, action)},
    {"inputs", offsetof(weir_record, inputs)},
    {"result", offsetof(weir_record, result)},
    {"exception", offsetof(weir_record, exception)},
    {"state", offsetof(weir_record, state)},
    {"span_id", offsetof(weir_record, span_id)},
    {"span_name", offsetof(weir_record, span_name)},
    {"parent_span_id", offsetof(weir_record, parent_span_id)},
    {"span_dependencies", offsetof(weir_record, span_dependencies)},
    {"key", offsetof(weir_record, key)},
    {"value", offsetof(weir_record, value)},
    {"tags", offsetof(weir_record, tags)},
    {"items_streamed", offsetof(weir_record, items_streamed)},
    {"generation_time_ms", offsetof(weir_record, generation_time_ms)},
    {"consumer_time_ms", offsetof(weir_record, consumer_time_ms)},
    {"first_item_time_ms", offsetof(weir_record, first_item_time_ms)},
};

static void compare_members(const char *line, size_t n_bytes, const weir_record *record) {
    for (size_t i = 0; i < ARRAY_LENGTH(slices); i++) {
        weir_slice slice;
        memcpy(&slice, (const char *)record + slices[i].offset, sizeof slice);
        cr_assert(json_oracle_agrees(line, n_bytes, slices[i].key, slice.text, slice.n_bytes),
                  "%s of %.*s", slices[i].key, (int)n_bytes, line);
    }
}

/* Returns whether both took it. */
static bool compare_line(const char *line, size_t n_bytes) {
    weir_record record = WEIR_RECORD_INIT;
    struct json_cursor cursor;
    enum json_verdict verdict = json_oracle(line, n_bytes);
    bool is_taken = scan_record(line, n_bytes, &record, &cursor) == 0;
    if (verdict == JSON_VERDICT_OUTSIDE || memmem(line, n_bytes, "NaN", 3) != NULL ||
        memmem(line, n_bytes, "Infinity", 8) != NULL) {
        return false;
    }
    bool is_expected = verdict == JSON_VERDICT_TAKEN && json_oracle_has_text(line, n_bytes, "type");
    cr_assert(eq(int, is_taken, is_expected), "%.*s", (int)n_bytes, line);
    if (is_taken) {
        compare_members(line, n_bytes, &record);
    }
    return is_taken;
}

Test(reader_lines, agrees_with_jansson_on_recorded_lines) {
    struct buf logs CLEANUP(buf_deinit);
    read_recordings(&logs);
    int fd;
    weir_reader *reader = open_memory(logs.data, logs.n_bytes, &fd);
    weir_record record = WEIR_RECORD_INIT;
    size_t n_of_type[WEIR_RECORD_END_STREAM + 1] = {0}, n_bytes = 0;
    int result;
    while ((result = weir_reader_next(reader, &record, NULL)) == 1) {
        cr_assert(compare_line(record.whole.text, record.whole.n_bytes));
        cr_assert(memcmp(record.whole.text, logs.data + n_bytes, record.whole.n_bytes) == 0);
        cr_assert(record.time.text != NULL);
        cr_assert(ge(i64, record.sequence_id, 0));
        n_of_type[record.type]++;
        n_bytes += record.whole.n_bytes + 1;
    }
    cr_assert(eq(int, result, 0));
    cr_assert(eq(sz, n_bytes, logs.n_bytes));
    cr_assert(eq(sz, n_of_type[WEIR_RECORD_OTHER], 0));
    for (size_t type = WEIR_RECORD_BEGIN_ENTRY; type <= WEIR_RECORD_END_STREAM; type++) {
        cr_assert(gt(sz, n_of_type[type], 0), "no record of type %zu", type);
    }
    weir_reader_close(reader);
    close(fd);
}

static uint64_t draw(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

/* Replaces, inserts, leaves out, or moves a piece about. */
static size_t change(char *text, size_t n_bytes, uint64_t *state) {
    static const char alphabet[] = "{}[]\",:\\u0e1-.+ tfn/aA9_";
    size_t at = draw(state) % n_bytes, length = 1 + draw(state) % 12;
    switch (draw(state) % 4) {
    case 0: text[at] = alphabet[draw(state) % (sizeof alphabet - 1)]; return n_bytes;
    case 1:
        memmove(text + at + 1, text + at, n_bytes - at);
        text[at] = alphabet[draw(state) % (sizeof alphabet - 1)];
        return n_bytes + 1;
    case 2:
        length = length < n_bytes - at ? length : n_bytes - at - 1;
        memmove(text + at, text + at + length, n_bytes - at - length);
        return n_bytes - length;
    default:
        length = length < n_bytes - at ? length : n_bytes - at;
        memmove(text + draw(state) % (n_bytes - length + 1), text + at, length);
        return n_bytes;
    }
}

Test(reader_lines, agrees_with_jansson_on_changed_lines) {
    struct buf logs CLEANUP(buf_deinit);
    read_recordings(&logs);
    uint64_t state = 1;
    size_t n_taken = 0, n_refused = 0, at = 0;
    for (int round = 0; round < 20000; round++) {
        const char *line = (const char *)logs.data + at;
        const char *feed = memchr(line, '\n', logs.n_bytes - at);
        size_t n_bytes = (size_t)(feed - line);
        char text[2048];
        at = at + n_bytes + 1 < logs.n_bytes ? at + n_bytes + 1 : 0;
        if (n_bytes < 2 || n_bytes + 8 > sizeof text) {
            continue;
        }
        memcpy(text, line, n_bytes);
        for (int i = 0; i <= round % 3; i++) {
            n_bytes = change(text, n_bytes, &state);
        }
        bool is_taken = compare_line(text, n_bytes);
        n_taken += is_taken;
        n_refused += !is_taken;
    }
    cr_assert(n_taken > 1000 && n_refused > 1000, "%zu taken, %zu refused", n_taken, n_refused);
}

/* ---- torn logs ---- */

/* Reads what there is; returns the number of records, which must follow one another. */
static uint64_t read_all(weir_reader *reader, uint64_t n_before) {
    weir_record record = WEIR_RECORD_INIT;
    uint64_t n = n_before;
    int result;
    while ((result = weir_reader_next(reader, &record, NULL)) == 1) {
        cr_assert(eq(u64, record.line, ++n));
    }
    cr_assert(eq(int, result, 0));
    return n;
}

Test(reader_lines, reads_a_log_cut_at_every_byte) {
    static const char log[] =
        "{\"type\":\"begin_entry\",\"action\":\"a\",\"inputs\":{\"x\":[1,\"\xc3\xa9\\n\"]},"
        "\"sequence_id\":0}\n"
        "{\"type\":\"suspend_entry\",\"sequence_id\":0}\n"
        "{\"type\":\"end_entry\",\"state\":{\"__SEQUENCE_ID\":0},\"sequence_id\":0}\n";
    const size_t n_log = sizeof log - 1;
    for (size_t cut = 0; cut <= n_log; cut++) {
        int fd;
        weir_reader *reader = open_memory(log, cut, &fd);
        uint64_t n_whole = 0;
        size_t n_torn = 0;
        for (size_t i = 0; i < cut; i++) {
            n_whole += log[i] == '\n';
            n_torn = log[i] == '\n' ? 0 : n_torn + 1;
        }
        uint64_t n = read_all(reader, 0);
        cr_assert(eq(u64, n, n_whole), "cut at %zu", cut);
        cr_assert(eq(sz, weir_reader_torn_bytes(reader), n_torn), "cut at %zu", cut);
        cr_assert(eq(sz, (size_t)pwrite(fd, log + cut, n_log - cut, (off_t)cut), n_log - cut));
        cr_assert(eq(u64, read_all(reader, n), 3), "continued behind %zu", cut);
        cr_assert(eq(sz, weir_reader_torn_bytes(reader), 0));
        weir_reader_close(reader);
        close(fd);
    }
}

/* ---- long lines ---- */

/* A line of so many bytes without its line feed, and a short one behind it. */
static void append_lines(int fd, size_t n_bytes) {
    static const char head[] = "{\"type\":\"end_span\",\"span_id\":\"", tail[] = "\"}\n";
    static const char next[] = "{\"type\":\"end_span\"}\n";
    size_t n_filler = n_bytes - (sizeof head - 1) - (sizeof tail - 2);
    char *filler = malloc(n_filler);
    memset(filler, 'x', n_filler);
    off_t end = lseek(fd, 0, SEEK_END);
    cr_assert(ge(i64, end, 0));
    cr_assert(eq(sz, (size_t)write(fd, head, sizeof head - 1), sizeof head - 1));
    cr_assert(eq(sz, (size_t)write(fd, filler, n_filler), n_filler));
    cr_assert(eq(sz, (size_t)write(fd, tail, sizeof tail - 1), sizeof tail - 1));
    cr_assert(eq(sz, (size_t)write(fd, next, sizeof next - 1), sizeof next - 1));
    free(filler);
}

Test(reader_lines, reads_lines_around_the_sizes_of_its_window) {
    int fd;
    weir_reader *reader = open_memory("", 0, &fd);
    static const size_t sizes[] = {READER_WINDOW_BYTES, READER_WINDOW_BYTES * 2,
                                   READER_KEPT_WINDOW_BYTES, READER_KEPT_WINDOW_BYTES * 4};
    weir_record record = WEIR_RECORD_INIT;
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        for (size_t size = sizes[i] - 2; size <= sizes[i] + 2; size++) {
            append_lines(fd, size);
            cr_assert(eq(int, weir_reader_next(reader, &record, NULL), 1));
            cr_assert(eq(sz, record.whole.n_bytes, size));
            cr_assert(eq(int, weir_reader_next(reader, &record, NULL), 1));
            cr_assert(eq(sz, record.whole.n_bytes, strlen("{\"type\":\"end_span\"}")));
        }
    }
    cr_assert(eq(int, weir_reader_next(reader, &record, NULL), 0));
    weir_reader_close(reader);
    close(fd);
}

Test(reader_lines, passes_over_lines_beyond_its_bound) {
    int fd;
    weir_reader *reader = open_memory("{\"type\":\"x\"}\n", 13, &fd);
    const off_t n_huge = (off_t)READER_MAX_LINE_BYTES + (20 << 20);
    cr_assert(eq(int, ftruncate(fd, 13 + n_huge), 0)); /* a hole: no memory is taken for it */
    weir_record record = WEIR_RECORD_INIT;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, weir_reader_next(reader, &record, &detail), 1));
    for (int round = 0; round < 2; round++) {
        cr_assert(eq(int, weir_reader_next(reader, &record, &detail), 0));
        cr_assert(eq(sz, weir_reader_torn_bytes(reader), (size_t)n_huge));
    }
    cr_assert(eq(i64, pwrite(fd, "\n{\"type\":\"x\"}\n", 14, 13 + n_huge), 14));
    cr_assert(eq(int, weir_reader_next(reader, &record, &detail), WEIR_E_TOO_LARGE));
    cr_assert(eq(u64, detail.line, 2));
    cr_assert(eq(int, weir_reader_next(reader, &record, &detail), 1));
    cr_assert(eq(u64, record.line, 3));
    cr_assert(eq(int, weir_reader_next(reader, &record, &detail), 0));
    cr_assert(eq(sz, weir_reader_torn_bytes(reader), 0));
    weir_reader_close(reader);
    close(fd);
}
