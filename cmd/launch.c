/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create, start and run: hull's side. What is made is first written down (state/record.h), and
 * undone in reverse when anything fails; what a killed hull leaves, `delete --force` finds by the
 * record. The messages are PROTOCOL.md's.
 */
#include "cmd/launch.h"

#include "cmd/attach.h"
#include "cmd/launch_common.h"
#include "cmd/listener.h"
#include "cmd/notify.h"
#include "init/mount_idmap.h"
#include "init/mount_options.h"
#include "init/seccomp.h"
#include "nsexec/channel.h"
#include "nsexec/netdev.h"
#include "nsexec/rlimits.h"
#include "nsexec/source.h"
#include "state/annotations.h"
#include "state/fd.h"
#include "state/log.h"
#include "state/lsm.h"
#include "state/rdt.h"
#include "state/record.h"
#include "state/root.h"
#include "state/spec_cache.h"
#include "state/status.h"
#include "state/str.h"
#include "state/sys.h"
#include "state/systemd.h"
#include "state/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* One create or run, with what there is to undo. */
struct launch {
	const struct globals *g;
	const struct launch_options *o;
	bool foreground; /* run: GO comes over the sync socket, no start.sock */
	char *bundle, *rootfs;
	struct container c;
	struct record rec;
	struct prepared p;
	struct nsexec n;
	struct terminal t;
	struct notify notify;
	struct netdevs devices;
	struct rdt rdt;
	struct unit unit; /* with --systemd-cgroup */
	bool v2;	  /* its cgroup is of v2 */
	bool made_cgroup, made_unit, hooks_begun;
};

/*
 * realpath(3) of a directory, and the directory itself; one call for a path without links, which
 * is most of them. NULL and errno without it.
 */
