/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of steps, and the loop over them. Runs in stage 2 from the moment it returns out of
 * the constructor until execve. An error of any step goes to whoever waits: hull before the
 * record is whole, then `start`.
 */
#include "init/init.h"
#include "init/base/lsm.h"

#include "nsexec/channel.h"
#include "nsexec/process/hooks.h"
#include "nsexec/nsexec.h"
#include "state/spec/annotations.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/trace.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* By "0" to `tasks`: alone in our process we need no lock of all cgroups for that. start_close_fds() closes them. */
static int join_cgroups(const int *fds, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		if (write(fds[i], "0", 1) < 0)
			return err_sys(e, "join the cgroup");
	}
	return 0;
}

int init_take_prepared(struct init *in, struct err *e)
{
	int fds[FD_PASS_MAX], *fd = fds, made;
	size_t n = FD_PASS_MAX;
	struct init_prepared p;
	struct msg m;

	if (!in->a->wait_for_hull || in->prepared)
		return 0;
	in->prepared = true;
	/* hull has the longer way; but what a hook executes has all rights. */
	if (in->a->net_by_hull && !in->a->has_create_hooks && creds_drop_bounding(in, e) < 0)
		return -1;
	if (channel_expect_fds(in->sync, MSG_PREPARED, &m, fds, &n, e) < 0)
		return -1;
	memcpy(&p, m.body, sizeof(p));
	if (m.n != sizeof(p) || n < (size_t)p.has_made + p.has_memory ||
	    p.has_made < in->a->net_by_hull)
		return err_set(e, EPROTO, "message PREPARED of %u bytes with %zu descriptors",
			       (unsigned)m.n, n);
	made = p.has_made ? *fd++ : -1;
	if (p.has_memory)
		in->memory_fd = *fd++;
	if (in->a->net_by_hull) {
		auto_close int net = made;

		return stage_setns(net, CLONE_NEWNET, e);
	}
	in->dev_fd = made;
	in->dev = p.dev;
	return join_cgroups(fd, n - (size_t)(fd - fds), e);
}

/* Mostly it is there already: hull has had the time in which the namespaces were made. */
static int wait_for_hull(struct init *in, struct err *e)
{
	return in->a->net_by_hull ? 0 : init_take_prepared(in, e);
}

int init_ask_host_hooks(struct init *in, struct err *e)
{
	struct msg m;

	if (!in->a->ask_host)
		return 0;
	if (channel_send(in->sync, MSG_HOOKS, NULL, 0, -1, e) < 0)
		return -1;
	return channel_expect(in->sync, MSG_HOOKS_DONE, &m, NULL, e);
}

/*
 * The state document for hooks in the container's namespaces (runtime.md, State): the PID is the
 * one that the hook sees.
 */
static void write_state(const struct init *in, const char *status, struct str *out)
{
	const struct spec *s = in->a->spec;

	str_add(out, "{\"ociVersion\":");
	str_add_json(out, s->oci_version);
	str_add(out, ",\"id\":");
	str_add_json(out, in->a->id);
	str_addf(out, ",\"status\":\"%s\",\"pid\":%d,\"bundle\":", status, (int)getpid());
	str_add_json(out, in->a->bundle);
	for (size_t i = 0; i < s->annotations.n; i++) {
		str_add(out, i ? "," : ",\"annotations\":{");
		str_add_json(out, s->annotations.v[i].key);
		str_add(out, ":");
		str_add_json(out, s->annotations.v[i].value);
	}
	str_add(out, s->annotations.n ? "}}" : "}");
}

static int run_hooks(struct init *in, const struct spec_hook_list *list, const char *status,
		     struct hook_run *run, struct err *e)
{
	auto_str struct str state = { 0 };

	if (!list->n)
		return 0;
	write_state(in, status, &state);
	run->state = state.s;
	/* Nor with the preserved descriptors, which start_keep_fds() gives back, have hooks to do. */
	fd_cloexec_from(3);
	return hooks_run(list, run, e);
}

int init_create_container_hooks(struct init *in, struct err *e)
{
	const struct spec *s = in->a->spec;
	struct hook_run run = {
		.kind = "createContainer",
		.cwd = in->a->rootfs, /* as with runc: hooks work on its files by relative paths */
		.env = nsexec_caller_env(),
		.stdout_file = spec_annotation(s, ANNOTATION_HOOKS_STDOUT),
		.stderr_file = spec_annotation(s, ANNOTATION_HOOKS_STDERR),
	};
	int r;

	if (!s->hooks)
		return 0;
	umask(in->umask);
	r = run_hooks(in, &s->hooks->create_container, "creating", &run, e);
	umask(0);
	return r;
}

