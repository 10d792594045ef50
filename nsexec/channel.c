/* SPDX-License-Identifier: Apache-2.0 */
/* Messages between hull, the stages and `hull start`. Runs in all of them. */
#include "nsexec/channel.h"

#include "nsexec/process/interrupt.h"
#include "state/base/fd.h"
#include "state/base/trace.h"
#include "state/base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void (*channel_log_fn)(const char *line);

static const char *const names[] = {
	[MSG_ERROR] = "ERROR",
	[MSG_LOG] = "LOG",
	[MSG_SOURCE] = "SOURCE",
	[MSG_SOURCE_FD] = "SOURCE_FD",
	[MSG_HOOKS] = "HOOKS",
	[MSG_READY] = "READY",
	[MSG_PROCEED] = "PROCEED",
	[MSG_PREPARED] = "PREPARED",
	[MSG_HOOKS_DONE] = "HOOKS_DONE",
	[MSG_GO] = "GO",
	[MSG_EXEC] = "EXEC",
	[MSG_LISTENER] = "LISTENER",
	[MSG_LISTENER_DONE] = "LISTENER_DONE",
	[MSG_DEVICE] = "DEVICE",
};

const char *msg_name(uint32_t type)
{
	return type < ARRAY_SIZE(names) && names[type] ? names[type] : "unknown";
}

static bool use_write;

/* Spans that wait for the next message, or for a full one: one each would make a start a third longer. */
static char spans[1300] LARGE;
static size_t n_spans;
static int spans_sock;

void channel_use_write(void)
{
	channel_send_spans();
	use_write = true;
}

#define HEADER offsetof(struct msg, body)

union fd_control {
	struct cmsghdr h;
	char space[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
};

static void attach_fds(struct msghdr *mh, union fd_control *c, const int *fds, size_t n)
{
	memset(c, 0, CMSG_SPACE(sizeof(*fds) * n));
	mh->msg_control = c;
	mh->msg_controllen = CMSG_SPACE(sizeof(*fds) * n);
	c->h.cmsg_len = CMSG_LEN(sizeof(*fds) * n);
	c->h.cmsg_level = SOL_SOCKET;
	c->h.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&c->h), fds, sizeof(*fds) * n);
}

