/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Being told when a container runs out of memory. v1 has an eventfd for it (cgroup-v1/memory.rst,
 * OOM Control), v2 wakes pollers of memory.events. Runs in `hull events`.
 */
#include "state/cgroup/cgroup_files.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#define EVENTS "memory.events"

static int open_v1(const char *dir, struct cgroup_oom *o, struct err *e)
{
	auto_free char *control = xasprintf("%s/memory.oom_control", dir);
	char text[48];

	o->control_fd = fd_open(AT_FDCWD, control, O_RDONLY, 0, e);
	if (o->control_fd < 0)
		return -1;
	o->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (o->fd < 0)
		return err_sys(e, "eventfd");
	snprintf(text, sizeof(text), "%d %d", o->fd, o->control_fd);
	if (cgroup_write(dir, "cgroup.event_control", text) < 0)
		return err_sys(e, "write \"%s\" to %s/cgroup.event_control", text, dir);
	o->events = POLLIN;
	return 0;
}

/* kernfs wakes whoever polls for POLLPRI and has read the file before. */
static int open_v2(const char *dir, struct cgroup_oom *o)
{
	auto_free char *path = xasprintf("%s/" EVENTS, dir);

	o->fd = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	o->events = POLLPRI;
	return 0;
}

int cgroup_oom_open(const struct cgroup *cg, struct cgroup_oom *ret, struct err *e)
{
	struct cgroup_oom o = { .fd = -1, .control_fd = -1 };
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "memory", &v2);

	o.seen = cgroup_oom_kills(cg);
	if (d && (v2 ? open_v2(d->path, &o) : open_v1(d->path, &o, e)) < 0) {
		cgroup_oom_close(&o);
		return -1;
	}
	*ret = o;
	if (v2 && o.fd >= 0)
		(void)cgroup_oom_happened(cg, ret);
	return 0;
}

static bool happened_v1(const struct cgroup *cg, const struct cgroup_oom *o)
{
	const struct cgroup_dir *d = cgroup_find(cg, "memory");
	auto_free char *path = d ? xasprintf("%s/cgroup.event_control", d->path) : NULL;
	uint64_t n;

	/* The end of the cgroup is an event, too. */
	return read(o->fd, &n, sizeof(n)) == (ssize_t)sizeof(n) && path && access(path, F_OK) == 0;
}

bool cgroup_oom_happened(const struct cgroup *cg, struct cgroup_oom *o)
{
	char text[512];
	const char *p;
	uint64_t now;
	ssize_t n;
	bool more;

	if (o->fd < 0)
		return false;
	if (o->control_fd >= 0)
		return happened_v1(cg, o);
	n = pread(o->fd, text, sizeof(text) - 1, 0);
	if (n <= 0)
		return false;
	text[n] = '\0';
	p = cgroup_find_key(text, "oom_kill", strlen("oom_kill"));
	now = p ? strtoull(p, NULL, 10) : 0;
	more = now > o->seen;
	o->seen = now;
	return more;
}

void cgroup_oom_close(struct cgroup_oom *o)
{
	cleanup_close(&o->fd);
	cleanup_close(&o->control_fd);
}