int init_ask(struct init *in, enum msg_type what, size_t index, int *ret_fd, struct err *e)
{
	uint32_t which = (uint32_t)index;
	struct msg m;

	/* It is before the answer. */
	if (init_take_prepared(in, e) < 0)
		return -1;
	if (channel_send(in->sync, what, &which, sizeof(which), -1, e) < 0)
		return -1;
	return channel_expect(in->sync, MSG_SOURCE_FD, &m, ret_fd, e);
}

bool init_may_look(const struct init *in)
{
	const struct spec_linux *l = in->a->spec->linux_;
	int action = l->seccomp ? l->seccomp->default_action : 0;

	if (spec_annotation(in->a->spec, ANNOTATION_SECCOMP_BPF))
		return false; /* who knows what it does */
	return !l->seccomp || action == SC_ACT_ALLOW || action == SC_ACT_LOG ||
	       action == SC_ACT_ERRNO;
}

/* Those without env get the container's, as with runc; so do they its user, rights and filter. */
int init_start_container_hooks(struct init *in, struct err *e)
{
	const struct spec_hooks *h = in->a->spec->hooks;
	struct hook_run run = { .kind = "startContainer",
				.env = in->env,
				.filtered = !init_may_look(in) };

	/* Not for a process that joins later. */
	if (!h || in->a->exec)
		return 0;
	if (run_hooks(in, &h->start_container, "created", &run, e) < 0)
		return -1;
	return h->start_container.n ? start_keep_fds(in, e) : 0;
}

static int clear_umask(struct init *in, struct err *e)
{
	(void)e;
	in->umask = umask(0);
	return 0;
}

static const struct step create_steps[] = {
	{ "session", kernel_session, "before a terminal can become the controlling one" },
	{ "keyring", kernel_keyring, "before anything could use the caller's keys" },
	{ "umask", clear_umask, "modes of nodes and directories are meant as written" },
	{ "loopback", kernel_loopback, "hooks may use the network" },
	{ "hull's part", wait_for_hull, "/dev may be there, or the cgroups to get into" },
	{ "rootfs", rootfs_prepare,
	  "mounts need the root as a mount of its own, cut off from the host" },
	{ "mounts", mount_all, "while sources can still be reached by the host's paths" },
	{ "dev", dev_setup, "after the mount of /dev, before it may become read-only" },
	{ "network", init_take_prepared,
	  "hooks may use it; late, for hull needs as long for it as we for the rest" },
	{ "host hooks", init_ask_host_hooks,
	  "config.md: after the namespaces and mounts, before pivot_root" },
	{ "createContainer hooks", init_create_container_hooks,
	  "their paths are the host's: before pivot_root" },
	{ "enter root", rootfs_enter, "from here on every path is the container's" },
	{ "propagation", rootfs_set_propagation, "needs the root to be /" },
	{ "cwd directory", start_make_cwd,
	  "may have to be made: while the root is writable, and as root" },
	{ "console", console_setup, "makes /dev/console: while /dev is writable" },
	{ "read-only mounts", mount_readonly_late, "after all that was made inside them" },
	{ "read-only root", rootfs_set_readonly, "after all that was made inside it" },
	{ "names", kernel_names, "before sysctl, which may set the domain name, too" },
	{ "sysctl", kernel_sysctl, "before /proc/sys becomes read-only" },
	{ "read-only paths", mask_readonly_paths, "after everything that writes to /proc" },
	{ "masked paths", mask_masked_paths, "after everything that reads from /proc" },
	{ "unbindable root", rootfs_set_unbindable, "read-only paths are bound on themselves" },
	{ "CPU affinity", sched_affinity,
	  "in the cgroup, whose CPUs count; after PREPARED, for hull may have kept one for itself" },
	{ "scheduler", sched_policy,
	  "so that a refusal is an error of create; deadlines need all CPUs" },
	{ "I/O priority", sched_io_priority, "as the scheduler" },
	{ "memory policy", sched_memory_policy, "as the scheduler" },
	{ "personality", kernel_personality, "a seccomp filter may refuse it later" },
	{ "environment", start_env, "PATH decides which program is found" },
	{ "find program", start_find_program, "so that a missing one is an error of create" },
	{ "labels", lsm_open, "while there is a /proc that is surely one" },
	{ "Landlock rules", landlock_make_rules,
	  "so that a missing path is an error of create; the handler is known" },
	{ "memory cgroup", kernel_memory_cgroup,
	  "what was done so far is not the program's to pay for" },
	{ "close descriptors", start_close_fds, "a waiting init must hold nothing of the host" },
	{ "wait for start", start_wait, "everything that can fail at create has been done" },
	{ 0 },
};

