/* SPDX-License-Identifier: Apache-2.0 */
/* `hull start`. The messages are PROTOCOL.md's. */
#include "cmd/launch/launch.h"

#include "cmd/launch/destroy.h"
#include "cmd/launch/common.h"
#include "cmd/attach/listener.h"
#include "cmd/launch/notify.h"
#include "cmd/line/options.h"
#include "nsexec/channel.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/record.h"
#include "state/root.h"
#include "state/status.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/base/trace.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

/* poststart hooks need the configuration; most containers have none, and it is not parsed then. */
static int run_poststart(const struct container *c, const struct record *rec, struct err *e)
{
	auto_free char *text = NULL;
	struct arena arena;
	struct spec *s;
	size_t n;

	if (fd_read_file(c->dir_fd, RECORD_CONFIG, SPEC_FILE_MAX, &text, &n, e) < 0)
		return -1;
	if (!strcasestr(text, "hooks") && !strstr(text, "\\u"))
		return 0;
	arena_init(&arena);
	if (spec_read(text, n, &arena, &s, e) < 0)
		return -1;
	return s->hooks ? launch_hooks(&s->hooks->poststart, "poststart", s, rec, "running", e) : 0;
}

/* Init would not answer, for ever perhaps: nor does it when `start` has gone away. */
static int check_runs(const struct record *rec, struct err *e)
{
	auto_free char *by = cgroup_frozen_above(&rec->cgroup);

	return by ? err_set(e, EBUSY, "cannot start a container that is frozen by %s", by) : 0;
}

static int check_startable(enum status status, const struct record *rec, struct err *e)
{
	switch (status) {
	case STATUS_CREATED:
		return check_runs(rec, e);
	case STATUS_STOPPED:
		return err_set(e, EINVAL, "cannot start a container that has stopped");
	case STATUS_RUNNING:
		return err_set(e, EINVAL, "cannot start an already running container");
	case STATUS_PAUSED:
	case STATUS_CREATING:
		break;
	}
	return err_set(e, EINVAL, "cannot start a container in the %s state", status_name(status));
}

static void take_span(const char *line)
{
	(void)trace_take(line);
}

/* GO, then EXEC and the end of file, or an error. */
static int talk_to_init(const struct container *c, const struct record *rec, struct err *e)
{
	trace_here("wait until the program runs", NULL);
	struct listener to = {
		.dir_fd = c->dir_fd, .rec = rec, .pid = &rec->pid, .status = "creating"
	};
	struct channel_listener serve = { listener_pass_on, &to };
	auto_close int sock = fd_connect_unix(c->dir_fd, RECORD_SOCKET, SOCK_SEQPACKET);
	const char trace = MSG_GO_TRACE;

	if (sock < 0)
		return err_sys(e, "connect to the container's init");
	channel_log_fn = take_span;
	if (channel_send(sock, MSG_GO, &trace, trace_on, -1, e) < 0)
		return -1;
	if (channel_wait_exec(sock, rec->has_listener ? &serve : NULL, e) == 0)
		return 0;
	if (e->code == ENODATA)
		err_set(e, ECHILD, "container init went away before it ran the program");
	return -1;
}

/*
 * A failure of start stops the container. runtime.md, Lifecycle: where it was a hook's, the container
 * is destroyed, too, and poststop hooks run; else that is left to delete.
 */
static void stop(struct container *c, const struct record *rec, const struct err *why)
{
	auto_close int pidfd = -1;
	struct err second;

	if (str_starts(why->pointer, "/hooks/")) {
		if (destroy_container(c, rec, &second) < 0)
			log_warn("%s", second.chain);
		return;
	}
	pidfd = record_pidfd(rec, &second);
	if (pidfd >= 0)
		sys_pidfd_send_signal(pidfd, SIGKILL);
}

static int start(const struct globals *g, const char *id, struct err *e)
{
	auto_container struct container c = CONTAINER_INIT;
	auto_record struct record rec = { 0 };
	struct notify notify = NOTIFY_INIT;
	enum status status;

	if (status_load(&g->root, id, CONTAINER_LOCK_MS, &c, &rec, &status, e) < 0 ||
	    check_startable(status, &rec, e) < 0 || notify_open(&c, &notify, e) < 0)
		return -1;
	if (talk_to_init(&c, &rec, e) < 0) {
		stop(&c, &rec, e);
		return err_wrap(e, "unable to start container process");
	}
	unlinkat(c.dir_fd, RECORD_SOCKET, 0);
	launch_leave_notify(&notify, &rec);
	if (run_poststart(&c, &rec, e) < 0) {
		stop(&c, &rec, e);
		return -1;
	}
	return 0;
}

struct options {
	const char *trace;
};

static const struct option_row options[] = {
	TRACE_ROW(options, trace),
	{ 0 },
};

static int run(struct invocation *inv, struct err *e)
{
	return start(inv->globals, inv->args[0], e);
}

const struct command start_command = {
	.name = "start",
	.args = "<container-id>",
	.usage = "executes the user defined process in a created container",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
