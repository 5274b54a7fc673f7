#include "otlp/certificates.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "otlp/bounds.h"
#include "otlp/common/alloc.h"
#include "otlp/common/error.h"
#include "otlp/common/macro.h"

/* As much of the file as is worth a look. -1 with errno, else how much there is. */
static ssize_t read_some(const char *path, char *out, size_t n_out) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) {
        return -1;
    }
    size_t n = 0;
    ssize_t got;
    do {
        got = read(fd, out + n, n_out - n);
        n += got > 0 ? (size_t)got : 0;
    } while (got > 0 && n < n_out);
    int os_error = errno;
    close(fd);
    errno = os_error;
    return got < 0 ? -1 : (ssize_t)n;
}

/* Told when the pipeline is opened, not when the first spans are lost. */
static int check_file(const struct delivery_file *file, weir_error_detail *detail) {
    if (file->path == NULL) {
        return 0;
    }
    char *text CLEANUP(mem_cleanup) = mem_alloc(PEM_LOOK_BYTES);
    if (text == NULL) {
        return error_set(detail, WEIR_E_NO_MEMORY, "no memory for a transport");
    }
    ssize_t n = read_some(file->path, text, PEM_LOOK_BYTES);
    if (n < 0) {
        return error_set_os(detail, WEIR_E_INVALID, errno,
                            "%s: %.120s cannot be read: give a PEM file that this user may read",
                            file->source, file->path);
    }
    if (memmem(text, (size_t)n, "-----BEGIN ", 11) == NULL) {
        return error_set(detail, WEIR_E_INVALID,
                         "%s: %.120s is no PEM file: it must hold \"-----BEGIN …\"", file->source,
                         file->path);
    }
    return 0;
}

int certificates_check(const struct delivery *delivery, weir_error_detail *detail) {
    int error = check_file(&delivery->ca, detail);
    error = error != 0 ? error : check_file(&delivery->client_certificate, detail);
    return error != 0 ? error : check_file(&delivery->client_key, detail);
}
