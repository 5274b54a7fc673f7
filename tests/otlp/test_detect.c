/*
 * Resource detectors (F6-F10).
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <weir/otlp.h>

#include "otlp/bounds.h"
#include "otlp/detect.h"
#include "tests/support/expect.h"

struct found {
    char text[8192]; /* "key=value;" each */
    size_t n;
    size_t fails_at; /* 0: never */
};

static int put(void *data, const char *key, const weir_value *value) {
    struct found *f = data;
    size_t n = strlen(f->text);
    if (++f->n == f->fails_at) {
        return WEIR_E_NO_MEMORY;
    }
    switch (value->kind) {
    case WEIR_VALUE_STRING:
        snprintf(f->text + n, sizeof f->text - n, "%s=%.*s;", key, (int)value->as.string.n_bytes,
                 value->as.string.bytes);
        break;
    case WEIR_VALUE_INT:
        snprintf(f->text + n, sizeof f->text - n, "%s=%ld;", key, (long)value->as.integer);
        break;
    default:
        snprintf(f->text + n, sizeof f->text - n, "%s=%zu items;", key, value->as.array.n_items);
    }
    return 0;
}

static bool has(const struct found *f, const char *part) {
    return strstr(f->text, part) != NULL;
}

Test(detect, finds_nothing_unasked) {
    struct found f = {0};
    cr_assert(eq(int, detect_run(0, put, &f), 0));
    cr_assert(eq(sz, f.n, 0));
}

Test(detect, knows_the_process_but_not_its_arguments) {
    struct found f = {0};
    char pid[32];
    snprintf(pid, sizeof pid, "process.pid=%ld;", (long)getpid());
    cr_assert(eq(int, detect_run(WEIR_DETECT_PROCESS, put, &f), 0));
    cr_assert(has(&f, pid), "%s", f.text);
    cr_assert(has(&f, "process.executable.name=test_otlp_detect;"));
    cr_assert(has(&f, "/test_otlp_detect;"));
    cr_assert(has(&f, "process.parent_pid="));
    cr_assert(has(&f, "process.runtime.name=glibc;process.runtime.version=2."));
    cr_assert(not(has(&f, "command")));
    cr_assert(not(has(&f, "host.")));
}

Test(detect, tells_the_arguments_only_when_asked) {
    struct found f = {0};
    cr_assert(eq(int, detect_run(WEIR_DETECT_COMMAND, put, &f), 0));
    cr_assert(eq(sz, f.n, 1));
    cr_assert(has(&f, "process.command_args="));
    cr_assert(not(has(&f, "=0 items")));
}

Test(detect, knows_the_host) {
    struct found f = {0};
    struct utsname uts;
    char name[128];
    cr_assert(eq(int, uname(&uts), 0));
    snprintf(name, sizeof name, "host.name=%s;host.arch=%s;", uts.nodename,
             detect_arch(uts.machine));
    cr_assert(eq(int, detect_run(WEIR_DETECT_HOST, put, &f), 0));
    cr_assert(has(&f, name), "%s", f.text);
    cr_assert(has(&f, "os.type=linux;"));
    cr_assert(has(&f, "os.description="));
    cr_assert(not(has(&f, "process.")));
    cr_assert(not(has(&f, "host.id=;")));
}

Test(detect, names_machines_as_the_conventions_do) {
    static const char *const rows[][2] = {
        {"x86_64", "amd64"},  {"aarch64", "arm64"}, {"armv7l", "arm32"},   {"i686", "x86"},
        {"ppc64le", "ppc64"}, {"s390x", "s390x"},   {"riscv64", "riscv64"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_text_at(i, detect_arch(rows[i][0]), rows[i][1]);
    }
}

Test(detect, an_instance_has_a_random_uuid) { /* (F6) */
    struct found one = {0}, two = {0};
    cr_assert(eq(int, detect_run(WEIR_DETECT_INSTANCE, put, &one), 0));
    cr_assert(eq(int, detect_run(WEIR_DETECT_INSTANCE, put, &two), 0));
    cr_assert(eq(sz, strlen(one.text), strlen("service.instance.id=;") + 36));
    cr_assert(eq(chr, one.text[strlen("service.instance.id=") + 14], '4'));
    cr_assert(ne(str, one.text, two.text));
}

Test(detect, reads_os_release) {
    static const char text[] = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian\"\n"
                               "VERSION_ID='12'\nEMPTY=\nLAST=x";
    char out[64] = "kept";
    cr_assert(not(detect_os_release(text, "ID", out, sizeof out)));
    cr_assert(not(detect_os_release(text, "EMPTY", out, sizeof out)));
    cr_assert(not(detect_os_release("", "NAME", out, sizeof out)));
    expect_text(out, "kept");
    cr_assert(detect_os_release(text, "NAME", out, sizeof out));
    expect_text(out, "Debian");
    cr_assert(detect_os_release(text, "VERSION_ID", out, sizeof out));
    expect_text(out, "12");
    cr_assert(detect_os_release(text, "LAST", out, sizeof out));
    expect_text(out, "x");
    cr_assert(detect_os_release(text, "PRETTY_NAME", out, 7));
    expect_text(out, "Debian");
}

Test(detect, stops_at_the_first_error) {
    for (size_t nth = 1; nth < 6; nth++) {
        struct found f = {.fails_at = nth};
        cr_assert(
            eq(int, detect_run(WEIR_DETECT_PROCESS | WEIR_DETECT_HOST, put, &f), WEIR_E_NO_MEMORY));
        cr_assert(eq(sz, f.n, nth));
    }
}
