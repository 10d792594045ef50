/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The relay between the caller's terminal and the container's. Runs in hull. The master is not
 * blocking: a program that does not read must not keep its own output from being shown.
 */
#include "cmd/terminal.h"

#include "cmd/attach.h"
#include "state/fd.h"
#include "state/mem.h"
#include "state/sys.h"

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

/* What was read from our stdin and the master has not taken yet. */
struct pending {
	char buf[4096];
	size_t from, to;
	bool closed; /* our stdin has ended */
};

/* The caller may have made its end of a pipe non-blocking, and ours with it. */
static int write_out(const char *buf, size_t n)
{
	while (n) {
		ssize_t k = write(STDOUT_FILENO, buf, n);

		if (k >= 0) {
			buf += k;
			n -= (size_t)k;
		} else if (errno == EAGAIN) {
			poll(&(struct pollfd){ .fd = STDOUT_FILENO, .events = POLLOUT }, 1, -1);
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

/*
 * True while there may be more. Where nobody reads ours any more (lost), the container's output is
 * still taken: it must not wait for a full terminal, and end as it would.
 */
static bool show_output(int master, bool *lost)
{
	char buf[16384];
	ssize_t n = read(master, buf, sizeof(buf));

	if (n > 0) {
		*lost = *lost || write_out(buf, (size_t)n) < 0;
		return true;
	}
	/* EIO: nobody has the slave open, or it was hung up. */
	return n < 0 && (errno == EINTR || errno == EAGAIN);
}

static void read_input(struct pending *p)
{
	ssize_t n = read(STDIN_FILENO, p->buf, sizeof(p->buf));

	if (n > 0) {
		p->from = 0;
		p->to = (size_t)n;
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		p->closed = true;
	}
}

static void pass_input(int master, struct pending *p)
{
	ssize_t n = write(master, p->buf + p->from, p->to - p->from);

	if (n > 0)
		p->from += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		p->from = p->to; /* nobody will read it */
}

/* True when pid has ended; *ret_code is then set. */
static bool take_signal(const struct terminal *t, int signals, pid_t pid, int *ret_code)
{
	struct signalfd_siginfo s;

	while (read(signals, &s, sizeof(s)) == sizeof(s)) {
		if (s.ssi_signo == SIGWINCH)
			copy_size(t);
		else if (attach_handle_signal((int)s.ssi_signo, pid, ret_code))
			return true;
	}
	return false;
}

/* The last output: what is there now, not what a process left behind may write some day. */
static void drain(int master, bool *lost)
{
	struct pollfd p = { .fd = master, .events = POLLIN };

	while (poll(&p, 1, 0) > 0 && (p.revents & POLLIN) && show_output(master, lost))
		;
}

int terminal_relay(struct terminal *t, pid_t pid, struct err *e)
{
	auto_close int signals = attach_open_signals(e);
	struct pending in = { .closed = false };
	bool output = true, lost = false;
	int code;

	if (signals < 0)
		return -1;
	for (;;) {
		bool waiting = in.from < in.to;
		struct pollfd p[3] = {
			{ .fd = signals, .events = POLLIN },
			{ .fd = output ? t->master : -1,
			  .events = (short)(POLLIN | (waiting ? POLLOUT : 0)) },
			{ .fd = waiting || in.closed ? -1 : STDIN_FILENO, .events = POLLIN },
		};

		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return err_sys(e, "poll");
		if (p[1].revents & (POLLIN | POLLHUP | POLLERR))
			output = show_output(t->master, &lost);
		if (output && (p[1].revents & POLLOUT))
			pass_input(t->master, &in);
		if (p[2].revents)
			read_input(&in);
		if ((p[0].revents & POLLIN) && take_signal(t, signals, pid, &code))
			break;
	}
	if (output)
		drain(t->master, &lost);
	terminal_restore(t);
	return code;
}
