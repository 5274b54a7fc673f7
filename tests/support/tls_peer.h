/*
 * An HTTPS server with certificates of its own (tls_peer.py: python3 and openssl), for one test.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

struct tls_peer {
    char *folder; /* ca.crt, other.crt, client.crt, client.key … */
    char url[64];
    pid_t pid;
    int input_fd; /* its end is the peer's */
    FILE *output;
};

/*
 * words: "mutual" (wants a client certificate), "tls1.2" (nothing newer), "h2" or "http/1.1"
 * (agrees to this by ALPN, and understands the first line), "stall" (accepts and never says
 * anything), "plain" (answers in HTTP without TLS), "numbered" (tells connections apart), or NULL.
 * Aborts the test when it cannot be started.
 */
void tls_peer_start(struct tls_peer *peer, const char *words);
void tls_peer_stop(struct tls_peer *peer);

/* The next request's line "CLIENT VERSION PATH", without line feed; waits for it. Numbered: "NUMBER
 * CLIENT VERSION PATH", and "NUMBER end" when the client has ended a connection. */
const char *tls_peer_request(struct tls_peer *peer, char *room, int n_room);
