/*
 * A spool's directory: whose it is, which process owns which files, and whose owner has died.
 *
 * Every open spool is an owner with a name drawn at random. It holds a lock (flock) on
 * <owner>.lock for as long as it lives; its files are <owner>-<number>.seg. Whoever gets the lock
 * of another one knows that its process has died, and takes the files by giving them names of its
 * own: a rename has one winner, so nothing is taken twice.
 *
 * The lock is this open file's alone: neither another spool in the same process nor a forked child
 * gives it away. Nor does a child keep it when its parent has died: it closes its copies of all
 * locks, and of those that were about to be taken, before fork returns. A host that closes all
 * descriptors gives the lock away; that is noticed and mended by spool_dir_own.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <weir/error.h>

struct spool_dir {
    char *path;     /* absolute: the host may change its directory */
    uint64_t owner; /* 0: none yet, or no more */
    int lock_fd;    /* -1: none */
    dev_t device;   /* of the lock's file */
    ino_t inode;
    pid_t pid; /* of the process that took the lock */
};

/* Bytes of the longest path of a file in it, NUL included. */
size_t spool_dir_path_size(const struct spool_dir *dir);
/* Writes the path of our file of that number; `out` has spool_dir_path_size. */
void spool_dir_path(const struct spool_dir *dir, uint32_t number, char *out);

/*
 * Makes the directory if it is missing (0700; the one above it must exist) and looks whether it can
 * be trusted. WEIR_E_INVALID: it belongs to another user, or others may write to it; WEIR_E_IO;
 * WEIR_E_NO_MEMORY. Takes no lock yet.
 */
int spool_dir_open(struct spool_dir *dir, const char *path, weir_error_detail *detail);

/*
 * Whether a directory that exists can be trusted with spans; spool_dir_open asks the same.
 * WEIR_E_INVALID: it is none, belongs to another user, or others may write to it; WEIR_E_IO: it
 * cannot be looked at. detail says what to do.
 */
int spool_dir_check(const char *path, weir_error_detail *detail);

/*
 * Gives up the lock; its file goes when is_empty says that no file of ours is left. dir->path stays
 * the caller's, to be freed with mem_free.
 */
void spool_dir_close(struct spool_dir *dir, bool is_empty);

/* In a forked child that ran its handlers: there is no lock yet. */
void spool_dir_begin_anew(struct spool_dir *dir);

/* True while this process holds the lock. */
bool spool_dir_is_held(const struct spool_dir *dir);

/*
 * Takes the lock when it is not held: not yet, not by this process, or not any more. 0, or a
 * negative errno. May change dir->owner: then what the former one left is another's by now.
 */
int spool_dir_own(struct spool_dir *dir);

/*
 * Looks for files whose owner has died, and calls `take` for each, while their lock is held: it
 * returns false to leave the file for another time.
 */
void spool_dir_adopt(const struct spool_dir *dir, bool (*take)(void *data, const char *path),
                     void *data);
