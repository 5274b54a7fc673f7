/*
 * Testing an OTLP endpoint step by step: resolve, connect, TLS, an empty export.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bridge/cli/findings.h"
#include "otlp/transport.h"

/*
 * Adds a finding for each step up to the first that fails, which says what to do about it. Takes at
 * most timeout_ns, whatever the peer does. `choice` is of kind TRANSPORT_HTTP. Credentials go
 * nowhere but to the endpoint itself, by the transport that the library uses; findings show none.
 */
void examine_endpoint(const struct transport_choice *choice, uint64_t timeout_ns, size_t pipeline,
                      struct findings *findings);
