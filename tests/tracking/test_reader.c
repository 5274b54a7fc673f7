/* The reader of logs: what it finds in each record, and what a damaged or growing log does to it.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/tracking.h>

#include "otlp/common/macro.h"
#include "tests/support/fault.h"
#include "tests/support/temp.h"

static weir_reader *open_text(const char *dir, const char *text, size_t n_bytes) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, "log.jsonl");
    temp_write(path, text, n_bytes);
    weir_reader *reader = NULL;
    cr_assert(eq(int, weir_reader_open(path, &reader, NULL), 0));
    return reader;
}

static void append_text(const char *dir, const char *text) {
    char *path CLEANUP(temp_path_free) = temp_path(dir, "log.jsonl");
    int fd = open(path, O_WRONLY | O_APPEND);
    cr_assert(ge(int, fd, 0));
    cr_assert(eq(sz, (size_t)write(fd, text, strlen(text)), strlen(text)));
    close(fd);
}

static bool slice_is(weir_slice slice, const char *text) {
    if (text == NULL) {
        return slice.text == NULL;
    }
    return slice.text != NULL && slice.n_bytes == strlen(text) &&
           memcmp(slice.text, text, slice.n_bytes) == 0;
}

static weir_record next_of(weir_reader *reader) {
    weir_record record = WEIR_RECORD_INIT;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, weir_reader_next(reader, &record, &detail), 1), "%s", detail.message);
    return record;
}

Test(reader, finds_the_members_of_an_entry) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    static const char text[] =
        "{\"type\":\"begin_entry\",\"start_time\":\"2024-08-27T11:59:58.569646\",\"action\":"
        "\"counter\",\"inputs\":{},\"sequence_id\":0}\n"
        "{\"type\":\"end_entry\",\"end_time\":\"2024-08-27T11:59:58.569778\",\"action\":"
        "\"counter\",\"result\":{},\"exception\":null,\"state\":{\"counter\":1},\"sequence_id\":"
        "-7}\n";
    weir_reader *reader = open_text(dir, text, sizeof text - 1);
    weir_record begin = next_of(reader);
    cr_assert(eq(int, begin.type, WEIR_RECORD_BEGIN_ENTRY));
    cr_assert(eq(u64, begin.line, 1));
    cr_assert(eq(i64, begin.sequence_id, 0));
    cr_assert(slice_is(begin.time, "\"2024-08-27T11:59:58.569646\""));
    cr_assert(slice_is(begin.action, "\"counter\""));
    cr_assert(slice_is(begin.inputs, "{}"));
    cr_assert(slice_is(begin.state, NULL));
    weir_record end = next_of(reader);
    cr_assert(eq(int, end.type, WEIR_RECORD_END_ENTRY));
    cr_assert(eq(i64, end.sequence_id, -7));
    cr_assert(slice_is(end.exception, "null"));
    cr_assert(slice_is(end.state, "{\"counter\":1}"));
    cr_assert(eq(sz, begin.whole.n_bytes + end.whole.n_bytes + 2, sizeof text - 1));
    cr_assert(eq(int, weir_reader_next(reader, &end, NULL), 0));
    weir_reader_close(reader);
}

Test(reader, goes_on_behind_broken_and_blank_lines) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    static const char text[] = "\n"
                               "{\"type\":\"end_span\",\"span_id\":}\n"
                               " \t\r\n"
                               "[1]\n"
                               "{\"type\":\"end_span\"} x\n"
                               "{\"span_id\":\"0:0\"}\n"
                               "{\"type\":7}\n"
                               "{\"type\":\"end_span\"";
    static const struct {
        uint64_t line, position;
    } faults[] = {{2, 29}, {4, 0}, {5, 20}, {6, 0}, {7, 8}};
    weir_reader *reader = open_text(dir, text, sizeof text - 1);
    weir_record record = WEIR_RECORD_INIT;
    for (size_t i = 0; i < ARRAY_LENGTH(faults); i++) {
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        cr_assert(eq(int, weir_reader_next(reader, &record, &detail), WEIR_E_SYNTAX));
        cr_assert(eq(u64, detail.line, faults[i].line), "%s", detail.message);
        cr_assert(eq(u64, detail.position, faults[i].position), "%s", detail.message);
    }
    cr_assert(eq(int, weir_reader_next(reader, &record, NULL), 0));
    cr_assert(eq(sz, weir_reader_torn_bytes(reader), strlen("{\"type\":\"end_span\"")));
    append_text(dir, "}\n");
    cr_assert(eq(u64, next_of(reader).line, 8));
    cr_assert(eq(int, weir_reader_next(reader, &record, NULL), 0));
    cr_assert(eq(sz, weir_reader_torn_bytes(reader), 0));
    weir_reader_close(reader);
}

Test(reader, forgets_a_torn_line_that_its_writer_cut_off) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "log.jsonl");
    static const char torn[] = "{\"type\":\"end_span\"}\n{\"type\":\"attri";
    weir_reader *reader = open_text(dir, torn, sizeof torn - 1);
    cr_assert(eq(int, next_of(reader).type, WEIR_RECORD_END_SPAN));
    cr_assert(eq(int, truncate(path, 20), 0));
    append_text(dir, "{\"type\":\"begin_span\",\"span_id\":\"0:0\"}\n");
    weir_record record = next_of(reader);
    cr_assert(eq(int, record.type, WEIR_RECORD_BEGIN_SPAN));
    cr_assert(eq(u64, record.line, 2));
    weir_reader_close(reader);
}

Test(reader, takes_unknown_types_and_other_spellings) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    static const char text[] =
        "{\"type\":\"suspend_entry\",\"action\":\"wait\",\"sequence_id\":4}\n"
        "{ \"sequence_id\": 1, \"t\\u0079pe\" : \"end\\u005fentry\", \"state\": {\"a\": NaN},"
        " \"result\": -Infinity, \"sequence_id\": 2, \"end_time\": 1.5e9 }\r\n"
        "{\"type\":\"end_entry\",\"sequence_id\":99999999999999999999}\n";
    weir_reader *reader = open_text(dir, text, sizeof text - 1);
    weir_record other = next_of(reader);
    cr_assert(eq(int, other.type, WEIR_RECORD_OTHER));
    cr_assert(eq(i64, other.sequence_id, 4));
    cr_assert(slice_is(other.action, "\"wait\""));
    weir_record end = next_of(reader);
    cr_assert(eq(int, end.type, WEIR_RECORD_END_ENTRY));
    cr_assert(eq(i64, end.sequence_id, 2), "of a key that stands there twice the later one counts");
    cr_assert(slice_is(end.state, "{\"a\": NaN}"));
    cr_assert(slice_is(end.result, "-Infinity"));
    cr_assert(slice_is(end.time, "1.5e9"));
    cr_assert(eq(i64, next_of(reader).sequence_id, -1));
    weir_reader_close(reader);
}

Test(reader, says_why_a_log_cannot_be_opened) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *missing CLEANUP(temp_path_free) = temp_path(dir, "missing/log.jsonl");
    char *pipe CLEANUP(temp_path_free) = temp_path(dir, "pipe");
    cr_assert(eq(int, mkfifo(pipe, 0600), 0));
    weir_reader *reader = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, weir_reader_open(missing, &reader, &detail), WEIR_E_NOT_FOUND));
    cr_assert(ne(ptr, strstr(detail.message, "missing/log.jsonl"), NULL), "%s", detail.message);
    cr_assert(eq(int, weir_reader_open(dir, &reader, &detail), WEIR_E_IO));
    cr_assert(eq(int, weir_reader_open(pipe, &reader, &detail), WEIR_E_IO));
    cr_assert(eq(int, weir_reader_open(NULL, &reader, &detail), WEIR_E_INVALID));
    cr_assert(eq(int, weir_reader_open(missing, NULL, &detail), WEIR_E_INVALID));
    cr_assert(eq(ptr, reader, NULL));
    cr_assert(eq(int, weir_reader_next(NULL, NULL, &detail), WEIR_E_INVALID));
    cr_assert(eq(sz, weir_reader_torn_bytes(NULL), 0));
    cr_assert(eq(ptr, weir_reader_close(NULL), NULL));
}

Test(reader, survives_short_memory) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "log.jsonl");
    static const char line[] = "{\"type\":\"end_span\",\"span_id\":\"0:0\"}\n";
    temp_write(path, line, sizeof line - 1);
    long n_live = fault_n_live();
    FAULT_FOR_EACH_ALLOCATION(nth) {
        weir_reader *reader = NULL;
        int error = weir_reader_open(path, &reader, NULL);
        if (error == 0) {
            weir_record record = WEIR_RECORD_INIT;
            error = weir_reader_next(reader, &record, NULL);
            if (error == WEIR_E_NO_MEMORY) { /* nothing is lost by it */
                cr_assert(eq(int, weir_reader_next(reader, &record, NULL), 1));
                cr_assert(eq(u64, record.line, 1));
            }
            weir_reader_close(reader);
        }
        cr_assert(fault_has_struck() ? error == WEIR_E_NO_MEMORY : error == 1, "%d", error);
        cr_assert(eq(long, fault_n_live(), n_live));
    }
}

