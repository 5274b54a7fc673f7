/*
 * process_end_helper MODE URL "": a program that ends without closing its pipeline. A program of
 * its own, because a test that forks has criterion's own exit handlers in the child.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/otlp.h>

#include "otlp/common/clock.h"
#include "tests/support/settled_fork.h"

enum { SURVIVED = 7, FAILED = 1 };

static weir_otlp *open_to(const char *url) {
    weir_otlp *otlp;
    if (weir_otlp_open(&WEIR_OTLP_OPTIONS(.endpoint = url), &otlp, NULL) != 0) {
        exit(FAILED);
    }
    return otlp;
}

static void end_span(weir_otlp *otlp) {
    weir_otlp_tracer *tracer = weir_otlp_tracer_get(otlp, "process end", NULL, NULL);
    weir_otlp_span_end(weir_otlp_span_begin(tracer, "last", NULL));
}

static void end_two_spans(const char *url) {
    weir_otlp *otlp = open_to(url);
    end_span(otlp);
    end_span(otlp);
}

static void close_one_of_three(const char *url) {
    weir_otlp *first = open_to(url), *second = open_to(url);
    end_span(first);
    end_span(second);
    weir_otlp *third = open_to(url);
    if (weir_otlp_close(first, 5000) != 0) {
        exit(FAILED);
    }
    end_span(third);
}

/* How long a forked child that exits at once takes, in ms; -1 when it does not exit well. */
static long ms_of_a_child(void) {
    uint64_t began = clock_now_ns();
    int status;
    pid_t child = settled_fork();
    if (child == 0) {
        exit(SURVIVED);
    }
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != SURVIVED) {
        return -1;
    }
    return (long)((clock_now_ns() - began) / NS_PER_MS);
}

/* Prints the least of five: a loaded machine may hold up one, hardly all. */
static void time_children(const char *url) {
    weir_otlp *otlp = open_to(url);
    end_span(otlp);
    long least = ms_of_a_child();
    for (int i = 1; i < 5; i++) {
        long ms = ms_of_a_child();
        least = ms < least ? ms : least;
    }
    printf("%ld\n", least);
    (void)!weir_otlp_close(otlp, 50);
}

/* A child that records and exits, of a parent that leaves without sending anything. */
static void exit_as_child(const char *url) {
    weir_otlp *otlp = open_to(url);
    int status;
    end_span(otlp);
    pid_t child = settled_fork();
    if (child == 0) {
        end_span(otlp);
        exit(SURVIVED);
    }
    bool is_fine = waitpid(child, &status, 0) == child && WIFEXITED(status);
    _exit(is_fine ? WEXITSTATUS(status) : FAILED);
}

/* ---- a transport that is slow to come back, and a close that does not wait ---- */

static atomic_bool is_closed, has_come_back;

/* Deaf: without a cancel. */
static int post_slowly(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                       weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)response, (void)detail;
    while (!atomic_load(&is_closed)) {
        usleep(1000);
    }
    usleep(100000); /* while the process exits */
    atomic_store(&has_come_back, true);
    return WEIR_E_IO;
}

/* As a library's that the transport is in the middle of. */
static void tear_down(void) {
    _exit(atomic_load(&has_come_back) ? SURVIVED : FAILED);
}

static void leave_a_post_behind(void) {
    weir_otlp *otlp;
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_slowly;
    if (atexit(tear_down) != 0 ||
        weir_otlp_open(&WEIR_OTLP_OPTIONS(.transport = &transport, .log_level = WEIR_LOG_NONE),
                       &otlp, NULL) != 0) {
        _exit(FAILED);
    }
    end_span(otlp);
    (void)weir_otlp_close(otlp, 50);
    atomic_store(&is_closed, true);
}

/* Two spans that no exit handler sees to. */
static void end_hard(const char *url, void (*end)(void)) {
    end_two_spans(url);
    end();
}

static void leave(void) {
    _exit(SURVIVED);
}

static void leave_quickly(void) {
    quick_exit(SURVIVED);
}

int main(int n_arguments, char **arguments) {
    if (n_arguments != 4) {
        return FAILED;
    }
    if (strcmp(arguments[1], "two-spans") == 0) {
        end_two_spans(arguments[2]);
    } else if (strcmp(arguments[1], "close-one-of-three") == 0) {
        close_one_of_three(arguments[2]);
    } else if (strcmp(arguments[1], "time-children") == 0) {
        time_children(arguments[2]);
    } else if (strcmp(arguments[1], "child-exits") == 0) {
        exit_as_child(arguments[2]);
    } else if (strcmp(arguments[1], "post-left-behind") == 0) {
        leave_a_post_behind();
    } else if (strcmp(arguments[1], "_exit") == 0) {
        end_hard(arguments[2], leave);
    } else if (strcmp(arguments[1], "quick_exit") == 0) {
        end_hard(arguments[2], leave_quickly);
    } else {
        return FAILED;
    }
    exit(SURVIVED);
}