static char *real_directory(const char *path, int *ret_fd)
{
	char *clean = NULL, *real;
	int fd = -1;

	if (*path == '/' && !strstr(path, "..")) {
		clean = path_clean(path);
		fd = sys_openat2(AT_FDCWD, clean, O_PATH | O_DIRECTORY, 0, RESOLVE_NO_SYMLINKS);
	}
	if (fd >= 0) {
		*ret_fd = fd;
		return clean;
	}
	free(clean);
	real = realpath(path, NULL);
	*ret_fd = real ? open(real, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
	return *ret_fd < 0 ? NULL : real;
}

static int read_config(struct launch *l, struct err *e)
{
	const char *path = str_empty(l->o->bundle) ? "." : l->o->bundle;
	auto_close int dir = -1;

	/* The configuration is kept in ROOT/ID, which is bundle enough. */
	if (l->o->config.n) {
		l->bundle = path_join(l->g->root.path, l->o->id);
		return prepare_text(&l->p, &l->o->config, e);
	}
	l->bundle = real_directory(path, &dir);
	return l->bundle ? prepare_config(&l->p, dir, "config.json", e) :
			   err_sys(e, "bundle %s", path);
}

/* A link to the root file system is followed once, here, and its end is what counts from then on. */
static int find_rootfs(struct launch *l, struct err *e)
{
	auto_free char *path = path_join(l->bundle, l->p.spec->root->path);
	auto_close int dir = -1;

	l->rootfs = real_directory(path, &dir);
	if (!l->rootfs)
		err_sys(e, "rootfs %s", path);
	else if (!strcmp(l->rootfs, "/"))
		err_set(e, EINVAL, "rootfs is the host's own root");
	else
		return 0;
	err_at_key(e, "path");
	return err_at_key(e, "root");
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* runtime-spec, Operations: later changes of config.json must not matter. */
static int write_snapshot(struct launch *l, struct err *e)
{
	auto_close int fd =
		fd_open(l->c.dir_fd, RECORD_CONFIG, O_WRONLY | O_CREAT | O_EXCL, 0600, e);

	if (fd < 0)
		return -1;
	if (fd_write_all(fd, l->p.config, l->p.n_config) < 0)
		return err_sys(e, "write %s", RECORD_CONFIG);
	/* For the exec probes of a container that is there to stay. */
	if (!l->foreground || l->o->detach)
		spec_cache_write(l->c.dir_fd, RECORD_DECODED, fd, &l->p.arena, l->p.decoded,
				 l->p.spec);
	return 0;
}

static int at_rdt(struct err *e)
{
	err_at_key(e, "intelRdt");
	return err_at_key(e, "linux");
}

static int find_rdt(struct launch *l, struct err *e)
{
	const struct spec_intel_rdt *s = l->p.spec->linux_->intel_rdt;

	if (!s)
		return 0;
	l->rdt.root_fd = rdt_open_root(e);
	return l->rdt.root_fd < 0 || rdt_locate(&l->rdt, s, l->o->id, e) < 0 ? at_rdt(e) : 0;
}

static int make_rdt(struct launch *l, struct err *e)
{
	const struct spec_intel_rdt *s = l->p.spec->linux_->intel_rdt;

	if (!s || (rdt_make(&l->rdt, s, e) == 0 && rdt_configure(&l->rdt, s, e) == 0))
		return 0;
	return at_rdt(e);
}

/*
 * Where the cgroups will be. Those of a user's systemd are below its own, which nobody knows who
 * has not asked: they are read when they are there, and until then the unit says what to clean.
 */
static int locate_cgroup(struct launch *l, struct err *e)
{
	struct record *r = &l->rec;
	const char *path = l->g->systemd_cgroup ? l->unit.path : l->p.spec->linux_->cgroups_path;

	if (cgroup_locate(&r->cgroup, path, l->c.id, e) < 0)
		return -1;
	if (!l->g->systemd_cgroup)
		return 0;
	l->v2 = r->cgroup.layout == CGROUP_V2;
	r->unit = (char *)l->unit.name;
	if (r->unit_of_user)
		cgroup_done(&r->cgroup);
	return 0;
}

/* With config.json that says which unit, should the record be damaged one day. */
static int write_whose_unit(struct launch *l, struct err *e)
{
	const char *text = l->rec.unit_of_user ? "user" : "system";

	return fd_write_atomic(l->c.dir_fd, RECORD_UNIT, text, strlen(text), 0600, e);
}

/* What create is about to make, before any of it exists. */
static int write_journal(struct launch *l, struct err *e)
{
	struct record *r = &l->rec;
	const struct spec *s = l->p.spec;
	int all = spec_namespace_flags(s);

	r->oci_version = s->oci_version;
	r->id = l->c.id;
	r->bundle = l->bundle;
	r->rootfs = l->rootfs;
	r->phase = RECORD_CREATING;
	r->creator = getpid();
	r->created = now_ns();
	r->owner = (uid_t)getauxval(AT_EUID);
	r->in_user_ns = all & CLONE_NEWUSER;
	r->in_pid_ns = (all & CLONE_NEWPID) && str_empty(spec_namespace(s, CLONE_NEWPID)->path);
	r->has_listener = seccomp_notifies(s->linux_->seccomp);
	r->annotations = s->annotations;
	r->rdt_group = l->rdt.owned ? l->rdt.group : NULL;
	r->rdt_monitor = l->rdt.monitor;
	if (!(all & CLONE_NEWNS) && record_find_mount(l->rootfs, &r->host_mount, e) < 0)
		return -1;
	if (proc_start_time(r->creator, &r->creator_start) < 0)
		return err_sys(e, "read /proc/self/stat");
	if (boot_id_read(r->boot_id, e) < 0 || locate_cgroup(l, e) < 0)
		return -1;
	if ((r->unit && write_whose_unit(l, e) < 0) || record_write(l->c.dir_fd, r, e) < 0)
		return -1;
	return write_snapshot(l, e);
}

static bool has_limits(const struct spec_resources *r)
{
	return r && (r->memory || r->cpu || r->pids || r->hugepage_limits.n || r->unified.n ||
		     r->block_io || r->network || r->rdma.n);
}

/* --rootless: NULL, "" and auto leave it to who we are. */
static bool is_rootless(const char *option)
{
	if (str_empty(option) || !strcmp(option, "auto"))
		return geteuid() != 0 || root_is_of_user_ns();
	return !strcmp(option, "true") || !strcmp(option, "1");
}

/* FEATURES.md D1: without rights and without a wish for limits a container has no cgroup. */
static bool may_go_without_cgroup(const struct launch *l, const struct err *e)
{
	if (e->code != EPERM && e->code != EACCES && e->code != EROFS)
		return false;
	if (!is_rootless(l->g->rootless))
		return false;
	return str_empty(l->p.spec->linux_->cgroups_path) &&
	       !has_limits(l->p.spec->linux_->resources);
}

/* state/cgroup.c knows the resources alone, which update reads from a file of their own. */
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
	if (!writable || !host_uid(s, s->process->user->uid.v, &uid) || uid == geteuid())
		return 0;
	return cgroup_delegate(&l->rec.cgroup, uid, e);
}

/* Only the host's root may load eBPF programs. Nobody else can make device nodes, either. */
static int apply_device_rules(struct launch *l, struct err *e)
{
	if (cgroup_apply_devices(&l->rec.cgroup, l->p.spec->linux_->resources, e) == 0)
		return 0;
	if (e->code != EPERM || !is_rootless(l->g->rootless))
		return at_resources(e);
	log_warn("device rules are not enforced: %s", e->chain);
	return 0;
}

static int make_cgroup(struct launch *l, struct cgroup_join *join, struct err *e)
{
	const struct spec_resources *res = l->p.spec->linux_->resources;
	struct cgroup *cg = &l->rec.cgroup;

	if (l->g->systemd_cgroup)
		return 0;	       /* a unit wants a process: make_unit */
	if (cg->layout == CGROUP_NONE) /* a limit says what it misses */
		return cgroup_apply_limits(cg, res, e) < 0 ? at_resources(e) : 0;
	if (cgroup_create(cg, res, e) < 0) {
		if (!may_go_without_cgroup(l, e)) {
			at_resources(e);
			return err_wrap(e, "unable to apply cgroup configuration");
		}
		log_debug("without a cgroup: %s", e->chain);
		cgroup_done(cg);
		return 0;
	}
	l->made_cgroup = true;
	/* Device rules before anybody is inside: while they change on v1, no device can be opened. */
	if (apply_device_rules(l, e) < 0)
		return -1;
	if (delegate_cgroup(l, e) < 0)
		return -1;
	return cgroup_join_open(cg, join, e);
}

static void describe_cgroup(struct launch *l)
{
	const struct cgroup *cg = &l->rec.cgroup;
	struct init_args *a = l->p.args;

	a->cgroup_layout = cg->layout;
	a->cgroups = arena_zalloc(&l->p.arena, cg->n * sizeof(*a->cgroups));
	a->n_cgroups = cg->n;
	for (size_t i = 0; i < cg->n; i++) {
		a->cgroups[i].controllers = arena_strdup(&l->p.arena, cg->dirs[i].controllers);
		a->cgroups[i].path = arena_strdup(&l->p.arena, cg->dirs[i].path);
	}
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

/* The cgroup in which systemd has put stage 0, and all others at the same path. */
static int find_unit_cgroup(struct launch *l, pid_t pid, struct err *e)
{
	struct cgroup *cg = &l->rec.cgroup;
	auto_free char *path = NULL;
	const char *last;

	if (l->unit.is_slice) /* which takes processes from their owner alone */
		return 0;
	if (cgroup_systemd_path(pid, &path, e) < 0)
		return -1;
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
	if (cgroup_apply_devices(&l->rec.cgroup, l->p.spec->linux_->resources, e) == 0)
		return 0;
	if (!l->rec.unit_of_user || (e->code != EPERM && e->code != EACCES))
		return at_resources(e);
	log_debug("without rules for devices: %s", e->chain);
	return 0;
}

#define TIGHT_PIDS 16

/* The stages need more than these limits allow; they are written when the stages have done. */
static bool is_tight(const struct launch *l)
{
	const struct spec_resources *r = l->p.spec->linux_->resources;

	return is_small(l) || (r && r->pids && r->pids->limit.set && r->pids->limit.v >= 0 &&
			       r->pids->limit.v < TIGHT_PIDS);
}

static int start_unit(struct launch *l, pid_t pid, struct err *e)
{
	const struct spec_resources *res = l->p.spec->linux_->resources;
	struct unit_properties list = { 0 };
	struct arena a;

	arena_init(&a);
	list.a = &a;
	unit_base(&list, &l->unit, (int)pid, l->v2);
	unit_limits(&list, res, l->v2);
	if (!l->rec.unit_of_user)
		unit_devices(&list, res);
	if (unit_annotations(&list, l->p.spec, e) < 0)
		return -1;
	if (systemd_start(l->unit.name, l->rec.unit_of_user, &list, pid, e) < 0)
		return err_wrap(e, "unable to apply cgroup configuration");
	l->made_unit = true;
	return 0;
}

/* Stage 0 stands still, and with --systemd-cgroup it is systemd that moves it. */
static int make_unit(void *arg, pid_t pid, struct err *e)
{
	const struct spec_resources *res;
	struct launch *l = arg;

	res = l->p.spec->linux_->resources;
	if (start_unit(l, pid, e) < 0 || find_unit_cgroup(l, pid, e) < 0)
		return -1;
	l->made_cgroup = true;
	if (cgroup_adopt(&l->rec.cgroup, res, pid, e) < 0) {
		at_resources(e);
		return err_wrap(e, "unable to apply cgroup configuration");
	}
	if (is_tight(l))
		cgroup_relax(&l->rec.cgroup);
	if (apply_unit_devices(l, e) < 0 || delegate_cgroup(l, e) < 0)
		return -1;
	describe_cgroup(l);
	return 0;
}

static int open_start_socket(struct launch *l, struct err *e)
{
	if (l->foreground)
		return 0;
	l->p.args->start_fd = fd_listen_unix(l->c.dir_fd, RECORD_SOCKET, SOCK_SEQPACKET, e);
	return l->p.args->start_fd < 0 ? -1 : prepare_pass_fd(&l->p, l->p.args->start_fd, e);
}

static int fill_args(struct launch *l, struct err *e)
{
	const struct spec_hooks *h = l->p.spec->hooks;
	struct init_args *a = l->p.args;

	a->id = arena_strdup(&l->p.arena, l->c.id);
	a->bundle = arena_strdup(&l->p.arena, l->bundle);
	a->rootfs = arena_strdup(&l->p.arena, l->rootfs);
	a->no_pivot = l->o->no_pivot;
	a->no_new_keyring = l->o->no_new_keyring;
	a->has_create_hooks = h && (h->prestart.n || h->create_runtime.n || h->create_container.n);
	a->ask_host = a->has_create_hooks || l->p.spec->linux_->net_devices.n;
	launch_keep_fds(&l->p, l->p.spec->process, l->o->preserve_fds);
	if (launch_console(&l->p, l->p.spec->process, l->o->console_socket, &l->t, e) < 0 ||
	    open_start_socket(l, e) < 0 || prepare_create(&l->p, e) < 0)
		return -1;
	if (listener_check(l->p.spec, l->bundle, e) < 0)
		return -1;
	return launch_seccomp(&l->p, l->c.root_fd, e);
}

/* The maps of init's user namespace; NULL when it is hull's own. The caller frees them. */
static char *read_own_map(const struct launch *l, const char *name)
{
	auto_free char *path = xasprintf("/proc/%d/%s", (int)l->n.init, name);
	struct err ignored;
	char *text;

	if (!((l->p.args->new_ns | l->p.args->joined_ns) & CLONE_NEWUSER))
		return NULL;
	return fd_read_file(AT_FDCWD, path, 65536, &text, NULL, &ignored) < 0 ? NULL : text;
}

/* uidMappings and gidMappings come first, then idmap=..., then the container's own (config.md). */
static int source_maps(const struct launch *l, const struct spec_mount *m,
		       const struct mount_options *o, struct str *uids, struct str *gids,
		       struct err *e)
{
	auto_free char *own_uids = NULL, *own_gids = NULL;

	if (m->uid_mappings.n) {
		mount_idmap_text(&m->uid_mappings, uids);
		mount_idmap_text(&m->gid_mappings, gids);
		return 0;
	}
	if (!o->idmap_spec)
		return 0;
	own_uids = read_own_map(l, "uid_map");
	own_gids = read_own_map(l, "gid_map");
	return mount_idmap_parse(o->idmap_spec, own_uids, own_gids, uids, gids, e);
}

static int open_source(const struct launch *l, const struct spec_mount *m,
		       const struct mount_options *o, struct err *e)
{
	auto_free char *path = path_join(l->bundle, m->source);
	auto_str struct str uids = { 0 }, gids = { 0 };
	struct source_request r = {
		.path = path,
		.recursive = o->recursive_bind,
		.nofollow = o->src_nofollow || o->copy_symlink,
		.mapped = o->idmap || m->uid_mappings.n,
		.mapped_recursive = o->idmap == IDMAP_RECURSIVE,
	};

	if (r.mapped && geteuid() != 0)
		return err_set(e, EPERM,
			       "id-mapped mounts are not supported for rootless containers");
	if (r.mapped && source_maps(l, m, o, &uids, &gids, e) < 0)
		return -1;
	r.uid_map = uids.s;
	r.gid_map = gids.s;
	return source_open_for(l->n.init, &r, e);
}

static int send_source(struct launch *l, const struct msg *m, struct err *e)
{
	const struct spec_mounts *mounts = &l->p.spec->mounts;
	auto_close int fd = -1;
	struct mount_options o;
	uint32_t i;

	memcpy(&i, m->body, sizeof(i));
	if (m->n != sizeof(i) || i >= mounts->n || !mounts->v[i].source)
		return err_set(e, EPROTO, "init asked for the source of a mount that has none");
	mount_options_parse(&mounts->v[i].options, &o);
	fd = open_source(l, &mounts->v[i], &o, e);
	mount_options_done(&o);
	if (fd < 0) {
		err_wrap(e,
			 "error during container init: error mounting \"%s\" to rootfs at \"%s\"",
			 mounts->v[i].source, mounts->v[i].destination);
		err_at_index(e, i);
		return err_at_key(e, "mounts");
	}
	return nsexec_send(&l->n, MSG_SOURCE_FD, fd, e);
}

static int run_host_hooks(struct launch *l, struct err *e)
{
	const struct spec_hooks *h = l->p.spec->hooks;
	const struct spec *s = l->p.spec;

	/* Only network devices have been waited for, and they are there. */
	if (!l->p.args->has_create_hooks)
		return nsexec_send(&l->n, MSG_HOOKS_DONE, -1, e);
	l->hooks_begun = true;
	if (launch_hooks(&h->prestart, "prestart", s, &l->rec, "creating", e) < 0 ||
	    launch_hooks(&h->create_runtime, "createRuntime", s, &l->rec, "creating", e) < 0)
		return -1;
	return nsexec_send(&l->n, MSG_HOOKS_DONE, -1, e);
}

static int apply_limits(struct launch *l, bool when_small, struct err *e)
{
	const struct spec_resources *res = l->p.spec->linux_->resources;

	if (!l->made_cgroup || is_small(l) != when_small)
		return 0;
	return cgroup_apply_limits(&l->rec.cgroup, res, e) < 0 ? at_resources(e) : 0;
}

/* Answer init until it is ready. */
static int serve_init(struct launch *l, struct err *e)
{
	bool first = true;
	struct msg m;

	for (;;) {
		if (nsexec_next(&l->n, &m, NULL, e) < 0)
			return -1;
		l->rec.pid = l->n.init;
		if (first && m.type != MSG_SOURCE) {
			first = false;
			if (apply_limits(l, true, e) < 0)
				return -1;
		}
		if (m.type == MSG_READY)
			return 0;
		if (m.type == MSG_SOURCE ? send_source(l, &m, e) < 0 :
		    m.type == MSG_HOOKS	 ? run_host_hooks(l, e) < 0 :
					   err_set(e, EPROTO, "message %s before READY",
						   msg_name(m.type)) < 0)
			return -1;
	}
}

static int move_devices(struct launch *l, struct err *e)
{
	const struct spec_net_devices *list = &l->p.spec->linux_->net_devices;

	return list->n ? netdev_move(list, l->n.init, &l->devices, e) : 0;
}

/* What needs the PID of init, and may not wait until init has done its work. */
static int work_early(struct launch *l, struct err *e)
{
	const struct spec_linux *s = l->p.spec->linux_;

	if (!has_limits(s->resources) && !s->net_devices.n && !s->intel_rdt)
		return 0;
	/* With the PIDs the last fork is done: a pids limit of 1 cannot hurt a stage. */
	if (nsexec_wait_pids(&l->n, e) < 0)
		return -1;
	if (has_limits(s->resources) && apply_limits(l, false, e) < 0)
		return -1;
	if (s->intel_rdt && rdt_join(&l->rdt, l->n.init, e) < 0)
		return at_rdt(e);
	return move_devices(l, e);
}

/* From the first process to an init that waits to be told that its record is whole. */
static int run_stages(struct launch *l, struct cgroup_join *join, struct err *e)
{
	struct nsexec_request req = {
		.boot = l->p.boot, .join = join, .pass_fds = l->p.fds, .n_pass_fds = l->p.n_fds
	};
	int r;

	if (l->g->systemd_cgroup) {
		req.join = NULL;
		req.place = make_unit;
		req.place_arg = l;
	}
	r = nsexec_start(&req, &l->n, e);

	cgroup_join_close(join);
	if (r < 0)
		return -1;
	if (work_early(l, e) < 0 || serve_init(l, e) < 0)
		return -1;
	nsexec_reap(&l->n);
	if (proc_start_time(l->rec.pid, &l->rec.start_time) < 0) {
		err_sys(e, "read the start time of process %d", (int)l->rec.pid);
		return nsexec_why(&l->n, e);
	}
	if (rlimits_set(&l->p.spec->process->rlimits, l->rec.pid, e) < 0)
		return nsexec_why(&l->n, e);
	return 0;
}

/*
 * Until init has given up its parent death signal, our end would be its end: it closes the socket
 * when it has.
 */
static int wait_for_independence(struct launch *l, struct err *e)
{
	struct msg m;
	int r = channel_next(l->n.sync_sock, &m, NULL, e);

	if (r != 1)
		return r;
	if (m.type != MSG_ERROR || m.n != sizeof(*e))
		return err_set(e, EPROTO, "message %s instead of the end of file",
			       msg_name(m.type));
	memcpy(e, m.body, sizeof(*e));
	return -1;
}

static int commit(struct launch *l, struct err *e)
{
	l->rec.phase = RECORD_CREATED;
	if (record_write(l->c.dir_fd, &l->rec, e) < 0)
		return -1;
	if (!str_empty(l->o->pid_file) && attach_write_pid_file(l->o->pid_file, l->rec.pid, e) < 0)
		return -1;
	if (!str_empty(l->o->pidfd_socket) &&
	    attach_send_pidfd(l->o->pidfd_socket, l->rec.pid, "standard", e) < 0)
		return -1;
	if (nsexec_send(&l->n, MSG_PROCEED, -1, e) < 0)
		return -1;
	return l->foreground ? 0 : wait_for_independence(l, e);
}

/* The kernel's reason is better than "was killed by signal 9". */
static void explain_oom(struct launch *l, struct err *e)
{
	if (l->made_cgroup && cgroup_oom_kills(&l->rec.cgroup) > 0) {
		log_debug("%s", e->chain);
		err_set(e, ENOMEM, "container init was OOM-killed (memory limit too low?)");
	}
}

static void undo(struct launch *l, struct err *e)
{
	struct err second;

	explain_oom(l, e);
	/* While somebody keeps the namespace alive, with which they would go. */
	netdev_restore(&l->devices);
	nsexec_kill(&l->n);
	if (record_unmount_root(&l->rec, &second) < 0)
		log_warn("%s", second.chain);
	if (l->made_cgroup && cgroup_remove(&l->rec.cgroup, 10000, &second) < 0)
		log_warn("%s", second.chain);
	if (l->made_unit)
		launch_stop_unit(&l->rec);
	if (l->p.spec->linux_->intel_rdt && record_remove_rdt(&l->rec, &second) < 0)
		log_warn("%s", second.chain);
	if (l->hooks_begun)
		launch_poststop(l->p.spec, &l->rec);
	if (!str_empty(l->o->pid_file))
		unlink(l->o->pid_file);
	if (container_remove(&l->c, &second) < 0)
		log_warn("%s", second.chain);
}

/* Everything that needs ROOT/ID; on failure nothing of it is left. */
static int create_in_root(struct launch *l, struct err *e)
{
	struct cgroup_join join = CGROUP_JOIN_INIT;
	int r;

	if (find_rdt(l, e) < 0 || container_create(&l->g->root, l->o->id, &l->c, e) < 0)
		return -1;
	r = write_journal(l, e);
	if (r == 0)
		r = notify_prepare(l->g, &l->c, &l->p, e);
	if (r == 0)
		r = make_rdt(l, e);
	if (r == 0)
		r = make_cgroup(l, &join, e);
	if (r == 0) {
		describe_cgroup(l);
		r = fill_args(l, e);
	}
	if (r == 0)
		r = launch_memory_late(&l->p, &join, e);
	if (r == 0) {
		launch_debug(&l->p);
		r = run_stages(l, &join, e);
		if (r < 0)
			err_wrap(e, "unable to start container process");
	}
	cgroup_join_close(&join);
	if (r == 0)
		r = commit(l, e);
	if (r < 0)
		undo(l, e);
	return r;
}

/* config.md, Mounts: a destination SHOULD be absolute. */
static void warn_relative(const struct spec_mounts *m)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i].destination[0] != '/')
			log_warn(
				"relative destination path is deprecated, using it as relative to /: %s (/mounts/%zu/destination)",
				m->v[i].destination, i);
	}
}

