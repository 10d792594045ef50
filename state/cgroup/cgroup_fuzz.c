/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a hostile kernel, an lxcfs or a process with a hostile name could show in /proc/PID and in the
 * files of a cgroup: read within bounds, to statistics that are JSON, to processes that there can be, to
 * cgroups that are below the hierarchy's mount.
 *
 * In a mount namespace of its own, with a tmpfs at /proc and one at /sys/fs/cgroup; needs root.
 *
 * An input is a byte for the layout and then, for each file that is not as usual, a byte for which one
 * it is and its text up to a NUL.
 */
#include "state/cgroup/cgroup.h"

#include "state/base/fuzz.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/format/json.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define BOX "/sys/fs/cgroup/box"
#define OWN "/sys/fs/cgroup/own" /* bound on our own /proc/PID/cgroup */
#define PRESSURE \
	"some avg10=0.50 avg60=0.00 avg300=1.25 total=5\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0"
#define IO "8:0 Read 5\n8:0 Write 6\n8:0 Sync 0\n8:0 Async 1\n8:0 Total 12\nTotal 12"

static const struct {
	const char *path, *text;
} files[] = {
	{ "/proc/42/stat", "42 (a program) Z 43 42 42 0 -1 4 0 0 0 0 1 2 0 0 20 0 1 0 12345 0 0" },
	{ "/proc/42/cgroup", "4:freezer:/box\n2:cpu,cpuacct:/box\n0::/box" },
	{ "/proc/42/wchan", "zap_pid_ns_processes" },
	{ "/proc/43/comm", "parent" },
	{ OWN, "4:freezer:/box\n2:cpu,cpuacct:/box\n0::/box/self" },
	{ BOX "/cgroup.procs", "42\n43" },
	{ BOX "/cgroup.threads", "42" },
	{ BOX "/cgroup.events", "populated 1\nfrozen 0" },
	{ BOX "/cgroup.freeze", "0" },
	{ BOX "/cgroup.controllers", "cpu io memory" },
	{ BOX "/cpu.stat",
	  "usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 1\nnr_throttled 0\nthrottled_usec 7" },
	{ BOX "/cpu.pressure", PRESSURE },
	{ BOX "/memory.pressure", PRESSURE },
	{ BOX "/io.pressure", PRESSURE },
	{ BOX "/memory.current", "4096" },
	{ BOX "/memory.max", "max" },
	{ BOX "/memory.peak", "8192" },
	{ BOX "/memory.swap.current", "0" },
	{ BOX "/memory.swap.max", "max" },
	{ BOX "/memory.events", "low 0\nhigh 0\nmax 0\noom 1\noom_kill 1" },
	{ BOX "/memory.stat",
	  "anon 5\nfile 6\ncache 7\nmapped_file 8\nhierarchical_memory_limit 9" },
	{ BOX "/io.stat", "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0" },
	{ BOX "/pids.current", "2" },
	{ BOX "/pids.max", "max" },
	{ BOX "/rdma.current", "mlx hca_handle=2 hca_object=2000" },
	{ BOX "/rdma.max", "mlx hca_handle=2 hca_object=max" },
	{ BOX "/hugetlb.2MB.current", "0" },
	{ BOX "/hugetlb.2MB.max", "max" },
	{ BOX "/hugetlb.2MB.events", "max 0" },
	{ BOX "/hugetlb.2MB.usage_in_bytes", "0" },
	{ BOX "/hugetlb.2MB.failcnt", "0" },
	{ BOX "/freezer.state", "FROZEN" },
	{ BOX "/freezer.self_freezing", "1" },
	{ BOX "/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3" },
	{ BOX "/memory.usage_in_bytes", "1" },
	{ BOX "/memory.memsw.usage_in_bytes", "2" },
	{ BOX "/memory.kmem.limit_in_bytes", "9223372036854771712" },
	{ BOX "/cpuacct.usage", "99" },
	{ BOX "/cpuacct.stat", "user 5\nsystem 6" },
	{ BOX "/cpuacct.usage_percpu", "5 6 7" },
	{ BOX "/cpuacct.usage_all", "cpu user system\n0 5 6\n1 7 8" },
	{ BOX "/cpuset.cpus", "0-3,7" },
	{ BOX "/cpuset.mems", "0" },
	{ BOX "/blkio.throttle.io_serviced_recursive", IO },
	{ BOX "/blkio.throttle.io_service_bytes", IO },
	{ BOX "/blkio.bfq.io_serviced_recursive", IO },
	{ BOX "/blkio.bfq.time_recursive", "8:0 5" },
	{ BOX "/tasks", "42" },
};

static bool v2;

