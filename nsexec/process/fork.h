/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of this process that does one piece of work, for who must not wait or crash with it. */
#ifndef NSEXEC_PROCESS_FORK_H
#define NSEXEC_PROCESS_FORK_H

#include "state/base/err.h"

#include <stddef.h>
#include <sys/types.h>

struct fork_request {
	int (*work)(void *arg); /* its return value is the exit code */
	void *arg;
	int stdio[3];	 /* become 0, 1 and 2; each 3 or more, or what it is to be */
	const int *keep; /* stay open at their numbers, 3 or more; all others are closed; -1: none */
	size_t n_keep;	 /* at most FORK_KEEP_MAX */
};
#define FORK_KEEP_MAX 8

/*
 * The PID of the child, which the caller reaps. It has default signal dispositions and an empty
 * mask, and what it has of memory is its own: nothing of what it does is seen here. The caller
 * must have one thread.
 */
must_check pid_t fork_work(const struct fork_request *r, struct err *e);

/* Can processes be born in the v2 cgroup of this directory (clone3(2), CLONE_INTO_CGROUP)? One is, and ends. */
must_check int fork_into(int cgroup_fd, struct err *e);

#endif
