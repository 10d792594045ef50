/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is in a container's cgroups: freezing, listing and killing them, and removing the cgroups
 * once they are empty. Runs in hull itself. Waiting means poll(2) on cgroup.events (v2) or on
 * pidfds (v1), always with a deadline.
 */
#include "state/cgroup/cgroup_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#define FREEZE_TIMEOUT_MS 10000
#define PIDS_FILE_MAX	  ((size_t)64 << 20)

/* The directory, its cgroup or a process in it has just gone. */
static bool is_gone(int code)
{
	return code == ENOENT || code == ENODEV || code == ESRCH;
}

/* --- Listing ---------------------------------------------------------------------------------- */

static void add_pids(char *text, pid_t **pids, size_t *n)
{
	char *line;
	size_t size = 0;
	uint64_t pid;

	for (const char *p = text; *p; p++)
		size += *p == '\n';
	*pids = xrealloc(*pids, (*n + size + 1) * sizeof(**pids));
	while ((line = strsep(&text, "\n"))) {
		/* 0 is a process of a PID namespace that hull cannot see; kill(0) would be hull's group. */
		if (str_to_u64(line, &pid) && pid > 0 && pid <= INT32_MAX)
			(*pids)[(*n)++] = (pid_t)pid;
	}
}

static int read_pids(int dirfd, const char *file, pid_t **pids, size_t *n, struct err *e)
{
	auto_free char *text = NULL;

	if (fd_read_file(dirfd, file, PIDS_FILE_MAX, &text, NULL, e) < 0)
		return is_gone(e->code) ? 0 : -1;
	add_pids(text, pids, n);
	return 0;
}

/* The next subdirectory in d, or NULL. cgroupfs fills in d_type, and has no symbolic links. */
static const char *next_dir(DIR *d)
{
	struct dirent *entry;

	/* cppcheck-suppress readdirCalled */
	while ((entry = readdir(d))) {
		if (entry->d_type == DT_DIR && strcmp(entry->d_name, ".") &&
		    strcmp(entry->d_name, ".."))
			return entry->d_name;
	}
	return NULL;
}

static int move_to(int *fd, const char *name)
{
	int next = openat(*fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (next < 0)
		return -1;
	close(*fd);
	*fd = next;
	return 0;
}

/* A cgroup above the one that is looked at, or that one: which of those below it come next. */
struct level {
	struct str names; /* each with its NUL */
	size_t at;
};

static int list_dirs(int fd, struct str *ret, struct err *e)
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	const char *name;

	if (!d) {
		if (again >= 0)
			close(again);
		return is_gone(errno) ? 0 : err_sys(e, "open directory");
	}
	while ((name = next_dir(d)))
		str_add_n(ret, name, strlen(name) + 1);
	closedir(d);
	return 0;
}

static int visit(int fd, bool top, struct level *l, pid_t **pids, size_t *n, struct err *e)
{
	int r = read_pids(fd, "cgroup.procs", pids, n, e);

	/* In a threaded cgroup only its domain lists processes (cgroup-v2.rst): the top must do. */
	if (r < 0 && e->code == EOPNOTSUPP)
		r = top ? read_pids(fd, "cgroup.threads", pids, n, e) : 0;
	*l = (struct level){ .at = 0 };
	return r < 0 ? -1 : list_dirs(fd, &l->names, e);
}

/* Goes with *fd, without recursion: see remove_below(). */
static int tree_pids(int *fd, pid_t **pids, size_t *n, struct err *e)
{
	auto_free struct level *levels = xmalloc(sizeof(*levels));
	size_t depth = 1;
	int r = visit(*fd, true, levels, pids, n, e);

	while (r == 0 && depth > 0) {
		struct level *l = &levels[depth - 1];
		const char *name;

		if (l->at == l->names.n) {
			str_done(&l->names);
			if (--depth > 0 && move_to(fd, "..") < 0)
				r = err_sys(e, "open the cgroup above");
			continue;
		}
		name = l->names.s + l->at;
		l->at += strlen(name) + 1;
		if (move_to(fd, name) < 0) {
			r = is_gone(errno) ? 0 : err_sys(e, "open %s", name);
			continue;
		}
		levels = xrealloc(levels, (depth + 1) * sizeof(*levels));
		r = visit(*fd, false, &levels[depth++], pids, n, e);
	}
	while (depth > 0)
		str_done(&levels[--depth].names);
	return r;
}

