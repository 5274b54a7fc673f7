/*
 * fork() for tests whose children allocate or start threads.
 *
 * The AddressSanitizer of gcc 12 has no handlers for a fork: a lock of its allocator that another
 * thread holds at that moment stays held in the child, where the next allocation waits for ever.
 * Children were seen to hang so, each in a thread that was just starting: start_thread,
 * AsanThread::ThreadStart, pthread_getattr_np, free, SizeClassAllocator64::GetFromAllocator,
 * Mutex::Lock. Under it the fork waits until all other threads sleep in the kernel, where none of
 * them is inside of the allocator. Other builds fork at once, whatever the threads are doing.
 */
#pragma once

#include <sys/types.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define FORKS_MUST_SETTLE
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FORKS_MUST_SETTLE
#endif
#endif

#ifdef FORKS_MUST_SETTLE
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SETTLE_MS = 10000, SETTLE_LOOKS = 3 };

/* It sleeps, or has ended. */
static inline bool settle_sleeps(const char *task) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/self/task/%.20s/stat", task);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return true;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *end_of_name = strrchr(text, ')');
    return end_of_name == NULL || strncmp(end_of_name, ") S", 3) == 0;
}

static inline bool settle_all_sleep(void) {
    bool do_sleep = true;
    DIR *tasks = opendir("/proc/self/task");
    for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        bool is_other = *task->d_name != '.' && strtol(task->d_name, NULL, 10) != gettid();
        do_sleep = do_sleep && (!is_other || settle_sleeps(task->d_name));
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return do_sleep;
}

/* A thread that wakes another one and falls asleep may hide it from one look. */
static inline void settle(void) {
    int n_looks = 0;
    for (int ms = 0; ms < SETTLE_MS && n_looks < SETTLE_LOOKS; ms++) {
        n_looks = settle_all_sleep() ? n_looks + 1 : 0;
        (void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}
#else
static inline void settle(void) {
}
#endif

static inline pid_t settled_fork(void) {
    settle();
    return fork();
}
