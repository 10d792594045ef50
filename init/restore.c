/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rootfs for criu. criu wants it to be a mount whose parent nothing covers, and it makes no
 * mount points: those on file systems that it brings back itself are there again, all others must
 * be. Runs in the process that becomes criu.
 */
#include "init/restore.h"

#include "init/base/inside.h"
#include "init/mount.h"
#include "init/mount/mount_options.h"
#include "nsexec/source.h"
#include "nsexec/tree.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* Is it on a mount that criu makes, with what is in it? */
static bool is_brought_back(const struct spec *s, size_t index)
{
	auto_free char *dest = path_clean(s->mounts.v[index].destination);

	for (size_t i = 0; i < index; i++) {
		struct mount_work w = { .m = &s->mounts.v[i] };
		auto_free char *above = path_clean(w.m->destination);
		size_t n = strlen(above);
		bool bind;

		mount_options_parse(&w.m->options, &w.o);
		bind = mount_is_bind(&w);
		mount_options_done(&w.o);
		if (!bind && !strncmp(dest, above, n) && dest[n] == '/')
			return true;
	}
	return false;
}

/* What is mounted later may be below it. */
static int make_bind(const struct restore_root *r, int root_fd, const struct mount_work *w,
		     struct err *e)
{
	auto_free char *path = path_join(r->bundle, w->m->source);
	struct source_request req = { .path = path,
				      .recursive = w->o.recursive_bind,
				      .nofollow = w->o.src_nofollow };
	auto_close int tree = source_open(&req, 0, e);
	auto_close int target = -1;

	if (tree < 0)
		return -1;
	target = inside_make(root_fd, w->m->destination,
			     fd_is_directory(tree) ? INSIDE_DIR : INSIDE_FILE, e);
	if (target < 0)
		return -1;
	return tree_move(tree, target) < 0 ? err_sys(e, "mount %s", path) : 0;
}

static int make_point(const struct restore_root *r, int root_fd, size_t i, struct err *e)
{
	struct mount_work w = { .m = &r->spec->mounts.v[i] };
	int fd, ret = 0;

	if (is_brought_back(r->spec, i))
		return 0;
	mount_options_parse(&w.m->options, &w.o);
	if (w.o.copy_symlink || w.o.remount) {
		/* No mount, or none of its own. */
	} else if (mount_is_bind(&w) && w.m->source) {
		ret = make_bind(r, root_fd, &w, e);
	} else {
		fd = inside_make(root_fd, w.m->destination, INSIDE_DIR, e);
		ret = fd < 0 ? -1 : 0;
		cleanup_close(&fd);
	}
	mount_options_done(&w.o);
	if (ret == 0)
		return 0;
	err_wrap(e, "mount point %s", w.m->destination);
	err_at_index(e, i);
	return err_at_key(e, "mounts");
}

int restore_prepare_root(void *arg, struct err *e)
{
	const struct restore_root *r = arg;
	auto_close int tree = -1, root_fd = -1, target = -1;

	if (unshare(CLONE_NEWNS) < 0)
		return err_sys(e, "unshare the mount namespace");
	/* What the host mounts still comes in, nothing gets out. */
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		return err_sys(e, "make the mounts slaves");
	/* Copied before the binds, which are there for their mount points alone. */
	tree = tree_open(AT_FDCWD, r->rootfs, AT_RECURSIVE);
	root_fd = tree < 0 ? -1 : open(r->rootfs, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return err_sys(e, "rootfs %s", r->rootfs);
	for (size_t i = 0; i < r->spec->mounts.n; i++) {
		if (make_point(r, root_fd, i, e) < 0)
			return -1;
	}
	if (r->empty &&
	    mount("tmpfs", r->empty, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
		  "nr_blocks=1,nr_inodes=1") < 0)
		return err_sys(e, "mount an empty directory");
	target = fd_open(AT_FDCWD, r->target, O_PATH | O_DIRECTORY, 0, e);
	if (target < 0)
		return -1;
	return tree_move(tree, target) < 0 ? err_sys(e, "mount the rootfs on %s", r->target) : 0;
}
