/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSEXEC_SOURCE_H
#define NSEXEC_SOURCE_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct source_request {
	const char *path; /* absolute */
	bool recursive;
	bool nofollow; /* do not follow a link at its end */
	/* For source_open_for() alone. */
	bool mapped, mapped_recursive; /* id-mapped; with what is mounted below it */
	/* Lines of uid_map and gid_map; NULL for those of the container's user namespace. */
	const char *uid_map, *gid_map;
};

/*
 * The source of a bind mount as a detached copy (open_tree(2)) in the caller's mount namespace.
 * propagation: MS_SLAVE, what the host mounts below it later still comes in, and nothing gets out;
 * MS_PRIVATE; or 0, that of the source.
 */
must_check int source_open(const struct source_request *r, uint64_t propagation, struct err *e);

/*
 * The same, done by hull with all its rights for an init that is its child: in init's mount
 * namespace, where the mounts that init has made already are to be seen, or, when that refuses, in
 * hull's own; and id-mapped.
 */
must_check int source_open_for(pid_t init, const struct source_request *r, struct err *e);

/* nsexec/userns.c: a user namespace with these maps and no process, made once for each pair. */
must_check int userns_of_maps(const char *uid_map, const char *gid_map, struct err *e);

#endif
