/* SPDX-License-Identifier: Apache-2.0 */
/* Children in which something is tried, so that whatever it does ends with them. */
#include "cmd/line/try.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nsexec/process/fork.h"
#include "state/base/fd.h"
#include "state/base/sys.h"

struct trial {
	int (*work)(void *arg);
	void *arg;
	unsigned ns;
	bool user; /* a user namespace first */
	int keep_fd;
};

static int nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* In a user namespace that has just been made: its only user is who made it (user_namespaces(7)). */
static int become_root(uid_t uid, gid_t gid)
{
	char map[64];

	if (fd_write_file(AT_FDCWD, "/proc/self/setgroups", "deny") < 0 && errno != ENOENT)
		return errno;
	snprintf(map, sizeof(map), "0 %u 1\n", (unsigned)gid);
	if (fd_write_file(AT_FDCWD, "/proc/self/gid_map", map) < 0)
		return errno;
	snprintf(map, sizeof(map), "0 %u 1\n", (unsigned)uid);
	return fd_write_file(AT_FDCWD, "/proc/self/uid_map", map) < 0 ? errno : 0;
}

static int fork_and_wait(int (*work)(void *), void *arg, int keep_fd)
{
	const struct fork_request r = { .work = work,
					.arg = arg,
					.stdio = { 0, 1, 2 },
					.keep = &keep_fd,
					.n_keep = keep_fd >= 0 };
	struct err e;
	int status;
	pid_t pid = fork_work(&r, &e);

	if (pid < 0)
		return e.code;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return errno;
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static int child(void *arg)
{
	const struct trial *t = arg;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int r;

	if (t->user && unshare(CLONE_NEWUSER) < 0)
		return errno;
	r = t->user ? become_root(uid, gid) : 0;
	if (r)
		return r;
	if (unshare((int)(t->ns & ~(unsigned)CLONE_NEWUSER)) < 0)
		return errno;
	if ((t->ns & CLONE_NEWNS) && mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return errno;
	/* It is the children who are in it. */
	return t->ns & CLONE_NEWPID ? fork_and_wait(t->work, t->arg, t->keep_fd) : t->work(t->arg);
}

int try_keeping(unsigned ns, int (*work)(void *arg), void *arg, int keep_fd)
{
	struct trial t = { work, arg, ns, geteuid() != 0 || (ns & CLONE_NEWUSER), keep_fd };

	return fork_and_wait(child, &t, keep_fd);
}

int try_in(unsigned ns, int (*work)(void *arg), void *arg)
{
	return try_keeping(ns, work, arg, -1);
}

int try_namespaces(unsigned ns)
{
	return try_in(ns, nothing, NULL);
}
