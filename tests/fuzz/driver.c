/*
 * fuzz_<target> PATH…: runs the target over files, and over all files of directories.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

enum { MAX_BYTES = 1 << 20, CUTS = 64, CHANGES = 300 };

static uint64_t state = UINT64_C(0x9e3779b97f4a7c15); /* the same every time */

static uint64_t draw(void) {
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

/* From memory of exactly this size, so that a sanitizer sees the first byte beyond. */
static void run(const uint8_t *bytes, size_t n_bytes) {
    uint8_t *exact = malloc(n_bytes > 0 ? n_bytes : 1);
    FUZZ_CHECK(exact != NULL);
    if (n_bytes > 0) {
        memcpy(exact, bytes, n_bytes);
    }
    (void)LLVMFuzzerTestOneInput(exact, n_bytes);
    free(exact);
}

/* Bits, bytes that mean something, and pieces moved about; returns the new size. */
static size_t change(uint8_t *bytes, size_t n_bytes) {
    static const uint8_t telling[] = {0x00, 0x01, 0x7f, 0x80, 0xff, 0x0a, 0x12, '%', ',', '"'};
    for (uint64_t n = 1 + draw() % 4; n > 0 && n_bytes > 0; n--) {
        size_t at = draw() % n_bytes, length = 1 + draw() % (n_bytes - at);
        switch (draw() % 5) {
        case 0: bytes[at] ^= (uint8_t)(1 << draw() % 8); break;
        case 1: bytes[at] = telling[draw() % sizeof telling]; break;
        case 2: bytes[at] = (uint8_t)draw(); break;
        case 3: memmove(bytes + draw() % (n_bytes - length + 1), bytes + at, length); break;
        default: memmove(bytes + at, bytes + at + length, n_bytes - at - length); n_bytes -= length;
        }
    }
    return n_bytes;
}

static void run_seed(const uint8_t *seed, size_t n_bytes) {
    uint8_t *changed = malloc(n_bytes + 1);
    FUZZ_CHECK(changed != NULL);
    run(seed, n_bytes);
    for (size_t i = 0; i < CUTS && i < n_bytes; i++) {
        run(seed, n_bytes <= CUTS ? i : draw() % n_bytes);
    }
    for (int i = 0; i < CHANGES; i++) {
        memcpy(changed, seed, n_bytes);
        run(changed, change(changed, n_bytes));
    }
    free(changed);
}

static size_t run_file(const char *path) {
    static uint8_t bytes[MAX_BYTES];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    run_seed(bytes, fread(bytes, 1, sizeof bytes, file));
    fclose(file);
    return 1;
}

static size_t run_path(const char *path) {
    DIR *entries = opendir(path);
    size_t n = 0;
    if (entries == NULL) {
        return run_file(path);
    }
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char inner[4096];
        struct stat status;
        snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        if (stat(inner, &status) == 0 && S_ISREG(status.st_mode)) {
            n += run_file(inner);
        }
    }
    closedir(entries);
    return n;
}

int main(int n_arguments, char **arguments) {
    size_t n = 0;
    run(NULL, 0);
    for (int i = 1; i < n_arguments; i++) {
        n += run_path(arguments[i]);
    }
    printf("%zu seeds, %d changes of each\n", n, CHANGES);
    return n > 0 ? 0 : 1; /* a target without a corpus proves nothing */
}
