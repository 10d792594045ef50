/* SPDX-License-Identifier: Apache-2.0 */
/* The status of a container. Runs in hull; asks the kernel, and believes nothing older. */
#include "state/status.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/record.h"
#include "state/root.h"

const char *status_name(enum status s)
{
	static const char *const names[] = {
		[STATUS_CREATING] = "creating", [STATUS_CREATED] = "created",
		[STATUS_RUNNING] = "running",	[STATUS_PAUSED] = "paused",
		[STATUS_STOPPED] = "stopped",
	};

	return names[s];
}

/*
 * Init listens at start.sock until it is started. A socket that nobody listens at refuses: `start`
 * was killed before it could remove it. Init does not mind a connection that says nothing.
 */
static bool waits_for_start(const struct container *c)
{
	auto_close int fd =
		fd_connect_unix(c->dir_fd, RECORD_SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK);

	/* EAGAIN: its queue is full, so it listens. */
	return fd >= 0 || errno == EAGAIN;
}

/* A create whose hull is gone never came to its end; its init dies with it. */
static enum status journal_status(const struct record *r)
{
	return record_alive(r, r->creator, r->creator_start) ? STATUS_CREATING : STATUS_STOPPED;
}

enum status status_of(const struct container *c, const struct record *r, pid_t *ret_pid)
{
	bool alive = record_alive(r, r->pid, r->start_time);

	if (ret_pid)
		*ret_pid = alive ? r->pid : 0;
	if (r->phase == RECORD_CREATING)
		return journal_status(r);
	/* Whoever may be left in a frozen cgroup: without its init a container has stopped. */
	if (!alive)
		return STATUS_STOPPED;
	if (cgroup_is_frozen(&r->cgroup))
		return STATUS_PAUSED;
	return waits_for_start(c) ? STATUS_CREATED : STATUS_RUNNING;
}

int status_load(const struct root *root, const char *id, int lock_ms, struct container *ret_c,
		struct record *ret_r, enum status *ret, struct err *e)
{
	auto_container struct container c = CONTAINER_INIT;

	if (container_open(root, id, &c, e) < 0)
		return -1;
	if (lock_ms >= 0 && container_lock(&c, lock_ms, e) < 0)
		return -1;
	if (record_read(c.dir_fd, ret_r, e) < 0)
		/* A create begins by making the directory. */
		return e->code == ENOENT ? err_set(e, ENOENT, "container does not exist") : -1;
	if (ret)
		*ret = status_of(&c, ret_r, NULL);
	*ret_c = c;
	c = CONTAINER_INIT;
	return 0;
}
