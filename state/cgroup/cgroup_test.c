/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real cgroups, on the machine's own layout and then, in a private mount namespace, in a pure v1
 * and a pure v2 view. Needs root; moves no processes but its own children, and leaves nothing.
 * Called with arguments it is such a child.
 */
#include "state/cgroup/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/base/tap.h"

#define PATH "/hulltest-unit/a/b"

/* --- The child -------------------------------------------------------------------------------- */

/*
 * "child FD DEVICE FILE...": write 0 into each FILE, say so by a byte on FD, wait for one, answer
 * with what opening DEVICE gives, and stay until killed.
 */
static int child(char **argv)
{
	uint64_t fd;
	char byte = 0;
	int device;

	if (!str_to_u64(argv[0], &fd))
		return 1;
	for (char **file = argv + 2; *file; file++) {
		if (fd_write_file(AT_FDCWD, *file, "0") < 0)
			byte = (char)errno;
	}
	if (write((int)fd, &byte, 1) != 1 || read((int)fd, &byte, 1) != 1)
		return 1;
	device = open(argv[1], O_RDONLY | O_CLOEXEC);
	byte = (char)(device < 0 ? errno : 0);
	if (write((int)fd, &byte, 1) != 1)
		return 1;
	for (;;)
		poll(NULL, 0, -1);
}

struct proc {
	pid_t pid;
	int fd;
};

static int answer(const struct proc *p)
{
	char byte;

	return read(p->fd, &byte, 1) == 1 ? byte : -1;
}

/* A child that puts itself into cg: on v1 as hull's stage 0 does. */
static struct proc start(const struct cgroup *cg, const char *device)
{
	auto_free char **argv = xzalloc((cg->n + 5) * sizeof(*argv));
	auto_free char *number = NULL;
	posix_spawn_file_actions_t actions;
	struct proc p = { -1, -1 };
	int fds[2];
	size_t n = 4;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return p;
	number = xasprintf("%d", fds[1]);
	argv[0] = xstrdup("cgroup_test");
	argv[1] = xstrdup("child");
	argv[2] = number;
	argv[3] = xstrdup(device);
	for (size_t i = 0; i < cg->n; i++)
		argv[n++] = xasprintf("%s/%s", cg->dirs[i].path,
				      *cg->dirs[i].controllers ? "tasks" : "cgroup.procs");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], fds[1]); /* clears FD_CLOEXEC */
	if (posix_spawn(&p.pid, "/proc/self/exe", &actions, NULL, argv, environ) != 0)
		p.pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	p.fd = fds[0];
	ok(p.pid > 0 && answer(&p) == 0, "a process can enter");
	return p;
}

static int ask(const struct proc *p)
{
	return write(p->fd, "", 1) == 1 ? answer(p) : -1;
}

/* Whether it is dead, and how. */
static int end(struct proc *p)
{
	int status = 0;

	waitpid(p->pid, &status, 0);
	close(p->fd);
	return status;
}

/* --- The tests -------------------------------------------------------------------------------- */

static bool exists(const struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++) {
		if (access(cg->dirs[i].path, F_OK) == 0)
			return true;
	}
	return false;
}

static size_t count(const struct cgroup *cg)
{
	auto_free pid_t *pids = NULL;
	struct err e;
	size_t n = 999;

	return cgroup_pids(cg, &pids, &n, &e) < 0 ? 999 : n;
}

/* The parents that cgroup_create made stay, like those of other runtimes. */
static void clean_up(void)
{
	struct cgroup cg;
	struct err e;

	if (cgroup_locate(&cg, "/hulltest-unit", "x", &e) == 0 && cgroup_remove(&cg, 5000, &e) < 0)
		ok(false, "clean up: %s", e.chain);
	cgroup_done(&cg);
}

static bool make(struct cgroup *cg, const struct spec_resources *res)
{
	struct err e = { 0 };

	return ok(cgroup_locate(cg, PATH, "x", &e) == 0 && cgroup_create(cg, res, &e) == 0,
		  "make %s %s", PATH, e.chain);
}

