/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /dev: the default device nodes and links, and linux.devices. Runs in stage 2 before the change
 * of root. The image may have anything at /dev, so it is opened once as a real directory and used
 * by descriptor (CVE-2026-41579), and a node that is there already is looked at, not trusted.
 */
#include "init/init.h"
#include "init/base/inside.h"
#include "init/mount.h"
#include "init/mount/mount_dev.h"
#include "nsexec/channel.h"
#include "nsexec/nsexec.h"
#include "nsexec/source.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct node {
	const char *path; /* on the host, and in the container */
	mode_t type, mode;
	dev_t rdev;
	uid_t uid;
	gid_t gid;
	int tree; /* a detached mount of it, made by hull; or -1 */
};

static int open_dev(struct init *in, struct err *e)
{
	int fd = fd_open_in_root(in->root_fd, "dev", O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);

	if (fd < 0 && errno == ENOENT && mkdirat(in->root_fd, "dev", 0755) == 0)
		fd = fd_open_in_root(in->root_fd, "dev", O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
		return err_set(e, ENOTDIR, "/dev in the container's root is not a directory");
	return fd < 0 ? err_sys(e, "open /dev in the container's root") : fd;
}

/* What is at name is the node that was asked for. */
static int check_node(int dir_fd, const char *name, const struct node *n, struct err *e)
{
	struct stat st;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "stat %s", n->path);
	if ((st.st_mode & S_IFMT) != n->type || (n->type != S_IFIFO && st.st_rdev != n->rdev))
		return err_set(e, EEXIST, "%s exists and is another file than device %u:%u",
			       n->path, major(n->rdev), minor(n->rdev));
	return 0;
}

/* In a user namespace mknod(2) of a device is not allowed: hull's, or else the host's is bound. */
static int bind_node(const struct init *in, int dir_fd, const char *name, const struct node *n,
		     struct err *e)
{
	struct source_request r = { .path = n->path, .nofollow = true };
	auto_close int tree = -1, target = -1;
	struct stat st;
	int fd;

	fd = openat(dir_fd, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 && errno != EEXIST)
		return err_sys(e, "create %s", n->path);
	if (fd >= 0)
		close(fd);
	target = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	tree = n->tree >= 0 ? fcntl(n->tree, F_DUPFD_CLOEXEC, 3) :
			      source_open(&r, rootfs_cut(in), e);
	if (tree < 0)
		return -1;
	if (target < 0 || fstat(tree, &st) < 0)
		return err_sys(e, "open %s", n->path);
	if ((st.st_mode & S_IFMT) != n->type || st.st_rdev != n->rdev)
		return err_set(e, ENODEV, "the host's %s is not device %u:%u", n->path,
			       major(n->rdev), minor(n->rdev));
	return mount_attach(tree, target, e);
}

static int make_node(struct init *in, int dir_fd, const char *name, const struct node *n,
		     struct err *e)
{
	if (init_in_user_ns(in) && n->type != S_IFIFO)
		return bind_node(in, dir_fd, name, n, e);
	/* umask is 0 here, so the mode is exact. */
	if (mknodat(dir_fd, name, n->type | n->mode, n->rdev) < 0) {
		if (errno == EEXIST)
			return check_node(dir_fd, name, n, e);
		if (errno == EPERM && n->type != S_IFIFO)
			return bind_node(in, dir_fd, name, n, e);
		return err_sys(e, "mknod %s", n->path);
	}
	if ((n->uid || n->gid) && fchownat(dir_fd, name, n->uid, n->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "chown %s", n->path);
	return 0;
}

/* hull makes it, with the owner and mode that are asked for, if it can: it may be no better off. */
static int ask_node(struct init *in, size_t index, struct node *n, struct err *e)
{
	if (!init_in_user_ns(in) || n->type == S_IFIFO || !nsexec_is_root())
		return 0;
	return init_ask(in, MSG_DEVICE, index, &n->tree, e);
}

static int make_configured(struct init *in, size_t index, const char *path, struct err *e)
{
	const struct spec_device *d = &in->a->spec->linux_->devices.v[index];
	struct node n = {
		.path = path,
		.tree = -1,
		.type = d->type == 'c' ? S_IFCHR :
			d->type == 'b' ? S_IFBLK :
					 S_IFIFO,
		.mode = d->file_mode.set ? (mode_t)d->file_mode.v & 07777 : 0666,
		.rdev = makedev((unsigned)d->major.v, (unsigned)d->minor.v),
		.uid = (uid_t)d->uid.v,
		.gid = (gid_t)d->gid.v,
	};
	const char *name;
	auto_close int dir = inside_make_parent(in->root_fd, path, &name, e);
	int r;

	if (dir < 0 || ask_node(in, index, &n, e) < 0)
		return -1;
	r = make_node(in, dir, name, &n, e);
	if (n.tree >= 0)
		close(n.tree);
	return r;
}

static bool is_configured(const struct init *in, const char *path)
{
	const struct spec_devices *d = &in->a->spec->linux_->devices;

	for (size_t i = 0; i < d->n; i++) {
		auto_free char *clean = path_clean(d->v[i].path);

		if (!strcmp(clean, path))
			return true;
	}
	return false;
}

static int make_all_configured(struct init *in, struct err *e)
{
	const struct spec_devices *d = &in->a->spec->linux_->devices;

	for (size_t i = 0; i < d->n; i++) {
		auto_free char *path = path_clean(d->v[i].path);

		/* Of the container's own terminals, whatever else is asked for: mount_dev_links(). */
		if (!strcmp(path, "/dev/ptmx"))
			continue;
		if (make_configured(in, i, path, e) < 0) {
			err_at_index(e, i);
			err_at_key(e, "devices");
			return err_at_key(e, "linux");
		}
	}
	return 0;
}

static int make_defaults(struct init *in, int dev, struct err *e)
{
	char path[16];

	for (size_t i = 0; i < MOUNT_DEV_NODES; i++) {
		const struct mount_dev_node *d = &mount_dev_nodes[i];
		struct node n = { .path = path, .type = S_IFCHR, .mode = 0666, .tree = -1 };

		snprintf(path, sizeof(path), "/dev/%s", d->name);
		n.rdev = makedev(d->major, d->minor);
		if (!is_configured(in, path) && make_node(in, dev, d->name, &n, e) < 0)
			return -1;
	}
	return 0;
}

int dev_setup(struct init *in, struct err *e)
{
	auto_close int dev = -1;

	/* Whoever binds a /dev of his own wants that one as it is. */
	if (!rootfs_is_mounted(in) || in->dev_bound || in->dev.complete)
		return 0;
	dev = open_dev(in, e);
	if (dev < 0)
		return -1;
	if (make_all_configured(in, e) < 0)
		return -1;
	if (make_defaults(in, dev, e) < 0)
		return -1;
	return mount_dev_links(dev, faccessat(in->proc_fd, "kcore", F_OK, 0) == 0, e);
}
