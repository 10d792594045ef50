/* SPDX-License-Identifier: Apache-2.0 */
/* What this machine lacks of what the configuration asks for. */
#include "cmd/check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/attach/handler.h"
#include "init/seccomp/seccomp.h"
#include "state/spec/annotations.h"
#include "state/cgroup/cgroup.h"
#include "state/base/fd.h"
#include "state/lsm.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/base/str.h"
#include "state/base/sys.h"

/* --- Rights ----------------------------------------------------------------------------------- */

/* config.md: what cannot be granted is a warning. */
static void check_capabilities(struct check *c)
{
	const struct spec_capabilities *caps = c->spec->process->capabilities;
	const struct {
		const char *name;
		const struct name_set *set;
	} sets[] = {
		{ "bounding", caps ? &caps->bounding : NULL },
		{ "effective", caps ? &caps->effective : NULL },
		{ "permitted", caps ? &caps->permitted : NULL },
		{ "inheritable", caps ? &caps->inheritable : NULL },
		{ "ambient", caps ? &caps->ambient : NULL },
	};
	bool user_ns = spec_namespace(c->spec, CLONE_NEWUSER) != NULL;
	char pointer[64];

	for (size_t i = 0; caps && i < ARRAY_SIZE(sets); i++) {
		snprintf(pointer, sizeof(pointer), "/process/capabilities/%s", sets[i].name);
		for (size_t k = 0; k < sets[i].set->unknown.n; k++)
			check_say(c, CHECK_WARNING, pointer,
				  "\"%s\" is no capability, and is ignored",
				  sets[i].set->unknown.v[k]);
		for (int cap = 0; sets[i].set->mask >> cap; cap++) {
			int have = sets[i].set->mask >> cap & 1 ? prctl(PR_CAPBSET_READ, cap) : 1;

			if (have < 0 || (!have && !user_ns))
				check_say(c, CHECK_WARNING, pointer, "%s cannot be granted: %s",
					  name_of(cap_names, cap),
					  have < 0 ? "the kernel does not have it" :
						     "hull itself does not have it");
		}
	}
	if (caps && (caps->ambient.mask & ~(caps->inheritable.mask & caps->permitted.mask)))
		check_say(c, CHECK_WARNING, "/process/capabilities/ambient",
			  "only what is in inheritable and permitted, too, can be raised");
}

static void check_rlimits(struct check *c)
{
	const struct spec_rlimits *l = &c->spec->process->rlimits;
	char pointer[64];
	struct rlimit own;

	if (sys_has_capability(CAP_SYS_RESOURCE))
		return;
	for (size_t i = 0; i < l->n; i++) {
		if (getrlimit(l->v[i].type, &own) < 0 || l->v[i].hard.v <= own.rlim_max)
			continue;
		check_say(
			c, CHECK_ERROR, check_at(pointer, "process/rlimits", i),
			"%s: a hard limit of %llu is above hull's own %llu, which only CAP_SYS_RESOURCE "
			"may raise",
			name_of(rlimit_names, l->v[i].type), (unsigned long long)l->v[i].hard.v,
			(unsigned long long)own.rlim_max);
	}
}

/* --- Namespaces ------------------------------------------------------------------------------- */

