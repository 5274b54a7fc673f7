/*
 * Bytes as a log that is read while it grows: the same comes out as when it is read at once.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tracking/reader.h"

static weir_reader *open_bytes(const uint8_t *bytes, size_t n_bytes, int *fd) {
    weir_reader *reader = NULL;
    *fd = memfd_create("log", MFD_CLOEXEC);
    FUZZ_CHECK(*fd >= 0 && pwrite(*fd, bytes, n_bytes, 0) == (ssize_t)n_bytes);
    FUZZ_CHECK(reader_open_fd(dup(*fd), "log", &reader, NULL) == 0);
    return reader;
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
        sum->n_records += result == 1;
        sum->n_faults += result != 1;
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
