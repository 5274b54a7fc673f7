/*
 * Bytes as a log: read at once, read while it grows, and each line checked.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "otlp/common/json_text.h"
#include "tests/fuzz/fuzz.h"
#include "tracking/check.h"
#include "tracking/reader.h"
#include "tracking/scan.h"
#include "tracking/time_read.h"

static weir_reader *open_bytes(const uint8_t *bytes, size_t n_bytes, int *fd) {
    weir_reader *reader = NULL;
    *fd = memfd_create("log", MFD_CLOEXEC);
    FUZZ_CHECK(*fd >= 0 && pwrite(*fd, bytes, n_bytes, 0) == (ssize_t)n_bytes);
    FUZZ_CHECK(reader_open_fd(dup(*fd), "log", &reader, NULL) == 0);
    return reader;
}

/* What a slice promises: it lies within the line and is one value. */
static void check_slice(const weir_record *record, weir_slice slice) {
    if (slice.text != NULL) {
        struct json_cursor cursor = json_cursor_over(slice.text, slice.n_bytes);
        struct json_slice value;
        cursor.allow_nan = true;
        FUZZ_CHECK(slice.text > record->whole.text);
        FUZZ_CHECK(slice.text + slice.n_bytes < record->whole.text + record->whole.n_bytes);
        FUZZ_CHECK(json_skip(&cursor, &value) == 0 && value.n_bytes == slice.n_bytes);
    }
}

static void check_record(const weir_record *record) {
    const weir_slice slices[] = {
        record->time,
        record->action,
        record->inputs,
        record->result,
        record->exception,
        record->state,
        record->span_id,
        record->span_name,
        record->parent_span_id,
        record->key,
        record->value,
        record->tags,
        record->items_streamed,
        record->span_dependencies,
        record->generation_time_ms,
        record->consumer_time_ms,
        record->first_item_time_ms,
    };
    for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
        check_slice(record, slices[i]);
    }
    struct time_stamp stamp;
    (void)time_read_json(record->time.text, record->time.n_bytes, &stamp);
}

static void check_line(const weir_record *record) {
    struct check_fault fault = {0};
    for (int kind = CHECK_RECORD; kind <= CHECK_METADATA; kind++) {
        if (!check_text((enum check_kind)kind, record->whole.text, record->whole.n_bytes, &fault)) {
            FUZZ_CHECK(fault.text[0] != '\0' && fault.at <= record->whole.n_bytes);
        }
    }
}

/* What a reading comes to: equal readings give equal numbers. */
struct sum {
    uint64_t n_records, n_faults, mixed;
};

static void read_on(weir_reader *reader, struct sum *sum) {
    weir_record record = WEIR_RECORD_INIT;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    int result;
    while ((result = weir_reader_next(reader, &record, &detail)) != 0) {
        FUZZ_CHECK(result == 1 || result == WEIR_E_SYNTAX);
        uint64_t line = result == 1 ? record.line : detail.line;
        if (result == 1) {
            sum->n_records++;
            check_record(&record);
            check_line(&record);
        } else {
            sum->n_faults++;
            FUZZ_CHECK(detail.message[0] != '\0');
        }
        sum->mixed = sum->mixed * 31 + line * 16 + (result == 1 ? (uint64_t)record.type : 15);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    size_t n_feeds = 0, n_torn = 0;
    for (size_t i = 0; i < n_bytes; i++) {
        n_feeds += bytes[i] == '\n';
        n_torn = bytes[i] == '\n' ? 0 : n_torn + 1;
    }
    int fd;
    struct sum whole = {0}, grown = {0};
    weir_reader *reader = open_bytes(bytes, n_bytes, &fd);
    read_on(reader, &whole);
    FUZZ_CHECK(reader_n_lines(reader) == n_feeds && weir_reader_torn_bytes(reader) == n_torn);
    FUZZ_CHECK(whole.n_records + whole.n_faults <= n_feeds);
    weir_reader_close(reader);
    close(fd);

    size_t n_first = n_bytes > 0 ? bytes[0] % n_bytes : 0;
    reader = open_bytes(bytes, n_first, &fd);
    read_on(reader, &grown);
    size_t n_rest = n_bytes - n_first;
    FUZZ_CHECK(pwrite(fd, bytes + n_first, n_rest, (off_t)n_first) == (ssize_t)n_rest);
    read_on(reader, &grown);
    FUZZ_CHECK(memcmp(&whole, &grown, sizeof whole) == 0);
    weir_reader_close(reader);
    close(fd);
    return 0;
}
