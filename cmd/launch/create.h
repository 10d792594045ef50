/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One container in the making: what create, run and restore share. Internal to cmd/launch and
 * cmd/criu/restore.c. Functions that return int give -1 with *e set on failure; what they made is for
 * launch_undo() to take away.
 */
#ifndef CMD_LAUNCH_CREATE_H
#define CMD_LAUNCH_CREATE_H

#include "cmd/launch/launch.h"
#include "cmd/launch/common.h"
#include "cmd/launch/notify.h"
#include "cmd/launch/prepare.h"
#include "cmd/attach/terminal.h"
#include "nsexec/netdev.h"
#include "nsexec/nsexec.h"
#include "state/cgroup/cgroup.h"
#include "state/base/err.h"
#include "state/rdt.h"
#include "state/record.h"
#include "state/root.h"
#include "state/systemd/unit.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* With what there is to undo. */
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
	bool rules_later; /* launch_cgroup_rules() is owed */
	bool ahead;	  /* init finds PROCEED and GO when it looks for them */
	bool made_cgroup, without_cgroup, made_unit, hooks_begun, wrote_pid_file;
	uint64_t kills_above; /* cgroup_oom_kills_above() before there was a limit */
};
#define LAUNCH_INIT(globals, options)                                                  \
	{                                                                              \
		.g = (globals), .o = (options), .c = CONTAINER_INIT, .n = NSEXEC_INIT, \
		.t = TERMINAL_INIT, .notify = NOTIFY_INIT, .rdt = RDT_INIT,            \
		.p = {.arena.fd = -1 }                                                 \
	}

/* --- launch_journal.c: what is known, and written down, before anything is made --- */

/* config.json of the bundle, decoded. */
must_check int launch_read_config(struct launch *l, struct err *e);
must_check int launch_find_rootfs(struct launch *l, struct err *e);
/* The name of its unit and whose it is, with --systemd-cgroup; else nothing. */
must_check int launch_find_unit(struct launch *l, struct err *e);
/* linux.intelRdt: where its group is; then, in the container's directory, the group itself. */
must_check int launch_find_rdt(struct launch *l, struct err *e);
must_check int launch_make_rdt(struct launch *l, struct err *e);
int launch_at_rdt(struct err *e); /* puts /linux/intelRdt before the pointer; -1 */
/* The record of what is about to be made. */
must_check int launch_write_journal(struct launch *l, struct err *e);
/* A container that hull does not wait for. */
static inline bool launch_stays(const struct launch *l)
{
	return !l->foreground || l->o->detach;
}
/* That of config.json, whose later changes must not matter (runtime.md, Lifecycle), before anybody asks for it. */
must_check int launch_write_snapshot(struct launch *l, struct err *e);
/* --rootless: NULL, "" and auto leave it to who we are. */
bool launch_is_rootless(const char *option);

/* --- launch_cgroup.c --- */

/* For the host's root: may they be made, and init get in, while it is at work? What is known of them by then is where they will be. */
bool launch_cgroup_can_wait(const struct launch *l);
/* Not for --systemd-cgroup, where launch_make_unit(), whose arg is the launch, does it for a process that stands still. */
must_check int launch_make_cgroup(struct launch *l, struct cgroup_join *join, struct err *e);
/* Those rules of it that may come when somebody is inside. */
must_check int launch_cgroup_rules(struct launch *l, struct err *e);
must_check int launch_make_unit(void *arg, pid_t pid, struct err *e);
/* Some limit is too small for what it takes to make the container. */
bool launch_is_tight(const struct launch *l);
/* Tell init of them. */
void launch_describe_cgroup(struct launch *l);
/* Those that are small for a container's birth, or all others; nothing without a cgroup. */
must_check int launch_apply_limits(struct launch *l, bool when_small, struct err *e);

/* --- launch_sources.c: answers to SOURCE and DEVICE --- */

must_check int launch_send_source(struct launch *l, const struct msg *m, struct err *e);
must_check int launch_send_device(struct launch *l, const struct msg *m, struct err *e);

/* --- launch.c --- */

/* Before there is anything to be taken back: until then a signal just ends hull. */
must_check int launch_heed_signals(const struct launch *l, struct err *e);
/* It failed: nothing of it is left. *e may get a better reason. */
void launch_undo(struct launch *l, struct err *e);
/* In the foreground: wait for the end of init, whose exit code this is, then delete the container. */
must_check int launch_wait_and_destroy(struct launch *l, int *ret_code, struct err *e);
/* Memory and what else is still open end with hull, which has nothing more to do. */
void launch_end(struct launch *l);

#endif
