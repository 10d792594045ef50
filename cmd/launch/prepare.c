/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Preparation: the decoded configuration becomes the arguments of init, the plan of namespaces and
 * the bootstrap message. Runs in hull, before a container exists.
 */
#include "cmd/launch/prepare.h"

#include "init/mount/mount_idmap.h"
#include "init/mount/mount_new.h"
#include "init/seccomp/seccomp.h"
#include "state/base/fd.h"
#include "state/base/names.h"
#include "state/base/proc.h"
#include "state/record.h"
#include "state/root.h"
#include "state/spec/spec_cache.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

int prepare_init(struct prepared *p, struct err *e)
{
	*p = (struct prepared){ .arena = { .fd = -1 } };
	if (arena_init_shared(&p->arena, e) < 0)
		return -1;
	p->args = arena_zalloc(&p->arena, sizeof(*p->args));
	p->args->start_fd = p->args->console_fd = p->args->memory_fd = p->args->root_fd = -1;
	p->args->handler_fd = p->args->pid_ns_fd = -1;
	p->boot.arena_fd = -1;
	return 0;
}

int prepare_request(struct prepared *p, struct nsexec_request *r, struct err *e)
{
	if (p->boot.arena_fd != p->arena.fd) {
		p->boot.arena_fd = p->arena.fd;
		if (prepare_pass_fd(p, p->arena.fd, e) < 0)
			return -1;
	}
	r->boot = p->boot;
	r->arena = &p->arena;
	r->pass_fds = p->fds;
	r->n_pass_fds = p->n_fds;
	r->keep_fds = p->args->preserve_fds;
	r->pass_env = p->args->has_create_hooks || p->boot.newuidmap || p->boot.newgidmap;
	return 0;
}

void prepare_done(struct prepared *p)
{
	for (size_t i = 0; i < p->n_fds; i++)
		close(p->fds[i]);
	if (p->arena.fd != p->boot.arena_fd)
		close(p->arena.fd);
	free(p->config);
	free((char *)(uintptr_t)p->boot.uid_map);
	free((char *)(uintptr_t)p->boot.gid_map);
	free((char *)(uintptr_t)p->boot.time_offsets);
	free((char *)(uintptr_t)p->boot.oom_score_adj);
	free((char *)(uintptr_t)p->boot.newuidmap);
	free((char *)(uintptr_t)p->boot.newgidmap);
	/* The arena stays mapped: hull ends soon, and does not make a second one. */
	*p = (struct prepared){ .arena = { .fd = -1 } };
}

int prepare_pass_fd(struct prepared *p, int fd, struct err *e)
{
	if (p->n_fds == PREPARE_FDS_MAX) {
		close(fd);
		return err_set(e, EMFILE, "more than %d descriptors for init", PREPARE_FDS_MAX);
	}
	p->fds[p->n_fds++] = fd;
	return 0;
}

static void use_spec(struct prepared *p)
{
	p->args->spec = p->spec;
	p->args->process = p->spec->process;
}

static int decode_config(struct prepared *p, const char *name, struct err *e)
{
	if (arena_expect(&p->arena, p->n_config, e) < 0)
		return -1;
	p->decoded = p->arena.p;
	if (spec_read(p->config, p->n_config, &p->arena, &p->spec, e) < 0)
		return err_wrap(e, "%s", name);
	use_spec(p);
	return 0;
}

int prepare_config(struct prepared *p, int dir_fd, const char *file, struct err *e)
{
	trace_here("read the configuration", NULL);
	if (dir_fd == AT_FDCWD && !strcmp(file, "-")) {
		file = "standard input";
		if (fd_read_all(STDIN_FILENO, SPEC_FILE_MAX, &p->config, &p->n_config, e) < 0)
			return err_wrap(e, "%s", file);
	} else if (fd_read_file(dir_fd, file, SPEC_FILE_MAX, &p->config, &p->n_config, e) < 0) {
		if (e->code == ENOENT)
			return err_set(e, ENOENT, "JSON specification file %s not found", file);
		return -1;
	}
	return decode_config(p, file, e);
}

