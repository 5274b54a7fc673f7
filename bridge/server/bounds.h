/*
 * The limits of this folder, in one place. Everything a peer or user can drive has one.
 */
#pragma once

enum {
    RECEIVER_MAX_BODY_BYTES = 64 << 20,        /* before and after unpacking: what a sender may
                                                  send by default (B7) */
    RECEIVER_MAX_ALL_BODIES_BYTES = 256 << 20, /* memory of all bodies being read at once */
    RECEIVER_MAX_GZIP_RATIO = 512,             /* unpacked to packed; gzip's own limit is 1032 */
    RECEIVER_MAX_ZSTD_RATIO = 2048,            /* zstd reaches more than gzip, honestly too */
    RECEIVER_MAX_RESPONSE_BYTES = 4 << 10,
    RECEIVER_MAX_CONNECTIONS = 256,
    RECEIVER_IDLE_TIMEOUT_S = 75,
    RECEIVER_REQUEST_DEADLINE_S = 60,   /* from a request's head to the end of its body */
    RECEIVER_MAX_STREAMS = 100,         /* HTTP/2: requests at once on a connection; clients begin
                                           as many before they are told */
    RECEIVER_MAX_HEAD_BYTES = 16 << 10, /* HTTP/2: headers of a request */
    RECEIVER_CLOSE_TIMEOUT_S = 2,       /* HTTP/2: for a peer to close its side behind us */
    RECEIVER_STOP_WAIT_S = 1,           /* HTTP/2: at the end, for calls that have begun */
    TREE_MAX_TRACES = 4096,             /* that wait for more spans; the oldest is printed then */
    TREE_MAX_BYTES = 64 << 20,          /* of the spans that wait */
    TREE_MAX_PRINTED_TRACES = 4096,     /* remembered, to say so when a late span arrives */
    TREE_MAX_SPAN_BYTES = 1 << 20,      /* text of one span */
    TREE_MAX_VALUE_BYTES = 8 << 10,     /* text of one value */
    TREE_MAX_KEY_COLUMNS = 40,          /* longer keys push their value to the right */
    TREE_MAX_CUT_KEY_COLUMNS = 120,     /* and still longer ones are cut */
    TREE_MAX_INDENT = 48,               /* levels; deeper spans are not indented further */
    TREE_MAX_DECODED_BYTES = 256 << 20, /* memory of one unpacked request */
};
