/* SPDX-License-Identifier: Apache-2.0 */
#include "nsexec/device.h"

#include "state/fd.h"
#include "state/mem.h"
#include "state/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int make_tmpfs(struct err *e)
{
	auto_close int fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC);

	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return err_sys(e, "make a tmpfs");
	return sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
}

/* In the child. A part of a mount can be copied only where that is attached (open_tree(2)). */
static int make(const struct device_node *n, struct err *e)
{
	static const char name[] = "node";
	auto_close int fs = -1;
	int fd;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
		return err_sys(e, "unshare the mount namespace");
	fs = make_tmpfs(e);
	if (fs < 0)
		return -1;
	if (sys_move_mount(fs, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(e, "attach a tmpfs");
	if (mknodat(fs, name, n->mode, n->rdev) < 0)
		return err_sys(e, "mknod %s", n->path);
	/* In this order: chown(2) clears what chmod(2) may have set. */
	if (fchownat(fs, name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    fchmodat(fs, name, n->mode & 07777, 0) < 0)
		return err_sys(e, "set owner and mode of %s", n->path);
	fd = sys_open_tree(fs, name, OPEN_TREE_CLONE | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "open_tree %s", n->path) : fd;
}

static _Noreturn void child(const struct device_node *n, int sock)
{
	struct err e;
	int fd = make(n, &e);

	if (fd < 0)
		(void)!send(sock, &e, sizeof(e), MSG_NOSIGNAL);
	_exit(fd >= 0 && fd_send(sock, "d", fd) == 0 ? 0 : 1);
}

static int receive(int sock, const struct device_node *n, struct err *e)
{
	struct err theirs;
	int fd = -1;
	ssize_t got = fd_receive(sock, &theirs, sizeof(theirs), &fd);

	if (fd >= 0)
		return fd;
	if (got == (ssize_t)sizeof(theirs))
		*e = theirs;
	else
		err_set(e, EIO, "the process that makes %s died", n->path);
	return -1;
}

int device_open(const struct device_node *n, struct err *e)
{
	int pair[2], fd = -1;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "socketpair");
	pid = fork();
	if (pid == 0)
		child(n, pair[1]);
	close(pair[1]);
	if (pid < 0)
		err_sys(e, "fork");
	else
		fd = receive(pair[0], n, e);
	close(pair[0]);
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return fd;
}
