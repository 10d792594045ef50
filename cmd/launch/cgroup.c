/* SPDX-License-Identifier: Apache-2.0 */
/* create, run and restore, hull's side: the container's cgroups, made by hull or as a unit by systemd. */
#include "cmd/launch/create.h"

#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/systemd/systemd.h"
#include "state/base/trace.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

/*
 * FEATURES.md D1: without rights and without a wish for limits a container has no cgroup. Both
 * sentences begin with runc's words, which clients know.
 */
static int go_without_cgroup(struct launch *l, struct err *e)
{
	if ((e->code != EPERM && e->code != EACCES && e->code != EROFS) ||
	    !launch_is_rootless(l->g->rootless))
		return -1;
	if (!str_empty(l->p.spec->linux_->cgroups_path) ||
	    cgroup_has_limits(l->p.spec->linux_->resources))
		return err_wrap(
			e,
			"rootless needs no limits + no cgrouppath when no permission is granted for cgroups");
	log_debug("without a cgroup: %s", e->chain);
	if (!l->rec.in_pid_ns)
		log_warn(
			"creating a rootless container with no cgroup and no private pid namespace. "
			"Such configuration is strongly discouraged: kill and delete find its init alone");
	cgroup_done(&l->rec.cgroup);
	l->without_cgroup = true;
	return 0;
}

/* state/cgroup/cgroup.c knows the resources alone, which update reads from a file of their own. */
static int at_resources(struct err *e)
{
	if (!e->pointer[0])
		return -1;
	err_at_key(e, "resources");
	return err_at_key(e, "linux");
}

/* The host's number for a user of the container; false when none is mapped to it. */
static bool host_uid(const struct spec *s, uint64_t uid, uid_t *ret)
{
	const struct spec_id_maps *maps = &s->linux_->uid_mappings;

	*ret = (uid_t)uid;
	if (!spec_namespace(s, CLONE_NEWUSER))
		return true;
	for (size_t i = 0; i < maps->n; i++) {
		const struct spec_id_map *m = &maps->v[i];

		if (uid < m->container_id.v || uid - m->container_id.v >= m->size.v)
			continue;
		*ret = (uid_t)(m->host_id.v + (uid - m->container_id.v));
		return true;
	}
	return false;
}

static bool is_writable_cgroup(const struct spec_mount *m)
{
	auto_free char *destination = NULL;
	bool readonly = false;

	if (!m->type || !str_starts(m->type, "cgroup"))
		return false;
	destination = path_clean(m->destination);
	if (strcmp(destination, "/sys/fs/cgroup") != 0)
		return false;
	for (size_t i = 0; i < m->options.n; i++) {
		readonly = !strcmp(m->options.v[i], "ro") ||
			   (readonly && strcmp(m->options.v[i], "rw") != 0);
	}
	return !readonly;
}

/* With a cgroup namespace and a writable mount of its own the container manages its subtree. */
static int delegate_cgroup(struct launch *l, struct err *e)
{
	const struct spec *s = l->p.spec;
	const struct spec_namespace *ns = spec_namespace(s, CLONE_NEWCGROUP);
	bool writable = false;
	uid_t uid;

	if (!ns || !str_empty(ns->path))
		return 0;
	for (size_t i = 0; i < s->mounts.n; i++)
		writable = writable || is_writable_cgroup(&s->mounts.v[i]);
	if (!writable)
		return 0;
	/* An engine inside may want any of them (kubelet: cpuset); Delegate=yes is systemd's word. */
	if (!l->made_unit)
		cgroup_enable_all(&l->rec.cgroup);
	if (!host_uid(s, s->process->user->uid.v, &uid) || uid == geteuid())
		return 0;
	return cgroup_delegate(&l->rec.cgroup, uid, e);
}

static int apply_devices(struct launch *l, struct err *e)
{
	return cgroup_apply_devices(&l->rec.cgroup, l->p.spec->linux_->resources, l->c.root_fd, e);
}

/* Only the host's root may load eBPF programs. Nobody else can make device nodes, either. */
static int apply_device_rules(struct launch *l, struct err *e)
{
	if (apply_devices(l, e) == 0)
		return 0;
	if (e->code != EPERM || !launch_is_rootless(l->g->rootless))
		return at_resources(e);
	log_warn("device rules are not enforced: %s", e->chain);
	return 0;
}

/* Without a cgroup a limit says what it misses. */
static int check_no_limits(const struct launch *l, struct err *e)
{
	if (cgroup_apply_limits(&l->rec.cgroup, l->p.spec->linux_->resources, e) == 0)
		return 0;
	at_resources(e);
	return l->g->no_cgroup ? err_wrap(e, "--cgroup-manager disabled") : -1;
}

