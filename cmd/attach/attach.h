/* SPDX-License-Identifier: Apache-2.0 */
/* The foreground: what `run` and `exec` do while the program runs, and how they tell others of it. */
#ifndef CMD_ATTACH_ATTACH_H
#define CMD_ATTACH_ATTACH_H

#include "state/base/err.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

/* A signalfd(2) of all signals, which attach_prepare() has blocked: not blocking, closed by the caller. */
must_check int attach_open_signals(struct err *e);

/*
 * Block all signals, so that attach_wait() can pass them on: those that come before it are kept.
 * With subreaper, processes that the container leaves behind become children of hull.
 */
must_check int attach_prepare(bool subreaper, struct err *e);
/*
 * Wait for the end of pid, a child of hull, passing on every signal but SIGCHLD, SIGURG and
 * SIGWINCH. Returns its exit code, or 128 + the signal that killed it; -1 on failure.
 */
must_check int attach_wait(pid_t pid, struct err *e);

/* One signal of those: true when it tells of the end of pid, and *ret_code is set. */
bool attach_handle_signal(int sig, pid_t pid, int *ret_code);

/* Make file with the decimal pid, whole or not at all, with no newline (go-runc, conmon). */
must_check int attach_write_pid_file(const char *file, pid_t pid, struct err *e);

/* A connected AF_UNIX stream socket that hull hands a descriptor to. option ("--console-socket") names it in errors. */
must_check int attach_connect(const char *path, const char *option, struct err *e);
/* Send a pidfd of pid to the socket at path with this text. */
must_check int attach_send_pidfd(const char *path, const char *option, pid_t pid, const char *text,
				 struct err *e);

/* Descriptors 3 .. 3 + n - 1 are open (--preserve-fds). */
must_check int attach_check_fds(int n, struct err *e);

#endif
