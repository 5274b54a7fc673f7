#include "tests/support/names.h"

#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards n_hanging */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static size_t n_hanging;

static void hang(void) {
    pthread_mutex_lock(&mutex);
    n_hanging++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    for (;;) {
        pause();
    }
}

/* libcurl finds this one: an executable's symbols come before those of the C library. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                struct addrinfo **out) {
    if (name != NULL && strcmp(name, "hangs.test") == 0) {
        hang();
    }
    if (name != NULL && strcmp(name, "unknown.test") == 0) {
        return EAI_NONAME;
    }
    int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void *symbol = dlsym(RTLD_NEXT, "getaddrinfo");
    memcpy(&next, &symbol, sizeof next); /* C has no cast for it */
    return next(name, service, hints, out);
}

size_t names_n_hanging(void) {
    pthread_mutex_lock(&mutex);
    size_t n = n_hanging;
    pthread_mutex_unlock(&mutex);
    return n;
}

void names_wait_hanging(void) {
    pthread_mutex_lock(&mutex);
    while (n_hanging == 0) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
}
