/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exec: hull's side. The container's init is held by a pidfd whose start time was compared, its
 * namespaces are joined with one setns(2), and the first process is spawned straight into the
 * container's cgroups.
 */
#include "cmd/attach/attach.h"
#include "cmd/launch/launch.h"
#include "cmd/launch/common.h"
#include "cmd/attach/listener.h"
#include "nsexec/channel.h"
#include "nsexec/process/interrupt.h"
#include "nsexec/process/rlimits.h"
#include "state/base/fd.h"
#include "state/spec/idset.h"
#include "state/base/log.h"
#include "state/lsm.h"
#include "state/base/names.h"
#include "state/rdt.h"
#include "state/record.h"
#include "state/root.h"
#include "state/status.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/systemd/systemd.h"
#include "state/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

struct exec {
	const struct exec_options *o;
	struct container c;
	struct record rec;
	struct prepared p;
	struct nsexec n;
	struct terminal t;
	struct spec_process *process;
	int init_fd; /* pidfd of the container's init */
	bool ready;  /* init has said READY */
	bool frozen; /* the container is paused, and so will the process be */
	bool attach; /* systemd is to move stage 0: we may not */
	bool bound;  /* hull is bound to CPUs; before to those of `before` */
	struct idset before;
};

/* What is to be born into cg, the container's cgroup or one below it, would stand still: -1, or it is known. */
static int refuse_frozen(struct exec *x, const struct cgroup *cg, struct err *e)
{
	auto_free char *by = cgroup_frozen_by(cg);

	if (!by)
		return 0;
	x->frozen = true;
	if (x->o->ignore_paused)
		return 0;
	if (cgroup_is_frozen(&x->rec.cgroup))
		return err_set(
			e, EBUSY,
			"cannot exec in a paused container (use --ignore-paused to override)");
	return err_set(
		e, EBUSY,
		"cannot exec in a cgroup that is frozen by %s (use --ignore-paused to override)",
		by);
}

static int refuse_late(void *arg, struct err *e)
{
	struct exec *x = arg;

	return refuse_frozen(x, &x->rec.cgroup, e);
}

/*
 * On v2 hull does not ask before: stage 0 will not be executed, which it does notice, and can be killed
 * (nsexec_request.stuck). Hardly any container is paused, and to ask takes a fiftieth of an exec.
 */
static bool is_asked_late(const struct exec *x)
{
	return x->rec.cgroup.layout == CGROUP_V2 && !x->o->cgroups.n && !x->o->ignore_paused;
}

static int find_frozen(struct exec *x, struct err *e)
{
	struct err told_later;
	struct cgroup sub;
	int r;

	if (is_asked_late(x))
		return 0;
	if (!x->o->cgroups.n ||
	    cgroup_sub(&x->rec.cgroup, x->o->cgroups.v, x->o->cgroups.n, &sub, &told_later) < 0)
		return refuse_frozen(x, &x->rec.cgroup, e);
	r = refuse_frozen(x, &sub, e);
	cgroup_done(&sub);
	return r;
}

/*
 * Enough of the status to know whether it can be entered; created or running is the same for that.
 * The pidfd that proves that init lives is the one that its namespaces are joined by.
 */
static int find_init(struct exec *x, struct err *e)
{
	if (x->rec.phase == RECORD_CREATING)
		return err_set(e, EBUSY, "cannot exec in a container that is being created");
	if (find_frozen(x, e) < 0)
		return -1;
	x->init_fd = record_pidfd(&x->rec, e);
	if (x->init_fd >= 0)
		return 0;
	return e->code == ESRCH ? err_set(e, ESRCH, "cannot exec in a stopped container") : -1;
}

/* --- the process: a file, or the container's own with what the options change --- */

static int read_process_file(struct exec *x, struct err *e)
{
	auto_free char *text = NULL;
	size_t n;

	if (fd_read_file(AT_FDCWD, x->o->process_file, SPEC_FILE_MAX, &text, &n, e) < 0)
		return -1;
	if (spec_process_read(text, n, &x->p.arena, &x->process, e) < 0)
		return err_wrap(e, "%s", x->o->process_file);
	return 0;
}

static bool parse_id(const char *text, size_t n, uint64_t *ret)
{
	auto_free char *id = xstrndup(text, n);

	return str_to_u64(id, ret) && *ret < UINT32_MAX;
}