static void check_namespaces(struct check *c)
{
	const struct spec_namespaces *l = &c->spec->linux_->namespaces;
	char pointer[64], path[64];

	for (size_t i = 0; i < l->n; i++) {
		const char *name = name_of(namespace_names, l->v[i].type);
		auto_close int fd = -1;

		check_at(pointer, "linux/namespaces", i);
		snprintf(path, sizeof(path), "/proc/self/ns/%s",
			 l->v[i].type == CLONE_NEWNS  ? "mnt" :
			 l->v[i].type == CLONE_NEWNET ? "net" :
							name);
		if (access(path, F_OK) < 0)
			check_say(c, CHECK_ERROR, pointer, "this kernel has no %s namespaces",
				  name);
		if (!l->v[i].path)
			continue;
		fd = open(l->v[i].path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		snprintf(pointer + strlen(pointer), sizeof(pointer) - strlen(pointer), "/path");
		if (fd < 0)
			check_say(c, CHECK_ERROR, pointer, "%s: %s", l->v[i].path,
				  errno_text(errno));
		else if (!fd_is_on(fd, (long)NSFS_MAGIC) && !fd_is_on(fd, PROC_SUPER_MAGIC))
			check_say(c, CHECK_ERROR, pointer, "%s is no namespace", l->v[i].path);
	}
}

static void check_sysctls(struct check *c)
{
	const struct str_map *l = &c->spec->linux_->sysctl;

	for (size_t i = 0; i < l->n; i++) {
		auto_free char *name = spec_sysctl_path(l->v[i].key);
		auto_free char *path = xasprintf("/proc/sys/%s", name);
		auto_free char *pointer = xasprintf("/linux/sysctl/%s", l->v[i].key);

		if (access(path, F_OK) < 0)
			check_say(c, CHECK_WARNING, pointer,
				  "%s is not on this machine: a module may be missing that has it",
				  path);
	}
}

static void check_net_devices(struct check *c)
{
	const struct spec_net_devices *l = &c->spec->linux_->net_devices;

	for (size_t i = 0; i < l->n; i++) {
		auto_free char *path = xasprintf("/sys/class/net/%s", l->v[i].key);
		auto_free char *pointer = xasprintf("/linux/netDevices/%s", l->v[i].key);

		if (access(path, F_OK) < 0)
			check_say(c, CHECK_ERROR, pointer, "there is no such network device");
	}
}

/* --- Limits ----------------------------------------------------------------------------------- */

static bool unified_has(const char *controller)
{
	char text[512];

	return (cgroup_read("/sys/fs/cgroup", "cgroup.controllers", text, sizeof(text)) >= 0 ||
		cgroup_read("/sys/fs/cgroup/unified", "cgroup.controllers", text, sizeof(text)) >=
			0) &&
	       cgroup_has_word(text, controller);
}

static void check_controller(struct check *c, const struct cgroup *cg, const char *v1,
			     const char *v2, const char *pointer)
{
	auto_free char *why = NULL;

	if (cgroup_find(cg, v1) || (v2 && unified_has(v2)))
		return;
	why = cgroup_why_not(v2 ? v2 : v1);
	check_say(c, CHECK_ERROR, pointer, "the \"%s\" cgroup controller is not available: %s",
		  v2 ? v2 : v1, why);
}

static void check_limits(struct check *c)
{
	const struct spec_resources *r = c->spec->linux_->resources;
	const struct spec_cpu *cpu = r ? r->cpu : NULL;
	const struct {
		bool asked;
		const char *v1, *v2, *pointer;
	} rows[] = {
		{ r && r->memory, "memory", "memory", "/linux/resources/memory" },
		{ cpu && (cpu->shares.set || cpu->quota.set || cpu->period.set), "cpu", "cpu",
		  "/linux/resources/cpu" },
		{ cpu && (!str_empty(cpu->cpus) || !str_empty(cpu->mems)), "cpuset", "cpuset",
		  "/linux/resources/cpu" },
		{ r && r->pids, "pids", "pids", "/linux/resources/pids" },
		{ r && r->block_io, "blkio", "io", "/linux/resources/blockIO" },
		{ r && r->hugepage_limits.n, "hugetlb", "hugetlb",
		  "/linux/resources/hugepageLimits" },
		{ r && r->rdma.n, "rdma", "rdma", "/linux/resources/rdma" },
	};
	struct cgroup cg = { 0 };
	struct err e;

	if (c->g->no_cgroup)
		return;
	if (cgroup_locate(&cg, c->g->systemd_cgroup ? NULL : c->spec->linux_->cgroups_path,
			  "hull-check", &e) < 0) {
		check_say(c, CHECK_ERROR, "/linux/cgroupsPath", "%s", e.chain);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].asked)
			check_controller(c, &cg, rows[i].v1, rows[i].v2, rows[i].pointer);
	}
	if (!c->g->systemd_cgroup && cgroup_check_unused(&cg, &e) < 0)
		check_say(c, CHECK_ERROR, "/linux/cgroupsPath", "%s", e.chain);
	cgroup_done(&cg);
}

