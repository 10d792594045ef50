/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 1, CHILD. Starts in the host's namespaces and walks the plan of nsexec/plan.c: joins,
 * new namespaces, maps. PID and time namespaces take effect for children only, so it ends by
 * making stage 2, and exits. Where it is what stage 0 has become, it reports the PIDs itself; and
 * where the plan has no fork, it becomes stage 2.
 */
#include "nsexec/channel.h"
#include "nsexec/nsexec.h"
#include "state/base/mem.h"
#include "state/base/sys.h"
#include "state/base/trace.h"

#include <errno.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Stage 0 has died: how, is what hull sees and says. */
static void parent_lost(int code)
{
	if (code == EPIPE || code == ECONNRESET)
		_exit(1);
}

static int request(struct stages *s, char what, pid_t init, struct err *e)
{
	struct {
		char what;
		pid_t init;
	} req;

	memset(&req, 0, sizeof(req));
	req.what = what;
	req.init = init;
	if (send(s->map_sock[1], &req, sizeof(req), MSG_NOSIGNAL) != sizeof(req)) {
		parent_lost(errno);
		return err_sys(e, "ask stage 0");
	}
	return 0;
}

static int ask_parent(struct stages *s, char what, struct err *e)
{
	struct map_reply reply;
	ssize_t n;

	/*
	 * The files of /proc/PID belong to root while we are not dumpable, and stage 0 of an
	 * ordinary user could not write the maps. Never for root's: a process of a container that
	 * shares the PID namespace, with the uid of our user namespace's owner, has all rights in
	 * that, and could reach the host's root through /proc/PID/root.
	 */
	if (!s->is_root)
		prctl(PR_SET_DUMPABLE, 1);
	if (request(s, what, 0, e) < 0)
		return -1;
	do {
		n = recv(s->map_sock[1], &reply, sizeof(reply), 0);
	} while (n < 0 && errno == EINTR);
	prctl(PR_SET_DUMPABLE, 0);
	if (n != sizeof(reply)) {
		parent_lost(n == 0 ? EPIPE : errno);
		return err_sys(e, "receive from stage 0");
	}
	if (!reply.failed)
		return 0;
	*e = reply.e;
	return -1;
}

int stage_setns(int fd, unsigned flags, struct err *e)
{
	if (setns(fd, (int)flags) == 0)
		return 0;
	/* An exec into a container that died meanwhile: the pidfd's process is gone. */
	if (errno == ESRCH)
		return err_set(e, ESRCH, "join namespaces: container not running: no such process");
	if (flags & (flags - 1))
		return err_sys(e, "join the container's namespaces");
	return err_sys(e, "join the %s namespace", plan_ns_name(flags));
}

static int join(const struct plan_step *step, uint32_t *joined, struct err *e)
{
	/* A second pass over what the first was not allowed to join. */
	if ((*joined & step->flags) == step->flags)
		return 0;
	if (stage_setns(step->fd, step->flags, e) < 0)
		return step->op == PLAN_JOIN_TRY && e->code == EPERM ? 0 : -1;
	*joined |= step->flags;
	return 0;
}

static int unshare_new(uint32_t flags, struct err *e)
{
	if (unshare((int)flags) == 0)
		return 0;
	err_sys(e, "unshare");
	/* Say which one: the kernel refuses them all for one that it lacks. */
	plan_ns_lacking(flags, "/proc/self/ns", e);
	if ((e->code == EPERM || e->code == ENOSPC) && (flags & CLONE_NEWUSER))
		err_wrap(e,
			 "user namespaces may be disabled or limited (user.max_user_namespaces)");
	return -1;
}

static int become_root(struct err *e)
{
	if (sys_setresgid(0) < 0)
		return err_sys(e, "become group 0 of the user namespace");
	if (sys_setresuid(0) < 0)
		return err_sys(e, "become user 0 of the user namespace");
	/* A change of credentials clears the parent death signal (prctl(2)) and sets dumpable. */
	prctl(PR_SET_PDEATHSIG, 9);
	return prctl(PR_SET_DUMPABLE, 0) < 0 ? err_sys(e, "become not dumpable") : 0;
}

static int take_step(struct stages *s, const struct plan_step *step, uint32_t *joined,
		     struct err *e)
{
	switch (step->op) {
	case PLAN_JOIN:
	case PLAN_JOIN_TRY:
		return join(step, joined, e);
	case PLAN_UNSHARE:
		return unshare_new(step->flags, e);
	case PLAN_MAP:
		return ask_parent(s, MAP_IDS, e);
	case PLAN_BECOME_ROOT:
		return become_root(e);
	case PLAN_TIME_OFFSETS:
		return ask_parent(s, MAP_TIME, e);
	default:
		return err_set(e, EPROTO, "unknown step %u of the plan", step->op);
	}
}

static void trace_step(const struct stages *s, const struct plan_step *step, int64_t began)
{
	const struct plan one = { .stages = PLAN_ONE, .n = 1, .steps = { *step } };
	char name[128];

	plan_print(&one, name, sizeof(name));
	channel_trace(s->sync_sock, "stage 1", name, began);
}

static int walk(struct stages *s, struct err *e)
{
	uint32_t joined = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < s->boot.plan.n; i++) {
		const struct plan_step *step = &s->boot.plan.steps[i];
		int64_t began = s->boot.trace ? trace_clock() : 0;

		r = take_step(s, step, &joined, e);
		if (s->boot.trace)
			trace_step(s, step, began);
	}
	if (s->boot.plan.stages != PLAN_ONE)
		channel_send_spans();
	return r;
}

_Noreturn void stage_child(struct stages *s)
{
	static const char name[] = "stage 1 (CHILD)";
	bool served = s->map_sock[1] >= 0;
	struct err e;
	pid_t init;

	stage_name("hull:[1:CHILD]");
	/* So that hull sees the end of stage 0 on its socket, and stage 0 ours. */
	if (served) {
		close(s->init_sock);
		close(s->map_sock[0]);
	}
	if (s->boot.plan.stages == PLAN_LATE &&
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->map_sock) < 0) {
		err_sys(&e, "socketpair");
		stage_fail(s, &e, name);
	}
	if (walk(s, &e) < 0)
		stage_fail(s, &e, name);
	if (s->boot.plan.stages == PLAN_ONE || s->boot.plan.stages == PLAN_LATE)
		longjmp(s->env, STAGE_INIT);
	init = stage_clone(s, STAGE_INIT, &e);
	if (init < 0 ||
	    (served ? request(s, MAP_DONE, init, &e) : stage_report(s, 0, init, &e)) < 0)
		stage_fail(s, &e, name);
	_exit(0);
}
