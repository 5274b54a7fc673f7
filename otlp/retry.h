/*
 * What an attempt's outcome means, and how long to wait before the next (conformance B20-B30,
 * C15-C19).
 *
 * Pure policy: status, time and randomness are arguments. It waits for nothing and counts nothing.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <weir/otlp.h>

enum retry_verdict {
    RETRY_DELIVERED, /* an answer that says the request was taken (perhaps partly: B21) */
    RETRY_AGAIN,     /* may pass: worth another attempt */
    RETRY_GIVE_UP    /* will not pass: its spans are lost (B25) */
};

/* What post returned, and the answer when that was 0: its gRPC status if it has one (C15-C17), else
 * its HTTP status (B24, B25). */
enum retry_verdict retry_judge(int error, const weir_transport_response *response);

/*
 * The time from the failed attempt number n_failed (from 1) to the next one: exponential with
 * jitter (B27), and never earlier than the peer asked (retry_after_ms; -1: it did not). `random`
 * is 64 random bits.
 */
uint64_t retry_delay_ns(unsigned n_failed, int64_t retry_after_ms, uint64_t random);

/*
 * Reads the value of a Retry-After header: delta-seconds or an HTTP-date in any of its three forms
 * (RFC 9110 10.2.3, 5.6.7). The milliseconds from now_unix_s, at most a day, at least 0; -1 for
 * what is neither.
 */
int64_t retry_after_parse(const char *text, size_t n_bytes, int64_t now_unix_s);