/* What the specification alone does not say is impossible. */
static int check_host(struct launch *l, struct err *e)
{
	if (lsm_check(l->p.spec->process, e) < 0)
		return err_at_key(e, "process");
	if (lsm_check_mounts(l->p.spec->linux_, e) < 0)
		return err_at_key(e, "linux");
	if (!l->p.spec->linux_->net_devices.n || geteuid() == 0)
		return 0;
	err_set(e, EPERM, "network devices are not supported for rootless containers");
	err_at_key(e, "netDevices");
	return err_at_key(e, "linux");
}

static int find_unit(struct launch *l, struct err *e)
{
	const struct spec_linux *s = l->p.spec->linux_;

	if (!l->g->systemd_cgroup)
		return 0;
	if (systemd_check(e) < 0)
		return -1;
	l->rec.unit_of_user = is_rootless(l->g->rootless);
	if (unit_parse(s->cgroups_path, l->o->id, l->rec.unit_of_user, &l->p.arena, &l->unit, e) <
	    0) {
		err_at_key(e, "cgroupsPath");
		return err_at_key(e, "linux");
	}
	if (s->resources && s->resources->cpu)
		unit_round_quota(s->resources->cpu);
	return 0;
}

static int begin(struct launch *l, struct err *e)
{
	if (launch_check_fds(l->o->preserve_fds, e) < 0 || root_check_id(l->o->id, e) < 0 ||
	    prepare_init(&l->p, e) < 0 || read_config(l, e) < 0)
		return -1;
	if (launch_check_terminal(l->p.spec->process->terminal, !l->foreground || l->o->detach,
				  l->o->console_socket, e) < 0 ||
	    find_rootfs(l, e) < 0 || check_host(l, e) < 0 || find_unit(l, e) < 0)
		return -1;
	launch_warn_capabilities(l->p.spec->process->capabilities,
				 spec_namespace(l->p.spec, CLONE_NEWUSER) != NULL);
	launch_warn_groups(l->p.spec, l->p.spec->process);
	annotations_warn(l->p.spec, l->g->systemd_cgroup, log_warn_text);
	warn_relative(&l->p.spec->mounts);
	return create_in_root(l, e);
}

