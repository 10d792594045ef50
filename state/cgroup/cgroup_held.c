/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps a process from dying that was killed. Runs in hull. */
#include "state/cgroup/cgroup_files.h"

#include <dirent.h>
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

char *cgroup_freezing_dir(const char *dir, bool v2)
{
	const char *file = v2 ? "cgroup.freeze" : "freezer.self_freezing";
	char *found = cgroup_dir_frozen(dir, v2) ? xstrdup(dir) : NULL;
	char text[16], *slash;

	/* The root of a hierarchy has no such file. */
	while (found && cgroup_read(found, file, text, sizeof(text)) >= 0 &&
	       strcmp(text, "1") != 0 && (slash = strrchr(found, '/')) && slash != found)
		*slash = '\0';
	return found;
}

bool cgroup_is_below_root(const struct cgroup_dir *d)
{
	const char *p = str_starts(d->path, CGROUP_ROOT "/") ?
				strchr(d->path + strlen(CGROUP_ROOT), '/') :
				NULL;

	if (p && *d->controllers)
		p = strchr(p + 1, '/');
	return p && !strchr(p + 1, '/');
}

char *cgroup_frozen_above(const struct cgroup *cg)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "freezer", &v2);

	return d && !cgroup_is_below_root(d) ? cgroup_freezing_dir(d->path, v2) : NULL;
}

char *cgroup_frozen_by(const struct cgroup *cg)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "freezer", &v2);

	return d ? cgroup_freezing_dir(d->path, v2) : NULL;
}

/*
 * freezer-subsystem.rst: a process in a frozen cgroup of v1 does not even die. v2's do. The cgroup
 * that was frozen, which may be one above the process's own; NULL for none. The caller frees it.
 */
static char *frozen_by(const struct cgroup *cg, pid_t pid)
{
	const struct cgroup_dir *d;
	char *found = NULL;
	struct cgroup now;
	struct err ignored;

	if (cg->layout == CGROUP_V2 || cgroup_of(pid, &now, &ignored) < 0)
		return NULL;
	d = cgroup_find(&now, "freezer");
	if (d)
		found = cgroup_freezing_dir(d->path, false);
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

/* In one of the container's cgroups, or it was: a zombie stays in its own of v2, though that is removed. */
static bool was_inside(const struct cgroup *cg, const char *pid)
{
	char path[PROC_PATH_SIZE], text[4096];

	snprintf(path, sizeof(path), "/proc/%.20s/cgroup", pid);
	if (fd_read_small(AT_FDCWD, path, text, sizeof(text)) <= 0)
		return false;
	for (size_t i = 0; i < cg->n; i++) {
		const char *own = strrchr(cg->dirs[i].path, '/');

		if (own && own[1] && strstr(text, own))
			return true;
	}
	return false;
}

/* "name" of "PID (name) S PPID ..." and what follows it; false for what is no zombie. */
static bool read_zombie(const char *pid, char comm[static 64], long *ret_parent)
{
	char path[PROC_PATH_SIZE], text[1024], *begin, *end;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	if (fd_read_small(AT_FDCWD, path, text, sizeof(text)) <= 0 ||
	    !(begin = strchr(text, '(')) || !(end = strrchr(text, ')')))
		return false;
	*end = '\0';
	snprintf(comm, 64, "%s", begin + 1);
	*ret_parent = end[1] == ' ' && end[2] ? strtol(end + 3, NULL, 10) : 0;
	return end[1] == ' ' && end[2] == 'Z';
}

/*
 * pid_namespaces(7): its init ends when all that were in it have been reaped, those of exec too, whose
 * parent is outside. Who has not been waited for, and by whom; NULL when nobody is found.
 */
static char *unreaped(const struct cgroup *cg)
{
	char comm[64], parent_comm[64], path[PROC_PATH_SIZE];
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char *found = NULL;
	long parent;

	while (proc && !found && (entry = readdir(proc))) {
		if (*entry->d_name < '1' || *entry->d_name > '9' ||
		    !read_zombie(entry->d_name, comm, &parent) || !was_inside(cg, entry->d_name))
			continue;
		snprintf(path, sizeof(path), "/proc/%ld/comm", parent);
		if (fd_read_small(AT_FDCWD, path, parent_comm, sizeof(parent_comm)) < 0)
			*parent_comm = '\0';
		parent_comm[strcspn(parent_comm, "\n")] = '\0';
		found = xasprintf(
			": it waits for process %.20s (%s), which has ended, to be reaped by its parent %ld (%s)",
			entry->d_name, comm, parent, parent_comm);
	}
	if (proc)
		closedir(proc);
	return found;
}

char *cgroup_why_alive(const struct cgroup *cg, pid_t pid)
{
	char *why = cgroup_why_frozen(cg, pid);
	auto_free char *where = NULL;

	if (why)
		return why;
	where = state_of(pid);
	why = strstr(where, "in zap_pid_ns_processes") ? unreaped(cg) : NULL;
	return why ? why : take_ptr(&where);
}
