/*
 * A server that opens weir once and forks its workers: each has the weir, makes an app of its own,
 * and sends what it records itself, as children of the parent's step.
 *
 *     cc prefork_server.c $(pkg-config --cflags --libs weir) -o prefork_server && ./prefork_server
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/weir.h>

enum { N_WORKERS = 3, N_REQUESTS = 6 };

/* ---- a worker ---- */

static void answer(weir_app *app, int request) {
    WEIR_SCOPED_CALL *call = weir_call_begin(app, WEIR_METHOD_STEP);
    WEIR_SCOPED_STEP *step = weir_step_begin(call, "answer", NULL);
    weir_set(step, "request", request);
}

/* Handles of the parent's call and step are stale here: ending them would do nothing. */
static int work(weir *w, int requests_fd, const char *traceparent) {
    unsigned char request;
    weir_app *app = weir_app_new(w, &WEIR_APP_OPTIONS(.traceparent = traceparent));
    while (read(requests_fd, &request, 1) == 1) {
        answer(app, request);
    }
    weir_app_free(app);
    return weir_close(w, 5000) == 0 ? 0 : 1;
}

/* ---- the parent ---- */

static void fork_workers(weir *w, int fds[2], const char *traceparent) {
    for (int i = 0; i < N_WORKERS; i++) {
        if (fork() == 0) {
            close(fds[1]);
            _exit(work(w, fds[0], traceparent));
        }
    }
    close(fds[0]);
}

static int wait_for_workers(void) {
    int status, n_undelivered = 0;
    while (wait(&status) > 0) {
        n_undelivered += status != 0;
    }
    return n_undelivered;
}

static int serve(weir *w, weir_app *app) {
    int fds[2];
    char traceparent[56];
    if (pipe(fds) != 0) {
        return 1;
    }
    WEIR_SCOPED_CALL *call = weir_call_begin(app, WEIR_METHOD_RUN);
    WEIR_SCOPED_STEP *step = weir_step_begin(call, "serve", NULL);
    (void)weir_traceparent(step, traceparent);
    fork_workers(w, fds, traceparent);
    for (unsigned char request = 0; request < N_REQUESTS; request++) {
        (void)!write(fds[1], &request, 1); /* whoever is free takes it */
    }
    close(fds[1]); /* no more: the workers end */
    return wait_for_workers();
}

int main(void) {
    weir *w = NULL;
    weir_open(&WEIR_OPTIONS(.service_name = "prefork", .project = "prefork"), &w, NULL);
    weir_app *app = weir_app_new(w, &WEIR_APP_OPTIONS(.app_id = "server"));
    int n_undelivered = serve(w, app);
    weir_app_free(app);
    printf("%d requests, %d workers, %d did not deliver all of their spans\n", N_REQUESTS,
           N_WORKERS, n_undelivered);
    return weir_close(w, 5000) == 0 && n_undelivered == 0 ? 0 : 1;
}
