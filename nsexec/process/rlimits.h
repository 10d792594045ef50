/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSEXEC_PROCESS_RLIMITS_H
#define NSEXEC_PROCESS_RLIMITS_H

#include "state/base/err.h"
#include "state/spec/spec.h"

#include <sys/types.h>

/*
 * process.rlimits of pid (0: the caller), set with the caller's rights: hull sets them from outside
 * for an init in a user namespace, which may not raise them. Pointers start at /process.
 */
must_check int rlimits_set(const struct spec_rlimits *l, pid_t pid, struct err *e);

#endif
