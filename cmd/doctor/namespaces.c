/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces, and the ids of user namespaces. */
#include "cmd/doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/line/try.h"
#include "nsexec/process/fork.h"
#include "nsexec/process/process.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/format/subid.h"

static const struct ns {
	unsigned flag;
	bool needed;
	const char *name, *limit, *option, *cost;
} all[] = {
	{ CLONE_NEWUSER, false, "user namespace", "user", "USER_NS",
	  "containers with ids of their own, and those of ordinary users, do not start" },
	{ CLONE_NEWNS, true, "mount namespace", "mnt", "NAMESPACES",
	  "no container starts: each has mounts of its own" },
	{ CLONE_NEWPID, true, "pid namespace", "pid", "PID_NS",
	  "a container would see, and kill would have to search, all processes" },
	{ CLONE_NEWNET, true, "network namespace", "net", "NET_NS",
	  "containers have the host's network, or do not start" },
	{ CLONE_NEWIPC, true, "ipc namespace", "ipc", "IPC_NS",
	  "containers share System V IPC and message queues with the host, or do not start" },
	{ CLONE_NEWUTS, true, "uts namespace", "uts", "UTS_NS",
	  "no container has a host name of its own" },
	{ CLONE_NEWCGROUP, false, "cgroup namespace", "cgroup", "CGROUPS",
	  "containers see where they are in the host's cgroups" },
	{ CLONE_NEWTIME, false, "time namespace", "time", "TIME_NS",
	  "linux.timeOffsets does not work, nor a restore on another machine" },
};

