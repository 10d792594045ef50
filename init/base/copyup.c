/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tmpcopyup: a tmpfs that begins with what the image has at its place. Runs in stage 2; the source
 * is the image's content and may be anything, so every name is opened without following links, and
 * what is neither file, directory nor link is left out.
 */
#include "init/base/copyup.h"

#include "state/base/fd.h"
#include "state/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEPTH_MAX 128

static int copy_dir(int from, int to, unsigned depth, struct err *e);

static int keep_meta(int fd, const struct stat *st, struct err *e)
{
	struct timespec times[2] = { st->st_atim, st->st_mtim };

	if (fchown(fd, st->st_uid, st->st_gid) < 0 && errno != EPERM && errno != EINVAL)
		return err_sys(e, "chown");
	if (fchmod(fd, st->st_mode & 07777) < 0)
		return err_sys(e, "chmod");
	futimens(fd, times);
	return 0;
}

static int copy_file(int from_dir, int to_dir, const char *name, struct err *e)
{
	auto_close int from = fd_open(from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, e);
	auto_close int to = -1;
	struct stat st;
	ssize_t n;

	if (from < 0)
		return -1;
	if (fstat(from, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s changed while it was copied", name);
	to = fd_open(to_dir, name, O_WRONLY | O_CREAT | O_EXCL, 0600, e);
	if (to < 0)
		return -1;
	do {
		n = sendfile(to, from, NULL, 1 << 20);
	} while (n > 0);
	if (n < 0)
		return err_sys(e, "copy %s", name);
	return keep_meta(to, &st, e);
}

static int copy_link(int from_dir, int to_dir, const char *name, const struct stat *st,
		     struct err *e)
{
	char target[4096];
	ssize_t n = readlinkat(from_dir, name, target, sizeof(target) - 1);

	if (n < 0)
		return err_sys(e, "read the link %s", name);
	target[n] = '\0';
	if (symlinkat(target, to_dir, name) < 0)
		return err_sys(e, "make the link %s", name);
	if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno != EPERM && errno != EINVAL)
		return err_sys(e, "chown %s", name);
	return 0;
}

static int copy_subdir(int from_dir, int to_dir, const char *name, unsigned depth, struct err *e)
{
	auto_close int from = fd_open(from_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, e);
	auto_close int to = -1;
	struct stat st;

	if (from < 0)
		return -1;
	if (fstat(from, &st) < 0 || mkdirat(to_dir, name, 0700) < 0)
		return err_sys(e, "make the directory %s", name);
	to = fd_open(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, e);
	if (to < 0 || copy_dir(from, to, depth + 1, e) < 0)
		return -1;
	return keep_meta(to, &st, e);
}

static int copy_entry(int from, int to, const char *name, unsigned depth, struct err *e)
{
	struct stat st;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "stat %s", name);
	if (S_ISREG(st.st_mode))
		return copy_file(from, to, name, e);
	if (S_ISLNK(st.st_mode))
		return copy_link(from, to, name, &st, e);
	if (S_ISDIR(st.st_mode))
		return copy_subdir(from, to, name, depth, e);
	return 0;
}

static int copy_dir(int from, int to, unsigned depth, struct err *e)
{
	int fd = fcntl(from, F_DUPFD_CLOEXEC, 3), r = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir)
		return err_sys(e, "read a directory");
	if (depth > DEPTH_MAX)
		r = err_set(e, ELOOP, "more than %d directories deep", DEPTH_MAX);
	while (r == 0 && (d = readdir(dir))) {
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, ".."))
			r = copy_entry(from, to, d->d_name, depth, e);
	}
	closedir(dir);
	return r;
}

/* The tmpfs itself keeps the mode and owner that its options gave it. */
int copyup(int from_fd, int to_fd, struct err *e)
{
	return copy_dir(from_fd, to_fd, 0, e) < 0 ? err_wrap(e, "tmpcopyup") : 0;
}
