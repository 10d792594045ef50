/* SPDX-License-Identifier: Apache-2.0 */
/* SCMP_ACT_NOTIFY: the listener of a process's seccomp filter goes to the agent of the profile. */
#ifndef CMD_ATTACH_LISTENER_H
#define CMD_ATTACH_LISTENER_H

#include "nsexec/channel.h"
#include "state/record.h"
#include "state/spec/spec.h"

struct listener {
	const struct spec *spec; /* NULL: to be read from the snapshot in dir_fd */
	int dir_fd;
	const struct record *rec;
	const pid_t *pid;   /* of the process with the filter, as hull sees it */
	const char *status; /* "creating" for init, "running" for exec, as runc and crun say */
};

/* For channel_wait_exec(): arg is a struct listener. */
must_check int listener_pass_on(void *arg, int fd, struct err *e);

/* At create time, that a profile which notifies names a socket; whether somebody listens is seen at start. */
must_check int listener_check(const struct spec *s, const char *bundle, struct err *e);

#endif
