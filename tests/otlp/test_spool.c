#include <errno.h>
#include <sys/stat.h>

#include "otlp/common/macro.h"
#include "tests/support/settled_fork.h"
#include "tests/support/spool_rig.h"
#include "tests/support/temp.h"

TestSuite(spool, .timeout = 60);

/* ---- waiting ---- */

Test(spool, spans_wait_until_their_pipelines_are_done) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    cr_expect(not(spool_has_waiting(spool, 0)));
    keep(spool, 0, 3, 3);
    keep(spool, 3, 2, 1);
    cr_expect(spool_has_waiting(spool, 0));
    cr_expect(eq(u64, counts_of(spool, 0).waiting, 5));
    cr_expect(eq(u64, counts_of(spool, 1).waiting, 3));
    cr_expect(eq(int, take_next(spool, 0, 0), 3)); /* the oldest first */
    cr_expect(eq(sz, n_files(dir, ".seg"), 2));    /* the other pipeline wants it too */
    cr_expect(eq(int, take_next(spool, 0, 3), 2));
    cr_expect(eq(sz, n_files(dir, ".seg"), 1));
    cr_expect(eq(int, take_next(spool, 0, 0), -1));
    cr_expect(eq(int, take_next(spool, 1, 0), 3));
    cr_expect(eq(u64, counts_of(spool, 0).waiting + counts_of(spool, 1).waiting, 0));
    cr_expect(eq(sz, spool_bytes(spool), 0));
    spool_close(spool);
    cr_expect(eq(sz, n_files(dir, ""), 2)); /* "." and "..": the lock has gone too */
    cr_expect(eq(uint, said.n, 0), "%s", said.text);
}

Test(spool, what_is_put_back_waits_again) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    keep(spool, 0, 4, 1);
    struct spool_entry *entry = spool_next(spool, 0);
    cr_assert(entry != NULL);
    cr_expect(spool_next(spool, 0) == NULL); /* it is with somebody */
    spool_take(spool, entry, 0, 3);          /* one was not whole */
    cr_expect(eq(u64, counts_of(spool, 0).waiting, 0));
    spool_put_back(spool, entry, 0, 3);
    cr_expect(eq(u64, counts_of(spool, 0).waiting, 3));
    cr_expect(eq(u64, counts_of(spool, 0).dropped[WEIR_DROP_SPOOL_DAMAGED], 1));
    cr_expect(eq(int, take_next(spool, 0, 0), 4)); /* as the file has it */
    cr_expect(eq(u64, counts_of(spool, 0).waiting, 0));
    spool_close(spool);
}

/* Nobody is woken when that is over: so whoever asks before must look again. */
Test(spool, spans_wait_before_their_file_does) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    struct spool_entry *entry = map_new(spool, ROOM);
    size_t n_bytes = write_spans(entry, 0, 3);
    cr_expect(not(spool_is_due(spool, 0)));
    spool_count_waiting(spool, 0, 3);
    cr_expect(spool_has_waiting(spool, 0) && spool_is_due(spool, 0));
    cr_expect(not(spool_has_waiting(spool, 1) || spool_is_due(spool, 1)));
    cr_expect(spool_next(spool, 0) == NULL); /* another pipeline has the segment yet */
    spool_keep(spool, entry, 1, 3, n_bytes);
    cr_expect(spool_has_waiting(spool, 0) && spool_is_due(spool, 0));
    cr_expect(eq(int, take_next(spool, 0, 0), 3));
    cr_expect(not(spool_has_waiting(spool, 0) || spool_is_due(spool, 0)));
    spool_close(spool);
}

Test(spool, a_closed_one_takes_no_directory) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    spool_ref(spool); /* a thread that was left behind */
    spool_close(spool);
    cr_expect(eq(int, spool_own(spool), -ESHUTDOWN));
    cr_expect(eq(sz, n_files(dir, ".lock"), 0));
    spool_unref(spool);
}

