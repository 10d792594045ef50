/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The end of a container: its processes, its cgroups and whatever else is on the machine, its
 * poststop hooks; the record goes last, so that what was interrupted can be repeated.
 */
#include "cmd/launch/destroy.h"

#include "cmd/launch/common.h"
#include "state/cgroup/cgroup.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/base/sys.h"
#include "state/base/trace.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define SOON_MS 100 /* what nearly every death takes less than */

static int wait_for_init(const struct record *r, int init, struct err *e)
{
	auto_free char *why = NULL;

	if (pidfd_wait(init, SOON_MS))
		return 0;
	cgroup_thaw_holder(&r->cgroup, r->pid);
	if (pidfd_wait(init, DESTROY_MS - SOON_MS))
		return 0;
	why = cgroup_why_alive(&r->cgroup, r->pid);
	return err_set(e, EBUSY, "container init still running%s", why);
}

int destroy_kill_init(const struct record *r, struct err *e)
{
	trace_here("end init", NULL);
	struct err ignored;
	auto_close int init = record_pidfd(r, &ignored);
	struct err not_all = { 0 };

	if (init >= 0)
		sys_pidfd_send_signal(init, SIGKILL);
	/* Nobody who is frozen by v1 dies. */
	if (cgroup_is_frozen(&r->cgroup) && cgroup_kill(&r->cgroup, SIGKILL, &not_all) < 0)
		log_warn("unable to kill all processes: %s", not_all.chain);
	return init < 0 ? 0 : wait_for_init(r, init, e);
}

/*
 * The journal is written before create looks whether the cgroup is empty. Killed in between, it
 * has named a cgroup that may be another's: somebody in there is older than that create.
 */
static bool is_of_strangers(const struct record *r)
{
	auto_free pid_t *pids = NULL;
	struct err ignored;
	uint64_t began;
	size_t n = 0;

	if (r->phase != RECORD_CREATING || cgroup_pids(&r->cgroup, &pids, &n, &ignored) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (proc_start_time(pids[i], &began) == 0 && began < r->creator_start)
			return true;
	}
	return false;
}

static int clean_machine(const struct record *r, struct err *e)
{
	trace_here("remove cgroups and the like", NULL);
	/* After a reboot these PIDs and cgroups are nobody's, or somebody else's. */
	if (!record_same_boot(r))
		return 0;
	if (is_of_strangers(r))
		return 0;
	if (destroy_kill_init(r, e) < 0)
		return -1;
	if (record_remove_rdt(r, e) < 0 || record_unmount_root(r, e) < 0 ||
	    cgroup_remove(&r->cgroup, DESTROY_MS, e) < 0)
		return -1;
	launch_stop_unit(r);
	return 0;
}

struct spec *destroy_read_config(const struct container *c, const char *key, struct arena *a)
{
	auto_free char *text = NULL;
	struct spec *s = NULL;
	struct err e;
	size_t n;

	if (fd_read_file(c->dir_fd, RECORD_CONFIG, SPEC_FILE_MAX, &text, &n, &e) < 0)
		return NULL;
	/* A key could be written with escapes, though nobody does. */
	if (key && !strcasestr(text, key) && !strstr(text, "\\u"))
		return NULL;
	arena_init(a);
	if (spec_read(text, n, a, &s, &e) < 0) {
		log_warn("the container's %s: %s", RECORD_CONFIG, e.chain);
		return NULL;
	}
	return s;
}

/* runtime.md, Lifecycle: a failing poststop hook is a warning, and the others run. */
static void run_poststop(const struct container *c, const struct record *r)
{
	trace_here("poststop hooks", NULL);
	struct arena a;
	const struct spec *s = destroy_read_config(c, "poststop", &a);

	if (s)
		launch_poststop(s, r);
}

int destroy_container(struct container *c, const struct record *r, struct err *e)
{
	if (clean_machine(r, e) < 0)
		return -1;
	run_poststop(c, r);
	return container_remove(c, e);
}