/* Why an ordinary user, or a root without rights, may not make one. */
static const char *why_not_permitted(const struct doctor *d)
{
	if (doctor_sysctl("/proc/sys/user/max_user_namespaces", 1) == 0)
		return "sysctl user.max_user_namespaces is 0: raise it";
	if (d->root)
		return "hull has no CAP_SYS_ADMIN: is this inside of a container? Then that has to be "
		       "given it (privileged), or a filter (seccomp) of its runtime refuses";
	if (doctor_sysctl("/proc/sys/kernel/unprivileged_userns_clone", 1) == 0)
		return "sysctl kernel.unprivileged_userns_clone=1";
	if (doctor_sysctl("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 0) == 1)
		return "AppArmor refuses: an AppArmor profile for hull with \"userns,\", or sysctl "
		       "kernel.apparmor_restrict_unprivileged_userns=0";
	return "a security module or a filter (seccomp) refuses user namespaces: see dmesg";
}

/* The limit that was met, of this user in this namespace or of one above (namespaces(7)). */
static void advise_limit(const struct ns *n, char *advice, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", n->limit);
	snprintf(advice, size,
		 "sysctl user.max_%s_namespaces is %lld: raise it, or end who holds them", n->limit,
		 doctor_sysctl(path, -1));
}

static void add_ns(struct doctor *d, const struct ns *n)
{
	int code = try_namespaces(n->flag);
	char advice[256];

	d->needed = n->needed || (!d->root && n->flag == CLONE_NEWUSER);
	if (!code) {
		doctor_works(d, n->name, "made");
		return;
	}
	if (code == ENOSPC)
		advise_limit(n, advice, sizeof(advice));
	else if (code == EPERM || code == EACCES)
		snprintf(advice, sizeof(advice), "%s", why_not_permitted(d));
	else
		snprintf(advice, sizeof(advice), "a kernel with CONFIG_%s=y", n->option);
	doctor_say(d, DOCTOR_MISSING, n->name, errno_text(code), n->cost, advice);
}

static int join_by_pidfd(void *arg)
{
	auto_close int fd = sys_pidfd_open(getpid(), 0);

	(void)arg;
	return fd < 0 || setns(fd, CLONE_NEWUTS) < 0 ? errno : 0;
}

static int mount_proc(void *arg)
{
	(void)arg;
	return mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ? errno :
											    0;
}

static int mount_sysfs(void *arg)
{
	(void)arg;
	return mount("sysfs", "/sys", "sysfs", MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, NULL) <
			       0 ?
		       errno :
		       0;
}

/*
 * The kernel shows in a user namespace no proc and no sysfs of which the caller's own has something
 * covered (mount_too_revealing of fs/namespace.c), as most runtimes cover it.
 */
static void add_own(struct doctor *d, const char *name, unsigned ns, int (*work)(void *),
		    const char *cost, const char *unmask)
{
	int code = try_in(ns, work, NULL);

	if (!code)
		doctor_works(d, name, "mounted");
	else
		doctor_say(d, DOCTOR_MISSING, name, errno_text(code), cost,
			   code == EPERM || code == EACCES ? unmask : NULL);
}

static void add_hidepid(struct doctor *d)
{
	auto_free char *text = NULL;
	struct err ignored;
	const char *last = NULL, *at;

	if (fd_read_file(AT_FDCWD, "/proc/self/mounts", 1 << 20, &text, NULL, &ignored) < 0)
		return;
	/* What was mounted last covers the others. */
	for (at = text; (at = strstr(at, " /proc proc ")); at++)
		last = at;
	at = last ? strstr(last, "hidepid=") : NULL;
	if (at && at < last + strcspn(last, "\n"))
		doctor_works(d, "hidden processes",
			     "/proc has %.*s: hull needs to see none but its own",
			     (int)strcspn(at, ", "), at);
}

void doctor_namespaces(struct doctor *d)
{
	int code;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		add_ns(d, &all[i]);
	code = try_in(CLONE_NEWUTS, join_by_pidfd, NULL);
	if (!code)
		doctor_works(d, "joined by pidfd", "setns(2) of all at once");
	else
		doctor_say(d, DOCTOR_LIMITED, "joined by pidfd", errno_text(code),
			   "exec opens each namespace by its file", "Linux 5.8 or later");
	d->needed = true;
	add_own(d, "own /proc", CLONE_NEWPID | CLONE_NEWNS, mount_proc,
		"a container with a pid namespace has no /proc to see it by",
		"this /proc has parts covered: the runtime outside has to leave it whole (Docker: "
		"--security-opt systempaths=unconfined)");
	add_own(d, "own /sys", CLONE_NEWNET | CLONE_NEWNS, mount_sysfs,
		"with a network of its own a container's /sys has to be a bind mount of the host's",
		"this /sys has parts covered, or is not there");
	add_hidepid(d);
}

/* --- Ids -------------------------------------------------------------------------------------- */

struct idle {
	int ready_fd, end_fd;
};

/* A user namespace for as long as nobody closes the other end. */
static int hold_userns(void *arg)
{
	const struct idle *i = arg;
	char c = (char)(unshare(CLONE_NEWUSER) < 0 ? errno : 0);

	if (write(i->ready_fd, &c, 1) == 1 && read(i->end_fd, &c, 1) < 0)
		return errno;
	return 0;
}

/* map(pid, arg) for a process in a user namespace of its own that has no map; 0 or an errno value. */
static int with_userns(int (*map)(pid_t pid, void *arg), void *arg)
{
	int ready[2] = { -1, -1 }, end[2] = { -1, -1 }, r = 0;
	char c = 0;

	if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(end, O_CLOEXEC) < 0)
		return errno;
	struct idle i = { ready[1], end[0] };
	const int keep[] = { ready[1], end[0] };
	const struct fork_request q = { hold_userns, &i, { 0, 1, 2 }, keep, 2 };
	struct err e;
	pid_t pid = fork_work(&q, &e);

	close(ready[1]);
	close(end[0]);
	if (pid < 0)
		r = e.code;
	else if (read(ready[0], &c, 1) != 1)
		r = EIO;
	else
		r = c ? c : map(pid, arg);
	close(ready[0]);
	close(end[1]);
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return r;
}

static int map_many(pid_t pid, void *arg)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/gid_map", (int)pid);
	if (fd_write_file(AT_FDCWD, path, arg) < 0)
		return errno;
	snprintf(path, sizeof(path), "/proc/%d/uid_map", (int)pid);
	return fd_write_file(AT_FDCWD, path, arg) < 0 ? errno : 0;
}

/* How many ids the caller's user namespace has. */
static unsigned long long own_ids(void)
{
	auto_free char *text = NULL;
	unsigned long long sum = 0;
	struct err ignored;
	char *line, *rest;

	if (fd_read_file(AT_FDCWD, "/proc/self/uid_map", 65536, &text, NULL, &ignored) < 0)
		return 0;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		const char *last = strrchr(line, ' ');
		uint64_t n;

		if (last && str_to_u64(last + 1, &n))
			sum += n;
	}
	return sum;
}

