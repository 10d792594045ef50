/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/launch/affinity.h"

#include <sys/syscall.h>
#include <unistd.h>

static int set(const struct idset *cpus)
{
	return (int)syscall(SYS_sched_setaffinity, 0, sizeof(*cpus), cpus);
}

static int note(struct affinity *a)
{
	/* The kernel writes as many as it knows. */
	a->before = (struct idset){ 0 };
	return syscall(SYS_sched_getaffinity, 0, sizeof(a->before), &a->before) < 0 ? -1 : 0;
}

int affinity_bind(struct affinity *a, const struct idset *cpus)
{
	if (a->bound)
		return 0;
	if (note(a) < 0 || set(cpus) < 0)
		return -1;
	a->bound = true;
	return 0;
}

void affinity_stay(struct affinity *a)
{
	struct idset cpus;

	/* Not sched_getcpu(3): the first look into the vDSO costs more than the call. */
	if (a->bound || syscall(SYS_getcpu, &a->here, NULL, NULL) < 0 || a->here >= IDSET_MAX ||
	    note(a) < 0)
		return;
	cpus = a->before;
	idset_remove(&cpus, a->here);
	if (idset_is_empty(&cpus))
		return;
	cpus = (struct idset){ 0 };
	idset_add(&cpus, a->here);
	a->bound = set(&cpus) == 0;
}

void affinity_part(struct affinity *a)
{
	struct idset others = a->before;

	if (!a->bound)
		return;
	idset_remove(&others, a->here);
	(void)set(&others);
	affinity_restore(a);
}

void affinity_restore(struct affinity *a)
{
	if (a->bound)
		(void)set(&a->before);
	a->bound = false;
}
