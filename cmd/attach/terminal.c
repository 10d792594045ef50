/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay between the caller's terminal and the container's. Runs in hull. The master is not
 * blocking: a program that does not read must not keep its own output from being shown.
 */
#include "cmd/attach/terminal.h"

#include "cmd/attach/attach.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

int terminal_prepare(struct terminal *t, int *ret_fd, struct err *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "socketpair");
	for (int fd = 0; fd < 3 && t->tty < 0; fd++)
		t->tty = isatty(fd) ? fd : -1;
	if (t->tty < 0 || ioctl(t->tty, TIOCGWINSZ, &t->size) < 0)
		t->size = (struct winsize){ 0 };
	t->sock = pair[0];
	*ret_fd = pair[1];
	return 0;
}

static int receive_master(int sock, struct err *e)
{
	char name[64];
	int fd = -1;

	if (fd_receive(sock, name, sizeof(name), &fd) < 0)
		return err_sys(e, "receive the terminal");
	return fd < 0 ? err_set(e, EPROTO, "init sent no terminal") : fd;
}

static void copy_size(const struct terminal *t)
{
	struct winsize w;

	if (t->tty >= 0 && ioctl(t->tty, TIOCGWINSZ, &w) == 0)
		ioctl(t->master, TIOCSWINSZ, &w);
}

int terminal_take(struct terminal *t, struct err *e)
{
	struct termios raw;

	t->master = receive_master(t->sock, e);
	close(t->sock);
	t->sock = -1;
	if (t->master < 0)
		return -1;
	fcntl(t->master, F_SETFL, O_RDWR | O_NONBLOCK);
	/* Else the master reads EIO while nobody has it open: a service manager opens it anew. */
	t->slave = ioctl(t->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (t->tty < 0 || tcgetattr(t->tty, &t->saved) < 0)
		return 0;
	raw = t->saved;
	cfmakeraw(&raw);
	/* SIGTTOU is blocked, so this works in the background, too (tcsetattr(3p)). */
	t->raw = tcsetattr(t->tty, TCSANOW, &raw) == 0;
	return 0;
}

void terminal_restore(struct terminal *t)
{
	if (t->raw)
		tcsetattr(t->tty, TCSADRAIN, &t->saved);
	t->raw = false;
}

#define CHUNK \
	4096 /* bytes: what a pipe that is writable takes without a wait (pipe(7), PIPE_BUF) */

/* What was read on one side and the other has not taken yet. */
struct pending {
	char buf[16384];
	size_t from, to;
};

struct relay {
	struct terminal *t;
	int signals;
	struct pending in, out;
	bool in_closed; /* our stdin has ended */
	bool output;	/* there may be more of it */
	bool lost; /* nobody reads ours any more: the container's is still taken, and ends as it would */
};

static bool is_full(const struct pending *p)
{
	return p->from < p->to;
}

/* Only when it is writable, for a reader that has stopped to read must not keep signals waiting. */
static void write_out(struct relay *r)
{
	size_t n = r->out.to - r->out.from;
	ssize_t k = write(STDOUT_FILENO, r->out.buf + r->out.from, n < CHUNK ? n : CHUNK);

	if (k >= 0)
		r->out.from += (size_t)k;
	else if (errno != EAGAIN && errno != EINTR)
		r->lost = true;
	if (r->lost)
		r->out.from = r->out.to;
}

static void read_output(struct relay *r)
{
	ssize_t n = read(r->t->master, r->out.buf, sizeof(r->out.buf));

	if (n > 0) {
		r->out.from = 0;
		r->out.to = r->lost ? 0 : (size_t)n;
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		/* EIO: nobody has the slave open, or it was hung up. */
		r->output = false;
	}
}

static void read_input(struct relay *r)
{
	ssize_t n = read(STDIN_FILENO, r->in.buf, CHUNK);

	if (n > 0) {
		r->in.from = 0;
		r->in.to = (size_t)n;
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		r->in_closed = true;
	}
}

static void pass_input(struct relay *r)
{
	ssize_t n = write(r->t->master, r->in.buf + r->in.from, r->in.to - r->in.from);

	if (n > 0)
		r->in.from += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		r->in.from = r->in.to; /* nobody will read it */
}

/* True when pid has ended; *ret_code is then set. */
static bool take_signal(const struct relay *r, pid_t pid, int *ret_code)
{
	struct signalfd_siginfo s;

	while (read(r->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGWINCH)
			copy_size(r->t);
		else if (attach_handle_signal((int)s.ssi_signo, pid, ret_code))
			return true;
	}
	return false;
}

/* The program has ended: what should end it ends us. */
static bool is_told_to_end(const struct relay *r)
{
	struct signalfd_siginfo s;

	while (read(r->signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGTERM || s.ssi_signo == SIGINT || s.ssi_signo == SIGHUP ||
		    s.ssi_signo == SIGQUIT)
			return true;
	}
	return false;
}

/* The last output: what is there now, not what a process left behind may write some day. */
static void drain(struct relay *r)
{
	while (r->output || is_full(&r->out)) {
		bool full = is_full(&r->out);
		struct pollfd p[] = {
			{ .fd = full ? r->signals : -1, .events = POLLIN },
			{ .fd = full ? STDOUT_FILENO : r->t->master,
			  .events = full ? POLLOUT : POLLIN },
		};
		int n = poll(p, ARRAY_SIZE(p), full ? -1 : 0);

		if ((n < 0 && errno != EINTR) || (n == 0 && !full) ||
		    (p[0].revents && is_told_to_end(r)))
			return;
		if (n > 0 && !full && !(p[1].revents & POLLIN))
			return;
		if (n > 0 && p[1].revents)
			full ? write_out(r) : read_output(r);
	}
}

static int wait_some(struct relay *r, pid_t pid, bool *ret_ended, int *ret_code, struct err *e)
{
	bool in = is_full(&r->in), out = is_full(&r->out);
	struct pollfd p[] = {
		{ .fd = r->signals, .events = POLLIN },
		{ .fd = r->output && (!out || in) ? r->t->master : -1,
		  .events = (short)((out ? 0 : POLLIN) | (in ? POLLOUT : 0)) },
		{ .fd = in || r->in_closed ? -1 : STDIN_FILENO, .events = POLLIN },
		{ .fd = out ? STDOUT_FILENO : -1, .events = POLLOUT },
	};

	if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
		return err_sys(e, "poll");
	if (p[3].revents)
		write_out(r);
	if (!out && (p[1].revents & (POLLIN | POLLHUP | POLLERR)))
		read_output(r);
	if (r->output && (p[1].revents & POLLOUT))
		pass_input(r);
	else if (p[1].revents & (POLLHUP | POLLERR))
		r->in.from = r->in.to; /* as pass_input() would find */
	if (p[2].revents)
		read_input(r);
	*ret_ended = (p[0].revents & POLLIN) && take_signal(r, pid, ret_code);
	return 0;
}

int terminal_relay(struct terminal *t, pid_t pid, struct err *e)
{
	auto_free struct relay *r = xzalloc(sizeof(*r));
	auto_close int signals = attach_open_signals(e);
	bool ended = false;
	int code = 0;

	if (signals < 0)
		return -1;
	r->t = t;
	r->signals = signals;
	r->output = true;
	while (!ended) {
		if (wait_some(r, pid, &ended, &code, e) < 0)
			return -1;
	}
	drain(r);
	terminal_restore(t);
	return code;
}
