/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSEXEC_SOURCE_H
#define NSEXEC_SOURCE_H

#include "state/err.h"

#include <stdbool.h>

struct source_request {
	const char *path; /* absolute */
	bool recursive;
	bool nofollow; /* do not follow a link at its end */
};

/*
 * The source of a bind mount as a detached copy (open_tree(2)) in the caller's mount namespace:
 * hull's for a container in a user namespace, whose root may not reach the source, else init's.
 * With slave, what the host mounts below it later still comes in, and nothing gets out.
 */
must_check int source_open(const struct source_request *r, bool slave, struct err *e);

#endif
