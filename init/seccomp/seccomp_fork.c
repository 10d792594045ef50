/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a process behind a filter could still fork the program's. Runs in hull. */
#include "init/seccomp/seccomp.h"

#include "init/seccomp/seccomp_run.h"
#include "state/base/mem.h"
#include "state/base/sys.h"

#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

static bool allows(const struct sock_fprog *p, int nr, const uint64_t *args)
{
	/* libseccomp's token of an architecture is the kernel's number for it, but for x32. */
	struct seccomp_data d = { .nr = nr, .arch = seccomp_arch_native() };
	size_t known = args ? sizeof(d) : offsetof(struct seccomp_data, instruction_pointer);
	uint32_t action;

	if (args)
		memcpy(d.args, args, sizeof(d.args));
	action = run_knowing(p, &d, known) & SECCOMP_RET_ACTION_FULL;
	return action == SECCOMP_RET_ALLOW || action == SECCOMP_RET_LOG;
}

static bool allows_all(const struct sock_fprog *p, const int *calls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!allows(p, calls[i], NULL))
			return false;
	}
	return true;
}

bool seccomp_allows_fork(const struct sock_fprog *p, bool terminal, bool waits)
{
	static const int always[] = { SYS_setsid, SYS_read, SYS_write, SYS_close, SYS_exit_group };
	static const int waiting[] = { SYS_accept4, SYS_setsockopt, SYS_prctl, SYS_getpid };
	static const uint64_t clone[6] = { CLONE_PARENT }, control[6] = { 0, TIOCSCTTY };

	return allows_all(p, always, ARRAY_SIZE(always)) && allows(p, SYS_clone, clone) &&
	       (!terminal || allows(p, SYS_ioctl, control)) &&
	       (!waits || allows_all(p, waiting, ARRAY_SIZE(waiting)));
}
