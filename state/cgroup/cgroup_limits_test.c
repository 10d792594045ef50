/* SPDX-License-Identifier: Apache-2.0 */
/* linux.resources against directories of plain files, which need neither rights nor controllers. */
#include "state/cgroup/cgroup_put.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/str.h"
#include "state/base/tap.h"

static char top[] = "/tmp/hulltest-XXXXXX";

/* A fresh directory with these empty files. */
static char *fake(const char *const *files)
{
	static int n;
	char *dir = xasprintf("%s/%d", top, n++);

	mkdir(dir, 0755);
	for (; *files; files++) {
		auto_free char *path = xasprintf("%s/%s", dir, *files);
		auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		if (fd < 0)
			abort();
	}
	return dir;
}

static struct cgroup layout(bool v2, const char *controllers, char *dir)
{
	static struct cgroup_dir d;

	d = (struct cgroup_dir){ xstrdup(v2 ? "" : controllers), dir, 0 };
	return (struct cgroup){ v2 ? CGROUP_V2 : CGROUP_V1, 1, &d };
}

#define INT_(x)         \
	{               \
		true, x \
	}

static const char *const v1_files[] = {
	"memory.limit_in_bytes",
	"memory.memsw.limit_in_bytes",
	"memory.soft_limit_in_bytes",
	"memory.swappiness",
	"memory.oom_control",
	"cpu.shares",
	"cpu.cfs_period_us",
	"cpu.cfs_quota_us",
	"cpu.cfs_burst_us",
	"cpu.rt_period_us",
	"cpu.rt_runtime_us",
	"cpu.idle",
	"cpuset.cpus",
	"cpuset.mems",
	"pids.max",
	"hugetlb.2MB.limit_in_bytes",
	"blkio.bfq.weight",
	"blkio.bfq.weight_device",
	"blkio.throttle.read_bps_device",
	"blkio.throttle.write_iops_device",
	"net_cls.classid",
	"net_prio.ifpriomap",
	"rdma.max",
	NULL,
};
static const char *const v2_files[] = {
	"memory.max",  "memory.swap.max", "memory.low",	     "cpu.weight",
	"cpu.max",     "cpu.max.burst",	  "cpu.idle",	     "cpuset.cpus",
	"cpuset.mems", "pids.max",	  "hugetlb.2MB.max", "hugetlb.2MB.rsvd.max",
	"memory.high", "io.max",	  "io.weight",	     "rdma.max",
	NULL,
};
static const char *const no_files[] = { NULL };
#define V1_ALL "memory,cpu,cpuset,pids,hugetlb,blkio,net_cls,net_prio,rdma"

/* files are "name=content" pairs; every other file must have stayed empty. */
static void writes(const char *what, bool v2, struct spec_resources res, const char *const *wanted)
{
	const char *const *files = v2 ? v2_files : v1_files;
	char *dir = fake(files);
	struct cgroup cg = layout(v2, V1_ALL, dir);
	struct err e = { 0 };
	char text[256];
	bool all = true;

	if (cgroup_apply_limits(&cg, &res, &e) < 0) {
		ok(false, "%s: %s", what, e.chain);
		return;
	}
	for (; *files; files++) {
		const char *content = "";

		for (const char *const *w = wanted; *w; w++) {
			if (!strncmp(*w, *files, strlen(*files)) && (*w)[strlen(*files)] == '=')
				content = *w + strlen(*files) + 1;
		}
		if (cgroup_read(dir, *files, text, sizeof(text)) < 0 ||
		    strcmp(text, content) != 0) {
			printf("# %s has \"%s\", not \"%s\"\n", *files, text, content);
			all = false;
		}
	}
	ok(all, "%s: %s", v2 ? "v2" : "v1", what);
}

