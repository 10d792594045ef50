/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by launch.c and exec.c. Runs in hull. */
#include "cmd/launch/common.h"

#include "cmd/attach/attach.h"
#include "init/seccomp/seccomp.h"
#include "nsexec/channel.h"
#include "nsexec/process/hooks.h"
#include "state/spec/annotations.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/systemd/systemd.h"
#include "state/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void show_line(const char *line)
{
	if (!trace_take(line))
		log_debug("%s", line);
}

void launch_debug(struct prepared *p)
{
	char text[512];

	p->boot.trace = trace_on;
	if (trace_on || log_debugging)
		channel_log_fn = show_line;
	if (!log_debugging)
		return;
	plan_print(&p->boot.plan, text, sizeof(text));
	log_debug("nsexec container setup: %s", text);
	p->boot.debug = true;
}

/* What the kernel does not have, or hull itself has not: in a user namespace it will have all. */
static void warn_ungranted(const struct spec_capabilities *c, bool user_ns)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct own[_LINUX_CAPABILITY_U32S_3] = { 0 };
	uint64_t asked = c->bounding.mask | c->effective.mask | c->permitted.mask |
			 c->inheritable.mask | c->ambient.mask;

	/* Nearly always hull has them all, and need not ask about each. */
	if (capget(&header, own) == 0 &&
	    !(asked & ~(own[0].permitted | (uint64_t)own[1].permitted << 32)))
		return;
	for (int cap = 0; asked >> cap; cap++) {
		int have = asked >> cap & 1 ? prctl(PR_CAPBSET_READ, cap) : 1;

		if (have < 0 || (have == 0 && !user_ns))
			log_warn("capability %s cannot be granted: %s", name_of(cap_names, cap),
				 have < 0 ? "the kernel does not have it" :
					    "hull itself does not have it");
	}
}

/* In one line: buildah's steps ask for eleven of them. Of a single one in runc's words. */
static void warn_not_ambient(uint64_t lost)
{
	auto_str struct str names = { 0 };

	for (int cap = 0; lost >> cap; cap++) {
		if (lost >> cap & 1)
			str_addf(&names, "%s%s", names.s ? ", " : "", name_of(cap_names, cap));
	}
	if (lost && !(lost & (lost - 1)))
		log_warn(
			"can't raise ambient capability %s: it is not in inheritable and permitted",
			names.s);
	else if (names.s)
		log_warn(
			"can't raise ambient capabilities that are not in inheritable and permitted: %s",
			names.s);
}

/* config.md, Linux Process: what cannot be granted MUST be logged as a warning, and is no error. */
void launch_warn_capabilities(const struct spec_capabilities *c, bool user_ns)
{
	const struct {
		const char *name;
		const struct name_set *set;
	} sets[] = {
		{ "bounding", c ? &c->bounding : NULL },
		{ "effective", c ? &c->effective : NULL },
		{ "permitted", c ? &c->permitted : NULL },
		{ "inheritable", c ? &c->inheritable : NULL },
		{ "ambient", c ? &c->ambient : NULL },
	};
	uint64_t lost = c ? c->ambient.mask & ~(c->inheritable.mask & c->permitted.mask) : 0;

	for (size_t i = 0; c && i < ARRAY_SIZE(sets); i++) {
		for (size_t k = 0; k < sets[i].set->unknown.n; k++)
			log_warn(
				"ignoring unknown or unavailable capabilities: [%s] (/process/capabilities/%s)",
				sets[i].set->unknown.v[k], sets[i].name);
	}
	if (c && log_warning)
		warn_ungranted(c, user_ns);
	warn_not_ambient(lost);
}

void launch_warn_groups(const struct spec *s, const struct spec_process *process)
{
	if (process->user->additional_gids.n && prepare_denies_setgroups(s))
		log_warn(
			"the additional groups are kept off: without a range of ids from newgidmap "
			"setgroups(2) is denied (/process/user/additionalGids)");
}

int launch_check_terminal(bool terminal, bool detached, const char *console_socket, struct err *e)
{
	if (detached && terminal && str_empty(console_socket))
		return err_set(
			e, EINVAL,
			"cannot allocate tty if hull will detach without setting console socket");
	if (!terminal && !str_empty(console_socket))
		return err_set(e, EINVAL,
			       "cannot use console socket if hull will not detach or allocate tty");
	return 0;
}

/* The program must not find a terminal without a size; that of the configuration comes first. */
static void use_size(struct prepared *p, struct spec_process *process, const struct terminal *t)
{
	struct spec_console_size *s;

	if (process->console_size || !t->size.ws_row)
		return;
	s = arena_zalloc(&p->arena, sizeof(*s));
	s->height.v = t->size.ws_row;
	s->width.v = t->size.ws_col;
	process->console_size = s;
}

int launch_console(struct prepared *p, struct spec_process *process, const char *console_socket,
		   struct terminal *t, struct err *e)
{
	if (!process->terminal)
		return 0;
	if (!str_empty(console_socket))
		p->args->console_fd = attach_connect(console_socket, "--console-socket", e);
	else if (terminal_prepare(t, &p->args->console_fd, e) < 0)
		return -1;
	use_size(p, process, t);
	return p->args->console_fd < 0 ? -1 : prepare_pass_fd(p, p->args->console_fd, e);
}

int launch_attach(struct terminal *t, pid_t pid, struct err *e)
{
	trace_here("the program runs", NULL);
	int r;

	if (t->sock < 0)
		return attach_wait(pid, e);
	r = terminal_take(t, e) < 0 ? -1 : terminal_relay(t, pid, e);
	terminal_restore(t);
	return r;
}