Test(spool, gives_back_the_room_that_a_segment_did_not_need) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    struct spool_entry *entry = map_new(spool, 100000);
    cr_expect(ge(sz, spool_bytes(spool), 100000));
    size_t n_bytes = write_spans(entry, 0, 3);
    spool_count_waiting(spool, 0, 3);
    spool_keep(spool, entry, 1, 3, n_bytes);
    cr_expect(ge(sz, spool_bytes(spool), 100000)); /* that is work for the disk */
    spool_work(spool);
    cr_expect(lt(sz, spool_bytes(spool), 2000));
    cr_expect(eq(int, take_next(spool, 0, 0), 3));
    spool_close(spool);
}

/* ---- mapped files ---- */

Test(spool, a_mapped_file_is_used_again) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    struct spool_entry *entry = map_new(spool, ROOM);
    struct spool_contents contents;
    write_spans(entry, 0, 5);
    cr_assert(eq(int, spool_file_read(entry->map, entry->n_bytes, &contents), 0));
    cr_expect(eq(u32, contents.n_spans, 5));
    map_done(spool, entry, 5);
    cr_assert(eq(int, spool_file_read(entry->map, entry->n_bytes, &contents), 0));
    cr_expect(eq(u32, contents.n_spans, 0)); /* nobody would adopt anything */

    static const struct scope nothing;
    struct spool_entry *again = spool_map_new(spool, &nothing, ROOM / 2);
    cr_assert(eq(ptr, again, entry));
    cr_assert(eq(int, spool_file_read(entry->map, entry->n_bytes, &contents), 0));
    cr_expect(eq(u32, contents.n_spans, 0));
    cr_expect(eq(sz, contents.scope.resource.n_bytes, 0));
    map_done(spool, entry, 0);
    again = map_new(spool, 10 * ROOM); /* it is too small for that */
    cr_expect(ne(ptr, again, entry));
    map_done(spool, again, 0);
    uint8_t large[2000] = {0x0a, 0xcd, 0x0f};
    struct scope other = {.scope = {large, sizeof large}};
    again = spool_map_new(spool, &other, ROOM); /* and its pieces do not fit */
    cr_expect(eq(sz, n_files(dir, ".seg"), 3));
    map_done(spool, again, 0);
    spool_close(spool);
    cr_expect(eq(sz, n_files(dir, ""), 2));
}

/* As many bytes stay as are in use, or a few; the bound is better used for what waits. */
Test(spool, free_files_go_when_they_are_not_needed) {
    enum { N = 16, LARGE = 64 << 10 };
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, (N + 1) * (LARGE + ROOM));
    struct spool_entry *mapped[N];
    for (size_t i = 0; i < N; i++) {
        mapped[i] = map_new(spool, LARGE);
        cr_assert(mapped[i] != NULL);
    }
    for (size_t i = 0; i < N; i++) {
        map_done(spool, mapped[i], 0);
        size_t n_free = spool->n_free_bytes, n_used = spool->n_used_bytes;
        cr_expect(le(sz, n_free, n_used > SEGMENT_KEEP_BYTES ? n_used : SEGMENT_KEEP_BYTES));
    }
    cr_expect(eq(sz, spool->n_used_bytes, 0));
    cr_expect(gt(sz, spool->n_free_bytes, LARGE));
    cr_expect(eq(sz, spool_bytes(spool), spool->n_free_bytes));
    keep(spool, 0, 3, 1);
    struct spool_entry *all = map_new(spool, N * LARGE);
    cr_assert(all != NULL);
    cr_expect(eq(sz, spool->n_free_bytes, 0));
    cr_expect(eq(u64, counts_of(spool, 0).waiting, 3)); /* nothing was dropped for it */
    map_done(spool, all, 0);
    spool_close(spool);
}

Test(spool, files_are_for_their_user_alone) {
    char *parent CLEANUP(temp_dir_remove) = temp_dir_new();
    char *dir CLEANUP(temp_path_free) = temp_path(parent, "spool");
    umask(0);
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    struct spool_entry *entry = map_new(spool, ROOM);
    struct stat status;
    cr_assert(eq(int, stat(dir, &status), 0));
    cr_expect(eq(uint, status.st_mode & 07777, 0700));
    cr_assert(eq(int, stat(entry->path, &status), 0));
    cr_expect(eq(uint, status.st_mode & 07777, 0600));
    map_done(spool, entry, 0);
    spool_close(spool);
}

/* ---- directories ---- */