/* Memory and what else is still open end with hull, which has nothing more to do. */
static void end(struct launch *l)
{
	notify_close(&l->notify);
	nsexec_close(&l->n);
}

#define LAUNCH_INIT(globals, options)                                                  \
	{                                                                              \
		.g = (globals), .o = (options), .c = CONTAINER_INIT, .n = NSEXEC_INIT, \
		.t = TERMINAL_INIT, .notify = NOTIFY_INIT, .rdt = RDT_INIT,            \
		.p = {.arena.fd = -1 }                                                 \
	}

int launch_create(const struct globals *g, const struct launch_options *o, struct err *e)
{
	struct launch l = LAUNCH_INIT(g, o);
	int r = begin(&l, e);

	end(&l);
	return r;
}

/* --- start --- */

/* poststart hooks need the configuration; most containers have none, and it is not parsed then. */
static int run_poststart(const struct container *c, const struct record *rec, struct err *e)
{
	auto_free char *text = NULL;
	struct arena arena;
	struct spec *s;
	size_t n;

	if (fd_read_file(c->dir_fd, RECORD_CONFIG, SPEC_FILE_MAX, &text, &n, e) < 0)
		return -1;
	if (!strcasestr(text, "hooks") && !strstr(text, "\\u"))
		return 0;
	arena_init(&arena);
	if (spec_read(text, n, &arena, &s, e) < 0)
		return -1;
	return s->hooks ? launch_hooks(&s->hooks->poststart, "poststart", s, rec, "running", e) : 0;
}