/* "UID[:GID]", numbers only: a name could be one that the image chose (CVE-2016-3697, CVE-2026-30892). */
static int set_user(struct exec *x, struct err *e)
{
	struct spec_user *u = arena_zalloc(&x->p.arena, sizeof(*u));
	const char *text = x->o->user;
	size_t n = text ? strcspn(text, ":") : 0;

	if (!text)
		return 0;
	*u = *x->process->user;
	if (!parse_id(text, n, &u->uid.v) ||
	    (text[n] && !parse_id(text + n + 1, strlen(text + n + 1), &u->gid.v)))
		return err_set(e, EINVAL,
			       "--user %s: expected UID or UID:GID, numbers from 0 to 4294967294",
			       text);
	x->process->user = u;
	return 0;
}

static int add_gids(struct exec *x, struct err *e)
{
	const struct strings *add = &x->o->additional_gids;
	struct spec_user *u = arena_zalloc(&x->p.arena, sizeof(*u));
	struct opt_uint *v;

	if (!add->n)
		return 0;
	*u = *x->process->user;
	v = arena_zalloc(&x->p.arena, (u->additional_gids.n + add->n) * sizeof(*v));
	if (u->additional_gids.n)
		memcpy(v, u->additional_gids.v, u->additional_gids.n * sizeof(*v));
	u->additional_gids.v = v;
	for (size_t i = 0; i < add->n; i++) {
		struct opt_uint *gid = &v[u->additional_gids.n++];

		gid->set = true;
		if (!parse_id(add->v[i], strlen(add->v[i]), &gid->v))
			return err_set(
				e, EINVAL,
				"--additional-gids %s: expected a number from 0 to 4294967294",
				add->v[i]);
	}
	x->process->user = u;
	return 0;
}

/*
 * --cap: bounding, effective and permitted; ambient only where the container's configuration has
 * inheritable ones, and never inheritable itself (CVE-2022-29162).
 */
static void add_caps(struct exec *x)
{
	struct spec_capabilities *c = arena_zalloc(&x->p.arena, sizeof(*c));
	uint64_t mask = 0;
	int number;

	if (!x->o->caps.n)
		return;
	/* As everywhere: a capability that nobody knows is a warning (config.md, Linux Process). */
	for (size_t i = 0; i < x->o->caps.n; i++) {
		if (name_lookup(cap_names, x->o->caps.v[i], &number))
			mask |= 1ULL << number;
		else
			log_warn("ignoring unknown or unavailable capabilities: [%s] (--cap)",
				 x->o->caps.v[i]);
	}
	if (x->process->capabilities)
		*c = *x->process->capabilities;
	c->bounding.mask |= mask;
	c->effective.mask |= mask;
	c->permitted.mask |= mask;
	c->ambient.mask |= mask & c->inheritable.mask;
	x->process->capabilities = c;
}

static int add_env(struct exec *x, struct err *e)
{
	for (size_t i = 0; i < x->o->env.n; i++) {
		const char *entry = x->o->env.v[i];

		if (!strchr(entry, '=') || *entry == '=')
			return err_set(e, EINVAL, "--env %s: expected NAME=VALUE", entry);
		prepare_set_env(&x->p, x->process, entry);
	}
	return 0;
}

static int set_args(struct exec *x, struct err *e)
{
	char **v;

	if (x->o->n_args < 1)
		return err_set(e, EINVAL, "exec args cannot be empty");
	v = arena_zalloc(&x->p.arena, (size_t)(x->o->n_args + 1) * sizeof(*v));
	for (int i = 0; i < x->o->n_args; i++)
		v[i] = arena_strdup(&x->p.arena, x->o->args[i]);
	x->process->args.v = v;
	x->process->args.n = (size_t)x->o->n_args;
	return 0;
}

