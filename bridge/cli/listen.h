/*
 * Where a server of the program listens, as it is written on the command line.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct listen_address {
    char host[256]; /* a name or number, without brackets */
    uint16_t port;  /* 0: a free one */
};

/*
 * Reads "127.0.0.1:4318", "[::1]:4318", "localhost:4318", ":4318" or "4318"; without a host it is
 * this machine alone. false for anything else. For OPTION_WORD: `out` is a struct listen_address.
 */
bool listen_address_parse(const char *text, void *out);

/* For messages about it. */
#define LISTEN_ADDRESS_EXPECTED "ADDRESS:PORT, such as 127.0.0.1:4318 (port 0: a free one)"