static int check_startable(enum status status, struct err *e)
{
	switch (status) {
	case STATUS_CREATED:
		return 0;
	case STATUS_STOPPED:
		return err_set(e, EINVAL, "cannot start a container that has stopped");
	case STATUS_RUNNING:
		return err_set(e, EINVAL, "cannot start an already running container");
	case STATUS_PAUSED:
	case STATUS_CREATING:
		break;
	}
	return err_set(e, EINVAL, "cannot start a container in the %s state", status_name(status));
}

/* GO, then EXEC and the end of file, or an error. */
static int talk_to_init(const struct container *c, const struct record *rec, struct err *e)
{
	struct listener to = {
		.dir_fd = c->dir_fd, .rec = rec, .pid = &rec->pid, .status = "creating"
	};
	struct channel_listener serve = { listener_pass_on, &to };
	auto_close int sock = fd_connect_unix(c->dir_fd, RECORD_SOCKET, SOCK_SEQPACKET);

	if (sock < 0)
		return err_sys(e, "connect to the container's init");
	if (channel_send(sock, MSG_GO, NULL, 0, -1, e) < 0)
		return -1;
	if (channel_wait_exec(sock, rec->has_listener ? &serve : NULL, e) == 0)
		return 0;
	if (e->code == ENODATA)
		err_set(e, ECHILD, "container init went away before it ran the program");
	return -1;
}