int prepare_text(struct prepared *p, const struct str *json, struct err *e)
{
	p->config = json->s;
	p->n_config = json->n;
	return decode_config(p, "the configuration made of the options", e);
}

int prepare_snapshot(struct prepared *p, int dir_fd, struct err *e)
{
	trace_here("read the configuration", NULL);
	p->spec = spec_cache_read(dir_fd, RECORD_DECODED, RECORD_CONFIG, &p->arena);
	if (!p->spec)
		return prepare_config(p, dir_fd, RECORD_CONFIG, e);
	use_spec(p);
	return 0;
}

static int at_namespace(size_t i, struct err *e)
{
	err_at_key(e, "path");
	err_at_index(e, i);
	err_at_key(e, "namespaces");
	return err_at_key(e, "linux");
}

/* The file is a namespace of the type that it is named as, and not a fake (nsfs, ioctl_ns(2)). */
static int open_namespace(struct prepared *p, const struct spec_namespace *ns, struct err *e)
{
	int fd = fd_open(AT_FDCWD, ns->path, O_RDONLY, 0, e), type;

	if (fd < 0 && e->code == ENOENT)
		return err_wrap(
			e, "the namespace is gone, with who held it (a pod's sandbox, a process)");
	if (fd < 0 || prepare_pass_fd(p, fd, e) < 0)
		return -1;
	type = fd_is_on(fd, NSFS_MAGIC) ? ioctl(fd, NS_GET_NSTYPE) : -1;
	if (type == ns->type)
		return fd;
	if (type < 0)
		return err_set(e, EINVAL, "%s is not a namespace", ns->path);
	return err_set(e, EINVAL, "%s is a %s namespace, not a %s namespace", ns->path,
		       plan_ns_name((unsigned)type), plan_ns_name((unsigned)ns->type));
}

/*
 * The namespace that hull is in: 1, another: 0. setns(2) into the own user namespace would be EINVAL.
 * A kernel that does not have this kind has no file for it (ENOENT).
 */
static int is_own(const char *ns, int fd, struct err *e)
{
	struct stat ours, theirs;
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", ns);
	if (stat(path, &ours) == 0 && fstat(fd, &theirs) == 0)
		return fd_same_file(&ours, &theirs);
	return errno == ENOENT ? 0 : err_sys(e, "compare a namespace with %s", path);
}

/*
 * Joined by path, a namespace may still be the host's, and what is set in it would be set there. (A
 * user namespace that is ours is not joined, and user.* counts what we make in it.)
 */
static int check_settings(const struct spec *s, const struct spec_namespace *ns, int fd,
			  struct err *e)
{
	const struct str_map *sysctl = &s->linux_->sysctl;
	const char *file = ns->type == CLONE_NEWNET ? "net" :
			   ns->type == CLONE_NEWIPC ? "ipc" :
			   ns->type == CLONE_NEWUTS ? "uts" :
						      NULL;
	bool named = ns->type == CLONE_NEWUTS &&
		     (!str_empty(s->hostname) || !str_empty(s->domainname));
	int own = file && (named || sysctl->n) ? is_own(file, fd, e) : 0;

	if (own <= 0)
		return own;
	if (named) {
		err_set(e, EINVAL, "unable to set %s without a private UTS namespace",
			str_empty(s->hostname) ? "domainname" : "hostname");
		return err_at_key(e, str_empty(s->hostname) ? "domainname" : "hostname");
	}
	for (size_t i = 0; i < sysctl->n; i++) {
		if (spec_sysctl_namespace(sysctl->v[i].key) != ns->type)
			continue;
		err_set(e, EINVAL, "sysctl \"%.200s\" not allowed in host %s namespace",
			sysctl->v[i].key, plan_ns_name((unsigned)ns->type));
		err_at_key(e, sysctl->v[i].key);
		err_at_key(e, "sysctl");
		return err_at_key(e, "linux");
	}
	return 0;
}