static void fails(const char *what, bool v2, const char *const *files, struct spec_resources res,
		  const char *sentence, const char *pointer)
{
	struct cgroup cg = layout(v2, files == no_files ? "freezer" : V1_ALL, fake(files));
	struct err e = { 0 };

	if (!ok(cgroup_apply_limits(&cg, &res, &e) < 0, "%s", what))
		return;
	/* Why a controller is not available is this machine's. */
	if (str_ends(sentence, "is not available"))
		ok(!strncmp(e.chain, sentence, strlen(sentence)) &&
			   e.chain[strlen(sentence)] == ':',
		   "its sentence, with a reason: %s", e.chain);
	else
		is(e.chain, sentence, "its sentence");
	is(e.pointer, pointer, "its pointer");
}

#define FILES(...)  ((const char *const[]){ __VA_ARGS__, NULL })
#define MEMORY(...) ((struct spec_resources){ .memory = &(struct spec_memory){ __VA_ARGS__ } })
#define CPU(...)    ((struct spec_resources){ .cpu = &(struct spec_cpu){ __VA_ARGS__ } })
#define PIDS(x)	    ((struct spec_resources){ .pids = &(struct spec_pids){ .limit = INT_(x) } })

static void test_memory(void)
{
	writes("nothing set, nothing written", false, (struct spec_resources){ 0 }, FILES(""));
	writes("memory without limits", false, MEMORY(.check_before_update = INT_(true)),
	       FILES(""));
	writes("0 is not set", true,
	       MEMORY(.limit = INT_(0), .swap = INT_(0), .reservation = INT_(0)), FILES(""));
	writes("memory, swap and reservation", false,
	       MEMORY(.limit = INT_(4096), .swap = INT_(8192), .reservation = INT_(2048)),
	       FILES("memory.limit_in_bytes=4096", "memory.memsw.limit_in_bytes=8192",
		     "memory.soft_limit_in_bytes=2048"));
	writes("memory, swap and reservation", true,
	       MEMORY(.limit = INT_(4096), .swap = INT_(8192), .reservation = INT_(2048)),
	       FILES("memory.max=4096", "memory.swap.max=4096", "memory.low=2048"));
	writes("swap = limit is no swap", true, MEMORY(.limit = INT_(4096), .swap = INT_(4096)),
	       FILES("memory.max=4096", "memory.swap.max=0"));
	writes("swap -1", true, MEMORY(.limit = INT_(4096), .swap = INT_(-1)),
	       FILES("memory.max=4096", "memory.swap.max=max"));
	writes("unlimited memory takes swap along", true, MEMORY(.limit = INT_(-1)),
	       FILES("memory.max=max", "memory.swap.max=max"));
	writes("unlimited memory takes swap along", false, MEMORY(.limit = INT_(-1)),
	       FILES("memory.limit_in_bytes=-1", "memory.memsw.limit_in_bytes=-1"));
	writes("unlimited memory and some swap", true,
	       MEMORY(.limit = INT_(-1), .swap = INT_(8192)),
	       FILES("memory.max=max", "memory.swap.max=8192"));
	writes("swappiness and the OOM killer", false,
	       MEMORY(.swappiness = INT_(60), .disable_oom_killer = INT_(true)),
	       FILES("memory.swappiness=60", "memory.oom_control=1"));
	writes("swappiness, the OOM killer and kernel memory have no effect", true,
	       MEMORY(.swappiness = INT_(60), .disable_oom_killer = INT_(true),
		      .kernel = INT_(4096)),
	       FILES(""));
	fails("swap without limit", true, v2_files, MEMORY(.swap = INT_(8192)),
	      "unable to set swap limit without memory limit", "/memory/swap");
	fails("swap less than limit", true, v2_files,
	      MEMORY(.limit = INT_(8192), .swap = INT_(4096)),
	      "memory+swap limit should be >= memory limit", "/memory/swap");
	fails("swappiness beyond 100", false, v1_files, MEMORY(.swappiness = INT_(101)),
	      "invalid memory swappiness value: 101 (valid range is 0-100)", "/memory/swappiness");
}