/* runtime.md, Lifecycle: a failure of start stops the container; poststop is left to delete. */
static void stop(const struct record *rec)
{
	struct err ignored;
	auto_close int pidfd = record_pidfd(rec, &ignored);

	if (pidfd >= 0)
		sys_pidfd_send_signal(pidfd, SIGKILL);
}

static void leave(struct notify *n, const struct record *rec)
{
	struct err ignored;
	auto_close int pidfd = n->sock < 0 ? -1 : record_pidfd(rec, &ignored);

	if (pidfd >= 0)
		notify_leave(n, pidfd, rec->pid);
}

int launch_start(const struct globals *g, const char *id, struct err *e)
{
	auto_container struct container c = CONTAINER_INIT;
	auto_record struct record rec = { 0 };
	struct notify notify = NOTIFY_INIT;
	enum status status;

	if (status_load(&g->root, id, CONTAINER_LOCK_MS, &c, &rec, &status, e) < 0 ||
	    check_startable(status, e) < 0 || notify_open(&c, &notify, e) < 0)
		return -1;
	if (talk_to_init(&c, &rec, e) < 0) {
		stop(&rec);
		return err_wrap(e, "unable to start container process");
	}
	unlinkat(c.dir_fd, RECORD_SOCKET, 0);
	leave(&notify, &rec);
	if (run_poststart(&c, &rec, e) < 0) {
		stop(&rec);
		return -1;
	}
	return 0;
}