static int use_options(struct exec *x, struct err *e)
{
	struct spec_process *p = arena_zalloc(&x->p.arena, sizeof(*p));

	*p = *x->p.spec->process;
	x->process = p;
	p->terminal = x->o->tty;
	p->console_size = NULL;
	if (!str_empty(x->o->cwd) && x->o->cwd[0] != '/')
		return err_set(e, EINVAL, "--cwd %s: Cwd must be an absolute path", x->o->cwd);
	if (!str_empty(x->o->cwd))
		p->cwd = arena_strdup(&x->p.arena, x->o->cwd);
	if (!str_empty(x->o->apparmor))
		p->apparmor_profile = arena_strdup(&x->p.arena, x->o->apparmor);
	if (!str_empty(x->o->process_label))
		p->selinux_label = arena_strdup(&x->p.arena, x->o->process_label);
	if (x->o->no_new_privs_set)
		p->no_new_privileges = x->o->no_new_privs;
	if (set_args(x, e) < 0 || set_user(x, e) < 0 || add_gids(x, e) < 0 || add_env(x, e) < 0)
		return -1;
	add_caps(x);
	return spec_process_check(p, e);
}

/* What a process file leaves out is the container's, as with runc. */
static void inherit(struct spec_process *p, const struct spec_process *from)
{
	if (!p->capabilities)
		p->capabilities = from->capabilities;
	if (!p->user->umask.set)
		p->user->umask = from->user->umask;
	if (!p->rlimits.n)
		p->rlimits = from->rlimits;
	if (str_empty(p->apparmor_profile))
		p->apparmor_profile = from->apparmor_profile;
	if (str_empty(p->selinux_label))
		p->selinux_label = from->selinux_label;
	if (!p->io_priority)
		p->io_priority = from->io_priority;
	if (!p->scheduler)
		p->scheduler = from->scheduler;
	if (!p->exec_cpu_affinity)
		p->exec_cpu_affinity = from->exec_cpu_affinity;
}

static int make_process(struct exec *x, struct err *e)
{
	int r = str_empty(x->o->process_file) ? use_options(x, e) : read_process_file(x, e);

	if (r < 0)
		return -1;
	if (!str_empty(x->o->process_file))
		inherit(x->process, x->p.spec->process);
	if (x->o->terminal_set)
		x->process->terminal = x->o->terminal;
	if (lsm_check(x->process, e) < 0)
		return err_at_key(e, "process");
	x->p.args->process = x->process;
	launch_warn_capabilities(x->process->capabilities,
				 spec_namespace(x->p.spec, CLONE_NEWUSER) != NULL);
	launch_warn_groups(x->p.spec, x->process);
	return 0;
}

/* --- entering --- */

/* To be noted before it runs: the configuration does not say that it is there. */
static int note_tracer(const struct exec *x, struct err *e)
{
	return prepare_may_trace(x->process) && !prepare_may_trace(x->p.spec->process) ?
		       record_note_tracer(x->c.dir_fd, e) :
		       0;
}

static int prepare(struct exec *x, struct err *e)
{
	trace_here("prepare", NULL);
	bool traced = record_has_tracer(x->c.dir_fd);
	struct init_args *a = x->p.args;

	if (prepare_snapshot(&x->p, x->c.dir_fd, e) < 0 || make_process(x, e) < 0 ||
	    note_tracer(x, e) < 0 ||
	    launch_check_terminal(x->process->terminal, x->o->detach, x->o->console_socket, e) < 0)
		return -1;
	if (prepare_pass_fd(&x->p, x->init_fd, e) < 0)
		return -1;
	a->id = arena_strdup(&x->p.arena, x->c.id);
	launch_keep_fds(&x->p, x->process, x->o->preserve_fds);
	if (launch_console(&x->p, x->process, x->o->console_socket, &x->t, e) < 0 ||
	    prepare_exec(&x->p, x->init_fd, x->rec.pid, x->rec.in_time_ns ? CLONE_NEWTIME : 0,
			 traced, e) < 0)
		return -1;
	if (launch_seccomp(&x->p, x->c.root_fd, e) < 0)
		return -1;
	prepare_fork(&x->p);
	return 0;
}

/*
 * Outside of a user namespace init has the right to set its limits itself, and then there is
 * nothing to wait for: it finds PROCEED there already.
 */
static bool needs_limits(const struct exec *x)
{
	return (x->p.args->joined_ns & CLONE_NEWUSER) && x->process->rlimits.n;
}

static bool waits_for_ready(const struct exec *x)
{
	return needs_limits(x) || x->p.spec->linux_->intel_rdt;
}

/*
 * config.md, Linux Process, execCPUAffinity.initial: where "a runtime parent process" runs "before
 * the transition to container's cgroup". The stages begin with it; hull itself gets its own back.
 */