static int write_message(int sock, enum msg_type type, const void *body, size_t n, struct err *e)
{
	struct msg m = { .type = type, .n = (uint32_t)n };
	ssize_t r;

	if (n)
		memcpy(m.body, body, n);
	do {
		r = write(sock, &m, HEADER + n);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? err_sys(e, "send %s", msg_name(type)) : 0;
}

int channel_send_fds(int sock, enum msg_type type, const void *body, size_t n, const int *fds,
		     size_t n_fds, struct err *e)
{
	uint32_t head[2] = { type, (uint32_t)n };
	struct iovec iov[2] = { { head, HEADER }, { (void *)body, n } };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = 2 };
	union fd_control control;
	ssize_t r;

	_Static_assert(HEADER == sizeof(head), "a message's header is two words");
	channel_send_spans();
	if (n > sizeof(((struct msg *)0)->body) || n_fds > FD_PASS_MAX)
		return err_set(e, EMSGSIZE, "message %s of %zu bytes is too long", msg_name(type),
			       n);
	if (n_fds)
		attach_fds(&mh, &control, fds, n_fds);
	if (use_write)
		return write_message(sock, type, body, n, e);
	do {
		r = sendmsg(sock, &mh, MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? err_sys(e, "send %s", msg_name(type)) : 0;
}

int channel_send(int sock, enum msg_type type, const void *body, size_t n, int pass_fd,
		 struct err *e)
{
	return channel_send_fds(sock, type, body, n, &pass_fd, pass_fd >= 0, e);
}

/* fds may be NULL: there is none to come. */
static int receive(int sock, struct msg *m, int *fds, size_t *n_fds, struct err *e)
{
	const size_t size = sizeof(*m);
	ssize_t r;

	if (interrupt_wait(sock, POLLIN, e) < 0)
		return -1;
	/* ECONNRESET, once: the peer ended with something of ours unread; what it said is still there. */
	do {
		r = fds	      ? fd_receive_all(sock, m, size, fds, n_fds) :
		    use_write ? read(sock, m, size) :
				fd_receive(sock, m, size, NULL);
	} while (r < 0 && (errno == ECONNRESET || errno == EINTR));
	if (r == 0)
		return 0;
	if (r < 0)
		return err_sys(e, "receive a message");
	if ((size_t)r < HEADER || m->n != (size_t)r - HEADER)
		return err_set(e, EPROTO, "message of %zd bytes is malformed", r);
	return 1;
}

static int next(int sock, struct msg *m, int *fds, size_t *n_fds, struct err *e)
{
	size_t max = fds ? *n_fds : 0;
	int r;

	for (;;) {
		if (fds)
			*n_fds = max;
		r = receive(sock, m, fds, n_fds, e);
		if (r <= 0 || m->type != MSG_LOG)
			return r;
		m->body[m->n < sizeof(m->body) ? m->n : sizeof(m->body) - 1] = '\0';
		if (channel_log_fn)
			channel_log_fn(m->body);
	}
}

int channel_next(int sock, struct msg *m, int *ret_fd, struct err *e)
{
	size_t n = 1;

	if (ret_fd)
		*ret_fd = -1;
	return next(sock, m, ret_fd, &n, e);
}

bool channel_is_error(const struct msg *m, struct err *e)
{
	if (m->type != MSG_ERROR || m->n != sizeof(*e))
		return false;
	memcpy(e, m->body, sizeof(*e));
	e->pointer[sizeof(e->pointer) - 1] = e->chain[sizeof(e->chain) - 1] = '\0';
	return true;
}

static int check_type(int r, enum msg_type type, const struct msg *m, struct err *e)
{
	if (r < 0)
		return -1;
	if (r == 0)
		return err_set(e, ENODATA, "end of file instead of %s", msg_name(type));
	if (channel_is_error(m, e))
		return -1;
	if (m->type != type)
		return err_set(e, EPROTO, "message %s instead of %s", msg_name(m->type),
			       msg_name(type));
	return 0;
}

int channel_expect(int sock, enum msg_type type, struct msg *m, int *ret_fd, struct err *e)
{
	return check_type(channel_next(sock, m, ret_fd, e), type, m, e);
}

int channel_expect_fds(int sock, enum msg_type type, struct msg *m, int *fds, size_t *n_fds,
		       struct err *e)
{
	return check_type(next(sock, m, fds, n_fds, e), type, m, e);
}

int channel_wait_end(int sock, struct err *e)
{
	return interrupt_wait(sock, 0, e); /* a message alone does not wake us */
}

static int serve_listener(int sock, const struct msg *m, const struct channel_listener *l,
			  struct err *e)
{
	uint32_t fd;

	if (m->n != sizeof(fd))
		return err_set(e, EPROTO, "message LISTENER of %u bytes", (unsigned)m->n);
	memcpy(&fd, m->body, sizeof(fd));
	if (l->pass_on(l->arg, (int)fd, e) < 0)
		return -1;
	return channel_send(sock, MSG_LISTENER_DONE, NULL, 0, -1, e);
}

int channel_wait_exec(int sock, const struct channel_listener *l, struct err *e)
{
	struct msg m;
	int r;

	if (!l && channel_wait_end(sock, e) < 0)
		return -1;
	/* LISTENER comes before EXEC: init tells what its filter may hinder when it is in force. */
	if (l && (channel_expect(sock, MSG_LISTENER, &m, NULL, e) < 0 ||
		  serve_listener(sock, &m, l, e) < 0))
		return -1;
	if (channel_expect(sock, MSG_EXEC, &m, NULL, e) < 0)
		return -1;
	r = channel_next(sock, &m, NULL, e);
	if (r == 1 && !channel_is_error(&m, e))
		err_set(e, EPROTO, "message %s instead of the end of file", msg_name(m.type));
	return r == 0 ? 0 : -1;
}

void channel_send_error(int sock, const struct err *e)
{
	struct err ignored;

	(void)!channel_send(sock, MSG_ERROR, e, sizeof(*e), -1, &ignored);
}

void channel_send_spans(void)
{
	size_t n = n_spans;
	struct err ignored;

	n_spans = 0;
	if (n)
		(void)!channel_send(spans_sock, MSG_LOG, spans, n, -1, &ignored);
}

void channel_trace(int sock, const char *who, const char *name, int64_t began)
{
	if (sock < 0 || use_write)
		return;
	if (n_spans > sizeof(spans) - TRACE_LINE_MAX || sock != spans_sock)
		channel_send_spans();
	spans_sock = sock;
	n_spans += trace_line(spans + n_spans, who, name, began);
}

void channel_log(int sock, const char *fmt, ...)
{
	struct err ignored;
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		(void)!channel_send(sock, MSG_LOG, line, strlen(line), -1, &ignored);
}
