#include "tests/bench/exporter_thread.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/bench/bench.h"

/* The number behind `name` in the thread's status, or -1; *is_ours when it is an exporter's. */
static long read_status(long thread, const char *name, int *is_ours) {
    char path[64], line[128], own_name[32];
    long value = -1;
    snprintf(path, sizeof path, "/proc/self/task/%ld/status", thread);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "Name: %31s", own_name) == 1) {
            *is_ours = strcmp(own_name, "weir-export") == 0;
        } else if (strncmp(line, name, strlen(name)) == 0) {
            value = strtol(line + strlen(name), NULL, 10);
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return value;
}

pid_t exporter_thread(void) {
    DIR *tasks = opendir("/proc/self/task");
    pid_t found = 0;
    for (struct dirent *entry; tasks != NULL && (entry = readdir(tasks)) != NULL;) {
        int is_ours = 0;
        long thread = strtol(entry->d_name, NULL, 10);
        (void)read_status(thread, "Pid:", &is_ours);
        found = is_ours ? (pid_t)thread : found;
    }
    if (tasks != NULL) {
        (void)closedir(tasks);
    }
    if (found == 0) {
        bench_die("there is no exporter's thread");
    }
    return found;
}

/* What pthread_getcpuclockid makes of a thread of ours. */
static clockid_t clock_of(pid_t thread) {
    enum { OF_THREAD = 4, SCHEDULED = 2 };
    return (clockid_t)(~(unsigned)thread << 3 | OF_THREAD | SCHEDULED);
}

uint64_t exporter_thread_cpu_ns(pid_t thread) {
    struct timespec time;
    if (clock_gettime(clock_of(thread), &time) != 0) {
        bench_die("an exporter's thread has no clock");
    }
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

long exporter_thread_switches(pid_t thread) {
    int is_ours;
    return read_status(thread, "voluntary_ctxt_switches:", &is_ours) +
           read_status(thread, "nonvoluntary_ctxt_switches:", &is_ours);
}
