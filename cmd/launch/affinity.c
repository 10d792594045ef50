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

/* The CPU that it is on, and those that it may be on besides; -1 when there are none. */
static int find_others(const struct affinity *a, struct idset *ret)
{
	unsigned cpu;

	/* Not sched_getcpu(3): the first look into the vDSO costs more than the call. */
	if (syscall(SYS_getcpu, &cpu, NULL, NULL) < 0 || cpu >= IDSET_MAX)
		return -1;
	*ret = a->before;
	idset_remove(ret, cpu);
	return idset_is_empty(ret) ? -1 : (int)cpu;
}

void affinity_stay(struct affinity *a)
{
	struct idset cpus;
	int here = a->bound || note(a) < 0 ? -1 : find_others(a, &cpus);

	if (here < 0)
		return;
	cpus = (struct idset){ 0 };
	idset_add(&cpus, (unsigned)here);
	a->bound = set(&cpus) == 0;
}

void affinity_part(struct affinity *a)
{
	struct idset others;

	if (a->bound && find_others(a, &others) >= 0)
		(void)set(&others);
	affinity_restore(a);
}

void affinity_restore(struct affinity *a)
{
	if (a->bound)
		(void)set(&a->before);
	a->bound = false;
}