static void put(size_t i, const char *text, size_t n)
{
	int fd = open(files[i].path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	must(fd >= 0 && write(fd, text, n) == (ssize_t)n);
	close(fd);
}

/* What the kernel would say of the hierarchy. */
int statfs(const char *path, struct statfs *st)
{
	struct stat s;

	if (stat(path, &s) < 0)
		return -1;
	*st = (struct statfs){ 0 };
	if (!strncmp(path, "/sys/fs/cgroup/unified", 22) || v2)
		st->f_type = CGROUP2_SUPER_MAGIC;
	else
		st->f_type = strcmp(path, "/sys/fs/cgroup") ? CGROUP_SUPER_MAGIC : 0x01021994;
	return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char real[40], own[32], cgroup[40];

	(void)argc;
	(void)argv;
	snprintf(real, sizeof(real), "/sys/fs/cgroup/%d", (int)getpid());
	snprintf(own, sizeof(own), "/proc/%d", (int)getpid());
	/* The sanitizers look at themselves in /proc. */
	fuzz_tmpfs("/sys/fs/cgroup");
	must(mkdir(real, 0755) == 0 && mount(own, real, NULL, MS_BIND, NULL) == 0);
	fuzz_tmpfs("/proc");
	must(mkdir(own, 0755) == 0 && mount(real, own, NULL, MS_MOVE, NULL) == 0);
	mkdir("/proc/42", 0755);
	mkdir("/proc/43", 0755);
	must(symlink(own + strlen("/proc/"), "/proc/self") == 0);
	mkdir(BOX, 0755);
	must(symlink("box", "/sys/fs/cgroup/freezer") == 0 && symlink(".", BOX "/box") == 0 &&
	     symlink("box", "/sys/fs/cgroup/cpu,cpuacct") == 0 &&
	     symlink("box", "/sys/fs/cgroup/unified") == 0);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		put(i, files[i].text, strlen(files[i].text));
	snprintf(cgroup, sizeof(cgroup), "%s/cgroup", own);
	must(mount(OWN, cgroup, NULL, MS_BIND, NULL) == 0);
	return 0;
}

static void below(const struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++) {
		const char *path = cg->dirs[i].path;

		must(!strncmp(path, "/sys/fs/cgroup", 14) && (!path[14] || path[14] == '/'));
		must(!strstr(path, "/../") && strcmp(path + strlen(path) - 3, "/.."));
	}
}

static void statistics(const struct cgroup *cg)
{
	auto_str struct str out = { 0 }, message = { 0 };
	auto_json struct json j = { 0 };
	struct err e = { 0 };

	cgroup_stats(cg, &out);
	/* memory.stat with a key twice is passed on as it is. */
	if (json_read(out.s, out.n, &j, &e) < 0 && !strstr(e.chain, "duplicate property")) {
		fprintf(stderr, "%s: %s\n", e.chain, out.s);
		abort();
	}
	cgroup_metrics(cg, &message);
}

static void look(struct cgroup *cg)
{
	struct cgroup now;
	pid_t *pids = NULL;
	struct err e = { 0 };
	uint64_t start;
	char *text;
	size_t n;

	(void)!proc_start_time(42, &start);
	if (cgroup_of(42, &now, &e) == 0) {
		below(&now);
		cgroup_done(&now);
	}
	if (cgroup_locate(&now, "x/../y", "id", &e) == 0) {
		below(&now);
		cgroup_done(&now);
	}
	if (cgroup_systemd_path(42, &text, &e) == 0)
		free(text);
	if (cgroup_pids(cg, &pids, &n, &e) == 0) {
		for (size_t i = 0; i < n; i++)
			must(pids[i] > 0);
		free(pids);
	}
	(void)!cgroup_is_frozen(cg);
	(void)!cgroup_oom_kills(cg);
	(void)!cgroup_oom_kills_above(cg);
	free(cgroup_why_alive(cg, 42));
	free(cgroup_why_frozen(cg, 42));
	statistics(cg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool changed[ARRAY_SIZE(files)] = { false };
	struct cgroup_dir dirs[] = {
		{ (char *)"freezer", (char *)BOX, 0 }, { (char *)"cpu,cpuacct", (char *)BOX, 0 },
		{ (char *)"memory", (char *)BOX, 0 },  { (char *)"blkio", (char *)BOX, 0 },
		{ (char *)"pids", (char *)BOX, 0 },    { (char *)"cpuset", (char *)BOX, 0 },
		{ (char *)"hugetlb", (char *)BOX, 0 }, { (char *)"", (char *)BOX, 0 }
	};
	struct cgroup cg = { .layout = CGROUP_V1, .n = ARRAY_SIZE(dirs), .dirs = dirs };
	const char *p = (const char *)data, *end = p + size;

	if (!size)
		return 0;
	v2 = *p++ & 1;
	if (v2)
		cg = (struct cgroup){ CGROUP_V2, 1, &dirs[ARRAY_SIZE(dirs) - 1] };
	while (p < end) {
		size_t i = (unsigned char)*p++ % ARRAY_SIZE(files);
		size_t n = strnlen(p, (size_t)(end - p));

		put(i, p, n);
		changed[i] = true;
		p += n + 1;
	}
	look(&cg);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		if (changed[i])
			put(i, files[i].text, strlen(files[i].text));
	}
	return 0;
}
