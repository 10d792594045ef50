/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.intelRdt: the container's group in the resctrl file system (config-linux.md, IntelRdt; the
 * kernel's Documentation/filesystems/resctrl.rst). Runs in hull.
 */
#ifndef STATE_RDT_H
#define STATE_RDT_H

#include "state/base/err.h"
#include "state/spec/spec.h"

#include <stdbool.h>
#include <sys/types.h>

struct rdt {
	int root_fd;   /* of the resctrl file system */
	char *group;   /* below it; "." for the root itself */
	char *monitor; /* below it: mon_groups/ID of the group, or NULL */
	bool owned;    /* the group is the container's alone, and goes with it */
	bool existed;  /* it was there before */
};
#define RDT_INIT               \
	{                      \
		.root_fd = -1, \
	}
void rdt_done(struct rdt *r);

/* The resctrl file system, checked to be one. -1 with a sentence when it is not mounted. */
must_check int rdt_open_root(struct err *e);

/* The names of the container's groups, and whether they are there; root_fd is set. */
void rdt_name(struct rdt *r, const struct spec_intel_rdt *s, const char *id);
/* What the container's group is called, and that the kernel has what it asks for. Makes nothing. */
must_check int rdt_locate(struct rdt *r, const struct spec_intel_rdt *s, const char *id,
			  struct err *e);
/* Make the group, if it is not there and may be made. */
must_check int rdt_make(struct rdt *r, const struct spec_intel_rdt *s, struct err *e);
/* Its schemata: compared first, where the group is another's. And the monitoring group. */
must_check int rdt_configure(struct rdt *r, const struct spec_intel_rdt *s, struct err *e);
/*
 * New schemata for the container's group, each NULL or "" when it stays; e.g. "L3:0=f0", "MB:0=20".
 * *ret_old is what to give to rdt_restore() when something else fails; the caller frees it.
 */
must_check int rdt_update(const struct rdt *r, const char *l3_cache_schema,
			  const char *mem_bw_schema, char **ret_old, struct err *e);
void rdt_restore(const struct rdt *r, const char *old);
must_check int rdt_join(const struct rdt *r, pid_t pid, struct err *e);
/* Remove the directory if it is there. */
must_check int rdt_remove(int root_fd, const char *dir, struct err *e);

/* Pure: does each "ID=VALUE" of the line "L3:0=f;1=f0" stand in the file's text, as a number? */
bool rdt_schema_matches(const char *line, const char *file);

#endif
