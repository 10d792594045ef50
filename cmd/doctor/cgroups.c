/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups: one is made as a container's would be, looked at, and removed. */
#include "cmd/doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nsexec/process/fork.h"
#include "state/cgroup/cgroup.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/str.h"

#define ROOT "/sys/fs/cgroup"

/* The controllers, by their names on v1 and v2, and what a container is without. */
static const struct controller {
	const char *v1, *v2; /* NULL: not there */
	const char *cost;
} controllers[] = {
	{ "cpu", "cpu", "no limit of processor time (cpu.shares, cpu.quota)" },
	{ "memory", "memory", "no limit of memory: one container can take all of the machine's" },
	{ "pids", "pids", "no limit of processes: a fork bomb takes the machine" },
	{ "cpuset", "cpuset", "no choice of processors and memory nodes" },
	{ "blkio", "io", "no limits for disks (blockIO)" },
	{ "hugetlb", "hugetlb", "no limits for huge pages" },
	{ "rdma", "rdma", "no limits for RDMA devices" },
	{ "perf_event", NULL, "perf(1) cannot look at one container" },
	{ "freezer", NULL, "no pause, and no checkpoint" },
	{ "devices", NULL, "devices are not kept from containers" },
	{ "net_cls", NULL, "linux.resources.network.classID has no effect" },
	{ "net_prio", NULL, "linux.resources.network.priorities has no effect" },
};

/* Files that say what a controller can do here. */
static const struct feature {
	const char *name, *controller, *v1_file, *v2_file; /* NULL: not asked of this layout */
	const char *cost, *advice;
} features[] = {
	{ "processor quota", "cpu", "cpu.cfs_quota_us", "cpu.max",
	  "cpu.quota and --cpus are refused", "a kernel with CONFIG_CFS_BANDWIDTH=y" },
	{ "swap accounting", "memory", "memory.memsw.limit_in_bytes", "memory.swap.max",
	  "limits of memory.swap are refused",
	  "boot parameter swapaccount=1, or a kernel with CONFIG_SWAP=y" },
	{ "disk throttles", "blkio", "blkio.throttle.read_bps_device", "io.max",
	  "limits of bytes and operations per second are refused",
	  "a kernel with CONFIG_BLK_DEV_THROTTLING=y" },
	{ "disk weights", "blkio", "blkio.bfq.weight", "io.bfq.weight",
	  "blockIO.weight works with the BFQ scheduler alone",
	  "a kernel with CONFIG_BFQ_GROUP_IOSCHED=y, and bfq in /sys/block/DISK/queue/scheduler" },
	{ "pressure (PSI)", "memory", NULL, "memory.pressure", "events --stats has no PSI",
	  "boot parameter psi=1, or a kernel with CONFIG_PSI=y" },
	{ "killed as a whole", "", NULL, "cgroup.kill",
	  "kill --all and delete look for each process", "Linux 5.14 or later" },
	{ "out of memory together", "memory", NULL, "memory.oom.group",
	  "unified memory.oom.group is refused", "Linux 4.19 or later" },
	{ "idle processor class", "cpu", "cpu.idle", "cpu.idle", "cpu.idle is refused",
	  "Linux 5.15 or later, with CONFIG_FAIR_GROUP_SCHED=y" },
	{ "burst of a quota", "cpu", "cpu.cfs_burst_us", "cpu.max.burst", "cpu.burst is refused",
	  "Linux 5.14 or later" },
	{ "real-time share", "cpu", "cpu.rt_runtime_us", NULL, "cpu.realtimeRuntime is refused",
	  "a kernel with CONFIG_RT_GROUP_SCHED=y" },
};

static bool has_file(const struct cgroup_dir *d, const char *file)
{
	auto_free char *path = d ? path_join(d->path, file) : NULL;

	return path && access(path, F_OK) == 0;
}

static bool listed(const struct cgroup_dir *d, const char *name)
{
	char text[512];

	return d && cgroup_read(d->path, "cgroup.controllers", text, sizeof(text)) >= 0 &&
	       cgroup_has_word(text, name);
}

static void add_controller(struct doctor *d, const struct cgroup *cg, const struct controller *c)
{
	const struct cgroup_dir *v1 = cgroup_find(cg, c->v1);
	auto_free char *why = NULL;
	const char *name = c->v2 ? c->v2 : c->v1;

	if (cg->layout == CGROUP_V2 && !c->v2)
		return; /* eBPF and cgroup.freeze are in its place, or nothing is */
	if (v1) {
		doctor_works(d, name, "cgroup v1, below %.*s",
			     (int)(strrchr(v1->path, '/') - v1->path), v1->path);
	} else if (c->v2 && listed(cgroup_find(cg, ""), c->v2)) {
		doctor_works(d, name, "cgroup v2");
	} else {
		why = cgroup_why_not(name);
		doctor_say(d, d->root ? DOCTOR_MISSING : DOCTOR_LIMITED, name, why, c->cost,
			   strstr(why, "v1 hierarchy") ?
				   "boot parameter cgroup_no_v1=all (systemd: "
				   "systemd.unified_cgroup_hierarchy=1)" :
				   NULL);
	}
}

static void add_feature(struct doctor *d, const struct cgroup *cg, const struct feature *f)
{
	bool v2;
	const struct cgroup_dir *dir = cgroup_serving(cg, f->controller, &v2);
	const char *file = v2 ? f->v2_file : f->v1_file;

	/* Without the controller it has been told of already. */
	if (!dir || !file ||
	    (v2 && *f->controller &&
	     !listed(dir, strcmp(f->controller, "blkio") ? f->controller : "io")))
		return;
	if (has_file(dir, file))
		doctor_works(d, f->name, "%s", file);
	else
		doctor_say(d, DOCTOR_MISSING, f->name, "", f->cost, f->advice);
}