static int plan_namespaces(struct prepared *p, struct plan_input *in, struct plan_join *join,
			   struct err *e)
{
	const struct spec_namespaces *list = &p->spec->linux_->namespaces;

	for (size_t i = 0; i < list->n; i++) {
		const struct spec_namespace *ns = &list->v[i];
		int fd, own = 0;

		if (str_empty(ns->path)) {
			in->unshare |= (unsigned)ns->type;
			continue;
		}
		fd = open_namespace(p, ns, e);
		if (fd < 0)
			return at_namespace(i, e);
		if (ns->type == CLONE_NEWUSER || ns->type == CLONE_NEWNS)
			own = is_own(ns->type == CLONE_NEWUSER ? "user" : "mnt", fd, e);
		if (own < 0)
			return at_namespace(i, e);
		if (own && ns->type == CLONE_NEWUSER)
			continue;
		if (check_settings(p->spec, ns, fd, e) < 0)
			return -1;
		/* The change of root would be that of every process on this machine. */
		if (own) {
			err_set(e, EINVAL, "%s is hull's own mount namespace", ns->path);
			return at_namespace(i, e);
		}
		join[in->n_join++] = (struct plan_join){ ns->type, fd };
		p->args->joined_ns |= (unsigned)ns->type;
		if (ns->type == CLONE_NEWPID)
			p->args->pid_ns_fd = fd;
	}
	p->args->new_ns = in->unshare;
	return 0;
}

static char *map_text(const struct spec_id_maps *maps)
{
	struct str s = { 0 };

	mount_idmap_text(maps, &s);
	return s.s;
}

static void add_offset(struct str *s, const char *clock, const struct spec_time_offset *o)
{
	if (o)
		str_addf(s, "%s %lld %llu\n", clock, (long long)o->secs.v,
			 (unsigned long long)o->nanosecs.v);
}

static char *offsets_text(const struct spec_time_offsets *o)
{
	struct str s = { 0 };

	if (o) {
		add_offset(&s, "monotonic", o->monotonic);
		add_offset(&s, "boottime", o->boottime);
	}
	return s.s;
}

bool prepare_denies_setgroups(const struct spec *s)
{
	const struct spec_id_maps *m = &s->linux_->gid_mappings;

	return geteuid() != 0 && m->n == 1 && m->v[0].size.v == 1;
}

/* Without rights over the ids the maps are a job for newuidmap(1) and newgidmap(1). */
static void plan_maps(struct prepared *p)
{
	const struct spec_linux *l = p->spec->linux_;

	p->boot.uid_map = map_text(&l->uid_mappings);
	p->boot.gid_map = map_text(&l->gid_mappings);
	if (geteuid() == 0)
		return;
	p->boot.newuidmap = fd_find_program("newuidmap");
	p->boot.newgidmap = fd_find_program("newgidmap");
	p->boot.deny_setgroups = prepare_denies_setgroups(p->spec);
	p->args->deny_setgroups = p->boot.deny_setgroups;
}

static void plan_oom(struct prepared *p)
{
	const struct opt_int *oom = &p->args->process->oom_score_adj;

	if (oom->set)
		p->boot.oom_score_adj = xasprintf("%lld", (long long)oom->v);
}

int prepare_create(struct prepared *p, struct err *e)
{
	struct plan_join join[8];
	struct plan_input in = { .join = join, .pidfd = -1 };

	if (plan_namespaces(p, &in, join, e) < 0)
		return -1;
	p->boot.time_offsets = offsets_text(p->spec->linux_->time_offsets);
	in.time_offsets = p->boot.time_offsets != NULL;
	in.report = p->spec->linux_->net_devices.n > 0;
	in.traced = p->args->joined_ns & CLONE_NEWPID; /* others are in there */
	if (in.unshare & CLONE_NEWUSER)
		plan_maps(p);
	plan_oom(p);
	/* An ordinary user's hull may open no more than its init, and may not copy mounts at all. */
	p->args->ask_sources = geteuid() == 0 &&
			       ((p->args->new_ns | p->args->joined_ns) & CLONE_NEWUSER);
	return plan_make(&p->boot.plan, &in, e);
}

