/* SPDX-License-Identifier: Apache-2.0 */
/*
 * create and run: hull's side. What is made is first written down (state/record.h), and
 * undone in reverse when anything fails; what a killed hull leaves, `delete --force` finds by the
 * record. The messages are PROTOCOL.md's.
 */
#include "cmd/launch/create.h"

#include "cmd/attach/attach.h"
#include "cmd/attach/handler.h"
#include "cmd/attach/listener.h"
#include "init/mount/mount_dev.h"
#include "nsexec/channel.h"
#include "nsexec/netns.h"
#include "nsexec/process/interrupt.h"
#include "nsexec/process/rlimits.h"
#include "state/spec/annotations.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/lsm.h"
#include "state/base/proc.h"
#include "state/record.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/base/trace.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS_MIN 16 /* without them not even what was made could be taken back */

static int open_start_socket(struct launch *l, struct err *e)
{
	if (l->foreground)
		return 0;
	l->p.args->start_fd = fd_listen_unix(l->c.dir_fd, RECORD_SOCKET, SOCK_SEQPACKET, e);
	return l->p.args->start_fd < 0 ? -1 : prepare_pass_fd(&l->p, l->p.args->start_fd, e);
}

static bool has_mapped_mounts(const struct spec_mounts *m)
{
	for (size_t i = 0; i < m->n; i++) {
		if (m->v[i].uid_mappings.n)
			return true;
		for (size_t k = 0; k < m->v[i].options.n; k++) {
			if (str_starts(m->v[i].options.v[k], "idmap") ||
			    str_starts(m->v[i].options.v[k], "ridmap"))
				return true;
		}
	}
	return false;
}

/*
 * run, of a container that asks nothing of hull while it is made and of which nobody is told before it
 * runs: the record is written and the words are said while init is at work, as with exec. To wait
 * for each other costs a tenth of a run.
 */
static bool can_go_ahead(const struct launch *l)
{
	const struct spec *s = l->p.spec;

	return l->foreground && !l->g->systemd_cgroup && l->p.boot.plan.stages == PLAN_ONE &&
	       !s->hooks && !l->p.args->ask_host && !l->p.args->ask_sources &&
	       !spec_namespace(s, CLONE_NEWUSER) && !has_mapped_mounts(&s->mounts) &&
	       !launch_is_tight(l) && !s->linux_->intel_rdt && str_empty(l->o->pid_file) &&
	       str_empty(l->o->pidfd_socket) && !spec_annotation(s, ANNOTATION_PIDFD_RECEIVER);
}

/* As far as it is known before the plan is: that may yet say no to the cgroups. */
static void may_share_work(struct launch *l)
{
	struct init_args *a = l->p.args;

	/* Who is root of a user namespace could not come back to a network namespace of the host. */
	a->wait_for_hull = geteuid() == 0 && mount_dev_possible(l->p.spec) && sys_in_init_user_ns();
	a->join_late = a->wait_for_hull && launch_cgroup_can_wait(l);
}

/*
 * The network namespace is two thirds of the stages' time; one that hull makes is owned by its user namespace, and
 * is joined after a mount namespace was made. Without one hull has time for /dev, or for cgroups and /dev.
 */
static void share_work(struct launch *l)
{
	struct init_args *a = l->p.args;

	a->join_late = a->join_late && l->p.boot.plan.stages == PLAN_ONE;
	a->net_by_hull = a->wait_for_hull && !a->join_late &&
			 plan_without(&l->p.boot.plan, CLONE_NEWNET);
}