/* No container can have this name. Without the directory there is just no cache. */
#define SECCOMP_CACHE ".@seccomp"

/* The annotation's filter, in the place of linux.seccomp's. */
static int ready_filter(struct prepared *p, const char *data, struct err *e)
{
	int r = seccomp_ready(data, &p->arena, &p->args->seccomp, e);

	if (r < 0)
		snprintf(e->pointer, sizeof(e->pointer), "/annotations/%s", ANNOTATION_SECCOMP_BPF);
	return r;
}

int launch_seccomp(struct prepared *p, int root_fd, struct err *e)
{
	trace_here("seccomp profile", NULL);
	const struct spec_seccomp *s = p->spec->linux_->seccomp;
	const char *ready = spec_annotation(p->spec, ANNOTATION_SECCOMP_BPF);
	auto_close int cache = -1;
	int r;

	if (ready)
		return ready_filter(p, ready, e);
	if (!s)
		return 0;
	if (mkdirat(root_fd, SECCOMP_CACHE, 0700) == 0 || errno == EEXIST)
		cache = openat(root_fd, SECCOMP_CACHE,
			       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	seccomp_set_cache(cache);
	r = seccomp_compile(s, &p->arena, &p->args->seccomp, &p->args->seccomp_flags, e);
	seccomp_set_cache(-1);
	return r;
}

static struct hook_run describe_hooks(const char *kind, const char *state, const struct spec *s,
				      const struct record *rec)
{
	return (struct hook_run){
		.kind = kind,
		.state = state,
		.cwd = rec->bundle,
		.stdout_file = spec_annotation(s, ANNOTATION_HOOKS_STDOUT),
		.stderr_file = spec_annotation(s, ANNOTATION_HOOKS_STDERR),
	};
}

int launch_hooks(const struct spec_hook_list *hooks, const char *kind, const struct spec *s,
		 const struct record *rec, const char *status, struct err *e)
{
	auto_str struct str state = { 0 };
	struct hook_run r;

	if (!hooks->n)
		return 0;
	record_hook_state(rec, status, rec->pid, &state);
	r = describe_hooks(kind, state.s, s, rec);
	return hooks_run(hooks, &r, e);
}

void launch_poststop(const struct spec *s, const struct record *rec)
{
	auto_str struct str state = { 0 };
	struct hook_run r;

	if (!s->hooks || !s->hooks->poststop.n)
		return;
	record_hook_state(rec, "stopped", 0, &state);
	r = describe_hooks("poststop", state.s, s, rec);
	hooks_run_all(&s->hooks->poststop, &r, log_warn_text);
}

int launch_memory_late(struct prepared *p, struct cgroup_join *join, struct err *e)
{
	if (join->memory_fd < 0)
		return 0;
	/* cgroup_namespaces(7): its root is where its maker is at that moment. */
	if ((p->args->new_ns & CLONE_NEWCGROUP) && join->n < CGROUP_TASKS_MAX) {
		join->tasks_fds[join->n++] = take_fd(&join->memory_fd);
		return 0;
	}
	p->args->memory_fd = take_fd(&join->memory_fd);
	return prepare_pass_fd(p, p->args->memory_fd, e);
}

void launch_stop_unit(const struct record *rec)
{
	struct err e;

	/* Without its cgroup nobody has been killed. */
	if (!str_empty(rec->unit) &&
	    systemd_stop(rec->unit, rec->unit_of_user, !rec->cgroup.n, &e) < 0)
		log_warn("%s", e.chain);
}

void launch_leave_notify(struct notify *n, const struct record *rec)
{
	struct err ignored;
	auto_close int pidfd = n->sock < 0 ? -1 : record_pidfd(rec, &ignored);

	if (pidfd >= 0)
		notify_leave(n, pidfd, rec->pid);
}

int launch_check_fds(int preserve_fds, struct err *e)
{
	if (preserve_fds < 0)
		return err_set(e, EINVAL, "--preserve-fds %d: expected 0 or more", preserve_fds);
	if (attach_check_fds(prepare_listen_fds() + preserve_fds, e) < 0)
		return -1;
	/*
	 * What else the caller left open is neither the stages' nor the container's (CVE-2024-21626), and
	 * what is the container's is no hook's: stage 0 inherits it by struct nsexec_request.
	 */
	fd_cloexec_from(3);
	return 0;
}

static bool is_of_listen_fds(const char *entry)
{
	return str_starts(entry, "LISTEN_") &&
	       (str_starts(entry, "LISTEN_FDS=") || str_starts(entry, "LISTEN_PID=") ||
		str_starts(entry, "LISTEN_FDNAMES="));
}

/* Not for hooks and helpers. Once through the environment, not once for each. */
static void forget_listen_fds(void)
{
	char **to = environ;

	for (char **from = environ; from && *from; from++) {
		if (!is_of_listen_fds(*from))
			*to++ = *from;
	}
	if (to)
		*to = NULL;
}

void launch_keep_fds(struct prepared *p, struct spec_process *process, int preserve_fds)
{
	int n = prepare_listen_fds();
	const char *fdnames = n ? getenv("LISTEN_FDNAMES") : NULL;
	auto_free char *entry = xasprintf("LISTEN_FDS=%d", n);
	auto_free char *names = fdnames ? xasprintf("LISTEN_FDNAMES=%s", fdnames) : NULL;

	p->args->preserve_fds = preserve_fds + n;
	forget_listen_fds();
	if (!n)
		return;
	prepare_set_env(p, process, entry);
	prepare_set_env(p, process, "LISTEN_PID=1");
	if (names)
		prepare_set_env(p, process, names);
}
