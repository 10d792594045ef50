/* SPDX-License-Identifier: Apache-2.0 */
/* File systems, the calls by which they are mounted, and those by which hull opens paths. */
#include "cmd/doctor/doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cmd/line/try.h"
#include "nsexec/process/selfexe.h"
#include "nsexec/source.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#define AT \
	"/proc" /* a directory that every machine has: what is mounted there ends with the child */

/* --- Kinds of file systems -------------------------------------------------------------------- */

static const struct fs {
	const char *name, *type, *options, *cost, *option;
	unsigned ns; /* besides the mount namespace */
	bool needed;
} kinds[] = {
	{ "tmpfs", "tmpfs", "size=64k", "no container starts: /dev is one", "TMPFS", 0, true },
	{ "devpts", "devpts", "newinstance,ptmxmode=0666", "no container with a /dev/pts starts",
	  "UNIX98_PTYS", 0, true },
	{ "mqueue", "mqueue", NULL, "the default /dev/mqueue cannot be mounted", "POSIX_MQUEUE",
	  CLONE_NEWIPC, true },
	{ "cgroup2", "cgroup2", NULL,
	  "a container on cgroup v2 does not see its cgroup (a bind mount is in its place)",
	  "CGROUPS", CLONE_NEWCGROUP, false },
};

static int mount_kind(void *arg)
{
	const struct fs *f = arg;

	return mount(f->type, AT, f->type, MS_NOSUID | MS_NOEXEC, f->options) < 0 ? errno : 0;
}

static void add_kind(struct doctor *d, const struct fs *f)
{
	int code = try_in(CLONE_NEWNS | f->ns, mount_kind, (void *)(uintptr_t)f);
	char advice[64];

	d->needed = f->needed;
	if (!code) {
		doctor_works(d, f->name, "mounted");
		return;
	}
	snprintf(advice, sizeof(advice), "a kernel with CONFIG_%s", f->option);
	doctor_say(d, f->needed ? DOCTOR_MISSING : DOCTOR_LIMITED, f->name, errno_text(code),
		   f->cost, code == ENODEV ? advice : NULL);
}

/* Layers on a tmpfs, as an engine's storage would have them. */
static int mount_overlay(void *arg)
{
	(void)arg;
	if (mount("tmpfs", AT, "tmpfs", 0, "mode=755") < 0 || mkdir(AT "/l", 0755) < 0 ||
	    mkdir(AT "/u", 0755) < 0 || mkdir(AT "/w", 0755) < 0 || mkdir(AT "/m", 0755) < 0)
		return errno;
	return mount("overlay", AT "/m", "overlay", 0,
		     "lowerdir=" AT "/l,upperdir=" AT "/u,workdir=" AT "/w,userxattr") < 0 &&
			       mount("overlay", AT "/m", "overlay", 0,
				     "lowerdir=" AT "/l,upperdir=" AT "/u,workdir=" AT "/w") < 0 ?
		       errno :
		       0;
}

static int open_fuse(void *arg)
{
	auto_close int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

	(void)arg;
	return fd < 0 ? errno : 0;
}

static void add_layers(struct doctor *d)
{
	int code = try_in(CLONE_NEWNS, mount_overlay, NULL);

	if (!code)
		doctor_works(d, "overlay", d->root ? "mounted" : "mounted in a user namespace");
	else
		doctor_say(d, DOCTOR_MISSING, "overlay", errno_text(code),
			   "engines copy each image's layers (vfs), or need fuse-overlayfs",
			   code == ENODEV ? "modprobe overlay, or a kernel with CONFIG_OVERLAY_FS" :
			   d->root	  ? NULL :
					    "Linux 5.11 or later, or fuse-overlayfs");
	code = open_fuse(NULL);
	if (!code)
		doctor_works(d, "fuse", "/dev/fuse");
	else
		doctor_say(d, DOCTOR_MISSING, "fuse", errno_text(code),
			   "no fuse-overlayfs, and no lazy-pulling snapshotters",
			   code == ENOENT || code == ENODEV || code == ENXIO ?
				   "modprobe fuse, or a kernel with CONFIG_FUSE_FS" :
				   "access to /dev/fuse for this user");
}

