/* SPDX-License-Identifier: Apache-2.0 */
/* linux.seccomp to a program for the kernel. Runs in hull: init only loads the result. */
#ifndef INIT_SECCOMP_H
#define INIT_SECCOMP_H

#include "state/base/err.h"
#include "state/spec/spec.h"

#include <linux/filter.h>
#include <stdbool.h>

struct arena;

/*
 * Compile the profile with libseccomp into the arena. *ret is NULL when s is NULL. *ret_flags are
 * SECCOMP_FILTER_FLAG_* for seccomp(2). Error pointers start at /linux/seccomp.
 */
must_check int seccomp_compile(const struct spec_seccomp *s, struct arena *a,
			       const struct sock_fprog **ret, unsigned *ret_flags, struct err *e);

/*
 * A compiled filter, base64 of struct sock_filter (crun's run.oci.seccomp_bpf_data), into the arena
 * as it is. What the instructions do is for the kernel to check. EINVAL, E2BIG.
 */
must_check int seccomp_ready(const char *text, struct arena *a, const struct sock_fprog **ret,
			     struct err *e);

/*
 * Does the program let through what stage 2 has to call when it is forked behind it, whatever the
 * descriptors are: clone(CLONE_PARENT), setsid, read, write, close, exit_group, with a terminal
 * TIOCSCTTY, and if it waits to be started accept4, setsockopt, prctl, getpid? False for one whose answer depends on more than the call and the arguments that are known.
 */
bool seccomp_allows_fork(const struct sock_fprog *p, bool terminal, bool waits);

/*
 * Keep compiled filters in this directory, which only its owner may write, for as long as the
 * process lives: a hit is a hundred times faster. -1, or no call: no cache.
 */
void seccomp_set_cache(int dir_fd);

#endif
