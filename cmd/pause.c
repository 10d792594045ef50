/* SPDX-License-Identifier: Apache-2.0 */
/* `hull pause` and `hull resume`: the freezer. */
#include "cmd/line/cmd.h"

#include <errno.h>

#include "state/cgroup/cgroup.h"
#include "state/base/mem.h"
#include "state/record.h"
#include "state/status.h"

static int set_frozen(struct invocation *inv, bool frozen, struct err *e)
{
	auto_container struct container c = CONTAINER_INIT;
	auto_record struct record r = { 0 };
	enum status status;

	if (status_load(&inv->globals->root, inv->args[0], CONTAINER_LOCK_MS, &c, &r, &status, e) <
	    0)
		return -1;
	if (frozen && status != STATUS_RUNNING && status != STATUS_CREATED)
		return err_set(e, ESRCH, "container not running");
	/* What a container without its init has left may still be frozen. */
	if (!frozen && status != STATUS_PAUSED &&
	    !(status == STATUS_STOPPED && cgroup_is_frozen(&r.cgroup) > 0))
		return err_set(e, EINVAL, "container not paused");
	if (cgroup_freeze(&r.cgroup, frozen, e) < 0)
		return -1;
	if (!frozen || record_alive(&r, r.pid, r.start_time))
		return 0;
	/* It ended meanwhile: nobody would ever resume the others, an exec that has just begun, say. */
	if (cgroup_freeze(&r.cgroup, false, e) < 0)
		return -1;
	return err_set(e, ESRCH, "container not running");
}

static int run_pause(struct invocation *inv, struct err *e)
{
	return set_frozen(inv, true, e);
}

static int run_resume(struct invocation *inv, struct err *e)
{
	return set_frozen(inv, false, e);
}

const struct command pause_command = {
	.name = "pause",
	.args = "<container-id>",
	.usage = "pause suspends all processes inside the container",
	.description =
		"The pause command suspends all processes in the instance of the container.\n"
		"\n"
		"   Use hull list to identify instances of containers and their current "
		"status.",
	.min_args = 1,
	.max_args = 1,
	.run = run_pause,
};

const struct command resume_command = {
	.name = "resume",
	.args = "<container-id>",
	.usage = "resumes all processes that have been previously paused",
	.description =
		"The resume command resumes all processes in the instance of the container.\n"
		"\n"
		"   Use hull list to identify instances of containers and their current "
		"status.",
	.min_args = 1,
	.max_args = 1,
	.run = run_resume,
};