static void test_life(void)
{
	struct cgroup cg;
	struct cgroup_join j;
	struct err e = { 0 };
	auto_free char *by = NULL;
	struct proc p;

	if (!make(&cg, NULL))
		return;
	ok(cgroup_join_open(&cg, &j, &e) == 0, "open the ways in");
	ok((j.into_fd >= 0) == (cgroup_find(&cg, "") != NULL) &&
		   j.n + (j.into_fd >= 0) + (j.memory_fd >= 0) == cg.n,
	   "one for each hierarchy");
	cgroup_join_close(&j);
	ok(count(&cg) == 0, "nobody is inside");
	p = start(&cg, "/dev/null");
	ok(count(&cg) == 1, "one is inside");
	ok(!cgroup_is_frozen(&cg), "not frozen");
	ok(!cgroup_frozen_by(&cg), "by none");
	ok(cgroup_freeze(&cg, true, &e) == 0 && cgroup_is_frozen(&cg), "freeze %s", e.chain);
	by = cgroup_frozen_by(&cg);
	ok(by && str_ends(by, PATH), "by itself: %s", by ? by : "none");
	/* v1 keeps even what kills until the thaw (v2 does not). */
	ok(cgroup_kill(&cg, SIGTERM, &e) == 0 &&
		   (cg.layout == CGROUP_V2 || waitpid(p.pid, NULL, WNOHANG) == 0),
	   "SIGTERM to a frozen one");
	ok(cgroup_freeze(&cg, false, &e) == 0 && !cgroup_is_frozen(&cg), "thaw %s", e.chain);
	ok(end(&p) == SIGTERM, "it arrives");
	ok(cgroup_remove(&cg, 5000, &e) == 0 && !exists(&cg), "remove %s", e.chain);
	ok(cgroup_remove(&cg, 5000, &e) == 0 && cgroup_kill(&cg, SIGKILL, &e) == 0,
	   "what is gone can be removed");
	cgroup_done(&cg);
}

static void test_kill(void)
{
	struct cgroup cg;
	struct err e = { 0 };
	struct proc p;

	if (!make(&cg, NULL))
		return;
	p = start(&cg, "/dev/null");
	ok(cgroup_freeze(&cg, true, &e) == 0 && cgroup_kill(&cg, SIGKILL, &e) == 0,
	   "kill what is frozen %s", e.chain);
	ok(end(&p) == SIGKILL, "it dies");
	ok(cgroup_remove(&cg, 5000, &e) == 0, "remove %s", e.chain);
	cgroup_done(&cg);
}

/* Somebody below, in a tree that is deeper than one level. */
static void test_remove_busy(void)
{
	struct cgroup cg;
	struct err e = { 0 };
	struct proc p;
	char pid[24];

	if (!make(&cg, NULL))
		return;
	p = start(&cg, "/dev/null");
	snprintf(pid, sizeof(pid), "%d", (int)p.pid);
	for (size_t i = 0; i < cg.n; i++) {
		auto_free char *sub = xasprintf("%s/sub", cg.dirs[i].path),
			       *deep = xasprintf("%s/deep", sub);
		auto_free char *empty = xasprintf("%s/empty", sub);

		mkdir(sub, 0755);
		mkdir(deep, 0755);
		mkdir(empty, 0755);
		if (!strstr(cg.dirs[i].controllers, "cpuset"))
			cgroup_write(deep, "cgroup.procs", pid);
	}
	ok(count(&cg) == 1, "found below");
	ok(cgroup_remove(&cg, 5000, &e) == 0 && !exists(&cg),
	   "a busy tree is killed and removed %s", e.chain);
	ok(end(&p) == SIGKILL, "its process is dead");
	cgroup_done(&cg);
}

