/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PLAN_LATE: somebody in the PID namespace may have CAP_SYS_PTRACE. What is born there can be
 * traced, so it must have nothing to give: the process that walked the plan does the work of stage 2
 * too, seen by nobody in there, and forks stage 2 when limits, labels, user, capabilities and filter
 * are the program's. Stage 2 leads a session, takes the terminal, and executes the program.
 *
 * Runs in stage 1 and stage 2, perhaps behind the filter: no call but those in nsexec.h.
 */
#include "nsexec/channel.h"
#include "nsexec/nsexec.h"

#include <errno.h>
#include <unistd.h>

/*
 * Not before hull knows the PID: if stage 1 were killed now, there would be a program that nobody waits
 * for. The end of file, which its death is, ends us.
 */
static void await_report(const struct stages *s)
{
	ssize_t r;
	char c;

	close(s->map_sock[0]);
	close(s->init_sock);
	do {
		r = read(s->map_sock[1], &c, 1);
	} while (r < 0 && errno == EINTR);
	if (r != 1)
		_exit(1);
	close(s->map_sock[1]);
}

int stage_fork_late(const struct stages *s, struct err *e)
{
	pid_t init;

	/* Two processes would have them. */
	channel_send_spans();
	init = stage_fork(e);
	if (init < 0)
		return -1;
	if (init == 0) {
		await_report(s);
		return 0;
	}
	/* Without a report stage 2 ends by itself, and hull hears that we did. */
	if (stage_report(s, 0, init, e) < 0 || write(s->map_sock[0], "", 1) != 1)
		_exit(1);
	_exit(0);
}
