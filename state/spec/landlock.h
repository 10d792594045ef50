/* SPDX-License-Identifier: Apache-2.0 */
/*
 * org.hull.landlock.*: annotations by which a container's programs give up access to files and TCP ports
 * (landlock(7)). Pure: what they say; init/landlock.c does it.
 *
 *   read, execute, write   paths of the container with ":" between them; all other files are out of reach.
 *                          execute is read, too, and write is not execute. "-/path" may be missing.
 *   bind, connect          TCP ports and ranges, "80,8000-8010"; no others may be bound or connected to
 *   scope                  "abstract-unix-socket", "signal", with "," between them: not to those outside
 *   best-effort            "true": without what this kernel lacks
 */
#ifndef STATE_SPEC_LANDLOCK_H
#define STATE_SPEC_LANDLOCK_H

#include "state/base/err.h"
#include "state/spec/spec.h"

#include <stdbool.h>
#include <stdint.h>

#define LANDLOCK_PREFIX	   "org.hull.landlock."
#define LANDLOCK_PORTS_MAX 4096 /* a rule of the kernel each */

struct landlock_rule {
	const char *key;      /* its annotation */
	char *path;	      /* NULL: ports */
	bool optional;	      /* the path may be missing */
	unsigned first, last; /* ports */
	uint64_t access;      /* LANDLOCK_ACCESS_FS_* or LANDLOCK_ACCESS_NET_* */
};

struct landlock {
	struct landlock_rule *rules;
	size_t n;
	uint64_t fs, net, scoped; /* what is given up but for the rules */
	bool best_effort;
};

/* All that a kernel of this ABI version can restrict about files: LANDLOCK_ACCESS_FS_*. */
uint64_t landlock_fs_of(int abi);
/* Those that make sense for what is no directory. */
uint64_t landlock_file_rights(void);

/* A single annotation; the error is without a pointer. */
must_check int landlock_check(const char *key, const char *value, struct err *e);
/*
 * *ret is all of them, to be given to landlock_done(); without any, nothing is given up in it. Pointers
 * start at /annotations.
 */
must_check int landlock_read(const struct spec *s, struct landlock *ret, struct err *e);
void landlock_done(struct landlock *l);

/* The version of the kernel's ABI that all of it needs, and what for; 0 for nothing. */
int landlock_needs(const struct landlock *l, const char **ret_what);

#endif
