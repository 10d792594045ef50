/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Annotations org.systemd.property.NAME: properties for the container's unit (runc's
 * docs/systemd.md). Only those that cannot reach beyond it are let through: with ExecStart,
 * SuccessAction or OnFailure a container would command the host (CVE-2024-3154).
 */
#ifndef STATE_SYSTEMD_PROPERTY_H
#define STATE_SYSTEMD_PROPERTY_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

/* A path with what is allowed to it (D: rwm), or with a number (L). */
struct systemd_path {
	const char *path, *access;
	uint64_t value;
};

struct systemd_property {
	const char *name; /* as systemd's bus knows it: TimeoutStopUSec for TimeoutStopSec */
	/*
	 * Of D-Bus: b, i, u, x, t, s; and arrays: 'a' of strings, 'y' of bytes, 'U' of one u,
	 * 'D' a(ss), 'L' a(st).
	 */
	char type;
	bool droppable; /* the container has it by its cgroup, too: an old systemd need not know it */
	union {
		int64_t i;  /* b, i, x */
		uint64_t u; /* u, t, U */
		const char *s;
	};
	const char **list;	    /* a: ends with NULL */
	const uint8_t *bytes;	    /* y */
	struct systemd_path *paths; /* D, L */
	size_t n;		    /* of those */
};

/*
 * name is what follows the prefix, value a GVariant in its text form: true, 5, uint32 5,
 * 'text', "text", ['a', 'b'], @as []. Strings are put into the arena.
 */
must_check int systemd_property_parse(const char *name, const char *value, struct arena *a,
				      struct systemd_property *ret, struct err *e);

#endif