static void ids_of_root(struct doctor *d)
{
	unsigned long long n = own_ids();
	char map[64];
	int code;

	if (n >= UINT32_MAX)
		doctor_works(d, "ids", "all of the machine");
	else if (n > 65535)
		doctor_works(d, "ids", "%llu, in a user namespace", n);
	else
		doctor_say(d, DOCTOR_LIMITED, "ids", "few, in a user namespace",
			   "images with files or users above them fail with \"invalid argument\"",
			   "65536 ids for the user namespace that hull is in");
	snprintf(map, sizeof(map), "0 1 %llu\n", n > 65536 ? 65536 : n > 1 ? n - 1 : n);
	code = with_userns(map_many, map);
	if (!code)
		doctor_works(d, "mapped to others", "a user namespace with %s",
			     n > 65536 ? "65536 ids" : "ids that are not root's");
	else
		doctor_say(d, DOCTOR_MISSING, "mapped to others", errno_text(code),
			   "containers with user namespaces (linux.uidMappings) do not start",
			   code == EPERM ? "hull has no CAP_SETUID, CAP_SETGID or CAP_SETFCAP" :
					   NULL);
}

struct helper {
	const char *path;
	uint32_t start, n;
	char said[256];
};

static int map_by_helper(pid_t pid, void *arg)
{
	struct helper *h = arg;
	char words[5][24];
	char *argv[9] = { (char *)(uintptr_t)h->path };
	static char zero[] = "0", one[] = "1";
	struct process_result res = { 0 };
	struct err e;

	snprintf(words[0], sizeof(words[0]), "%d", (int)pid);
	snprintf(words[1], sizeof(words[1]), "%u",
		 (unsigned)(str_ends(h->path, "gidmap") ? getegid() : geteuid()));
	snprintf(words[2], sizeof(words[2]), "%u", h->start);
	snprintf(words[3], sizeof(words[3]), "%u", h->n);
	argv[1] = words[0], argv[2] = zero, argv[3] = words[1], argv[4] = one;
	argv[5] = one, argv[6] = words[2], argv[7] = words[3];
	if (process_run(&(struct process){ .path = h->path, .argv = argv, .timeout_ms = 5000 },
			&res, &e) < 0)
		return e.code;
	snprintf(h->said, sizeof(h->said), "%.*s", (int)sizeof(h->said) - 1, res.errors);
	return process_succeeded(&res) ? 0 : EPERM;
}

/* newuidmap(1) needs the rights of root, as a setuid program or by file capabilities. */
static const char *why_helper(const char *path, const struct helper *h)
{
	struct stat st;

	if (*h->said)
		return h->said;
	if (stat(path, &st) == 0 && !(st.st_mode & S_ISUID))
		return "it is neither setuid nor has capabilities";
	return "it failed";
}

static void add_helper(struct doctor *d, const char *program, const char *file, const char *user)
{
	static const char cost[] =
		"a user's container has his one id alone: images that have other "
		"users or groups do not unpack or run";
	auto_free char *path = fd_find_program(program), *ranges = NULL;
	struct helper h = { .path = path };
	struct err ignored;
	char text[320];
	int code;

	if (!path) {
		doctor_say(d, DOCTOR_MISSING, program, "not in PATH", cost,
			   "install it (Debian: uidmap, Fedora and Alpine: shadow-utils)");
		return;
	}
	if (fd_read_file(AT_FDCWD, file, 1 << 20, &ranges, NULL, &ignored) < 0 ||
	    !subid_find(ranges, getuid(), user, &h.start, &h.n)) {
		snprintf(text, sizeof(text), "usermod --add-sub%s 100000-165535 %s",
			 strstr(file, "gid") ? "gids" : "uids", user ? user : "USER");
		doctor_say(d, DOCTOR_MISSING, program, "this user has no range there", cost, text);
		return;
	}
	code = with_userns(map_by_helper, &h);
	if (!code)
		doctor_works(d, program, "%u ids of %s", h.n, file);
	else
		doctor_say(d, DOCTOR_MISSING, program, why_helper(path, &h), cost,
			   "chmod u+s, on a file system that is not mounted nosuid");
}

void doctor_ids(struct doctor *d)
{
	struct passwd *pw;

	if (d->root) {
		ids_of_root(d);
		return;
	}
	pw = getpwuid(getuid());
	add_helper(d, "newuidmap", "/etc/subuid", pw ? pw->pw_name : NULL);
	add_helper(d, "newgidmap", "/etc/subgid", pw ? pw->pw_name : NULL);
}
