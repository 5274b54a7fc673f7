/*
 * The limits of this folder, in one place. Everything a peer or user can drive has one.
 */
#pragma once

enum {
    RECEIVER_MAX_BODY_BYTES = 64 << 20,        /* before and after unpacking: what a sender may
                                                  send by default (B7) */
    RECEIVER_MAX_ALL_BODIES_BYTES = 256 << 20, /* memory of all bodies being read at once */
    RECEIVER_MAX_GZIP_RATIO = 512,             /* unpacked to packed; gzip's own limit is 1032 */
    RECEIVER_MAX_RESPONSE_BYTES = 4 << 10,
    RECEIVER_MAX_CONNECTIONS = 256,
    RECEIVER_IDLE_TIMEOUT_S = 75,
    RECEIVER_REQUEST_DEADLINE_S = 60, /* from a request's head to the end of its body */
};