int cgroup_dir_pids(const char *dir, pid_t **pids, size_t *n, struct err *e)
{
	auto_close int fd = openat(AT_FDCWD, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return is_gone(errno) ? 0 : err_sys(e, "open %s", dir);
	return tree_pids(&fd, pids, n, e) < 0 ? err_wrap(e, "%s", dir) : 0;
}

/*
 * One hierarchy tells: every process of the container is in all of them. On v1 the freezer,
 * whose subdirectories hardly anyone uses, or else whatever there is.
 */
static const struct cgroup_dir *main_dir(const struct cgroup *cg)
{
	static const char *const order[] = { "freezer", "devices", "pids", "memory", "" };
	const struct cgroup_dir *d = NULL;

	for (size_t i = 0; !d && i < ARRAY_SIZE(order); i++)
		d = cgroup_find(cg, order[i]);
	return d ? d : cg->n ? &cg->dirs[0] : NULL;
}

int cgroup_pids(const struct cgroup *cg, pid_t **ret, size_t *ret_n, struct err *e)
{
	const struct cgroup_dir *d = main_dir(cg);
	auto_free pid_t *pids = NULL;
	size_t n = 0;

	if (d && cgroup_dir_pids(d->path, &pids, &n, e) < 0)
		return -1;
	*ret = take_ptr(&pids);
	*ret_n = n;
	return 0;
}

/* --- Freezing --------------------------------------------------------------------------------- */

static bool reads(const char *dir, const char *file, const char *word)
{
	char text[64];

	return cgroup_read(dir, file, text, sizeof(text)) >= 0 && !strcmp(text, word);
}

bool cgroup_dir_frozen(const char *dir, bool v2)
{
	char text[64];

	if (v2)
		return reads(dir, "cgroup.freeze", "1") ||
		       cgroup_read_key(dir, "cgroup.events", "frozen") == 1;
	return cgroup_read(dir, "freezer.state", text, sizeof(text)) >= 0 && strcmp(text, "THAWED");
}

int cgroup_is_frozen(const struct cgroup *cg)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "freezer", &v2);

	return d && reads(d->path, v2 ? "cgroup.freeze" : "freezer.self_freezing", "1");
}

/*
 * Wait until "key value" stands in dir/cgroup.events: kernfs wakes pollers with POLLPRI when the
 * file changes after they read it. Returns 1, or 0 after the deadline.
 */
static int wait_event(const char *dir, const char *key, int64_t value, int64_t deadline,
		      struct err *e)
{
	auto_free char *path = xasprintf("%s/cgroup.events", dir), *want = NULL;
	auto_close int fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	struct pollfd p = { .fd = fd, .events = POLLPRI };
	char text[256] = "\n";
	int64_t left;
	ssize_t n;

	if (fd < 0)
		return is_gone(errno) ? 1 : err_sys(e, "open %s", path);
	want = xasprintf("\n%s %d\n", key, (int)value);
	for (;;) {
		n = pread(fd, text + 1, sizeof(text) - 2, 0);
		if (n < 0)
			return is_gone(errno) ? 1 : err_sys(e, "read %s", path);
		text[n + 1] = '\0';
		if (strstr(text, want))
			return 1;
		left = deadline - sys_now_ms();
		if (left <= 0)
			return 0;
		if (poll(&p, 1, (int)left) < 0 && errno != EINTR)
			return err_sys(e, "poll %s", path);
	}
}

/*
 * v1 tells nobody when the last process has stopped, so its state is read again after growing
 * pauses. Writing FROZEN again catches processes that were born since; and a freeze that is
 * stuck often gets through after a short thaw (runc, libcontainer/cgroups/fs/freezer.go).
 */
static int freeze_v1(const char *dir, int64_t deadline, struct err *e)
{
	for (int i = 1; sys_now_ms() < deadline; i++) {
		if (i % 50 == 0 && cgroup_write(dir, "freezer.state", "THAWED") == 0)
			poll(NULL, 0, 10);
		if (cgroup_write(dir, "freezer.state", "FROZEN") < 0)
			return err_sys(e, "write \"FROZEN\" to %s/freezer.state", dir);
		if (reads(dir, "freezer.state", "FROZEN"))
			return 1;
		poll(NULL, 0, i < 10 ? 1 : 10);
	}
	return 0;
}

static int freeze_v2(const char *dir, int64_t deadline, struct err *e)
{
	if (cgroup_write(dir, "cgroup.freeze", "1") < 0)
		return err_sys(e, "write \"1\" to %s/cgroup.freeze", dir);
	return wait_event(dir, "frozen", 1, deadline, e);
}