/* --- run --- */

static int go(struct launch *l, struct err *e)
{
	const struct spec_hooks *h = l->p.spec->hooks;
	struct listener to = {
		.spec = l->p.spec, .rec = &l->rec, .pid = &l->rec.pid, .status = "creating"
	};
	struct channel_listener serve = { listener_pass_on, &to };

	if (notify_open(&l->c, &l->notify, e) < 0)
		return -1;
	if (nsexec_send(&l->n, MSG_GO, -1, e) < 0 ||
	    nsexec_wait_exec(&l->n, l->rec.has_listener ? &serve : NULL, e) < 0)
		return err_wrap(e, "unable to start container process");
	/* A terminal takes all of hull's attention. */
	if (l->o->detach || l->t.sock >= 0)
		leave(&l->notify, &l->rec);
	return h ? launch_hooks(&h->poststart, "poststart", l->p.spec, &l->rec, "running", e) : 0;
}

/* The program has ended: what `delete` would do. */
static int destroy(struct launch *l, struct err *e)
{
	if (container_lock(&l->c, CONTAINER_LOCK_MS, e) < 0)
		return e->code == ENOENT ? 0 : -1; /* somebody deleted it already */
	if (l->made_cgroup && cgroup_remove(&l->rec.cgroup, 10000, e) < 0)
		return -1;
	if (l->made_unit)
		launch_stop_unit(&l->rec);
	if (l->p.spec->linux_->intel_rdt && record_remove_rdt(&l->rec, e) < 0)
		return -1;
	if (record_unmount_root(&l->rec, e) < 0)
		return -1;
	launch_poststop(l->p.spec, &l->rec);
	return container_remove(&l->c, e);
}

static int wait_and_destroy(struct launch *l, int *ret_code, struct err *e)
{
	/* Other commands may work on the container while it runs. */
	container_unlock(&l->c);
	netdev_done(&l->devices);
	nsexec_close(&l->n);
	*ret_code = l->notify.sock >= 0 ? notify_wait(&l->notify, l->rec.pid, e) :
					  launch_attach(&l->t, l->rec.pid, e);
	if (*ret_code < 0)
		return -1;
	return l->o->keep ? 0 : destroy(l, e);
}

int launch_run(const struct globals *g, const struct launch_options *o, int *ret_code,
	       struct err *e)
{
	struct launch l = LAUNCH_INIT(g, o);
	int r;

	l.foreground = true;
	*ret_code = 0;
	r = o->detach ? 0 : attach_prepare(!o->no_subreaper, e);
	if (r == 0)
		r = begin(&l, e);
	if (r == 0) {
		r = go(&l, e);
		if (r < 0) {
			l.hooks_begun = true;
			undo(&l, e);
		}
	}
	if (r == 0 && !o->detach)
		r = wait_and_destroy(&l, ret_code, e);
	end(&l);
	return r;
}
