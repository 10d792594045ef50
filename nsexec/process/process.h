/* SPDX-License-Identifier: Apache-2.0 */
/* Run a helper program to its end: hooks, newuidmap, ps. Leave a process of hull's own behind. */
#ifndef NSEXEC_PROCESS_PROCESS_H
#define NSEXEC_PROCESS_PROCESS_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct process {
	const char *path;	  /* absolute: nothing is searched in PATH */
	char *const *argv;	  /* ends with NULL */
	char *const *env;	  /* ends with NULL; NULL: the caller's own */
	const char *input;	  /* its stdin; NULL: /dev/null */
	const char *cwd;	  /* NULL: the caller's */
	int timeout_ms;		  /* 0: for ever */
	int stdout_fd, stderr_fd; /* 0: captured in output and errors */
	bool filtered; /* a seccomp filter may end us: no calls that are only for a better error */
};

struct process_result {
	int status;	  /* as of waitpid(2) */
	bool timed_out;	  /* it was killed, with its process group */
	char how[48];	  /* "exit status 3", "signal: killed" */
	char output[256]; /* the end of what it wrote to stdout: "... words", no newline at the end */
	char errors[512]; /* the same of stderr */
};

/*
 * Run it and wait for its end, with default signal dispositions and an empty mask. Its stdin and its
 * outputs are pipes, which are served for as long as it runs: it need not read, and may write what it
 * likes. A daemon that it leaves behind keeps nobody waiting, and has a pipe without a reader. -1 only
 * when it could not be started; e->code is then the errno value of the exec, and the words are those of
 * nsexec/process/why.h.
 */
must_check int process_run(const struct process *p, struct process_result *ret, struct err *e);
bool process_succeeded(const struct process_result *r);

/*
 * Leave behind a process that runs work(arg) and exits with its value. It has nothing of hull's
 * caller: a session, "/", /dev/null and a signal mask of its own, and no descriptor but the n of
 * keep, which are sorted. name is its comm(5). Nobody waits for it.
 */
must_check int process_leave(const char *name, int (*work)(const void *), const void *arg,
			     int *keep, size_t n, struct err *e);

#endif
