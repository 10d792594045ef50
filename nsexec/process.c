/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper programs. Runs in hull (hooks of the runtime namespace, ps), in stage 0 (newuidmap) and
 * in init (hooks of the container namespace).
 */
#include "nsexec/process.h"

#include "state/fd.h"
#include "state/mem.h"
#include "state/names.h"
#include "state/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* A file in memory; with text, ready to be read. */
static int memory_file(const char *text, struct err *e)
{
	auto_close int fd = memfd_create("hull", MFD_CLOEXEC);

	if (fd < 0)
		return err_sys(e, "memfd_create");
	if (text && (fd_write_all(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		return err_sys(e, "write to a memory file");
	return take_fd(&fd);
}

/* The end is where programs say why they give up. */
static void read_end(int fd, char *buf, size_t size)
{
	off_t all = fd >= 0 ? lseek(fd, 0, SEEK_END) : 0;
	size_t cut = all >= (off_t)size ? 4 : 0;
	ssize_t n = 0;

	if (cut)
		memcpy(buf, "... ", cut);
	if (all > 0)
		n = pread(fd, buf + cut, size - 1 - cut, cut ? all - (off_t)(size - 1 - cut) : 0);
	n = n < 0 ? 0 : n + (ssize_t)cut;
	while (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
}

static void describe(struct process_result *r)
{
	if (WIFSIGNALED(r->status))
		snprintf(r->how, sizeof(r->how), "signal: %s", strsignal(WTERMSIG(r->status)));
	else
		snprintf(r->how, sizeof(r->how), "exit status %d", WEXITSTATUS(r->status));
	if (r->how[8] >= 'A' && r->how[8] <= 'Z' && WIFSIGNALED(r->status))
		r->how[8] |= 32; /* "signal: killed", as Go prints it */
}

static int reap(pid_t pid, struct process_result *r, struct err *e)
{
	pid_t got;

	do {
		got = waitpid(pid, &r->status, 0);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? err_sys(e, "wait for process %d", (int)pid) : 0;
}

static int wait_for(pid_t pid, int timeout_ms, struct process_result *r, struct err *e)
{
	int64_t end = sys_now_ms() + timeout_ms;

	if (timeout_ms > 0) {
		auto_close int pidfd = sys_pidfd_open(pid, 0);
		struct pollfd pf = { .fd = pidfd, .events = POLLIN };
		int64_t left = timeout_ms;
		int n = 1;

		while (pidfd >= 0 && (n = poll(&pf, 1, (int)left)) < 0 && errno == EINTR) {
			left = end - sys_now_ms();
			left = left < 0 ? 0 : left;
		}
		if (n == 0) {
			r->timed_out = true;
			kill(-pid, SIGKILL);
		}
	}
	return reap(pid, r, e);
}

static int spawn(const struct process *p, int in, int out, int err, pid_t *ret, struct err *e)
{
	posix_spawn_file_actions_t acts;
	posix_spawnattr_t attr;
	sigset_t none;
	int r;

	sigemptyset(&none);
	posix_spawn_file_actions_init(&acts);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setsigmask(&attr, &none);
	if (p->cwd)
		posix_spawn_file_actions_addchdir_np(&acts, p->cwd);
	posix_spawn_file_actions_adddup2(&acts, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&acts, out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&acts, err, STDERR_FILENO);
	r = posix_spawn(ret, p->path, &acts, &attr, p->argv, p->env ? p->env : environ);
	posix_spawn_file_actions_destroy(&acts);
	posix_spawnattr_destroy(&attr);
	if (r == 0)
		return 0;
	errno = r;
	return err_sys(e, "exec %s", p->path);
}

int process_run(const struct process *p, struct process_result *ret, struct err *e)
{
	auto_close int in = p->input ? memory_file(p->input, e) :
				       fd_open(AT_FDCWD, "/dev/null", O_RDONLY, 0, e);
	auto_close int out = in < 0	  ? -1 :
			     p->stdout_fd ? fcntl(p->stdout_fd, F_DUPFD_CLOEXEC, 3) :
					    memory_file(NULL, e);
	auto_close int err = out < 0	  ? -1 :
			     p->stderr_fd ? fcntl(p->stderr_fd, F_DUPFD_CLOEXEC, 3) :
					    memory_file(NULL, e);
	pid_t pid;

	*ret = (struct process_result){ 0 };
	if (err < 0 || spawn(p, in, out, err, &pid, e) < 0)
		return -1;
	if (wait_for(pid, p->timeout_ms, ret, e) < 0)
		return -1;
	describe(ret);
	read_end(p->stdout_fd ? -1 : out, ret->output, sizeof(ret->output));
	read_end(p->stderr_fd ? -1 : err, ret->errors, sizeof(ret->errors));
	return 0;
}

bool process_succeeded(const struct process_result *r)
{
	return !r->timed_out && WIFEXITED(r->status) && WEXITSTATUS(r->status) == 0;
}

int process_leave(const char *name, int (*work)(const void *), const void *arg, int *keep, size_t n,
		  struct err *e)
{
	auto_close int null = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0, e);
	pid_t pid = null < 0 ? -1 : fork();
	sigset_t none;

	if (null >= 0 && pid < 0)
		return err_sys(e, "fork");
	if (pid)
		return pid < 0 ? -1 : 0;
	setsid();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	for (int fd = 0; fd < 3; fd++)
		dup3(null, fd, 0);
	fd_close_all_but(3, keep, n);
	(void)!chdir("/");
	prctl(PR_SET_NAME, name);
	_exit(work(arg));
}
