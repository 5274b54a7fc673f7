/*
 * Posts over HTTP that are cancelled from another thread at any moment: each comes back at once,
 * and no cancel is lost between the waits.
 */
#include <poll.h>
#include <string.h>
#include <time.h>

#include "otlp/common/clock.h"
#include "otlp/common/id.h"
#include "otlp/deps/curl.h"
#include "tests/stress/stress.h"
#include "tests/support/peer.h"

enum { N_ROUNDS = 50, N_CLIENTS = 4 };

static const char *url;

static struct http_client *client_new(void) {
    struct http_client *client = NULL;
    const struct http_client_options options = {.route.url = url,
                                                .user_agent = "stress",
                                                .max_response_bytes = 1000,
                                                .max_header_bytes = 1000};
    CHECK(http_client_new(&options, &client, NULL) == 0);
    return client;
}

static void *post_without_end(void *client) {
    const struct http_request request = {.body = (const uint8_t *)"x", .n_bytes = 1};
    struct http_answer answer;
    CHECK(http_client_post(client, &request, UINT64_MAX, &answer) == WEIR_E_TIMEOUT);
    return NULL;
}

/* From before the first step of the post to long after its last one. */
static void wait_a_little(void) {
    struct timespec some = {.tv_nsec = (long)(id_random() % 3000000)};
    if (id_random() % 4 != 0) {
        nanosleep(&some, NULL);
    }
}

static void *play(void *index) {
    (void)index;
    for (int i = 0; i < N_ROUNDS; i++) {
        pthread_t poster;
        struct http_client *client = client_new();
        CHECK(pthread_create(&poster, NULL, post_without_end, client) == 0);
        wait_a_little();
        http_client_cancel(client);
        CHECK(pthread_join(poster, NULL) == 0);
        http_client_free(client);
    }
    return NULL;
}

/* Nobody answers: the connection itself never comes about. */
int main(void) {
    struct black_hole hole;
    char text[64];
    black_hole_open(&hole);
    snprintf(text, sizeof text, "http://127.0.0.1:%d", hole.port);
    url = text;
    uint64_t began_ns = clock_now_ns();
    run_threads(N_CLIENTS, play);
    /* a lost cancel would be found by the look-up a second later, if ever */
    CHECK(clock_now_ns() - began_ns < 45 * NS_PER_S);
    black_hole_close(&hole);
    return 0;
}
