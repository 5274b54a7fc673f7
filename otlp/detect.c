#include "otlp/detect.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <weir/otlp.h>

#include "otlp/bounds.h"
#include "otlp/common/id.h"
#include "otlp/common/macro.h"

struct detection {
    detect_put_fn *put;
    void *data;
    int error; /* the first one; later attributes are not put */
};

static void put(struct detection *d, const char *key, weir_value value) {
    if (d->error == 0) {
        d->error = d->put(d->data, key, &value);
    }
}

static void put_text(struct detection *d, const char *key, const char *text) {
    if (text != NULL && *text != '\0') {
        put(d, key, weir_value_string(text));
    }
}

/* The beginning of a file, with a NUL behind; returns its bytes, 0 when it cannot be read. */
static size_t read_file(const char *path, char *out, size_t n_bytes) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    size_t n = 0;
    while (fd >= 0 && n + 1 < n_bytes) {
        ssize_t got = read(fd, out + n, n_bytes - 1 - n);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    out[n] = '\0';
    return n;
}

/* ---- the process ---- */

static void put_executable(struct detection *d) {
    char path[DETECT_MAX_TEXT];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length > 0) {
        path[length] = '\0';
        const char *slash = strrchr(path, '/');
        put_text(d, "process.executable.name", slash != NULL ? slash + 1 : path);
        put_text(d, "process.executable.path", path);
    }
}

static void put_owner(struct detection *d) {
    char buffer[DETECT_MAX_TEXT];
    struct passwd entry, *found = NULL;
    if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &found) == 0 && found != NULL) {
        put_text(d, "process.owner", entry.pw_name);
    }
}

/* "glibc 2.36": a C library that does not say so is left out. */
static void put_runtime(struct detection *d) {
#ifdef _CS_GNU_LIBC_VERSION
    char text[64];
    size_t n_bytes = confstr(_CS_GNU_LIBC_VERSION, text, sizeof text);
    char *space = n_bytes > 0 && n_bytes <= sizeof text ? strchr(text, ' ') : NULL;
    if (space != NULL) {
        *space = '\0';
        put_text(d, "process.runtime.name", text);
        put_text(d, "process.runtime.version", space + 1);
        put_text(d, "process.runtime.description", "GNU C Library");
    }
#else
    (void)d;
#endif
}

static void detect_process(struct detection *d) {
    put(d, "process.pid", weir_value_int(getpid()));
    put(d, "process.parent_pid", weir_value_int(getppid()));
    put_executable(d);
    put_owner(d);
    put_runtime(d);
}

/* Of its own, because arguments may hold secrets. */
static void detect_command(struct detection *d) {
    char text[DETECT_MAX_TEXT];
    weir_value arguments[DETECT_MAX_ARGUMENTS];
    size_t n_bytes = read_file("/proc/self/cmdline", text, sizeof text), n = 0;
    for (size_t at = 0; at < n_bytes && n < DETECT_MAX_ARGUMENTS; at += strlen(text + at) + 1) {
        arguments[n++] = weir_value_string(text + at);
    }
    if (n > 0) {
        put(d, "process.command_args", weir_value_array(arguments, n));
    }
}

/* ---- the host ---- */

const char *detect_arch(const char *machine) {
    static const struct {
        const char *machine, *arch;
    } known[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i386", "x86"}, {"i686", "x86"},
                 {"ppc", "ppc32"},    {"ppc64le", "ppc64"}, {"ia64", "ia64"}};
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
        if (strcmp(machine, known[i].machine) == 0) {
            return known[i].arch;
        }
    }
    return strncmp(machine, "arm", 3) == 0 ? "arm32" : machine;
}

bool detect_os_release(const char *text, const char *key, char *out, size_t n_bytes) {
    size_t n_key = strlen(key), length = 0;
    for (const char *line = text; line != NULL;) {
        if (strncmp(line, key, n_key) == 0 && line[n_key] == '=') {
            const char *at = line + n_key + 1;
            for (; *at != '\0' && *at != '\n' && length + 1 < n_bytes; at++) {
                if (*at != '"' && *at != '\'') {
                    out[length++] = *at;
                }
            }
            break;
        }
        line = strchr(line, '\n');
        line = line != NULL ? line + 1 : NULL;
    }
    if (length > 0) {
        out[length] = '\0';
    }
    return length > 0;
}

static void put_os(struct detection *d, const struct utsname *uts) {
    char file[DETECT_MAX_TEXT], text[256];
    if (read_file("/etc/os-release", file, sizeof file) == 0) {
        (void)read_file("/usr/lib/os-release", file, sizeof file);
    }
    put_text(d, "os.type", "linux");
    put_text(d, "os.name", detect_os_release(file, "NAME", text, sizeof text) ? text : NULL);
    put_text(d, "os.version",
             detect_os_release(file, "VERSION_ID", text, sizeof text) ? text : NULL);
    char name[256] = "Linux", description[768];
    (void)detect_os_release(file, "PRETTY_NAME", name, sizeof name);
    snprintf(description, sizeof description, "%s (Linux %s)", name, uts->release);
    put_text(d, "os.description", description);
}

static void detect_host(struct detection *d) {
    struct utsname uts;
    char id[64];
    if (uname(&uts) != 0) {
        return;
    }
    put_text(d, "host.name", uts.nodename);
    put_text(d, "host.arch", detect_arch(uts.machine));
    (void)read_file("/etc/machine-id", id, sizeof id);
    id[strcspn(id, " \n")] = '\0';
    put_text(d, "host.id", id);
    put_os(d, &uts);
}

/* Unique, as nothing inherent is known to be (F6). */
static void detect_instance(struct detection *d) {
    char uuid[37];
    id_new_uuid(uuid);
    put_text(d, "service.instance.id", uuid);
}

int detect_run(uint32_t detectors, detect_put_fn *put_one, void *data) {
    static const struct {
        uint32_t bit;
        void (*run)(struct detection *d);
    } all[] = {{WEIR_DETECT_PROCESS, detect_process},
               {WEIR_DETECT_COMMAND, detect_command},
               {WEIR_DETECT_HOST, detect_host},
               {WEIR_DETECT_INSTANCE, detect_instance}};
    struct detection d = {put_one, data, 0};
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++) {
        if (detectors & all[i].bit) {
            all[i].run(&d);
        }
    }
    return d.error;
}