static bool shares_user_ns(pid_t pid)
{
	char path[PROC_PATH_SIZE];
	struct stat ours, theirs;

	proc_path(path, pid, "ns/user");
	return stat("/proc/self/ns/user", &ours) == 0 && stat(path, &theirs) == 0 &&
	       ours.st_ino == theirs.st_ino;
}

/*
 * A container without a mount namespace has only its init's root: no setns(2) leads there. That
 * init is still the one of pidfd is asked afterwards.
 */
static int pass_root(struct prepared *p, int pidfd, pid_t init, struct err *e)
{
	char path[PROC_PATH_SIZE];

	proc_path(path, init, "root");
	p->args->root_fd = fd_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, e);
	if (p->args->root_fd < 0 || prepare_pass_fd(p, p->args->root_fd, e) < 0)
		return -1;
	return sys_pidfd_send_signal(pidfd, 0) < 0 ? err_set(e, ESRCH, "container not running") : 0;
}

/*
 * Before Linux 5.8 setns(2) takes no pidfd: each namespace is joined by its file. That they are still
 * those of the process of pidfd is asked afterwards.
 */
static int plan_joins(struct prepared *p, struct plan_input *in, struct plan_join *joins,
		      pid_t init, struct err *e)
{
	for (const struct name *ns = namespace_names; ns->name; ns++) {
		const char *file = (unsigned)ns->value == CLONE_NEWNS  ? "mnt" :
				   (unsigned)ns->value == CLONE_NEWNET ? "net" :
									 ns->name;
		char path[PROC_PATH_SIZE], name[16];
		int fd;

		if (!(in->pidfd_flags & (unsigned)ns->value))
			continue;
		snprintf(name, sizeof(name), "ns/%s", file);
		fd = fd_open(AT_FDCWD, proc_path(path, init, name), O_RDONLY, 0, e);
		if (fd < 0 || prepare_pass_fd(p, fd, e) < 0)
			return -1;
		joins[in->n_join++] = (struct plan_join){ (int)ns->value, fd };
	}
	if (sys_pidfd_send_signal(in->pidfd, 0) < 0)
		return err_set(e, ESRCH, "container not running");
	in->join = joins;
	in->pidfd = -1;
	return 0;
}

bool prepare_may_trace(const struct spec_process *p)
{
	const struct spec_capabilities *c = p->capabilities;
	const uint64_t trace = UINT64_C(1) << CAP_SYS_PTRACE;

	return c && (c->bounding.mask | c->permitted.mask | c->effective.mask) & trace;
}

/* A PID namespace that is shared has others' processes in it. */
static bool is_traced(const struct spec *s)
{
	const struct spec_namespace *ns = spec_namespace(s, CLONE_NEWPID);

	return ns && (!str_empty(ns->path) || prepare_may_trace(s->process));
}

/* One setns(2) with a pidfd joins all of them, in the order that the kernel knows to be right. */
int prepare_exec(struct prepared *p, int pidfd, pid_t init, unsigned more_ns, bool traced,
		 struct err *e)
{
	struct plan_input in = { .pidfd = pidfd,
				 .pidfd_flags = (unsigned)spec_namespace_flags(p->spec) | more_ns,
				 .traced = traced || is_traced(p->spec) };
	struct plan_join joins[8];

