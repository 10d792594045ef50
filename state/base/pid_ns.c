/* SPDX-License-Identifier: Apache-2.0 */
#include "state/base/pid_ns.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_ns(pid_t pid)
{
	char path[PROC_PATH_SIZE];

	return open(proc_path(path, pid, "ns/pid"), O_RDONLY | O_CLOEXEC);
}

/* Upwards from the namespace of pid, as far as the caller may see (ioctl_ns(2)); they nest 32 deep. */
static bool is_in(pid_t pid, const struct stat *wanted)
{
	auto_close int fd = open_ns(pid);
	struct stat st;

	for (int depth = 0; depth < 33 && fd >= 0 && fstat(fd, &st) == 0; depth++) {
		int up;

		if (fd_same_file(&st, wanted))
			return true;
		up = ioctl(fd, NS_GET_PARENT);
		close(fd);
		fd = up;
	}
	return false;
}

int pid_ns_pids(pid_t init, pid_t **ret, size_t *ret_n, struct err *e)
{
	auto_close int fd = open_ns(init);
	struct dirent *entry;
	struct stat wanted;
	uint64_t pid;
	DIR *proc;

	if (proc_is_foreign())
		return err_set(e, ENOTSUP, "/proc is of another PID namespace than hull's");
	if (fd < 0 || fstat(fd, &wanted) < 0)
		return err_sys(e, "open the PID namespace of process %d", (int)init);
	proc = opendir("/proc");
	if (!proc)
		return err_sys(e, "open /proc");
	*ret = NULL;
	*ret_n = 0;
	while ((entry = readdir(proc))) {
		if (!str_to_u64(entry->d_name, &pid) || !is_in((pid_t)pid, &wanted))
			continue;
		*ret = xrealloc(*ret, (*ret_n + 1) * sizeof(**ret));
		(*ret)[(*ret_n)++] = (pid_t)pid;
	}
	closedir(proc);
	return 0;
}
