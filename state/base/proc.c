/* SPDX-License-Identifier: Apache-2.0 */
#include "state/base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

bool proc_is_foreign(void)
{
	static enum { UNKNOWN, OURS, FOREIGN } whose;
	char self[16];
	ssize_t n;

	if (whose == UNKNOWN) {
		n = readlink("/proc/self", self, sizeof(self) - 1);
		self[n > 0 ? n : 0] = '\0';
		whose = strtol(self, NULL, 10) == getpid() ? OURS : FOREIGN;
	}
	return whose == FOREIGN;
}

pid_t proc_number(pid_t pid)
{
	auto_close int fd = -1;
	char name[40], text[512], *line;

	if (!proc_is_foreign())
		return pid;
	fd = sys_pidfd_open(pid, 0);
	snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
	if (fd < 0 || fd_read_small(AT_FDCWD, name, text, sizeof(text)) < 0)
		return 0;
	line = strstr(text, "\nPid:");
	/* -1: it has ended */
	pid = line ? (pid_t)strtol(line + strlen("\nPid:"), NULL, 10) : 0;
	return pid > 0 ? pid : 0;
}

const char *proc_path(char path[static PROC_PATH_SIZE], pid_t pid, const char *name)
{
	snprintf(path, PROC_PATH_SIZE, "/proc/%d/%s", (int)proc_number(pid), name);
	return path;
}

/* Past the n-th space after p, or NULL. */
static const char *skip_words(const char *p, int n)
{
	while (p && n-- > 0) {
		p = strchr(p, ' ');
		p = p ? p + 1 : NULL;
	}
	return p;
}

/*
 * proc_pid_stat(5). The second field is the program's name in parentheses, in which anything may
 * stand: what follows the last ")" counts. The state is field 3, the start time field 22.
 */
int proc_start_time(pid_t pid, uint64_t *ret)
{
	char path[PROC_PATH_SIZE], text[1024];
	char *p;

	errno = ESRCH;
	if (pid <= 0)
		return -1;
	if (fd_read_small(AT_FDCWD, proc_path(path, pid, "stat"), text, sizeof(text)) < 0) {
		errno = errno == ENOENT ? ESRCH : errno;
		return -1;
	}
	p = strrchr(text, ')');
	errno = ESRCH;
	if (!p || p[1] != ' ' || strchr("ZXx", p[2]))
		return -1;
	p = (char *)skip_words(p + 2, 19);
	if (!p)
		return -1;
	p[strcspn(p, " ")] = '\0';
	return str_to_u64(p, ret) ? 0 : -1;
}
