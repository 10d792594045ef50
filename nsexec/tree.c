/* SPDX-License-Identifier: Apache-2.0 */
/* Runs in stage 2, in the container's mount namespace; see tree.h. */
#include "nsexec/tree.h"

#include "state/base/err.h"
#include "state/base/fd.h"
#include "state/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static struct {
	bool own_ns;
	int proc_fd; /* -1: the older ways are not allowed */
	int dir_fd;  /* the tmpfs; -1 until it is needed */
	unsigned n;  /* how many places have been made on it */
} stage = { false, -1, -1, 0 };

void tree_allow(int proc_fd, bool own_ns)
{
	stage.own_ns = own_ns;
	stage.proc_fd = proc_fd;
}

/*
 * mount(2) with descriptors: they are named through "self/fd" of our own procfs, which is reached as
 * the working directory, since the container's root may hide it. from < 0: source is a word.
 */
static int mount_fds(int from, const char *source, int to, const char *type, unsigned long flags,
		     const char *data)
{
	auto_close int cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char from_path[32], to_path[32];
	int r, code;

	if (cwd < 0 || fchdir(stage.proc_fd) < 0)
		return -1;
	snprintf(from_path, sizeof(from_path), "self/fd/%d", from);
	snprintf(to_path, sizeof(to_path), "self/fd/%d", to);
	r = mount(from < 0 ? source : from_path, to_path, type, flags, data);
	code = errno;
	if (fchdir(cwd) < 0)
		return -1;
	errno = code;
	return r;
}

static int refuse(void)
{
	errno = ENOSYS;
	return -1;
}

static bool is_old(void)
{
	return errno == ENOSYS && stage.proc_fd >= 0;
}

