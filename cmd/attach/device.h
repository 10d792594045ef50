/* SPDX-License-Identifier: Apache-2.0 */
/* Device nodes for a user namespace, in which nobody can make them. Runs in hull. */
#ifndef CMD_ATTACH_DEVICE_H
#define CMD_ATTACH_DEVICE_H

#include "state/base/err.h"

#include <sys/types.h>

struct device_node {
	const char *path; /* for sentences */
	mode_t mode;	  /* with its type */
	dev_t rdev;
	uid_t uid; /* the host's */
	gid_t gid;
};

/*
 * Make the node in a tmpfs of its own, in a mount namespace that ends with the child that does it:
 * nothing of it is ever to be seen on the host. A detached mount of the node alone (open_tree(2)), with
 * CLOEXEC, which init attaches. -1: e->code is EPERM for a caller without CAP_MKNOD and CAP_SYS_ADMIN
 * in the initial user namespace, ENOSYS before Linux 5.2.
 */
must_check int device_open(const struct device_node *n, struct err *e);

#endif