static const struct step start_steps[] = {
	{ "rlimits", kernel_rlimits,
	  "while hard limits may be raised, and after all that needs descriptors" },
	{ "apply labels", lsm_apply,
	  "the hooks have them, too; before no_new_privs, which may forbid it" },
	{ "no_new_privs", creds_no_new_privs, "before seccomp, which may need it" },
	{ "Landlock", landlock_enter,
	  "after the last file of ours is opened; without no_new_privs it needs CAP_SYS_ADMIN" },
	{ "descriptors", start_keep_fds, "CVE-2024-21626: nothing of ours is there at execve" },
	{ "stdio owner", creds_stdio, "while we may give files away" },
	{ "seccomp early", seccomp_load_early,
	  "without no_new_privs it needs CAP_SYS_ADMIN, which is dropped next" },
	{ "credentials", creds_apply, "after everything that needs rights" },
	{ "cwd", start_cwd_again, "what root could not enter, the user may" },
	{ "umask", creds_umask, "last of what makes files" },
	{ "fork before the filter", start_fork_unfiltered, "where that does not allow it" },
	{ "seccomp late", seccomp_load_late,
	  "with no_new_privs: after all that the profile need not allow" },
	{ "fork", start_fork, "there is nothing left that a tracer could take" },
	{ "startContainer hooks", init_start_container_hooks,
	  "they are the image's own files, which get no right that the program has not" },
	{ "exec", start_exec, "" },
	{ 0 },
};

static const struct step exec_steps[] = {
	{ "session", kernel_session, "before a terminal can become the controlling one" },
	{ "keyring", kernel_keyring, "the container's own" },
	{ "root", rootfs_open, "lookups need it as a descriptor" },
	{ "console", console_setup, "while we may open devices" },
	{ "cwd", start_cwd, "as root first; only a container's own is made for it" },
	{ "environment", start_env, "PATH decides which program is found" },
	{ "find program", start_find_program, "before hull says that it worked" },
	{ "labels", lsm_open, "as at creation" },
	{ "Landlock rules", landlock_make_rules, "as at creation" },
	{ "memory cgroup", kernel_memory_cgroup, "as at creation" },
	{ "CPU affinity", sched_affinity, "as at creation" },
	{ "scheduler", sched_policy, "as at creation" },
	{ "I/O priority", sched_io_priority, "as at creation" },
	{ "memory policy", sched_memory_policy, "as at creation" },
	{ "personality", kernel_personality, "as at creation" },
	{ "close descriptors", start_close_fds, "as at creation" },
	{ "bounding set", creds_drop_bounding, "hull is not yet as far as we" },
	{ "wait", start_wait, "hull sets limits from outside and writes the pid file" },
	{ 0 },
};

/* Runs in the two processes that a step's failure can belong to; see in->start. */
static int run_steps(struct init *in, const struct step *steps, struct err *e)
{
	bool debug = nsexec_boot()->debug;

	if (debug && in->sync >= 0)
		channel_log(in->sync, "child process in init()");
	for (const struct step *s = steps; s->name; s++) {
		int64_t began = in->trace ? trace_clock() : 0;
		int r;

		if (debug && in->sync >= 0)
			channel_log(in->sync, "init: %s", s->name);
		r = s->run(in, e);
		if (in->trace && began)
			channel_trace(in->start >= 0 ? in->start : in->sync, "init", s->name,
				      began);
		if (r < 0)
			return -1;
	}
	return 0;
}

_Noreturn void init_main(void)
{
	struct init in = { .sync = nsexec_sync_sock(),
			   .start = -1,
			   .proc_fd = -1,
			   .root_fd = -1,
			   .null_fd = -1,
			   .dev_fd = -1,
			   .kernel_fds = { -1, -1 },
			   .apparmor_fd = -1,
			   .landlock_fd = -1,
			   .selinux_fd = -1 };
	struct err e;
	void *args;

	if (arena_map(nsexec_boot()->arena_fd, &args, &e) < 0) {
		channel_send_error(in.sync, &e);
		_exit(1);
	}
	cleanup_close(&(int){ nsexec_boot()->arena_fd });
	in.a = args;
	in.memory_fd = in.a->memory_fd;
	in.trace = nsexec_boot()->trace;
	if (run_steps(&in, in.a->exec ? exec_steps : create_steps, &e) == 0)
		(void)!run_steps(&in, start_steps, &e);
	channel_send_error(in.start >= 0 ? in.start : in.sync, &e);
	_exit(1);
}