/* Unbindable, so that a recursive bind of "/" does not carry it into the container. */
static int open_stage(void)
{
	auto_close int fd = -1;

	if (stage.dir_fd >= 0)
		return 0;
	if (!stage.own_ns)
		return refuse();
	if (mount("tmpfs", "/", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=700") < 0)
		return -1;
	/* path_resolution(7): ".." of the root is the root, but with what is mounted on it. */
	fd = open("/..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !fd_is_on(fd, TMPFS_MAGIC))
		return refuse();
	if (mount_fds(-1, NULL, fd, NULL, MS_UNBINDABLE, NULL) < 0)
		return -1;
	stage.dir_fd = take_fd(&fd);
	return 0;
}

void tree_end(void)
{
	if (stage.dir_fd < 0)
		return;
	umount2("/..", MNT_DETACH | UMOUNT_NOFOLLOW);
	cleanup_close(&stage.dir_fd);
	stage.dir_fd = -1;
}

/* A place on the tmpfs, to mount a directory or a file on: its name. */
static int make_place(bool directory, char name[static 16])
{
	int fd;

	if (open_stage() < 0)
		return -1;
	snprintf(name, 16, "%u", stage.n++);
	if (directory)
		return mkdirat(stage.dir_fd, name, 0700);
	fd = openat(stage.dir_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

static int open_place(const char *name)
{
	return openat(stage.dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

static int old_open(int dirfd, const char *path, unsigned flags)
{
	auto_close int from =
		flags & AT_EMPTY_PATH ?
			fcntl(dirfd, F_DUPFD_CLOEXEC, 3) :
			openat(dirfd, path,
			       O_PATH | O_CLOEXEC | (flags & AT_SYMLINK_NOFOLLOW ? O_NOFOLLOW : 0));
	auto_close int place = -1;
	char name[16];

	if (from < 0 || make_place(fd_is_directory(from), name) < 0)
		return -1;
	place = open_place(name);
	if (place < 0 || mount_fds(from, NULL, place, NULL,
				   MS_BIND | (flags & AT_RECURSIVE ? MS_REC : 0), NULL) < 0)
		return -1;
	return open_place(name);
}

int tree_open(int dirfd, const char *path, unsigned flags)
{
	int fd = sys_open_tree(dirfd, path, OPEN_TREE_CLONE | flags);

	return fd < 0 && is_old() ? old_open(dirfd, path, flags) : fd;
}

static const struct {
	uint64_t attr;
	unsigned long ms, st; /* of mount(2), of statvfs(3) */
} attr_flags[] = {
	{ MOUNT_ATTR_RDONLY, MS_RDONLY, ST_RDONLY },
	{ MOUNT_ATTR_NOSUID, MS_NOSUID, ST_NOSUID },
	{ MOUNT_ATTR_NODEV, MS_NODEV, ST_NODEV },
	{ MOUNT_ATTR_NOEXEC, MS_NOEXEC, ST_NOEXEC },
	{ MOUNT_ATTR_NOATIME, MS_NOATIME, ST_NOATIME },
	{ MOUNT_ATTR_NODIRATIME, MS_NODIRATIME, ST_NODIRATIME },
	{ MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW, 0x2000 },
};

/* The flags of a remount: what is there, without what is to go, with what is to come. */
static unsigned long new_flags(unsigned long st, uint64_t set, uint64_t clr)
{
	unsigned long ms = 0;

	for (size_t i = 0; i < ARRAY_SIZE(attr_flags); i++) {
		bool on = st & attr_flags[i].st;

		/* The times are one field of several bits, of which relatime is none. */
		if ((clr & MOUNT_ATTR__ATIME) && attr_flags[i].attr == MOUNT_ATTR_NOATIME)
			on = false;
		else if (clr & attr_flags[i].attr)
			on = false;
		if (on || (set & attr_flags[i].attr))
			ms |= attr_flags[i].ms;
	}
	if (ms & MS_NOATIME)
		return ms;
	if (clr & MOUNT_ATTR__ATIME)
		return ms | (set & MOUNT_ATTR_STRICTATIME ? MS_STRICTATIME : MS_RELATIME);
	return ms | (st & ST_RELATIME ? MS_RELATIME : MS_STRICTATIME);
}

int tree_new(const char *type, const char *source, uint64_t attrs, const char *data)
{
	auto_close int place = -1;
	char name[16];

	errno = ENOSYS;
	if (!is_old() || make_place(true, name) < 0)
		return -1;
	place = open_place(name);
	if (place < 0 || mount_fds(-1, source, place, type,
				   new_flags(ST_RELATIME, attrs, MOUNT_ATTR__ATIME), data) < 0)
		return -1;
	return open_place(name);
}

/* Linux 5.2 to 5.11 have detached mounts, whose attributes mount(2) does not change. */
static int put_on_stage(int fd)
{
	auto_close int place = -1;
	char name[16];

	if (make_place(fd_is_directory(fd), name) < 0)
		return -1;
	place = open_place(name);
	return place < 0 ? -1 :
			   sys_move_mount(fd, "", place, "",
					  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

static int change(int fd, unsigned long flags)
{
	if (mount_fds(-1, NULL, fd, NULL, flags, NULL) == 0)
		return 0;
	if (errno != EINVAL || put_on_stage(fd) < 0)
		return -1;
	return mount_fds(-1, NULL, fd, NULL, flags, NULL);
}

static int old_set_attr(int fd, unsigned flags, const struct mount_attr *a)
{
	bool recursive = flags & AT_RECURSIVE;
	struct statvfs st;

	if (a->propagation &&
	    change(fd, (unsigned long)a->propagation | (recursive ? MS_REC : 0)) < 0)
		return -1;
	if (!a->attr_set && !a->attr_clr)
		return 0;
	if (recursive || ((a->attr_set | a->attr_clr) & MOUNT_ATTR_IDMAP))
		return refuse();
	if (fstatvfs(fd, &st) < 0)
		return -1;
	return change(fd, MS_REMOUNT | MS_BIND | new_flags(st.f_flag, a->attr_set, a->attr_clr));
}

int tree_set_attr(int fd, unsigned flags, struct mount_attr *attr)
{
	int r = sys_mount_setattr(fd, "", AT_EMPTY_PATH | flags, attr);

	return r < 0 && is_old() ? old_set_attr(fd, flags, attr) : r;
}

int tree_move(int fd, int target_fd)
{
	int r = sys_move_mount(fd, "", target_fd, "",
			       MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);

	return r < 0 && is_old() ? mount_fds(fd, NULL, target_fd, NULL, MS_MOVE, NULL) : r;
}
