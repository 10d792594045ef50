/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper programs. Runs in hull (hooks of the runtime namespace, ps), in stage 0 (newuidmap) and
 * in init (hooks of the container namespace).
 */
#include "nsexec/process/process.h"

#include "nsexec/process/interrupt.h"
#include "nsexec/process/why.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define PIPE_MAX   ((size_t)1 << 20) /* bytes: what an ordinary pipe(7) holds at most */
#define STACK_SIZE 8192

/* What a program writes, in the end of which it says why it gives up. */
struct tail {
	int fd; /* of the pipe, or -1 */
	char *buf;
	size_t size, n;
	bool cut;
};

/* Our side of a program that runs. */
struct talk {
	int in[2];	   /* to its stdin; ours is [1] */
	const char *input; /* what it has not been sent yet */
	struct tail out, err;
	bool interrupted; /* by a signal that ends hull, too */
	struct sigaction old_action;
	sigset_t old_mask;
};

static void keep(struct tail *t, const char *p, size_t n)
{
	size_t max = t->size - 1, old = t->n;

	if (n > max) {
		p += n - max;
		n = max;
		t->cut = true;
	}
	if (old > max - n) {
		old = max - n;
		t->cut = true;
	}
	memmove(t->buf, t->buf + t->n - old, old);
	memcpy(t->buf + old, p, n);
	t->n = old + n;
}

/* False: there is nothing more, now or for ever. */
static bool take(struct tail *t, size_t *ret_n)
{
	char buf[16384];
	ssize_t n = read(t->fd, buf, sizeof(buf));

	if (n > 0) {
		keep(t, buf, (size_t)n);
		*ret_n += (size_t)n;
		return true;
	}
	if (n == 0 || errno != EAGAIN) {
		close(t->fd);
		t->fd = -1;
	}
	return false;
}

/* After the end: what is in the pipe. A daemon that goes on writing is not waited for. */
static void finish(struct tail *t)
{
	size_t n = 0;

	while (t->fd >= 0 && n < PIPE_MAX && take(t, &n))
		;
	if (t->fd >= 0)
		close(t->fd);
	if (t->cut)
		memcpy(t->buf, "... ", 4);
	while (t->n > 0 && t->buf[t->n - 1] == '\n')
		t->n--;
	t->buf[t->n] = '\0';
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

/* Our own end of it, fds[mine], does not block. */
static int open_pipe(int fds[static 2], int mine, struct err *e)
{
	if (pipe2(fds, O_CLOEXEC) < 0 || fcntl(fds[mine], F_SETFL, O_NONBLOCK) < 0)
		return err_sys(e, "pipe");
	return 0;
}

/* The write end, which is the program's; or a copy of what the caller has for it. */
static int open_output(int given, struct tail *t, struct err *e)
{
	int fds[2] = { -1, -1 };

	if (given) {
		fds[1] = fcntl(given, F_DUPFD_CLOEXEC, 3);
		return fds[1] < 0 ? err_sys(e, "duplicate a descriptor") : fds[1];
	}
	if (open_pipe(fds, 0, e) < 0)
		return -1;
	t->fd = fds[0];
	return fds[1];
}

static void close_input(struct talk *t)
{
	cleanup_close(&t->in[0]);
	cleanup_close(&t->in[1]);
	t->in[0] = t->in[1] = -1;
}

/* As long as we hold its other end, too, a program that has closed it is no SIGPIPE for us. */
static void send_input(struct talk *t)
{
	size_t left = strlen(t->input);
	ssize_t n = left ? write(t->in[1], t->input, left) : 0;

	if (n > 0)
		t->input += n;
	if (!*t->input || (n < 0 && errno != EAGAIN))
		close_input(t);
}

/*
 * Whether the program has ended comes as SIGCHLD, not by a pidfd: startContainer hooks run under the
 * filter of the container's program, which may end us for a call that few programs make.
 */
static void on_child(int sig)
{
	(void)sig;
}

static void watch(struct talk *t)
{
	const struct sigaction act = { .sa_handler = on_child };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, &t->old_mask);
	sigaction(SIGCHLD, &act, &t->old_action);
}

static void unwatch(struct talk *t)
{
	sigaction(SIGCHLD, &t->old_action, NULL);
	/* Whoever waits for it (cmd/attach/attach.c) may have lost one that was of another child. */
	if (sigismember(&t->old_mask, SIGCHLD))
		raise(SIGCHLD);
	sigprocmask(SIG_SETMASK, &t->old_mask, NULL);
}

