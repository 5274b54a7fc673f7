#include "otlp/deps/curl_probe.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <weir/error.h>

#include "otlp/common/clock.h"
#include "otlp/common/macro.h"
#include "otlp/deps/curl_settings.h"

struct probing {
    const struct http_probe_options *options;
    struct http_probe *out;
    CURLM *multi;
    CURL *easy;
    bool is_connected; /* its times come too late to tell */
    char error_text[CURL_ERROR_SIZE];
};

/* ---- what libcurl tells on the way ---- */

/* Copies what follows a prefix of the line; false when the line begins otherwise. */
static bool take_behind(const char *line, size_t n_bytes, const char *prefix, char *out,
                        size_t n_out) {
    size_t n_prefix = strlen(prefix);
    if (n_bytes < n_prefix || memcmp(line, prefix, n_prefix) != 0) {
        return false;
    }
    size_t n = MIN(n_bytes - n_prefix, n_out - 1);
    memcpy(out, line + n_prefix, n);
    out[n] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return true;
}

static bool has_part(const char *line, size_t n_bytes, const char *part) {
    return memmem(line, n_bytes, part, strlen(part)) != NULL;
}

/* The one place where libcurl says the version of TLS, whether a variable names a proxy, and that
 * the connection stands while TLS is not done yet. */
static int hear(CURL *easy, curl_infotype type, char *line, size_t n_bytes, void *data) {
    struct probing *probing = data;
    char rest[64];
    (void)easy;
    if (type != CURLINFO_TEXT) {
        return 0;
    }
    (void)take_behind(line, n_bytes, "SSL connection using ", probing->out->tls,
                      sizeof probing->out->tls);
    probing->out->wants_certificate |= has_part(line, n_bytes, "Request CERT");
    probing->is_connected |= take_behind(line, n_bytes, "Connected to ", rest, sizeof rest);
    if (take_behind(line, n_bytes, "Uses proxy env variable ", rest, sizeof rest)) {
        probing->out->is_proxied |= strncasecmp(rest, "no_proxy", 8) != 0;
    }
    return 0;
}

static size_t ignore_body(char *bytes, size_t one, size_t n_bytes, void *data) {
    (void)bytes, (void)one, (void)data;
    return n_bytes;
}

/* The end of the head says enough; what follows may be endless. */
static size_t end_after_head(char *line, size_t one, size_t n_bytes, void *data) {
    struct probing *probing = data;
    (void)one;
    if (n_bytes > 5 && memcmp(line, "HTTP/", 5) == 0) {
        long status = 0;
        (void)curl_easy_getinfo(probing->easy, CURLINFO_RESPONSE_CODE, &status);
        probing->out->status = (int)status;
    }
    return n_bytes;
}

/* ---- setting up ---- */

static void set_request(struct http_settings *settings, enum http_probe_kind kind) {
    if (kind == HTTP_PROBE_CONNECT) {
        http_set_long(settings, CURLOPT_CONNECT_ONLY, 1);
        return;
    }
    http_set_long(settings, CURLOPT_HTTP_VERSION,
                  kind == HTTP_PROBE_HTTP_2 ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
                                            : CURL_HTTP_VERSION_1_1);
}

static CURLcode set_up(struct probing *probing) {
    const struct http_probe_options *options = probing->options;
    struct http_settings settings = {probing->easy, CURLE_OK};
    http_set_route(&settings, &options->route, probing->error_text);
    http_set_long(&settings, CURLOPT_VERBOSE, 1);
    http_set_long(&settings, CURLOPT_CERTINFO, 1);
    http_set_long(&settings, CURLOPT_SSL_VERIFYPEER, options->trusts_anyone ? 0 : 1);
    http_set_long(&settings, CURLOPT_SSL_VERIFYHOST, options->trusts_anyone ? 0 : 2);
    http_set_pointer(&settings, CURLOPT_DEBUGDATA, probing);
    http_set_pointer(&settings, CURLOPT_HEADERDATA, probing);
    (void)curl_easy_setopt(probing->easy, CURLOPT_DEBUGFUNCTION, hear);
    (void)curl_easy_setopt(probing->easy, CURLOPT_WRITEFUNCTION, ignore_body);
    (void)curl_easy_setopt(probing->easy, CURLOPT_HEADERFUNCTION, end_after_head);
    set_request(&settings, options->kind);
    return settings.code;
}

