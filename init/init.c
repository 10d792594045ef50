/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of steps, and the loop over them. Runs in stage 2 from the moment it returns out of
 * the constructor until execve. An error of any step goes to whoever waits: hull before the
 * record is whole, then `start`.
 */
#include "init/init.h"

#include "nsexec/channel.h"
#include "nsexec/hooks.h"
#include "nsexec/nsexec.h"
#include "state/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int init_ask_host_hooks(struct init *in, struct err *e)
{
	struct msg m;

	if (!in->a->has_host_hooks)
		return 0;
	if (channel_send(in->sync, MSG_HOOKS, NULL, 0, -1, e) < 0)
		return -1;
	return channel_expect(in->sync, MSG_HOOKS_DONE, &m, NULL, e);
}

int init_create_container_hooks(struct init *in, struct err *e)
{
	const struct spec_hooks *h = in->a->spec->hooks;

	return h ? hooks_run(&h->create_container, "createContainer", in->a->state_json, NULL, e) :
		   0;
}

int init_start_container_hooks(struct init *in, struct err *e)
{
	const struct spec_hooks *h = in->a->spec->hooks;
	auto_free char *state = NULL;
	const char *creating;

	if (!h || !h->start_container.n)
		return 0;
	/* The same document as at creation, one status later. */
	creating = strstr(in->a->state_json, "\"creating\"");
	state = creating ? xasprintf("%.*s\"created\"%s", (int)(creating - in->a->state_json),
				     in->a->state_json, creating + strlen("\"creating\"")) :
			   xstrdup(in->a->state_json);
	return hooks_run(&h->start_container, "startContainer", state, in->env, e);
}

static int clear_umask(struct init *in, struct err *e)
{
	(void)in;
	(void)e;
	umask(0);
	return 0;
}

static const struct step create_steps[] = {
	{ "session", kernel_session, "before a terminal can become the controlling one" },
	{ "keyring", kernel_keyring, "before anything could use the caller's keys" },
	{ "umask", clear_umask, "modes of nodes and directories are meant as written" },
	{ "loopback", kernel_loopback, "hooks may use the network" },
	{ "rootfs", rootfs_prepare,
	  "mounts need the root as a mount of its own, cut off from the host" },
	{ "mounts", mount_all, "while sources can still be reached by the host's paths" },
	{ "dev", dev_setup, "after the mount of /dev, before it may become read-only" },
	{ "host hooks", init_ask_host_hooks,
	  "config.md: after the namespaces and mounts, before pivot_root" },
	{ "createContainer hooks", init_create_container_hooks,
	  "their paths are the host's: before pivot_root" },
	{ "enter root", rootfs_enter, "from here on every path is the container's" },
	{ "propagation", rootfs_set_propagation, "needs the root to be /" },
	{ "cwd directory", start_cwd,
	  "may have to be made: while the root is writable, and as root" },
	{ "console", console_setup, "makes /dev/console: while /dev is writable" },
	{ "read-only mounts", mount_readonly_late, "after all that was made inside them" },
	{ "read-only root", rootfs_set_readonly, "after all that was made inside it" },
	{ "names", kernel_names, "before sysctl, which may set the domain name, too" },
	{ "sysctl", kernel_sysctl, "before /proc/sys becomes read-only" },
	{ "read-only paths", mask_readonly_paths, "after everything that writes to /proc" },
	{ "masked paths", mask_masked_paths, "after everything that reads from /proc" },
	{ "personality", kernel_personality, "a seccomp filter may refuse it later" },
	{ "environment", start_env, "PATH decides which program is found" },
	{ "find program", start_find_program, "so that a missing one is an error of create" },
	{ "memory cgroup", kernel_memory_cgroup,
	  "what was done so far is not the program's to pay for" },
	{ "wait for start", start_wait, "everything that can fail at create has been done" },
	{ 0 },
};

static const struct step start_steps[] = {
	{ "startContainer hooks", init_start_container_hooks,
	  "config.md: before the program, in its namespaces" },
	{ "no_new_privs", creds_no_new_privs,
	  "after the hooks, which are trusted; before seccomp, which may need it" },
	{ "close descriptors", start_close_fds, "CVE-2024-21626: nothing of ours survives execve" },
	{ "stdio owner", creds_stdio, "while we may give files away" },
	{ "seccomp early", seccomp_load_early,
	  "without no_new_privs it needs CAP_SYS_ADMIN, which is dropped next" },
	{ "credentials", creds_apply, "after everything that needs rights" },
	{ "cwd", start_cwd_again, "what root could not enter, the user may" },
	{ "umask", creds_umask, "last of what makes files" },
	{ "seccomp late", seccomp_load_late, "with no_new_privs: as close to execve as can be" },
	{ "exec", start_exec, "" },
	{ 0 },
};

static const struct step exec_steps[] = {
	{ "session", kernel_session, "before a terminal can become the controlling one" },
	{ "keyring", kernel_keyring, "the container's own" },
	{ "root", rootfs_open, "lookups need it as a descriptor" },
	{ "console", console_setup, "while we may open devices" },
	{ "cwd", start_cwd, "as root first" },
	{ "environment", start_env, "PATH decides which program is found" },
	{ "find program", start_find_program, "before hull says that it worked" },
	{ "memory cgroup", kernel_memory_cgroup, "as at creation" },
	{ "wait", start_wait, "hull sets limits from outside and writes the pid file" },
	{ 0 },
};

/* Runs in the two processes that a step's failure can belong to; see in->start. */
static int run_steps(struct init *in, const struct step *steps, struct err *e)
{
	bool debug = nsexec_boot()->debug;

	for (const struct step *s = steps; s->name; s++) {
		if (debug && in->sync >= 0)
			channel_log(in->sync, "init: %s", s->name);
		if (s->run(in, e) < 0)
			return -1;
	}
	return 0;
}

_Noreturn void init_main(void)
{
	struct init in = { .sync = nsexec_sync_sock(), .start = -1, .proc_fd = -1, .root_fd = -1 };
	struct err e;
	void *args;

	if (arena_map(nsexec_boot()->arena_fd, &args, &e) < 0) {
		channel_send_error(in.sync, &e);
		_exit(1);
	}
	close(nsexec_boot()->arena_fd);
	in.a = args;
	if (run_steps(&in, in.a->exec ? exec_steps : create_steps, &e) == 0)
		(void)!run_steps(&in, start_steps, &e);
	channel_send_error(in.start >= 0 ? in.start : in.sync, &e);
	_exit(1);
}
