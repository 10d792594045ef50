/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mount of type cgroup or cgroup2. Runs in stage 2. What the container sees depends on the
 * host's layout and on whether it has a cgroup namespace:
 *
 *   v2, cgroup namespace      a new mount, whose root is the container's cgroup
 *   v2, none                  the host's mount, bound: a new one would cost a grace period
 *   v1, cgroup namespace      a tmpfs with a new mount for each hierarchy
 *   v1, none                  a tmpfs with the container's own directory of each bound into it
 *   none of its own (a user)  on v1 the same with those that it is in, read-only; else an empty tmpfs
 */
#include "init/base/inside.h"
#include "init/base/lsm.h"
#include "init/mount.h"
#include "init/mount/mount_new.h"
#include "nsexec/source.h"
#include "nsexec/tree.h"
#include "state/cgroup/cgroup.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CGROUP_ROOT "/sys/fs/cgroup"

static bool has_cgroup_ns(const struct init *in)
{
	return (in->a->new_ns | in->a->joined_ns) & CLONE_NEWCGROUP;
}

static int attach_bind(const struct init *in, const char *path, const struct mount_options *o,
		       int target, struct err *e)
{
	struct source_request r = { .path = path };
	auto_close int tree = source_open(&r, rootfs_cut(in), e);

	if (tree < 0 || mount_apply_attrs(tree, o, e) < 0 || mount_attach(tree, target, e) < 0)
		return -1;
	return mount_apply_propagation(tree, o, e);
}

/*
 * All of the host's, as a new mount would be: nothing that the host mounts there comes in. criu(8)
 * could not make a mount again that depends on one of the host.
 */
static int attach_host(const struct mount_options *o, int target, struct err *e)
{
	struct mount_attr own = { .propagation = MS_PRIVATE };
	struct source_request r = { .path = CGROUP_ROOT };
	auto_close int tree = source_open(&r, 0, e);

	if (tree < 0 || mount_apply_attrs(tree, o, e) < 0)
		return -1;
	if (tree_set_attr(tree, 0, &own) < 0)
		return err_sys(e, "make the mount of cgroups private");
	return mount_attach(tree, target, e) < 0 ? -1 : mount_apply_propagation(tree, o, e);
}

static int attach_new(const char *type, const char *data, const struct mount_options *o, int target,
		      struct err *e)
{
	auto_close int fd = mount_new_fs(type, "cgroup", mount_options_new(o), data, e);

	if (fd < 0 || mount_attach(fd, target, e) < 0)
		return -1;
	return mount_apply_propagation(fd, o, e);
}

static const char *own_path(const struct init *in)
{
	for (size_t i = 0; i < in->a->n_cgroups; i++) {
		if (!*in->a->cgroups[i].controllers)
			return in->a->cgroups[i].path;
	}
	return NULL;
}

/* v2 alone, or the unified hierarchy of a hybrid host for who asks for "cgroup2". */
static int mount_v2(struct init *in, const struct mount_options *o, int target, struct err *e)
{
	bool user_ns = (in->a->new_ns | in->a->joined_ns) & CLONE_NEWUSER;
	bool pure = in->a->cgroup_layout == CGROUP_V2;
	const char *own = own_path(in);

	if (pure && !has_cgroup_ns(in) && !user_ns)
		return attach_host(o, target, e);
	if (has_cgroup_ns(in) || !user_ns) {
		if (attach_new("cgroup2", str_get(&o->data), o, target, e) == 0)
			return 0;
		if (e->code != EPERM && e->code != EBUSY)
			return -1;
	} else {
		err_set(e, EPERM,
			"a user namespace without a cgroup namespace may not mount cgroups");
	}
	/* A bind of the whole tree would give write access to other cgroups (CVE-2023-25809). */
	if (own)
		return attach_bind(in, own, o, target, e);
	return pure ? attach_bind(in, CGROUP_ROOT, o, target, e) : -1;
}

const char *mount_cgroup_directory(const char *controllers)
{
	if (!*controllers)
		return "unified";
	return strncmp(controllers, "name=", 5) ? controllers : controllers + 5;
}

static int make_links(int dir_fd, const char *controllers, struct err *e)
{
	auto_free char *copy = xstrdup(controllers);
	char *save = NULL;

	if (!strchr(controllers, ','))
		return 0;
	for (char *name = strtok_r(copy, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		if (symlinkat(controllers, dir_fd, name) < 0 && errno != EEXIST)
			return err_sys(e, "make the link %s", name);
	}
	return 0;
}

static int mount_hierarchy(struct init *in, const struct init_cgroup *cg,
			   const struct mount_options *o, int dir_fd, struct err *e)
{
	const char *name = mount_cgroup_directory(cg->controllers);
	auto_close int target = -1;
	auto_free char *data = NULL;

	if (mkdirat(dir_fd, name, 0755) < 0 && errno != EEXIST)
		return err_sys(e, "make the directory %s", name);
	target = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return err_sys(e, "open %s", name);
	if (!has_cgroup_ns(in)) {
		if (attach_bind(in, cg->path, o, target, e) < 0)
			return -1;
	} else if (!*cg->controllers) {
		if (attach_new("cgroup2", "", o, target, e) < 0)
			return -1;
	} else {
		data = strncmp(cg->controllers, "name=", 5) ? xstrdup(cg->controllers) :
							      xasprintf("none,%s", cg->controllers);
		if (attach_new("cgroup", data, o, target, e) < 0)
			return -1;
	}
	return make_links(dir_fd, cg->controllers, e);
}

static int mount_v1(struct init *in, const struct mount_options *o, int target, struct err *e)
{
	uint64_t attrs = MOUNT_ATTR_NOEXEC | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };
	auto_str struct str buf = { 0 };
	const char *data = lsm_mount_data(in, "tmpfs", "mode=755", &buf);
	auto_close int tmpfs = mount_new_fs("tmpfs", "tmpfs", attrs, data, e);

	if (tmpfs < 0 || mount_attach(tmpfs, target, e) < 0)
		return -1;
	for (size_t i = 0; i < in->a->n_cgroups; i++) {
		if (mount_hierarchy(in, &in->a->cgroups[i], o, tmpfs, e) < 0 &&
		    in->a->cgroup_layout != CGROUP_NONE)
			return err_wrap(e, "cgroup hierarchy \"%s\"",
					in->a->cgroups[i].controllers);
	}
	if ((o->ms_set & MS_RDONLY) && tree_set_attr(tmpfs, 0, &ro) < 0)
		return err_sys(e, "make the tmpfs of cgroups read-only");
	return mount_apply_propagation(tmpfs, o, e);
}

/* Others are in these, too: to look at, and what cannot be shown is empty. */
static int mount_shown(struct init *in, const struct mount_options *o, int target, struct err *e)
{
	struct mount_options ro = *o;

	ro.ms_set |= MS_RDONLY;
	ro.ms_clr &= ~(unsigned long)MS_RDONLY;
	return mount_v1(in, &ro, target, e);
}

int mount_cgroup(struct init *in, const struct mount_work *w, struct err *e)
{
	auto_close int target = mount_open_target(in, w->dest, INSIDE_DIR, false, NULL, e);

	if (target < 0)
		return -1;
	if (in->a->cgroup_layout == CGROUP_NONE)
		return mount_shown(in, &w->o, target, e);
	if (in->a->cgroup_layout == CGROUP_V2 || mount_is_type(w, "cgroup2"))
		return mount_v2(in, &w->o, target, e);
	return mount_v1(in, &w->o, target, e);
}
