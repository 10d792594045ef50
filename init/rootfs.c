/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The container's root: from the host's view of it to being "/". Runs in stage 2 in the
 * container's mount namespace, which is at first a copy of the host's.
 */
#include "init/init.h"
#include "nsexec/tree.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

static bool has_mount_ns(const struct init *in)
{
	return (in->a->new_ns | in->a->joined_ns) & CLONE_NEWNS;
}

bool rootfs_is_mounted(const struct init *in)
{
	return has_mount_ns(in) || in->a->spec->mounts.n || in->a->spec->root->readonly;
}

static int set_propagation(int fd, uint64_t propagation, unsigned flags)
{
	struct mount_attr attr = { .propagation = propagation };

	return tree_set_attr(fd, flags, &attr);
}

/*
 * Without the "r" a rootfsPropagation is that of the root alone: the host's other mounts, which may
 * be the sources of volumes that are to be shared with it, stay connected until we leave them.
 */
static bool is_connected(const struct init *in)
{
	int flags = in->a->spec->linux_->rootfs_propagation;

	return flags && (!(flags & MS_REC) || (flags & MS_SHARED));
}

uint64_t rootfs_cut(const struct init *in)
{
	int flags = in->a->spec->linux_->rootfs_propagation;

	if (!has_mount_ns(in) || !is_connected(in) || (flags & MS_SHARED))
		return 0;
	return flags & MS_SLAVE ? MS_SLAVE : MS_PRIVATE;
}

/*
 * pivot_root(2) refuses a new root whose parent mount is shared, and what is mounted inside it
 * would appear on the host: where mounts stay connected, cut off the one that holds the root
 * directory, found by going up until something is a mount point.
 */
static int cut_holder(const char *path, uint64_t propagation, struct err *e)
{
	auto_close int fd = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, e);

	if (fd < 0)
		return -1;
	for (int i = 0; i < 1024; i++) {
		int up;

		if (set_propagation(fd, propagation, 0) == 0)
			return 0;
		if (errno != EINVAL)
			break;
		up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (up < 0)
			break;
		close(fd);
		fd = up;
	}
	err_sys(e, "set the propagation of the mount that %s is on", path);
	/* Before 5.12 mounts are prepared on one of our own, which the host would see, too (tree.h). */
	return e->code == ENOSYS ? err_wrap(e, "a rootfsPropagation of shared takes Linux 5.12") :
				   -1;
}

/* Kernels before 5.2 have no open_tree. */
static int bind_old(const char *rootfs, struct err *e)
{
	if (mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_sys(e, "bind mount %s", rootfs);
	return fd_open(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY, 0, e);
}

/* In a user namespace each directory on the way must be open to who is root there. */
static int not_reached(const char *rootfs, struct err *e)
{
	auto_free char *dir = xstrdup(rootfs);

	err_sys(e, "open %s", rootfs);
	if (e->code != EACCES)
		return -1;
	for (char *p = dir; (p = strchr(p + 1, '/'));) {
		*p = '\0';
		if (faccessat(AT_FDCWD, dir, X_OK, AT_EACCESS) < 0)
			return err_wrap(
				e,
				"who is root in the container's user namespace may not search %s",
				dir);
		*p = '/';
	}
	return -1;
}

/* pivot_root needs the new root to be a mount point. */
static int bind_itself(const char *rootfs, struct err *e)
{
	auto_close int tree = sys_open_tree(AT_FDCWD, rootfs, OPEN_TREE_CLONE | AT_RECURSIVE);

	if (tree < 0 && (errno == ENOSYS || errno == EPERM))
		return bind_old(rootfs, e);
	if (tree < 0)
		return not_reached(rootfs, e);
	if (sys_move_mount(tree, "", AT_FDCWD, rootfs, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(e, "bind mount %s", rootfs);
	return take_fd(&tree);
}

/* The mount point of a line, if that is a proc or sysfs outside of the container's root; or NULL. */
static char *host_proc_of(char *line, const char *rootfs)
{
	char *type = strstr(line, " - "), *path;
	size_t n = strlen(rootfs);

	if (!type || (!str_starts(type, " - proc ") && !str_starts(type, " - sysfs ")))
		return NULL;
	path = path_of_mount(line);
	if (!path)
		return NULL;
	return strncmp(path, rootfs, n) || (path[n] && path[n] != '/') ? path : NULL;
}

/* An unmount goes wherever the mount above is connected to. */
static int cut_above(const char *path, struct err *e)
{
	auto_free char *above = xstrndup(path, (size_t)(strrchr(path, '/') - path) + 1);

	if (cut_holder(above, MS_PRIVATE, e) == 0)
		return 0;
	/* It went with another. */
	return e->code == ENOENT ? 0 : -1;
}

/*
 * With MS_MOVE the host's mounts stay below ours, and a complete proc among them lets whoever makes
 * a user namespace inside mount another, without what we mask (fs/namespace.c,
 * mount_too_revealing). They go, or are covered.
 */
static int hide_host_proc(struct init *in, bool connected, struct err *e)
{
	auto_free char *text = NULL;
	char *rest, *line;

	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text, NULL, e) < 0)
		return -1;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		char *path = host_proc_of(line, in->a->rootfs);

		if (!path)
			continue;
		mount(NULL, path, NULL, MS_PRIVATE | MS_REC, NULL);
		if (connected && cut_above(path, e) < 0)
			return -1;
		if (umount2(path, MNT_DETACH) < 0 && errno != ENOENT &&
		    mount("tmpfs", path, "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1") < 0)
			return err_sys(e, "hide the host's %s", path);
	}
	return 0;
}

