/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a container's cgroups: those below them that `exec --cgroup` enters, and the files
 * that a container with a cgroup namespace and a writable mount of its own is given. Runs in hull.
 */
#include "state/cgroup/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"

/* --- exec --cgroup ---------------------------------------------------------------------------- */

/* path below the cgroup of d, lexically: cgroup file systems have no symbolic links. */
static int enter_dir(struct cgroup_dir *d, const char *path, struct err *e)
{
	auto_free char *joined = xasprintf("%s/%s", d->path, path);
	char *clean = path_clean(joined);
	size_t n = strlen(d->path);

	if (strncmp(clean, d->path, n) != 0 || (clean[n] && clean[n] != '/')) {
		free(clean);
		return err_set(e, EINVAL, "bad sub cgroup path: %s", path);
	}
	free(d->path);
	d->path = clean;
	return 0;
}

static struct cgroup_dir *find_dir(struct cgroup *cg, const char *controller)
{
	for (size_t i = 0; i < cg->n; i++) {
		if (*cg->dirs[i].controllers &&
		    cgroup_has_word(cg->dirs[i].controllers, controller))
			return &cg->dirs[i];
	}
	return NULL;
}

/* "cpu,memory:path"; used has the controllers of the wishes before. */
static int enter_controllers(struct cgroup *cg, const char *wish, struct str *used, struct err *e)
{
	auto_free char *names = xstrndup(wish, strcspn(wish, ":"));
	const char *path = wish + strlen(names) + 1;
	struct cgroup_dir *entered[CGROUP_TASKS_MAX] = { NULL }, *d;
	char *name, *rest = names;
	size_t n = 0, i;

	while ((name = strsep(&rest, ","))) {
		if (!*name)
			return err_set(e, EINVAL,
				       "invalid --cgroup argument: %s (empty <controller> prefix)",
				       wish);
		if (cgroup_has_word(str_get(used), name))
			return err_set(
				e, EINVAL,
				"invalid --cgroup argument(s): controller %s specified multiple times",
				name);
		str_addf(used, " %s", name);
		d = find_dir(cg, name);
		if (!d)
			return err_set(
				e, EINVAL,
				"invalid --cgroup argument: %s: unknown controller %s (the container's "
				"cgroups have none of this name)",
				wish, name);
		/* "cpu,cpuacct" may be one hierarchy. */
		for (i = 0; i < n && entered[i] != d;)
			i++;
		if (i < n || n == ARRAY_SIZE(entered))
			continue;
		entered[n++] = d;
		if (enter_dir(d, path, e) < 0)
			return -1;
	}
	return 0;
}

static void copy(const struct cgroup *cg, struct cgroup *ret)
{
	*ret = (struct cgroup){ .layout = cg->layout, .n = cg->n };
	ret->dirs = xzalloc((cg->n + 1) * sizeof(*ret->dirs));
	for (size_t i = 0; i < cg->n; i++)
		ret->dirs[i] = (struct cgroup_dir){ xstrdup(cg->dirs[i].controllers),
						    xstrdup(cg->dirs[i].path), 0 };
}

static int enter_all(struct cgroup *cg, const char *const *wishes, size_t n, struct err *e)
{
	auto_str struct str used = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (strchr(wishes[i], ':')) {
			if (enter_controllers(cg, wishes[i], &used, e) < 0)
				return -1;
			continue;
		}
		if (n != 1)
			return err_set(
				e, EINVAL,
				"invalid --cgroup argument: %s (missing <controller>: prefix)",
				wishes[i]);
		for (size_t k = 0; k < cg->n; k++) {
			if (enter_dir(&cg->dirs[k], wishes[i], e) < 0)
				return -1;
		}
	}
	return 0;
}

int cgroup_sub(const struct cgroup *cg, const char *const *wishes, size_t n, struct cgroup *ret,
	       struct err *e)
{
	struct cgroup sub;

	copy(cg, &sub);
	if (enter_all(&sub, wishes, n, e) < 0) {
		cgroup_done(&sub);
		return -1;
	}
	*ret = sub;
	return 0;
}

/* --- Delegation ------------------------------------------------------------------------------- */

/* What the kernel calls safe to give away (cgroup-v2.rst, Delegation); since Linux 4.15. */
#define DELEGATE "/sys/kernel/cgroup/delegate"

int cgroup_delegate(const struct cgroup *cg, uid_t uid, struct err *e)
{
	const struct cgroup_dir *d = cgroup_find(cg, "");
	char text[1024], *name, *rest = text;
	auto_close int fd = -1;

	if (cg->layout != CGROUP_V2 || !d)
		return 0;
	if (fd_read_small(AT_FDCWD, DELEGATE, text, sizeof(text)) < 0)
		memcpy(text, "cgroup.procs\ncgroup.subtree_control\ncgroup.threads",
		       sizeof("cgroup.procs\ncgroup.subtree_control\ncgroup.threads"));
	fd = fd_open(AT_FDCWD, d->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, e);
	if (fd < 0)
		return -1;
	if (fchown(fd, uid, (gid_t)-1) < 0)
		return err_sys(e, "give cgroup %s to user %u", d->path, (unsigned)uid);
	while ((name = strsep(&rest, "\n"))) {
		/* Those of controllers that are not enabled are not there. */
		if (*name && !strchr(name, '/') &&
		    fchownat(fd, name, uid, (gid_t)-1, AT_SYMLINK_NOFOLLOW) < 0 && errno != ENOENT)
			return err_sys(e, "give %s/%s to user %u", d->path, name, (unsigned)uid);
	}
	return 0;
}