/* ---- the transfer ---- */

/* The status line of an answer is enough. */
static bool knows_enough(const struct probing *probing) {
    return probing->out->status != 0;
}

static CURLcode transfer(struct probing *probing, uint64_t deadline_ns) {
    CURLcode result = CURLE_OK;
    for (;;) {
        int n_running;
        if (curl_multi_perform(probing->multi, &n_running) != CURLM_OK) {
            return CURLE_OUT_OF_MEMORY;
        }
        if (http_transfer_has_ended(probing->multi, &result) || knows_enough(probing)) {
            return result;
        }
        int left_ms = (int)MIN(clock_ms_until(deadline_ns), INT_MAX);
        if (left_ms == 0) {
            return CURLE_OPERATION_TIMEDOUT;
        }
        if (curl_multi_poll(probing->multi, NULL, 0, left_ms, NULL) != CURLM_OK) {
            return CURLE_OUT_OF_MEMORY;
        }
    }
}

/* ---- what it means ---- */

static uint64_t time_of(CURL *easy, CURLINFO info) {
    curl_off_t us = 0;
    (void)curl_easy_getinfo(easy, info, &us);
    return us > 0 ? (uint64_t)us : 0;
}

static void take_connection(struct probing *probing) {
    struct http_probe *out = probing->out;
    const char *address = NULL;
    long port = 0;
    (void)curl_easy_getinfo(probing->easy, CURLINFO_PRIMARY_IP, &address);
    (void)curl_easy_getinfo(probing->easy, CURLINFO_PRIMARY_PORT, &port);
    snprintf(out->address, sizeof out->address, "%s", address != NULL ? address : "");
    out->port = (int)port;
    out->name_us = time_of(probing->easy, CURLINFO_NAMELOOKUP_TIME_T);
    out->connect_us = time_of(probing->easy, CURLINFO_CONNECT_TIME_T);
    out->tls_us = time_of(probing->easy, CURLINFO_APPCONNECT_TIME_T);
    out->is_proxied |=
        probing->options->route.proxy != NULL && *probing->options->route.proxy != '\0';
}

/* Of the peer's own certificate, the first of the chain. */
static void take_certificate(struct probing *probing) {
    struct http_certificate *to = &probing->out->certificate;
    const struct curl_certinfo *chain = NULL;
    (void)curl_easy_getinfo(probing->easy, CURLINFO_CERTINFO, &chain);
    if (chain == NULL || chain->num_of_certs == 0) {
        return;
    }
    const struct {
        const char *prefix;
        char *to;
        size_t n_bytes;
    } fields[] = {
        {"Subject:", to->subject, sizeof to->subject},
        {"Issuer:", to->issuer, sizeof to->issuer},
        {"Start date:", to->from, sizeof to->from},
        {"Expire date:", to->until, sizeof to->until},
        {"X509v3 Subject Alternative Name:", to->names, sizeof to->names},
    };
    for (const struct curl_slist *line = chain->certinfo[0]; line != NULL; line = line->next) {
        for (size_t i = 0; i < ARRAY_LENGTH(fields); i++) {
            (void)take_behind(line->data, strlen(line->data), fields[i].prefix, fields[i].to,
                              fields[i].n_bytes);
        }
    }
}

