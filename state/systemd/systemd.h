/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hull asks of systemd (org.freedesktop.systemd1(5)). The system's is asked over the system
 * bus, or where there is none over its private socket; a user's over the bus of the session. Each
 * function makes a connection, and each wait in it ends after the time of systemd_set_timeout().
 * Runs in hull.
 */
#ifndef STATE_SYSTEMD_H
#define STATE_SYSTEMD_H

#include "state/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct unit_properties;

/* Milliseconds for each answer; 30 seconds at first, as runc's. */
void systemd_set_timeout(int ms);

/* Does systemd run here? An error with runc's sentence when it does not (sd_booted(3)). */
must_check int systemd_check(struct err *e);
/* Does it, or the user's, answer on its bus? */
must_check int systemd_reach(bool user, struct err *e);
/*
 * Make the transient unit, and wait until it is active. One that failed earlier and still has the
 * name is cleared away. Properties that this systemd does not know are left out if they may be. On
 * failure there is no unit, as far as systemd answers. pid is the process that goes into it.
 */
must_check int systemd_start(const char *unit, bool user, struct unit_properties *l, pid_t pid,
			     struct err *e);
/*
 * Stop it and wait until it is gone; a unit that is not there is no error. With kill its processes
 * get a SIGKILL first, for who could not do that himself: systemd asks them with SIGTERM, and waits
 * for TimeoutStopSec of systemd.kill(5).
 */
must_check int systemd_stop(const char *unit, bool user, bool kill, struct err *e);
/* Change properties, until the unit ends. An empty list costs nothing. */
must_check int systemd_set(const char *unit, bool user, struct unit_properties *l, struct err *e);
/*
 * The path of the unit's cgroup below the root of the hierarchy, as systemd has it, allocated: for
 * who is not shown /proc/PID/cgroup (proc(5), hidepid).
 */
must_check int systemd_cgroup_of(const char *unit, bool user, char **ret, struct err *e);
/* Move a process into the unit, or "/below" in its cgroup: for who may not do so himself. */
must_check int systemd_attach(const char *unit, bool user, const char *below, pid_t pid,
			      struct err *e);

#endif
