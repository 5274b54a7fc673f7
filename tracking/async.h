/*
 * Writing on a thread of its own: a queue of lines with a bound in bytes, and the one thread that
 * takes them off. It knows nothing of files; what a line is for says its owner.
 *
 * Lines are written in the order in which they were pushed. A fork waits for nothing here but the
 * queue's lock: the child has an empty queue, whose lines are the parent's to write, and a thread
 * of its own with the first line that it pushes. An exit of the process waits for the queue, within
 * a bound; a process that is killed loses it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct async;

/* What becomes of a line; called by the thread, no lock held. n_bytes 0: the owner's last call. */
typedef void async_write_fn(void *owner, const char *line, size_t n_bytes);

/* A place in the queue. An owner brings the one for its last call with it. */
struct async_job {
    struct async_job *next;
    void *owner;
    size_t n_bytes;
};

/* A queue without a thread yet. NULL: no memory. async_release. */
struct async *async_new(size_t max_bytes, async_write_fn *write);

/*
 * Pushes a copy of a line, whose byte before the first is copied too. 0; WEIR_E_TOO_LARGE: the
 * queue is full (a line larger than all of it passes when nothing else waits); WEIR_E_NO_MEMORY.
 * ASYNC_UNATTENDED: it is queued, but no thread can be had: the caller gives back its locks, as
 * owners may be freed and the host be called now, and then calls async_write_waiting.
 */
int async_push(struct async *async, void *owner, const char *line, size_t n_bytes);
enum { ASYNC_UNATTENDED = 1 };
void async_write_waiting(struct async *async);
/* Pushes the owner's last call, which cannot fail. `job` lives until it comes. No lock is held. */
void async_push_last(struct async *async, void *owner, struct async_job *job);

/* Waits until what was pushed before is written. false: the time was not enough. */
bool async_flush(struct async *async, uint32_t timeout_ms);

/*
 * Ends the thread within timeout_ms. What is not written by then never is: the queue is emptied,
 * last calls apart, which still come, maybe on the thread and later. Returns how many lines were
 * lost.
 */
uint64_t async_stop(struct async *async, uint32_t timeout_ms);

/* Around what the thread says to the host. false: it was stopped, and must keep quiet. */
bool async_may_talk(struct async *async);
void async_has_talked(struct async *async);

size_t async_n_bytes(struct async *async);

/* For a fork, called behind the locks of the files: all queues of the process. */
void async_hold_all(void);
void async_let_go_all(bool is_child);

/* One owner more or less: the tracker, and the thread. The last one frees, by `free_owner`. */
void async_set_last(struct async *async, void (*free_owner)(void *data), void *data);
void async_release(struct async *async);
