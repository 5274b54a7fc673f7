/*
 * opening LIBRARY load|null|http: prints how many milliseconds it took to load the library, or to
 * open and close a pipeline with it once. It is not linked with it: a library is loaded once a
 * process.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <weir/otlp.h>

static double now_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static _Noreturn void die(const char *what) {
    fprintf(stderr, "opening: %s\n", what);
    exit(EXIT_FAILURE);
}

static int post_nowhere(void *data, const uint8_t *body, size_t n_bytes, uint64_t deadline_ns,
                        weir_transport_response *response, weir_error_detail *detail) {
    (void)data, (void)body, (void)n_bytes, (void)deadline_ns, (void)detail;
    response->http_status = 200;
    return 0;
}

static void *symbol(void *library, const char *name) {
    void *found = dlsym(library, name);
    if (found == NULL) {
        die(dlerror());
    }
    return found;
}

static double open_and_close(void *library, const weir_otlp_options *options) {
    int (*open)(const weir_otlp_options *, weir_otlp **, weir_error_detail *);
    int (*close)(weir_otlp *, uint32_t);
    /* ISO C has no conversion from an object's address to a function's */
    *(void **)&open = symbol(library, "weir_otlp_open");
    *(void **)&close = symbol(library, "weir_otlp_close");
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    weir_otlp *otlp = NULL;
    double began_ms = now_ms();
    if (open(options, &otlp, &detail) != 0) {
        die(detail.message);
    }
    if (close(otlp, 1000) != 0) {
        die("it could not be closed");
    }
    return now_ms() - began_ms;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        die("usage: opening LIBRARY load|null|http");
    }
    double began_ms = now_ms();
    void *library = dlopen(argv[1], RTLD_NOW);
    double ms = now_ms() - began_ms;
    if (library == NULL) {
        die(dlerror());
    }
    weir_transport transport = WEIR_TRANSPORT_INIT;
    transport.post = post_nowhere;
    if (strcmp(argv[2], "null") == 0) {
        ms = open_and_close(library, &WEIR_OTLP_OPTIONS(.transport = &transport));
    } else if (strcmp(argv[2], "http") == 0) {
        ms = open_and_close(library, &WEIR_OTLP_OPTIONS(.endpoint = "http://127.0.0.1:4318"));
    }
    printf("%.4f\n", ms);
    return EXIT_SUCCESS;
}
