/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull events`: what a container uses, every now and then, and each time it runs out of memory,
 * one JSON object to a line. It ends with the container's init.
 */
#include "cmd/line/cmd.h"

#include <errno.h>
#include <poll.h>
#include <time.h>

#include "cmd/line/options.h"
#include "state/cgroup/cgroup.h"
#include "state/spec/decode.h"
#include "state/base/mem.h"
#include "state/record.h"
#include "state/status.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#define NS_PER_SECOND	 INT64_C(1000000000)
#define NS_PER_MS	 INT64_C(1000000)
#define DEFAULT_INTERVAL (5 * NS_PER_SECOND)

struct options {
	struct opt_int interval;
	bool stats;
};

static const struct option_row options[] = {
	{ "interval", NULL, OPT_DURATION, offsetof(struct options, interval),
	  "set the stats collection interval", "5s", 0, NULL },
	OPTION(options, stats, "stats", NULL, OPT_FLAG, "display the container's stats then exit"),
	{ 0 },
};

static int print_event(const struct record *r, bool oom, struct err *e)
{
	auto_str struct str out = { 0 };

	str_addf(&out, "{\"type\":\"%s\",\"id\":", oom ? "oom" : "stats");
	str_add_json(&out, r->id);
	if (!oom) {
		str_add(&out, ",\"data\":");
		cgroup_stats(&r->cgroup, &out);
	}
	str_add(&out, "}\n");
	return cmd_print(&out, e);
}

/* Until the next statistics are due, at most: poll(2) counts in milliseconds, and up. */
static int ms_until(int64_t due)
{
	int64_t left = due - sys_clock_ns(CLOCK_MONOTONIC);

	if (left <= 0)
		return 0;
	left = (left + NS_PER_MS - 1) / NS_PER_MS;
	return left > INT32_MAX ? INT32_MAX : (int)left;
}

static int follow(const struct record *r, int pidfd, struct cgroup_oom *oom, int64_t interval,
		  struct err *e)
{
	struct pollfd p[] = {
		{ .fd = pidfd, .events = POLLIN },
		{ .fd = oom->fd, .events = oom->events },
	};
	int64_t due = sys_clock_ns(CLOCK_MONOTONIC) + interval;
	bool ended = false;

	while (!ended) {
		if (poll(p, ARRAY_SIZE(p), ms_until(due)) < 0) {
			if (errno != EINTR)
				return err_sys(e, "poll");
			continue;
		}
		ended = p[0].revents;
		/* What killed init is told, too. */
		if ((p[1].revents || ended) && cgroup_oom_happened(&r->cgroup, oom) &&
		    print_event(r, true, e) < 0)
			return -1;
		if (ended || sys_clock_ns(CLOCK_MONOTONIC) < due)
			continue;
		if (print_event(r, false, e) < 0)
			return -1;
		due += interval;
		due = due < sys_clock_ns(CLOCK_MONOTONIC) ? sys_clock_ns(CLOCK_MONOTONIC) : due;
	}
	return 0;
}

static int run(struct invocation *inv, struct err *e)
{
	const struct options *o = inv->options;
	auto_container struct container c = CONTAINER_INIT;
	auto_record struct record r = { 0 };
	auto_close int pidfd = -1;
	int64_t interval = o->interval.set ? o->interval.v : DEFAULT_INTERVAL;
	struct cgroup_oom oom;
	enum status status;
	int ret;

	if (status_load(&inv->globals->root, inv->args[0], STATUS_NO_LOCK, &c, &r, &status, e) < 0)
		return -1;
	if (interval <= 0)
		return err_set(e, EINVAL, "duration interval must be greater than 0");
	if (status == STATUS_STOPPED || status == STATUS_CREATING)
		return err_set(e, ESRCH, "container with id %s is not running", c.id);
	if (o->stats)
		return print_event(&r, false, e);
	pidfd = record_pidfd(&r, e);
	if (pidfd < 0 || cgroup_oom_open(&r.cgroup, &oom, e) < 0)
		return -1;
	ret = follow(&r, pidfd, &oom, interval, e);
	cgroup_oom_close(&oom);
	return ret;
}

const struct command events_command = {
	.name = "events",
	.args = "<container-id>",
	.usage = "display container events such as OOM notifications, cpu, memory, and IO usage "
		 "statistics",
	.description =
		"The events command displays information about the container. By default the\n"
		"   information is displayed once every 5 seconds.",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
