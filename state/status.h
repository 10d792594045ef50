/* SPDX-License-Identifier: Apache-2.0 */
/* What a container is doing: computed from its processes each time, never stored. */
#ifndef STATE_STATUS_H
#define STATE_STATUS_H

#include "state/base/err.h"

#include <sys/types.h>

struct container;
struct record;

enum status {
	STATUS_CREATING,
	STATUS_CREATED,
	STATUS_RUNNING,
	STATUS_PAUSED,
	STATUS_STOPPED,
};

const char *status_name(enum status s);

/*
 * Looked at in this order, as runc does: paused (a frozen cgroup, though its init may have ended),
 * stopped, creating, created (somebody listens at start.sock), running. *ret_pid is that of
 * init, 0 when it is stopped or not known yet; may be NULL.
 */
enum status status_of(const struct container *c, const struct record *r, pid_t *ret_pid);

/* Open the container, read its record and compute its status: what most commands begin with. */
struct root;
must_check int status_load(const struct root *root, const char *id, int lock_ms,
			   struct container *c, struct record *r, enum status *ret, struct err *e);
#define STATUS_NO_LOCK (-1) /* for lock_ms */

#endif
