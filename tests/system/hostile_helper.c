/*
 * hostile_helper MODE URL DIR: a program whose process is no safe place for a pipeline. It prints
 * what went wrong, one line each; exit status 0 when nothing did.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <weir/otlp.h>

enum { PATIENCE_MS = 20000, MAX_FDS = 4096 };

static int n_faults;

#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("line %d: %s\n", __LINE__, #condition);                                         \
            n_faults++;                                                                            \
        }                                                                                          \
    } while (0)

static weir_otlp *open_to(const char *url) {
    weir_otlp *otlp = NULL;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (weir_otlp_open(&WEIR_OTLP_OPTIONS(.endpoint = url, .log_level = WEIR_LOG_NONE), &otlp,
                       &detail) != 0) {
        printf("open: %s\n", detail.message);
        exit(1);
    }
    return otlp;
}

static void end_span(weir_otlp *otlp) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "hostile", NULL, NULL);
    weir_otlp_span_end(weir_otlp_span_begin(tracer, "span", NULL));
}

static weir_otlp_stats stats_of(weir_otlp *otlp) {
    weir_otlp_stats stats = {.size = sizeof stats};
    weir_otlp_get_stats(otlp, &stats);
    return stats;
}

/* ---- descriptors closed behind our back ---- */

enum { N_FILES = 32 };

static void open_files(const char *dir, int *fds) {
    char path[4096];
    for (int i = 0; i < N_FILES; i++) {
        snprintf(path, sizeof path, "%s/file-%d", dir, i);
        fds[i] = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
        EXPECT(fds[i] >= 0 && write(fds[i], "mine", 4) == 4);
    }
}

/* Nobody has written there, nor closed them. */
static void check_files(const int *fds) {
    for (int i = 0; i < N_FILES; i++) {
        struct stat status;
        char bytes[8];
        EXPECT(fstat(fds[i], &status) == 0 && status.st_size == 4);
        EXPECT(pread(fds[i], bytes, sizeof bytes, 0) == 4 && memcmp(bytes, "mine", 4) == 0);
    }
}

static void close_all_from_3(void) {
    for (int fd = 3; fd < 1024; fd++) {
        (void)close(fd);
    }
}

static void lose_descriptors(const char *url, const char *dir) {
    weir_otlp *otlp = open_to(url);
    int fds[N_FILES];
    end_span(otlp);
    EXPECT(weir_otlp_flush(otlp, PATIENCE_MS) == 0);
    close_all_from_3();
    open_files(dir, fds); /* get the numbers that were ours */
    for (int i = 0; i < 3; i++) {
        end_span(otlp);
        EXPECT(weir_otlp_flush(otlp, PATIENCE_MS) == 0);
    }
    check_files(fds);
    EXPECT(stats_of(otlp).acknowledged == 4);
    EXPECT(weir_otlp_close(otlp, PATIENCE_MS) == 0);
    check_files(fds);
}

static weir_otlp *open_with(const weir_otlp_options *options) {
    weir_otlp *otlp = NULL;
    EXPECT(weir_otlp_open(options, &otlp, NULL) == 0);
    return otlp;
}

/* The same with files of ours: a spool, and JSON Lines. */
static void lose_files(const char *url, const char *dir) {
    char spool[4096], output[4096];
    int fds[N_FILES];
    snprintf(spool, sizeof spool, "%s/spool", dir);
    snprintf(output, sizeof output, "%s/spans.jsonl", dir);
    weir_otlp *spooled = open_with(
        &WEIR_OTLP_OPTIONS(.endpoint = url, .spool_dir = spool, .log_level = WEIR_LOG_NONE));
    weir_otlp *written =
        open_with(&WEIR_OTLP_OPTIONS(.output_path = output, .log_level = WEIR_LOG_NONE));
    for (int i = 0; i < 3; i++) {
        end_span(spooled);
        end_span(written);
        EXPECT(weir_otlp_flush(spooled, PATIENCE_MS) == 0);
        EXPECT(weir_otlp_flush(written, PATIENCE_MS) == 0);
        if (i == 0) {
            close_all_from_3();
            open_files(dir, fds);
        }
    }
    check_files(fds);
    EXPECT(stats_of(spooled).acknowledged == 3);
    EXPECT(stats_of(written).acknowledged == 3);
    EXPECT(weir_otlp_close(spooled, PATIENCE_MS) == 0);
    EXPECT(weir_otlp_close(written, PATIENCE_MS) == 0);
    check_files(fds);
}

/* ---- no descriptors left ---- */

