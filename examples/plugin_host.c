/*
 * A host that knows nothing of weir, and loads and unloads a plug-in that uses it.
 *
 *     cc plugin_host.c -ldl -o plugin_host && ./plugin_host ./plugin.so 100
 */
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

struct plugin {
    void *library;
    int (*start)(void);
    void (*work)(int nth);
    int (*stop)(void);
};

static int load(const char *path, struct plugin *out) {
    out->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (out->library == NULL) {
        fprintf(stderr, "%s\n", dlerror());
        return -1;
    }
    /* POSIX gives functions as data pointers; C has no cast for that */
    *(void **)&out->start = dlsym(out->library, "plugin_start");
    *(void **)&out->work = dlsym(out->library, "plugin_work");
    *(void **)&out->stop = dlsym(out->library, "plugin_stop");
    return out->start != NULL && out->work != NULL && out->stop != NULL ? 0 : -1;
}

static int run(const char *path, int nth) {
    struct plugin plugin;
    if (load(path, &plugin) != 0) {
        return -1;
    }
    int error = plugin.start();
    plugin.work(nth);
    error = plugin.stop() != 0 ? -1 : error;
    return dlclose(plugin.library) != 0 ? -1 : error;
}

static int n_threads(void) {
    int n = 0;
    DIR *tasks = opendir("/proc/self/task");
    while (tasks != NULL && readdir(tasks) != NULL) {
        n++;
    }
    if (tasks != NULL) {
        closedir(tasks);
    }
    return n - 2; /* "." and ".." */
}

int main(int n_arguments, char **arguments) {
    if (n_arguments != 3) {
        fprintf(stderr, "usage: plugin_host PLUGIN TIMES\n");
        return 2;
    }
    int times = (int)strtol(arguments[2], NULL, 10), n_undelivered = 0;
    for (int i = 0; i < times; i++) {
        n_undelivered += run(arguments[1], i) != 0;
    }
    printf("loaded %d times, %d did not deliver all of their spans; threads left: %d\n", times,
           n_undelivered, n_threads());
    return n_undelivered == 0 ? 0 : 1;
}
