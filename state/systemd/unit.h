/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The systemd unit of a container, and what linux.resources amounts to as its properties. Pure:
 * state/systemd/systemd.h talks to systemd.
 */
#ifndef STATE_UNIT_H
#define STATE_UNIT_H

#include "state/base/err.h"
#include "state/spec/systemd_property.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct spec;
struct spec_resources;

struct unit {
	const char *slice; /* that it is in: "a-b.slice" */
	const char *name;  /* "runc-box.scope"; or a slice, which then is the container's cgroup */
	const char *label; /* what the configuration calls it, for its description */
	const char *path;  /* in a hierarchy: "/a.slice/a-b.slice/runc-box.scope" */
	bool is_slice;
};

/*
 * linux.cgroupsPath for the systemd driver is "slice:prefix:name"; "" or NULL names the container's
 * own unit, and without a slice it is in system.slice, for a user's systemd in user.slice, as with
 * runc. What is no unit's name or no slice is an error.
 */
must_check int unit_parse(const char *cgroups_path, const char *id, bool user, struct arena *a,
			  struct unit *ret, struct err *e);
/* The cgroup of a slice: "a-b.slice" is "/a.slice/a-b.slice", "-.slice" is "/". NULL if it is none. */
const char *unit_slice_path(const char *slice, struct arena *a);

/* A list under construction. */
struct unit_properties {
	struct arena *a;
	size_t n, size;
	struct systemd_property *v;
};

/* What every container's unit is: pid goes into it at once (a scope), and all is accounted. */
void unit_base(struct unit_properties *l, const struct unit *u, int pid, bool v2);
/*
 * The limits, as far as systemd knows such; the cgroup's files get them all, and exactly. A quota
 * must be one of unit_round_quota's.
 */
void unit_limits(struct unit_properties *l, const struct spec_resources *res, bool v2);
/*
 * The rules for devices, so that they are kept when systemd is told to reload. Where systemd has no
 * words for them it has none, and the cgroup's alone count.
 */
void unit_devices(struct unit_properties *l, const struct spec_resources *res);
/* Those of the annotations org.systemd.property.*; they win over all others of the same name. */
must_check int unit_annotations(struct unit_properties *l, const struct spec *s, struct err *e);

/* What of now is not so in before. */
void unit_changes(struct unit_properties *l, const struct unit_properties *before,
		  const struct unit_properties *now);

/*
 * systemd keeps a quota in whole percents of a CPU: round up to that, so that it and the cgroup
 * agree. Nothing changes where there is no quota.
 */
struct spec_cpu;
void unit_round_quota(struct spec_cpu *cpu);

#endif
