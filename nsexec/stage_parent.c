/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage 0, PARENT. Runs in the host's namespaces with hull's rights, already in the container's
 * cgroups. It does what stage 1 cannot do from inside: the id maps of a new user namespace are
 * written by somebody with rights in the parent one, and so are the time offsets. It knows both
 * PIDs, reports them to hull, and exits. With a plan that asks it for nothing it becomes stage 1.
 */
#include "nsexec/channel.h"
#include "nsexec/nsexec.h"
#include "state/base/fd.h"
#include "state/spec/idset.h"
#include "state/base/mem.h"
#include "state/base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int write_oom_score_adj(const struct stages *s, struct err *e)
{
	const char *text = s->boot.oom_score_adj;
	int r;

	if (!text)
		return 0;
	/*
	 * /proc/self is root's for as long as we are not dumpable. An ordinary user's stage 0 has
	 * joined nobody's namespaces yet, and nothing that this user could not see anyway.
	 */
	if (!s->is_root)
		prctl(PR_SET_DUMPABLE, 1);
	r = fd_write_file(AT_FDCWD, "/proc/self/oom_score_adj", text);
	if (r < 0)
		err_sys(e, "failed to update /proc/self/oom_score_adj to %s", text);
	prctl(PR_SET_DUMPABLE, 0);
	if (r == 0)
		return 0;
	err_at_key(e, "oomScoreAdj");
	return err_at_key(e, "process");
}

static int write_time_offsets(pid_t child, const char *text, struct err *e)
{
	char path[PROC_PATH_SIZE];

	proc_path(path, child, "timens_offsets");
	if (fd_write_file(AT_FDCWD, path, text) < 0) {
		err_sys(e, "write %s", path);
		err_at_key(e, "timeOffsets");
		return err_at_key(e, "linux");
	}
	return 0;
}

static int answer(struct stages *s, pid_t child, char what, struct err *e)
{
	switch (what) {
	case MAP_IDS:
		return idmap_write(child, &s->boot, e);
	case MAP_TIME:
		return s->boot.time_offsets ? write_time_offsets(child, s->boot.time_offsets, e) :
					      0;
	default:
		return err_set(e, EPROTO, "unknown request %d of stage 1", what);
	}
}

/* Stage 1 has died: how, is what hull sees and says. */
static bool child_lost(void)
{
	return errno == EPIPE || errno == ECONNRESET;
}

/* Serve stage 1 until it sends the PID of stage 2; 0 when it went away without. */
static pid_t serve(struct stages *s, pid_t child, struct err *e)
{
	struct {
		char what;
		pid_t init;
	} req;
	struct map_reply reply = { 0 };
	ssize_t n;

	for (;;) {
		n = recv(s->map_sock[0], &req, sizeof(req), 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return child_lost() ? 0 : err_sys(e, "receive from stage 1");
		if (n != sizeof(req))
			return 0;
		if (req.what == MAP_DONE)
			return req.init;
		reply.failed = answer(s, child, req.what, &reply.e) < 0;
		if (send(s->map_sock[0], &reply, sizeof(reply), MSG_NOSIGNAL) < 0)
			return child_lost() ? 0 : err_sys(e, "answer stage 1");
	}
}

/* What execCPUAffinity.initial and the cgroup have made of it; runc's tests read it. */
static void show_affinity(const struct stages *s)
{
	struct idset cpus = { 0 };

	if (s->boot.debug && syscall(SYS_sched_getaffinity, 0, sizeof(cpus), &cpus) > 0)
		channel_log(s->sync_sock, "nsexec[%d]: affinity: 0x%lx", (int)getpid(),
			    cpus.bits[0]);
}

_Noreturn void stage_parent(struct stages *s)
{
	static const char name[] = "stage 0 (PARENT)";
	pid_t child, init;
	struct err e;

	stage_name("hull:[0:PARENT]");
	show_affinity(s);
	if (write_oom_score_adj(s, &e) < 0)
		stage_fail(s, &e, name);
	if (s->boot.plan.stages != PLAN_THREE)
		longjmp(s->env, STAGE_CHILD);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, s->map_sock) < 0) {
		err_sys(&e, "socketpair");
		stage_fail(s, &e, name);
	}
	child = stage_clone(s, STAGE_CHILD, &e);
	if (child < 0)
		stage_fail(s, &e, name);
	close(s->map_sock[1]); /* so that we see the end of stage 1 */
	init = serve(s, child, &e);
	if (init < 0)
		stage_fail(s, &e, name);
	/* Without a stage 2, too: stage 1 has said why, or hull, who knows it now, sees how it died. */
	if (stage_report(s, child, init, &e) < 0)
		stage_fail(s, &e, name);
	_exit(0);
}