/* --- The rest --------------------------------------------------------------------------------- */

static void check_labels(struct check *c)
{
	struct err e;

	if (lsm_check(c->spec->process, &e) < 0)
		check_err(c, CHECK_ERROR, "/process", &e);
	if (lsm_check_mounts(c->spec->linux_, &e) < 0)
		check_err(c, CHECK_ERROR, "/linux", &e);
	if (lsm_check_landlock(c->spec, &e) < 0)
		check_err(c, CHECK_ERROR, "", &e);
}

static void check_seccomp(struct check *c)
{
	const struct sock_fprog *program;
	struct arena a;
	unsigned flags;
	struct err e;

	arena_init(&a);
	if (seccomp_compile(c->spec->linux_->seccomp, &a, &program, &flags, &e) < 0)
		check_err(c, CHECK_ERROR, "", &e);
}

/* A user makes no device nodes: the host's of the same name are bound. */
static void check_devices(struct check *c)
{
	const struct spec_devices *l = &c->spec->linux_->devices;
	char pointer[64];
	struct stat st;

	for (size_t i = 0; i < l->n && !c->root; i++) {
		if (stat(l->v[i].path, &st) == 0)
			continue;
		check_say(c, CHECK_ERROR, check_at(pointer, "linux/devices", i),
			  "%s: %s; an ordinary user's devices are the host's of the same name",
			  l->v[i].path, errno_text(errno));
	}
}

/* user_namespaces(7): anybody may map himself, and only newuidmap(1) more. */
static void check_maps(struct check *c)
{
	const struct spec_linux *l = c->spec->linux_;
	auto_free char *helper = NULL;
	bool alone = l->uid_mappings.n == 1 && l->uid_mappings.v[0].size.v == 1 &&
		     l->uid_mappings.v[0].host_id.v == geteuid();

	if (c->root)
		return;
	if (!spec_namespace(c->spec, CLONE_NEWUSER)) {
		check_say(c, CHECK_ERROR, "/linux/namespaces",
			  "an ordinary user's container needs a user namespace");
		return;
	}
	helper = fd_find_program("newuidmap");
	if (l->uid_mappings.n && !alone && !helper)
		check_say(
			c, CHECK_ERROR, "/linux/uidMappings",
			"an ordinary user needs newuidmap for more than his own id, and it is not in "
			"PATH");
}

/* annotations_warn() has no room for an argument. */
static struct check *warned;

static void on_warning(const char *text)
{
	check_say(warned, CHECK_WARNING, "/annotations", "%s", text);
}

static void check_handler(struct check *c)
{
	const struct handler h = handler_wish(c->spec, NULL, c->g);
	auto_close int fd = -1;
	struct err e;

	if (!h.name)
		return;
	fd = handler_open(c->spec, &h, &e);
	if (fd == -1)
		check_err(c, CHECK_ERROR, "", &e);
}

static void check_annotations(struct check *c)
{
	warned = c;
	annotations_warn(c->spec, c->g->systemd_cgroup, on_warning);
}

void check_machine(struct check *c)
{
	check_annotations(c);
	check_handler(c);
	check_namespaces(c);
	check_maps(c);
	check_capabilities(c);
	check_rlimits(c);
	check_labels(c);
	check_seccomp(c);
	check_sysctls(c);
	check_devices(c);
	check_net_devices(c);
	check_limits(c);
}