static void test_existing(void)
{
	struct cgroup cg, again;
	struct err e = { 0 };
	struct proc p;

	if (!make(&cg, NULL))
		return;
	p = start(&cg, "/dev/null");
	ok(cgroup_locate(&again, PATH, "x", &e) == 0 && cgroup_create(&again, NULL, &e) < 0,
	   "refuse one that is in use");
	is(e.chain, "container's cgroup is not empty: 1 process(es) found", "its sentence");
	ok(again.n == 0, "and forget where it is");
	kill(p.pid, SIGKILL);
	end(&p);
	ok(cgroup_freeze(&cg, true, &e) == 0, "freeze the empty one %s", e.chain);
	ok(cgroup_locate(&again, PATH, "x", &e) == 0 && cgroup_create(&again, NULL, &e) < 0,
	   "refuse a frozen one");
	ok(str_starts(e.chain, "container's cgroup unexpectedly frozen by /") &&
		   str_ends(e.chain, PATH),
	   "its sentence: %s", e.chain);
	ok(exists(&cg), "it was not removed");
	ok(cgroup_freeze(&cg, false, &e) == 0, "thaw it");
	ok(cgroup_locate(&again, PATH, "x", &e) == 0 && cgroup_create(&again, NULL, &e) == 0,
	   "take it when it is not %s", e.chain);
	ok(cgroup_remove(&again, 5000, &e) == 0 && !exists(&cg), "remove it");
	cgroup_done(&again);
	cgroup_done(&cg);
}

static void test_devices(void)
{
	struct spec_device_rule rules[] = {
		{ .type = 'a', .allow = false, .access = (char[]){ "rwm" } },
		{ .type = 'c',
		  .allow = true,
		  .major = { true, 1 },
		  .minor = { true, 11 },
		  .access = (char[]){ "r" } },
	};
	struct spec_resources res = { .devices = { 1, rules } };
	auto_free char *kmsg = xasprintf("/tmp/hulltest-kmsg-%d", (int)getpid());
	struct err e = { 0 };
	struct cgroup cg;
	struct proc p;

	if (mknod(kmsg, S_IFCHR | 0600, makedev(1, 11)) < 0 || !make(&cg, &res))
		return;
	ok(cgroup_apply(&cg, &res, &e) == 0, "deny devices %s", e.chain);
	p = start(&cg, kmsg);
	ok(ask(&p) == EPERM, "/dev/kmsg is denied");
	kill(p.pid, SIGKILL);
	end(&p);
	p = start(&cg, "/dev/null");
	ok(ask(&p) == 0, "/dev/null is not");
	kill(p.pid, SIGKILL);
	end(&p);
	res.devices.n = 2;
	cg.dirs[0].made = 0; /* as when it comes from a record: the program is replaced */
	ok(cgroup_apply(&cg, &res, &e) == 0, "other rules %s", e.chain);
	p = start(&cg, kmsg);
	ok(ask(&p) == 0, "now it is allowed");
	kill(p.pid, SIGKILL);
	end(&p);
	ok(cgroup_remove(&cg, 5000, &e) == 0, "remove %s", e.chain);
	cgroup_done(&cg);
	unlink(kmsg);
}

