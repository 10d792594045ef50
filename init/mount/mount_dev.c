/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs in hull, beside stages that make namespaces, which takes them as long. A tmpfs or devpts belongs to no
 * namespace but the user's, so whoever mounts it makes the same (fsopen(2), Linux 5.2). Mounting in a detached
 * tree takes Linux 6.15; before that only /dev itself is made here.
 */
#include "init/mount/mount_dev.h"

#include "init/mount/mount_new.h"
#include "init/mount/mount_options.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define DEV "/dev/"

/* /dev/console is console.c's, /dev/ptmx a link. */
const struct mount_dev_node mount_dev_nodes[MOUNT_DEV_NODES] = {
	{ "null", 1, 3 },   { "zero", 1, 5 },	 { "full", 1, 7 },
	{ "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" },
	{ "stdin", "/proc/self/fd/0" },
	{ "stdout", "/proc/self/fd/1" },
	{ "stderr", "/proc/self/fd/2" },
};

/* What the image has of this name may stay, as with runc. */
static int make_link(int dev, const char *target, const char *name, struct err *e)
{
	if (symlinkat(target, dev, name) < 0 && errno != EEXIST)
		return err_sys(e, "make the link /dev/%s", name);
	return 0;
}

int mount_dev_links(int dev, bool core, struct err *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(links); i++) {
		if (make_link(dev, links[i].target, links[i].name, e) < 0)
			return -1;
	}
	if (core && make_link(dev, "/proc/kcore", "core", e) < 0)
		return -1;
	/* The container's own terminals, never the host's: an old node must go. */
	if (symlinkat("pts/ptmx", dev, "ptmx") < 0) {
		if (errno != EEXIST || unlinkat(dev, "ptmx", 0) < 0 ||
		    symlinkat("pts/ptmx", dev, "ptmx") < 0)
			return err_sys(e, "make the link /dev/ptmx");
	}
	return 0;
}

/* --- the plan --------------------------------------------------------------------------------- */

/* A tmpfs or devpts of which nothing is asked that is to be done later, or elsewhere; of /dev itself its mode, too. */
static bool is_plain(const struct spec_mount *m, bool with_mode)
{
	struct mount_options o;
	bool r;

	if (m->uid_mappings.n || (!spec_mount_is(m, "tmpfs") && !spec_mount_is(m, "devpts")))
		return false;
	mount_options_parse(&m->options, &o);
	r = !o.bind && !o.remount && !o.idmap && mount_options_simple(&o, o.ms_set) &&
	    o.data.n <= MOUNT_VALUE_MAX && (!with_mode || mount_has_mode(str_get(&o.data)));
	mount_options_done(&o);
	return r;
}

/* The entry of /dev, of which there is one, before all that is in it; or n. */
static size_t find_dev(const struct spec_mounts *m, char *const *dest)
{
	size_t found = m->n;

	for (size_t i = 0; i < m->n; i++) {
		if (!strcmp(dest[i], "/dev") && found == m->n)
			found = i;
		else if (path_is_below(dest[i], "/dev") &&
			 (found == m->n || !dest[i][strlen("/dev")]))
			return m->n;
	}
	/* Without a mode it would be that of the image's directory. */
	return found < m->n && spec_mount_is(&m->v[found], "tmpfs") &&
			       is_plain(&m->v[found], true) ?
		       found :
		       m->n;
}

/* Right below /dev, and nothing that comes between them is at this place. */
static bool fits(const struct spec_mounts *m, char *const *dest, size_t dev, size_t i)
{
	if (!str_starts(dest[i], DEV) || strchr(dest[i] + strlen(DEV), '/') ||
	    !is_plain(&m->v[i], false))
		return false;
	for (size_t k = dev + 1; k < i; k++) {
		if (path_is_below(dest[k], dest[i]))
			return false;
	}
	return true;
}

static bool is_name(const char *name, size_t n, const char *other)
{
	return !strncmp(name, other, n) && !other[n];
}