static void expect_refused(const char *dir, int error, const char *message) {
    struct spool *spool = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(eq(int, try_open(dir, SPOOL_DEFAULT_BYTES, &spool, &detail), error));
    cr_expect(spool == NULL);
    cr_expect(strstr(detail.message, message) != NULL, "%s", detail.message);
    cr_expect(strstr(detail.message, dir) != NULL, "%s", detail.message);
}

Test(spool, refuses_a_directory_that_cannot_be_trusted) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *file CLEANUP(temp_path_free) = temp_path(dir, "file");
    char *nowhere CLEANUP(temp_path_free) = temp_path(dir, "no/where");
    temp_write(file, "x", 1);
    expect_refused(file, WEIR_E_INVALID, "is no directory");
    expect_refused(nowhere, WEIR_E_IO, "cannot be made: No such file");
    cr_assert(eq(int, chmod(dir, 0720), 0));
    expect_refused(dir, WEIR_E_INVALID, "others may write to the spool directory");
    cr_assert(eq(int, chmod(dir, 0702), 0));
    expect_refused(dir, WEIR_E_INVALID, "chmod go-w it");
    cr_assert(eq(int, chmod(dir, 0700), 0));
    if (geteuid() == 0) {
        cr_assert(eq(int, chown(dir, 12345, 12345), 0));
        expect_refused(dir, WEIR_E_INVALID, "belongs to user 12345");
        cr_assert(eq(int, chown(dir, 0, 0), 0));
    }
}

Test(spool, survives_the_host_changing_its_directory) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    cr_assert(eq(int, chdir(dir), 0));
    struct spool *spool = open_at("here", SPOOL_DEFAULT_BYTES);
    cr_assert(eq(int, chdir("/"), 0));
    keep(spool, 0, 2, 1);
    cr_expect(eq(int, take_next(spool, 0, 0), 2));
    spool_close(spool);
}

/* ---- bounds ---- */

Test(spool, the_oldest_go_when_the_bound_is_reached) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, 64 << 10);
    for (uint32_t i = 0; i < 200; i++) {
        keep(spool, i % 26, 3, i % 2 == 0 ? 3 : 1);
        cr_assert(le(sz, spool_bytes(spool), 64 << 10));
    }
    for (size_t i = 0; i < 2; i++) {
        struct spool_counts counts = counts_of(spool, i);
        uint64_t n_lost = counts.dropped[WEIR_DROP_SPOOL_FULL];
        cr_expect(gt(u64, n_lost, 0));
        cr_expect(eq(u64, counts.waiting + n_lost, i == 0 ? 600 : 300));
    }
    cr_expect(eq(uint, said.n, 1), "%s", said.text); /* once */
    cr_expect(kept_log_has(&said, "loses spans: too many"));
    uint64_t n_waiting = counts_of(spool, 0).waiting;
    uint32_t next = (uint32_t)(600 - n_waiting) / 3;
    for (; next < 200; next++) { /* the newest ones, in order */
        cr_assert(eq(int, take_next(spool, 0, next % 26), 3));
    }
    while (spool_has_waiting(spool, 1)) {
        struct spool_entry *entry = spool_next(spool, 1);
        spool_take(spool, entry, 1, 3);
        spool_finish(spool, entry, 1);
    }
    spool_count_waiting(spool, 1, 3); /* their file is in other hands */
    struct spool_entry *late = map_new(spool, ROOM);
    size_t n_bytes = write_spans(late, 0, 3);
    spool_keep(spool, late, 2, 3, n_bytes);
    spool_say_news(spool);
    cr_expect(not(kept_log_has(&said, "is empty again")), "%s", said.text);
    cr_expect(eq(int, take_next(spool, 1, 0), 3));
    spool_say_news(spool);
    cr_expect(kept_log_has(&said, "is empty again; lost meanwhile: "));
    spool_close(spool);
}

Test(spool, what_is_in_use_is_not_dropped) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, 40 << 10);
    struct spool_entry *mapped[20];
    size_t n = 0;
    keep(spool, 7, 3, 1);
    struct spool_entry *taken = spool_next(spool, 0);
    while ((mapped[n] = map_new(spool, ROOM)) != NULL) {
        cr_assert(lt(sz, ++n, 20));
    }
    cr_expect(gt(sz, n, 2));
    cr_expect(kept_log_has(&said, "spool_max_bytes is reached"));
    cr_expect(eq(u64, spool_n_refused(spool), 1));
    cr_expect(eq(u64, counts_of(spool, 0).waiting, 3));
    spool_put_back(spool, taken, 0, 3);
    while (n > 0) {
        map_done(spool, mapped[--n], 0);
    }
    spool_close(spool);
}