Test(reader, passes_over_a_line_that_is_too_long) {
    enum { TOO_LONG = 257 << 20 };
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "log.jsonl");
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    static const char line[] = "\n{\"type\":\"x\"}\n"; /* the long lines are holes in the file */
    cr_assert(eq(i64, pwrite(fd, line, sizeof line - 1, TOO_LONG), sizeof line - 1));
    cr_assert(eq(int, ftruncate(fd, (off_t)2 * TOO_LONG), 0));
    weir_reader *reader = NULL;
    weir_record record = WEIR_RECORD_INIT;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_assert(eq(int, weir_reader_open(path, &reader, NULL), 0));
    cr_assert(eq(int, weir_reader_next(reader, &record, &detail), WEIR_E_TOO_LARGE));
    cr_assert(eq(u64, detail.line, 1));
    cr_assert(eq(sz, weir_reader_torn_bytes(reader), 0));
    cr_assert(eq(u64, next_of(reader).line, 2));
    cr_assert(eq(int, weir_reader_next(reader, &record, NULL), 0));
    const off_t whole = TOO_LONG + sizeof line - 1;
    cr_assert(eq(sz, weir_reader_torn_bytes(reader), (size_t)(2 * (off_t)TOO_LONG - whole)));
    cr_assert(eq(int, ftruncate(fd, whole), 0)); /* cut off, and gone on behind */
    cr_assert(eq(int, weir_reader_next(reader, &record, NULL), 0));
    cr_assert(eq(sz, weir_reader_torn_bytes(reader), 0));
    cr_assert(eq(i64, pwrite(fd, line + 1, sizeof line - 2, whole), sizeof line - 2));
    cr_assert(eq(u64, next_of(reader).line, 3));
    weir_reader_close(reader);
    close(fd);
}

Test(reader, says_when_a_log_was_cut_below_what_was_read) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "log.jsonl");
    weir_reader *reader = open_text(dir, "{\"type\":\"x\"}\n{\"type\":\"y\"}\n", 26);
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_record record = next_of(reader);
    (void)next_of(reader);
    cr_assert(eq(int, truncate(path, 13), 0));
    cr_assert(eq(int, weir_reader_next(reader, &record, &detail), WEIR_E_IO));
    cr_assert(strstr(detail.message, "has become shorter") != NULL, "%s", detail.message);
    weir_reader_close(reader);
}
