/*
 * Waiting for the end: SIGINT, SIGTERM, or another thread that asks for it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <weir/error.h>

struct stop_signal {
    int signal_fd;
    int wake_fd;
};

/* What a wait ended with. */
enum stop_cause { STOP_NOT_YET, STOP_BY_SIGNAL, STOP_ASKED };

/*
 * Takes SIGINT and SIGTERM from now on: they no longer end the program but a wait. Call it before
 * threads are started, so that they leave the two signals alone too. WEIR_E_IO.
 */
int stop_signal_init(struct stop_signal *stop, weir_error_detail *detail);
void stop_signal_deinit(struct stop_signal *stop);

/* Ends the wait, now or when it begins. Any thread. */
void stop_signal_ask(struct stop_signal *stop);

/* Waits for at most timeout_ms; -1: as long as it takes. */
enum stop_cause stop_signal_wait(struct stop_signal *stop, int timeout_ms);

/* True once SIGINT or SIGTERM came. Any thread. */
bool stop_signal_has_come(const struct stop_signal *stop);
