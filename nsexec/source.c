/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of bind mounts. Runs in stage 2 and, for what that may not do, in hull; see source.h. */
#include "nsexec/source.h"

#include "nsexec/tree.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_copy(const struct source_request *r)
{
	unsigned flags = (r->recursive ? AT_RECURSIVE : 0) |
			 (r->nofollow ? AT_SYMLINK_NOFOLLOW : 0);

	return tree_open(AT_FDCWD, r->path, flags);
}

int source_open(const struct source_request *r, uint64_t propagation, struct err *e)
{
	unsigned recursive = r->recursive ? AT_RECURSIVE : 0;
	struct mount_attr attr = { .propagation = propagation };
	auto_close int fd = open_copy(r);

	if (fd < 0)
		return err_sys(e, "open %s", r->path);
	if (propagation && tree_set_attr(fd, recursive, &attr) < 0) {
		err_sys(e, "set the propagation of %s", r->path);
		return e->code == ENOSYS ? err_wrap(e, "this takes Linux 5.12") : -1;
	}
	return take_fd(&fd);
}

static int open_proc(pid_t pid, const char *name, int flags)
{
	char path[PROC_PATH_SIZE];

	return open(proc_path(path, pid, name), flags | O_CLOEXEC);
}

/* --- in init's mount namespace ---------------------------------------------------------------- */

/* What setns(2) into a mount namespace changes, besides that. */
struct place {
	int ns, root, cwd;
};

static int enter(const struct place *p)
{
	if (setns(p->ns, CLONE_NEWNS) < 0 || fchdir(p->root) < 0 || chroot(".") < 0)
		return -1;
	return fchdir(p->cwd);
}

/*
 * hull has one thread, and lends itself to the container's mount namespace for one call. There
 * nothing of the container runs yet but init, which waits for us. -1 and errno when it cannot be
 * entered; *ret_lost says that there was no way back, with which hull must end.
 */
static int open_inside(pid_t init, const struct source_request *r, bool *ret_lost)
{
	auto_close int here_ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	auto_close int here_root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int here_cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int there_ns = open_proc(init, "ns/mnt", O_RDONLY);
	auto_close int there_root = open_proc(init, "root", O_PATH | O_DIRECTORY);
	struct place here = { here_ns, here_root, here_cwd };
	struct place there = { there_ns, there_root, there_root };
	int fd = -1, code;

	if (here_ns < 0 || here_root < 0 || here_cwd < 0 || there_ns < 0 || there_root < 0)
		return -1;
	if (enter(&there) == 0)
		fd = open_copy(r);
	code = errno;
	*ret_lost = enter(&here) < 0;
	if (*ret_lost) {
		code = errno;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	errno = code;
	return fd;
}

static int open_anywhere(pid_t init, const struct source_request *r, struct err *e)
{
	bool lost = false;
	int fd = open_inside(init, r, &lost);

	if (fd >= 0)
		return fd;
	if (lost)
		return err_sys(e, "return from the container's mount namespace");
	/*
	 * hull may not look at init (no CAP_SYS_PTRACE), or the bind is not recursive and the source
	 * has mounts below it, which there must not be looked behind (mount_namespaces(7)).
	 */
	if (errno == EACCES || errno == EPERM || errno == EINVAL)
		return source_open(r, MS_SLAVE, e);
	return err_sys(e, "open %s", r->path);
}

/* --- id-mapped -------------------------------------------------------------------------------- */

/*
 * Since when a file system can be id-mapped (mount_setattr(2); FS_ALLOW_IDMAP in the kernel's history).
 * overlay is not among them: it takes layers that are, since Linux 5.19, and never is itself.
 */
static const struct {
	const char *type, *since;
} mappable[] = {
	{ "ext4", "5.12" },  { "vfat", "5.12" }, { "xfs", "5.12" },	 { "btrfs", "5.15" },
	{ "ntfs3", "5.15" }, { "f2fs", "5.18" }, { "erofs", "5.19" },	 { "squashfs", "6.2" },
	{ "tmpfs", "6.3" },  { "ceph", "6.7" },	 { "hugetlbfs", "6.9" },
};

/* The type of the file system that path is on, from the mount's line of mountinfo (proc(5)). */
static char *type_of(const char *path)
{
	auto_close int fd = open(path, O_PATH | O_CLOEXEC);
	auto_free char *text = NULL;
	struct err ignored;
	char id[16], *rest, *line;
	size_t n;

	if (fd < 0 || !fd_mount_id(fd, id))
		return NULL;
	n = strlen(id);
	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text, NULL, &ignored) < 0)
		return NULL;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		char *type = strstr(line, " - ");

		if (type && !strncmp(line, id, n) && line[n] == ' ')
			return xstrndup(type + 3, strcspn(type + 3, " "));
	}
	return NULL;
}

