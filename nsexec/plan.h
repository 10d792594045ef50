/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: what stage 1 does to get into the container's namespaces, as data. Computed by a pure
 * function from what was asked, sent in the bootstrap message, printed with --debug.
 */
#ifndef NSEXEC_PLAN_H
#define NSEXEC_PLAN_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum plan_op {
	PLAN_JOIN = 1,	  /* setns(fd, flags); flags is one CLONE_NEW*, or several with a pidfd */
	PLAN_JOIN_TRY,	  /* the same, but EPERM is left to a later PLAN_JOIN of the same fd */
	PLAN_UNSHARE,	  /* unshare(flags) */
	PLAN_MAP,	  /* ask stage 0 to write the uid and gid maps */
	PLAN_BECOME_ROOT, /* setresgid(0), setresuid(0): the namespace's own root */
	PLAN_TIME_OFFSETS /* ask stage 0 to write the time offsets */
};

struct plan_step {
	uint32_t op;
	uint32_t flags;
	int32_t fd;
};

#define PLAN_MAX 32

/*
 * How many processes walk the plan. A stage with nothing to do in a process of its own becomes
 * the next one: each that is not forked spares a tenth of an exec.
 */
enum plan_stages {
	PLAN_ONE = 1, /* nothing takes effect for children only: stage 0 becomes 1 becomes 2 */
	PLAN_TWO =
		2, /* stage 2 is forked, or a report asked for; 0 has nothing to serve and becomes 1 */
	PLAN_THREE = 3, /* stage 1 asks stage 0 for maps or offsets */
	PLAN_LATE =
		4, /* as PLAN_TWO, but stage 2 does its work before the fork: nsexec_fork_late() */
};

struct plan {
	uint32_t stages; /* enum plan_stages */
	/*
	 * How stage 0 gets into its PID namespace, with PLAN_ONE: 0 not at all, CLONE_NEWPID with
	 * birth_pidfd -1 it is made by its clone, otherwise it is the one of that process.
	 */
	uint32_t birth;
	int32_t birth_pidfd;
	uint32_t n;
	struct plan_step steps[PLAN_MAX];
};

/* One namespace that is joined through a descriptor of its nsfs file. */
struct plan_join {
	int flag; /* CLONE_NEW* */
	int fd;
};

struct plan_input {
	unsigned unshare; /* CLONE_NEW* of the namespaces to be made */
	const struct plan_join *join;
	size_t n_join;
	int pidfd; /* exec: join pidfd_flags of this process; -1 otherwise */
	unsigned pidfd_flags;
	bool time_offsets;
	bool traced; /* exec: in the PID namespace may be who can trace what is born there */
	bool report; /* hull has to hear when the namespaces are there: that is the report of the PIDs */
};

/* Pure. EINVAL for a namespace that is both joined and made, or more steps than fit. */
must_check int plan_make(struct plan *plan, const struct plan_input *in, struct err *e);
/* Of one process, that it makes this namespace (CLONE_NEW*): not any more, somebody else does. false: it never did. */
bool plan_without(struct plan *plan, unsigned flag);

/* "join user, unshare mount|pid, map": at most size bytes, for the debug log. */
void plan_print(const struct plan *plan, char *buf, size_t size);

/* "mount" for CLONE_NEWNS and so on; "?" for what is no namespace flag. */
const char *plan_ns_name(unsigned flag);
/*
 * The kernel refused to make namespaces (CLONE_NEW*) with EINVAL: *e says which of them it does not
 * know, those without a file in dir, /proc/self/ns (namespaces(7)). Returns -1, the code stays.
 */
int plan_ns_lacking(unsigned flags, const char *dir, struct err *e);

#endif
