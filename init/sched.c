/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When and where the program runs: CPU affinity, scheduling policy, I/O priority, memory policy.
 * Runs in stage 2, in the container's cgroups, with full rights in the container's namespaces; but
 * real-time policies and priorities are the initial user namespace's to grant.
 */
#include "init/init.h"
#include "nsexec/channel.h"
#include "nsexec/nsexec.h"
#include "state/spec/idset.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/base/str.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* sched_setattr(2). Of kernels before 5.3 only what stands before the clamps is known. */
struct attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
#define ATTR_SIZE_FIRST 48

static int at_process(struct err *e, const char *key)
{
	err_at_key(e, key);
	return err_at_key(e, "process");
}

/* --- CPU affinity ----------------------------------------------------------------------------- */

static int set_affinity(const struct idset *cpus, struct err *e)
{
	if (syscall(SYS_sched_setaffinity, 0, sizeof(cpus->bits), cpus->bits) == 0)
		return 0;
	return err_sys(e, "set the CPU affinity");
}

/*
 * Not that of whoever called hull, which may have been bound to some CPUs (systemd's CPUAffinity):
 * all that the cgroup allows; the kernel takes those out of a mask of all.
 */
static int reset_affinity(struct err *e)
{
	auto_free struct idset *all = xmalloc(sizeof(*all)); /* the stack has no page for it yet */

	memset(all, 0xff, sizeof(*all));
	/* A seccomp filter around us may refuse it; nothing was asked for. */
	return set_affinity(all, e) < 0 && e->code != EPERM && e->code != ENOSYS ? -1 : 0;
}

/* config.md, Linux Process, execCPUAffinity: for exec only, and without `final` it stays as it is. */
int sched_affinity(struct init *in, struct err *e)
{
	const struct spec_exec_cpu_affinity *a = in->a->process->exec_cpu_affinity;
	struct idset cpus;

	if (!in->a->exec || !a || (str_empty(a->initial) && str_empty(a->final)))
		return reset_affinity(e);
	if (str_empty(a->final))
		return 0;
	if (idset_parse(a->final, &cpus, e) < 0 || set_affinity(&cpus, e) < 0) {
		err_wrap(e, "\"%.200s\"", a->final);
		err_at_key(e, "final");
		return at_process(e, "execCPUAffinity");
	}
	return 0;
}

/* --- scheduling policy ------------------------------------------------------------------------ */

static int explain_policy(struct init *in, const struct spec_scheduler *s, struct err *e)
{
	const struct spec_resources *r = in->a->spec->linux_->resources;
	const struct spec_cpu *cpu = r ? r->cpu : NULL;
	bool realtime = s->policy == POLICY_FIFO || s->policy == POLICY_RR;

	if (e->code == EPERM && cpu && !str_empty(cpu->cpus) && s->policy == POLICY_DEADLINE)
		err_wrap(
			e,
			"process scheduler can't be used together with AllowedCPUs (linux.resources.cpu.cpus)");
	else if (e->code == EPERM && realtime && (!cpu || !cpu->realtime_runtime.v))
		err_wrap(
			e,
			"needs CAP_SYS_NICE of the host, and where the kernel divides real-time time among "
			"cgroups, linux.resources.cpu.realtimeRuntime");
	else if (e->code == EPERM)
		err_wrap(e, "needs CAP_SYS_NICE of the host");
	else if (e->code == EINVAL && s->policy == POLICY_ISO)
		err_wrap(e, "the kernel has no SCHED_ISO");
	else if (e->code == EBUSY)
		err_wrap(e, "the CPUs have no bandwidth left for this runtime and period");
	return -1;
}

static int set_policy(struct init *in, const struct spec_scheduler *s, struct err *e)
{
	const uint64_t clamps = 1u << SCHED_BIT_UTIL_CLAMP_MIN | 1u << SCHED_BIT_UTIL_CLAMP_MAX;
	struct attr a = {
		.size = s->flags.mask & clamps ? sizeof(a) : ATTR_SIZE_FIRST,
		.policy = (uint32_t)s->policy,
		.flags = s->flags.mask,
		.nice = (int32_t)s->nice.v,
		.priority = (uint32_t)s->priority.v,
		.runtime = s->runtime.v,
		.deadline = s->deadline.v,
		.period = s->period.v,
		/* The specification has no values for the clamps: -1 is the system's (Linux 5.11). */
		.util_min = UINT32_MAX,
		.util_max = UINT32_MAX,
	};

	if (syscall(SYS_sched_setattr, 0, &a, 0) == 0)
		return 0;
	err_sys(e, "set the scheduling policy %s", name_of(sched_policy_names, s->policy));
	return explain_policy(in, s, e);
}

int sched_policy(struct init *in, struct err *e)
{
	const struct spec_scheduler *s = in->a->process->scheduler;

	if (!s)
		return 0;
	return set_policy(in, s, e) < 0 ? at_process(e, "scheduler") : 0;
}

/* --- I/O priority ----------------------------------------------------------------------------- */

#define IOPRIO_WHO_PROCESS \
	1 /* linux/ioprio.h; the program's group and children begin with this one */
#define IOPRIO_CLASS_SHIFT 13

int sched_io_priority(struct init *in, struct err *e)
{
	const struct spec_io_priority *p = in->a->process->io_priority;

	if (!p || syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0,
			  p->class << IOPRIO_CLASS_SHIFT | (int)p->priority.v) == 0)
		return 0;
	err_sys(e, "set the I/O priority %s %d", name_of(ioprio_class_names, p->class),
		(int)p->priority.v);
	if (e->code == EPERM)
		err_wrap(e, "needs CAP_SYS_NICE or CAP_SYS_ADMIN of the host");
	return at_process(e, "ioPriority");
}

/* --- memory policy ---------------------------------------------------------------------------- */

int sched_memory_policy(struct init *in, struct err *e)
{
	const struct spec_memory_policy *p = in->a->spec->linux_->memory_policy;
	struct idset nodes;
	long mode, n;

	if (!p)
		return 0;
	if (idset_parse(p->nodes ? p->nodes : "", &nodes, e) < 0)
		goto fail;
	mode = (long)((uint64_t)p->mode | p->flags.mask);
	/* The kernel takes one bit less than it is told of (set_mempolicy(2), BUGS). */
	n = idset_count(&nodes) ? IDSET_MAX + 1 : 0;
	if (syscall(SYS_set_mempolicy, mode, n ? nodes.bits : NULL, n) == 0)
		return 0;
	err_sys(e, "set the memory policy %s%s%.100s", name_of(mempolicy_mode_names, p->mode),
		n ? " of the nodes " : "", n ? p->nodes : "");
	if (e->code == EINVAL)
		err_wrap(e, "the kernel has no such mode or flag, or none of these nodes is there");
fail:
	err_at_key(e, "memoryPolicy");
	return err_at_key(e, "linux");
}
