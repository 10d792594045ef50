/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which namespaces are joined and made. Pure: no system call is made here; runs in
 * hull before anything is started.
 *
 * The order is a matter of rights (user_namespaces(7), setns(2)):
 *  - joining a namespace needs CAP_SYS_ADMIN in the user namespace that owns it. With a user
 *    namespace to join, some of the others belong to it and some to us, and one cannot tell which
 *    from their descriptors without asking the kernel for each: so every other one is tried first
 *    with our own rights, then the user namespace is joined, then those that were refused.
 *  - a new user namespace is made before the other new ones, which thereby belong to it; its maps
 *    are written before anything else is done in it, since without a mapped id the kernel refuses
 *    to create anything for us (EOVERFLOW).
 *  - what is joined is joined before what is new is made: a new namespace of the same user
 *    namespace needs nothing of the joined ones, but once we are in a new user namespace we may no
 *    longer join what belongs to the host.
 *  - PID and time namespaces take effect for children only, so stage 2 is forked at the very end;
 *    but where no user or time namespace is involved, hull itself has the right to put stage 0 into
 *    its PID namespace when it is born, and nothing is forked at all. Not where somebody in there
 *    might have CAP_SYS_PTRACE: the host's root is still that of who is born so, and hull's memory
 *    and descriptors are his until he is executed; there stage 2 does all of its work outside of the
 *    PID namespace, and is forked into it when no right is left that the program has not (PLAN_LATE).
 *    In a user namespace that is not needed: who is born there has rights in that only.
 */
#include "nsexec/plan.h"

#include "state/base/mem.h"
#include "state/base/sys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
	unsigned flag;
	const char *name, *file, *option; /* in /proc/PID/ns; of the kernel's configuration */
} ns_names[] = {
	{ CLONE_NEWUSER, "user", "user", "USER_NS" },
	{ CLONE_NEWNS, "mount", "mnt", "NAMESPACES" },
	{ CLONE_NEWPID, "pid", "pid", "PID_NS" },
	{ CLONE_NEWNET, "network", "net", "NET_NS" },
	{ CLONE_NEWIPC, "ipc", "ipc", "IPC_NS" },
	{ CLONE_NEWUTS, "uts", "uts", "UTS_NS" },
	{ CLONE_NEWCGROUP, "cgroup", "cgroup", "CGROUPS" },
	{ CLONE_NEWTIME, "time", "time", "TIME_NS, Linux 5.6" },
};

const char *plan_ns_name(unsigned flag)
{
	for (size_t i = 0; i < ARRAY_SIZE(ns_names); i++) {
		if (ns_names[i].flag == flag)
			return ns_names[i].name;
	}
	return "?";
}

int plan_ns_lacking(unsigned flags, const char *dir, struct err *e)
{
	char path[64];

	if (e->code != EINVAL)
		return -1;
	for (size_t i = 0; i < ARRAY_SIZE(ns_names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, ns_names[i].file);
		if ((flags & ns_names[i].flag) && access(path, F_OK) < 0 && errno == ENOENT)
			err_wrap(e, "this kernel has no %s namespaces (CONFIG_%s)",
				 ns_names[i].name, ns_names[i].option);
	}
	e->code = EINVAL;
	return -1;
}

static int add(struct plan *p, enum plan_op op, unsigned flags, int fd, struct err *e)
{
	if (p->n == PLAN_MAX)
		return err_set(e, EINVAL, "more than %d namespace steps", PLAN_MAX);
	p->steps[p->n++] = (struct plan_step){ op, flags, fd };
	return 0;
}

/* A joined mount namespace changes root and cwd, so it comes last of the joined ones. */
static int join_others(struct plan *p, enum plan_op op, const struct plan_input *in, struct err *e)
{
	for (int mount = 0; mount < 2; mount++) {
		for (size_t i = 0; i < in->n_join; i++) {
			const struct plan_join *j = &in->join[i];

			if (j->flag == CLONE_NEWUSER || (j->flag == CLONE_NEWNS) != mount)
				continue;
			if (add(p, op, (unsigned)j->flag, j->fd, e) < 0)
				return -1;
		}
	}
	return 0;
}

static const struct plan_join *find_user(const struct plan_input *in)
{
	for (size_t i = 0; i < in->n_join; i++) {
		if (in->join[i].flag == CLONE_NEWUSER)
			return &in->join[i];
	}
	return NULL;
}

static int add_joins(struct plan *p, const struct plan_input *in, struct err *e)
{
	const struct plan_join *user = find_user(in);

	if (!user)
		return join_others(p, PLAN_JOIN, in, e);
	if (join_others(p, PLAN_JOIN_TRY, in, e) < 0 ||
	    add(p, PLAN_JOIN, CLONE_NEWUSER, user->fd, e) < 0 ||
	    add(p, PLAN_BECOME_ROOT, 0, -1, e) < 0)
		return -1;
	return join_others(p, PLAN_JOIN, in, e);
}

static enum plan_stages count_stages(const struct plan_input *in)
{
	unsigned all = in->unshare | (in->pidfd >= 0 ? in->pidfd_flags : 0);
	unsigned joined = 0;

