/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The constructor that turns "hull init" into the stage machine, and the switch between its
 * stages. It runs before main(), in the re-executed hull only: single-threaded, with nothing of
 * the caller's left but descriptors, cgroup and rights, which is why namespaces can be joined
 * here. musl calls constructors without argc and argv; everything comes by the environment.
 */
#include "nsexec/nsexec.h"

#include "nsexec/channel.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/sys.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct stages stages = { .init_sock = -1, .sync_sock = -1, .map_sock = { -1, -1 } };

int nsexec_sync_sock(void)
{
	return stages.sync_sock;
}

bool nsexec_is_root(void)
{
	return stages.is_root;
}

const struct bootstrap *nsexec_boot(void)
{
	return &stages.boot;
}

void nsexec_late_fds(int fds[3])
{
	bool late = stages.boot.plan.stages == PLAN_LATE;

	fds[0] = late ? stages.init_sock : -1;
	fds[1] = late ? stages.map_sock[0] : -1;
	fds[2] = late ? stages.map_sock[1] : -1;
}

int nsexec_fork_late(struct err *e)
{
	return stage_fork_late(&stages, e);
}

void stage_name(const char *name)
{
	prctl(PR_SET_NAME, name);
}

int stage_no_process(struct err *e)
{
	if (e->code == EAGAIN)
		err_wrap(
			e,
			"no more processes are allowed: by RLIMIT_NPROC of the user, by pids.max of a "
			"cgroup, or by kernel.pid_max");
	/* pid_namespaces(7), "The namespace init process" */
	if (e->code == ENOMEM)
		err_wrap(e,
			 "there is no memory, or the first process of the PID namespace has ended");
	return -1;
}

_Noreturn void stage_fail(const struct stages *s, struct err *e, const char *stage)
{
	err_wrap(e, "%s", stage);
	channel_send_error(s->sync_sock, e);
	_exit(1);
}

/*
 * CLONE_PARENT makes the new stage a child of hull, not of this stage (clone(2)); its exit signal
 * is then that of this stage. The raw call returns twice, on copies of one stack.
 */
pid_t stage_fork(struct err *e)
{
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_PARENT, 0, 0, 0, 0);

	if (pid >= 0)
		return pid;
	err_sys(e, "clone");
	return stage_no_process(e);
}

/* The child leaves at once by longjmp, so the stages never share a body. */
pid_t stage_clone(struct stages *s, enum stage stage, struct err *e)
{
	pid_t pid = stage_fork(e);

	if (pid == 0)
		longjmp(s->env, (int)stage);
	return pid;
}

int stage_report(const struct stages *s, pid_t child, pid_t init, struct err *e)
{
	struct bootstrap_pids pids = { .child = child, .init = init };
	char report[BOOTSTRAP_PIDS_SIZE];

	bootstrap_encode_pids(&pids, report);
	/* Perhaps behind a filter, of which only this is asked (channel_use_write()). */
	if (write(s->init_sock, report, sizeof(report)) != sizeof(report))
		return err_sys(e, "report the PIDs");
	return 0;
}

/* A descriptor number from the environment, or -1. */
static int env_socket(const char *name)
{
	const char *text = getenv(name);
	uint64_t fd;

	return text && str_to_u64(text, &fd) && fd <= INT32_MAX ? (int)fd : -1;
}

/* Most have room in the first, on a page that is written to anyway; pages of the other cost nothing until then. */
static char boot_small[128], boot_large[BOOTSTRAP_MAX] LARGE;

static int receive_bootstrap(struct stages *s, struct err *e)
{
	const size_t small = sizeof(boot_small);
	struct iovec iov[2] = { { boot_small, small },
				{ boot_large + small, sizeof(boot_large) - small } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	do {
		n = recvmsg(s->init_sock, &mh, MSG_TRUNC | MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(e, "receive the bootstrap message");
	if (n == 0)
		return err_set(e, EPIPE, "hull went away");
	if ((size_t)n > sizeof(boot_large))
		return err_set(e, EBADMSG, "the bootstrap message is cut");
	if ((size_t)n > small)
		memcpy(boot_large, boot_small, small);
	if (bootstrap_decode((size_t)n > small ? boot_large : boot_small, (size_t)n, &s->boot, e) <
	    0)
		return -1;
	return arena_receive(s->init_sock, e);
}

/* Nothing of a stage may outlive hull before the record is whole; see MSG_PROCEED. */
static void die_with_hull(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
}

void nsexec_become_init(void)
{
	die_with_hull();
	stage_name("hull:[2:INIT]");
}

__attribute__((constructor)) static void nsexec(void)
{
	struct stages *s = &stages;
	struct err e;

	s->init_sock = env_socket(ENV_INITPIPE);
	if (s->init_sock < 0)
		return;
	s->sync_sock = env_socket(ENV_SYNCPIPE);
	if (s->sync_sock < 0)
		_exit(1);
	fd_set_cloexec(s->sync_sock, true);
	if (s->init_sock != s->sync_sock)
		fd_set_cloexec(s->init_sock, true);
	/* CVE-2016-9962: a container that we join must not be able to trace us or open our files. */
	if (prctl(PR_SET_DUMPABLE, 0) < 0) {
		err_sys(&e, "become not dumpable");
		stage_fail(s, &e, "stage 0 (PARENT)");
	}
	die_with_hull();
	s->is_root = getauxval(AT_EUID) == 0;
	if (receive_bootstrap(s, &e) < 0)
		stage_fail(s, &e, "stage 0 (PARENT)");

	switch (setjmp(s->env)) {
	case 0:
	case STAGE_PARENT:
		stage_parent(s);
	case STAGE_CHILD:
		die_with_hull();
		stage_child(s);
	case STAGE_INIT:
	default:
		if (s->boot.plan.stages == PLAN_LATE)
			return; /* still stage 1 */
		nsexec_become_init();
		if (s->init_sock != s->sync_sock)
			close(s->map_sock[1] >= 0 ? s->map_sock[1] : s->init_sock);
		return;
	}
}
