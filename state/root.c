/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state directory and the containers' directories in it. Runs in hull, with the rights of its
 * caller. Whoever may write to the state directory could plant a record that makes hull kill
 * processes, so a container's directory must belong to the caller.
 */
#include "state/root.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/record.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/base/trace.h"

#define DEFAULT_ROOT "/run/hull"
#define ID_MAX	     255 /* NAME_MAX: it is the name of a directory, here and in cgroupfs */

/* --- The state directory ---------------------------------------------------------------------- */

bool root_is_of_user_ns(void)
{
	char map[64];

	if (geteuid() != 0 || fd_read_small(AT_FDCWD, "/proc/self/uid_map", map, sizeof(map)) < 0)
		return false;
	return strcmp(map, "         0          0 4294967295") != 0;
}

/*
 * XDG_RUNTIME_DIR is for users. Root may have inherited that of the user he was before, so only a
 * root in a user namespace, who does not call himself root, is taken for one (as runc does).
 */
static bool honour_xdg(void)
{
	const char *user = getenv("USER");

	if (geteuid() != 0)
		return true;
	return !(user && !strcmp(user, "root")) && root_is_of_user_ns();
}

static int absolute(const char *path, char **ret, struct err *e)
{
	auto_free char *cwd = NULL;

	if (*path == '/') {
		*ret = path_clean(path);
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return err_sys(e, "get the current directory");
	*ret = path_join(cwd, path);
	return 0;
}

int root_find(const char *option, struct root *ret, struct err *e)
{
	const char *xdg;

	*ret = (struct root){ .is_default = str_empty(option) };
	if (!ret->is_default) {
		if (absolute(option, &ret->path, e) < 0)
			return -1;
		if (strcmp(ret->path, "/") != 0)
			return 0;
		root_done(ret);
		return err_set(e, EINVAL, "Option --root argument should not be set to /");
	}
	xdg = getenv("XDG_RUNTIME_DIR");
	ret->sticky = !str_empty(xdg) && honour_xdg();
	ret->path = ret->sticky ? path_join(xdg, "hull") : xstrdup(DEFAULT_ROOT);
	return 0;
}

void root_done(struct root *r)
{
	free(r->path);
	r->path = NULL;
}

static int not_his(const struct root *r, struct err *e)
{
	if (e->code == EROFS)
		return err_wrap(
			e,
			"hull needs a directory for the state of containers, on a tmpfs best; --root names another");
	if ((e->code != EACCES && e->code != EPERM) || !r->is_default || r->sticky)
		return -1;
	return err_wrap(
		e, "an ordinary user's state belongs in $XDG_RUNTIME_DIR, which is not set, or "
		   "where --root says");
}

static int make_root(const struct root *r, struct err *e)
{
	int failed = mkdir(r->path, 0700) < 0 && errno != EEXIST;

	if (failed && errno == ENOENT) {
		if (fd_make_parents(r->path, e) < 0)
			return not_his(r, e);
		failed = mkdir(r->path, 0700) < 0 && errno != EEXIST;
	}
	if (failed) {
		err_sys(e, "mkdir %s", r->path);
		return not_his(r, e);
	}
	if (r->sticky && chmod(r->path, 01700) < 0)
		return err_sys(e, "chmod %s", r->path);
	return 0;
}

/* openat: musl's open makes a second system call for O_CLOEXEC. */
int root_open(const struct root *r, bool create, struct err *e)
{
	int fd = openat(AT_FDCWD, r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && create) {
		if (make_root(r, e) < 0)
			return -1;
		fd = openat(AT_FDCWD, r->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd >= 0)
		return fd;
	err_sys(e, "open %s", r->path);
	return not_his(r, e);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Takes fd. */
static DIR *open_dir(int fd, struct err *e)
{
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		err_sys(e, "read directory");
		cleanup_close(&fd);
	}
	return d;
}

static struct dirent *next_entry(DIR *d)
{
	struct dirent *entry;

	do {
		entry = readdir(d);
	} while (entry && (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")));
	return entry;
}

int root_list(int root_fd, char ***ret, struct err *e)
{
	DIR *d = open_dir(openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), e);
	struct dirent *entry;
	char **ids = NULL;
	size_t n = 0;
	struct err ignored;

	if (!d)
		return -1;
	while ((entry = next_entry(d))) {
		if ((entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN) ||
		    root_check_id(entry->d_name, &ignored) < 0)
			continue;
		ids = xrealloc(ids, (n + 2) * sizeof(*ids));
		ids[n++] = xstrdup(entry->d_name);
	}
	closedir(d);
	if (!ids)
		ids = xmalloc(sizeof(*ids));
	else
		qsort(ids, n, sizeof(*ids), by_name);
	ids[n] = NULL;
	*ret = ids;
	return 0;
}

/* --- A container's directory ------------------------------------------------------------------ */

int root_check_id(const char *id, struct err *e)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "_+-.";
	size_t n = strlen(id);

	if (!n)
		return err_set(e, EINVAL, "container id cannot be empty");
	if (n > ID_MAX)
		return err_set(e, ENAMETOOLONG,
			       "invalid container ID format: \"%.32s...\" has %zu characters, "
			       "the most is %d",
			       id, n, ID_MAX);
	if (id[strspn(id, chars)] || !strcmp(id, ".") || !strcmp(id, ".."))
		return err_set(e, EINVAL,
			       "invalid container ID format: \"%s\" is not made of letters, digits "
			       "and _+-. alone",
			       id);
	return 0;
}

void container_close(struct container *c)
{
	free(c->id);
	cleanup_close(&c->dir_fd);
	cleanup_close(&c->root_fd);
	*c = CONTAINER_INIT;
}

static int does_not_exist(struct err *e)
{
	return err_set(e, ENOENT, "container does not exist");
}

/* Open ROOT/ID into *c, which is to be closed on failure, too; root_fd is c's from now on. */
static int open_dir_of(int root_fd, const char *id, struct container *c, struct err *e)
{
	*c = (struct container){ .id = xstrdup(id), .root_fd = root_fd, .dir_fd = -1 };
	c->dir_fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (c->dir_fd >= 0)
		return 0;
	if (errno == ENOENT)
		does_not_exist(e);
	else
		err_sys(e, "open the directory of container %s", id);
	return -1;
}

static int open_in(int root_fd, const char *id, struct container *c, struct err *e)
{
	struct stat st;

	if (open_dir_of(root_fd, id, c, e) < 0)
		;
	else if (fstat(c->dir_fd, &st) < 0)
		err_sys(e, "stat the directory of container %s", id);
	else if (st.st_mode & 0022)
		err_set(e, EPERM,
			"the directory of container %s can be written by others (mode %o)", id,
			(unsigned)st.st_mode & 07777);
	else if (st.st_uid != geteuid())
		err_set(e, EPERM,
			"the directory of container %s belongs to user %u, not to user %u", id,
			(unsigned)st.st_uid, (unsigned)geteuid());
	else
		return 0;
	container_close(c);
	return -1;
}

int container_open_at(int root_fd, const char *id, struct container *ret, struct err *e)
{
	int fd = fcntl(root_fd, F_DUPFD_CLOEXEC, 3);

	return fd < 0 ? err_sys(e, "duplicate a descriptor") : open_in(fd, id, ret, e);
}

int container_open(const struct root *r, const char *id, struct container *ret, struct err *e)
{
	int fd;

	if (root_check_id(id, e) < 0)
		return -1;
	fd = root_open(r, false, e);
	if (fd < 0)
		return e->code == ENOENT ? does_not_exist(e) : -1;
	return open_in(fd, id, ret, e);
}

static int already_exists(struct err *e)
{
	return err_set(e, EEXIST, "container with given ID already exists");
}

static int take_lock(struct container *c, int timeout_ms, struct err *e);

int container_create(const struct root *r, const char *id, struct container *ret, struct err *e)
{
	trace_here("make the state directory", NULL);
	auto_container struct container c = CONTAINER_INIT;
	auto_close int root_fd = -1;

	if (root_check_id(id, e) < 0)
		return -1;
	root_fd = root_open(r, true, e);
	if (root_fd < 0)
		return -1;
	if (mkdirat(root_fd, id, 0711) < 0) {
		if (errno == EEXIST)
			return already_exists(e);
		return err_sys(e, "mkdir %s/%s", r->path, id);
	}
	/* A delete may have been quicker; then nothing can be made in the directory any more. */
	if (open_dir_of(take_fd(&root_fd), id, &c, e) < 0 || take_lock(&c, 1000, e) < 0) {
		unlinkat(c.root_fd, id, AT_REMOVEDIR);
		return err_wrap(e, "lock the new container");
	}
	/* And another create, which has made it again, and has done by now. */
	if (faccessat(c.dir_fd, RECORD_FILE, F_OK, 0) == 0)
		return already_exists(e);
	*ret = c;
	c = CONTAINER_INIT;
	return 0;
}

/* --- Locking ---------------------------------------------------------------------------------- */

static void on_alarm(int sig)
{
	(void)sig;
}

/*
 * A blocking flock(2) that SIGALRM interrupts. The timer fires again until it is stopped: the first
 * signal may come before the call.
 */
static int flock_until(int fd, int timeout_ms)
{
	struct sigaction act = { .sa_handler = on_alarm }, old;
	struct itimerval off = { 0 }, timer = {
		.it_value = { timeout_ms / 1000, timeout_ms % 1000 * 1000 },
		.it_interval = { 0, 10000 },
	};
	int64_t end = sys_now_ms() + timeout_ms;
	int r;

	sigset_t alarm_only, blocked;

	/* hull run has blocked every signal. */
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &alarm_only, &blocked);
	sigaction(SIGALRM, &act, &old);
	setitimer(ITIMER_REAL, &timer, NULL);
	do {
		r = flock(fd, LOCK_EX);
	} while (r < 0 && errno == EINTR && sys_now_ms() < end);
	setitimer(ITIMER_REAL, &off, NULL);
	sigprocmask(SIG_SETMASK, &blocked, NULL);
	sigaction(SIGALRM, &old, NULL);
	return r;
}

/* While we waited, the directory may have been removed, and made again for another container. */
static int still_there(const struct container *c, struct err *e)
{
	struct stat mine, named;

	if (fstat(c->dir_fd, &mine) < 0)
		return err_sys(e, "stat the directory of container %s", c->id);
	if (fstatat(c->root_fd, c->id, &named, AT_SYMLINK_NOFOLLOW) == 0)
		return fd_same_file(&named, &mine) ? 0 : does_not_exist(e);
	return errno == ENOENT ? does_not_exist(e) :
				 err_sys(e, "look whether container %s is still there", c->id);
}

static int take_lock(struct container *c, int timeout_ms, struct err *e)
{
	int r = flock(c->dir_fd, LOCK_EX | LOCK_NB);

	if (r < 0 && errno == EWOULDBLOCK && timeout_ms > 0)
		r = flock_until(c->dir_fd, timeout_ms);
	if (r < 0 && (errno == EWOULDBLOCK || errno == EINTR))
		return err_set(e, ETIMEDOUT, "another command is still working on container %s",
			       c->id);
	if (r < 0)
		return err_sys(e, "lock the directory of container %s", c->id);
	c->locked = true;
	return 0;
}

int container_lock(struct container *c, int timeout_ms, struct err *e)
{
	if (c->locked)
		return 0;
	if (take_lock(c, timeout_ms, e) < 0)
		return -1;
	if (still_there(c, e) < 0) {
		container_unlock(c);
		return -1;
	}
	return 0;
}

void container_unlock(struct container *c)
{
	if (c->locked)
		flock(c->dir_fd, LOCK_UN);
	c->locked = false;
}

/* --- Removing --------------------------------------------------------------------------------- */

/* Everything in fd, which is taken, but the entry keep (or NULL). */
static int empty_dir(int fd, const char *keep, struct err *e)
{
	DIR *d = open_dir(fd, e);
	struct dirent *entry;
	int r = 0;

	if (!d)
		return -1;
	while (r == 0 && (entry = next_entry(d))) {
		const char *name = entry->d_name;

		if (keep && !strcmp(name, keep))
			continue;
		if (unlinkat(fd, name, 0) == 0 || errno == ENOENT)
			continue;
		if (errno != EISDIR && errno != EPERM)
			r = err_sys(e, "remove %s", name);
		else
			r = empty_dir(openat(fd, name,
					     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
				      NULL, e);
		if (r == 0 && unlinkat(fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
			r = err_sys(e, "remove %s", name);
	}
	closedir(d);
	return r;
}

static int remove_rest(struct container *c, struct err *e)
{
	if (empty_dir(openat(c->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), RECORD_FILE, e) <
	    0)
		return -1;
	if (unlinkat(c->dir_fd, RECORD_FILE, 0) < 0 && errno != ENOENT)
		return err_sys(e, "remove %s", RECORD_FILE);
	if (unlinkat(c->root_fd, c->id, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return err_sys(e, "remove %s", c->id);
	return 0;
}

static int remove_all(struct container *c, struct err *e)
{
	/* What most have, without looking; a directory with more in it stays, and is looked at. */
	unlinkat(c->dir_fd, RECORD_CONFIG, 0);
	unlinkat(c->dir_fd, RECORD_DECODED, 0);
	if (unlinkat(c->dir_fd, RECORD_FILE, 0) == 0 &&
	    unlinkat(c->root_fd, c->id, AT_REMOVEDIR) == 0)
		return 0;
	return remove_rest(c, e);
}

int container_remove(struct container *c, struct err *e)
{
	trace_here("remove the state directory", NULL);
	return remove_all(c, e) < 0 ? err_wrap(e, "unable to remove container state dir") : 0;
}