	for (size_t i = 0; i < in->n_join; i++)
		joined |= (unsigned)in->join[i].flag;
	if ((in->unshare & CLONE_NEWUSER) || in->time_offsets)
		return PLAN_THREE;
	/* hull cannot come back from a PID namespace that it joins by path for its child only. */
	if (in->traced && !in->report && !((all | joined) & CLONE_NEWUSER))
		return PLAN_LATE;
	if (in->report || in->traced || ((all | joined) & (CLONE_NEWUSER | CLONE_NEWTIME)) ||
	    (joined & CLONE_NEWPID))
		return PLAN_TWO;
	return PLAN_ONE;
}

/* The own PID namespace is entered at birth, and is no step any more. */
static void plan_birth(struct plan *p, struct plan_input *in)
{
	p->stages = count_stages(in);
	p->birth_pidfd = -1;
	if (p->stages != PLAN_ONE)
		return;
	p->birth = in->unshare & CLONE_NEWPID;
	in->unshare &= ~(unsigned)CLONE_NEWPID;
	if (in->pidfd >= 0 && (in->pidfd_flags & CLONE_NEWPID)) {
		p->birth = CLONE_NEWPID;
		p->birth_pidfd = in->pidfd;
		in->pidfd_flags &= ~(unsigned)CLONE_NEWPID;
	}
}

static int add_unshares(struct plan *p, const struct plan_input *in, struct err *e)
{
	unsigned rest = in->unshare & ~(unsigned)CLONE_NEWUSER;

	if (in->unshare & CLONE_NEWUSER) {
		if (add(p, PLAN_UNSHARE, CLONE_NEWUSER, -1, e) < 0 ||
		    add(p, PLAN_MAP, 0, -1, e) < 0 || add(p, PLAN_BECOME_ROOT, 0, -1, e) < 0)
			return -1;
	}
	if (rest && add(p, PLAN_UNSHARE, rest, -1, e) < 0)
		return -1;
	return in->time_offsets ? add(p, PLAN_TIME_OFFSETS, 0, -1, e) : 0;
}

int plan_make(struct plan *plan, const struct plan_input *input, struct err *e)
{
	struct plan_input copy = *input, *in = &copy;
	unsigned joined = 0;

	*plan = (struct plan){ 0 };
	for (size_t i = 0; i < in->n_join; i++) {
		if ((joined | in->unshare) & (unsigned)in->join[i].flag)
			return err_set(e, EINVAL, "the %s namespace is asked for twice",
				       plan_ns_name((unsigned)in->join[i].flag));
		joined |= (unsigned)in->join[i].flag;
	}
	plan_birth(plan, in);
	if (in->pidfd >= 0 && in->pidfd_flags &&
	    add(plan, PLAN_JOIN, in->pidfd_flags, in->pidfd, e) < 0)
		return -1;
	if (in->pidfd >= 0 && (in->pidfd_flags & CLONE_NEWUSER) &&
	    add(plan, PLAN_BECOME_ROOT, 0, -1, e) < 0)
		return -1;
	if (add_joins(plan, in, e) < 0)
		return -1;
	return add_unshares(plan, in, e);
}

bool plan_without(struct plan *plan, unsigned flag)
{
	for (uint32_t i = 0; plan->stages == PLAN_ONE && i < plan->n; i++) {
		struct plan_step *s = &plan->steps[i];

		if (s->op != PLAN_UNSHARE || !(s->flags & flag))
			continue;
		s->flags &= ~flag;
		return true;
	}
	return false;
}

static void put(char *buf, size_t size, const char *s)
{
	size_t n = strlen(buf);

	snprintf(buf + n, size - n, "%s", s);
}

void plan_print(const struct plan *plan, char *buf, size_t size)
{
	static const char *const ops[] = {
		[PLAN_JOIN] = "join",
		[PLAN_JOIN_TRY] = "try to join",
		[PLAN_UNSHARE] = "unshare",
		[PLAN_MAP] = "map ids",
		[PLAN_BECOME_ROOT] = "become root",
		[PLAN_TIME_OFFSETS] = "set time offsets",
	};

	buf[0] = '\0';
	if (plan->birth)
		put(buf, size, plan->birth_pidfd < 0 ? "born in a new pid" : "born in its pid");
	for (uint32_t i = 0; i < plan->n; i++) {
		const struct plan_step *s = &plan->steps[i];
		const char *sep = " ";

		put(buf, size, buf[0] ? ", " : "");
		put(buf, size, s->op < ARRAY_SIZE(ops) && ops[s->op] ? ops[s->op] : "?");
		for (size_t k = 0; k < ARRAY_SIZE(ns_names); k++) {
			if (s->flags & ns_names[k].flag) {
				put(buf, size, sep);
				put(buf, size, ns_names[k].name);
				sep = "|";
			}
		}
	}
	if (plan->stages != PLAN_ONE)
		put(buf, size, plan->n ? ", " : "");
	if (plan->stages != PLAN_ONE)
		put(buf, size, plan->stages == PLAN_LATE ? "fork last" : "fork");
}
