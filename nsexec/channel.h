/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed messages over one SEQPACKET socket: between hull and the stages, and between `hull start`
 * and a created container's init. A message arrives whole or not at all. See PROTOCOL.md.
 */
#ifndef NSEXEC_CHANNEL_H
#define NSEXEC_CHANNEL_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are PROTOCOL.md's. */
enum msg_type {
	MSG_ERROR = 1,	    /* any stage -> hull: struct err */
	MSG_LOG = 2,	    /* any stage -> hull: a debug line */
	MSG_SOURCE = 3,	    /* init -> hull: uint32 index into mounts; wants its source */
	MSG_SOURCE_FD = 4,  /* hull -> init: the detached mount, as a descriptor */
	MSG_HOOKS = 5,	    /* init -> hull: mounts are done, run prestart and createRuntime */
	MSG_HOOKS_DONE = 6, /* hull -> init */
	MSG_READY = 7,	    /* init -> hull: everything but the start is done */
	MSG_PROCEED = 8,    /* hull -> init: the record is whole, you may outlive me */
	MSG_GO = 9,	    /* start -> init; a byte of body, MSG_GO_TRACE, asks for spans */
	MSG_EXEC = 10,	    /* init -> start: execve comes next; end of file now means "running" */
	MSG_LISTENER =
		11, /* init -> start: uint32 number of its descriptor of the seccomp listener */
	MSG_LISTENER_DONE = 12, /* start -> init: the agent has it */
	MSG_DEVICE = 13,	/* init -> hull: uint32 index into linux.devices; wants the node */
	/* hull -> init: what it does beside the stages is done; a struct init_prepared (init/base/run.h) */
	MSG_PREPARED = 14,
};

#define MSG_GO_TRACE 't'

struct msg {
	uint32_t type;
	uint32_t n; /* bytes in body */
	char body[1400];
};
_Static_assert(sizeof(struct err) <= 1400, "an error fits a message");

/* EPIPE when the peer is gone (never SIGPIPE). pass_fd is sent along, or -1. */
must_check int channel_send(int sock, enum msg_type type, const void *body, size_t n, int pass_fd,
			    struct err *e);
/* With several, at most FD_PASS_MAX. */
must_check int channel_send_fds(int sock, enum msg_type type, const void *body, size_t n,
				const int *fds, size_t n_fds, struct err *e);

/*
 * The next message, whatever it is; log lines are handed to log_fn (or dropped) on the way.
 * Returns 1, 0 at the end of file, -1 for a failure of the socket. *ret_fd is a passed descriptor
 * (CLOEXEC) or -1; it may be NULL.
 */
must_check int channel_next(int sock, struct msg *m, int *ret_fd, struct err *e);

/* Is it a MSG_ERROR? Then it is copied to *e, whose texts end, whoever has sent it. */
bool channel_is_error(const struct msg *m, struct err *e);

/*
 * The next message, which must be of this type. -1 for a MSG_ERROR (copied to *e), for another
 * type (EPROTO, both named) and for the end of file (ENODATA).
 */
must_check int channel_expect(int sock, enum msg_type type, struct msg *m, int *ret_fd,
			      struct err *e);

/* The same with as many descriptors as *n_fds, of which *n_fds came; after an error they are the caller's, too. */
must_check int channel_expect_fds(int sock, enum msg_type type, struct msg *m, int *fds,
				  size_t *n_fds, struct err *e);

/* Wait until the peer has closed its end; what it said before is still there to be received. */
must_check int channel_wait_end(int sock, struct err *e);

/* What is done with LISTENER: fd is init's number for the descriptor. */
struct channel_listener {
	int (*pass_on)(void *arg, int fd, struct err *e);
	void *arg;
};

/*
 * GO was sent: wait for EXEC and the end of file, which is execve's close of the socket. -1 with
 * the error of init when something failed. l is NULL when no LISTENER can come, and then we are
 * woken once only.
 */
must_check int channel_wait_exec(int sock, const struct channel_listener *l, struct err *e);

/*
 * From here on messages of this process go out by write(2), and come in by read(2): a seccomp filter,
 * which may refuse sendmsg(2) or have an agent asked about it, comes into force. These two are what
 * every program has.
 */
void channel_use_write(void);

/* Best effort: the error itself cannot be reported otherwise. */
void channel_send_error(int sock, const struct err *e);
void channel_log(int sock, const char *fmt, ...) printf_like(2, 3);
/*
 * A span of the trace that ends now, as a line of the log. Not once a filter may be in force: neither the
 * clock nor the socket is the program's to be asked for.
 */
void channel_trace(int sock, const char *who, const char *name, int64_t began);
/* They are kept until the next message, or this: before a fork, after which two would have them. */
void channel_send_spans(void);

/* Where log lines from the stages go; NULL drops them. */
extern void (*channel_log_fn)(const char *line);

const char *msg_name(uint32_t type);

#endif