/* OpenSSL's X509_V_ERR_ numbers; other libraries have but their words. */
static enum http_distrust distrust_of(const struct probing *probing) {
    long verdict = 0;
    (void)curl_easy_getinfo(probing->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
    const char *text = probing->error_text;
    switch (verdict) {
    case 9: return HTTP_CERTIFICATE_NOT_YET_VALID;
    case 10: return HTTP_CERTIFICATE_EXPIRED;
    case 18: return HTTP_CERTIFICATE_SELF_SIGNED;
    case 2:
    case 19:
    case 20:
    case 21: return HTTP_CERTIFICATE_UNKNOWN_ISSUER;
    case 62:
    case 64: return HTTP_CERTIFICATE_OF_ANOTHER_HOST;
    default: break;
    }
    bool is_host = strstr(text, "host name") != NULL || strstr(text, "hostname") != NULL;
    return is_host                           ? HTTP_CERTIFICATE_OF_ANOTHER_HOST
           : strstr(text, "expired") != NULL ? HTTP_CERTIFICATE_EXPIRED
           : strstr(text, "not yet") != NULL ? HTTP_CERTIFICATE_NOT_YET_VALID
           : strstr(text, "self") != NULL    ? HTTP_CERTIFICATE_SELF_SIGNED
                                             : HTTP_CERTIFICATE_BAD;
}

/* Where time ran out. */
static enum http_probe_step step_by_times(const struct probing *probing) {
    const struct http_probe *out = probing->out;
    bool is_https = strncasecmp(probing->options->route.url, "https:", 6) == 0;
    if (out->name_us == 0) {
        return out->is_proxied ? HTTP_PROBE_PROXY_NAME : HTTP_PROBE_NAME;
    }
    if (out->connect_us == 0 && !probing->is_connected) {
        return HTTP_PROBE_CONNECTION;
    }
    return is_https && out->tls_us == 0 ? HTTP_PROBE_TLS : HTTP_PROBE_ANSWER;
}

static enum http_probe_step step_of(const struct probing *probing, CURLcode result) {
    switch (result) {
    case CURLE_OK: return HTTP_PROBE_DONE;
    case CURLE_COULDNT_RESOLVE_PROXY: return HTTP_PROBE_PROXY_NAME;
    case CURLE_COULDNT_RESOLVE_HOST: return HTTP_PROBE_NAME;
    case CURLE_COULDNT_CONNECT: return HTTP_PROBE_CONNECTION;
    case CURLE_PEER_FAILED_VERIFICATION: return HTTP_PROBE_TRUST;
    case CURLE_SSL_CONNECT_ERROR: return HTTP_PROBE_TLS;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL: /* also an answer that is no HTTP */
        return probing->out->connect_us > 0 ? HTTP_PROBE_ANSWER : HTTP_PROBE_SETUP;
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ENGINE_INITFAILED:
    case CURLE_SSL_CIPHER: return HTTP_PROBE_SETUP;
    default: return step_by_times(probing);
    }
}

/* The system's word for a refused connection says more than libcurl's sentence. */
static void describe(struct probing *probing, CURLcode result) {
    struct http_probe *out = probing->out;
    char room[96];
    long os_error = 0;
    (void)curl_easy_getinfo(probing->easy, CURLINFO_OS_ERRNO, &os_error);
    const char *text = probing->error_text;
    if (out->failed_at == HTTP_PROBE_CONNECTION && os_error != 0) {
        text = strerror_r((int)os_error, room, sizeof room);
    } else if (*text == '\0') {
        text = curl_easy_strerror(result);
    }
    snprintf(out->text, sizeof out->text, "%s", text);
}

static void take_outcome(struct probing *probing, CURLcode result) {
    struct http_probe *out = probing->out;
    take_connection(probing);
    take_certificate(probing);
    out->failed_at = step_of(probing, result);
    out->has_timed_out = result == CURLE_OPERATION_TIMEDOUT;
    if (out->failed_at == HTTP_PROBE_TRUST) {
        out->distrust = distrust_of(probing);
    }
    if (out->failed_at != HTTP_PROBE_DONE) {
        describe(probing, result);
    }
}

int http_probe(const struct http_probe_options *options, uint64_t deadline_ns,
               struct http_probe *out) {
    *out = (struct http_probe){0};
    struct probing probing = {.options = options, .out = out};
    CURLcode result = http_library();
    if (result == CURLE_OK) {
        probing.multi = curl_multi_init();
        probing.easy = curl_easy_init();
        bool has_memory = probing.multi != NULL && probing.easy != NULL;
        result = has_memory ? set_up(&probing) : CURLE_OUT_OF_MEMORY;
    }
    if (result == CURLE_OK && curl_multi_add_handle(probing.multi, probing.easy) != CURLM_OK) {
        result = CURLE_OUT_OF_MEMORY;
    }
    if (result == CURLE_OK) {
        result = transfer(&probing, deadline_ns);
        take_outcome(&probing, result);
        (void)curl_multi_remove_handle(probing.multi, probing.easy);
    } else {
        snprintf(out->text, sizeof out->text, "%s", curl_easy_strerror(result));
    }
    curl_easy_cleanup(probing.easy);
    (void)curl_multi_cleanup(probing.multi);
    switch (result) {
    case CURLE_OUT_OF_MEMORY: return WEIR_E_NO_MEMORY;
    case CURLE_UNKNOWN_OPTION:
    case CURLE_NOT_BUILT_IN: return WEIR_E_UNSUPPORTED;
    default: return 0;
    }
}
