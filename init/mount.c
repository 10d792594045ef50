/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts[], in order. Runs in stage 2 in the container's mount namespace, before the change of
 * root: sources are still paths of the host, targets are descriptors below the container's root.
 * A mount is made detached, gets its attributes, and is then put on its target, so that nobody
 * ever sees it half made. Bind mounts are here, new file systems in mount_fs.c.
 */
#include "init/mount.h"

#include "nsexec/channel.h"
#include "nsexec/nsexec.h"
#include "nsexec/source.h"
#include "nsexec/tree.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"
#include "state/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>

int mount_attach(int mount_fd, int target_fd, struct err *e)
{
	if (tree_move(mount_fd, target_fd) == 0)
		return 0;
	err_sys(e, "move_mount");
	/* The kernel says ENOTDIR for it, or since 6.15 EINVAL. */
	if ((e->code == ENOTDIR || e->code == EINVAL) &&
	    fd_is_directory(mount_fd) != fd_is_directory(target_fd))
		return err_set(e, ENOTDIR, "%s: not a directory",
			       fd_is_directory(mount_fd) ?
				       "a directory cannot be mounted on a file" :
				       "a file cannot be mounted on a directory");
	return -1;
}

int mount_set_attr(int fd, unsigned flags, uint64_t set, uint64_t clr, struct err *e)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clr };

	if (!set && !clr)
		return 0;
	if (tree_set_attr(fd, flags, &attr) == 0)
		return 0;
	err_sys(e, "mount_setattr");
	if (e->code == EPERM)
		err_wrap(e, "a flag that is locked by the host cannot be changed");
	if (e->code == ENOSYS)
		err_wrap(
			e, "%s needs Linux 5.12",
			flags & AT_RECURSIVE ?
				"a recursive attribute" :
				"an attribute where a tmpfs must not help (no mount namespace, or a shared root)");
	return -1;
}

/* The flags of a mount as MS_*, as far as they can be locked. */
static unsigned long lockable_flags(int fd)
{
	static const struct {
		unsigned long st, ms;
	} map[] = {
		{ ST_RDONLY, MS_RDONLY },     { ST_NOSUID, MS_NOSUID },
		{ ST_NODEV, MS_NODEV },	      { ST_NOEXEC, MS_NOEXEC },
		{ ST_NOATIME, MS_NOATIME },   { ST_NODIRATIME, MS_NODIRATIME },
		{ ST_RELATIME, MS_RELATIME },
	};
	unsigned long ms = 0;
	struct statvfs st;

	if (fstatvfs(fd, &st) < 0)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(map); i++)
		ms |= st.f_flag & map[i].st ? map[i].ms : 0;
	return ms;
}

static void tell_kept(int fd, const struct mount_options *o)
{
	unsigned long kept = lockable_flags(fd) & o->ms_clr;
	auto_str struct str names = { 0 };

	if (!kept || nsexec_sync_sock() < 0 || !nsexec_boot()->debug)
		return;
	mount_flag_names(kept, &names);
	channel_log(nsexec_sync_sock(), "the host's flags of the source are locked, %s stay(s)",
		    names.s);
}

/*
 * In a user namespace the flags that the host gave the source are locked (mount_namespaces(7)), and
 * stay: those that nobody names, and what takes rights away (nosuid, nodev, noexec) or is none
 * (access times) whatever is asked for, as with crun. Who wants to write is told that it cannot be.
 */
static int apply_beside_locked(int fd, const struct mount_options *o, struct err *e)
{
	const uint64_t atimes = MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
	struct mount_change c = mount_options_locked(o);
	int r;

	if (lockable_flags(fd) & o->ms_clr & MS_RDONLY)
		return err_set(
			e, EPERM,
			"the host's flags of the source are locked, ro cannot be cleared: %s",
			errno_text(EPERM));
	r = mount_set_attr(fd, 0, c.set, c.clr, e);
	if (r < 0 && e->code == EPERM && (c.set | c.clr) & atimes)
		r = mount_set_attr(fd, 0, c.set & ~atimes, c.clr & ~atimes, e);
	if (r == 0)
		tell_kept(fd, o);
	return r;
}

