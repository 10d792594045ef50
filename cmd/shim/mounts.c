/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mounting as containerd's core/mount does it: options of fstab, the rest is the file system's.
 * Runs in a child of the shim, as root in the host's mount namespace; nothing of the container has
 * been there yet.
 */
#include "cmd/shim/mounts.h"

#include "cmd/wire/messages.h"
#include "init/mount/mount_options.h"
#include "nsexec/source.h"
#include "state/spec/decode.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define DATA_MAX 4095 /* bytes of options that mount(2) takes: a page, with its NUL */

struct request {
	char *type, *source, *target;
	struct str_array options; /* without those of the next two */
	char *uid_map, *gid_map;  /* as the kernel's files take them; NULL */
	struct mount_options o;
	char *lower; /* overlay's lowerdir; NULL. Taken out of o.data */
	struct str rest;
};

static void request_done(struct request *m)
{
	free(m->type);
	free(m->source);
	free(m->target);
	for (size_t i = 0; i < m->options.n; i++)
		free(m->options.v[i]);
	free(m->options.v);
	free(m->uid_map);
	free(m->gid_map);
	free(m->lower);
	str_done(&m->rest);
	mount_options_done(&m->o);
}

/* "0:1000:10,10:5000:1" as lines "0 1000 10". */
static char *map_lines(const char *text)
{
	char *s = xstrdup(text);

	for (char *p = s; *p; p++)
		*p = *p == ':' ? ' ' : *p == ',' ? '\n' : *p;
	return s;
}

static int take_option(struct request *m, char *text, struct err *e)
{
	auto_free char *s = text;

	if (str_starts(s, "X-containerd."))
		return err_set(e, EINVAL,
			       "internal mount option \"%s\" was not consumed by the mount manager",
			       s);
	if (!strcmp(s, "loop"))
		return err_set(e, ENOTSUP,
			       "the mount option \"loop\" is not supported: attach the image to a "
			       "loop device first (losetup)");
	if (str_starts(s, "uidmap=")) {
		free(m->uid_map);
		m->uid_map = map_lines(s + strlen("uidmap="));
		return 0;
	}
	if (str_starts(s, "gidmap=")) {
		free(m->gid_map);
		m->gid_map = map_lines(s + strlen("gidmap="));
		return 0;
	}
	m->options.v = xrealloc(m->options.v, (m->options.n + 2) * sizeof(*m->options.v));
	m->options.v[m->options.n++] = take_ptr(&s);
	m->options.v[m->options.n] = NULL;
	return 0;
}

/* overlay: lowerdir alone, as it may be too long; the rest as it is. */
static void split_lower(struct request *m)
{
	const char *p = str_get(&m->o.data);

	while (*p) {
		size_t n = strcspn(p, ",");

		if (!strncmp(p, "lowerdir=", 9)) {
			free(m->lower);
			m->lower = xstrndup(p + 9, n - 9);
		} else {
			str_addf(&m->rest, "%s%.*s", m->rest.n ? "," : "", (int)n, p);
		}
		p += n + (p[n] == ',');
	}
}

static int read_request(struct pb_bytes message, struct request *m, struct err *e)
{
	struct shim_mount raw = { 0 };
	struct pb_bytes option;

	if (!pb_read(message, shim_mount_rows, &raw))
		return err_set(e, EINVAL, "a mount of the root file system is damaged");
	m->type = pb_dup(raw.type);
	m->source = pb_dup(raw.source);
	m->target = pb_dup(raw.target);
	while (pb_each(&raw.options, MOUNT_OPTIONS, &option)) {
		if (take_option(m, pb_dup(option), e) < 0)
			return -1;
	}
	if (!m->uid_map != !m->gid_map)
		return err_set(e, EINVAL, "uidmap= and gidmap= go together");
	mount_options_parse(&m->options, &m->o);
	if (!strcmp(m->type, "overlay"))
		split_lower(m);
	return 0;
}

