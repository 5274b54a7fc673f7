/*
 * A spool on a disk that refuses, without memory, in a host that closes its descriptors, in a
 * forked child.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tests/support/fault.h"
#include "tests/support/settled_fork.h"
#include "tests/support/spool_rig.h"
#include "tests/support/temp.h"

TestSuite(spool_faults, .timeout = 60);

/* Takes the place of libc's: a sector that cannot be read, from this byte on. */
static off_t bad_from = INT64_MAX;

ssize_t pread(int fd, void *to, size_t n_bytes, off_t from) {
    if (from >= bad_from) {
        errno = EIO;
        return -1;
    }
    size_t n_good = (size_t)(bad_from - from);
    return syscall(SYS_pread64, fd, to, n_bytes < n_good ? n_bytes : n_good, from);
}

/* ---- the disk refuses ---- */

static void expect_refusal_and_recovery(struct spool *spool, const char *why,
                                        void (*mend)(void *data), void *data) {
    cr_expect(map_new(spool, ROOM) == NULL);
    cr_expect(map_new(spool, ROOM) == NULL);
    cr_expect(eq(uint, said.n, 1), "%s", said.text); /* once */
    cr_expect(kept_log_has(&said, why), "%s", said.text);
    cr_expect(eq(u64, spool_n_refused(spool), 2));
    mend(data);
    cr_expect(map_new(spool, ROOM) == NULL); /* left in peace a while */
    spool->try_again_ns = 0;
    struct spool_entry *entry = map_new(spool, ROOM);
    cr_assert(entry != NULL, "%s", said.text);
    cr_expect(kept_log_has(&said, "takes spans again"));
    cr_expect(eq(sz, spool_bytes(spool), entry->n_bytes));
    map_done(spool, entry, 0);
}

static void set_limit(int resource, rlim_t n) {
    struct rlimit limit;
    getrlimit((__rlimit_resource_t)resource, &limit);
    limit.rlim_cur = n;
    cr_assert(eq(int, setrlimit((__rlimit_resource_t)resource, &limit), 0));
}

static void lift_file_size(void *data) {
    (void)data;
    set_limit(RLIMIT_FSIZE, RLIM_INFINITY);
}

Test(spool_faults, a_limit_of_file_size_is_no_signal) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    set_limit(RLIMIT_FSIZE, 5000); /* SIGXFSZ, if it came, would end the test */
    expect_refusal_and_recovery(spool, "File too large", lift_file_size, NULL);
    spool_close(spool);
}

static void lift_files(void *data) {
    (void)data;
    set_limit(RLIMIT_NOFILE, 256);
}

Test(spool_faults, does_without_descriptors) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    int lowest = dup(0);
    set_limit(RLIMIT_NOFILE, (rlim_t)lowest);
    close(lowest);
    expect_refusal_and_recovery(spool, "Too many open files", lift_files, NULL);
    spool_close(spool);
}

static void make_dir(void *data) {
    cr_assert(eq(int, mkdir(data, 0700), 0));
}

Test(spool_faults, a_directory_that_is_removed_may_come_back) {
    char *parent CLEANUP(temp_dir_remove) = temp_dir_new();
    char *dir CLEANUP(temp_path_free) = temp_path(parent, "spool");
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    temp_dir_remove(&(char *){strdup(dir)});
    expect_refusal_and_recovery(spool, "No such file or directory", make_dir, dir);
    spool_close(spool);
}

/* A disk of its own, where the test may have one. */
static bool mount_disk(const char *dir, const char *options) {
    return geteuid() == 0 && mount("none", dir, "tmpfs", MS_NOSUID, options) == 0;
}

static void remount_larger(void *data) {
    cr_assert(eq(int, mount("none", data, "tmpfs", MS_REMOUNT, "size=1m,nr_inodes=100"), 0));
}

static void fill_disk(const char *options, const char *why) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    if (!mount_disk(dir, options)) {
        cr_skip("no right to mount a disk");
    }
    cr_assert(eq(int, chmod(dir, 0700), 0));
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    struct spool_entry *entry, *first = NULL;
    while ((entry = map_new(spool, ROOM)) != NULL) {
        memset(spool_map_data(entry), 'x', ROOM); /* no SIGBUS: the room is ours */
        if (first == NULL) {
            first = entry;
        } else {
            spool_map_forget(entry);
        }
    }
    cr_expect(eq(uint, said.n, 1), "%s", said.text);
    cr_expect(kept_log_has(&said, why), "%s", said.text);
    cr_expect(map_new(spool, 1 << 20) == NULL);
    remount_larger(dir);
    spool->try_again_ns = 0;
    entry = map_new(spool, ROOM);
    cr_assert(entry != NULL);
    cr_expect(kept_log_has(&said, "takes spans again"));
    spool_map_forget(entry);
    spool_map_forget(first);
    spool_close(spool);
    cr_expect(eq(int, umount2(dir, MNT_DETACH), 0));
}