int cgroup_freeze(const struct cgroup *cg, bool frozen, struct err *e)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "freezer", &v2);
	const char *file = v2 ? "cgroup.freeze" : "freezer.state", *thaw = v2 ? "0" : "THAWED";
	int64_t deadline = sys_now_ms() + FREEZE_TIMEOUT_MS;
	int r;

	if (!d)
		return err_set(e, EOPNOTSUPP, "cannot %s: the %s", frozen ? "freeze" : "thaw",
			       cg->n ? "\"freezer\" cgroup controller is not available" :
				       "container has no cgroup");
	if (!frozen)
		return cgroup_write(d->path, file, thaw) < 0 ?
			       err_sys(e, "write \"%s\" to %s/%s", thaw, d->path, file) :
			       0;
	r = v2 ? freeze_v2(d->path, deadline, e) : freeze_v1(d->path, deadline, e);
	if (r > 0)
		return 0;
	(void)cgroup_write(d->path, file, thaw);
	return r < 0 ? -1 :
		       err_set(e, ETIMEDOUT,
			       "timeout of %ds reached waiting for the cgroup to freeze",
			       FREEZE_TIMEOUT_MS / 1000);
}

/* --- Killing ---------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

/* Signal pid if it is still in the sorted list of members; hull itself never. */
static int signal_member(pid_t pid, int pidfd, int sig, const pid_t *members, size_t n)
{
	if (pid == getpid() || !bsearch(&pid, members, n, sizeof(pid), by_value))
		return 0;
	/* Threads, and kernels before 5.3, have no pidfd. */
	return pidfd >= 0 ? sys_pidfd_send_signal(pidfd, sig) : kill(pid, sig);
}

#define KILL_BATCH 64

/*
 * A PID that was read may belong to somebody else by now. Hold it by a pidfd, read the list
 * again, and signal only what is in both: a pidfd of a process that had gone before gives ESRCH.
 */
static int signal_batch(const char *dir, const pid_t *pids, size_t n, int sig, struct err *e)
{
	auto_free pid_t *members = NULL;
	int fds[KILL_BATCH], failed = 0;
	size_t n_members = 0;

	for (size_t i = 0; i < n; i++)
		fds[i] = sys_pidfd_open(pids[i], 0);
	if (cgroup_dir_pids(dir, &members, &n_members, e) < 0)
		failed = -1;
	else if (n_members)
		qsort(members, n_members, sizeof(*members), by_value);
	for (size_t i = 0; i < n; i++) {
		if (!failed && n_members &&
		    signal_member(pids[i], fds[i], sig, members, n_members) < 0 && errno != ESRCH)
			failed = err_sys(e, "send signal %d to process %d", sig, (int)pids[i]);
		cleanup_close(&fds[i]);
	}
	return failed;
}

static int signal_batches(const char *dir, const pid_t *pids, size_t n, int sig, struct err *e)
{
	for (size_t i = 0; i < n; i += KILL_BATCH) {
		size_t part = n - i < KILL_BATCH ? n - i : KILL_BATCH;

		if (signal_batch(dir, pids + i, part, sig, e) < 0)
			return -1;
	}
	return 0;
}

static int signal_all(const char *dir, int sig, struct err *e)
{
	auto_free pid_t *pids = NULL;
	size_t n = 0;

	return cgroup_dir_pids(dir, &pids, &n, e) < 0 ? -1 : signal_batches(dir, pids, n, sig, e);
}

static void take_away(pid_t *pids, size_t *n, const pid_t *sorted, size_t n_sorted)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++) {
		if (!n_sorted || !bsearch(&pids[i], sorted, n_sorted, sizeof(*sorted), by_value))
			pids[kept++] = pids[i];
	}
	*n = kept;
}

#define KILL_ROUNDS 8

/*
 * Whoever has a SIGKILL pending makes no more children (fork(2)), so the list soon has nobody who was
 * not signalled: 0. Not that of a fork bomb that has more processors than we: 1. Without freezing, in
 * which a hull that is killed itself would leave the container.
 */
static int kill_in_rounds(const char *dir, struct err *e)
{
	auto_free pid_t *signalled = NULL;
	size_t n_signalled = 0;

	for (int round = 0; round < KILL_ROUNDS; round++) {
		auto_free pid_t *pids = NULL;
		size_t n = 0;

		if (cgroup_dir_pids(dir, &pids, &n, e) < 0)
			return -1;
		take_away(pids, &n, signalled, n_signalled);
		if (!n)
			return 0;
		if (signal_batches(dir, pids, n, SIGKILL, e) < 0)
			return -1;
		signalled = xrealloc(signalled, (n_signalled + n) * sizeof(*signalled));
		memcpy(signalled + n_signalled, pids, n * sizeof(*pids));
		n_signalled += n;
		qsort(signalled, n_signalled, sizeof(*signalled), by_value);
	}
	return 1;
}

