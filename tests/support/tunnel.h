/*
 * A proxy for CONNECT (RFC 9110, 9.3.6) on a free loopback port, one tunnel after the other. It
 * keeps the head of the last request.
 */
#pragma once

#include <stddef.h>

struct tunnel;

/* status: what it answers; 200 opens a tunnel to the address asked for, of 127.0.0.1 only. Aborts
 * the test when no port can be had. */
struct tunnel *tunnel_start(int status);
void tunnel_stop(struct tunnel *tunnel);

/* "http://127.0.0.1:PORT"; lives as long as the proxy. */
const char *tunnel_url(const struct tunnel *tunnel);
/* Of the last request; "" before the first. Until the next one comes, or the proxy stops. */
const char *tunnel_head(struct tunnel *tunnel);
size_t tunnel_n_requests(struct tunnel *tunnel);
