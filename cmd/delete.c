/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull delete`: end what is left of a container and forget it. With --force it must come to its
 * end whatever it finds: a running container, a create that is under way or was killed in its
 * middle, a damaged record. The record goes last, so that a delete that was killed can be repeated.
 */
#include "cmd/launch/destroy.h"

#include "cmd/line/cmd.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/launch/common.h"
#include "cmd/line/match.h"
#include "cmd/line/options.h"
#include "state/cgroup/cgroup.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/record.h"
#include "state/spec/spec.h"
#include "state/status.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/systemd/unit.h"

struct options {
	bool force, regex;
	const char *trace;
};

static const struct option_row options[] = {
	OPTION(options, force, "force", "f", OPT_FLAG,
	       "Forcibly deletes the container if it is still running (uses SIGKILL)"),
	OPTION(options, regex, "regex", NULL, OPT_FLAG,
	       "the id is a regular expression: delete all containers that it matches"),
	TRACE_ROW(options, trace),
	{ 0 },
};

/* --- What is there to delete ------------------------------------------------------------------ */

/*
 * No record to trust. The snapshot of config.json, if it is there, says where the cgroups are; who
 * is inside is the container's, since create takes no cgroup that is not empty.
 */
static int destroy_without_record(struct container *c, struct err *e)
{
	struct arena a;
	const struct spec *s = destroy_read_config(c, NULL, &a);
	const char *path = s ? s->linux_->cgroups_path : NULL;
	struct record unit = { .unit_of_user = false };
	struct cgroup cg = { 0 };
	struct unit u;
	char whose[16];
	int r = 0;

	if (s && fd_read_small(c->dir_fd, RECORD_UNIT, whose, sizeof(whose)) > 0) {
		unit.unit_of_user = !strcmp(whose, "user");
		if (unit_parse(path, c->id, unit.unit_of_user, &a, &u, e) < 0)
			return -1;
		unit.unit = (char *)u.name;
		path = u.path;
	}
	if (s && cgroup_locate(&cg, path, c->id, e) == 0) {
		r = cgroup_kill(&cg, SIGKILL, e);
		if (r == 0)
			r = cgroup_remove(&cg, DESTROY_MS, e);
		cgroup_done(&cg);
	}
	if (r == 0)
		launch_stop_unit(&unit);
	return r < 0 ? -1 : container_remove(c, e);
}

/*
 * Another command holds the lock for longer than any should. A create in progress is ended by
 * killing its hull; for any other, its container's end is the likeliest end of what it waits for.
 */
static void break_lock(const struct container *c)
{
	auto_record struct record r = { 0 };
	auto_close int creator = -1;
	struct err ignored;

	if (record_read(c->dir_fd, &r, &ignored) < 0 || !record_same_boot(&r))
		return;
	if (r.phase == RECORD_CREATING)
		creator = record_pidfd_of(&r, r.creator, r.creator_start);
	if (creator >= 0)
		sys_pidfd_send_signal(creator, SIGKILL);
	if (cgroup_kill(&r.cgroup, SIGKILL, &ignored) < 0 || destroy_kill_init(&r, &ignored) < 0)
		log_warn("%s", ignored.chain);
}

static int lock(struct container *c, bool force, struct err *e)
{
	if (container_lock(c, force ? DESTROY_MS : CONTAINER_LOCK_MS, e) == 0)
		return 0;
	if (!force || e->code != ETIMEDOUT)
		return -1;
	break_lock(c);
	if (container_lock(c, DESTROY_MS, e) == 0)
		return 0;
	/*
	 * Its init is dead, and still a hook, say, keeps the other command from going on: nothing
	 * that it may do to the container can matter any more.
	 */
	log_warn("%s; deleting it all the same", e->chain);
	return e->code == ETIMEDOUT ? 0 : -1;
}

static int check_deletable(const struct container *c, enum status status, struct err *e)
{
	/* Creating: its lock is ours, so nobody goes on with it. */
	if (status == STATUS_STOPPED || status == STATUS_CREATED || status == STATUS_CREATING)
		return 0;
	return err_set(e, EBUSY, "cannot delete container %s that is not stopped: %s", c->id,
		       status_name(status));
}

/* 1 when there is no such container, or not even its record. */
static int delete_container(const struct root *root, const char *id, bool force, struct err *e)
{
	auto_container struct container c = CONTAINER_INIT;
	auto_record struct record r = { 0 };

	if (container_open(root, id, &c, e) < 0 || lock(&c, force, e) < 0)
		return e->code == ENOENT ? 1 : -1;
	if (record_read(c.dir_fd, &r, e) < 0) {
		if (e->code == EBADMSG)
			return force ? destroy_without_record(&c, e) : -1;
		/* ENOENT: a create that was killed before it made anything else. */
		return e->code == ENOENT && container_remove(&c, e) == 0 ? 1 : -1;
	}
	if (!force && check_deletable(&c, status_of(&c, &r, NULL), e) < 0)
		return -1;
	return destroy_container(&c, &r, e);
}

static int delete_one(void *arg, const char *id, struct err *e)
{
	const struct invocation *inv = arg;
	const struct options *o = inv->options;
	int r = delete_container(&inv->globals->root, id, o->force, e);

	if (r > 0 && !o->force)
		return err_set(e, ENOENT, "container does not exist");
	return r < 0 ? -1 : 0;
}

static int run(struct invocation *inv, struct err *e)
{
	const struct options *o = inv->options;

	return o->regex ? match_each(&inv->globals->root, inv->args[0], delete_one, inv, e) :
			  delete_one(inv, inv->args[0], e);
}

const struct command delete_command = {
	.name = "delete",
	.args = "<container-id>",
	.usage = "delete any resources held by the container often used with detached container",
	.description = "For example, if the container id is \"ubuntu01\" and hull list currently "
		       "shows the\n"
		       "   status of \"ubuntu01\" as \"stopped\" the following will delete "
		       "resources held for\n"
		       "   \"ubuntu01\" removing \"ubuntu01\" from the hull list of containers:\n"
		       "\n"
		       "       # hull delete ubuntu01",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
