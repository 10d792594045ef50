/* SPDX-License-Identifier: Apache-2.0 */
/* Foreground waiting, pid files and sockets of the caller. Runs in hull. */
#include "cmd/attach/attach.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Really all: musl's sigfillset(3) leaves out 32 to 34, which it uses between threads, and 34 is the
 * SIGRTMIN of others.
 */
static void all_signals(sigset_t *ret)
{
	memset(ret, 0xff, sizeof(*ret));
}

int attach_open_signals(struct err *e)
{
	sigset_t all;
	int fd;

	all_signals(&all);
	fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? err_sys(e, "signalfd") : fd;
}

int attach_prepare(bool subreaper, struct err *e)
{
	sigset_t all;

	all_signals(&all);
	if (sigprocmask(SIG_SETMASK, &all, NULL) < 0)
		return err_sys(e, "block signals");
	if (subreaper && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		return err_sys(e, "become a subreaper");
	return 0;
}

#define REAP_TRIES 3

/*
 * Reap whatever has ended; true when pid is among it. Its signal comes only once: an error is tried
 * again, and without a child there is nobody to wait for.
 */
static bool reap(pid_t pid, int *ret_status)
{
	int status, tries = REAP_TRIES;
	pid_t got;

	for (;;) {
		got = waitpid(-1, &status, WNOHANG);
		if (got == 0)
			return false;
		if (got < 0 && errno != ECHILD && --tries)
			continue;
		if (got < 0 || got == pid)
			break;
	}
	*ret_status = got < 0 ? 255 << 8 : status;
	return true;
}

bool attach_handle_signal(int sig, pid_t pid, int *ret_code)
{
	int status;

	if (sig == SIGCHLD) {
		if (!reap(pid, &status))
			return false;
		*ret_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		return true;
	}
	/* It is our child and not reaped, so the PID cannot be another process's. */
	if (sig != SIGURG && sig != SIGWINCH)
		kill(pid, sig);
	return false;
}

int attach_wait(pid_t pid, struct err *e)
{
	sigset_t all;
	int code, sig;

	all_signals(&all);
	for (;;) {
		sig = sigwaitinfo(&all, NULL); /* SIGCHLD was blocked before pid was born */
		if (sig < 0 && errno != EINTR)
			return err_sys(e, "wait for a signal");
		if (sig > 0 && attach_handle_signal(sig, pid, &code))
			return code;
	}
}

static int write_pid_file(const char *file, const char *text, size_t n, struct err *e)
{
	const char *slash = strrchr(file, '/');
	auto_free char *dir = slash ? xstrndup(file, (size_t)(slash - file) + 1) : xstrdup(".");
	auto_close int fd = fd_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, e);

	return fd < 0 ? -1 : fd_write_atomic(fd, slash ? slash + 1 : file, text, n, 0644, e);
}

int attach_write_pid_file(const char *file, pid_t pid, struct err *e)
{
	int number = fd_number(file), r;
	char text[16];
	size_t n = (size_t)snprintf(text, sizeof(text), "%d", (int)pid);

	if (number < 0)
		r = write_pid_file(file, text, n, e);
	else
		r = fd_write_all(number, text, n) < 0 ? err_sys(e, "write") : 0;
	return r < 0 ? err_wrap(e, "pid file %s", file) : 0;
}

int attach_connect(const char *path, const char *option, struct err *e)
{
	int number = fd_number(path);
	int fd = number >= 0 ? fcntl(number, F_DUPFD_CLOEXEC, 3) :
			       fd_connect_unix(AT_FDCWD, path, SOCK_STREAM);

	return fd < 0 ? err_sys(e, "connect to %s %s", option, path) : fd;
}

int attach_send_pidfd(const char *path, const char *option, pid_t pid, const char *text,
		      struct err *e)
{
	auto_close int sock = attach_connect(path, option, e);
	auto_close int pidfd = sock < 0 ? -1 : sys_pidfd_open(pid, 0);

	if (sock < 0)
		return -1;
	if (pidfd < 0)
		return err_sys(e, "pidfd_open");
	return fd_send(sock, text, pidfd) < 0 ? err_sys(e, "send the pidfd to %s", path) : 0;
}

int attach_check_fds(int n, struct err *e)
{
	for (int i = 0; i < n; i++) {
		if (fcntl(3 + i, F_GETFD) < 0)
			return err_sys(e, "unable to stat preserved-fd %d (of %d)", i, n);
	}
	return 0;
}
