/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mounts[], in order. Runs in stage 2 in the container's mount namespace, before the change of
 * root: sources are still paths of the host, targets are descriptors below the container's root.
 * A mount is made detached, gets its attributes, and is then put on its target, so that nobody
 * ever sees it half made.
 */
#include "init/mount.h"

#include "init/inside.h"
#include "nsexec/channel.h"
#include "nsexec/source.h"
#include "state/cgroup.h"
#include "state/fd.h"
#include "state/mem.h"
#include "state/str.h"
#include "state/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel explains a failure of a new file system on its context descriptor (fsopen(2)). */
static void add_kernel_words(int fs_fd, struct err *e)
{
	char words[256];
	ssize_t n = read(fs_fd, words, sizeof(words) - 1);

	if (n <= 0)
		return;
	while (n > 0 && words[n - 1] == '\n')
		n--;
	words[n] = '\0';
	/* "e text": the level and the text. */
	err_wrap(e, "%s", n > 2 && words[1] == ' ' ? words + 2 : words);
}

static int configure(int fs_fd, const char *data, struct err *e)
{
	auto_free char *copy = xstrdup(data);
	char *save = NULL;

	for (char *opt = strtok_r(copy, ",", &save); opt; opt = strtok_r(NULL, ",", &save)) {
		char *value = strchr(opt, '=');
		int r;

		if (value)
			*value++ = '\0';
		r = sys_fsconfig(fs_fd, value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, opt, value,
				 0);
		if (r < 0) {
			err_sys(e, "option %s%s%s", opt, value ? "=" : "", value ? value : "");
			add_kernel_words(fs_fd, e);
			return -1;
		}
	}
	return 0;
}

static int new_fs(const char *type, const char *source, uint32_t super, uint64_t attrs,
		  const char *data, struct err *e)
{
	auto_close int fs = sys_fsopen(type, 0);
	int fd;

	if (fs < 0 && errno == ENODEV)
		return err_set(e, ENODEV,
			       "file system type \"%s\" is unknown to the kernel: no such device",
			       type);
	if (fs < 0)
		return err_sys(e, "fsopen %s", type);
	if (!str_empty(source) && sys_fsconfig(fs, FSCONFIG_SET_STRING, "source", source, 0) < 0)
		return err_sys(e, "source %s", source);
	for (unsigned bit = 0; mount_super_name(bit); bit++) {
		if ((super & 1u << bit) &&
		    sys_fsconfig(fs, FSCONFIG_SET_FLAG, mount_super_name(bit), NULL, 0) < 0)
			return err_sys(e, "option %s", mount_super_name(bit));
	}
	if (configure(fs, data, e) < 0)
		return -1;
	if (sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0) {
		err_sys(e, "create the file system");
		add_kernel_words(fs, e);
		return -1;
	}
	fd = sys_fsmount(fs, 0, (unsigned)attrs);
	return fd < 0 ? err_sys(e, "fsmount") : fd;
}

int mount_new_fs(const char *type, const char *source, uint64_t attrs, const char *data,
		 struct err *e)
{
	return new_fs(type, source, 0, attrs, data, e);
}