Test(spool_faults, a_full_disk_is_refused_before_it_is_written) {
    fill_disk("size=128k", "No space left on device");
}

Test(spool_faults, too_few_inodes_are_a_full_disk) {
    fill_disk("size=1m,nr_inodes=6", "No space left on device");
}

Test(spool_faults, a_disk_without_an_inode_for_the_lock_opens_all_the_same) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    if (!mount_disk(dir, "size=1m,nr_inodes=1")) {
        cr_skip("no right to mount a disk");
    }
    cr_assert(eq(int, chmod(dir, 0700), 0));
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    expect_refusal_and_recovery(spool, "No space left", remount_larger, dir);
    spool_close(spool);
    cr_expect(eq(int, umount2(dir, MNT_DETACH), 0));
}

Test(spool_faults, a_disk_that_is_read_only_is_said_when_it_is_opened) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    if (!mount_disk(dir, "size=1m")) {
        cr_skip("no right to mount a disk");
    }
    cr_assert(eq(int, chmod(dir, 0700), 0));
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    cr_assert(eq(int, mount("none", dir, "tmpfs", MS_REMOUNT | MS_RDONLY, ""), 0));
    cr_expect(map_new(spool, ROOM) == NULL);
    cr_expect(kept_log_has(&said, "Read-only file system"), "%s", said.text);
    spool_close(spool);
    cr_expect(eq(int, umount2(dir, MNT_DETACH), 0));
}

Test(spool_faults, does_without_memory) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    FAULT_FOR_EACH_ALLOCATION(n) {
        struct spool *spool = NULL;
        weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
        int error = try_open(dir, SPOOL_DEFAULT_BYTES, &spool, &detail);
        if (error == 0) {
            struct spool_entry *entry = map_new(spool, ROOM);
            if (entry != NULL) {
                size_t n_bytes = write_spans(entry, 0, 3);
                spool_count_waiting(spool, 0, 3);
                spool_keep(spool, entry, 1, 3, n_bytes);
                entry = spool_next(spool, 0);
                cr_assert(entry != NULL);
                spool_take(spool, entry, 0, 3);
                spool_finish(spool, entry, 0);
            }
            fault_disarm();
            spool_close(spool);
        } else {
            cr_assert(eq(int, error, WEIR_E_NO_MEMORY));
        }
    }
}

Test(spool_faults, adopting_without_memory_leaves_the_rest_for_later) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    FAULT_FOR_EACH_ALLOCATION(n) {
        fault_disarm();
        in_a_process_that_dies(leave_three_files, dir);
        fault_arm(n, false);
        struct spool *spool = NULL;
        int error = try_open(dir, SPOOL_DEFAULT_BYTES, &spool, NULL);
        bool has_struck = fault_has_struck();
        fault_disarm();
        if (error != 0) {
            spool = open_at(dir, SPOOL_DEFAULT_BYTES);
        }
        spool->adopt_again_ns = 0;
        cr_expect(eq(int, take_next(spool, 0, 0), 3));
        cr_expect(eq(int, take_next(spool, 0, 3), 2));
        cr_expect(eq(int, take_next(spool, 1, 0), 3));
        cr_expect(eq(int, take_next(spool, 1, 3), 2));
        cr_expect(eq(u64, counts_of(spool, 0).adopted, 5));
        spool_close(spool);
        if (!has_struck) {
            break;
        }
        fault_arm(1, false); /* for the loop's own step */
        mem_free(mem_alloc(1));
    }
}

/* ---- the disk cannot be read ---- */

static struct spool_entry *expect_trouble(struct spool *spool, int error) {
    uint8_t *file = NULL;
    size_t n_file;
    struct spool_entry *entry = spool_next(spool, 0);
    cr_assert(entry != NULL);
    cr_expect(eq(int, spool_read(entry, &file, &n_file), error));
    cr_expect(file == NULL);
    spool_leave(spool, entry, 0);
    return entry;
}