/* Can this mount alone be id-mapped? What else may be wrong is no answer. */
static bool can_be_mapped(const char *path, int userns)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns };
	auto_close int fd = tree_open(AT_FDCWD, path, 0);

	return fd < 0 || sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr) == 0 || errno != EINVAL;
}

/* The mount at path or below it that cannot be. The caller frees it. */
static char *find_unmappable(const char *path, int userns)
{
	auto_free char *text = NULL;
	char *rest, *line, *at;
	size_t n = strcmp(path, "/") ? strlen(path) : 0;
	struct err ignored;

	if (!can_be_mapped(path, userns) ||
	    fd_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text, NULL, &ignored) < 0)
		return xstrdup(path);
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		at = path_of_mount(line);
		if (at && str_starts(at, path) && at[n] == '/' && !can_be_mapped(at, userns))
			return xstrdup(at);
	}
	return xstrdup(path);
}

/* "invalid argument" is what users are told elsewhere (crun 1380, runc 3949). */
static int explain(const struct source_request *r, int userns, struct err *e)
{
	auto_free char *path = NULL, *type = NULL;
	const char *since = NULL;

	if (e->code == ENOSYS)
		return err_wrap(e, "id-mapped mounts need Linux 5.12");
	if (e->code == EPERM)
		return err_wrap(
			e,
			"%s cannot be id-mapped: it is already, or its file system belongs to another user namespace",
			r->path);
	if (e->code != EINVAL)
		return -1;
	path = r->mapped_recursive ? find_unmappable(r->path, userns) : xstrdup(r->path);
	type = type_of(path);
	for (size_t i = 0; type && i < ARRAY_SIZE(mappable); i++) {
		if (!strcmp(type, mappable[i].type))
			since = mappable[i].since;
	}
	if (since)
		return err_wrap(
			e,
			"%s is on a file system that this kernel cannot id-map (%s can be since Linux %s)",
			path, type, since);
	return err_wrap(e, "%s is on a file system that cannot be id-mapped (%s%s)", path,
			type ? type : "of unknown type",
			type && !strcmp(type, "overlay") ? ", of which only layers can be" : "");
}

static int map_ids(pid_t init, int tree, const struct source_request *r, struct err *e)
{
	unsigned flags = AT_EMPTY_PATH | (r->mapped_recursive ? AT_RECURSIVE : 0);
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };
	auto_close int fd = r->uid_map ? userns_of_maps(r->uid_map, r->gid_map, e) :
					 open_proc(init, "ns/user", O_RDONLY);

	if (fd < 0)
		return r->uid_map ? -1 : err_sys(e, "open the container's user namespace");
	attr.userns_fd = (uint64_t)fd;
	if (sys_mount_setattr(tree, "", flags, &attr) == 0)
		return 0;
	err_sys(e, "mount_setattr");
	return explain(r, fd, e);
}

int source_open_for(pid_t init, const struct source_request *r, struct err *e)
{
	auto_close int fd = open_anywhere(init, r, e);

	if (fd < 0 || (r->mapped && map_ids(init, fd, r, e) < 0))
		return -1;
	return take_fd(&fd);
}