int mount_apply_attrs(int fd, const struct mount_options *o, struct err *e)
{
	struct mount_change c = mount_options_bind(o);
	int r = mount_set_attr(fd, 0, c.set, c.clr, e);

	/* Before Linux 5.14 there is nothing to be cleared. */
	if (r < 0 && e->code == EINVAL && !((o->ms_set | o->ms_clr) & MS_NOSYMFOLLOW))
		r = mount_set_attr(fd, 0, c.set, c.clr & ~(uint64_t)MOUNT_ATTR_NOSYMFOLLOW, e);
	if (r < 0 && e->code == EPERM)
		r = apply_beside_locked(fd, o, e);
	if (r < 0)
		return -1;
	return mount_set_attr(fd, AT_RECURSIVE, o->rec_attr_set, o->rec_attr_clr, e);
}

int mount_apply_propagation(int mount_fd, const struct mount_options *o, struct err *e)
{
	for (size_t i = 0; i < o->n_propagation; i++) {
		struct mount_attr attr = { .propagation = o->propagation[i] & ~(uint64_t)MS_REC };
		unsigned rec = o->propagation[i] & MS_REC ? AT_RECURSIVE : 0;

		if (tree_set_attr(mount_fd, rec, &attr) < 0)
			return err_sys(e, "set the propagation");
	}
	return 0;
}

/* Files of /proc that engines replace by their own (lxcfs and the like). */
static const char *const proc_allowed[] = {
	"/proc/cpuinfo",
	"/proc/diskstats",
	"/proc/meminfo",
	"/proc/stat",
	"/proc/swaps",
	"/proc/uptime",
	"/proc/loadavg",
	"/proc/slabinfo",
	"/proc/sys/kernel/ns_last_pid",
	"/proc/sys/crypto/fips_enabled",
};

static bool allowed_in_proc(const char *dest)
{
	for (size_t i = 0; i < ARRAY_SIZE(proc_allowed); i++) {
		if (!strcmp(dest, proc_allowed[i]))
			return true;
	}
	return false;
}

/*
 * A mount inside /proc could stand in for the files that labels and sysctls are written to
 * (CVE-2019-16884). What counts is where the target really is, whatever links led there; without
 * links that is what the path says.
 */
int mount_check_not_in_proc(const char *dest, int target_fd, bool is_proc, bool followed,
			    struct err *e)
{
	struct statfs st = { .f_type = PROC_SUPER_MAGIC };
	bool on_proc;

	if (followed && fstatfs(target_fd, &st) < 0)
		return err_sys(e, "statfs of the mount point %s", dest);
	on_proc = followed && st.f_type == PROC_SUPER_MAGIC;

	if (!strcmp(dest, "/proc") && !is_proc)
		return err_set(e, EINVAL, "\"%s\" cannot be mounted because it is not of type proc",
			       dest);
	if (str_starts(dest, "/proc/") || (on_proc && strcmp(dest, "/proc")))
		return allowed_in_proc(dest) ?
			       0 :
			       err_set(e, EINVAL,
				       "\"%s\" cannot be mounted because it is inside /proc", dest);
	return 0;
}

int mount_open_target(struct init *in, const char *dest, enum inside_kind kind, bool is_proc,
		      bool *ret_made, struct err *e)
{
	int flags = O_PATH | (kind == INSIDE_DIR ? O_DIRECTORY : 0);
	auto_close int fd = fd_open_in_root(in->root_fd, dest, flags, RESOLVE_NO_SYMLINKS);
	bool missing = fd < 0 && errno == ENOENT, followed = fd < 0;

	if (fd < 0 && !missing) {
		fd = inside_open(in->root_fd, dest, flags & ~O_PATH);
		missing = fd < 0 && errno == ENOENT;
		if (fd < 0 && !missing)
			return err_sys(e, "open %s in the container's root", dest);
	}
	if (ret_made)
		*ret_made = missing;
	if (fd < 0)
		fd = inside_make_missing(in->root_fd, dest, kind, e);
	if (fd < 0 || mount_check_not_in_proc(dest, fd, is_proc, followed, e) < 0)
		return -1;
	return take_fd(&fd);
}

