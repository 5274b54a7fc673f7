/*
 * Who spans are sent to when rates to the acknowledgement are measured.
 */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

enum receiver_kind {
    RECEIVER_READS,    /* a thread of ours that reads requests and answers 200 */
    RECEIVER_COLLECT,  /* the program `weir collect`, which writes all as lines of JSON */
    RECEIVER_COLLECTOR /* an OpenTelemetry Collector that throws all away: WEIR_TEST_COLLECTOR */
};

struct receiver {
    enum receiver_kind kind;
    uint16_t port;
    char url[64];
    int listen_fd; /* of our thread … */
    pthread_t thread;
    char *request; /* … and the last request whole, as it came */
    size_t n_request;
    pid_t child; /* of a program … */
    FILE *output;
    char folder[32]; /* … and where its configuration is */
};

/* NULL; or why there is no such receiver here. */
const char *receiver_absence(enum receiver_kind kind);
/* n_spans are going to be sent. Ends the program on failure. */
void receiver_start(struct receiver *receiver, enum receiver_kind kind, unsigned n_spans);
/* After the connection to it was closed. Ends the program when it says that it did not get them. */
void receiver_end(struct receiver *receiver);

/* The same of one that only reads; gives the last request that it got, whole: free it. */
char *receiver_end_with_request(struct receiver *receiver, size_t *n_bytes);

/* Sends a request n times, one after the other, over one connection. The seconds. */
double receiver_replay(const struct receiver *receiver, const char *request, size_t n_bytes,
                       unsigned n);