/* --- overlay ---------------------------------------------------------------------------------- */

/* The directory that all of a list "a:b:c" is in: how many bytes of it, with the slash. */
static size_t common_directory(const char *list)
{
	size_t common = strcspn(list, ":");

	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ":"), k = 0;

		while (k < common && k < n && p[k] == list[k])
			k++;
		common = k;
		p += n + (p[n] == ':');
	}
	while (common && list[common - 1] != '/')
		common--;
	return common;
}

/* More layers than a page has room for: named from the directory that they are all in. */
static int shorten_lower(struct request *m, struct err *e)
{
	size_t common = common_directory(m->lower);
	auto_free char *dir = xstrndup(m->lower, common);
	auto_str struct str list = { 0 };

	if (common < 2)
		return 0;
	for (const char *p = m->lower; *p;) {
		size_t n = strcspn(p, ":");

		str_addf(&list, "%s%.*s", list.n ? ":" : "", (int)(n - common), p + common);
		p += n + (p[n] == ':');
	}
	if (chdir(dir) < 0)
		return err_sys(e, "chdir to %s", dir);
	free(m->lower);
	m->lower = xstrdup(str_get(&list));
	return 0;
}

static int mount_by_pieces(struct request *m, const char *target, struct err *e);

static int mount_overlay(struct request *m, const char *target, struct err *e)
{
	auto_str struct str data = { 0 };

	if (m->lower && strlen(m->lower) + m->rest.n + 16 > DATA_MAX && shorten_lower(m, e) < 0)
		return -1;
	str_add(&data, str_get(&m->rest));
	if (m->lower)
		str_addf(&data, "%slowerdir=%s", data.n ? "," : "", m->lower);
	if (data.n > DATA_MAX)
		return mount_by_pieces(m, target, e);
	if (mount(m->source, target, "overlay", m->o.ms_set, str_get(&data)) < 0)
		return err_sys(e, "mount overlay on %s", target);
	return 0;
}

/* A detached copy of the tree at path, mapped. */
static int mapped_tree(const char *path, const struct request *m, bool recursive, uint64_t set,
		       struct err *e)
{
	auto_close int userns = userns_of_maps(m->uid_map, m->gid_map, e);
	auto_close int fd = -1;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP | set };
	unsigned rec = recursive ? AT_RECURSIVE : 0;

	if (userns < 0)
		return -1;
	attr.userns_fd = (uint64_t)userns;
	fd = sys_open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | rec);
	if (fd < 0 || sys_mount_setattr(fd, "", AT_EMPTY_PATH | rec, &attr) < 0)
		return err_sys(e, "id-map %s", path);
	return take_fd(&fd);
}

/* Each layer id-mapped at a directory 0, 1, ... below the working directory; *list names them. */
static int map_layers(const struct request *m, struct str *list, struct err *e)
{
	unsigned i = 0;

	for (const char *p = m->lower; *p; i++) {
		size_t n = strcspn(p, ":");
		auto_free char *path = xstrndup(p, n), *name = xasprintf("%u", i);
		auto_close int tree = mapped_tree(path, m, false, MOUNT_ATTR_RDONLY, e);

		if (tree < 0)
			return -1;
		if (mkdir(name, 0700) < 0 ||
		    sys_move_mount(tree, "", AT_FDCWD, name, MOVE_MOUNT_F_EMPTY_PATH) < 0)
			return err_sys(e, "place the id-mapped layer %s", path);
		str_addf(list, "%s%s", i ? ":" : "", name);
		p += n + (p[n] == ':');
	}
	return 0;
}

