/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits (prlimit(2)). Runs in hull or in stage 2. */
#include "nsexec/process/rlimits.h"

#include "state/base/names.h"

#include <errno.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* prlimit(2): EPERM, and for RLIMIT_NOFILE a second reason for it. */
static void explain(pid_t pid, int type, uint64_t hard, struct err *e)
{
	uint64_t old[2];

	if (e->code != EPERM || syscall(SYS_prlimit64, pid, type, NULL, old) != 0 || hard <= old[1])
		return;
	err_wrap(e, "the hard limit is %llu, and to raise it takes CAP_SYS_RESOURCE%s",
		 (unsigned long long)old[1],
		 type == RLIMIT_NOFILE ? " (and no more than fs.nr_open)" : "");
}

int rlimits_set(const struct spec_rlimits *l, pid_t pid, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		/* The kernel's own struct: 64 bits on every architecture. */
		uint64_t value[2] = { l->v[i].soft.v, l->v[i].hard.v };

		if (syscall(SYS_prlimit64, pid, l->v[i].type, value, NULL) == 0)
			continue;
		err_sys(e, "set %s to %llu:%llu", name_of(rlimit_names, l->v[i].type),
			(unsigned long long)value[0], (unsigned long long)value[1]);
		explain(pid, l->v[i].type, value[1], e);
		err_at_index(e, i);
		err_at_key(e, "rlimits");
		return err_at_key(e, "process");
	}
	return 0;
}
