/* SPDX-License-Identifier: Apache-2.0 */
/* Resource limits (prlimit(2)). Runs in hull or in stage 2. */
#include "nsexec/rlimits.h"

#include "state/names.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int rlimits_set(const struct spec_rlimits *l, pid_t pid, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		/* The kernel's own struct: 64 bits on every architecture. */
		uint64_t value[2] = { l->v[i].soft.v, l->v[i].hard.v };

		if (syscall(SYS_prlimit64, pid, l->v[i].type, value, NULL) == 0)
			continue;
		err_sys(e, "set %s to %llu:%llu", name_of(rlimit_names, l->v[i].type),
			(unsigned long long)value[0], (unsigned long long)value[1]);
		err_at_index(e, i);
		err_at_key(e, "rlimits");
		return err_at_key(e, "process");
	}
	return 0;
}