/* fsconfig(2) takes 255 bytes at once; a layer for each call there is since Linux 6.7. */
static int add_layers(int fs, const char *list, struct err *e)
{
	if (strlen(list) < 256)
		return sys_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", list, 0) < 0 ?
			       err_sys(e, "overlay: lowerdir=%s", list) :
			       0;
	for (const char *p = list; *p;) {
		size_t n = strcspn(p, ":");
		auto_free char *layer = xstrndup(p, n);

		if (sys_fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir+", layer, 0) < 0) {
			err_sys(e, "overlay: lowerdir+=%s", layer);
			if (e->code == EINVAL)
				err_wrap(e, "so many layers need Linux 6.7");
			return -1;
		}
		p += n + (p[n] == ':');
	}
	return 0;
}

static int configure(int fs, const char *list, char *rest, struct err *e)
{
	char *save = NULL;

	if (add_layers(fs, list, e) < 0)
		return -1;
	for (char *p = strtok_r(rest, ",", &save); p; p = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(p, '=');

		if (eq)
			*eq = '\0';
		if ((eq ? sys_fsconfig(fs, FSCONFIG_SET_STRING, p, eq + 1, 0) :
			  sys_fsconfig(fs, FSCONFIG_SET_FLAG, p, NULL, 0)) < 0)
			return err_sys(e, "overlay: the option %s", p);
	}
	return sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0 ?
		       err_sys(e, "make the overlay") :
		       0;
}

/* Not attached to anything. */
static int make_overlay(struct request *m, const char *layers, struct err *e)
{
	auto_close int fs = sys_fsopen("overlay", FSOPEN_CLOEXEC);
	int fd;

	if (fs < 0)
		return err_sys(e, "fsopen overlay");
	if (configure(fs, layers, (char *)(uintptr_t)str_get(&m->rest), e) < 0)
		return -1;
	fd = sys_fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)mount_options_new(&m->o));
	return fd < 0 ? err_sys(e, "fsmount overlay") : fd;
}