/*
 * Without cgroup.kill (v1, and kernels before 5.14). Who is frozen already, or outruns us, is signalled
 * as he stands still. A freeze that fails must not keep us from killing.
 */
static int kill_frozen(const struct cgroup *cg, const char *dir, struct err *e)
{
	struct err ignored;
	bool v2;
	int frozen = cgroup_serving(cg, "freezer", &v2) ? cgroup_freeze(cg, true, &ignored) : -1;
	int r = signal_all(dir, SIGKILL, e);

	/* A process frozen by v1 dies only when it is thawed. */
	if (frozen == 0 && cgroup_freeze(cg, false, &ignored) < 0 && !is_gone(ignored.code) &&
	    r == 0) {
		*e = ignored;
		r = -1;
	}
	return r;
}

int cgroup_kill(const struct cgroup *cg, int sig, struct err *e)
{
	const struct cgroup_dir *d = main_dir(cg), *unified = cgroup_find(cg, "");
	auto_free pid_t *pids = NULL;
	size_t n = 0;
	int frozen, r;

	if (!d)
		return 0;
	if (sig != SIGKILL)
		return signal_all(d->path, sig, e);
	if (cgroup_dir_pids(d->path, &pids, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		if (pids[i] == getpid())
			return err_set(e, EBUSY,
				       "cannot kill the processes in %s: hull is one of them",
				       d->path);
	}
	if (unified && cgroup_write(unified->path, "cgroup.kill", "1") == 0 && unified == d)
		return 0;
	/* In a hybrid layout it may be that only v1 has them, or that a v1 freezer holds them. */
	frozen = cgroup_is_frozen(cg);
	if (!n && !frozen)
		return 0;
	r = frozen ? 1 : kill_in_rounds(d->path, e);
	return r > 0 ? kill_frozen(cg, d->path, e) : r;
}

/* --- Removing --------------------------------------------------------------------------------- */

/* The name of a subdirectory of fd: 1, 0 when there is none, -1 and errno. */
static int first_dir(int fd, char name[256])
{
	int again = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = again < 0 ? NULL : fdopendir(again);
	const char *found;

	if (!d)
		return -1;
	found = next_dir(d);
	if (found)
		snprintf(name, 256, "%s", found);
	closedir(d);
	return found != NULL;
}

/*
 * Remove what is below *fd. Without recursion: a container may have nested its cgroups deeper
 * than a path, a stack or a descriptor table can hold. EBUSY where somebody is inside.
 */
static int remove_below(int *fd)
{
	bool entered = false; /* because it was busy */
	char name[256];
	int depth = 0, found;

	while ((found = first_dir(*fd, name)) > 0 || (found == 0 && depth > 0)) {
		if (found == 0 && entered) {
			errno = EBUSY; /* not because of what is below it */
			return -1;
		}
		entered = found && unlinkat(*fd, name, AT_REMOVEDIR) < 0 && !is_gone(errno);
		if (entered && errno != EBUSY && errno != ENOTEMPTY)
			return -1;
		if ((entered || !found) && move_to(fd, found ? name : "..") < 0)
			return -1;
		depth += entered ? 1 : found ? 0 : -1;
	}
	return found;
}

/* 0 when path is no more, else -1 and errno. */
static int remove_tree(const char *path)
{
	auto_close int fd = -1;

	if (rmdir(path) == 0 || is_gone(errno))
		return 0;
	if (errno != EBUSY && errno != ENOTEMPTY)
		return -1;
	fd = openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return is_gone(errno) ? 0 : -1;
	if (remove_below(&fd) < 0)
		return -1;
	return rmdir(path) == 0 || is_gone(errno) ? 0 : -1;
}

/* Until pid has exited or the deadline is over; false when there is nothing to wait on. */
static bool wait_exit(pid_t pid, int64_t deadline)
{
	auto_close int fd = sys_pidfd_open(pid, 0);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left = deadline - sys_now_ms();

	return fd >= 0 && left > 0 && poll(&p, 1, (int)left) > 0;
}

/*
 * Wait for a reason to try again. The short pause is for what the kernel does not report: a
 * v1 cgroup that is busy for a moment after its last process has gone.
 */
static int wait_empty(const struct cgroup_dir *d, int64_t deadline, int pause, struct err *e)
{
	auto_free pid_t *pids = NULL;
	size_t n = 0;

	if (!*d->controllers && cgroup_read_key(d->path, "cgroup.events", "populated") == 1)
		return wait_event(d->path, "populated", 0, deadline, e) < 0 ? -1 : 0;
	if (cgroup_dir_pids(d->path, &pids, &n, e) < 0)
		return -1;
	if (!n || !wait_exit(pids[0], deadline))
		poll(NULL, 0, pause);
	return 0;
}

/* Who is still there after some tries may be held by a freezer that the container has made itself. */
static int thaw_holders(const struct cgroup *cg, const struct cgroup_dir *d, int pause,
			struct err *e)
{
	auto_free pid_t *pids = NULL;
	size_t n = 0;

	if (pause < 8)
		return 0;
	if (cgroup_dir_pids(d->path, &pids, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		cgroup_thaw_holder(cg, pids[i]);
	return 0;
}

static int remove_busy(const struct cgroup *cg, const struct cgroup_dir *d, int64_t deadline,
		       struct err *e)
{
	auto_free pid_t *pids = NULL;
	auto_free char *why = NULL;
	size_t n = 0;

	for (int pause = 1;; pause = pause < 64 ? pause * 2 : pause) {
		if (remove_tree(d->path) == 0)
			return 0;
		if (errno != EBUSY && errno != ENOTEMPTY)
			return err_sys(e, "unable to remove container's cgroup %s", d->path);
		if (sys_now_ms() >= deadline)
			break;
		/* The first dead may have had children on their way out of fork(2): kill every time. */
		if (cgroup_kill(cg, SIGKILL, e) < 0 || signal_all(d->path, SIGKILL, e) < 0 ||
		    thaw_holders(cg, d, pause, e) < 0 || wait_empty(d, deadline, pause, e) < 0)
			return err_wrap(e, "unable to remove container's cgroup");
	}
	if (cgroup_dir_pids(d->path, &pids, &n, e) < 0)
		return err_wrap(e, "unable to remove container's cgroup");
	why = n ? cgroup_why_alive(cg, pids[0]) : xstrdup("");
	return err_set(e, EBUSY, "unable to remove container's cgroup %s: %zu process(es) left%s",
		       d->path, n, why);
}

/*
 * What follows the removal of a cpuset or of a memory cgroup takes the kernel longer the more of
 * them there are, and it holds cgroup_mutex for it (cpuset_css_offline, memcg_reparent_list_lrus:
 * 2 ms with 1000 containers). Whatever is removed after them waits for that.
 */
static unsigned after_effects(const struct cgroup_dir *d)
{
	if (cgroup_has_word(d->controllers, "memory"))
		return 2;
	return cgroup_has_word(d->controllers, "cpuset");
}

int cgroup_remove(const struct cgroup *cg, int timeout_ms, struct err *e)
{
	int64_t deadline = 0;
	bool busy[CGROUP_TASKS_MAX + 1] = { false };
	int r = 0;

	for (unsigned pass = 0; pass <= 2; pass++) {
		for (size_t i = 0; i < cg->n; i++) {
			if (after_effects(&cg->dirs[i]) == pass && rmdir(cg->dirs[i].path) < 0 &&
			    !is_gone(errno))
				busy[i % ARRAY_SIZE(busy)] = true;
		}
	}
	for (size_t i = 0; i < cg->n; i++) {
		if (!busy[i % ARRAY_SIZE(busy)])
			continue;
		if (!deadline)
			deadline = sys_now_ms() + timeout_ms;
		if (remove_busy(cg, &cg->dirs[i], deadline, e) < 0)
			r = -1;
	}
	return r;
}

/* --- Post-mortem ------------------------------------------------------------------------------ */

static uint64_t oom_kills(const char *dir, const char *file)
{
	int64_t n = cgroup_read_key(dir, file, "oom_kill");

	return n > 0 ? (uint64_t)n : 0;
}

uint64_t cgroup_oom_kills(const struct cgroup *cg)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "memory", &v2);

	return d ? oom_kills(d->path, v2 ? "memory.events" : "memory.oom_control") : 0;
}

uint64_t cgroup_oom_kills_above(const struct cgroup *cg)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "memory", &v2);
	auto_free char *above = NULL;

	if (!d || !v2)
		return 0;
	above = xasprintf("%.*s", (int)(strrchr(d->path, '/') - d->path), d->path);
	return oom_kills(above, "memory.events");
}