static bool has_initial_cpus(const struct exec *x)
{
	return x->process->exec_cpu_affinity && !str_empty(x->process->exec_cpu_affinity->initial);
}

static int bind_to_cpus(struct exec *x, const struct idset *cpus)
{
	if (x->bound)
		return 0;
	if (syscall(SYS_sched_getaffinity, 0, sizeof(x->before), &x->before) < 0 ||
	    syscall(SYS_sched_setaffinity, 0, sizeof(*cpus), cpus) < 0)
		return -1;
	x->bound = true;
	return 0;
}

static void unbind(struct exec *x)
{
	if (x->bound)
		syscall(SYS_sched_setaffinity, 0, sizeof(x->before), &x->before);
	x->bound = false;
}

static int bind_to_initial(struct exec *x, struct idset *ret_cpus, struct err *e)
{
	const char *initial = x->process->exec_cpu_affinity->initial;
	int r = idset_parse(initial, ret_cpus, e);

	if (r == 0 && bind_to_cpus(x, ret_cpus) == 0)
		return 0;
	if (r == 0)
		err_sys(e, "\"%.200s\": set the CPU affinity", initial);
	err_at_key(e, "initial");
	err_at_key(e, "execCPUAffinity");
	return err_at_key(e, "process");
}

/*
 * Without: on the CPU that hull is on. hull sleeps while a stage works, which then need not wait until
 * another CPU has woken, a tenth of an exec; init's step "CPU affinity" allows the program all again.
 */
static void bind_to_this_cpu(struct exec *x)
{
	struct idset here = { { 0 } };
	unsigned cpu;

	/* Not sched_getcpu(3): the first look into the vDSO costs more than the call. */
	if (syscall(SYS_getcpu, &cpu, NULL, NULL) < 0 || cpu >= IDSET_MAX)
		return;
	idset_add(&here, cpu);
	(void)bind_to_cpus(x, &here);
}

static int wait_ready(struct exec *x, struct err *e)
{
	struct msg m;

	if (nsexec_next(&x->n, &m, NULL, e) < 0)
		return -1;
	x->ready = m.type == MSG_READY;
	return x->ready ? 0 : err_set(e, EPROTO, "message %s instead of READY", msg_name(m.type));
}

/* The group may be gone: somebody else's closID. */
static int join_rdt(struct exec *x, struct err *e)
{
	const struct spec_intel_rdt *s = x->p.spec->linux_->intel_rdt;
	struct rdt rdt = RDT_INIT;
	int r = 0;

	if (!s)
		return 0;
	rdt.root_fd = rdt_open_root(e);
	if (rdt.root_fd < 0)
		r = -1;
	else
		rdt_name(&rdt, s, x->c.id);
	if (rdt.existed)
		r = rdt_join(&rdt, x->n.init, e);
	rdt_done(&rdt);
	if (r == 0)
		return 0;
	err_at_key(e, "intelRdt");
	return err_at_key(e, "linux");
}

/* Where in the unit's cgroup the container's init is: "" where it began, or "/below". */
static const char *place_in_unit(const struct exec *x, const struct cgroup *now)
{
	const struct cgroup_dir *unit = cgroup_find(&x->rec.cgroup, "");
	const struct cgroup_dir *d = cgroup_find(now, "");

	return unit && d && str_starts(d->path, unit->path) ? d->path + strlen(unit->path) : "";
}

/* Where init is now: its PID could be another's by the time that /proc was read. */
static int cgroup_of_init(const struct exec *x, struct cgroup *now, struct err *e)
{
	if (cgroup_of(x->rec.pid, now, e) < 0)
		return -1;
	if (sys_pidfd_send_signal(x->init_fd, 0) == 0)
		return 0;
	cgroup_done(now);
	return err_set(e, ESRCH, "cannot exec in a stopped container");
}

static int attach_to_unit(void *arg, pid_t stage0, struct err *e)
{
	const struct exec *x = arg;
	struct cgroup now = { .layout = CGROUP_NONE };
	int r;

	/* A user may not be shown where init is (proc(5), hidepid): where it began, then. */
	if (cgroup_of_init(x, &now, e) < 0 && e->code != ENOENT)
		return -1;
	r = systemd_attach(x->rec.unit, x->rec.unit_of_user, place_in_unit(x, &now), stage0, e);
	cgroup_done(&now);
	return r;
}

