/* SPDX-License-Identifier: Apache-2.0 */
/* In this namespace, and in one of its own, with one below that. */
#include "state/base/pid_ns.h"

#include "state/base/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static bool has(const pid_t *pids, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == pid)
			return true;
	}
	return false;
}

/* The first of a new PID namespace and of one below that, each waiting; tells on fd when all are. */
static pid_t start_nested(int fd)
{
	pid_t pid;

	if (unshare(CLONE_NEWPID) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		if (unshare(CLONE_NEWPID) == 0 && fork() >= 0)
			(void)!write(fd, "x", 1);
		pause();
		_exit(0);
	}
	return pid;
}

/* EPERM: it is above us. */
static bool can_ask_parents(void)
{
	int fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	int up = ioctl(fd, NS_GET_PARENT);
	bool can = up >= 0 || errno == EPERM;

	if (up >= 0)
		close(up);
	close(fd);
	return can;
}

int main(void)
{
	pid_t *pids = NULL, first;
	int ready[2];
	char c[2];
	struct err e;
	size_t n = 0;

	ok(pid_ns_pids(getpid(), &pids, &n, &e) == 0, "our own");
	ok(has(pids, n, getpid()), "we are in it");
	free(pids);
	ok(pid_ns_pids(0x7fffffff, &pids, &n, &e) < 0 && strstr(e.chain, "process 2147483647"),
	   "there is no such process");
	if (geteuid() != 0 || pipe2(ready, O_CLOEXEC) < 0) {
		skip(3, "needs root");
		return done_testing();
	}
	first = start_nested(ready[1]);
	/* Both processes have written once the fork is done. */
	ok(first > 0 && read(ready[0], c, 1) == 1 && read(ready[0], c, 1) == 1, "two namespaces");
	if (can_ask_parents()) {
		ok(pid_ns_pids(first, &pids, &n, &e) == 0 && n == 2, "two processes are below");
		ok(has(pids, n, first) && !has(pids, n, getpid()),
		   "the first among them, we are not");
		free(pids);
	} else {
		skip(2, "no ioctl_ns(2): qemu-user");
	}
	if (first > 0) {
		kill(first, SIGKILL);
		waitpid(first, NULL, 0);
	}
	return done_testing();
}