static void add_birth(struct doctor *d, const struct cgroup *cg)
{
	struct cgroup_join join = CGROUP_JOIN_INIT;
	struct err e;

	if (cgroup_join_open(cg, &join, &e) < 0)
		doctor_say(d, DOCTOR_MISSING, "born inside", e.chain, "exec does not work", NULL);
	else if (join.into_fd >= 0 && fork_into(join.into_fd, &e) == 0)
		doctor_works(d, "born inside", "clone3(2) into the cgroup");
	else if (join.into_fd >= 0)
		doctor_say(d, DOCTOR_LIMITED, "born inside", e.chain,
			   "each start and exec waits for the kernel's lock of all cgroups",
			   "Linux 5.7 or later");
	cgroup_join_close(&join);
}

static void add_devices(struct doctor *d, const struct cgroup *cg)
{
	struct spec_device_rule deny = { .allow = false, .type = 'a', .access = (char[]){ "rwm" } };
	const struct spec_resources res = { .devices = { .n = 1, .v = &deny } };
	struct err e;

	if (cgroup_apply_devices(cg, &res, -1, &e) == 0)
		doctor_works(d, "device rules",
			     cg->layout == CGROUP_V2 ? "as an eBPF program" : "written");
	else if (d->root)
		doctor_say(
			d, DOCTOR_MISSING, "device rules", e.chain,
			"containers with rules for devices, which is all of an engine's, do not start",
			"a kernel with CONFIG_CGROUP_BPF=y and CONFIG_BPF_SYSCALL=y, or CAP_BPF");
	else
		doctor_say(d, DOCTOR_LIMITED, "device rules", e.chain,
			   "a user's container has what devices his uid may open, and makes none",
			   NULL);
}

static void add_freezer(struct doctor *d, const struct cgroup *cg)
{
	struct err e;

	if (cgroup_freeze(cg, true, &e) == 0 && cgroup_freeze(cg, false, &e) == 0)
		doctor_works(d, "freezer", "frozen, and let go");
	else
		doctor_say(d, DOCTOR_MISSING, "freezer", e.chain, "no pause, and no checkpoint",
			   "Linux 5.2 or later, or the v1 freezer");
}

static void look_inside(struct doctor *d, const struct cgroup *cg)
{
	cgroup_enable_all(cg);
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++)
		add_controller(d, cg, &controllers[i]);
	for (size_t i = 0; i < ARRAY_SIZE(features); i++)
		add_feature(d, cg, &features[i]);
	add_freezer(d, cg);
	add_devices(d, cg);
	add_birth(d, cg);
}

static void add_layout(struct doctor *d, const struct cgroup *cg)
{
	switch (cg->layout) {
	case CGROUP_V2:
		doctor_works(d, "layout", "cgroup v2 (unified)");
		break;
	case CGROUP_V1:
		doctor_works(d, "layout", "cgroup v1, %zu hierarchies%s", cg->n,
			     cgroup_find(cg, "") ? ", one of them v2's (hybrid)" : "");
		break;
	case CGROUP_NONE:
	default:
		doctor_say(d, DOCTOR_LIMITED, "layout", "nothing is mounted at " ROOT,
			   "containers have no limits, no rules for devices and no pause",
			   "mount -t cgroup2 cgroup2 " ROOT ", or a kernel with CONFIG_CGROUPS=y");
	}
}

static const char *why_not_made(const struct doctor *d, int code)
{
	if (code == EROFS)
		return ROOT " is read-only: is this inside of a container? Then it has to be given "
			    "a cgroup namespace and write access, as privileged ones have";
	if (!d->root && (code == EACCES || code == EPERM))
		return "a session of systemd with Delegate=yes (systemd-run --user --scope -p "
		       "Delegate=yes COMMAND), and --systemd-cgroup";
	if (code == ENOSPC)
		return "a cgroup above has reached its cgroup.max.descendants or cgroup.max.depth";
	return NULL;
}

void doctor_cgroups(struct doctor *d)
{
	struct cgroup cg = { 0 };
	struct err e;
	char id[40];

	snprintf(id, sizeof(id), "hull-doctor-%d", (int)getpid());
	if (cgroup_locate(&cg, NULL, id, &e) < 0) {
		doctor_say(d, DOCTOR_UNSEEN, "layout", e.chain, NULL, NULL);
		return;
	}
	add_layout(d, &cg);
	if (cg.layout == CGROUP_NONE)
		return;
	d->needed = d->root;
	if (cgroup_create(&cg, NULL, &e) < 0) {
		doctor_say(
			d, d->root ? DOCTOR_MISSING : DOCTOR_LIMITED, "making one", e.chain,
			d->root ?
				"no container starts, but with --cgroup-manager disabled" :
				"containers of this user have no limits, no pause and no statistics",
			why_not_made(d, e.code));
	} else {
		doctor_works(d, "making one", "%s", cg.n ? cg.dirs[0].path : ROOT);
		look_inside(d, &cg);
		if (cgroup_remove(&cg, 2000, &e) < 0)
			doctor_say(d, DOCTOR_LIMITED, "removing one", e.chain, NULL, NULL);
	}
	cgroup_done(&cg);
}