/* --- bind mounts ------------------------------------------------------------------------------ */

/* hull opens it with the host's eyes: as root of a user namespace we may not reach it. */
static int ask_source(struct init *in, size_t index, struct err *e)
{
	int fd;

	if (init_ask(in, MSG_SOURCE, index, &fd, e) < 0)
		return -1;
	return fd < 0 ? err_set(e, EPROTO, "hull sent no descriptor of the source") : fd;
}

static bool is_mapped(const struct mount_work *w)
{
	return w->o.idmap || w->m->uid_mappings.n;
}

/*
 * What the root of a user namespace is refused, hull may open: a source in a directory that is
 * closed to it (EACCES), one without the mounts that the host has put on it (EINVAL).
 */
static int open_source(struct init *in, const struct mount_work *w, struct err *e)
{
	auto_free char *path = path_join(in->a->bundle, w->m->source);
	struct source_request r = { .path = path,
				    .recursive = w->o.recursive_bind,
				    .nofollow = w->o.src_nofollow || w->o.copy_symlink };
	int fd;

	if (is_mapped(w))
		return ask_source(in, w->index, e);
	fd = source_open(&r, 0, e);
	if (fd < 0 && in->a->ask_sources &&
	    (e->code == EACCES || e->code == EPERM || e->code == EINVAL))
		return ask_source(in, w->index, e);
	return fd < 0 && e->code == ENOENT ? err_at_key(e, "source") : fd;
}

/* copy-symlink: the link itself is made anew instead of mounting what it points to. */
static int copy_symlink(struct init *in, const struct mount_work *w, int tree, struct err *e)
{
	char target[4096];
	ssize_t n = readlinkat(tree, "", target, sizeof(target) - 1);
	auto_close int dir = -1;
	const char *name;

	if (n < 0)
		return err_sys(e, "read the link %s", w->m->source);
	target[n] = '\0';
	dir = inside_make_parent(in->root_fd, w->dest, &name, e);
	if (dir < 0)
		return -1;
	if (symlinkat(target, dir, name) == 0)
		return 0;
	if (errno == EEXIST) {
		char have[4096];
		ssize_t k = readlinkat(dir, name, have, sizeof(have));

		if (k == n && !memcmp(have, target, (size_t)n))
			return 0;
		errno = EEXIST;
	}
	return err_sys(e, "make the link %s", w->dest);
}

/* dest-nofollow: what is at the destination is covered, though it be a link. */
static int open_target_nofollow(struct init *in, const char *dest, struct err *e)
{
	auto_close int dir = -1, fd = -1;
	const char *name;

	dir = inside_make_parent(in->root_fd, dest, &name, e);
	if (dir < 0)
		return -1;
	fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "open %s in the container's root", dest);
	return mount_check_not_in_proc(dest, fd, false, true, e) < 0 ? -1 : take_fd(&fd);
}

/* Where links of the image have led to: perhaps to /dev, in which nodes would be made on the host. */
static bool is_dev(const struct init *in, int target)
{
	auto_close int dev = fd_open_in_root(in->root_fd, "dev", O_PATH, RESOLVE_NO_SYMLINKS);
	struct stat a, b;

	return dev >= 0 && fstat(dev, &a) == 0 && fstat(target, &b) == 0 && fd_same_file(&a, &b);
}

/* *ret_direct: no link was followed, so that the target is where the path says. */
static int open_bind_target(struct init *in, const struct mount_work *w, int tree, bool *ret_direct,
			    struct err *e)
{
	bool is_proc = !strcmp(w->dest, "/proc") && fd_is_on(tree, PROC_SUPER_MAGIC);
	struct stat st;
	int fd;

