/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Safe lookup and creation below the container's root. Runs in stage 2 before and after the
 * change of root. openat2(2) does the common case in one call; what it cannot do, creating missing
 * components, and kernels before 5.6, is a walk that opens one component at a time without
 * following anything by itself.
 */
#include "init/base/inside.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define WALK_DEPTH 256
#define WALK_LINKS 40 /* as the kernel's MAXSYMLINKS */

/* Where the walk is: the descriptors from the root down to here, for "..". */
struct walk {
	int fds[WALK_DEPTH];
	size_t n;
	unsigned links;
	char *rest; /* what is still to be walked */
	bool make;
	enum inside_kind kind;
};

static void walk_done(struct walk *w)
{
	for (size_t i = 1; i < w->n; i++)
		close(w->fds[i]);
	free(w->rest);
}

static void walk_up_to(struct walk *w, size_t n)
{
	while (w->n > n)
		close(w->fds[--w->n]);
}

static int walk_push(struct walk *w, int fd)
{
	if (w->n == WALK_DEPTH) {
		close(fd);
		errno = ENAMETOOLONG;
		return -1;
	}
	w->fds[w->n++] = fd;
	return 0;
}

static int walk_link(struct walk *w, int fd)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof(target) - 1);
	char *rest;

	if (n < 0)
		return -1;
	if (++w->links > WALK_LINKS) {
		errno = ELOOP;
		return -1;
	}
	target[n] = '\0';
	if (target[0] == '/')
		walk_up_to(w, 1);
	rest = xasprintf("%s/%s", target, w->rest);
	free(w->rest);
	w->rest = rest;
	return 0;
}

/* Make name in the present directory; somebody else may have been faster. */
static int make(struct walk *w, const char *name, bool last)
{
	int dir = w->fds[w->n - 1], fd;

	if (!last || w->kind == INSIDE_DIR)
		return mkdirat(dir, name, 0755) < 0 && errno != EEXIST ? -1 : 0;
	fd = openat(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return errno == EEXIST ? 0 : -1;
	close(fd);
	return 0;
}

static int walk_step(struct walk *w, const char *name, bool last)
{
	int dir = w->fds[w->n - 1], fd;
	struct stat st;

	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && w->make) {
		if (make(w, name, last) < 0)
			return -1;
		fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
		int r = walk_link(w, fd);

		close(fd);
		return r;
	}
	return walk_push(w, fd);
}

static int walk(struct walk *w)
{
	char name[NAME_MAX + 1];

	for (;;) {
		size_t skip = strspn(w->rest, "/"), len = strcspn(w->rest + skip, "/");
		size_t after = skip + len + strspn(w->rest + skip + len, "/");

		if (!len)
			return 0;
		if (len > NAME_MAX) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(name, w->rest + skip, len);
		name[len] = '\0';
		memmove(w->rest, w->rest + after, strlen(w->rest + after) + 1);
		if (!strcmp(name, "."))
			continue;
		if (!strcmp(name, "..")) {
			walk_up_to(w, w->n > 1 ? w->n - 1 : 1);
			continue;
		}
		if (walk_step(w, name, !*w->rest) < 0)
			return -1;
	}
}

static int walk_path(int root_fd, const char *path, bool create, enum inside_kind kind)
{
	struct walk w = { .fds = { root_fd }, .n = 1, .make = create, .kind = kind };
	int fd = -1, saved;

	w.rest = xstrdup(path);
	if (walk(&w) == 0)
		fd = fcntl(w.fds[w.n - 1], F_DUPFD_CLOEXEC, 3);
	saved = errno;
	walk_done(&w);
	errno = saved;
	return fd;
}

int inside_open(int root_fd, const char *path, int flags)
{
	int fd = fd_open_in_root(root_fd, path, O_PATH | flags, 0);

	/* Before Linux 5.6; the walk follows links inside the root like openat2 does. */
	if (fd < 0 && errno == ENOSYS)
		fd = walk_path(root_fd, path, false, INSIDE_DIR);
	return fd;
}

/* The common case: all but the last directory is there. */
static int make_last(int root_fd, const char *path)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = slash && slash[1] ? xstrndup(path, (size_t)(slash - path) + 1) : NULL;
	auto_close int parent = dir ? fd_open_in_root(root_fd, dir, O_PATH | O_DIRECTORY, 0) : -1;

	if (parent < 0 || mkdirat(parent, slash + 1, 0755) < 0) {
		errno = ENOENT;
		return -1;
	}
	return openat(parent, slash + 1, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* The container's root has all rights over what its user namespace maps (user_namespaces(7)). */
static int not_made(const char *path, struct err *e)
{
	err_sys(e, "open or create %s in the container's root", path);
	if (e->code == EACCES || e->code == EOVERFLOW)
		err_wrap(
			e,
			"the container's root may not: do its files belong to ids that the user namespace "
			"does not map?");
	return -1;
}

int inside_make_missing(int root_fd, const char *path, enum inside_kind kind, struct err *e)
{
	int fd = kind == INSIDE_DIR ? make_last(root_fd, path) : -1;

	if (fd < 0)
		fd = walk_path(root_fd, path, true, kind);
	return fd < 0 ? not_made(path, e) : fd;
}

int inside_make(int root_fd, const char *path, enum inside_kind kind, struct err *e)
{
	int fd = fd_open_in_root(root_fd, path, O_PATH | (kind == INSIDE_DIR ? O_DIRECTORY : 0), 0);

	if (fd < 0 && (errno == ENOENT || errno == ENOSYS))
		return inside_make_missing(root_fd, path, kind, e);
	return fd < 0 ? not_made(path, e) : fd;
}

int inside_make_parent(int root_fd, const char *path, const char **ret_name, struct err *e)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup("/");
	const char *name = slash ? slash + 1 : path;

	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return err_set(e, EINVAL, "%s does not end in a file name", path);
	*ret_name = name;
	return inside_make(root_fd, dir, INSIDE_DIR, e);
}

int inside_open_null(int root_fd, struct err *e)
{
	auto_close int fd = fd_open_in_root(root_fd, "dev/null", O_PATH, RESOLVE_NO_SYMLINKS);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "open /dev/null in the container");
	if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
		return err_set(e, EINVAL, "/dev/null in the container is not the null device");
	return take_fd(&fd);
}