/* Puts a file's time into the past; its age is what its head says. */
static uint64_t years_ago(void *data) {
    (void)data;
    return UINT64_C(1704067200000000000);
}

Test(spool, what_is_too_old_goes) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    weir_clock now = spool->clock;
    keep(spool, 3, 1, 1);
    spool->clock.unix_ns = years_ago;
    keep(spool, 0, 5, 3);
    cr_expect(eq(int, take_next(spool, 1, 0), 5)); /* not old yet, by that clock */
    keep(spool, 0, 2, 1);
    spool->clock = now;
    cr_expect(eq(int, take_next(spool, 0, 3), 1));
    cr_expect(eq(u64, counts_of(spool, 0).dropped[WEIR_DROP_SPOOL_AGED], 7));
    cr_expect(eq(u64, counts_of(spool, 1).dropped[WEIR_DROP_SPOOL_AGED], 0));
    cr_expect(eq(sz, n_files(dir, ".seg"), 0));
    spool_close(spool);
}

Test(spool, a_clock_that_is_set_back_ages_nothing) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    keep(spool, 0, 5, 1);
    spool->clock.unix_ns = years_ago;
    cr_expect(eq(int, take_next(spool, 0, 0), 5));
    spool_close(spool);
}

/* ---- orphans ---- */

Test(spool, adopts_what_a_dead_process_left) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    in_a_process_that_dies(leave_three_files, dir);
    cr_expect(eq(sz, n_files(dir, ".seg"), 3));
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    cr_expect(eq(sz, n_files(dir, ".seg"), 2)); /* there was nothing in the third */
    cr_expect(eq(sz, n_files(dir, ".lock"), 1));
    for (size_t i = 0; i < 2; i++) { /* for all pipelines of now */
        cr_expect(eq(u64, counts_of(spool, i).adopted, 5));
        cr_expect(eq(u64, counts_of(spool, i).waiting, 5));
        cr_expect(eq(int, take_next(spool, i, 0), 3));
        cr_expect(eq(int, take_next(spool, i, 3), 2));
    }
    cr_expect(eq(sz, n_files(dir, ".seg"), 0));
    spool_close(spool);
    cr_expect(eq(uint, said.n, 0), "%s", said.text);
}

/* Else a process that dies again and again would fill the bound with nothing. */
Test(spool, adopted_files_count_with_what_is_in_them) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    in_a_process_that_dies(leave_three_files, dir);
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    cr_expect(eq(u64, counts_of(spool, 0).waiting, 5));
    cr_expect(lt(sz, spool_bytes(spool), 2 * 1500));
    cr_expect(eq(int, take_next(spool, 0, 0), 3));
    cr_expect(eq(int, take_next(spool, 0, 3), 2));
    spool_close(spool);
}

Test(spool, leaves_the_living_alone) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *first = open_at(dir, SPOOL_DEFAULT_BYTES);
    keep(first, 0, 3, 1);
    struct spool *second = open_at(dir, SPOOL_DEFAULT_BYTES); /* in the same process, even */
    cr_expect(eq(u64, counts_of(second, 0).adopted, 0));
    cr_expect(eq(int, take_next(second, 0, 0), -1));
    spool_close(first); /* with spans left: for the next that opens, or looks again */
    second->adopt_again_ns = 0;
    cr_expect(eq(int, take_next(second, 0, 0), 3));
    cr_expect(eq(int, take_next(second, 1, 0), 3));
    spool_close(second);
    cr_expect(eq(sz, n_files(dir, ""), 2));
}

