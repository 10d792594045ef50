/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The id maps of a new user namespace. Runs in stage 0, with hull's rights: written directly when
 * the kernel lets us, else by newuidmap(1) and newgidmap(1), which look into /etc/subuid and
 * /etc/subgid for an ordinary user.
 */
#include "nsexec/nsexec.h"
#include "nsexec/process/process.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <unistd.h>

/* The helpers take the numbers of the map as arguments, any number of lines. */
static int run_helper(const char *helper, pid_t pid, const char *map, struct err *e)
{
	auto_free char *text = xstrdup(map);
	auto_free char **argv = xzalloc((strlen(map) / 2 + 4) * sizeof(*argv));
	static char *const env[] = { NULL };
	struct process_result res = { 0 };
	char num[16], *save = NULL;
	size_t n = 0;

	snprintf(num, sizeof(num), "%d", (int)pid);
	argv[n++] = (char *)(uintptr_t)helper;
	argv[n++] = num;
	for (char *w = strtok_r(text, " \n", &save); w; w = strtok_r(NULL, " \n", &save))
		argv[n++] = w;
	if (process_run(
		    &(struct process){
			    .path = helper, .argv = argv, .env = env, .timeout_ms = 30000 },
		    &res, e) < 0)
		return -1;
	if (process_succeeded(&res))
		return 0;
	return err_set(e, EPERM, "%s failed: %s%s%s", helper, res.how, res.errors[0] ? ": " : "",
		       res.errors);
}

/* Is 0 of the parent among the ids? A line is "inside outside size". */
static bool maps_root(const char *map)
{
	for (const char *line = map; line; line = strchr(line, '\n')) {
		char *end;

		strtoul(line, &end, 10);
		if (*end == ' ' && !strtoul(end, NULL, 10))
			return true;
		line += *line == '\n';
	}
	return false;
}

static int write_map(pid_t pid, const char *file, const char *map, const char *helper,
		     const char *key, struct err *e)
{
	char path[PROC_PATH_SIZE];

	proc_path(path, pid, file);
	if (fd_write_file(AT_FDCWD, path, map) == 0)
		return 0;
	err_sys(e, "write %s", path);
	/* user_namespaces(7): the text must be shorter than a page, whatever the number of lines. */
	if (e->code == EINVAL && strlen(map) >= (size_t)sysconf(_SC_PAGESIZE))
		err_wrap(e, "the map has %zu bytes, more than the kernel takes", strlen(map));
	if (e->code == EPERM && helper && run_helper(helper, pid, map, e) == 0)
		return 0;
	/* user_namespaces(7): since Linux 5.12 a map of the parent's user 0 needs it in the parent. */
	if (e->code == EPERM && maps_root(map) && !sys_has_capability(CAP_SETFCAP))
		err_wrap(e, "user 0 may be mapped only with CAP_SETFCAP, which hull has not");
	else if (e->code == EPERM && !helper)
		err_wrap(e, "not allowed, and no new%s is in PATH",
			 *file == 'u' ? "uidmap" : "gidmap");
	err_at_key(e, key);
	return err_at_key(e, "linux");
}

int idmap_write(pid_t pid, const struct bootstrap *b, struct err *e)
{
	char path[64];

	/*
	 * CVE-2014-8989: who may drop groups in a user namespace could pass a file's negative
	 * group permission, so an ordinary user must deny setgroups(2) before the kernel takes a
	 * gid map from it (user_namespaces(7)).
	 */
	if (b->deny_setgroups) {
		proc_path(path, pid, "setgroups");
		if (fd_write_file(AT_FDCWD, path, "deny") < 0 && errno != ENOENT)
			return err_sys(e, "write %s", path);
	}
	if (b->gid_map && write_map(pid, "gid_map", b->gid_map, b->newgidmap, "gidMappings", e) < 0)
		return -1;
	if (b->uid_map && write_map(pid, "uid_map", b->uid_map, b->newuidmap, "uidMappings", e) < 0)
		return -1;
	return 0;
}