/*
 * Of v1, with a hierarchy for each controller, which takes hull as long as the stages need for the namespaces. They get
 * in by themselves, alone in their process as ever (DESIGN.md section 3), so that a cgroup namespace, which shows
 * where its maker is, cannot be made before; nor can who is not root be asked to go without cgroups later.
 */
bool launch_cgroup_can_wait(const struct launch *l)
{
	const struct cgroup *cg = &l->rec.cgroup;

	return cg->layout == CGROUP_V1 && !cgroup_find(cg, "") && !l->g->systemd_cgroup &&
	       !spec_namespace(l->p.spec, CLONE_NEWCGROUP);
}

int launch_make_cgroup(struct launch *l, struct cgroup_join *join, struct err *e)
{
	trace_here("make cgroups", NULL);
	const struct spec_resources *res = l->p.spec->linux_->resources;
	struct cgroup *cg = &l->rec.cgroup;

	if (l->g->systemd_cgroup)
		return 0; /* a unit wants a process: make_unit */
	if (cg->layout == CGROUP_NONE)
		return check_no_limits(l, e);
	if (cgroup_create(cg, res, e) < 0) {
		if (go_without_cgroup(l, e) == 0)
			return 0;
		at_resources(e);
		return err_wrap(e, "unable to apply cgroup configuration");
	}
	l->made_cgroup = true;
	/*
	 * Device rules before anybody is inside: while they change on v1, no device can be opened. Those of
	 * v2 are there all at once, and are loaded while the stages are at work.
	 */
	l->rules_later = cg->layout == CGROUP_V2;
	if (!l->rules_later && apply_device_rules(l, e) < 0)
		return -1;
	if (delegate_cgroup(l, e) < 0)
		return -1;
	return cgroup_join_open(cg, join, e);
}

int launch_cgroup_rules(struct launch *l, struct err *e)
{
	trace_here("rules for devices", NULL);
	return l->rules_later ? apply_device_rules(l, e) : 0;
}

/* Without cgroups of its own the container stays in hull's, which on v1 are shown to it. */
void launch_describe_cgroup(struct launch *l)
{
	struct cgroup shown = { 0 };
	const struct cgroup *cg = &l->rec.cgroup;
	struct init_args *a = l->p.args;
	struct err ignored;

	a->cgroup_layout = cg->layout;
	if (cg->layout == CGROUP_NONE && l->without_cgroup &&
	    cgroup_of(getpid(), &shown, &ignored) == 0 && shown.layout == CGROUP_V1)
		cg = &shown;
	a->cgroups = arena_zalloc(&l->p.arena, cg->n * sizeof(*a->cgroups));
	a->n_cgroups = cg->n;
	for (size_t i = 0; i < cg->n; i++) {
		a->cgroups[i].controllers = arena_strdup(&l->p.arena, cg->dirs[i].controllers);
		a->cgroups[i].path = arena_strdup(&l->p.arena, cg->dirs[i].path);
	}
	cgroup_done(&shown);
}

/*
 * On v2 the stages that have ended are still charged to the container for a moment, so a small
 * memory limit has to wait until the last stage has done its work; others are written meanwhile.
 */
#define SMALL_MEMORY ((int64_t)16 << 20)

static bool is_small(const struct launch *l)
{
	const struct spec_resources *r = l->p.spec->linux_->resources;

	return (l->rec.cgroup.layout == CGROUP_V2 || l->made_unit) && r && r->memory &&
	       r->memory->limit.set && r->memory->limit.v >= 0 && r->memory->limit.v < SMALL_MEMORY;
}

/* For a user whose /proc hides stage 0, which is not dumpable, from him (proc(5), hidepid). */
static int ask_for_cgroup(struct launch *l, pid_t pid, struct err *e)
{
	struct cgroup *cg = &l->rec.cgroup;
	auto_free char *path = NULL;
	auto_free pid_t *pids = NULL;
	size_t n = 0;

	if (systemd_cgroup_of(l->unit.name, l->rec.unit_of_user, &path, e) < 0)
		return -1;
	cgroup_done(cg);
	if (cgroup_locate(cg, path, l->c.id, e) < 0 || cgroup_pids(cg, &pids, &n, e) < 0)
		return -1;
	while (n > 0 && pids[n - 1] != pid)
		n--;
	return n ? 0 :
		   err_set(e, EREMOTEIO,
			   "systemd has started %s, and left its process outside of the cgroup %s",
			   l->unit.name, path);
}

