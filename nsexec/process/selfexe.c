/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protection of /proc/self/exe. Runs in hull, before it enters a cgroup of the container, so
 * that the copy, where one is needed, is not charged to the container's memory.
 */
#include "nsexec/process/selfexe.h"

#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A mount of the file alone, that no mount table shows; writing through it is EROFS for everybody. */
static int detached_mount(int file_fd, uint64_t attrs)
{
	auto_close int fd = sys_open_tree(file_fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH);
	struct mount_attr ro = { .attr_set = MOUNT_ATTR_RDONLY | attrs };

	if (fd < 0 || sys_mount_setattr(fd, "", AT_EMPTY_PATH, &ro) < 0)
		return -1;
	return take_fd(&fd);
}

static int sealed_copy(int from, const char *name, struct err *e)
{
	auto_close int to = -1;
	struct stat st;
	off_t left;
	ssize_t n;

	to = memfd_create("hull-exe", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
	if (to < 0 && errno == EINVAL) /* MFD_EXEC: Linux 6.3 */
		to = memfd_create("hull-exe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (to < 0 || fstat(from, &st) < 0)
		return err_sys(e, "memfd_create for a copy of %s", name);
	for (left = st.st_size; left > 0; left -= n) {
		n = sendfile(to, from, NULL, (size_t)left);
		if (n <= 0)
			return err_sys(e, "copy %s to a memfd", name);
	}
	if (fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
		return err_sys(e, "seal the copy of %s", name);
	return take_fd(&to);
}

/* The kernel has no code that could write to one, whoever mounts it anew. */
static bool never_writable(const struct statfs *fs)
{
	static const uint32_t types[] = { EROFS_SUPER_MAGIC_V1, SQUASHFS_MAGIC, CRAMFS_MAGIC,
					  ISOFS_SUPER_MAGIC };

	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if ((uint32_t)fs->f_type == types[i])
			return true;
	}
	return false;
}

/*
 * Can no container of ours write to hull's binary, which fd is open at, as it is? An ordinary user's have
 * his ID, and those of subuid(5), but not root's; an access control list shows in the group's bits (acl(5)).
 */
static bool is_out_of_reach(int fd)
{
	struct statfs fs;
	struct stat st;

	if (sys_is_ordinary_user() && fstat(fd, &st) == 0 && st.st_uid == 0 &&
	    !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return true;
	return fstatfs(fd, &fs) == 0 && never_writable(&fs);
}

/*
 * Readable, for who has to say why it cannot be executed. With the end of the descriptor of the mount that
 * is dissolved, so that nobody makes it writable; the file keeps it (nsexec_start() has more).
 */
static int file_of(int mount_fd)
{
	char name[40];

	snprintf(name, sizeof(name), "/proc/self/fd/%d", mount_fd);
	return open(name, O_RDONLY | O_CLOEXEC);
}

static int kept = -1;	 /* selfexe_keep()'s */
static int mounted = -1; /* selfexe_open()'s last, if the mount ends with it */

int selfexe_keep(void)
{
	static bool tried;
	auto_close int exe = tried ? -1 : open("/proc/self/exe", O_PATH | O_CLOEXEC);
	auto_close int fd = exe < 0 || is_out_of_reach(exe) ? -1 : detached_mount(exe, 0);

	tried = true;
	if (fd >= 0)
		kept = file_of(fd);
	return kept;
}

int selfexe_open(struct err *e)
{
	auto_close int exe = -1, from = -1;
	int fd;

	if (kept >= 0) {
		fd = fcntl(kept, F_DUPFD_CLOEXEC, 3);
		return fd < 0 ? err_sys(e, "duplicate a descriptor") : fd;
	}
	exe = fd_open(AT_FDCWD, "/proc/self/exe", O_PATH, 0, e);
	if (exe < 0)
		return -1;
	if (is_out_of_reach(exe)) {
		log_debug(
			"nobody in a container can write to hull's binary: it is executed as it is");
		return take_fd(&exe);
	}
	fd = detached_mount(exe, 0);
	/* runc's words, which its tests know */
	log_debug("runc exeseal: using /proc/self/exe clone");
	mounted = fd;
	if (fd >= 0)
		return fd;
	from = fd_open(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0, e);
	return from < 0 ? -1 : sealed_copy(from, "hull", e);
}

int selfexe_of_stage(int fd)
{
	int file = fd == mounted ? sys_open_tree(fd, "", AT_EMPTY_PATH) : -1;

	if (file < 0)
		return fd;
	close(fd);
	return file;
}

int selfexe_protect(int fd, const char *path, struct err *e)
{
	auto_close int tree = detached_mount(fd, MOUNT_ATTR_NOSUID);
	int ret = tree < 0 ? -1 : file_of(tree);

	if (ret >= 0)
		return ret;
	if (geteuid() == 0)
		return sealed_copy(fd, path, e);
	ret = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	return ret < 0 ? err_sys(e, "%s", path) : ret;
}