/*
 * On an initramfs "/" is the one mount that has no parent, and pivot_root(2) refuses to move it. A
 * copy of the whole tree on top of it does have one: enter that, before anything is mounted. A root
 * that only looks like one, a tmpfs, is none the worse for it.
 */
static int leave_initramfs(struct init *in, struct err *e)
{
	auto_close int tree = -1;
	struct statfs st;

	if (in->a->no_pivot || statfs("/", &st) < 0 ||
	    ((uint32_t)st.f_type != RAMFS_MAGIC && (uint32_t)st.f_type != TMPFS_MAGIC))
		return 0;
	tree = sys_open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | AT_RECURSIVE);
	/* The copy stays connected where that was asked; what is done to these must not reach the host. */
	if (tree >= 0 && mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return err_sys(e, "make the initial root a slave");
	/* Those below stay in the namespace for good, those of the copy go with the old root. */
	if (tree >= 0 && hide_host_proc(in, false, e) < 0)
		return -1;
	if (tree < 0 || sys_move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 ||
	    fchdir(tree) < 0 || chroot(".") < 0)
		return err_sys(e, "enter a copy of the initial root");
	return 0;
}

/* sysctls are written through it: this one is the host's, whatever gets mounted. */
static int open_proc(struct init *in, struct err *e)
{
	in->proc_fd = fd_open(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY, 0, e);
	if (in->proc_fd < 0)
		return -1;
	if (!fd_is_on(in->proc_fd, PROC_SUPER_MAGIC))
		return err_set(e, EINVAL, "the host's /proc is not a proc file system");
	/* Mounts of a shared root would be seen on the host. */
	tree_allow(in->proc_fd,
		   has_mount_ns(in) && !(in->a->spec->linux_->rootfs_propagation & MS_SHARED));
	return 0;
}

/* A copy of the mount that it is on, and on top of that: neither may be shared. */
static int bind_root(struct init *in, struct err *e)
{
	uint64_t cut = rootfs_cut(in);

	if (is_connected(in) && cut_holder(in->a->rootfs, cut ? cut : MS_PRIVATE, e) < 0)
		return -1;
	in->root_fd = bind_itself(in->a->rootfs, e);
	if (in->root_fd < 0)
		return -1;
	/* What the host has mounted inside the root is no volume that somebody wants to share. */
	return cut && set_propagation(in->root_fd, cut, AT_RECURSIVE) < 0 ?
		       err_sys(e, "set the propagation of the root file system") :
		       0;
}

int rootfs_prepare(struct init *in, struct err *e)
{
	int flags = in->a->spec->linux_->rootfs_propagation;

	/*
	 * On the host's own mounts: a root that is mounted on itself there, and goes with all that
	 * is mounted on it (record_unmount_root). Nobody else is to see that.
	 */
	if (!has_mount_ns(in)) {
		if (open_proc(in, e) < 0)
			return -1;
		in->root_fd = rootfs_is_mounted(in) ?
				      bind_itself(in->a->rootfs, e) :
				      fd_open(AT_FDCWD, in->a->rootfs, O_PATH | O_DIRECTORY, 0, e);
		if (in->root_fd < 0 || !rootfs_is_mounted(in))
			return in->root_fd < 0 ? -1 : 0;
		return set_propagation(in->root_fd, MS_PRIVATE, AT_RECURSIVE) < 0 ?
			       err_sys(e, "make the root file system private") :
			       0;
	}
	/*
	 * The whole tree, recursively: mounts of the host may come in, ours must not go out. With
	 * "shared" it stays connected, as was asked; rootfs_set_propagation does the root itself.
	 * What is unbindable is private, but could not be bound on itself: that is for later.
	 */
	if (flags & MS_UNBINDABLE)
		flags ^= MS_UNBINDABLE | MS_PRIVATE;
	if (!flags)
		flags = MS_SLAVE | MS_REC;
	if (!(flags & MS_SHARED) && mount(NULL, "/", NULL, (unsigned long)flags, NULL) < 0)
		return err_sys(e, "set the propagation of /");
	if (leave_initramfs(in, e) < 0 || open_proc(in, e) < 0)
		return -1;
	return bind_root(in, e);
}

