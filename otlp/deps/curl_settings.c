#include "otlp/deps/curl_settings.h"

#include <pthread.h>

static CURLcode global_result;

/* There is no counterpart: the host may use libcurl too, and the process ends anyhow. */
static void init_library(void) {
    global_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

CURLcode http_library(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, init_library);
    return global_result;
}

void http_set_long(struct http_settings *settings, CURLoption option, long value) {
    if (settings->code == CURLE_OK) {
        settings->code = curl_easy_setopt(settings->easy, option, value);
    }
}

void http_set_pointer(struct http_settings *settings, CURLoption option, const void *value) {
    if (settings->code == CURLE_OK && value != NULL) {
        settings->code = curl_easy_setopt(settings->easy, option, value);
    }
}

static void restrict_protocols(struct http_settings *settings) {
#if LIBCURL_VERSION_NUM >= 0x075500 /* 7.85 */
    http_set_pointer(settings, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    http_set_long(settings, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
}

/* A name that never resolves: its thread is left behind instead of being waited for. */
static void leave_resolver_behind(CURL *easy) {
#if LIBCURL_VERSION_NUM >= 0x075700 /* 7.87; an older library at run time says no */
    (void)curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)easy;
#endif
}

/* The system's folder of certificates would be trusted beside the file. */
static void set_tls(struct http_settings *settings, const struct http_route *route) {
    http_set_long(settings, CURLOPT_SSLVERSION,
                  route->needs_tls_1_3 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2);
    http_set_pointer(settings, CURLOPT_CAINFO, route->ca_file);
    if (route->ca_file != NULL) {
        (void)curl_easy_setopt(settings->easy, CURLOPT_CAPATH, NULL); /* NULL: not known here */
    }
    http_set_pointer(settings, CURLOPT_SSLCERT, route->client_certificate_file);
    http_set_pointer(settings, CURLOPT_SSLKEY, route->client_key_file);
}

void http_set_route(struct http_settings *settings, const struct http_route *route,
                    char *error_text) {
    leave_resolver_behind(settings->easy);
    restrict_protocols(settings);
    http_set_pointer(settings, CURLOPT_ERRORBUFFER, error_text);
    http_set_long(settings, CURLOPT_NOSIGNAL, 1);
    http_set_long(settings, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1); /* not the endpoint's own */
    set_tls(settings, route);
    http_set_pointer(settings, CURLOPT_PROXY, route->proxy);
    http_set_pointer(settings, CURLOPT_UNIX_SOCKET_PATH, route->unix_socket);
    http_set_pointer(settings, CURLOPT_URL, route->url);
}

bool http_transfer_has_ended(CURLM *multi, CURLcode *result) {
    CURLMsg *message;
    int n_left;
    while ((message = curl_multi_info_read(multi, &n_left)) != NULL) {
        if (message->msg == CURLMSG_DONE) {
            *result = message->data.result;
            return true;
        }
    }
    return false;
}