static int run_stages(struct exec *x, struct cgroup_join *join, struct err *e)
{
	struct nsexec_request req = {
		.join = x->attach ? NULL : join,
		.place = x->attach ? attach_to_unit : NULL,
		.place_arg = x,
		.frozen = x->frozen,
		.stuck = is_asked_late(x) ? refuse_late : NULL,
		.stuck_arg = x,
	};
	struct idset cpus;
	int r;

	x->p.args->set_rlimits = !needs_limits(x);
	if (prepare_request(&x->p, &req, e) < 0)
		return -1;
	if (has_initial_cpus(x)) {
		if (bind_to_initial(x, &cpus, e) < 0)
			return -1;
		req.cpus = &cpus;
	} else {
		bind_to_this_cpu(x);
	}
	r = nsexec_start(&req, &x->n, e);
	if (req.cpus)
		unbind(x);
	cgroup_join_close(join);
	if (r < 0)
		return -1;
	/* Nobody may go on to the program of whom hull would not know if stage 1 were killed now. */
	if (!x->n.late && nsexec_wait_pids(&x->n, e) < 0)
		return -1;
	/* With --debug and --trace the lines are to be shown while they come. */
	if (!waits_for_ready(x))
		return nsexec_send(&x->n, MSG_PROCEED, -1, e) < 0 ||
				       ((x->p.boot.debug || x->p.boot.trace) &&
					wait_ready(x, e) < 0) ?
			       -1 :
			       0;
	if (wait_ready(x, e) < 0 || join_rdt(x, e) < 0)
		return -1;
	if (needs_limits(x) && rlimits_set(&x->process->rlimits, x->n.init, e) < 0)
		return nsexec_why(&x->n, e);
	return nsexec_send(&x->n, MSG_PROCEED, -1, e);
}

/* One wake-up for all that init says: READY, EXEC and the end of file. */
static int wait_exec(struct exec *x, struct err *e)
{
	trace_here("wait until the program runs", NULL);
	struct listener to = {
		.spec = x->p.spec, .rec = &x->rec, .pid = &x->n.init, .status = "running"
	};
	struct channel_listener serve = { listener_pass_on, &to };

	if (x->rec.has_listener)
		return !x->ready && wait_ready(x, e) < 0 ? -1 : nsexec_wait_exec(&x->n, &serve, e);
	if (!x->ready && (channel_wait_end(x->n.sync_sock, e) < 0 || wait_ready(x, e) < 0))
		return -1;
	return nsexec_wait_exec(&x->n, NULL, e);
}

/*
 * Whoever only waits for the end of the program learns from that whether it began: init's last
 * words are in the socket. To be woken once less is worth a twentieth of an exec.
 */
static bool can_ask_later(const struct exec *x)
{
	return !x->rec.has_listener && !x->o->detach && str_empty(x->o->pid_file) &&
	       str_empty(x->o->pidfd_socket) && x->t.sock < 0 && !x->ready && !x->frozen &&
	       x->p.boot.plan.stages == PLAN_ONE;
}

static int attach(struct exec *x, int *ret_code, struct err *e)
{
	bool asked = !can_ask_later(x);
	pid_t init = x->n.init;

	interrupt_close();
	*ret_code = launch_attach(&x->t, init, e);
	if (*ret_code < 0 || asked)
		return *ret_code < 0 ? -1 : 0;
	nsexec_ended(&x->n, *ret_code);
	return wait_exec(x, e);
}

static int commit(struct exec *x, struct err *e)
{
	if (can_ask_later(x))
		return 0;
	if (wait_exec(x, e) < 0)
		return -1;
	/* Otherwise hull only sleeps from here on, and is woken once. */
	unbind(x);
	nsexec_reap(&x->n);
	if (!str_empty(x->o->pid_file) && attach_write_pid_file(x->o->pid_file, x->n.init, e) < 0)
		return -1;
	if (!str_empty(x->o->pidfd_socket))
		return attach_send_pidfd(x->o->pidfd_socket, "--pidfd-socket", x->n.init, "setns",
					 e);
	return 0;
}