Test(spool_faults, what_cannot_be_read_now_is_not_gone) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    keep(spool, 0, 3, 1);
    keep(spool, 3, 2, 1);
    int lowest = dup(0);
    close(lowest);
    set_limit(RLIMIT_NOFILE, (rlim_t)lowest);
    struct spool_entry *first = expect_trouble(spool, WEIR_E_IO);
    lift_files(NULL);
    bad_from = 100;
    struct spool_entry *second = expect_trouble(spool, WEIR_E_IO);
    cr_expect(ne(ptr, first, second)); /* one that cannot be read does not block the others */
    bad_from = INT64_MAX;
    cr_expect(eq(int, take_next(spool, 0, 0), 3));
    cr_expect(eq(int, take_next(spool, 0, 3), 2));
    spool_close(spool);
}

Test(spool_faults, what_was_exchanged_is_gone) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    keep(spool, 0, 3, 1);
    struct spool_entry *entry = spool_next(spool, 0);
    uint8_t *file = NULL;
    size_t n_file;
    cr_assert(eq(int, unlink(entry->path), 0));
    cr_assert(eq(int, symlink("/dev/null", entry->path), 0)); /* the open fails, not with ENOENT */
    cr_expect(eq(int, spool_read(entry, &file, &n_file), WEIR_E_NOT_FOUND));
    spool_take(spool, entry, 0, 0);
    spool_finish(spool, entry, 0);
    spool_close(spool);
}

static void leave_one_file(const char *dir) {
    keep(open_at(dir, SPOOL_DEFAULT_BYTES), 0, 3, 3);
}

/* At whatever byte it cannot be read: neither nothing nor damage. */
Test(spool_faults, an_orphan_that_cannot_be_read_stays) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    in_a_process_that_dies(leave_one_file, dir);
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES); /* adopts: makes it its own */
    struct stat status;
    cr_assert(eq(int, stat(spool->first->path, &status), 0));
    spool_close(spool);
    for (bad_from = 0; bad_from < SPOOL_HEADS_BYTES + 64; bad_from += 8) {
        spool = open_at(dir, SPOOL_DEFAULT_BYTES);
        cr_expect(eq(u64, counts_of(spool, 0).adopted, 0), "%d", (int)bad_from);
        spool_close(spool);
        cr_assert(eq(sz, n_files(dir, ".seg"), 1), "%d", (int)bad_from);
    }
    bad_from = INT64_MAX;
    spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    cr_expect(eq(u64, counts_of(spool, 0).adopted, 3));
    cr_expect(eq(int, take_next(spool, 0, 0), 3));
    spool_close(spool);
}

/* ---- the host closes what it does not know ---- */

static void close_all(void) {
    for (int fd = 3; fd < 256; fd++) {
        struct stat status;
        if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode)) {
            close(fd);
        }
    }
}

Test(spool_faults, takes_the_lock_again_when_it_was_closed) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    uint64_t owner = spool->dir.owner;
    keep(spool, 0, 3, 1);
    close_all();
    keep(spool, 3, 2, 1); /* looks */
    cr_expect(eq(u64, spool->dir.owner, owner));
    struct spool *other = open_at(dir, SPOOL_DEFAULT_BYTES);
    cr_expect(eq(u64, counts_of(other, 0).adopted, 0));
    spool_close(other);
    cr_expect(eq(int, take_next(spool, 0, 0), 3));
    cr_expect(eq(int, take_next(spool, 0, 3), 2));
    spool_close(spool);
    cr_expect(eq(sz, n_files(dir, ""), 2));
}

/* Another process was faster: what it has taken it sends, and what we have now is ours. */
Test(spool_faults, goes_on_under_a_new_name_when_it_was_taken_for_dead) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    keep(spool, 0, 3, 1);
    struct spool_entry *mapped = map_new(spool, ROOM);
    close_all();
    struct spool *other = open_at(dir, SPOOL_DEFAULT_BYTES);
    cr_expect(eq(u64, counts_of(other, 0).adopted, 3));
    size_t n_bytes = write_spans(mapped, 5, 2); /* its file was empty, and has gone */
    spool_count_waiting(spool, 0, 2);
    spool_keep(spool, mapped, 1, 2, n_bytes);
    keep(spool, 3, 1, 1);
    cr_expect(ne(u64, spool->dir.owner, other->dir.owner));
    cr_expect(eq(int, take_next(other, 0, 0), 3));
    uint8_t *file = NULL;
    size_t n_file;
    struct spool_entry *entry = spool_next(spool, 0); /* the first one: it is not there any more */
    cr_expect(eq(int, spool_read(entry, &file, &n_file), WEIR_E_NOT_FOUND));
    spool_take(spool, entry, 0, 0);
    spool_finish(spool, entry, 0);
    spool_close(other);
    spool_close(spool);
}

