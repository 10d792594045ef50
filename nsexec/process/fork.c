/* SPDX-License-Identifier: Apache-2.0 */
/* fork(2) without execve(2): half the price of a new program, which would be this one again. */
#include "nsexec/process/fork.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/sys.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static void reset_signals(void)
{
	const struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	/* What the shim ignores or handles itself; the rest it has as its own caller gave it. */
	sigaction(SIGPIPE, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static _Noreturn void become_child(const struct fork_request *r)
{
	int keep[FORK_KEEP_MAX];

	for (int i = 0; i < 3; i++) {
		if (r->stdio[i] != i && dup3(r->stdio[i], i, 0) < 0)
			_exit(127);
	}
	if (r->n_keep)
		memcpy(keep, r->keep, r->n_keep * sizeof(*keep));
	fd_close_all_but(3, keep, r->n_keep);
	reset_signals();
	malloc_use_pool(true);
	_exit(r->work(r->arg));
}

pid_t fork_work(const struct fork_request *r, struct err *e)
{
	pid_t pid = fork();

	if (pid == 0)
		become_child(r);
	return pid < 0 ? err_sys(e, "fork") : pid;
}

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

int fork_into(int cgroup_fd, struct err *e)
{
	struct sys_clone_args args = { .flags = CLONE_INTO_CGROUP,
				       .exit_signal = SIGCHLD,
				       .cgroup = (uint64_t)cgroup_fd };
	long pid = sys_clone3_fn(&args, sizeof(args), nothing, NULL);

	if (pid < 0) {
		errno = (int)-pid;
		return err_sys(e, "clone3");
	}
	sys_reap((pid_t)pid);
	return 0;
}
