/*
 * The thread of an exporter, seen from outside: what it costs and how often it sleeps. With several
 * it is any of them.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

/* Ends the program when there is none. */
pid_t exporter_thread(void);
/* Processor time that it has used. */
uint64_t exporter_thread_cpu_ns(pid_t thread);
/* How often it has been switched to. */
long exporter_thread_switches(pid_t thread);