	*ret_direct = false;
	if (w->o.dest_nofollow)
		return open_target_nofollow(in, w->dest, e);
	/* Nearly always it is there, and what the source is need not be known. */
	fd = fd_open_in_root(in->root_fd, w->dest, O_PATH, RESOLVE_NO_SYMLINKS);
	if (fd >= 0 && mount_check_not_in_proc(w->dest, fd, is_proc, false, e) < 0) {
		close(fd);
		return -1;
	}
	*ret_direct = fd >= 0;
	if (fd >= 0)
		return fd;
	if (fstat(tree, &st) < 0)
		return err_sys(e, "stat %s", w->m->source);
	return mount_open_target(in, w->dest, S_ISDIR(st.st_mode) ? INSIDE_DIR : INSIDE_FILE,
				 is_proc, NULL, e);
}

static bool is_link(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
}

/* Whether the options leave nothing of the mount, or of what is below it, as the host has it. */
static bool names_propagation(const struct mount_options *o)
{
	for (size_t i = 0; i < o->n_propagation; i++) {
		if (o->propagation[i] & (MS_SHARED | MS_REC))
			return true;
	}
	return false;
}

/* A volume stays connected to the host's mount only if that is asked for. */
static int cut_off(const struct init *in, const struct mount_work *w, int tree, struct err *e)
{
	struct mount_attr attr = { .propagation = rootfs_cut(in) };

	if (!attr.propagation || names_propagation(&w->o))
		return 0;
	return tree_set_attr(tree, AT_RECURSIVE, &attr) < 0 ?
		       err_sys(e, "set the propagation of %s", w->m->source) :
		       0;
}

static int mount_bind(struct init *in, const struct mount_work *w, struct err *e)
{
	auto_close int tree = -1, target = -1;
	bool direct;

	if (str_empty(w->m->source))
		return err_set(e, EINVAL, "a bind mount needs a source");
	if (w->o.data.n)
		return err_set(
			e, EINVAL,
			"bind mounts cannot have any filesystem-specific options applied (%s)",
			w->o.data.s);
	tree = open_source(in, w, e);
	if (tree < 0)
		return -1;
	if (w->o.copy_symlink && is_link(tree))
		return copy_symlink(in, w, tree, e);
	target = open_bind_target(in, w, tree, &direct, e);
	if (target < 0)
		return -1;
	if (direct ? !strcmp(w->dest, "/dev") : is_dev(in, target))
		in->dev_bound = true;
	if (cut_off(in, w, tree, e) < 0 || mount_apply_attrs(tree, &w->o, e) < 0 ||
	    mount_attach(tree, target, e) < 0)
		return -1;
	return mount_apply_propagation(tree, &w->o, e);
}

static int remount_bind(struct init *in, const struct mount_work *w, struct err *e)
{
	auto_close int target = inside_open(in->root_fd, w->dest, 0);
	struct mount_change c = mount_options_remount(&w->o);

	if (target < 0)
		return err_sys(e, "open %s", w->dest);
	in->dev_bound = in->dev_bound || is_dev(in, target); /* as with runc */
	if (mount_set_attr(target, 0, c.set, c.clr, e) < 0 ||
	    mount_set_attr(target, AT_RECURSIVE, w->o.rec_attr_set, w->o.rec_attr_clr, e) < 0)
		return -1;
	return mount_apply_propagation(target, &w->o, e);
}

/* --- all of them ------------------------------------------------------------------------------ */

/* The lowest entry that hull has made is /dev, with the others in it. */
static int mount_made(struct init *in, const struct mount_work *w, struct err *e)
{
	auto_close int made = take_fd(&in->dev_fd), target = -1;

	if (made < 0)
		return 0;
	target = mount_open_target(in, w->dest, INSIDE_DIR, false, NULL, e);
	return target < 0 ? -1 : mount_attach(made, target, e);
}

