/* SPDX-License-Identifier: Apache-2.0 */
/* Sources of bind mounts. Runs in hull or in stage 2, see source.h. */
#include "nsexec/source.h"

#include "state/mem.h"
#include "state/sys.h"

#include <fcntl.h>

int source_open(const struct source_request *r, bool slave, struct err *e)
{
	unsigned recursive = r->recursive ? AT_RECURSIVE : 0;
	unsigned nofollow = r->nofollow ? AT_SYMLINK_NOFOLLOW : 0;
	auto_close int fd =
		sys_open_tree(AT_FDCWD, r->path, OPEN_TREE_CLONE | recursive | nofollow);
	struct mount_attr attr = { .propagation = MS_SLAVE };

	if (fd < 0)
		return err_sys(e, "open %s", r->path);
	if (slave && sys_mount_setattr(fd, "", AT_EMPTY_PATH | recursive, &attr) < 0)
		return err_sys(e, "set the propagation of %s", r->path);
	return take_fd(&fd);
}
