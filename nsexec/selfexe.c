/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protection of /proc/self/exe. Runs in hull, before it enters a cgroup of the container, so
 * that the copy, where one is needed, is not charged to the container's memory.
 */
#include "nsexec/selfexe.h"

#include "state/fd.h"
#include "state/mem.h"
#include "state/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

/* A mount that no mount table shows; writing through it is EROFS for everybody. */
static int detached_mount(void)
{
	auto_close int fd = sys_open_tree(AT_FDCWD, "/proc/self/exe", OPEN_TREE_CLONE);
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY };

	if (fd < 0 || sys_mount_setattr(fd, "", AT_EMPTY_PATH, &ro) < 0)
		return -1;
	return take_fd(&fd);
}

static int sealed_copy(struct err *e)
{
	auto_close int from = fd_open(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0, e);
	auto_close int to = -1;
	struct stat st;
	off_t left;
	ssize_t n;

	if (from < 0)
		return -1;
	to = memfd_create("hull-exe", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (to < 0 && errno == EINVAL) /* MFD_EXEC: Linux 6.3 */
		to = memfd_create("hull-exe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (to < 0 || fstat(from, &st) < 0)
		return err_sys(e, "memfd_create for a copy of hull");
	for (left = st.st_size; left > 0; left -= n) {
		n = sendfile(to, from, NULL, (size_t)left);
		if (n <= 0)
			return err_sys(e, "copy hull to a memfd");
	}
	if (fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_sys(e, "seal the copy of hull");
	return take_fd(&to);
}

int selfexe_open(struct err *e)
{
	int fd = detached_mount();

	return fd >= 0 ? fd : sealed_copy(e);
}
