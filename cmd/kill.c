/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull kill`: a signal for the container's init or, with --all, for all its processes. Does not
 * wait for the container's lock: it must work while a `start` hangs in a hook.
 */
#include "cmd/line/cmd.h"

#include <errno.h>
#include <signal.h>

#include "cmd/line/match.h"
#include "cmd/line/options.h"
#include "state/cgroup/cgroup.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/record.h"
#include "state/status.h"
#include "state/base/str.h"
#include "state/base/sys.h"

struct options {
	bool all, regex;
};

static const struct option_row options[] = {
	OPTION(options, all, "all", "a", OPT_FLAG,
	       "send the signal to all processes; it is no error when there are none"),
	OPTION(options, regex, "regex", NULL, OPT_FLAG,
	       "the id is a regular expression: all containers that it matches get the signal"),
	{ 0 },
};

/* v1: somebody else's frozen cgroup, or one that the container has made itself. */
static void warn_held(const struct record *r)
{
	auto_free char *why = cgroup_why_frozen(&r->cgroup, r->pid);

	if (why && !cgroup_thaw_holder(&r->cgroup, r->pid))
		log_warn("container init does not die yet%s", why);
}

/* pidfd is -1 when init has ended. */
static int kill_init(const struct record *r, int pidfd, int sig, struct err *e)
{
	struct err ignored;

	errno = ESRCH;
	if (pidfd < 0 || sys_pidfd_send_signal(pidfd, sig) < 0)
		return errno == ESRCH ? err_set(e, ESRCH, "container not running") :
					err_sys(e, "unable to signal init");
	/* A frozen process dies when it is thawed (v1), and a frozen cgroup is shown as paused. */
	if (sig == SIGKILL && cgroup_is_frozen(&r->cgroup) &&
	    cgroup_freeze(&r->cgroup, false, &ignored) < 0)
		log_warn("%s", ignored.chain);
	else if (sig == SIGKILL)
		warn_held(r);
	return 0;
}

static int kill_all(const struct record *r, int pidfd, int sig, struct err *e)
{
	auto_free pid_t *pids = NULL;
	struct err failed;
	size_t n = 0;

	if (cgroup_pids(&r->cgroup, &pids, &n, &failed) == 0 && n > 0 &&
	    cgroup_kill(&r->cgroup, sig, &failed) == 0)
		return 0;
	/* A container without a cgroup of its own: what is left is its init. */
	if (n > 0)
		log_warn("unable to kill all processes: %s", failed.chain);
	if (n > 0 && (pidfd < 0 || (failed.code != EPERM && failed.code != EACCES))) {
		*e = failed;
		return err_wrap(e, "unable to kill all processes");
	}
	return kill_init(r, pidfd, sig, e);
}

struct request {
	const struct invocation *inv;
	int sig;
};

static int kill_one(void *arg, const char *id, struct err *e)
{
	const struct request *q = arg;
	const struct options *o = q->inv->options;
	auto_container struct container c = CONTAINER_INIT;
	auto_record struct record rec = { 0 };
	auto_close int pidfd = -1;
	int r;

	if (status_load(&q->inv->globals->root, id, STATUS_NO_LOCK, &c, &rec, NULL, e) < 0)
		return -1;
	pidfd = record_pidfd(&rec, e);
	if (pidfd < 0 && e->code != ESRCH)
		return -1;
	/*
	 * Where the container shares its PID namespace the death of its init ends nobody else. After
	 * a reboot the cgroups may be another's.
	 */
	if ((o->all || (q->sig == SIGKILL && !rec.in_pid_ns)) &&
	    (pidfd >= 0 || record_same_boot(&rec)))
		r = kill_all(&rec, pidfd, q->sig, e);
	else
		r = kill_init(&rec, pidfd, q->sig, e);
	return r < 0 && o->all && e->code == ESRCH ? 0 : r;
}

static int run(struct invocation *inv, struct err *e)
{
	const struct options *o = inv->options;
	const char *name = inv->n_args > 1 && *inv->args[1] ? inv->args[1] : "SIGTERM";
	struct request q = { .inv = inv, .sig = signal_parse(name) };

	if (q.sig < 0)
		return err_set(e, EINVAL, "unknown signal \"%s\"", name);
	return o->regex ? match_each(&inv->globals->root, inv->args[0], kill_one, &q, e) :
			  kill_one(&q, inv->args[0], e);
}

const struct command kill_command = {
	.name = "kill",
	.args = "<container-id> [signal]",
	.usage =
		"kill sends the specified signal (default: SIGTERM) to the container's init process",
	.description = "\"[signal]\" is a name or a number. For example, if the container id is "
		       "\"ubuntu01\"\n"
		       "   the following will send a \"KILL\" signal to its init process:\n"
		       "\n"
		       "       # hull kill ubuntu01 KILL",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 2,
	.run = run,
};