/* It is at, or below, one of our own names: without us its mount point would have come first. */
static bool is_taken(const char *dest)
{
	const char *name = dest + strlen(DEV);
	size_t n;
	bool r;

	if (!str_starts(dest, DEV))
		return false;
	n = strcspn(name, "/");
	r = is_name(name, n, "core") || is_name(name, n, "ptmx");
	for (size_t i = 0; i < ARRAY_SIZE(mount_dev_nodes); i++)
		r = r || is_name(name, n, mount_dev_nodes[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		r = r || is_name(name, n, links[i].name);
	return r;
}

static void plan_from(const struct spec *s, char *const *dest, size_t dev, struct mount_dev *ret)
{
	const struct spec_mounts *m = &s->mounts;

	ret->mounts = (uint64_t)1 << dev;
	ret->complete = !s->linux_->devices.n;
	for (size_t i = 0; i < m->n; i++) {
		if (i > dev && i < MOUNT_DEV_MAX && fits(m, dest, dev, i))
			ret->mounts |= (uint64_t)1 << i;
		ret->complete = ret->complete && !is_taken(dest[i]);
	}
}

bool mount_dev_possible(const struct spec *s)
{
	const struct spec_namespace *ns = spec_namespace(s, CLONE_NEWNS);

	return ns && str_empty(ns->path) && !spec_namespace(s, CLONE_NEWUSER) &&
	       str_empty(s->linux_->mount_label);
}

void mount_dev_plan(const struct spec *s, const char *rootfs, struct mount_dev *ret)
{
	auto_free char **dest = xmalloc((s->mounts.n + 1) * sizeof(*dest));
	size_t dev;

	*ret = (struct mount_dev){ 0 };
	for (size_t i = 0; i < s->mounts.n; i++)
		dest[i] = mount_destination(rootfs, s->mounts.v[i].destination);
	dev = find_dev(&s->mounts, dest);
	if (dev < s->mounts.n && dev < MOUNT_DEV_MAX)
		plan_from(s, dest, dev, ret);
	for (size_t i = 0; i < s->mounts.n; i++)
		free(dest[i]);
}

/* --- making it -------------------------------------------------------------------------------- */

static int make_super(const struct spec_mount *m)
{
	struct mount_options o;
	struct err ignored;
	int fd;

	mount_options_parse(&m->options, &o);
	fd = mount_new_super(m->type, m->source, 0, mount_options_new(&o), str_get(&o.data),
			     &ignored);
	mount_options_done(&o);
	return fd;
}

/* A directory that is there could give its mode to what init mounts on it. */
static bool make_in(int dev, const struct spec_mount *m)
{
	auto_free char *clean = path_join("/", m->destination);
	const char *name = strrchr(clean, '/') + 1;
	auto_close int fd = -1;

	if (mkdirat(dev, name, 0755) < 0)
		return false;
	fd = make_super(m);
	if (fd >= 0 && sys_move_mount(fd, "", dev, name, MOVE_MOUNT_F_EMPTY_PATH) == 0)
		return true;
	unlinkat(dev, name, AT_REMOVEDIR);
	return false;
}

static bool make_nodes(int dev)
{
	struct err ignored;

	for (size_t i = 0; i < ARRAY_SIZE(mount_dev_nodes); i++) {
		const struct mount_dev_node *n = &mount_dev_nodes[i];

		if (mknodat(dev, n->name, S_IFCHR | 0666, makedev(n->major, n->minor)) < 0)
			return false;
	}
	return mount_dev_links(dev, access("/proc/kcore", F_OK) == 0, &ignored) == 0;
}

/* In the tmpfs dev, with a umask of 0: modes are meant as written. */
static void fill(int dev, const struct spec_mounts *m, size_t first, struct mount_dev *plan)
{
	bool able = true;

	for (size_t i = first + 1; i < m->n; i++) {
		if (!mount_dev_has(plan, i))
			continue;
		able = able && make_in(dev, &m->v[i]);
		if (!able)
			plan->mounts &= ~((uint64_t)1 << i);
	}
	plan->complete = plan->complete && make_nodes(dev);
}

size_t mount_dev_first(const struct mount_dev *d, size_t n)
{
	size_t i = 0;

	while (i < n && !mount_dev_has(d, i))
		i++;
	return i;
}

int mount_dev_make(const struct spec *s, struct mount_dev *plan)
{
	const struct spec_mounts *m = &s->mounts;
	auto_close int dev = -1;
	mode_t mask = (mode_t)-1;
	size_t i = mount_dev_first(plan, m->n);

	if (i < m->n)
		dev = make_super(&m->v[i]);
	if (dev >= 0)
		mask = umask(0);
	if (mask == (mode_t)-1) {
		*plan = (struct mount_dev){ 0 };
		return -1;
	}
	fill(dev, m, i, plan);
	umask(mask);
	return take_fd(&dev);
}
