/*
 * HTTP POST by libcurl, behind names of our own.
 *
 * No call of libcurl decides how long we take: a post is a loop of ours over curl_multi, with our
 * clock, and with a wake-up for cancelling. Signals are never used, redirects never followed,
 * connections kept between posts. It knows nothing of OTLP.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <weir/error.h>

struct http_client;

struct http_client_options {
    const char *url;
    char *const *headers; /* "name: value", NULL-terminated; NULL: none */
    const char *content_type;
    const char *user_agent;    /* unless the headers have one */
    size_t max_response_bytes; /* of a body */
    size_t max_header_bytes;   /* of all headers of one answer */
};

/* What was wrong when there was no answer. */
enum http_trouble {
    HTTP_NO_TROUBLE = 0,
    HTTP_NO_TIME, /* the deadline, or cancelled */
    HTTP_NO_NAME, /* the host, or a proxy, cannot be resolved */
    HTTP_NO_CONNECTION,
    HTTP_NO_TRUST,  /* TLS */
    HTTP_NO_ANSWER, /* closed before the answer was whole */
    HTTP_NO_HTTP,   /* an answer in another protocol */
    HTTP_TOO_MUCH,  /* an answer over the bounds */
    HTTP_NO_MEMORY,
    HTTP_OTHER
};

struct http_answer {
    int status;
    const uint8_t *body; /* borrowed until the next post */
    size_t n_bytes;
    char retry_after[64]; /* the headers of these names; "" when absent */
    char location[256];
    enum http_trouble trouble;
    char text[256]; /* of the trouble, in libcurl's words */
};

/* *out is set last; free it with http_client_free. WEIR_E_NO_MEMORY, WEIR_E_INVALID (libcurl cannot
 * take the URL or a header), WEIR_E_UNSUPPORTED (libcurl cannot be initialised). */
int http_client_new(const struct http_client_options *options, struct http_client **out,
                    weir_error_detail *detail);
/* NULL is fine. Closes the connections; waits for nothing. */
void http_client_free(struct http_client *client);

/*
 * Sends the body (borrowed for the call) and waits for the answer until deadline_ns of
 * CLOCK_MONOTONIC (UINT64_MAX: none). *answer is always filled. 0 with an answer of any status;
 * else WEIR_E_TIMEOUT, WEIR_E_IO, WEIR_E_TOO_LARGE, WEIR_E_INVALID, WEIR_E_NO_MEMORY. One thread at
 * a time.
 */
int http_client_post(struct http_client *client, const uint8_t *body, size_t n_bytes,
                     uint64_t deadline_ns, struct http_answer *answer);

/* A post under way, and every later one, gives up at once. Any thread. */
void http_client_cancel(struct http_client *client);