static int open_sub_cgroups(struct exec *x, struct cgroup_join *join, struct err *e)
{
	struct cgroup sub;
	int r;

	if (x->rec.cgroup.layout == CGROUP_NONE)
		return err_set(e, ENOTSUP, "--cgroup: the container has no cgroup");
	if (cgroup_sub(&x->rec.cgroup, x->o->cgroups.v, x->o->cgroups.n, &sub, e) < 0)
		return -1;
	r = cgroup_join_open(&sub, join, e);
	cgroup_done(&sub);
	return r < 0 ? err_wrap(e, "error adding pid of exec to cgroups") : 0;
}

/*
 * Into the cgroups of the record; where the container's init has moved itself away and removed
 * one of them (systemd, docker in docker), into those where it is now.
 */
static int open_cgroups(struct exec *x, struct cgroup_join *join, struct err *e)
{
	struct cgroup now;
	int r;

	if (x->o->cgroups.n)
		return open_sub_cgroups(x, join, e);
	if (x->rec.cgroup.layout == CGROUP_NONE || cgroup_join_open(&x->rec.cgroup, join, e) == 0)
		return 0;
	if (e->code != ENOENT || cgroup_of_init(x, &now, e) < 0)
		return -1;
	r = cgroup_join_open(&now, join, e);
	cgroup_done(&now);
	return r;
}

/*
 * cgroup-v2.rst, Delegation Containment: a user may move processes within what is his, and not
 * into it from the session that he has logged in to.
 */
static bool may_attach(const struct exec *x, const struct err *e)
{
	return (e->code == EACCES || e->code == EPERM) && !x->n.parent && !x->n.init &&
	       !str_empty(x->rec.unit) && x->rec.cgroup.layout == CGROUP_V2 && !x->o->cgroups.n;
}

static int enter(struct exec *x, struct err *e)
{
	struct cgroup_join join = CGROUP_JOIN_INIT;
	struct cgroup now;
	bool refused;
	int r;

	if (open_cgroups(x, &join, e) < 0)
		return -1;
	launch_debug(&x->p);
	if (launch_memory_late(&x->p, &join, e) < 0) {
		cgroup_join_close(&join);
		return -1;
	}
	r = run_stages(x, &join, e);
	refused = r < 0 && e->code == EBUSY && !x->n.parent && !x->n.init && !x->frozen;
	/* v2: an init that has given controllers to its children is in one of them itself. */
	if (refused && x->o->cgroups.n) {
		err_wrap(e, "error adding pid of exec to cgroups");
	} else if (refused && cgroup_of_init(x, &now, e) == 0) {
		nsexec_close(&x->n);
		r = cgroup_join_open(&now, &join, e);
		cgroup_done(&now);
		if (r == 0)
			r = run_stages(x, &join, e);
	} else if (r < 0 && may_attach(x, e)) {
		nsexec_close(&x->n);
		x->attach = true;
		r = run_stages(x, &join, e);
	}
	cgroup_join_close(&join);
	if (r == 0)
		r = commit(x, e);
	if (r < 0)
		nsexec_kill(&x->n);
	return r;
}

static int run(struct exec *x, const struct globals *g, int *ret_code, struct err *e)
{
	if (launch_check_fds(x->o->preserve_fds, e) < 0 ||
	    status_load(&g->root, x->o->id, STATUS_NO_LOCK, &x->c, &x->rec, NULL, e) < 0 ||
	    find_init(x, e) < 0 || prepare_init(&x->p, e) < 0)
		return -1;
	/* Orphans of the container belong to its own init, so hull needs not adopt them. */
	if (prepare(x, e) < 0 || (!x->o->detach && attach_prepare(false, e) < 0))
		return -1;
	/* Signals are the program's where its end is all that is waited for. */
	if ((!can_ask_later(x) || waits_for_ready(x)) && interrupt_open(e) < 0)
		return -1;
	if (enter(x, e) < 0)
		return -1;
	return x->o->detach ? 0 : attach(x, ret_code, e);
}

int launch_exec(const struct globals *g, const struct exec_options *o, int *ret_code, struct err *e)
{
	struct exec x = { .o = o,
			  .c = CONTAINER_INIT,
			  .n = NSEXEC_INIT,
			  .t = TERMINAL_INIT,
			  .p = { .arena.fd = -1 } };
	int r;

	*ret_code = 0;
	r = run(&x, g, ret_code, e);
	nsexec_close(&x.n);
	prepare_done(&x.p);
	record_done(&x.rec);
	container_close(&x.c);
	return r;
}
