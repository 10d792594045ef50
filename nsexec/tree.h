/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Detached mounts: open_tree(2), mount_setattr(2) and move_mount(2), and what stands for them before
 * Linux 5.12, where the last of the three came. There a mount is made with mount(2) on a tmpfs
 * that nobody sees, an unbindable mount on top of "/", gets its attributes there, and is moved to
 * its place. All return -1 and errno; ENOSYS is what cannot be had on this kernel.
 */
#ifndef NSEXEC_TREE_H
#define NSEXEC_TREE_H

#include "state/base/sys.h"

#include <stdbool.h>

/*
 * Allow the older ways. proc_fd: O_PATH of a procfs, for "self/fd", kept by the caller. Without it,
 * and in hull, there are none. own_ns: nobody else uses this mount namespace, so that the tmpfs may
 * be mounted.
 */
void tree_allow(int proc_fd, bool own_ns);
/* Remove the tmpfs, if there is one: before the change of root, and after the last mount. */
void tree_end(void);

/* open_tree(2) with OPEN_TREE_CLONE | flags: AT_EMPTY_PATH, AT_RECURSIVE, AT_SYMLINK_NOFOLLOW. */
int tree_open(int dirfd, const char *path, unsigned flags);
/* A new file system. attrs: MOUNT_ATTR_*; data: as of mount(2). Before Linux 5.2, for fsopen(2). */
int tree_new(const char *type, const char *source, uint64_t attrs, const char *data);
/* mount_setattr(2) of the mount at fd. flags: AT_RECURSIVE, before 5.12 for the propagation alone. */
int tree_set_attr(int fd, unsigned flags, struct mount_attr *attr);
/* move_mount(2) of one descriptor to another, which fd then is the root of. */
int tree_move(int fd, int target_fd);

#endif
