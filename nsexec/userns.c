/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User namespaces that are nothing but a mapping, for id-mapped mounts. Runs in hull, as root. A
 * child is born into a new one and waits until its maps are written and it is held by a
 * descriptor; then it goes. The stages know nothing of it.
 */
#include "nsexec/plan.h"
#include "nsexec/source.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Those that were made: a hundred volumes mostly have one mapping. They live as long as hull does. */
static struct made {
	struct made *next;
	char *uid_map, *gid_map;
	int fd;
} * all;

/* The child: until the parent closes its end, or ends itself. */
_Noreturn static void wait_for_end(int read_fd, int write_fd)
{
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(write_fd);
	(void)!read(read_fd, &c, 1);
	_exit(0);
}

static int write_map(pid_t pid, const char *file, const char *map, struct err *e)
{
	char path[PROC_PATH_SIZE];

	proc_path(path, pid, file);
	if (fd_write_file(AT_FDCWD, path, map) == 0)
		return 0;
	err_sys(e, "write the mapping of an id-mapped mount to %s", path);
	if (e->code == EPERM)
		err_wrap(e, "ids of the host that hull's own user namespace does not have");
	return -1;
}

static int fill(pid_t pid, const char *uid_map, const char *gid_map, struct err *e)
{
	char path[PROC_PATH_SIZE];
	int fd;

	if (write_map(pid, "uid_map", uid_map, e) < 0 || write_map(pid, "gid_map", gid_map, e) < 0)
		return -1;
	fd = open(proc_path(path, pid, "ns/user"), O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "open %s", path) : fd;
}

static int make(const char *uid_map, const char *gid_map, struct err *e)
{
	int end[2], fd = -1;
	pid_t pid;

	if (pipe2(end, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		wait_for_end(end[0], end[1]);
	if (pid < 0) {
		err_sys(e, "make a user namespace for an id-mapped mount");
		plan_ns_lacking(CLONE_NEWUSER, "/proc/self/ns", e);
		if (e->code == ENOSPC || e->code == EPERM)
			err_wrap(
				e,
				"user namespaces may be disabled or limited (user.max_user_namespaces)");
	} else {
		fd = fill(pid, uid_map, gid_map, e);
	}
	close(end[1]);
	close(end[0]);
	sys_reap(pid);
	return fd;
}

int userns_of_maps(const char *uid_map, const char *gid_map, struct err *e)
{
	struct made *m;
	int fd;

	for (m = all; m; m = m->next) {
		if (!strcmp(m->uid_map, uid_map) && !strcmp(m->gid_map, gid_map))
			break;
	}
	if (!m) {
		fd = make(uid_map, gid_map, e);
		if (fd < 0)
			return -1;
		m = xmalloc(sizeof(*m));
		*m = (struct made){ all, xstrdup(uid_map), xstrdup(gid_map), fd };
		all = m;
	}
	fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? err_sys(e, "duplicate a descriptor") : fd;
}
