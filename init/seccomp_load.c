/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading the filter that hull compiled (init/seccomp/seccomp.c). Runs in stage 2. Without no_new_privs
 * the kernel demands CAP_SYS_ADMIN (seccomp(2)), so it is loaded while that is there, and the
 * profile has to allow what follows; with no_new_privs it comes as late as can be.
 *
 * With a filter in force init says everything by write(2) and hears by read(2), so that a profile
 * needs no socket calls. The listener of SCMP_ACT_NOTIFY is fetched by hull with pidfd_getfd(2):
 * to send it, init would need sendmsg(2), which agents are asked about. Of the two only write
 * must not be (state/spec/spec_check.c): it tells hull that there is a listener; when init reads, the
 * agent has it and can answer.
 */
#include "init/init.h"

#include "nsexec/channel.h"
#include "nsexec/nsexec.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Nothing of libc here that could do more than this one call: all of them may be filtered. */
static int await_done(int sock, struct err *e)
{
	struct msg m;
	ssize_t r;

	do {
		r = read(sock, &m, sizeof(m));
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_sys(e, "wait for the seccomp agent");
	if (r == 0)
		return err_set(e, ENODATA, "nobody passes on the seccomp listener");
	return m.type == MSG_LISTENER_DONE ?
		       0 :
		       err_set(e, EPROTO, "message %s instead of LISTENER_DONE", msg_name(m.type));
}

static int pass_on(struct init *in, int listener, struct err *e)
{
	uint32_t number = (uint32_t)listener;

	if (channel_send(in->start, MSG_LISTENER, &number, sizeof(number), -1, e) < 0 ||
	    await_done(in->start, e) < 0)
		return -1;
	/* While we held it, too, the death of the agent would go unnoticed. */
	close(listener);
	return 0;
}

/*
 * Who is not root may take descriptors only of what is dumpable. In a container that runs already
 * others could do the same, with all that init has open (CVE-2016-9962): never for exec.
 */
static bool opens_up(const struct init *in)
{
	return (in->a->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER) && !nsexec_is_root() &&
	       !in->a->exec;
}

/* A kernel with filters says of the missing program that it is at a bad address (seccomp(2)). */
static void explain(struct err *e)
{
	int code = e->code;

	if ((code == EINVAL || code == ENOSYS) &&
	    syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) < 0 && errno == code)
		err_wrap(e, "this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)");
	e->code = code;
}

static int load(struct init *in, struct err *e)
{
	long r;

	if (nsexec_boot()->debug && in->sync >= 0)
		channel_log(in->sync, "seccomp filter flags: %u", in->a->seccomp_flags);
	if (opens_up(in))
		prctl(PR_SET_DUMPABLE, 1);
	r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, in->a->seccomp_flags, in->a->seccomp);
	if (r < 0) {
		err_sys(e, "load the seccomp filter of %u instructions",
			(unsigned)in->a->seccomp->len);
		explain(e);
		goto fail;
	}
	channel_use_write();
	if (!(in->a->seccomp_flags & SECCOMP_FILTER_FLAG_NEW_LISTENER))
		return 0;
	if (pass_on(in, (int)r, e) == 0)
		return 0;
fail:
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
