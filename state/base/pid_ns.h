/* SPDX-License-Identifier: Apache-2.0 */
/* Who is in a PID namespace, for containers that have no cgroup to ask. */
#ifndef STATE_PID_NS_H
#define STATE_PID_NS_H

#include "state/base/err.h"

#include <stddef.h>
#include <sys/types.h>

/*
 * The processes in the PID namespace of init and in those below it, as the caller numbers them, in
 * no order; the caller frees *ret. Needs the right to look at them (ptrace(2)), which the owner of
 * their user namespace has; others are left out. -1 when init's own cannot be read.
 */
must_check int pid_ns_pids(pid_t init, pid_t **ret, size_t *ret_n, struct err *e);

#endif