/* What this machine has of them. */
static void test_limits(void)
{
	struct spec_memory memory = { .limit = { true, 64 << 20 }, .swap = { true, 64 << 20 } };
	struct spec_pids pids = { { true, 17 } };
	struct spec_cpu cpu = { .shares = { true, 512 },
				.quota = { true, 50000 },
				.cpus = (char[]){ "0" } };
	struct spec_hugepage_limit huge = { (char[]){ "2MB" }, { true, 0 } };
	const struct {
		const char *controller, *file, *file_v2, *wanted;
		struct spec_resources res;
	} rows[] = {
		{ "memory",
		  "memory.limit_in_bytes",
		  "memory.max",
		  "67108864",
		  { .memory = &memory } },
		{ "pids", "pids.max", "pids.max", "17", { .pids = &pids } },
		{ "cpu", "cpu.cfs_quota_us", "cpu.weight", NULL, { .cpu = &cpu } },
		{ "cpuset", "cpuset.cpus", "cpuset.cpus", "0", { .cpu = &cpu } },
		{ "hugetlb",
		  "hugetlb.2MB.limit_in_bytes",
		  "hugetlb.2MB.max",
		  "0",
		  { .hugepage_limits = { 1, &huge } } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct cgroup cg;
		struct err e = { 0 };
		char text[64] = "";
		const struct cgroup_dir *d;
		bool v2;
		int r;

		if (!make(&cg, &rows[i].res))
			continue;
		r = cgroup_apply(&cg, &rows[i].res, &e);
		d = cgroup_serving(&cg, rows[i].controller, &v2);
		if (r < 0 && e.code == EOPNOTSUPP)
			ok(strstr(e.chain, "cgroup controller is not available") != NULL, "%s",
			   e.chain);
		else
			ok(r == 0, "limit %s %s", rows[i].controller, e.chain);
		if (r == 0 && rows[i].wanted &&
		    cgroup_read(d->path, v2 ? rows[i].file_v2 : rows[i].file, text, 64) >= 0)
			is(text, rows[i].wanted, "it is written");
		ok(cgroup_remove(&cg, 5000, &e) == 0, "remove %s", e.chain);
		cgroup_done(&cg);
	}
}

static void test_locate(void)
{
	static const struct {
		const char *path, *id, *ends;
	} rows[] = {
		{ "/hulltest-unit/../x/y", "id", "/x/y" },
		{ "/../../../etc", "id", "/etc" },
		{ "../../../etc", "id", "/etc" },
		{ NULL, "id", "/id" },
		{ "", "id", "/id" },
		{ "test.slice:cri-containerd:abc", "id", "/test.slice:cri-containerd:abc" },
	};
	struct cgroup cg;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool good = cgroup_locate(&cg, rows[i].path, rows[i].id, &e) == 0 && cg.n;

		for (size_t k = 0; k < cg.n; k++) {
			good &= str_starts(cg.dirs[k].path, CGROUP_ROOT "/") &&
				str_ends(cg.dirs[k].path, rows[i].ends) &&
				!strstr(cg.dirs[k].path, "..");
		}
		ok(good, "%s is %s%s", rows[i].path ? rows[i].path : "no path",
		   cg.n ? cg.dirs[0].path : "", cg.n > 1 ? " ..." : "");
		cgroup_done(&cg);
	}
	ok(cgroup_locate(&cg, "/", "id", &e) < 0 && cgroup_locate(&cg, "/a/..", "id", &e) < 0,
	   "never the root");
	ok(cgroup_locate(&cg, ".", "id", &e) < 0, "never hull's own");
}

static void test_undo(void)
{
	struct spec_cpu cpu = { .cpus = (char[]){ "5000" } };
	struct spec_resources res = { .cpu = &cpu };
	struct cgroup cg, where;
	struct err e = { 0 };

	if (cgroup_locate(&cg, PATH, "x", &e) < 0 || !cgroup_find(&cg, "cpuset")) {
		skip(2, "no cpuset v1");
		return;
	}
	ok(cgroup_create(&cg, &res, &e) < 0, "a cgroup that cannot be filled: %s", e.chain);
	is(e.pointer, "/cpu/cpus", "its pointer");
	ok(cgroup_locate(&where, "/hulltest-unit", "x", &e) == 0 && !exists(&where),
	   "nothing is left, parents neither");
	cgroup_done(&where);
}

static void test_view(const char *name)
{
	struct cgroup cg;
	struct err e;

	if (cgroup_locate(&cg, PATH, "x", &e) < 0 || cg.layout == CGROUP_NONE) {
		skip(1, "no cgroups in this view");
		return;
	}
	printf("# %s: layout %d, %zu hierarchies\n", name, cg.layout, cg.n);
	cgroup_done(&cg);
	clean_up();
	test_locate();
	test_life();
	test_kill();
	test_remove_busy();
	test_existing();
	test_devices();
	test_limits();
	clean_up();
	test_undo();
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return child(argv + 2);
	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) {
		skip(1, "needs root");
		return done_testing();
	}
	test_view("as it is");
	if (umount2(CGROUP_ROOT "/unified", MNT_DETACH) == 0)
		test_view("v1");
	while (umount2(CGROUP_ROOT, MNT_DETACH) == 0)
		;
	if (mount("none", CGROUP_ROOT, "cgroup2", 0, NULL) == 0)
		test_view("v2");
	return done_testing();
}