/* The cgroup in which systemd has put stage 0, and all others at the same path. */
static int find_unit_cgroup(struct launch *l, pid_t pid, struct err *e)
{
	struct cgroup *cg = &l->rec.cgroup;
	auto_free char *path = NULL;
	const char *last;

	if (l->unit.is_slice) /* which takes processes from their owner alone */
		return 0;
	if (cgroup_systemd_path(pid, &path, e) < 0)
		return e->code == ENOENT ? ask_for_cgroup(l, pid, e) : -1;
	last = strrchr(path, '/');
	last += last[1] == '_' ? 2 : 1;
	if (strcmp(last, l->unit.name) != 0)
		return err_set(e, EREMOTEIO,
			       "systemd has started %s, and left its process in the cgroup %s",
			       l->unit.name, path);
	if (cg->n && !strcmp(path, l->unit.path))
		return 0;
	cgroup_done(cg);
	return cgroup_locate(cg, path, l->c.id, e);
}

/* A user may not load programs for devices, nor open more of them than his uid lets him. */
static int apply_unit_devices(struct launch *l, struct err *e)
{
	if (apply_devices(l, e) == 0)
		return 0;
	if (!l->rec.unit_of_user || (e->code != EPERM && e->code != EACCES))
		return at_resources(e);
	log_debug("without rules for devices: %s", e->chain);
	return 0;
}

#define TIGHT_PIDS 16

/* The stages need more than these limits allow; they are written when the stages have done. */
bool launch_is_tight(const struct launch *l)
{
	const struct spec_resources *r = l->p.spec->linux_->resources;

	return is_small(l) || (r && r->pids && r->pids->limit.set && r->pids->limit.v >= 0 &&
			       r->pids->limit.v < TIGHT_PIDS);
}

static int start_unit(struct launch *l, pid_t pid, struct err *e)
{
	const struct spec_resources *res = l->p.spec->linux_->resources;
	struct unit_properties list = { 0 };
	struct err ignored;
	struct arena a;

	arena_init(&a);
	list.a = &a;
	unit_base(&list, &l->unit, (int)pid, l->v2);
	unit_limits(&list, res, l->v2);
	if (!l->rec.unit_of_user)
		unit_devices(&list, res);
	if (unit_annotations(&list, l->p.spec, e) < 0)
		return -1;
	if (systemd_start(l->unit.name, l->rec.unit_of_user, &list, pid, e) < 0) {
		/* Where a systemd that ended has moved stage 0 is ours, and nobody else's to remove. */
		l->made_cgroup = !l->unit.is_slice && find_unit_cgroup(l, pid, &ignored) == 0;
		return err_wrap(e, "unable to apply cgroup configuration");
	}
	l->made_unit = true;
	return 0;
}

/* Stage 0 stands still, and with --systemd-cgroup it is systemd that moves it. */
int launch_make_unit(void *arg, pid_t pid, struct err *e)
{
	trace_here("make the unit", NULL);
	const struct spec_resources *res;
	struct launch *l = arg;

	res = l->p.spec->linux_->resources;
	/* What is there is another's, and systemd would remove it with the unit that fails. */
	if (cgroup_check_unused(&l->rec.cgroup, e) < 0) {
		err_wrap(e, "%s", l->unit.name);
		return err_wrap(e, "unable to apply cgroup configuration");
	}
	if (start_unit(l, pid, e) < 0 || find_unit_cgroup(l, pid, e) < 0)
		return -1;
	l->made_cgroup = true;
	if (cgroup_adopt(&l->rec.cgroup, res, pid, e) < 0) {
		at_resources(e);
		return err_wrap(e, "unable to apply cgroup configuration");
	}
	if (res && res->memory)
		l->kills_above = cgroup_oom_kills_above(&l->rec.cgroup);
	if (launch_is_tight(l))
		cgroup_relax(&l->rec.cgroup);
	if (apply_unit_devices(l, e) < 0 || delegate_cgroup(l, e) < 0)
		return -1;
	launch_describe_cgroup(l);
	return 0;
}

int launch_apply_limits(struct launch *l, bool when_small, struct err *e)
{
	trace_here("apply limits", NULL);
	const struct spec_resources *res = l->p.spec->linux_->resources;

	if (!l->made_cgroup || is_small(l) != when_small)
		return 0;
	return cgroup_apply_limits(&l->rec.cgroup, res, e) < 0 ? at_resources(e) : 0;
}
