/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NOTIFY_SOCKET, sd_notify(3): what the program says of itself reaches the service manager that
 * runs hull, which would not believe a process outside of its service's cgroup. The container has a
 * socket of its own at /run/notify/notify.sock; hull, or a relay that it leaves behind, passes on
 * what speaks of the service and nothing that speaks of processes and descriptors.
 */
#ifndef CMD_LAUNCH_NOTIFY_H
#define CMD_LAUNCH_NOTIFY_H

#include "cmd/line/cmd.h"
#include "cmd/launch/prepare.h"
#include "state/base/err.h"
#include "state/root.h"
#include "state/base/str.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

struct notify {
	int sock; /* the container's, -1 when nobody is to be notified */
	struct sockaddr_un host;
	socklen_t n_host;
};
#define NOTIFY_INIT ((struct notify){ .sock = -1 })

/*
 * With NOTIFY_SOCKET in hull's environment: make ROOT/ID/notify, and add to the specification its
 * mount and the variable. It has been written down before: exec is not to notify anybody.
 */
must_check int notify_prepare(const struct globals *g, const struct container *c,
			      struct prepared *p, struct err *e);
#define NOTIFY_INSIDE "/run/notify" /* where it is mounted */
/* ROOT/ID/notify of a container that has it, allocated; else NULL. With make it is made, for a restore. */
char *notify_directory(const struct globals *g, const struct container *c, bool make);
/* Before the program runs: bind the socket, when notify_prepare and NOTIFY_SOCKET ask for it. */
must_check int notify_open(const struct container *c, struct notify *n, struct err *e);
/*
 * The program runs and hull will not wait for it: name init (MAINPID=), and leave a relay behind
 * that ends with init. Nothing of a failure but a warning: the program runs all the same.
 */
void notify_leave(struct notify *n, int init_pidfd, pid_t init);
/* Relay in the place of attach_wait(), whose return values these are. */
must_check int notify_wait(struct notify *n, pid_t pid, struct err *e);
void notify_close(struct notify *n);

/* The lines of a message that may be passed on. */
void notify_filter(const char *message, size_t size, struct str *out);

#endif