static size_t take_all_descriptors(int *fds) {
    size_t n = 0;
    while (n < MAX_FDS && (fds[n] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) {
        n++;
    }
    return n;
}

static void exhaust_descriptors(const char *url) {
    static int fds[MAX_FDS];
    const struct rlimit few = {.rlim_cur = 64, .rlim_max = 64};
    weir_otlp *otlp = open_to(url);
    EXPECT(setrlimit(RLIMIT_NOFILE, &few) == 0);
    size_t n = take_all_descriptors(fds);
    end_span(otlp);
    EXPECT(weir_otlp_flush(otlp, 300) == WEIR_E_TIMEOUT); /* tried, and to be tried again */
    weir_otlp_stats stats = stats_of(otlp);
    EXPECT(stats.in_flight == 1 && stats.started == 1 && stats.export_requests >= 1);
    while (n > 0) {
        close(fds[--n]);
    }
    EXPECT(weir_otlp_flush(otlp, PATIENCE_MS) == 0);
    stats = stats_of(otlp);
    EXPECT(stats.acknowledged == 1 && stats.export_retries >= 1);
    EXPECT(weir_otlp_close(otlp, PATIENCE_MS) == 0);
}

/* ---- signals ---- */

enum { N_SIGNALS = 64 };

static void read_actions(struct sigaction *actions) {
    for (int signal = 1; signal <= N_SIGNALS; signal++) {
        memset(&actions[signal], 0, sizeof actions[signal]);
        (void)sigaction(signal, NULL, &actions[signal]);
    }
}

static bool are_equal(const struct sigaction *a, const struct sigaction *b) {
    return a->sa_handler == b->sa_handler && a->sa_flags == b->sa_flags;
}

static void keep_signals(const char *url) {
    static struct sigaction before[N_SIGNALS + 1], after[N_SIGNALS + 1];
    sigset_t mask_before, mask_after;
    read_actions(before);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_before);
    weir_otlp *otlp = open_to(url);
    end_span(otlp);
    EXPECT(weir_otlp_flush(otlp, PATIENCE_MS) == 0);
    read_actions(after);
    for (int signal = 1; signal <= N_SIGNALS; signal++) {
        EXPECT(are_equal(&before[signal], &after[signal]));
    }
    EXPECT(weir_otlp_close(otlp, PATIENCE_MS) == 0);
    read_actions(after);
    pthread_sigmask(SIG_SETMASK, NULL, &mask_after);
    for (int signal = 1; signal <= N_SIGNALS; signal++) {
        EXPECT(are_equal(&before[signal], &after[signal]));
        EXPECT(sigismember(&mask_before, signal) == sigismember(&mask_after, signal));
    }
}

static pthread_t handled_on;
static volatile sig_atomic_t n_handled;

static void handle(int signal) {
    (void)signal;
    handled_on = pthread_self();
    n_handled++;
}

/* Signals to the process reach the host's thread, even with ours asleep beside it. */
static void deliver_signals(const char *url) {
    struct sigaction action = {.sa_handler = handle};
    weir_otlp *otlp = open_to(url);
    EXPECT(sigaction(SIGUSR1, &action, NULL) == 0 && sigaction(SIGTERM, &action, NULL) == 0);
    for (int i = 0; i < 50; i++) {
        int before = n_handled;
        kill(getpid(), i % 2 == 0 ? SIGUSR1 : SIGTERM);
        while (n_handled == before) {
        }
        EXPECT(pthread_equal(handled_on, pthread_self()));
    }
    EXPECT(weir_otlp_close(otlp, PATIENCE_MS) == 0);
}

/* ---- a small stack ---- */

static void *live_on_a_small_stack(void *url) {
    weir_otlp *otlp = open_to(url);
    for (int i = 0; i < 10; i++) {
        end_span(otlp);
    }
    EXPECT(weir_otlp_flush(otlp, PATIENCE_MS) == 0);
    (void)stats_of(otlp);
    EXPECT(weir_otlp_close(otlp, PATIENCE_MS) == 0);
    return NULL;
}

static void use_small_stack(char *url) {
    pthread_attr_t attributes;
    pthread_t thread;
    EXPECT(pthread_attr_init(&attributes) == 0);
    EXPECT(pthread_attr_setstacksize(&attributes, 64 << 10) == 0);
    EXPECT(pthread_create(&thread, &attributes, live_on_a_small_stack, url) == 0);
    EXPECT(pthread_join(thread, NULL) == 0);
}

/* ---- a broken pipe ---- */

/* SIGPIPE has its default action, which ends the process. */
static void break_pipe(const char *dir) {
    char path[4096];
    snprintf(path, sizeof path, "%s/pipe", dir);
    EXPECT(mkfifo(path, 0600) == 0);
    int reader = open(path, O_RDONLY | O_NONBLOCK);
    weir_otlp *otlp =
        open_with(&WEIR_OTLP_OPTIONS(.output_path = path, .log_level = WEIR_LOG_NONE));
    end_span(otlp);
    EXPECT(weir_otlp_flush(otlp, PATIENCE_MS) == 0);
    close(reader);
    end_span(otlp);
    EXPECT(weir_otlp_flush(otlp, PATIENCE_MS) == WEIR_E_IO);
    EXPECT(stats_of(otlp).dropped[WEIR_DROP_DISK] == 1);
    end_span(otlp);
    EXPECT(weir_otlp_close(otlp, PATIENCE_MS) == WEIR_E_IO);
}

int main(int n_arguments, char **arguments) {
    if (n_arguments != 4) {
        return 2;
    }
    char *url = arguments[2];
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (strcmp(arguments[1], "lose-descriptors") == 0) {
        lose_descriptors(url, arguments[3]);
    } else if (strcmp(arguments[1], "lose-files") == 0) {
        lose_files(url, arguments[3]);
    } else if (strcmp(arguments[1], "broken-pipe") == 0) {
        break_pipe(arguments[3]);
    } else if (strcmp(arguments[1], "exhaust-descriptors") == 0) {
        exhaust_descriptors(url);
    } else if (strcmp(arguments[1], "keep-signals") == 0) {
        keep_signals(url);
    } else if (strcmp(arguments[1], "deliver-signals") == 0) {
        deliver_signals(url);
    } else if (strcmp(arguments[1], "small-stack") == 0) {
        use_small_stack(url);
    } else {
        return 2;
    }
    return n_faults == 0 ? 0 : 1;
}