static int mount_work(struct init *in, struct mount_work *w, struct err *e)
{
	if (!strcmp(w->dest, "/"))
		return err_set(e, EINVAL, "the destination \"/\" is the root itself");
	if (!w->o.remount)
		mask_remember(in, w->dest, -1);
	if (mount_is_bind(w))
		return w->o.remount ? remount_bind(in, w, e) : mount_bind(in, w, e);
	if (w->o.remount)
		return mount_remount_fs(in, w, e);
	if (mount_is_type(w, "cgroup") || mount_is_type(w, "cgroup2"))
		return mount_cgroup(in, w, e);
	return mount_fs(in, w, e);
}

static int mount_one(struct init *in, size_t i, struct err *e)
{
	const struct spec_mount *m = &in->a->spec->mounts.v[i];
	struct mount_work w = { .m = m,
				.index = i,
				.dest = mount_destination(in->a->rootfs, m->destination) };
	int r;

	mount_options_parse(&m->options, &w.o);
	r = mount_dev_has(&in->dev, i) ? mount_made(in, &w, e) : mount_work(in, &w, e);
	mount_options_done(&w.o);
	free(w.dest);
	if (r == 0)
		return 0;
	err_wrap(e, "error during container init: error mounting \"%s\" to rootfs at \"%s\"",
		 m->source ? m->source :
		 m->type   ? m->type :
			     "",
		 m->destination);
	/* hull's answer has the whole of it. */
	if (e->pointer[0] && strcmp(e->pointer, "/source") != 0)
		return -1;
	err_at_index(e, i);
	return err_at_key(e, "mounts");
}

static void trace_mount(const struct init *in, size_t i, int64_t began)
{
	char name[TRACE_LINE_MAX / 2];

	snprintf(name, sizeof(name), "mount %s", in->a->spec->mounts.v[i].destination);
	channel_trace(in->sync, "init", name, began);
}

/* The entry of a /dev whose nodes may come before all other mounts, while hull makes the network namespace; or n. */
static size_t find_early_dev(const struct init *in)
{
	size_t n = in->a->spec->mounts.n;
	struct mount_dev plan;

	if (!in->a->net_by_hull)
		return n;
	mount_dev_plan(in->a->spec, in->a->rootfs, &plan);
	return plan.complete ? mount_dev_first(&plan, n) : n;
}

static int make_nodes_early(struct init *in, struct err *e)
{
	int r = dev_setup(in, e);

	in->dev.complete = r == 0;
	return r;
}

int mount_all(struct init *in, struct err *e)
{
	size_t dev = find_early_dev(in);

	for (size_t i = 0; i < in->a->spec->mounts.n; i++) {
		int64_t began = in->trace ? trace_clock() : 0;
		int r = mount_one(in, i, e);

		if (in->trace)
			trace_mount(in, i, began);
		if (r < 0 || (i == dev && make_nodes_early(in, e) < 0))
			return -1;
	}
	return 0;
}

static int readonly_now(struct init *in, const struct spec_mount *m, struct err *e)
{
	auto_free char *dest = mount_destination(in->a->rootfs, m->destination);
	auto_close int fd = inside_open(in->root_fd, dest, 0);

	if (fd < 0)
		return err_sys(e, "open %s", m->destination);
	return mount_set_attr(fd, 0, MOUNT_ATTR_RDONLY, 0, e);
}

int mount_readonly_late(struct init *in, struct err *e)
{
	for (size_t i = 0; i < in->a->spec->mounts.n; i++) {
		struct mount_work w = { .m = &in->a->spec->mounts.v[i] };
		bool late;

		if (!mount_is_type(&w, "tmpfs"))
			continue;
		mount_options_parse(&w.m->options, &w.o);
		late = mount_readonly_later(&w);
		mount_options_done(&w.o);
		if (late && readonly_now(in, w.m, e) < 0) {
			err_at_index(e, i);
			return err_at_key(e, "mounts");
		}
	}
	return 0;
}
