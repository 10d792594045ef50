/* SPDX-License-Identifier: Apache-2.0 */
/*
 * old VERSION COMMAND...: run it as if the kernel were Linux 5.10 or 5.4: the system calls that hull
 * knows and that version has not yet are answered by ENOSYS (seccomp_filter(7)), and uname(2) says
 * 2.6 before 5.8, since which setns(2) takes a pidfd.
 */
#include <err.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	const char *since; /* the first version with the call */
	int nr;
} calls[] = {
	{ "5.12", SYS_mount_setattr }, { "5.09", SYS_close_range },
	{ "5.08", SYS_faccessat2 },    { "5.06", SYS_openat2 },
	{ "5.06", SYS_pidfd_getfd },   { "5.03", SYS_pidfd_open },
	{ "5.03", SYS_clone3 },	       { "5.02", SYS_open_tree },
	{ "5.02", SYS_move_mount },    { "5.02", SYS_fsopen },
	{ "5.02", SYS_fsconfig },      { "5.02", SYS_fsmount },
	{ "5.02", SYS_fspick },	       { "5.01", SYS_pidfd_send_signal },
};

static int number(const char *version)
{
	char *end;
	long major = strtol(version, &end, 10), minor = *end == '.' ? strtol(end + 1, NULL, 10) : 0;

	return (int)(major * 1000 + minor);
}

int main(int argc, char **argv)
{
	struct sock_filter f[64];
	struct sock_fprog prog = { 0, f };
	unsigned short n = 0;

	if (argc < 3)
		errx(2, "usage: old VERSION COMMAND...");
	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
					      offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (number(calls[i].since) <= number(argv[1]))
			continue;
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
						      (unsigned)calls[i].nr, 0, 1);
		f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
	}
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	prog.len = n;
	if (number(argv[1]) < 5008 && personality(UNAME26) < 0)
		err(1, "personality");
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0)
		err(1, "seccomp");
	execvp(argv[2], argv + 2);
	err(1, "%s", argv[2]);
}