/* The number was given to a file of the host's: it is not closed, locked or written to. */
Test(spool_faults, leaves_the_hosts_own_files_alone) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    char *path CLEANUP(temp_path_free) = temp_path(dir, "of-the-host");
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    int lock_fd = spool->dir.lock_fd;
    close_all();
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    cr_assert(eq(int, dup2(fd, lock_fd), lock_fd));
    map_done(spool, map_new(spool, ROOM), 0);
    cr_expect(ne(int, spool->dir.lock_fd, lock_fd));
    spool_close(spool);
    struct stat status;
    cr_expect(eq(int, fstat(lock_fd, &status), 0));
    cr_expect(eq(int, (int)status.st_size, 0));
    cr_expect(eq(int, flock(fd, LOCK_EX | LOCK_NB), 0));
}

/* ---- fork ---- */

Test(spool_faults, a_forked_child_is_an_owner_of_its_own) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    keep(spool, 0, 3, 1);
    struct spool_entry *mapped = map_new(spool, ROOM);
    write_spans(mapped, 3, 1);
    fflush(NULL);
    lock_take(&spool->lock);
    pid_t child = settled_fork();
    if (child == 0) {
        spool_begin_anew(spool);
        bool is_good =
            !spool_map_is_ours(mapped) && spool_next(spool, 0) == NULL && spool_bytes(spool) == 0;
        spool_map_done(spool, mapped, 1); /* frees, and no more */
        keep(spool, 9, 2, 1);
        is_good = is_good && counts_of(spool, 0).waiting == 2;
        spool_close(spool);
        _exit(is_good ? 0 : 1);
    }
    lock_give(&spool->lock);
    int status;
    cr_assert(eq(int, waitpid(child, &status, 0), child));
    cr_assert(eq(int, status, 0)); /* exited, with 0 */
    cr_expect(eq(sz, n_files(dir, ".seg"), 3));
    struct spool *other = open_at(dir, SPOOL_DEFAULT_BYTES);
    cr_expect(eq(u64, counts_of(other, 0).adopted, 2)); /* the child's, which has ended */
    cr_expect(eq(int, take_next(other, 0, 9), 2));
    cr_expect(eq(int, take_next(other, 1, 9), 2));
    cr_expect(eq(int, take_next(spool, 0, 0), 3)); /* the parent's is untouched */
    struct spool_contents contents;
    cr_assert(eq(int, spool_file_read(mapped->map, mapped->n_bytes, &contents), 0));
    cr_expect(eq(u32, contents.n_spans, 1));
    map_done(spool, mapped, 1);
    spool_close(other);
    spool_close(spool);
    cr_expect(eq(sz, n_files(dir, ""), 2));
}

/* A child that lives longer than its parent, and has nothing to do with the spool. */
Test(spool_faults, a_forked_child_that_closes_its_spool_does_not_keep_the_parents_lock) {
    char *dir CLEANUP(temp_dir_remove) = temp_dir_new();
    int gate[2];
    cr_assert(eq(int, pipe(gate), 0));
    struct spool *spool = open_at(dir, SPOOL_DEFAULT_BYTES);
    keep(spool, 0, 3, 1);
    fflush(NULL);
    pid_t child = settled_fork();
    if (child == 0) {
        char byte;
        close(gate[1]);
        spool_begin_anew(spool);
        spool_close(spool);
        (void)!read(gate[0], &byte, 1);
        _exit(0);
    }
    struct spool *other =
        open_at(dir, SPOOL_DEFAULT_BYTES); /* the child's close gave nothing away */
    cr_expect(eq(u64, counts_of(other, 0).adopted, 0));
    spool_close(spool);
    other->adopt_again_ns = 0;
    for (int i = 0; i < 1000 && counts_of(other, 0).adopted == 0; i++) {
        spool_adopt(other); /* the child may still be on its way to its close */
        other->adopt_again_ns = 0;
        usleep(1000);
    }
    cr_expect(eq(u64, counts_of(other, 0).adopted, 3));
    spool_close(other);
    close(gate[1]);
    waitpid(child, NULL, 0);
}

Test(spool_faults, nothing_is_closed_when_there_is_nothing) {
    spool_close(NULL);
    spool_map_forget(NULL);
}