/* --- Calls ------------------------------------------------------------------------------------ */

static int call_openat2(void *arg)
{
	auto_close int fd = sys_openat2(AT_FDCWD, "/", O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT);

	(void)arg;
	return fd < 0 ? errno : 0;
}

static int call_fsopen(void *arg)
{
	auto_close int fs = sys_fsopen("tmpfs", FSOPEN_CLOEXEC), m = -1;

	(void)arg;
	if (fs < 0 || sys_fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return errno;
	m = sys_fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID);
	return m < 0 || sys_move_mount(m, "", AT_FDCWD, AT, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? errno :
											   0;
}

static int call_setattr(void *arg)
{
	auto_close int fd =
		sys_open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };

	(void)arg;
	return fd < 0 || sys_mount_setattr(fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &ro) < 0 ? errno :
											    0;
}

static int call_pivot(void *arg)
{
	(void)arg;
	if (mount("tmpfs", AT, "tmpfs", 0, "mode=755") < 0 || chdir(AT) < 0)
		return errno;
	return sys_pivot_root(".", ".") < 0 ? errno : 0;
}

static int call_mknod(void *arg)
{
	(void)arg;
	if (mount("tmpfs", AT, "tmpfs", 0, "mode=755") < 0)
		return errno;
	return mknod(AT "/null", S_IFCHR | 0666, makedev(1, 3)) < 0 ? errno : 0;
}

static const struct call {
	const char *name;
	int (*work)(void *);
	enum verdict otherwise;
	const char *seen, *cost, *advice;
} calls[] = {
	{ "openat2", call_openat2, DOCTOR_LIMITED, "paths are opened below a root",
	  "paths are followed link by link, more slowly", "Linux 5.6 or later" },
	{ "new mount API", call_fsopen, DOCTOR_LIMITED, "fsopen(2), fsmount(2), move_mount(2)",
	  "mount(2) by paths is used", "Linux 5.2 or later" },
	{ "mount_setattr", call_setattr, DOCTOR_LIMITED, "recursively read-only mounts",
	  "options \"rro\" and their kind are refused", "Linux 5.12 or later" },
};

static void add_call(struct doctor *d, const struct call *c)
{
	int code = try_in(CLONE_NEWNS, c->work, NULL);

	if (!code)
		doctor_works(d, c->name, "%s", c->seen);
	else
		doctor_say(d, c->otherwise, c->name, errno_text(code), c->cost, c->advice);
}

static void add_pivot(struct doctor *d)
{
	int code = try_in(CLONE_NEWNS, call_pivot, NULL);

	d->needed = true;
	if (!code)
		doctor_works(d, "pivot_root", "to a new root");
	else if (code == EINVAL)
		doctor_works(d, "pivot_root", "/ is the initramfs: hull moves out of it first");
	else
		doctor_say(d, DOCTOR_MISSING, "pivot_root", errno_text(code), "no container starts",
			   NULL);
}

static void add_nodes(struct doctor *d)
{
	int code = try_in(CLONE_NEWNS, call_mknod, NULL);

	if (!code)
		doctor_works(d, "device nodes", "made");
	else if (!d->root)
		doctor_works(d, "device nodes", "the host's are bound: a user makes none");
	else
		doctor_say(d, DOCTOR_LIMITED, "device nodes", errno_text(code),
			   "the host's are bound into containers; others cannot be made",
			   "CAP_MKNOD");
}

/* --- Id-mapped mounts ------------------------------------------------------------------------- */

