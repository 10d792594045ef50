/* SPDX-License-Identifier: Apache-2.0 */
/* From a configuration to what the stage machine and init need. Makes nothing on the host. */
#ifndef CMD_LAUNCH_PREPARE_H
#define CMD_LAUNCH_PREPARE_H

#include "init/init.h"
#include "nsexec/nsexec.h"
#include "state/cgroup/cgroup.h"
#include "state/base/err.h"
#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/str.h"

#include <stdbool.h>
#include <stddef.h>

#define PREPARE_FDS_MAX 24

/* Everything of one create or exec; strings that the stages read lie in the arena. */
struct prepared {
	struct arena arena;	/* shared with init */
	struct init_args *args; /* its first object */
	struct spec *spec;
	const char *decoded; /* where in the arena the decoded config.json begins */
	char *config;	     /* the bytes of config.json, for the snapshot */
	size_t n_config;
	struct bootstrap boot;
	int fds[PREPARE_FDS_MAX]; /* namespaces, arena and sockets for the stages; closed by prepare_done */
	size_t n_fds;
};

must_check int prepare_init(struct prepared *p, struct err *e);
void prepare_done(struct prepared *p);

/* What the stages are given, into *r; of the arena its descriptor, too, if it has come to have one. */
must_check int prepare_request(struct prepared *p, struct nsexec_request *r, struct err *e);
/* Give fd to the stages; it is closed with the rest. */
must_check int prepare_pass_fd(struct prepared *p, int fd, struct err *e);

/* Read and decode file in dir_fd: the bundle's config.json or the snapshot of it. */
must_check int prepare_config(struct prepared *p, int dir_fd, const char *file, struct err *e);

/* Decode this one instead, which becomes p's. */
must_check int prepare_text(struct prepared *p, const struct str *json, struct err *e);

/* The snapshot of it in the state directory, as it was decoded before if that was kept. */
must_check int prepare_snapshot(struct prepared *p, int dir_fd, struct err *e);

/* The plan and the bootstrap message for a new container. */
must_check int prepare_create(struct prepared *p, struct err *e);
/* May this process trace others, or what it executes? */
bool prepare_may_trace(const struct spec_process *p);
/*
 * The same for a process in the container whose init is behind pidfd; more_ns: CLONE_NEW* that it has,
 * too; traced: somebody in there may trace others, though the configuration does not say so.
 */
must_check int prepare_exec(struct prepared *p, int pidfd, pid_t init, unsigned more_ns,
			    bool traced, struct err *e);
/*
 * Where the fork is of a plan that has it last: behind the filter, before it, or where it would be
 * anyway. When the process and its filter are known.
 */
void prepare_fork(struct prepared *p);

/* How many descriptors systemd passed to this very process (sd_listen_fds(3)). */
int prepare_listen_fds(void);

/* Put "NAME=value" into the environment of the process; an entry of this name is replaced. */
void prepare_set_env(struct prepared *p, struct spec_process *process, const char *entry);

/* The kernel takes a single map of the own id from any user, if groups are given up. */
bool prepare_denies_setgroups(const struct spec *s);

#endif