static int pivot_into(struct init *in, struct err *e)
{
	/* "." on ".": the old root ends up mounted over the new one, with no directory needed. */
	if (fchdir(in->root_fd) < 0)
		return err_sys(e, "chdir to the root file system");
	return sys_pivot_root(".", ".") < 0 ? err_sys(e, "pivot_root") : 0;
}

/*
 * The old root, or what is below it, may still be connected to the host's, which the unmount must
 * not reach. It can be named only by a descriptor: "." means the new one to mount(2).
 */
static int disconnect(int old_fd, struct err *e)
{
	struct mount_attr slave = { .propagation = MS_SLAVE };

	if (sys_mount_setattr(old_fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &slave) == 0)
		return 0;
	/* Before Linux 5.12. */
	if (errno == ENOSYS && fchdir(old_fd) == 0 &&
	    mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) == 0)
		return 0;
	return err_sys(e, "make the old root a slave");
}

static int pivot(struct init *in, struct err *e)
{
	bool connected = is_connected(in);
	auto_close int old_fd = connected ? fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, e) : -1;

	if (connected && old_fd < 0)
		return -1;
	if (pivot_into(in, e) < 0 || (connected && disconnect(old_fd, e) < 0))
		return -1;
	/* pivot_root(2): the old root is on top of what "." starts from, and goes. */
	if (umount2(".", MNT_DETACH) < 0)
		return err_sys(e, "unmount the old root");
	return 0;
}

/* --no-pivot: weaker; kept for hosts that need it. */
static int move_over_root(struct init *in, struct err *e)
{
	if (hide_host_proc(in, is_connected(in), e) < 0)
		return -1;
	if (fchdir(in->root_fd) < 0)
		return err_sys(e, "chdir to the root file system");
	if (mount(".", "/", NULL, MS_MOVE, NULL) < 0)
		return err_sys(e, "move the root file system to /");
	if (chroot(".") < 0)
		return err_sys(e, "chroot");
	return 0;
}

static int plain_chroot(struct init *in, struct err *e)
{
	if (fchdir(in->root_fd) < 0 || chroot(".") < 0)
		return err_sys(e, "chroot");
	return 0;
}

/* Each way ends with the new root as the working directory. */
int rootfs_enter(struct init *in, struct err *e)
{
	tree_end();
	if (!has_mount_ns(in))
		return plain_chroot(in, e);
	return in->a->no_pivot ? move_over_root(in, e) : pivot(in, e);
}

static int set_root_propagation(const struct init *in, int flags, struct err *e)
{
	if (!flags || !rootfs_is_mounted(in))
		return 0;
	if (mount(NULL, "/", NULL, (unsigned long)flags, NULL) < 0) {
		err_sys(e, "set the propagation of the root");
		err_at_key(e, "rootfsPropagation");
		return err_at_key(e, "linux");
	}
	return 0;
}

int rootfs_set_propagation(struct init *in, struct err *e)
{
	int flags = in->a->spec->linux_->rootfs_propagation;

	return flags & MS_UNBINDABLE ? 0 : set_root_propagation(in, flags, e);
}

int rootfs_set_unbindable(struct init *in, struct err *e)
{
	int flags = in->a->spec->linux_->rootfs_propagation;

	return flags & MS_UNBINDABLE ? set_root_propagation(in, flags, e) : 0;
}

int rootfs_set_readonly(struct init *in, struct err *e)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };

	if (!in->a->spec->root->readonly)
		return 0;
	if (tree_set_attr(in->root_fd, 0, &ro) == 0)
		return 0;
	err_sys(e, "make the root read-only");
	err_at_key(e, "readonly");
	return err_at_key(e, "root");
}

int rootfs_open(struct init *in, struct err *e)
{
	if (in->a->root_fd >= 0 && (fchdir(in->a->root_fd) < 0 || chroot(".") < 0))
		return err_sys(e, "enter the container's root");
	in->root_fd = fd_open(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, e);
	return in->root_fd < 0 ? -1 : 0;
}