/* Until something happens, or for so many milliseconds; -1: for ever. */
static void attend(struct talk *t, int64_t ms)
{
	struct pollfd pf[] = {
		{ .fd = t->out.fd, .events = POLLIN },
		{ .fd = t->err.fd, .events = POLLIN },
		{ .fd = t->in[1], .events = POLLOUT },
		{ .fd = t->interrupted ? -1 : interrupt_fd(), .events = POLLIN },
	};
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	sigset_t mask = t->old_mask;
	size_t n = 0;

	sigdelset(&mask, SIGCHLD);
	if (ppoll(pf, ARRAY_SIZE(pf), ms < 0 ? NULL : &ts, &mask) <= 0)
		return;
	if (pf[0].revents)
		take(&t->out, &n);
	if (pf[1].revents)
		take(&t->err, &n);
	if (pf[2].revents)
		send_input(t);
	t->interrupted |= pf[3].revents != 0;
}

static void end(pid_t pid)
{
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL); /* it may have gone to another group */
}

static int wait_for(struct talk *t, pid_t pid, int timeout_ms, struct process_result *r,
		    struct err *e)
{
	int64_t until = timeout_ms > 0 ? sys_now_ms() + timeout_ms : 0, left = -1;
	pid_t got;

	while ((got = waitpid(pid, &r->status, WNOHANG)) == 0) {
		if (until && !r->timed_out) {
			left = until - sys_now_ms();
			left = left < 0 ? 0 : left;
		}
		if (left == 0) {
			r->timed_out = true;
			end(pid);
			left = -1;
		}
		if (t->interrupted)
			end(pid);
		attend(t, left);
	}
	if (t->interrupted)
		return interrupt_take(e);
	return got < 0 ? err_sys(e, "wait for process %d", (int)pid) : 0;
}

static int explain(const struct process *p, struct err *e)
{
	auto_close int fd = -1;
	char why[400];

	if (p->cwd && !p->filtered && access(p->cwd, X_OK) < 0)
		return err_sys(e, "exec %s: chdir to %s", p->path, p->cwd);
	err_sys(e, "exec %s", p->path);
	if (!p->filtered)
		fd = open(p->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || !why_not_executable(fd, e->code, why, sizeof(why)))
		return -1;
	return err_set(e, e->code, "exec %s: %s: %s", p->path, errno_text(e->code), why);
}

struct birth {
	const struct process *p;
	int stdio[3];
	int code; /* errno of what failed */
};

/*
 * The child, on our memory while we stand still. posix_spawn(3) does the same with a pipe, a mapping and
 * twenty calls more; of hooks there may be a hundred. No call that the filter of a container's program
 * need not allow for that.
 */
static int be_born(void *arg)
{
	struct birth *b = arg;
	const struct process *p = b->p;
	bool ok;

	sys_default_signals();
	ok = setpgid(0, 0) == 0 && (!p->cwd || chdir(p->cwd) == 0);
	for (int fd = 0; ok && fd < 3; fd++)
		ok = sys_dup2(b->stdio[fd], fd) == fd;
	if (ok)
		execve(p->path, p->argv, p->env ? p->env : environ);
	b->code = errno;
	return 127;
}

static int spawn(const struct process *p, int in, int out, int err, pid_t *ret, struct err *e)
{
	struct birth b = { .p = p, .stdio = { in, out, err } };
	_Alignas(16) char stack[STACK_SIZE];
	pid_t pid = clone(be_born, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, &b);

	if (pid > 0 && !b.code) {
		*ret = pid;
		return 0;
	}
	if (pid > 0) {
		sys_reap(pid);
		errno = b.code;
	}
	return explain(p, e);
}

/* Its stdin, and how much of it there is to be sent is in t->input. */
static int open_input(const struct process *p, struct talk *t, struct err *e)
{
	if (!p->input)
		return t->in[0] = fd_open(AT_FDCWD, "/dev/null", O_RDONLY, 0, e);
	return open_pipe(t->in, 1, e);
}

static int start(const struct process *p, struct talk *t, pid_t *ret, struct err *e)
{
	auto_close int out = -1, err = -1;

	if (open_input(p, t, e) < 0)
		return -1;
	out = open_output(p->stdout_fd, &t->out, e);
	err = out < 0 ? -1 : open_output(p->stderr_fd, &t->err, e);
	if (err < 0 || spawn(p, t->in[0], out, err, ret, e) < 0)
		return -1;
	t->input = p->input ? p->input : "";
	send_input(t);
	return 0;
}

int process_run(const struct process *p, struct process_result *ret, struct err *e)
{
	struct talk t = { .in = { -1, -1 },
			  .out = { .fd = -1, .buf = ret->output, .size = sizeof(ret->output) },
			  .err = { .fd = -1, .buf = ret->errors, .size = sizeof(ret->errors) } };
	pid_t pid;
	int r;

	*ret = (struct process_result){ 0 };
	watch(&t);
	r = start(p, &t, &pid, e);
	if (r == 0)
		r = wait_for(&t, pid, p->timeout_ms, ret, e);
	unwatch(&t);
	close_input(&t);
	finish(&t.out);
	finish(&t.err);
	if (r == 0)
		describe(ret);
	return r;
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