static int fill_args(struct launch *l, struct err *e)
{
	const struct spec_hooks *h = l->p.spec->hooks;
	struct init_args *a = l->p.args;

	a->id = arena_strdup(&l->p.arena, l->c.id);
	a->bundle = arena_strdup(&l->p.arena, l->bundle);
	a->rootfs = arena_strdup(&l->p.arena, l->rootfs);
	a->no_pivot = l->o->no_pivot;
	/* The host's mounts stay below the root then: what is unmounted there must go here, too. */
	if (a->no_pivot && spec_namespace(l->p.spec, CLONE_NEWNS) &&
	    (l->p.spec->linux_->rootfs_propagation & (MS_PRIVATE | MS_UNBINDABLE))) {
		err_set(e, EINVAL,
			"rootfsPropagation of [r]private or [r]unbindable is not safe without pivot_root");
		err_at_key(e, "rootfsPropagation");
		return err_at_key(e, "linux");
	}
	a->no_new_keyring = l->o->no_new_keyring;
	a->has_create_hooks = h && (h->prestart.n || h->create_runtime.n || h->create_container.n);
	a->ask_host = a->has_create_hooks || l->p.spec->linux_->net_devices.n;
	launch_keep_fds(&l->p, l->p.spec->process, l->o->preserve_fds);
	if (launch_console(&l->p, l->p.spec->process, l->o->console_socket, &l->t, e) < 0 ||
	    open_start_socket(l, e) < 0 || prepare_create(&l->p, e) < 0)
		return -1;
	share_work(l);
	l->ahead = can_go_ahead(l);
	a->set_rlimits = l->ahead;
	if (listener_check(l->p.spec, l->bundle, e) < 0 ||
	    launch_seccomp(&l->p, l->c.root_fd, e) < 0)
		return -1;
	prepare_fork(&l->p);
	/* From outside hull could not, once it is another user's, without CAP_SYS_RESOURCE. */
	if (a->fork != FORK_DONE)
		a->set_rlimits = true;
	return 0;
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

/* Answer init until it is ready. */
static int serve_init(struct launch *l, struct err *e)
{
	trace_here("serve init", NULL);
	bool first = true;
	struct msg m;

	for (;;) {
		if (nsexec_next(&l->n, &m, NULL, e) < 0)
			return -1;
		l->rec.pid = l->n.init;
		if (first && m.type != MSG_SOURCE && m.type != MSG_DEVICE) {
			first = false;
			if (launch_apply_limits(l, true, e) < 0 ||
			    (l->n.late && launch_apply_limits(l, false, e) < 0))
				return -1;
		}
		if (m.type == MSG_READY)
			return 0;
		if (m.type == MSG_SOURCE ? launch_send_source(l, &m, e) < 0 :
		    m.type == MSG_DEVICE ? launch_send_device(l, &m, e) < 0 :
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

	if (!cgroup_has_limits(s->resources) && !s->net_devices.n && !s->intel_rdt)
		return 0;
	/* The last fork is done at READY; until then init may have to ask. */
	if (l->n.late)
		return 0;
	/* With the PIDs the last fork is done: a pids limit of 1 cannot hurt a stage. */
	if (nsexec_wait_pids(&l->n, e) < 0)
		return -1;
	if (cgroup_has_limits(s->resources) && launch_apply_limits(l, false, e) < 0)
		return -1;
	if (s->intel_rdt && rdt_join(&l->rdt, l->n.init, e) < 0)
		return launch_at_rdt(e);
	return move_devices(l, e);
}

static int note_init(struct launch *l, struct err *e)
{
	l->rec.phase = RECORD_CREATED;
	if (record_note_pid(&l->rec, l->n.init) == 0)
		return 0;
	err_sys(e, "read the start time of process %d", (int)l->rec.pid);
	return nsexec_why(&l->n, e);
}

/*
 * Whoever finds the record waits for the lock, until the program runs; without hull init dies with
 * it as long as it has not come to PROCEED.
 */
static int go_ahead(struct launch *l, struct err *e)
{
	if (note_init(l, e) < 0 || record_write(l->c.dir_fd, &l->rec, e) < 0 ||
	    notify_open(&l->c, &l->notify, e) < 0 || nsexec_send(&l->n, MSG_PROCEED, -1, e) < 0)
		return -1;
	return nsexec_send(&l->n, MSG_GO, -1, e);
}

static int make_network(struct err *e)
{
	trace_here("make the network namespace", NULL);
	return netns_make(e);
}

static int make_dev(struct launch *l, struct mount_dev *ret)
{
	trace_here("make /dev", NULL);
	mount_dev_plan(l->p.spec, l->rootfs, ret);
	return mount_dev_make(l->p.spec, ret);
}

/* What takes hull as long as the stages need for theirs, and they wait for: the network namespace, or else /dev. */
static int send_prepared(struct launch *l, const struct cgroup_join *join, struct err *e)
{
	_Static_assert(CGROUP_TASKS_MAX + 2 <= FD_PASS_MAX, "all descriptors fit the message");
	int fds[FD_PASS_MAX];
	struct init_prepared p = { 0 };
	auto_close int fd = -1;
	size_t n = 0;

	fd = l->p.args->net_by_hull ? make_network(e) : make_dev(l, &p.dev);
	if (fd < 0 && l->p.args->net_by_hull)
		return -1;
	p.has_made = fd >= 0;
	p.has_memory = join->memory_fd >= 0;
	if (p.has_made)
		fds[n++] = fd;
	if (p.has_memory)
		fds[n++] = join->memory_fd;
	memcpy(fds + n, join->tasks_fds, join->n * sizeof(*fds));
	return nsexec_send_prepared(&l->n, &p, sizeof(p), fds, n + join->n, e);
}

static int work_beside(void *arg, struct err *e)
{
	struct cgroup_join join = CGROUP_JOIN_INIT;
	struct launch *l = arg;
	int r = 0;

	if (l->p.args->join_late)
		r = launch_make_cgroup(l, &join, e);
	if (r == 0 && l->p.args->wait_for_hull)
		r = send_prepared(l, &join, e);
	cgroup_join_close(&join);
	if (r < 0 || launch_cgroup_rules(l, e) < 0)
		return -1;
	return launch_stays(l) ? 0 : launch_write_snapshot(l, e);
}

/* A cgroup above the container's may be frozen, which hull does not look for before anything is late. */
static int say_frozen(void *arg, struct err *e)
{
	return cgroup_check_runs(arg, e);
}

/* From the first process to an init that waits to be told that its record is whole. */
static int run_stages(struct launch *l, struct cgroup_join *join, struct err *e)
{
	struct nsexec_request req = {
		.join = join,
		.cgroup = &l->rec.cgroup,
		.beside = l->p.args->wait_for_hull ? work_beside : NULL,
		.beside_arg = l,
		.apart = !l->p.args->has_create_hooks, /* which find the CPUs that we have */
		.stuck = l->rec.cgroup.layout == CGROUP_V2 ? say_frozen : NULL,
		.stuck_arg = &l->rec.cgroup,
	};
	int r;

	if (prepare_request(&l->p, &req, e) < 0)
		return -1;
	if (l->g->systemd_cgroup) {
		req.join = NULL;
		req.place = launch_make_unit;
		req.place_arg = l;
	}
	r = nsexec_start(&req, &l->n, e);

	cgroup_join_close(join);
	if (r == 0 && !req.beside)
		r = work_beside(l, e);
	if (r < 0 || work_early(l, e) < 0)
		return -1;
	if (l->ahead)
		return go_ahead(l, e);
	if (serve_init(l, e) < 0)
		return -1;
	nsexec_reap(&l->n);
	if (note_init(l, e) < 0)
		return -1;
	if (!l->p.args->set_rlimits && rlimits_set(&l->p.spec->process->rlimits, l->rec.pid, e) < 0)
		return nsexec_why(&l->n, e);
	return 0;
}

/*
 * Until init has given up its parent death signal, our end would be its end: it closes the socket
 * when it has.
 */
static int wait_for_independence(struct launch *l, struct err *e)
{
	trace_here("init lets go of hull", NULL);
	struct msg m;
	int r = channel_next(l->n.sync_sock, &m, NULL, e);

	if (r != 1)
		return r;
	return channel_is_error(&m, e) ? -1 :
					 err_set(e, EPROTO, "message %s instead of the end of file",
						 msg_name(m.type));
}

/* As --pidfd-socket asks, and crun's annotation. */
static int send_pidfds(struct launch *l, struct err *e)
{
	const char *receiver = spec_annotation(l->p.spec, ANNOTATION_PIDFD_RECEIVER);

	if (!str_empty(l->o->pidfd_socket) &&
	    attach_send_pidfd(l->o->pidfd_socket, "--pidfd-socket", l->rec.pid, "standard", e) < 0)
		return -1;
	return receiver ? attach_send_pidfd(receiver, ANNOTATION_PIDFD_RECEIVER, l->rec.pid,
					    "standard", e) :
			  0;
}

static int commit(struct launch *l, struct err *e)
{
	if (record_write(l->c.dir_fd, &l->rec, e) < 0)
		return -1;
	if (!str_empty(l->o->pid_file) && attach_write_pid_file(l->o->pid_file, l->rec.pid, e) < 0)
		return -1;
	l->wrote_pid_file = !str_empty(l->o->pid_file);
	if (send_pidfds(l, e) < 0)
		return -1;
	if (nsexec_send(&l->n, MSG_PROCEED, -1, e) < 0)
		return -1;
	return l->foreground ? 0 : wait_for_independence(l, e);
}

/*
 * systemd removes the scope as soon as nobody is in it, which a limit that is below what is used
 * brings about before its write(2) has returned. The slice still knows.
 */
static bool was_oom_killed(const struct launch *l)
{
	const struct spec_resources *res = l->p.spec->linux_->resources;

	if (l->n.oom_killed || (l->made_cgroup && cgroup_oom_kills(&l->rec.cgroup) > 0))
		return true;
	return l->made_unit && l->n.killed && res && res->memory &&
	       cgroup_oom_kills_above(&l->rec.cgroup) > l->kills_above;
}

/* The kernel's reason is better than "was killed by signal 9". */
static void explain_oom(struct launch *l, struct err *e)
{
	if (was_oom_killed(l)) {
		log_debug("%s", e->chain);
		err_set(e, ENOMEM, "container init was OOM-killed (memory limit too low?)");
	}
}

void launch_undo(struct launch *l, struct err *e)
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
	if (l->wrote_pid_file)
		unlink(l->o->pid_file);
	if (container_remove(&l->c, &second) < 0)
		log_warn("%s", second.chain);
}

int launch_heed_signals(const struct launch *l, struct err *e)
{
	struct rlimit r;

	if (l->foreground && !l->o->detach && attach_prepare(!l->o->no_subreaper, e) < 0)
		return -1;
	/* Nor does a pipe whose reader has gone. */
	sigaction(SIGPIPE, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < DESCRIPTORS_MIN)
		return err_set(e, EMFILE,
			       "hull needs %d descriptors, and may have %llu (RLIMIT_NOFILE)",
			       DESCRIPTORS_MIN, (unsigned long long)r.rlim_cur);
	return interrupt_open(e);
}

/* Everything that needs ROOT/ID; on failure nothing of it is left. */
static int create_in_root(struct launch *l, struct err *e)
{
	struct cgroup_join join = CGROUP_JOIN_INIT;
	bool later;
	int r;

	if (launch_find_rdt(l, e) < 0 || launch_heed_signals(l, e) < 0 ||
	    container_create(&l->g->root, l->o->id, &l->c, e) < 0)
		return -1;
	r = launch_write_journal(l, e);
	/* As it was read: what follows adds to it what is not the configuration's. */
	if (r == 0 && launch_stays(l))
		r = launch_write_snapshot(l, e);
	if (r == 0)
		r = notify_prepare(l->g, &l->c, &l->p, e);
	if (r == 0)
		r = launch_make_rdt(l, e);
	may_share_work(l);
	later = l->p.args->join_late;
	if (r == 0 && !later)
		r = launch_make_cgroup(l, &join, e);
	if (r == 0) {
		launch_describe_cgroup(l);
		r = fill_args(l, e);
	}
	if (r == 0 && later && !l->p.args->join_late)
		r = launch_make_cgroup(l, &join, e);
	if (r == 0)
		r = launch_memory_late(&l->p, &join, e);
	if (r == 0) {
		launch_debug(&l->p);
		r = run_stages(l, &join, e);
		if (r < 0)
			err_wrap(e, "unable to start container process");
	}
	cgroup_join_close(&join);
	if (r == 0 && !l->ahead)
		r = commit(l, e);
	if (r < 0)
		launch_undo(l, e);
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

static void warn_access(const struct spec_resources *r)
{
	for (size_t i = 0; r && i < r->devices.n; i++) {
		const char *access = r->devices.v[i].access;

		if (access[strspn(access, "rwm")])
			log_warn(
				"\"%s\" is more than the letters r, w and m, the rest is ignored (/linux/resources/devices/%zu/access)",
				access, i);
	}
}

static int find_handler(struct launch *l, struct err *e)
{
	const struct handler h = handler_wish(l->p.spec, l->o->handler, l->g);
	int fd;

	if (!h.name)
		return 0;
	fd = handler_open(l->p.spec, &h, e);
	if (fd == -2)
		return 0;
	if (fd < 0 || prepare_pass_fd(&l->p, fd, e) < 0)
		return -1;
	l->p.args->handler_fd = fd;
	l->p.args->handler = arena_strdup(&l->p.arena, h.name);
	l->p.args->handler_smart = h.smart;
	handler_add_devices(l->p.spec, &h, &l->p.arena);
	return 0;
}

/* What the specification alone does not say is impossible. */
static int check_host(struct launch *l, struct err *e)
{
	if (find_handler(l, e) < 0)
		return -1;
	if (lsm_check(l->p.spec->process, e) < 0)
		return err_at_key(e, "process");
	if (lsm_check_mounts(l->p.spec->linux_, e) < 0)
		return err_at_key(e, "linux");
	if (lsm_check_landlock(l->p.spec, e) < 0)
		return -1;
	if (!l->p.spec->linux_->net_devices.n || geteuid() == 0)
		return 0;
	err_set(e, EPERM, "network devices are not supported for rootless containers");
	err_at_key(e, "netDevices");
	return err_at_key(e, "linux");
}

static int begin(struct launch *l, struct err *e)
{
	if (launch_check_fds(l->o->preserve_fds, e) < 0 || root_check_id(l->o->id, e) < 0 ||
	    prepare_init(&l->p, e) < 0 || launch_read_config(l, e) < 0)
		return -1;
	if (launch_check_terminal(l->p.spec->process->terminal, !l->foreground || l->o->detach,
				  l->o->console_socket, e) < 0 ||
	    launch_find_rootfs(l, e) < 0 || check_host(l, e) < 0 || launch_find_unit(l, e) < 0)
		return -1;
	launch_warn_capabilities(l->p.spec->process->capabilities,
				 spec_namespace(l->p.spec, CLONE_NEWUSER) != NULL);
	launch_warn_groups(l->p.spec, l->p.spec->process);
	annotations_warn(l->p.spec, l->g->systemd_cgroup, log_warn_text);
	warn_relative(&l->p.spec->mounts);
	warn_access(l->p.spec->linux_->resources);
	return create_in_root(l, e);
}

/* Memory and what else is still open end with hull, which has nothing more to do. */
void launch_end(struct launch *l)
{
	notify_close(&l->notify);
	nsexec_close(&l->n);
}

int launch_create(const struct globals *g, const struct launch_options *o, struct err *e)
{
	struct launch l = LAUNCH_INIT(g, o);
	int r = begin(&l, e);

	launch_end(&l);
	return r;
}

/* --- run --- */

/* One wake-up for all that init says, but with --debug and --trace, whose lines are shown while they come. */
static int wait_ahead(struct launch *l, struct err *e)
{
	struct msg m;

	if (!l->rec.has_listener && !l->p.boot.debug && !l->p.boot.trace &&
	    channel_wait_end(l->n.sync_sock, e) < 0)
		return -1;
	if (nsexec_next(&l->n, &m, NULL, e) < 0)
		return -1;
	return m.type == MSG_READY ?
		       0 :
		       err_set(e, EPROTO, "message %s instead of READY", msg_name(m.type));
}

static int say_go(struct launch *l, struct err *e)
{
	return notify_open(&l->c, &l->notify, e) < 0 || nsexec_send(&l->n, MSG_GO, -1, e) < 0 ? -1 :
												0;
}

static int go(struct launch *l, struct err *e)
{
	trace_here("start the program", NULL);
	const struct spec_hooks *h = l->p.spec->hooks;
	struct listener to = {
		.spec = l->p.spec, .rec = &l->rec, .pid = &l->rec.pid, .status = "creating"
	};
	struct channel_listener serve = { listener_pass_on, &to };

	if ((l->ahead ? wait_ahead(l, e) : say_go(l, e)) < 0 ||
	    nsexec_wait_exec(&l->n, l->rec.has_listener ? &serve : NULL, e) < 0)
		return err_wrap(e, "unable to start container process");
	/* A terminal takes all of hull's attention. */
	if (l->o->detach || l->t.sock >= 0)
		launch_leave_notify(&l->notify, &l->rec);
	return h ? launch_hooks(&h->poststart, "poststart", l->p.spec, &l->rec, "running", e) : 0;
}

/* The program has ended: what `delete` would do. */
static int destroy(struct launch *l, struct err *e)
{
	trace_here("delete", NULL);
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

int launch_wait_and_destroy(struct launch *l, int *ret_code, struct err *e)
{
	/* Other commands may work on the container while it runs, and signals are the program's. */
	container_unlock(&l->c);
	interrupt_close();
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
	r = begin(&l, e);
	if (r == 0) {
		r = go(&l, e);
		if (r < 0) {
			l.hooks_begun = true;
			launch_undo(&l, e);
		}
	}
	if (r == 0 && !o->detach)
		r = launch_wait_and_destroy(&l, ret_code, e);
	launch_end(&l);
	return r;
}
