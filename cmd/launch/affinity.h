/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CPUs that hull is on while it starts a stage (sched_setaffinity(2)). A stage that begins where hull
 * stands still for it need not wait until another CPU has woken, and finds the caches warm.
 */
#ifndef CMD_LAUNCH_AFFINITY_H
#define CMD_LAUNCH_AFFINITY_H

#include "state/spec/idset.h"

#include <stdbool.h>

/* Begins as { 0 }. */
struct affinity {
	bool bound;
	unsigned here;	     /* the CPU that affinity_stay() has bound it to */
	struct idset before; /* those to go back to */
};

/* Bind hull, and whom it starts, to these. -1 and errno; nothing when it is bound. */
int affinity_bind(struct affinity *a, const struct idset *cpus);
/* To the CPU that it is on, if there are others. Whoever may not stays as he is. */
void affinity_stay(struct affinity *a);
/*
 * After affinity_stay(): hull has work of its own now, and the stage goes on where it is. To another CPU, and
 * free to be on any; nothing when it is not bound.
 */
void affinity_part(struct affinity *a);
/* Back to those before; nothing when it is not bound. */
void affinity_restore(struct affinity *a);

#endif
