/* SPDX-License-Identifier: Apache-2.0 */
/* What creating a container and entering one have in common. */
#ifndef CMD_LAUNCH_COMMON_H
#define CMD_LAUNCH_COMMON_H

#include "cmd/launch/launch.h"
#include "cmd/launch/notify.h"
#include "cmd/launch/prepare.h"
#include "cmd/attach/terminal.h"
#include "nsexec/nsexec.h"
#include "state/cgroup/cgroup.h"
#include "state/base/err.h"
#include "state/record.h"

/* Show the plan and the log lines of the stages with --debug. */
void launch_debug(struct prepared *p);
/* Warn of the capabilities that the process will not have. */
void launch_warn_capabilities(const struct spec_capabilities *c, bool user_ns);
/* Warn of additional groups that a user namespace without setgroups(2) keeps off. */
void launch_warn_groups(const struct spec *s, const struct spec_process *process);
/* The terminal rules of create, run and exec: what --console-socket and --detach go with. */
must_check int launch_check_terminal(bool terminal, bool detached, const char *console_socket,
				     struct err *e);
/* Hand init the socket for its terminal: --console-socket, or our own when we are to relay. */
must_check int launch_console(struct prepared *p, struct spec_process *process,
			      const char *console_socket, struct terminal *t, struct err *e);
/* The program runs: wait for its end, with its terminal on ours if it has one. Its exit code, or -1. */
must_check int launch_attach(struct terminal *t, pid_t pid, struct err *e);
/* Compile linux.seccomp into the arguments of init, with the cache of compiled filters in ROOT. */
must_check int launch_seccomp(struct prepared *p, int root_fd, struct err *e);
/*
 * The hooks of one kind that run in hull's namespaces, in the bundle, each with the state document.
 * That of an init that waits is "creating".
 */
must_check int launch_hooks(const struct spec_hook_list *hooks, const char *kind,
			    const struct spec *s, const struct record *rec, const char *status,
			    struct err *e);
/* runtime.md, Lifecycle: whatever fails, the others run, and nobody is kept from going on. */
void launch_poststop(const struct spec *s, const struct record *rec);
/* Let init enter the v1 memory cgroup, unless a new cgroup namespace must find it entered before. */
must_check int launch_memory_late(struct prepared *p, struct cgroup_join *join, struct err *e);
/* Let systemd forget the container's unit, if it has one. Whatever it says: its cgroups are gone. */
void launch_stop_unit(const struct record *rec);
/* The program runs: leave a relay for its notifications behind, if it is to have one. */
void launch_leave_notify(struct notify *n, const struct record *rec);
/*
 * The descriptors of --preserve-fds and LISTEN_FDS are open. Comes before hull opens any of its
 * own, which would be taken for them.
 */
must_check int launch_check_fds(int preserve_fds, struct err *e);
/* ... and go to the program: into the arguments of init and the environment. */
void launch_keep_fds(struct prepared *p, struct spec_process *process, int preserve_fds);

#endif
