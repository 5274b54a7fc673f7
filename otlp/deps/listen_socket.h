/*
 * A listening TCP socket by name and port, and how its address is written. For the servers of the
 * program: not in libweir.
 */
#pragma once

#include <netdb.h>
#include <stdint.h>

#include <weir/error.h>

enum { LISTEN_URL_BYTES = NI_MAXHOST + 32 };

/*
 * Listens on the first address that `address` (a name or number) resolves to; port 0 takes a free
 * one. Returns the descriptor, non-blocking and closed on exec, or -1 with the detail filled: what
 * is wrong, and for a port that is taken what to do.
 */
int listen_socket_open(const char *address, uint16_t port, weir_error_detail *detail);

/* "http://ADDRESS:PORT" of a listening socket, in numbers. */
void listen_socket_url(int fd, char out[LISTEN_URL_BYTES]);
