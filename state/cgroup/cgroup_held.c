/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps a process from dying that was killed. Runs in hull. */
#include "state/cgroup/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/base/str.h"
#include "state/base/sys.h"

/*
 * freezer-subsystem.rst: a process in a frozen cgroup of v1 does not even die. v2's do. The cgroup
 * that was frozen, which may be one above the process's own; NULL for none. The caller frees it.
 */
static char *frozen_by(const struct cgroup *cg, pid_t pid)
{
	const struct cgroup_dir *d;
	char text[16], *slash;
	char *found = NULL;
	struct cgroup now;
	struct err ignored;

	if (cg->layout == CGROUP_V2 || cgroup_of(pid, &now, &ignored) < 0)
		return NULL;
	d = cgroup_find(&now, "freezer");
	if (d && cgroup_dir_frozen(d->path, false))
		found = xstrdup(d->path);
	while (found && cgroup_read(found, "freezer.self_freezing", text, sizeof(text)) >= 0 &&
	       strcmp(text, "1") != 0 && (slash = strrchr(found, '/')) && slash != found)
		*slash = '\0';
	cgroup_done(&now);
	return found;
}

static bool is_within(const struct cgroup *cg, const char *dir)
{
	const struct cgroup_dir *own = cgroup_find(cg, "freezer");
	size_t n = own ? strlen(own->path) : 0;

	return own && !strncmp(dir, own->path, n) && (!dir[n] || dir[n] == '/');
}

bool cgroup_thaw_holder(const struct cgroup *cg, pid_t pid)
{
	auto_free char *dir = frozen_by(cg, pid);

	return dir && is_within(cg, dir) && cgroup_write(dir, "freezer.state", "THAWED") == 0;
}

/* The state of a process (proc_pid_stat(5)), and where in the kernel it is. */
static char *state_of(pid_t pid)
{
	char path[PROC_PATH_SIZE], text[1024], where[64] = "";
	const char *p;

	if (fd_read_small(AT_FDCWD, proc_path(path, pid, "stat"), text, sizeof(text)) <= 0 ||
	    !(p = strrchr(text, ')')) || p[1] != ' ')
		return xstrdup("");
	if (fd_read_small(AT_FDCWD, proc_path(path, pid, "wchan"), where, sizeof(where)) < 0 ||
	    !strcmp(where, "0"))
		*where = '\0';
	return xasprintf(": it is in state %c%s%s", p[2], *where ? ", in " : "", where);
}

char *cgroup_why_frozen(const struct cgroup *cg, pid_t pid)
{
	auto_free char *dir = frozen_by(cg, pid);

	if (!dir)
		return NULL;
	return xasprintf(": it is frozen by %s%s", dir,
			 is_within(cg, dir) ?
				 "" :
				 ", which is not the container's, and dies when that is thawed");
}

char *cgroup_why_alive(const struct cgroup *cg, pid_t pid)
{
	char *why = cgroup_why_frozen(cg, pid);

	return why ? why : state_of(pid);
}