static int mount_by_pieces(struct request *m, const char *target, struct err *e)
{
	auto_close int fd = make_overlay(m, m->lower, e);

	if (fd < 0)
		return -1;
	if (sys_move_mount(fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(e, "mount overlay on %s", target);
	return 0;
}

/* In a mount namespace of its own, which is to go: the file system, not attached to anything. */
static int make_mapped_overlay(struct request *m, const char *place, struct err *e)
{
	auto_str struct str list = { 0 };

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("layers", place, "tmpfs", 0, "mode=0700") < 0 || chdir(place) < 0)
		return err_sys(e, "make room for id-mapped layers");
	return map_layers(m, &list, e) < 0 ? -1 : make_overlay(m, str_get(&list), e);
}

/*
 * overlay takes its layers as paths, and only of mounts of the caller's namespace: so they are
 * mounted in a namespace that nobody sees, and the file system is brought out of it.
 */
static int mount_mapped_overlay(struct request *m, const char *target, struct err *e)
{
	auto_close int outside = fd_open(AT_FDCWD, "/proc/self/ns/mnt", O_RDONLY, 0, e);
	auto_close int fd = -1;

	if (outside < 0)
		return -1;
	if (!m->lower)
		return err_set(e, EINVAL, "an id-mapped overlay without lowerdir=");
	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(e, "unshare the mount namespace");
	fd = make_mapped_overlay(m, target, e);
	if (setns(outside, CLONE_NEWNS) < 0)
		return err_sys(e, "return to the host's mount namespace");
	if (fd < 0)
		return -1;
	if (sys_move_mount(fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(e, "mount overlay on %s", target);
	return 0;
}

/* --- The others ------------------------------------------------------------------------------- */

static int mount_bind(const struct request *m, const char *target, struct err *e)
{
	unsigned long rec = m->o.recursive_bind ? MS_REC : 0;
	unsigned long flags = m->o.ms_set & ~(unsigned long)(MS_BIND | MS_REC);

	if (mount(m->source, target, NULL, MS_BIND | rec, NULL) < 0)
		return err_sys(e, "bind %s to %s", m->source, target);
	if (flags && mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | flags, NULL) < 0)
		return err_sys(e, "set the options of %s", target);
	return 0;
}

static int mount_mapped_bind(const struct request *m, const char *target, struct err *e)
{
	struct mount_change c = mount_options_bind(&m->o);
	auto_close int tree = mapped_tree(m->source, m, m->o.recursive_bind, c.set, e);

	if (tree < 0)
		return -1;
	if (sys_move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_sys(e, "bind %s to %s", m->source, target);
	return 0;
}

static int mount_other(const struct request *m, const char *target, struct err *e)
{
	if (m->uid_map)
		return err_set(e, ENOTSUP, "uidmap= of a new %s: only bind and overlay have it",
			       m->type);
	if (m->o.data.n > DATA_MAX)
		return err_set(e, E2BIG, "the options of the mount are %zu bytes long",
			       m->o.data.n);
	if (mount(m->source, target, m->type, m->o.ms_set, str_get(&m->o.data)) < 0)
		return err_sys(e, "mount %s (%s) on %s", m->source, m->type, target);
	return 0;
}

static int mount_on(struct request *m, const char *target, struct err *e)
{
	if (m->o.bind)
		return m->uid_map ? mount_mapped_bind(m, target, e) : mount_bind(m, target, e);
	if (!strcmp(m->type, "overlay"))
		return m->uid_map ? mount_mapped_overlay(m, target, e) :
				    mount_overlay(m, target, e);
	return mount_other(m, target, e);
}

static int propagate(const struct request *m, const char *target, struct err *e)
{
	for (size_t i = 0; i < m->o.n_propagation; i++) {
		if (mount(NULL, target, NULL, m->o.propagation[i], NULL) < 0)
			return err_sys(e, "set the propagation of %s", target);
	}
	return 0;
}

/* A target of its own is below rootfs, and no link leads out of it. */
static int mount_one(struct pb_bytes message, const char *rootfs, struct err *e)
{
	auto_close int root = -1, at = -1;
	struct request m = { 0 };
	char path[64];
	int r = read_request(message, &m, e);

	if (r == 0 && *m.target) {
		root = fd_open(AT_FDCWD, rootfs, O_PATH | O_DIRECTORY, 0, e);
		at = root < 0 ? -1 : fd_open_in_root(root, m.target, O_PATH, 0);
		r = at >= 0 ? 0 : root < 0 ? -1 : err_sys(e, "open %s in %s", m.target, rootfs);
	}
	if (at >= 0)
		snprintf(path, sizeof(path), "/proc/self/fd/%d", at);
	if (r == 0)
		r = mount_on(&m, at >= 0 ? path : rootfs, e);
	if (r == 0)
		r = propagate(&m, at >= 0 ? path : rootfs, e);
	request_done(&m);
	return r;
}

int mounts_make(struct pb mounts, const char *rootfs, struct err *e)
{
	struct pb_bytes message;
	struct err ignored;

	if (mkdir(rootfs, 0711) < 0 && errno != EEXIST)
		return err_sys(e, "mkdir %s", rootfs);
	while (pb_each(&mounts, TASK_MOUNTS, &message)) {
		if (mount_one(message, rootfs, e) == 0)
			continue;
		(void)!mounts_undo(rootfs, &ignored);
		return err_wrap(e, "failed to mount rootfs component");
	}
	return 0;
}

/* What is below it, a volume that some hook has left, goes with it. */
int mounts_undo(const char *rootfs, struct err *e)
{
	for (int i = 0; i < 64; i++) {
		if (umount2(rootfs, UMOUNT_NOFOLLOW) == 0)
			continue;
		if (errno == EINVAL || errno == ENOENT)
			return 0;
		if (errno != EBUSY || umount2(rootfs, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
			return err_sys(e, "unmount %s", rootfs);
	}
	return err_set(e, EBUSY, "unmount %s: there are more than 64 mounts on it", rootfs);
}
