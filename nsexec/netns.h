/* SPDX-License-Identifier: Apache-2.0 */
/* A new network namespace, whose loopback interface is up (config-linux.md: processes see it, and no other). */
#ifndef NSEXEC_NETNS_H
#define NSEXEC_NETNS_H

#include "state/base/err.h"

/* Bring up the loopback interface of the caller's own: a socket in there, which the caller closes, or -1. */
must_check int netns_loopback(struct err *e);

/*
 * Make one, in the time in which somebody else makes the other namespaces: it is most of the work. A descriptor
 * of it, which the caller closes; he himself is where he was. Needs CAP_SYS_ADMIN and one thread. After a failure
 * he is perhaps not, and may do nothing more with the network. The user namespace that owns it is the caller's.
 */
must_check int netns_make(struct err *e);

#endif