/* A copy of the mount at path, mapped; path NULL: of a new tmpfs. */
static int map_ids(void *arg)
{
	static const char map[] = "0 1 1\n";
	const char *path = arg;
	struct err e;
	auto_close int userns = userns_of_maps(map, map, &e);
	auto_close int fd = -1;
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP };

	if (userns < 0)
		return e.code;
	if (!path && mount("tmpfs", AT, "tmpfs", 0, NULL) < 0)
		return errno;
	fd = sys_open_tree(AT_FDCWD, path ? path : AT, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (fd < 0)
		return errno;
	attr.userns_fd = (uint64_t)userns;
	return sys_mount_setattr(fd, "", AT_EMPTY_PATH, &attr) < 0 ? errno : 0;
}

/* The type of what is mounted at path, of /proc/self/mounts. */
static bool type_at(const char *mounts, const char *path, char *ret, size_t size)
{
	auto_free char *key = xasprintf(" %s ", path);
	bool found = false;

	for (const char *at = mounts; (at = strstr(at, key)); at += strlen(key), found = true)
		snprintf(ret, size, "%.*s", (int)strcspn(at + strlen(key), " "), at + strlen(key));
	return found;
}

static void add_idmap(struct doctor *d)
{
	static const char *const paths[] = { "/", "/var", "/var/lib", "/home", "/data", "/opt" };
	auto_free char *mounts = NULL;
	char name[96], type[32], worked[256] = "tmpfs", failed[256] = "";
	struct err ignored;
	int code;

	if (!d->root) {
		doctor_say(d, DOCTOR_LIMITED, "id-mapped mounts", "root alone may make them",
			   "volumes have the ids that they have on the disk", NULL);
		return;
	}
	code = try_in(CLONE_NEWNS, map_ids, NULL);
	if (code) {
		doctor_say(d, DOCTOR_MISSING, "id-mapped mounts", errno_text(code),
			   "mounts with uidMappings or \"idmap\" are refused",
			   code == ENOSYS || code == EINVAL ?
				   "Linux 6.3 or later for tmpfs, 5.12 for others" :
				   NULL);
		return;
	}
	if (fd_read_file(AT_FDCWD, "/proc/self/mounts", 1 << 20, &mounts, NULL, &ignored) < 0)
		mounts = xstrdup("");
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		char *list = worked;

		if (!type_at(mounts, paths[i], type, sizeof(type)))
			continue;
		if (try_in(CLONE_NEWNS, map_ids, (void *)(uintptr_t)paths[i]))
			list = failed;
		snprintf(name, sizeof(name), "%s%s (%s)", *list ? ", " : "", type, paths[i]);
		snprintf(list + strlen(list), sizeof(worked) - strlen(list), "%s", name);
	}
	if (!*failed) {
		doctor_works(d, "id-mapped mounts", "%s", worked);
		return;
	}
	auto_free char *seen = xasprintf("%s; not on %s", worked, failed);

	doctor_say(d, DOCTOR_LIMITED, "id-mapped mounts", seen,
		   "mounts from there with uidMappings or \"idmap\" are refused",
		   "a newer kernel, or another file system");
}

static void add_selfexe(struct doctor *d)
{
	struct err e;
	auto_close int fd = selfexe_open(&e);
	int seals = fd < 0 ? -1 : fcntl(fd, F_GET_SEALS);

	d->needed = true;
	if (fd < 0)
		doctor_say(d, DOCTOR_MISSING, "hull's own binary", e.chain,
			   "it cannot be kept from being overwritten out of a container", NULL);
	else if (seals >= 0 && (seals & F_SEAL_WRITE))
		doctor_say(d, DOCTOR_LIMITED, "hull's own binary",
			   "kept from being overwritten by a copy",
			   "each start takes its size in memory, and longer",
			   "Linux 5.12 or later");
	else
		doctor_works(d, "hull's own binary",
			     "kept from being overwritten by a read-only mount");
}

void doctor_mounts(struct doctor *d)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		add_kind(d, &kinds[i]);
	add_layers(d);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++)
		add_call(d, &calls[i]);
	add_pivot(d);
	add_nodes(d);
	add_idmap(d);
	add_selfexe(d);
}