int mount_attach(int mount_fd, int target_fd, struct err *e)
{
	if (sys_move_mount(mount_fd, "", target_fd, "",
			   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		return err_sys(e, "move_mount");
	return 0;
}

static int set_attr(int fd, unsigned flags, uint64_t set, uint64_t clr, struct err *e)
{
	struct mount_attr attr = { .attr_set = set, .attr_clr = clr };

	if (!set && !clr)
		return 0;
	if (sys_mount_setattr(fd, "", AT_EMPTY_PATH | flags, &attr) == 0)
		return 0;
	err_sys(e, "mount_setattr");
	if (e->code == EPERM && clr)
		err_wrap(e, "a flag that is locked by the host cannot be cleared");
	return -1;
}

int mount_apply_attrs(int mount_fd, const struct mount_options *o, struct err *e)
{
	if (set_attr(mount_fd, 0, o->attr_set, o->attr_clr, e) < 0)
		return -1;
	return set_attr(mount_fd, AT_RECURSIVE, o->rec_attr_set, o->rec_attr_clr, e);
}

int mount_apply_propagation(int mount_fd, const struct mount_options *o, struct err *e)
{
	for (unsigned rec = 0; rec < 2; rec++) {
		struct mount_attr attr = { .propagation = o->propagation[rec] };

		if (attr.propagation &&
		    sys_mount_setattr(mount_fd, "", AT_EMPTY_PATH | (rec ? AT_RECURSIVE : 0),
				      &attr) < 0)
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
static int check_not_in_proc(const char *dest, int target_fd, bool is_proc, bool followed,
			     struct err *e)
{
	bool on_proc = followed && fd_is_on(target_fd, PROC_SUPER_MAGIC);

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

/* The target of a mount, made when missing, and not in /proc. */
static int open_target(struct init *in, const char *dest, enum inside_kind kind, bool is_proc,
		       struct err *e)
{
	int flags = O_PATH | (kind == INSIDE_DIR ? O_DIRECTORY : 0);
	auto_close int fd = fd_open_in_root(in->root_fd, dest, flags, RESOLVE_NO_SYMLINKS);
	bool missing = fd < 0 && errno == ENOENT, followed = fd < 0;

	if (fd < 0)
		fd = missing ? inside_make_missing(in->root_fd, dest, kind, e) :
			       inside_make(in->root_fd, dest, kind, e);
	if (fd < 0 || check_not_in_proc(dest, fd, is_proc, followed, e) < 0)
		return -1;
	return take_fd(&fd);
}

/* CVE-2019-19921, CVE-2023-27561: a link at /proc or /sys of the image is not followed. */
static int open_ordinary_directory(int root_fd, const char *type, const char *dest, struct err *e)
{
	int fd = fd_open_in_root(root_fd, dest, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);

	if (fd >= 0)
		return fd;
	if (errno == ELOOP || errno == ENOTDIR)
		return err_set(e, errno, "filesystem \"%s\" must be mounted on ordinary directory",
			       type);
	return inside_make(root_fd, dest, INSIDE_DIR, e);
}

struct work {
	const struct spec_mount *m;
	struct mount_options o;
	char *dest; /* cleaned, absolute; allocated */
	size_t index;
};

static bool is_bind(const struct work *w)
{
	return w->o.bind || (w->m->type && !strcmp(w->m->type, "bind"));
}

static bool is_type(const struct work *w, const char *type)
{
	return w->m->type && !strcmp(w->m->type, type);
}

/*
 * A read-only tmpfs still has to take mount points and, at /dev, device nodes: it becomes
 * read-only when all of them are there.
 */
static bool readonly_later(const struct work *w)
{
	return is_type(w, "tmpfs") && !is_bind(w) && (w->o.attr_set & MOUNT_ATTR_RDONLY);
}

/* hull opens it with the host's eyes: as root of a user namespace we may not reach it. */
static int ask_source(struct init *in, size_t index, struct err *e)
{
	uint32_t which = (uint32_t)index;
	struct msg m;
	int fd = -1;

	if (channel_send(in->sync, MSG_SOURCE, &which, sizeof(which), -1, e) < 0 ||
	    channel_expect(in->sync, MSG_SOURCE_FD, &m, &fd, e) < 0)
		return -1;
	return fd < 0 ? err_set(e, EPROTO, "hull sent no descriptor of the source") : fd;
}

static int open_source(struct init *in, const struct work *w, struct err *e)
{
	auto_free char *path = path_join(in->a->bundle, w->m->source);
	struct source_request r = { path, w->o.recursive_bind,
				    w->o.src_nofollow || w->o.copy_symlink };

	return in->a->ask_sources ? ask_source(in, w->index, e) : source_open(&r, false, e);
}

/* copy-symlink: the link itself is made anew instead of mounting what it points to. */
static int copy_symlink(struct init *in, const struct work *w, int tree, struct err *e)
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

static int mount_bind(struct init *in, const struct work *w, struct err *e)
{
	auto_close int tree = -1, target = -1;
	struct stat st;

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
	if (fstat(tree, &st) < 0)
		return err_sys(e, "stat %s", w->m->source);
	if (S_ISLNK(st.st_mode) && w->o.copy_symlink)
		return copy_symlink(in, w, tree, e);
	target = open_target(in, w->dest, S_ISDIR(st.st_mode) ? INSIDE_DIR : INSIDE_FILE,
			     !strcmp(w->dest, "/proc") && fd_is_on(tree, PROC_SUPER_MAGIC), e);
	if (target < 0)
		return -1;
	if (mount_apply_attrs(tree, &w->o, e) < 0 || mount_attach(tree, target, e) < 0)
		return -1;
	return mount_apply_propagation(tree, &w->o, e);
}

/* tmpfs without mode=: as the directory that it covers. */
static const char *tmpfs_data(const struct work *w, int target, struct str *buf)
{
	const char *data = str_get(&w->o.data);
	struct stat st;

	str_add(buf, data);
	if (!str_starts(data, "mode=") && !strstr(data, ",mode=") && fstat(target, &st) == 0)
		str_addf(buf, "%smode=%o", *data ? "," : "", st.st_mode & 07777);
	return buf->s;
}

/* Of the pseudo file systems one superblock serves all mounts: "ro" is for the mount alone. */
static uint32_t super_flags(const struct work *w)
{
	bool device = w->m->source && w->m->source[0] == '/';

	return device ? w->o.super_set : w->o.super_set & ~1u;
}

/* Before Linux 5.2, or where an engine around us filters the new calls. */
static int mount_classic(const struct work *w, int target, const char *data, struct err *e)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", target);
	if (mount(w->m->source, path, w->m->type, w->o.ms_flags, data) < 0)
		return err_sys(e, "mount");
	return 0;
}

static int tmpcopyup(int fd, int target, struct err *e)
{
	auto_close int from = openat(target, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	auto_close int to = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (from < 0 || to < 0)
		return err_sys(e, "tmpcopyup");
	return copyup(from, to, e);
}

static int explain_proc(const struct work *w, struct err *e)
{
	/* fs/namespace.c, mount_too_revealing(). */
	if (e->code == EPERM && (is_type(w, "proc") || is_type(w, "sysfs")))
		err_wrap(
			e,
			"the kernel refuses a new %s here: parts of the present one are covered by other mounts, or its "
			"%s namespace belongs to another user namespace",
			w->m->type, is_type(w, "proc") ? "pid" : "network");
	return -1;
}

static int mount_fs(struct init *in, const struct work *w, struct err *e)
{
	bool plain = is_type(w, "proc") || is_type(w, "sysfs");
	auto_str struct str buf = { 0 };
	auto_close int fd = -1, target = -1;
	uint64_t attrs = w->o.attr_set;
	const char *data;

	if (str_empty(w->m->type))
		return err_set(e, EINVAL, "a mount that is no bind mount needs a type");
	target = plain ? open_ordinary_directory(in->root_fd, w->m->type, w->dest, e) :
			 open_target(in, w->dest, INSIDE_DIR, false, e);
	if (target < 0 ||
	    (plain && check_not_in_proc(w->dest, target, is_type(w, "proc"), false, e) < 0))
		return -1;
	data = is_type(w, "tmpfs") ? tmpfs_data(w, target, &buf) : str_get(&w->o.data);
	if (readonly_later(w))
		attrs &= ~(uint64_t)MOUNT_ATTR_RDONLY;
	fd = new_fs(w->m->type, w->m->source, super_flags(w), attrs, data, e);
	if (fd < 0 && e->code == ENOSYS)
		return mount_classic(w, target, data, e);
	if (fd < 0)
		return explain_proc(w, e);
	if (w->o.tmpcopyup && tmpcopyup(fd, target, e) < 0)
		return -1;
	if (set_attr(fd, AT_RECURSIVE, w->o.rec_attr_set, w->o.rec_attr_clr, e) < 0 ||
	    mount_attach(fd, target, e) < 0)
		return -1;
	return mount_apply_propagation(fd, &w->o, e);
}

static int remount(struct init *in, const struct work *w, struct err *e)
{
	auto_close int target = inside_open(in->root_fd, w->dest, 0);
	char path[40];

	if (target < 0)
		return err_sys(e, "open %s", w->dest);
	if (is_bind(w))
		return mount_apply_attrs(target, &w->o, e) < 0 ?
			       -1 :
			       mount_apply_propagation(target, &w->o, e);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", target);
	if (mount(w->m->source, path, w->m->type, w->o.ms_flags | MS_REMOUNT, str_get(&w->o.data)) <
	    0)
		return err_sys(e, "remount");
	return mount_apply_propagation(target, &w->o, e);
}

static int mount_work(struct init *in, struct work *w, struct err *e)
{
	if (!strcmp(w->dest, "/"))
		return err_set(e, EINVAL, "the destination \"/\" is the root itself");
	if (w->o.idmap)
		return err_set(e, ENOTSUP, "id-mapped mounts are not supported yet");
	if (w->o.remount)
		return remount(in, w, e);
	if (is_bind(w))
		return mount_bind(in, w, e);
	if (is_type(w, "cgroup") || is_type(w, "cgroup2"))
		return mount_cgroup(in, w->m, &w->o, e);
	return mount_fs(in, w, e);
}

static int mount_one(struct init *in, size_t i, struct err *e)
{
	const struct spec_mount *m = &in->a->spec->mounts.v[i];
	struct work w = { .m = m, .index = i, .dest = path_join("/", m->destination) };
	int r;

	mount_options_parse(&m->options, &w.o);
	r = mount_work(in, &w, e);
	mount_options_done(&w.o);
	free(w.dest);
	if (r == 0)
		return 0;
	err_wrap(e, "error mounting \"%s\" to rootfs at \"%s\"",
		 m->source ? m->source :
		 m->type   ? m->type :
			     "",
		 m->destination);
	err_at_index(e, i);
	return err_at_key(e, "mounts");
}

int mount_all(struct init *in, struct err *e)
{
	/* Without a mount namespace of its own the container lives in what there is (runc, too). */
	if (!((in->a->new_ns | in->a->joined_ns) & CLONE_NEWNS))
		return 0;
	for (size_t i = 0; i < in->a->spec->mounts.n; i++) {
		if (mount_one(in, i, e) < 0)
			return -1;
	}
	return 0;
}

static int readonly_now(struct init *in, const struct spec_mount *m, struct err *e)
{
	auto_close int fd = inside_open(in->root_fd, m->destination, 0);

	if (fd < 0)
		return err_sys(e, "open %s", m->destination);
	return set_attr(fd, 0, MOUNT_ATTR_RDONLY, 0, e);
}

int mount_readonly_late(struct init *in, struct err *e)
{
	if (!((in->a->new_ns | in->a->joined_ns) & CLONE_NEWNS))
		return 0;
	for (size_t i = 0; i < in->a->spec->mounts.n; i++) {
		struct work w = { .m = &in->a->spec->mounts.v[i] };
		bool late;

		if (!is_type(&w, "tmpfs"))
			continue;
		mount_options_parse(&w.m->options, &w.o);
		late = readonly_later(&w);
		mount_options_done(&w.o);
		if (late && readonly_now(in, w.m, e) < 0) {
			err_at_index(e, i);
			return err_at_key(e, "mounts");
		}
	}
	return 0;
}
