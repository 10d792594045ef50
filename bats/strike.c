/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strike REPORT WHO N COMMAND...: run hull and kill one of its processes with SIGKILL as it enters
 * its Nth system call, so that this call is not made. WHO is 0 for hull itself, 1, 2 and 3 for its
 * stages 0, 1 and 2, in the order of their birth; N counts from the first call of that process. Ends
 * with hull, whose exit code it returns, 137 when it was killed; what still runs then runs on
 * untraced. REPORT gets "struck CALL" (a number) or "missed", and the PIDs of all processes.
 *
 * strace's inject counts for every process alike: it cannot kill a stage at a call that hull makes.
 *
 * strike REPORT short N COMMAND...: nobody is killed, but of the Nth read or write of each process,
 * until it executes the container's program, the kernel is given only the first byte to do, as it may
 * do by itself with files and pipes, but not with those of /proc and /sys. REPORT begins with
 * "shortened" or "missed".
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_MAX 64
#define SHORT -1

static struct {
	pid_t pid;
	long calls;
	unsigned long long length; /* of the call that is shortened, or 0 */
	int is_program;
} tracee[N_MAX];
static int n_tracees;
static long struck = -1;

static int find(pid_t pid)
{
	for (int i = 0; i < n_tracees; i++) {
		if (tracee[i].pid == pid)
			return i;
	}
	if (n_tracees == N_MAX)
		errx(1, "more than %d processes", N_MAX);
	tracee[n_tracees].pid = pid;
	return n_tracees++;
}

/*
 * Seized, not by PTRACE_TRACEME: that gives every new process a SIGSTOP, which would stay with one
 * that we leave before we have taken it.
 */
static void start(char **argv)
{
	long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
		       PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;
	int gate[2];
	pid_t pid;
	char c;

	if (pipe2(gate, O_CLOEXEC) < 0)
		err(1, "pipe2");
	pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		close(gate[1]);
		if (read(gate[0], &c, 1) < 0)
			err(1, "read");
		execv(argv[0], argv);
		err(1, "execute %s", argv[0]);
	}
	find(pid);
	if (ptrace(PTRACE_SEIZE, pid, 0, options) < 0)
		err(1, "PTRACE_SEIZE");
	close(gate[0]);
	close(gate[1]);
}

/* May the kernel do less of it than it is asked for? */
static int may_be_short(pid_t pid, const struct __ptrace_syscall_info *info)
{
	const unsigned long whole[] = { 0x9fa0, 0x62656572, 0x27e0eb,
					0x63677270 }; /* proc, sysfs, cgroup, cgroup2 */
	const unsigned long long nr = info->entry.nr;
	char path[64];
	struct statfs fs;
	struct stat st;

	if (nr != SYS_write && nr != SYS_pwrite64 && nr != SYS_read && nr != SYS_pread64)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, (int)info->entry.args[0]);
	if (info->entry.args[2] < 2 || stat(path, &st) < 0 || statfs(path, &fs) < 0)
		return 0;
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
		if ((unsigned long)fs.f_type == whole[i])
			return 0;
	}
	return S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode);
}

static void set_length(pid_t pid, unsigned long long length)
{
#ifdef __x86_64__
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, pid, 0, &regs) < 0)
		err(1, "PTRACE_GETREGS");
	regs.rdx = length;
	if (ptrace(PTRACE_SETREGS, pid, 0, &regs) < 0)
		err(1, "PTRACE_SETREGS");
#else
	(void)pid;
	(void)length;
	errx(1, "short: not on this processor");
#endif
}

/* A program relies on the registers that a system call keeps: the length is given back. */
static void shorten(int i, const struct __ptrace_syscall_info *info, long n)
{
	pid_t pid = tracee[i].pid;

	if (info->op == PTRACE_SYSCALL_INFO_EXIT && tracee[i].length) {
		set_length(pid, tracee[i].length);
		tracee[i].length = 0;
	}
	if (info->op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	if (info->entry.nr == SYS_execve && i > 0)
		tracee[i].is_program = 1;
	if (tracee[i].is_program || !may_be_short(pid, info) || ++tracee[i].calls != n)
		return;
	struck = (long)info->entry.nr;
	tracee[i].length = info->entry.args[2];
	set_length(pid, 1);
}

/* A tracee has stopped: strike, or let it go on. who is SHORT to shorten a call. */
static void stopped(int i, int status, int who, long n)
{
	struct __ptrace_syscall_info info;
	int sig = WSTOPSIG(status);
	pid_t pid = tracee[i].pid;

	if (sig == (SIGTRAP | 0x80)) {
		sig = 0;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
			;
		else if (who == SHORT)
			shorten(i, &info, n);
		else if (info.op == PTRACE_SYSCALL_INFO_ENTRY && ++tracee[i].calls == n &&
			 i == who) {
			struck = (long)info.entry.nr;
			kill(pid, SIGKILL);
		}
	} else if (status >> 16) {
		sig = 0; /* an event: execve, or the beginning of a new process */
	}
	ptrace(PTRACE_SYSCALL, pid, 0, (long)sig);
}

int main(int argc, char **argv)
{
	int status, i, who;
	FILE *report;
	pid_t pid;

	if (argc < 5)
		errx(1, "usage: strike REPORT WHO N COMMAND...");
	who = strcmp(argv[2], "short") ? atoi(argv[2]) : SHORT;
	alarm(50);
	start(argv + 4);
	for (;;) {
		pid = waitpid(-1, &status, __WALL);
		if (pid < 0 && errno == EINTR)
			continue;
		if (pid < 0)
			err(1, "wait");
		i = find(pid);
		if (WIFSTOPPED(status))
			stopped(i, status, who, atol(argv[3]));
		else if (i == 0)
			break;
	}
	report = fopen(argv[1], "we");
	if (!report)
		err(1, "%s", argv[1]);
	fprintf(report,
		struck < 0   ? "missed\n" :
		who == SHORT ? "shortened %ld\n" :
			       "struck %ld\n",
		struck);
	for (i = 0; i < n_tracees; i++)
		fprintf(report, "%d ", (int)tracee[i].pid);
	fputc('\n', report);
	fclose(report);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