Test(spool, other_files_stay) {
    static const char *const names[] = {"notes.txt",
                                        "0123456789abcdef.seg",
                                        "0123456789abcdeF.lock",
                                        "0123456789abcdef-1.seg",
                                        "0123456789abcdef-00000001.seg~",
                                        "0000000000000000-00000001.seg"};
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        char *path CLEANUP(temp_path_free) = temp_path(dir, names[i]);
        temp_write(path, "x", 1);
    }
    char *link CLEANUP(temp_path_free) = temp_path(dir, "0123456789abcdef-00000002.seg");
    cr_assert(eq(int, symlink("notes.txt", link), 0));
    char *folder CLEANUP(temp_path_free) = temp_path(dir, "0123456789abcdef-00000003.seg");
    cr_assert(eq(int, mkdir(folder, 0700), 0));
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    cr_expect(eq(u64, counts_of(spool, 0).adopted, 0));
    spool_close(spool);
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        char *path CLEANUP(temp_path_free) = temp_path(dir, names[i]);
        cr_expect(eq(int, access(path, F_OK), 0), "%s", names[i]);
    }
    struct stat status;
    cr_expect(eq(int, lstat(link, &status), 0));
}

Test(spool, a_file_that_nobody_can_read_is_counted_and_goes) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "0123456789abcdef-00000001.seg");
    char *blank CLEANUP(temp_path_free) = temp_path(dir, "0123456789abcdef-00000002.seg");
    char junk[5000], zeros[5000] = "";
    memset(junk, 'j', sizeof junk);
    temp_write(path, junk, sizeof junk);
    temp_write(blank, zeros, sizeof zeros); /* its process died before it wrote a head */
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    cr_expect(eq(u64, counts_of(spool, 0).adopted, 1));
    cr_expect(eq(u64, counts_of(spool, 0).dropped[WEIR_DROP_SPOOL_DAMAGED], 1));
    cr_expect(eq(u64, counts_of(spool, 0).waiting, 0));
    spool_close(spool);
    cr_expect(eq(sz, n_files(dir, ""), 2));
}

Test(spool, adopted_files_keep_to_the_bound) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    for (int i = 0; i < 4; i++) {
        in_a_process_that_dies(leave_three_files, dir);
    }
    struct spool *spool = open_at(dir, 4000);
    struct spool_counts counts = counts_of(spool, 0);
    cr_expect(le(sz, spool_bytes(spool), 4000));
    cr_expect(eq(u64, counts.adopted, 20));
    cr_expect(gt(u64, counts.dropped[WEIR_DROP_SPOOL_FULL], 0));
    cr_expect(eq(u64, counts.waiting + counts.dropped[WEIR_DROP_SPOOL_FULL], 20));
    spool_close(spool);
}

/* Many start at once behind a gate; what each has adopted comes through the pipe. */
Test(spool, exactly_one_of_many_adopts) {
    enum { N_PROCESSES = 12, N_ROUNDS = 8 };
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    for (int round = 0; round < N_ROUNDS; round++) {
        int gate[2], results[2];
        in_a_process_that_dies(leave_three_files, dir);
        cr_assert(pipe(gate) == 0 && pipe(results) == 0);
        for (int i = 0; i < N_PROCESSES; i++) {
            if (settled_fork() == 0) {
                char byte;
                close(gate[1]);
                (void)!read(gate[0], &byte, 1);
                struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
                uint64_t n_adopted = counts_of(spool, 0).adopted;
                while (spool_has_waiting(spool, 0) || spool_has_waiting(spool, 1)) {
                    for (size_t p = 0; p < 2; p++) {
                        struct spool_entry *entry = spool_next(spool, p);
                        if (entry != NULL) {
                            spool_take(spool, entry, p, entry->n_spans[p]);
                            spool_finish(spool, entry, p);
                        }
                    }
                }
                (void)!write(results[1], &n_adopted, sizeof n_adopted);
                spool_close(spool);
                _exit(0);
            }
        }
        close(gate[1]);
        close(gate[0]);
        close(results[1]);
        uint64_t n, total = 0;
        int n_answers = 0;
        while (read(results[0], &n, sizeof n) == sizeof n) {
            total += n;
            n_answers++;
        }
        close(results[0]);
        while (wait(NULL) > 0) {
        }
        cr_assert(eq(int, n_answers, N_PROCESSES));
        cr_assert(eq(u64, total, 5));
        cr_assert(eq(sz, n_files(dir, ".seg"), 0));
    }
    cr_expect(le(sz, n_files(dir, ".lock"), 1));
}
