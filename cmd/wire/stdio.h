/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard streams of one process: between the pipes or the terminal that it has and the FIFOs,
 * files or the logger that containerd names. SHIM.md says why the process does not get the FIFOs
 * themselves. Bytes stay in the kernel (splice(2)); what a pipe holds is all that is in flight.
 */
#ifndef CMD_WIRE_STDIO_H
#define CMD_WIRE_STDIO_H

#include "cmd/wire/loop.h"
#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct stdio;

/* One direction. */
struct stream {
	struct watch from, to;
	struct stdio *io;
	int other;   /* the far end of the FIFO, held so that clients may come and go; -1 */
	bool copies; /* splice(2) cannot do it: a terminal, a file */
	bool input;
	char *pending;	  /* what was read and not taken yet, only with copies; allocated */
	size_t n_pending; /* of it, from pending on */
	size_t sent;
};

struct stdio {
	struct stream in, out, err;
	int child[3]; /* for the process: 0, 1, 2; 0 is /dev/null; closed when it has them */
	int console;  /* our end of the socket for its terminal; -1 */
	int console_child;
	struct watch ready; /* the logger says here that it is ready */
	int slave;	    /* of the terminal, so that it is not hung up between two who open it */
	pid_t logger;
	bool strict;	 /* the logger has to say a byte; it may have died before that is seen */
	bool closing_in; /* CloseIO came before the FIFO was opened */
	struct timer deadline;
	/* The logger is ready (0), or not (-1 with *e set). */
	void (*logger_ready)(struct stdio *io, int r, struct err *e);
	/* Something was passed on, or an end was reached. */
	void (*moved)(struct stdio *io);
};

struct stdio_request {
	const char *in, *out, *err; /* paths, file://, binary://; "" or NULL: none */
	bool terminal;
	uid_t uid; /* the owner of the pipes */
	gid_t gid;
	const char *id, *ns; /* for the logger's environment */
};

void stdio_init(struct stdio *io);
/*
 * Open what the process is to have. 0, or 1 when there is a logger to be waited for: logger_ready()
 * is then called. After a failure stdio_done() is owed, as always.
 */
must_check int stdio_open(struct stdio *io, const struct stdio_request *r, struct err *e);
/* The process has its streams: take the terminal, if it has one, and begin. */
must_check int stdio_started(struct stdio *io, const struct stdio_request *r, struct err *e);
/* No more input: the process reads the end of file when the client's part is read. */
void stdio_close_input(struct stdio *io);
must_check int stdio_resize(struct stdio *io, unsigned width, unsigned height, struct err *e);
/* The process has ended: its terminal is hung up when all was read. */
void stdio_ended(struct stdio *io);
/* All that it has written is where it belongs, though somebody else may still have its pipes. */
bool stdio_flushed(struct stdio *io);
/* Close all; end the logger. May be repeated. */
void stdio_done(struct stdio *io);

#endif
