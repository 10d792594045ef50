/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal. Runs in stage 2 after the change of root. The pty comes from the container's own
 * devpts, its slave by ioctl and never by path, and nothing is mounted or opened through a name
 * that the image could have chosen (CVE-2025-52565, CVE-2026-88264).
 */
#include "init/init.h"
#include "init/base/inside.h"
#include "init/mount.h"
#include "nsexec/tree.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <unistd.h>

struct pty {
	int master, slave;
	char name[32];
};

static int open_master(struct init *in, struct err *e)
{
	auto_close int fd = fd_open_in_root(in->root_fd, "dev/pts/ptmx", O_RDWR | O_NOCTTY,
					    RESOLVE_NO_SYMLINKS);
	struct stat st;

	if (fd < 0)
		return err_sys(e, "open /dev/pts/ptmx");
	if (!fd_is_on(fd, DEVPTS_SUPER_MAGIC) || fstat(fd, &st) < 0 || st.st_rdev != makedev(5, 2))
		return err_set(e, EINVAL,
			       "/dev/pts/ptmx is not the terminal multiplexer of a devpts");
	return take_fd(&fd);
}

/* runc clears ONLCR: output ends in "\n" as the program wrote it, and clients compare lines. */
static void set_raw_newlines(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) == 0) {
		t.c_oflag &= ~(tcflag_t)ONLCR;
		tcsetattr(fd, TCSANOW, &t);
	}
}

static int set_size(struct init *in, int fd, struct err *e)
{
	const struct spec_console_size *s = in->a->process->console_size;
	struct winsize w;

	if (!s)
		return 0;
	w = (struct winsize){ .ws_row = (unsigned short)s->height.v,
			      .ws_col = (unsigned short)s->width.v };
	return ioctl(fd, TIOCSWINSZ, &w) < 0 ? err_sys(e, "set the size of the terminal") : 0;
}

static int open_pty(struct init *in, struct pty *p, struct err *e)
{
	int unlock = 0, number;

	p->master = open_master(in, e);
	if (p->master < 0)
		return -1;
	if (ioctl(p->master, TIOCSPTLCK, &unlock) < 0 || ioctl(p->master, TIOCGPTN, &number) < 0)
		return err_sys(e, "unlock the terminal");
	p->slave = ioctl(p->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (p->slave < 0)
		return err_sys(e, "open the terminal's slave");
	snprintf(p->name, sizeof(p->name), "/dev/pts/%d", number);
	set_raw_newlines(p->slave);
	return set_size(in, p->slave, e);
}

/* /dev/console is the slave itself, bound on a file that is certainly no link. */
static int bind_console(struct init *in, int slave, struct err *e)
{
	auto_close int dev =
		fd_open_in_root(in->root_fd, "dev", O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	auto_close int target = -1, tree = -1;
	struct stat st;
	int fd;

	if (dev < 0)
		return err_sys(e, "open /dev");
	fd = openat(dev, "console", O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0620);
	if (fd >= 0)
		close(fd);
	else if (errno != EEXIST)
		return err_sys(e, "create /dev/console");
	target = openat(dev, "console", O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0 || fstat(target, &st) < 0)
		return err_sys(e, "open /dev/console");
	if (!S_ISREG(st.st_mode) && !S_ISCHR(st.st_mode))
		return err_set(e, EINVAL, "/dev/console is neither a file nor a character device");
	tree = tree_open(slave, "", AT_EMPTY_PATH);
	if (tree < 0)
		return err_sys(e, "open_tree of the terminal");
	return mount_attach(tree, target, e);
}

/* The receiver reads the name as text and the master from SCM_RIGHTS (go-runc, conmon). */
static int send_master(struct init *in, const struct pty *p, struct err *e)
{
	if (fd_send(in->a->console_fd, p->name, p->master) < 0)
		return err_sys(e, "send the terminal to the console socket");
	return 0;
}

static int use_slave(struct init *in, int slave, struct err *e)
{
	for (int fd = 0; fd < 3; fd++) {
		if (dup3(slave, fd, 0) < 0)
			return err_sys(e, "put the terminal on descriptor %d", fd);
	}
	/* It is that of the session which the program will lead. */
	return in->a->fork == FORK_DONE ? console_control(in, e) : 0;
}

int console_control(const struct init *in, struct err *e)
{
	return in->a->process->terminal && ioctl(STDIN_FILENO, TIOCSCTTY, 0) < 0 ?
		       err_sys(e, "make the terminal the controlling one") :
		       0;
}

static int setup(struct init *in, struct pty *p, struct err *e)
{
	if (open_pty(in, p, e) < 0)
		return -1;
	if (!in->a->exec && rootfs_is_mounted(in) && bind_console(in, p->slave, e) < 0)
		return -1;
	if (send_master(in, p, e) < 0)
		return -1;
	return use_slave(in, p->slave, e);
}

/*
 * The container's own null device in the place of the host's: a file that is on none of the
 * container's mounts cannot be in a checkpoint. Without one to be trusted, all stays as it is.
 */
static void use_own_null(struct init *in)
{
	struct err ignored;
	char path[32];
	int fd;

	in->null_fd = inside_open_null(in->root_fd, &ignored);
	if (in->null_fd < 0)
		return;
	snprintf(path, sizeof(path), "self/fd/%d", in->null_fd);
	/* start_close_fds() closes it with the rest. */
	fd = openat(in->proc_fd, path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < 3; i++) {
		if (in->a->null_stdio & 1u << i)
			dup3(fd, i, 0);
	}
}

int console_setup(struct init *in, struct err *e)
{
	struct pty p = { -1, -1, "" };
	int r;

	if (in->a->null_stdio && (in->a->new_ns & CLONE_NEWNS))
		use_own_null(in);
	if (!in->a->process->terminal)
		return 0;
	r = setup(in, &p, e);
	cleanup_close(&p.master);
	if (p.slave > 2)
		close(p.slave);
	if (r < 0) {
		err_at_key(e, "terminal");
		return err_at_key(e, "process");
	}
	return 0;
}