	if ((in.pidfd_flags & CLONE_NEWUSER) && shares_user_ns(init))
		in.pidfd_flags &= ~(unsigned)CLONE_NEWUSER;
	if (!(in.pidfd_flags & CLONE_NEWNS) && pass_root(p, pidfd, init, e) < 0)
		return -1;
	p->args->exec = true;
	p->args->joined_ns = in.pidfd_flags;
	plan_oom(p);
	if (sys_kernel_before(5, 8) && plan_joins(p, &in, joins, init, e) < 0)
		return -1;
	return plan_make(&p->boot.plan, &in, e);
}

/* config.md, scheduler: what fork(2) refuses, or does not hand on to the child (sched(7)). */
static bool is_lost_in_fork(const struct spec_scheduler *s)
{
	return s && (s->policy == POLICY_DEADLINE || s->flags.mask & 1u << SCHED_BIT_RESET_ON_FORK);
}

/* The process that forks would be one of the user's, too, and perhaps one too many. */
static bool limits_processes(const struct spec_process *p)
{
	for (size_t i = 0; i < p->rlimits.n && p->user->uid.v; i++) {
		if (p->rlimits.v[i].type == RLIMIT_NPROC)
			return true;
	}
	return false;
}

/* Hooks get the PID of init before it is forked; a proc of its PID namespace is made from outside. */
static bool can_create_late(const struct prepared *p)
{
	return !p->args->has_create_hooks && mount_takes_pid_ns(p->args->pid_ns_fd);
}

/* A label is written to a file of a proc that is made for that. */
static bool can_exec_late(const struct prepared *p)
{
	const struct spec_process *process = p->args->process;

	return (str_empty(process->apparmor_profile) && str_empty(process->selinux_label)) ||
	       !sys_kernel_before(5, 8);
}

/*
 * Can all of stage 2's work be done by a process outside of the PID namespace? Not in a user namespace
 * of the caller's, where /proc of the container says what setgroups(2) may.
 */
static bool can_fork_late(const struct prepared *p)
{
	const struct spec_process *process = p->args->process;

	return (p->args->exec ? can_exec_late(p) : can_create_late(p)) && !root_is_of_user_ns() &&
	       !is_lost_in_fork(process->scheduler) && !limits_processes(process) &&
	       !p->spec->linux_->intel_rdt;
}

/* Behind the filter; an agent fetches its descriptor from who is known. */
static bool filter_allows_fork(const struct init_args *a)
{
	return !a->seccomp || (!(a->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) &&
			       seccomp_allows_fork(a->seccomp, a->process->terminal, !a->exec));
}

void prepare_fork(struct prepared *p)
{
	struct init_args *a = p->args;
	bool late = p->boot.plan.stages == PLAN_LATE && can_fork_late(p);
	bool allowed = late && filter_allows_fork(a);

	if (allowed && (a->exec || !a->process->no_new_privileges)) {
		a->fork = FORK_LAST;
	} else if (late && a->process->no_new_privileges) {
		a->fork = FORK_BEFORE_FILTER;
	} else {
		a->pid_ns_fd = -1; /* init will be in there itself */
		if (p->boot.plan.stages == PLAN_LATE)
			p->boot.plan.stages = PLAN_TWO;
	}
}

void prepare_set_env(struct prepared *p, struct spec_process *process, const char *entry)
{
	size_t name = strcspn(entry, "=") + 1;
	char **v = arena_zalloc(&p->arena, (process->env.n + 2) * sizeof(*v));
	size_t n = 0;

	for (size_t i = 0; i < process->env.n; i++) {
		if (strncmp(process->env.v[i], entry, name))
			v[n++] = process->env.v[i];
	}
	v[n++] = arena_strdup(&p->arena, entry);
	process->env.v = v;
	process->env.n = n;
}

int prepare_listen_fds(void)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = fds ? getenv("LISTEN_PID") : NULL;
	uint64_t n, who;

	/* Meant for whoever has this PID, not for a child of his (podman 20968). */
	if (!fds || !pid || !str_to_u64(fds, &n) || !str_to_u64(pid, &who) ||
	    who != (uint64_t)getpid() || n > 4096)
		return 0;
	return (int)n;
}
