/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.netDevices: network devices of the host go to the container's network namespace, with
 * their global addresses (config-linux.md, Network Devices). Runs in hull.
 */
#ifndef NSEXEC_NETDEV_H
#define NSEXEC_NETDEV_H

#include "state/base/err.h"
#include "state/spec/spec.h"

#include <sys/types.h>

struct netdev;

/* What was moved. All zeroes: nothing. */
struct netdevs {
	int host_fd, container_fd; /* network namespaces */
	size_t n;
	struct netdev *v;
};

/*
 * Move them into the network namespace of process pid, which hull has not reaped. On failure those
 * that were moved already are back.
 */
must_check int netdev_move(const struct spec_net_devices *list, pid_t pid, struct netdevs *ret,
			   struct err *e);
/* The container was not made after all: back to the host, as far as that is possible. */
void netdev_restore(struct netdevs *d);
/* It was made: forget how they came. */
void netdev_done(struct netdevs *d);

#endif