static void test_usage(void)
{
	char *dir = fake(FILES("memory.max", "memory.current"));
	struct cgroup cg = layout(true, "", dir);
	struct spec_memory m = { .limit = INT_(4096), .check_before_update = INT_(true) };
	struct spec_resources res = { .memory = &m };
	struct err e = { 0 };

	cgroup_write(dir, "memory.current", "4096\n");
	ok(cgroup_apply_limits(&cg, &res, &e) < 0,
	   "checkBeforeUpdate refuses a limit that is the usage");
	is(e.chain, "rejecting memory limit 4096 <= usage 4096", "its sentence");
	m.limit.v = 4097;
	ok(cgroup_apply_limits(&cg, &res, &e) == 0, "one byte more is accepted");
}

static void test_cpu(void)
{
	static const struct {
		uint64_t shares;
		const char *weight;
	} weights[] = {
		{ 1, "cpu.weight=1" },
		{ 2, "cpu.weight=1" },
		{ 3, "cpu.weight=2" },
		{ 10, "cpu.weight=4" },
		{ 512, "cpu.weight=59" },
		{ 1024, "cpu.weight=100" },
		{ 2048, "cpu.weight=174" },
		{ 262143, "cpu.weight=10000" },
		{ UINT64_MAX, "cpu.weight=10000" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(weights); i++)
		writes("shares become a weight", true, CPU(.shares = INT_(weights[i].shares)),
		       FILES(weights[i].weight));
	writes("shares", false, CPU(.shares = INT_(1024)), FILES("cpu.shares=1024"));
	writes("quota, period, burst, real time", false,
	       CPU(.quota = INT_(50000), .period = INT_(100000), .burst = INT_(1000),
		   .realtime_period = INT_(1000000), .realtime_runtime = INT_(950000)),
	       FILES("cpu.cfs_quota_us=50000", "cpu.cfs_period_us=100000", "cpu.cfs_burst_us=1000",
		     "cpu.rt_period_us=1000000", "cpu.rt_runtime_us=950000"));
	writes("quota, period, burst; no real time asked for", true,
	       CPU(.quota = INT_(50000), .period = INT_(200000), .burst = INT_(1000),
		   .realtime_period = INT_(1000000), .realtime_runtime = INT_(-1)),
	       FILES("cpu.max=50000 200000", "cpu.max.burst=1000"));
	fails("a share of real time", true, v2_files, CPU(.realtime_runtime = INT_(950000)),
	      "cannot set cpu.realtimeRuntime: the \"cpu\" cgroup controller is not available",
	      "/cpu/realtimeRuntime");
	writes("quota alone", true, CPU(.quota = INT_(50000)), FILES("cpu.max=50000"));
	writes("period alone", true, CPU(.period = INT_(50000)), FILES("cpu.max=max 50000"));
	writes("quota -1", true, CPU(.quota = INT_(-1)), FILES("cpu.max=max"));
	writes("idle leaves shares out", true, CPU(.idle = INT_(1), .shares = INT_(1024)),
	       FILES("cpu.idle=1"));
	writes("idle 0 and shares", true, CPU(.idle = INT_(0), .shares = INT_(1024)),
	       FILES("cpu.idle=0", "cpu.weight=100"));
	writes("cpus and mems", true, CPU(.cpus = (char[]){ "0-1" }, .mems = (char[]){ "0" }),
	       FILES("cpuset.cpus=0-1", "cpuset.mems=0"));
}

static void test_others(void)
{
	struct spec_hugepage_limit huge = { (char[]){ "2MB" }, INT_(2097152) };
	struct map_entry entries[] = {
		{ (char[]){ "memory.high" }, (char[]){ "1000" } },
		{ (char[]){ "cpu.weight" }, (char[]){ "7" } },
	};
	struct spec_cpu shares = { .shares = INT_(2) };
	struct spec_resources res = { .hugepage_limits = { 1, &huge } };

	writes("pids", true, PIDS(10), FILES("pids.max=10"));
	writes("pids 0 is 1", false, PIDS(0), FILES("pids.max=1"));
	writes("pids -1", false, PIDS(-1), FILES("pids.max=max"));
	writes("huge pages", true, res,
	       FILES("hugetlb.2MB.max=2097152", "hugetlb.2MB.rsvd.max=2097152"));
	writes("huge pages, without a .rsvd file", false, res,
	       FILES("hugetlb.2MB.limit_in_bytes=2097152"));
	res = (struct spec_resources){ .unified = { 2, entries }, .cpu = &shares };
	/* cpu.weight was written before, one digit as well */
	writes("unified, after all others", true, res, FILES("memory.high=1000", "cpu.weight=7"));
}

static void test_io(void)
{
	static const struct {
		uint64_t weight, io;
	} weights[] = { { 10, 1 }, { 11, 11 }, { 100, 910 }, { 500, 4950 }, { 1000, 10000 } };
	struct spec_weight_device device = { INT_(8), INT_(16), INT_(1000), INT_(0) };
	struct spec_throttle_device slow = { INT_(8), INT_(0), INT_(1048576) },
				    fast = { INT_(8), INT_(0), INT_(0) };
	struct spec_block_io io = { .weight = INT_(500) };
	struct spec_resources res = { .block_io = &io };

	for (size_t i = 0; i < ARRAY_SIZE(weights); i++)
		ok(cgroup_io_weight(weights[i].weight) == weights[i].io,
		   "blkio weight %d is io weight %d", (int)weights[i].weight, (int)weights[i].io);
	writes("a weight for BFQ", false, res, FILES("blkio.bfq.weight=500"));
	writes("a weight for io.weight", true, res, FILES("io.weight=4950"));
	io = (struct spec_block_io){ .weight_device = { 1, &device } };
	writes("a device's weight", false, res, FILES("blkio.bfq.weight_device=8:16 1000"));
	writes("a device's weight", true, res, FILES("io.weight=8:16 10000"));
	io = (struct spec_block_io){ .throttle_read_bps_device = { 1, &slow },
				     .throttle_write_iops_device = { 1, &slow } };
	writes("throttles", false, res,
	       FILES("blkio.throttle.read_bps_device=8:0 1048576",
		     "blkio.throttle.write_iops_device=8:0 1048576"));
	io = (struct spec_block_io){ .throttle_write_bps_device = { 1, &slow } };
	writes("a throttle", true, res, FILES("io.max=8:0 wbps=1048576"));
	io = (struct spec_block_io){ .throttle_read_iops_device = { 1, &fast } };
	writes("a throttle of 0 is none", true, res, FILES("io.max=8:0 riops=max"));
	io = (struct spec_block_io){ .leaf_weight = INT_(100) };
	fails("leaf weights", true, v2_files, res,
	      "cannot set leafWeight: cgroup v2 has no leaf weights", "/blockIO/leafWeight");
	fails("leaf weights of a kernel without them", false, v1_files, res,
	      "cannot set blockIO.leafWeight: the kernel has no blkio.leaf_weight",
	      "/blockIO/leafWeight");
	io = (struct spec_block_io){ .throttle_read_bps_device = { 1, &slow } };
	fails("a throttle without the controller", true, no_files, res,
	      "cannot set blockIO.throttleReadBpsDevice.0.rate: the \"io\" cgroup controller is "
	      "not available",
	      "/blockIO/throttleReadBpsDevice/0/rate");
	fails("a throttle without the controller", false, no_files, res,
	      "cannot set blockIO.throttleReadBpsDevice.0.rate: the \"blkio\" cgroup controller is "
	      "not available",
	      "/blockIO/throttleReadBpsDevice/0/rate");
	io = (struct spec_block_io){ .throttle_read_bps_device = { 1, &fast } };
	writes("nothing, without a limit", true, (struct spec_resources){ .block_io = &io },
	       FILES("io.max=8:0 rbps=max"));
}

static void test_network_and_rdma(void)
{
	struct spec_interface_priority eth0 = { (char[]){ "eth0" }, INT_(5) };
	struct spec_network net = { .class_id = INT_(1048577) };
	struct spec_rdma devices[] = { { (char[]){ "mlx5_0" }, INT_(3), INT_(10000) },
				       { (char[]){ "none" }, { false, 0 }, { false, 0 } } };
	struct spec_rdma one = { (char[]){ "mlx5/1" }, { false, 0 }, INT_(7) };
	struct spec_resources res = { .network = &net };

	writes("a class", false, res, FILES("net_cls.classid=1048577"));
	fails("a class on v2", true, v2_files, res,
	      "cannot set network.classID: the \"net_cls\" cgroup controller is not available",
	      "/network/classID");
	net = (struct spec_network){ .class_id = INT_(0) };
	writes("class 0 is none", true, res, FILES(""));
	net = (struct spec_network){ .priorities = { 1, &eth0 } };
	writes("a priority", false, res, FILES("net_prio.ifpriomap=eth0 5"));
	fails("a priority on v2", true, v2_files, res,
	      "cannot set network.priorities.0: the \"net_prio\" cgroup controller is not available",
	      "/network/priorities/0");
	res = (struct spec_resources){ .rdma = { 2, devices } };
	writes("RDMA", false, res, FILES("rdma.max=mlx5_0 hca_handle=3 hca_object=10000"));
	writes("RDMA", true, res, FILES("rdma.max=mlx5_0 hca_handle=3 hca_object=10000"));
	res = (struct spec_resources){ .rdma = { 1, &one } };
	writes("RDMA objects alone", true, res, FILES("rdma.max=mlx5/1 hca_object=7"));
	fails("RDMA without the controller", true, no_files, res,
	      "cannot set rdma: the \"rdma\" cgroup controller is not available", "/rdma/mlx5~11");
}

static void test_undo_text(void)
{
	static const struct {
		const char *file, *written, *old, *undo;
	} rows[] = {
		{ "pids.max", "5", "max\n", "max" },
		{ "cpu.max", "50000 100000", "max 200000\n", "max 200000" },
		{ "cpuset.cpus", "0", "\n", "\n" },
		{ "memory.oom_control", "1", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n", "0" },
		{ "blkio.throttle.read_bps_device", "8:0 5", "8:16 1\n8:0 77\n", "8:0 77" },
		{ "blkio.throttle.read_bps_device", "8:0 5", "8:16 1\n", "8:0 0" },
		{ "io.max", "8:0 rbps=5", "8:0 rbps=9 wbps=max riops=max wiops=max\n",
		  "8:0 rbps=9 wbps=max riops=max wiops=max" },
		{ "io.max", "8:0 rbps=5", "", "8:0 rbps=max wbps=max riops=max wiops=max" },
		{ "io.weight", "200", "default 100\n8:0 300\n", "100" },
		{ "io.weight", "8:0 5", "default 100\n", "8:0 default" },
		{ "io.bfq.weight", "200", "100\n", "100" },
		{ "rdma.max", "mlx5_0 hca_handle=2", "mlx5_0 hca_handle=max hca_object=7\n",
		  "mlx5_0 hca_handle=max hca_object=7" },
		{ "net_prio.ifpriomap", "eth0 5", "lo 0\neth0 3\n", "eth0 3" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_free char *text =
			journal_undo_text(rows[i].file, rows[i].written, rows[i].old);

		is(text, rows[i].undo, rows[i].file);
	}
}

static int refuse(void *arg, struct err *e)
{
	return *(bool *)arg ? err_set(e, EIO, "not committed") : 0;
}

/* A failing update leaves what was there, whichever of its parts fails. */
static void test_update(void)
{
	char *dir = fake(FILES("pids.max", "cpu.weight", "memory.max"));
	struct cgroup cg = layout(true, "", dir);
	struct spec_pids pids = { INT_(9) };
	struct spec_cpu cpu = { .shares = INT_(1024) }, bad = { .cpus = (char[]){ "0" } };
	struct spec_resources res = { .pids = &pids, .cpu = &cpu };
	struct err e = { 0 };
	bool fail = true;
	char text[16];

	cgroup_write(dir, "pids.max", "77\n");
	cgroup_write(dir, "cpu.weight", "55\n");
	ok(cgroup_update(&cg, &res, refuse, &fail, &e) < 0, "an update that cannot be committed");
	is(e.chain, "not committed", "its sentence");
	cgroup_read(dir, "pids.max", text, sizeof(text));
	is(text, "77", "the first file is as it was");
	cgroup_read(dir, "cpu.weight", text, sizeof(text));
	ok(!strncmp(text, "55", 2), "the second file, too");
	res.cpu = &bad;
	fail = false;
	ok(cgroup_update(&cg, &res, refuse, &fail, &e) < 0, "an update without a controller");
	cgroup_read(dir, "pids.max", text, sizeof(text));
	is(text, "77", "what was written before is as it was");
	res.cpu = &cpu;
	ok(cgroup_update(&cg, &res, refuse, &fail, &e) == 0, "an update");
	cgroup_read(dir, "pids.max", text, sizeof(text));
	ok(text[0] == '9', "has changed the file");
}

/* cpu.max takes the quota with the period: the one that is there stays. */
static void test_period(void)
{
	char *dir = fake(FILES("cpu.max"));
	struct cgroup cg = layout(true, "", dir);
	struct spec_resources res = CPU(.period = INT_(200000));
	struct err e = { 0 };
	char text[32];

	cgroup_write(dir, "cpu.max", "5000 100000\n");
	ok(cgroup_apply_limits(&cg, &res, &e) == 0, "a period alone");
	cgroup_read(dir, "cpu.max", text, sizeof(text));
	is(text, "5000 200000", "keeps the quota that is there");
}

static void test_missing_policy(void)
{
	struct cgroup cg = layout(true, "", fake(no_files));
	struct map_entry entry = { (char[]){ "misc.max" }, (char[]){ "1" } };
	struct spec_pids pids = { INT_(9) };
	struct spec_block_io io = { .leaf_weight = INT_(100) };
	struct spec_cpu cpu = { .shares = INT_(1), .cpus = (char[]){ "0" }, .quota = INT_(5) };
	struct spec_memory memory = { .limit = INT_(4096), .swap = INT_(8192) };
	struct spec_resources res = { .pids = &pids,
				      .block_io = &io,
				      .cpu = &cpu,
				      .memory = &memory,
				      .unified = { 1, &entry } };
	struct cgroup none = { 0 };
	struct err e = { 0 };

	cgroup_set_missing(CGROUP_MISSING_IGNORE);
	ok(cgroup_apply_limits(&cg, &res, &e) == 0, "missing controllers may be ignored: %s",
	   e.chain);
	res.unified.n = 0;
	ok(cgroup_apply_limits(&none, &res, &e) == 0, "and all of them: %s", e.chain);
	cg = layout(false, V1_ALL, fake(no_files));
	ok(cgroup_apply_limits(&cg, &res, &e) == 0, "and those of v1: %s", e.chain);
	cgroup_set_missing(CGROUP_MISSING_ERROR);
	ok(cgroup_apply_limits(&cg, &res, &e) < 0, "but not by default");
}

static void unified_fails(const char *key, const char *sentence, const char *pointer)
{
	struct map_entry entry = { xstrdup(key), (char[]){ "1" } };
	struct spec_resources res = { .unified = { 1, &entry } };

	fails(key, true, v2_files, res, sentence, pointer);
}

static void why(const char *controller, const char *root, const char *reason)
{
	const char *text =
		"#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t3\t1\t1\ncpu\t0\t1\t1\n"
		"cpuacct\t0\t1\t1\nblkio\t0\t1\t1\nmemory\t0\t10\t0\nnet_cls\t0\t1\t1\n";
	auto_free char *said = cgroup_why_missing(controller, text, root);

	is(said, reason, controller);
}

static void test_why_missing(void)
{
	why("memory", "cpu io",
	    "the kernel was started without it (cgroup_disable=memory; on a Raspberry Pi "
	    "\"cgroup_enable=memory\" in cmdline.txt brings it back)");
	why("cpuset", "cpu io", "it belongs to a cgroup v1 hierarchy");
	why("cpu", "cpuset cpu io",
	    "the cgroup above does not pass it on (cgroup.subtree_control)");
	why("io", "cpuset cpu", "the root of cgroup v2 has it not");
	why("cpu", NULL, "no cgroup file system is mounted at /sys/fs/cgroup");
	why("net_cls", "cpu io", "cgroup v1 alone has it, and is not mounted");
	why("pids", "cpu io", "this kernel has none (CONFIG_CGROUP_PIDS)");
	/* Newer kernels list those of v1 alone. */
	why("misc", "cpu misc", "the cgroup above does not pass it on (cgroup.subtree_control)");
	why("unheard", "cpu", "this kernel has none");
}

static void test_missing(void)
{
	struct map_entry entry = { (char[]){ "memory.high" }, (char[]){ "1" } };
	struct spec_resources res = { .unified = { 1, &entry } };

	for (int v2 = 0; v2 < 2; v2++) {
		fails("a memory limit without the controller", v2, no_files,
		      MEMORY(.limit = INT_(4096)),
		      "cannot set memory.limit: the \"memory\" cgroup controller is not available",
		      "/memory/limit");
		fails("a pids limit without the controller", v2, no_files, PIDS(5),
		      "cannot set pids.limit: the \"pids\" cgroup controller is not available",
		      "/pids/limit");
		fails("CPUs without the controller", v2, no_files, CPU(.cpus = (char[]){ "0" }),
		      "cannot set cpu.cpus: the \"cpuset\" cgroup controller is not available",
		      "/cpu/cpus");
	}
	for (int v2 = 0; v2 < 2; v2++) {
		struct cgroup cg = layout(v2, "freezer", fake(no_files));
		struct spec_pids pids = { INT_(-1) };
		struct spec_memory memory = { .limit = INT_(-1),
					      .swap = INT_(-1),
					      .reservation = INT_(-1) };
		struct spec_cpu cpu = { .quota = INT_(-1),
					.period = INT_(100000),
					.idle = INT_(0) };
		struct spec_resources none = { .pids = &pids, .memory = &memory, .cpu = &cpu };
		struct err e = { 0 };

		ok(cgroup_apply_limits(&cg, &none, &e) == 0, "no limit needs no controller (%s)",
		   e.chain);
	}
	fails("a missing file of a v1 controller", false, FILES("cpu.shares"),
	      CPU(.quota = INT_(5)), "cannot set cpu.quota: the kernel has no cpu.cfs_quota_us",
	      "/cpu/quota");
	fails("unified on v1", false, v1_files, res,
	      "invalid configuration: cannot use unified on cgroup v1", "/unified");
	unified_fails("../x", "unified resource \"../x\" must be a file name (no slashes)",
		      "/unified/..~1x");
	unified_fails("memory",
		      "unified resource \"memory\" must be in the form CONTROLLER.PARAMETER",
		      "/unified/memory");
	unified_fails(
		"misc.max",
		"unified resource \"misc.max\" can't be set: controller \"misc\" not available",
		"/unified/misc.max");
}

/* A controller that v1 does not have is used through the unified hierarchy. */
static void test_hybrid(void)
{
	char *v1 = fake(FILES("pids.max")), *v2 = fake(FILES("hugetlb.2MB.max"));
	struct cgroup_dir dirs[] = { { (char[]){ "pids" }, v1, 0 }, { (char[]){ "" }, v2, 0 } };
	struct cgroup cg = { CGROUP_V1, 2, dirs };
	struct spec_hugepage_limit huge = { (char[]){ "2MB" }, INT_(0) };
	struct spec_pids pids = { INT_(9) };
	struct spec_resources res = { .pids = &pids, .hugepage_limits = { 1, &huge } };
	struct err e = { 0 };
	char text[16] = "";

	ok(cgroup_apply_limits(&cg, &res, &e) == 0, "hybrid: limits on both sides %s", e.chain);
	cgroup_read(v2, "hugetlb.2MB.max", text, sizeof(text));
	is(text, "0", "hybrid: hugetlb in the unified hierarchy");
	cgroup_read(v1, "pids.max", text, sizeof(text));
	is(text, "9", "hybrid: pids on v1");
}

/* Controllers are enabled from the top down, in one write for each level, as far as there are any. */
static void test_enable(void)
{
	static const char *const files[] = { "cgroup.controllers", "cgroup.subtree_control", NULL };
	char *top_dir = fake(files), *mid = xasprintf("%s/mid", top_dir),
	     *leaf = xasprintf("%s/leaf", mid);
	struct str have = { 0 };
	char text[64] = "";

	mkdir(mid, 0755);
	mkdir(leaf, 0755);
	for (size_t i = 0; files[i]; i++) {
		auto_free char *in_mid = xasprintf("%s/%s", mid, files[i]),
			       *in_leaf = xasprintf("%s/%s", leaf, files[i]);

		close(openat(AT_FDCWD, in_mid, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
		close(openat(AT_FDCWD, in_leaf, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	}
	cgroup_write(top_dir, "cgroup.controllers", "cpuset cpu io pids\n");
	cgroup_write(mid, "cgroup.controllers", "cpu pids\n");
	cgroup_write(leaf, "cgroup.controllers", "pids\n");
	ok(cgroup_enable(leaf, "cpu io memory pids", &have), "enable controllers");
	cgroup_read(top_dir, "cgroup.subtree_control", text, sizeof(text));
	is(text, "+io", "at the top, what the middle lacks and the top has");
	cgroup_read(mid, "cgroup.subtree_control", text, sizeof(text));
	is(text, "+cpu +io", "in the middle, what the leaf lacks");
	is(have.s, "pids cpu io", "what the leaf has then");
	str_done(&have);
}

/* Of what is asked for, and which controllers of v2 that takes beside those that v1 has. */
static void test_needs(void)
{
	struct cgroup_dir v1 = { (char *)"blkio", top, 0 };
	struct cgroup unified = { CGROUP_V2, 0, NULL }, hybrid = { CGROUP_V1, 1, &v1 };
	struct spec_block_io io = { 0 };
	struct spec_network none = { .class_id = INT_(0) }, class = { .class_id = INT_(7) };
	struct map_entry entry = { (char *)"misc.max", (char *)"x 1" };
	struct spec_resources all = CPU(.quota = INT_(5), .cpus = (char *)"0");
	struct str names = { 0 };

	all.block_io = &io;
	all.network = &class;
	all.unified.n = 1;
	all.unified.v = &entry;
	ok(!cgroup_has_limits(NULL) && !cgroup_has_limits(&(struct spec_resources){ 0 }),
	   "no limit");
	ok(!cgroup_has_limits(&(struct spec_resources){ .network = &none }) &&
		   cgroup_has_limits(&(struct spec_resources){ .network = &class }),
	   "class 0 is none");
	ok(cgroup_has_limits(&PIDS(0)) && !cgroup_has_limits(&CPU(.period = { 0 })) &&
		   cgroup_has_limits(&CPU(.mems = (char *)"0")),
	   "some limit");
	cgroup_needs(&unified, &all, &names);
	is(names.s, " io cpu cpuset misc", "needed of v2");
	str_done(&names);
	names = (struct str){ 0 };
	cgroup_needs(&hybrid, &all, &names);
	is(names.s, " cpu cpuset misc", "needed beside v1's blkio");
	str_done(&names);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

int main(void)
{
	if (!mkdtemp(top))
		return 1;
	test_memory();
	test_usage();
	test_cpu();
	test_others();
	test_io();
	test_network_and_rdma();
	test_undo_text();
	test_update();
	test_period();
	test_missing_policy();
	test_missing();
	test_why_missing();
	test_hybrid();
	test_enable();
	test_needs();
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return done_testing();
}
