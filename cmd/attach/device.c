/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/attach/device.h"

#include "init/mount.h"
#include "init/mount/mount_new.h"
#include "nsexec/process/fork.h"
#include "nsexec/tree.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* In the child. A part of a mount can be copied only where that is attached (open_tree(2)). */
static int make(const struct device_node *n, struct err *e)
{
	static const char name[] = "node";
	auto_close int fs = -1;
	int fd;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0)
		return err_sys(e, "unshare the mount namespace");
	fs = mount_new_fs("tmpfs", "tmpfs", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, "", e);
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
	fd = tree_open(fs, name, 0);
	return fd < 0 ? err_sys(e, "open_tree %s", n->path) : fd;
}

struct work {
	const struct device_node *n;
	int sock;
};

static int work(void *arg)
{
	const struct work *w = arg;
	struct err e;
	int fd = make(w->n, &e);

	if (fd >= 0)
		return fd_send(w->sock, "d", fd) < 0;
	(void)!send(w->sock, &e, sizeof(e), MSG_NOSIGNAL);
	return 1;
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
	int pair[2], fd;
	struct work w = { .n = n };
	struct fork_request r = {
		.work = work, .arg = &w, .stdio = { 0, 1, 2 }, .keep = &w.sock, .n_keep = 1
	};
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "socketpair");
	w.sock = pair[1];
	pid = fork_work(&r, e);
	close(pair[1]);
	fd = pid < 0 ? -1 : receive(pair[0], n, e);
	close(pair[0]);
	sys_reap(pid);
	return fd;
}
