/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading the filter that hull compiled (init/seccomp.c). Runs in stage 2. Without no_new_privs
 * the kernel demands CAP_SYS_ADMIN (seccomp(2)), so it is loaded while that is there, and the
 * profile has to allow what follows; with no_new_privs it is the last thing before execve.
 */
#include "init/init.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int load(struct init *in, struct err *e)
{
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, in->a->seccomp_flags, in->a->seccomp) ==
	    0)
		return 0;
	err_sys(e, "load the seccomp filter of %u instructions", (unsigned)in->a->seccomp->len);
	err_at_key(e, "seccomp");
	return err_at_key(e, "linux");
}

int seccomp_load_early(struct init *in, struct err *e)
{
	return in->a->seccomp && !in->a->process->no_new_privileges ? load(in, e) : 0;
}

int seccomp_load_late(struct init *in, struct err *e)
{
	return in->a->seccomp && in->a->process->no_new_privileges ? load(in, e) : 0;
}
