/*
 * A receiver of OTLP over gRPC: cleartext HTTP/2 with prior knowledge, one method.
 *
 * One thread serves all connections. What a call is answered is grpc.h's business; here are
 * sockets, deadlines and the end of connections. Requests go to the same sink as those over HTTP;
 * a sink that serves both is called on two threads.
 */
#pragma once

#include "bridge/server/receiver.h"

struct grpc_receiver;

/*
 * Listens and starts the thread, with all signals blocked. *out is set last; stop it with
 * grpc_receiver_stop. WEIR_E_IO (cannot listen), WEIR_E_NO_MEMORY.
 */
int grpc_receiver_start(const struct receiver_options *options, struct grpc_receiver **out,
                        weir_error_detail *detail);

/* "http://ADDRESS:PORT"; borrowed. */
const char *grpc_receiver_url(const struct grpc_receiver *receiver);

/*
 * Tells every client that it is going away, waits a second at most for calls that have begun,
 * closes and frees. The sink is not called afterwards; *counts (optional) gets the final counters.
 * NULL is fine; returns NULL.
 */
struct grpc_receiver *grpc_receiver_stop(struct grpc_receiver *receiver,
                                         struct receiver_counts *counts);
