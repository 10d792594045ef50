/* SPDX-License-Identifier: Apache-2.0 */
/*
 * maskedPaths and readonlyPaths. Runs in stage 2 after the change of root. Paths that do not exist
 * are skipped, as the specification wants; a path that is there and cannot be masked is an error.
 */
#include "init/init.h"
#include "init/base/inside.h"
#include "init/base/lsm.h"
#include "init/mount.h"
#include "init/mount/mount_new.h"
#include "nsexec/tree.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * start_close_fds() closes what is left open with one call; a long list must not use up the
 * descriptors meanwhile.
 */
#define LATER_MAX  256
#define auto_later __attribute__((cleanup(close_later)))

static void close_later(int *fd)
{
	if (*fd >= LATER_MAX)
		close(*fd);
}

static int at_path(const char *list, size_t i, struct err *e)
{
	err_at_index(e, i);
	err_at_key(e, list);
	return err_at_key(e, "linux");
}

static bool is_repeated(const struct str_array *p, size_t i)
{
	for (size_t k = 0; k < i; k++) {
		if (!strcmp(p->v[k], p->v[i]))
			return true;
	}
	return false;
}

static const char *const kernel_dirs[] = { "/proc", "/sys" };

void mask_remember(struct init *in, const char *dest, int fd)
{
	auto_close int mine = fd;

	for (size_t i = 0; i < ARRAY_SIZE(kernel_dirs); i++) {
		if (strcmp(dest, kernel_dirs[i]) != 0)
			continue;
		if (in->kernel_fds[i] >= 0)
			close(in->kernel_fds[i]);
		in->kernel_fds[i] = take_fd(&mine);
	}
}

/*
 * Who shares the root file system can rename its directories meanwhile, and the mounts go with them
 * (mount_namespaces(7)): the path of a mask would then lead to nothing, or to a fake.
 */
static int check_in_place(const struct init *in, size_t i, struct err *e)
{
	struct stat mounted, found;

	if (fstat(in->kernel_fds[i], &mounted) == 0 &&
	    fstatat(in->root_fd, kernel_dirs[i] + 1, &found, AT_SYMLINK_NOFOLLOW) == 0 &&
	    fd_same_file(&mounted, &found))
		return 0;
	return err_set(e, ESTALE, "what was mounted at %s is not there any more", kernel_dirs[i]);
}

/* Where *path begins; what leads there is taken off it. -1 for an error. */
static int start_of(struct init *in, const char **path, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(kernel_dirs); i++) {
		size_t n = strlen(kernel_dirs[i]);

		if (in->kernel_fds[i] < 0 || strncmp(*path, kernel_dirs[i], n) != 0 ||
		    (*path)[n] != '/' || strstr(*path, "/.."))
			continue;
		if (!in->kernel_checked[i] && check_in_place(in, i, e) < 0)
			return -1;
		in->kernel_checked[i] = true;
		*path += n;
		return in->kernel_fds[i];
	}
	return in->root_fd;
}

/* 1: opened, 0: there is nothing to do. "/file/" is that file too, and must not stay as it is. */
static int open_path(struct init *in, const char *path, int *ret_fd, struct err *e)
{
	int start = start_of(in, &path, e);

	if (start < 0)
		return -1;
	*ret_fd = inside_open(start, path, 0);
	if (*ret_fd < 0 && errno == ENOTDIR) {
		auto_free char *clean = path_join("/", path);

		*ret_fd = inside_open(start, clean, 0);
	}
	if (*ret_fd >= 0)
		return 1;
	return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(e, "open %s", path);
}

/* A second mount of the same thing on top of itself, read-only with everything below it. */
static int make_readonly(struct init *in, const char *path, struct err *e)
{
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	auto_later int fd = -1, tree = -1;
	int r = open_path(in, path, &fd, e);

	if (r <= 0)
		return r;
	tree = tree_open(fd, "", AT_EMPTY_PATH | AT_RECURSIVE);
	if (tree < 0)
		return err_sys(e, "make %s read-only", path);
	/* Before Linux 5.12 without what is below it, as runc does always. */
	if (tree_set_attr(tree, AT_RECURSIVE, &ro) < 0 &&
	    (errno != ENOSYS || tree_set_attr(tree, 0, &ro) < 0))
		return err_sys(e, "make %s read-only", path);
	if (mount_attach(tree, fd, e) < 0)
		return err_wrap(e, "make %s read-only", path);
	return 0;
}

int mask_readonly_paths(struct init *in, struct err *e)
{
	const struct str_array *p = &in->a->spec->linux_->readonly_paths;

	for (size_t i = 0; i < p->n; i++) {
		if (!is_repeated(p, i) && make_readonly(in, p->v[i], e) < 0)
			return at_path("readonlyPaths", i, e);
	}
	return 0;
}

/* What covers the masked paths; opened when the first one needs it. */
struct covers {
	int tmpfs_fd; /* one empty tmpfs for all directories, attached to the first of them */
};

static int open_null(struct init *in, struct err *e)
{
	if (in->null_fd < 0)
		in->null_fd = inside_open_null(in->root_fd, e);
	return in->null_fd < 0 ? -1 : 0;
}

static int cover_file(struct init *in, int fd, struct err *e)
{
	auto_later int tree = -1;

	if (open_null(in, e) < 0)
		return -1;
	tree = tree_open(in->null_fd, "", AT_EMPTY_PATH);
	if (tree < 0)
		return err_sys(e, "open_tree /dev/null");
	return mount_attach(tree, fd, e);
}

/* One tmpfs serves every directory: a node with many pods has thousands of them (k8s 138512). */
static int cover_directory(struct init *in, struct covers *c, int fd, struct err *e)
{
	const uint64_t attrs = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
			       MOUNT_ATTR_NOEXEC;
	auto_later int tree = -1;

	if (c->tmpfs_fd < 0) {
		auto_str struct str buf = { 0 };

		c->tmpfs_fd = mount_new_fs(
			"tmpfs", "tmpfs", attrs,
			lsm_mount_data(in, "tmpfs", "nr_blocks=1,nr_inodes=1", &buf), e);
		return c->tmpfs_fd < 0 ? -1 : mount_attach(c->tmpfs_fd, fd, e);
	}
	tree = tree_open(c->tmpfs_fd, "", AT_EMPTY_PATH);
	if (tree < 0)
		return err_sys(e, "open_tree of the empty tmpfs");
	return mount_attach(tree, fd, e);
}

static int mask(struct init *in, struct covers *c, const char *path, struct err *e)
{
	auto_later int fd = -1;
	struct stat st;
	int r = open_path(in, path, &fd, e);

	if (r <= 0)
		return r;
	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat %s", path);
	r = S_ISDIR(st.st_mode) ? cover_directory(in, c, fd, e) : cover_file(in, fd, e);
	return r < 0 ? err_wrap(e, "mask %s", path) : 0;
}

int mask_masked_paths(struct init *in, struct err *e)
{
	const struct str_array *p = &in->a->spec->linux_->masked_paths;
	struct covers c = { -1 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < p->n; i++) {
		r = is_repeated(p, i) ? 0 : mask(in, &c, p->v[i], e);
		if (r < 0)
			at_path("maskedPaths", i, e);
	}
	tree_end(); /* the last mount is made */
	return r;   /* start_close_fds() closes the descriptors with the rest */
}
