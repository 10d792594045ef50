/* SPDX-License-Identifier: Apache-2.0 */
/* A terminal in the foreground: `run` and `exec --tty` without a console socket. */
#ifndef CMD_ATTACH_TERMINAL_H
#define CMD_ATTACH_TERMINAL_H

#include "state/base/err.h"

#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <termios.h>

struct terminal {
	int sock;	     /* init sends the master here; -1: there is no terminal to relay */
	int master;	     /* -1 until terminal_take */
	int slave;	     /* held open meanwhile; -1 */
	int tty;	     /* our own terminal among stdin, stdout and stderr; -1 */
	struct winsize size; /* of tty, when the container is made; 0 unknown */
	bool raw;	     /* saved is to be restored */
	struct termios saved;
};
#define TERMINAL_INIT                                            \
	{                                                        \
		.sock = -1, .master = -1, .slave = -1, .tty = -1 \
	}

/* A socket pair in place of --console-socket; *ret_fd is init's end, for the caller to close. */
must_check int terminal_prepare(struct terminal *t, int *ret_fd, struct err *e);
/* The program runs: take the master, make our own terminal raw. */
must_check int terminal_take(struct terminal *t, struct err *e);
/*
 * Carry bytes both ways until pid, a child of hull, has ended and its last output has arrived.
 * Signals, which attach_prepare() has blocked, are passed on as by attach_wait(), whose return
 * values these are; SIGWINCH changes the size.
 */
must_check int terminal_relay(struct terminal *t, pid_t pid, struct err *e);
/* Give our own terminal back as it was; may be repeated. */
void terminal_restore(struct terminal *t);

#endif
