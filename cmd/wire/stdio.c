/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams. Runs in the shim, in its one thread: nothing here waits. A stream listens to the side
 * that it waits for, the source for bytes or the sink for room, never to both.
 */
#include "cmd/wire/stdio.h"

#include "cmd/wire/logger.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define AT_ONCE	  ((size_t)64 << 10)
#define PER_ROUND 16 /* before the others have their turn */

static void pump(struct stream *s);

static void stream_init(struct stream *s, struct stdio *io, bool input)
{
	*s = (struct stream){
		.from = WATCH_INIT, .to = WATCH_INIT, .io = io, .other = -1, .input = input
	};
}

void stdio_init(struct stdio *io)
{
	*io = (struct stdio){ .console = -1, .console_child = -1, .ready = WATCH_INIT, .slave = -1 };
	stream_init(&io->in, io, true);
	stream_init(&io->out, io, false);
	stream_init(&io->err, io, false);
}

static void stream_close(struct stream *s)
{
	loop_close(&s->from);
	loop_close(&s->to);
	cleanup_close(&s->other);
	s->other = -1;
	free(s->pending);
	s->pending = NULL;
	s->n_pending = 0;
}

/* --- Moving bytes ----------------------------------------------------------------------------- */

static void from_ready(struct watch *w, uint32_t events)
{
	(void)events;
	pump(watch_of(w, struct stream, from));
}

static void to_ready(struct watch *w, uint32_t events)
{
	(void)events;
	pump(watch_of(w, struct stream, to));
}

enum moved { MOVED, SOURCE_EMPTY, SINK_FULL, ENDED };

static bool has_bytes(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0 && (p.revents & POLLIN);
}

static void set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Between pipes splice(2) does not wait because it is told so; reading and writing need the flag. */
static void start_copying(struct stream *s)
{
	s->copies = true;
	set_nonblocking(s->from.fd);
	set_nonblocking(s->to.fd);
}

static enum moved splice_some(struct stream *s)
{
	ssize_t n = splice(s->from.fd, NULL, s->to.fd, NULL, AT_ONCE,
			   SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n > 0)
		return MOVED;
	if (n == 0)
		return ENDED;
	if (errno == EAGAIN)
		return has_bytes(s->from.fd) ? SINK_FULL : SOURCE_EMPTY;
	if (errno == EINVAL) {
		start_copying(s); /* as with a file that is appended to */
		return MOVED;
	}
	return errno == EINTR ? MOVED : ENDED;
}

/* Of the n bytes at p those that the sink does not take are kept. */
static enum moved write_some(struct stream *s, const char *p, size_t n)
{
	ssize_t k = write(s->to.fd, p, n);

	if (k < 0 && errno != EAGAIN && errno != EINTR)
		return ENDED;
	if (k < 0)
		k = 0;
	if ((size_t)k == n)
		return MOVED;
	if (!s->pending) {
		s->pending = xmalloc(n - (size_t)k);
		s->n_pending = n - (size_t)k;
		s->sent = 0;
		memcpy(s->pending, p + k, s->n_pending);
	} else {
		s->sent += (size_t)k;
	}
	return SINK_FULL;
}

static enum moved copy_some(struct stream *s)
{
	static char buf[16384] LARGE;
	enum moved m;
	ssize_t n;

	if (s->pending) {
		m = write_some(s, s->pending + s->sent, s->n_pending - s->sent);
		if (m == MOVED) {
			free(s->pending);
			s->pending = NULL;
		}
		return m;
	}
	n = read(s->from.fd, buf, sizeof(buf));
	if (n > 0)
		return write_some(s, buf, (size_t)n);
	if (n < 0 && errno == EAGAIN)
		return SOURCE_EMPTY;
	/* EIO: nobody has the terminal open any more. */
	return n < 0 && errno == EINTR ? MOVED : ENDED;
}

static enum moved move_some(struct stream *s)
{
	enum moved m = MOVED;

	for (int i = 0; i < PER_ROUND && m == MOVED; i++)
		m = s->copies ? copy_some(s) : splice_some(s);
	return m;
}

static void pump(struct stream *s)
{
	enum moved m = move_some(s);

	if (m == ENDED) {
		stream_close(s);
	} else {
		loop_change(&s->to, m == SINK_FULL ? EPOLLOUT : 0);
		loop_change(&s->from, m == SINK_FULL ? 0 : EPOLLIN);
	}
	if (s->io->moved)
		s->io->moved(s->io);
}

/* from and to are the stream's from now on, also after a failure. */
static int stream_begin(struct stream *s, int from, int to, struct err *e)
{
	s->to = (struct watch){ .fd = to, .ready = to_ready };
	if (loop_watch(&s->from, from, EPOLLIN, from_ready, e) < 0)
		return -1;
	if (s->copies)
		start_copying(s);
	return 0;
}

/* --- What containerd names -------------------------------------------------------------------- */

static int open_file(const char *path, struct err *e)
{
	if (fd_make_parents(path, e) < 0)
		return -1;
	return fd_open(AT_FDCWD, path, O_WRONLY | O_APPEND | O_CREAT | O_NOCTTY, 0644, e);
}

/*
 * A FIFO for output: its reading end first, so that neither we nor the process ever wait for a
 * reader, or lose one. Of what is no FIFO it does no harm.
 */
static int open_output(struct stream *s, const char *name, struct err *e)
{
	auto_free char *path = logger_path(name, "file://");

	if (path)
		return open_file(path, e);
	if (strstr(name, "://"))
		return err_set(e, EINVAL, "unknown STDIO scheme of \"%s\"", name);
	s->other = fd_open(AT_FDCWD, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, e);
	if (s->other < 0)
		return -1;
	return fd_open(AT_FDCWD, name, O_WRONLY | O_APPEND | O_NOCTTY, 0, e);
}

/* The client may go and come again: only CloseIO, and no client, is the end of the input. */
static int open_input(struct stream *s, const char *name, struct err *e)
{
	auto_close int fd = fd_open(AT_FDCWD, name, O_RDONLY | O_NONBLOCK, 0, e);

	if (fd < 0)
		return -1;
	if (!s->io->closing_in)
		s->other = open(name, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	return take_fd(&fd);
}

/* --- Pipes ------------------------------------------------------------------------------------ */

static int make_pipe(const struct stdio_request *r, int fds[2], struct err *e)
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, "pipe2");
	if (!r->uid && !r->gid)
		return 0;
	if (fchown(fds[0], r->uid, r->gid) == 0)
		return 0;
	err_sys(e, "give the pipes to %u:%u", (unsigned)r->uid, (unsigned)r->gid);
	close(fds[0]);
	close(fds[1]);
	return -1;
}

static int pipe_out(struct stdio *io, struct stream *s, int number, const char *name,
		    const struct stdio_request *r, struct err *e)
{
	int fds[2], to;

	if (str_empty(name))
		return 0;
	to = open_output(s, name, e);
	if (to < 0)
		return -1;
	if (make_pipe(r, fds, e) < 0) {
		close(to);
		return -1;
	}
	io->child[number] = fds[1];
	return stream_begin(s, fds[0], to, e);
}

static int pipe_in(struct stdio *io, const struct stdio_request *r, struct err *e)
{
	int fds[2], from;

	if (str_empty(r->in))
		return 0;
	from = open_input(&io->in, r->in, e);
	if (from < 0)
		return -1;
	if (make_pipe(r, fds, e) < 0) {
		close(from);
		return -1;
	}
	io->child[0] = fds[0];
	return stream_begin(&io->in, from, fds[1], e);
}

/* --- A logger --------------------------------------------------------------------------------- */

static void tell_ready(struct stdio *io, int r, struct err *e)
{
	loop_close(&io->ready);
	loop_clear_timer(&io->deadline);
	io->logger_ready(io, r, e);
}

/* binary: the end of file is enough; binary-v2 wants a byte before it. */
static void ready_for_us(struct watch *w, uint32_t events)
{
	struct stdio *io = watch_of(w, struct stdio, ready);
	struct err e;
	char byte;
	ssize_t n = read(w->fd, &byte, 1);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == 0 && io->strict)
		tell_ready(
			io,
			err_set(&e, EPROTO,
				"logging binary did not call ready (it may have crashed or exited "
				"prematurely)"),
			&e);
	else
		tell_ready(io, 0, &e);
}

static void not_ready(struct timer *t)
{
	struct stdio *io = watch_of(t, struct stdio, deadline);
	struct err e;

	tell_ready(io, err_set(&e, ETIMEDOUT, "the logging binary is not ready"), &e);
}

/* The logger has the pipes of the process itself, but a terminal's output is passed on to it. */
static int begin_logger(struct stdio *io, const struct stdio_request *r, struct err *e)
{
	struct logger l = { .out = -1, .err = -1, .ready = -1 };

	if (logger_start(r->out, r->id, r->ns, &l, e) < 0)
		return -1;
	io->logger = l.pid;
	io->strict = logger_is_strict(r->out);
	if (r->terminal) {
		io->out.to = (struct watch){ .fd = l.out, .ready = to_ready };
		close(l.err);
	} else {
		io->child[1] = l.out;
		io->child[2] = l.err;
	}
	if (loop_watch(&io->ready, l.ready, EPOLLIN, ready_for_us, e) < 0)
		return -1;
	loop_set_timer(&io->deadline, LOGGER_READY_MS, not_ready);
	return 1;
}

/* --- The whole -------------------------------------------------------------------------------- */

static int make_console_socket(struct stdio *io, struct err *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0)
		return err_sys(e, "socketpair");
	io->console = pair[0];
	io->console_child = pair[1];
	return 0;
}

int stdio_open(struct stdio *io, const struct stdio_request *r, struct err *e)
{
	bool logger = !str_empty(r->out) && logger_is_url(r->out);

	if (r->terminal && make_console_socket(io, e) < 0)
		return -1;
	if (!r->terminal && (pipe_in(io, r, e) < 0))
		return -1;
	if (logger)
		return begin_logger(io, r, e);
	if (r->terminal)
		return 0;
	if (pipe_out(io, &io->out, 1, r->out, r, e) < 0)
		return -1;
	/* One file for both: as Go's shim has it, whatever the second name is. */
	if (!str_empty(r->out) && str_starts(r->out, "file://"))
		return pipe_out(io, &io->err, 2, r->out, r, e);
	return pipe_out(io, &io->err, 2, r->err, r, e);
}

static int take_master(struct stdio *io, struct err *e)
{
	char name[64];
	int master = -1;

	if (fd_receive(io->console, name, sizeof(name), &master) < 0)
		return err_sys(e, "receive the terminal");
	if (master < 0)
		return err_set(e, EPROTO, "hull sent no terminal");
	io->slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	return master;
}

static int begin_terminal(struct stdio *io, const struct stdio_request *r, struct err *e)
{
	int master = take_master(io, e), to, from;

	if (master < 0)
		return -1;
	io->out.copies = io->in.copies = true;
	to = io->out.to.fd; /* a logger's */
	if (to < 0)
		to = str_empty(r->out) ? fd_open(AT_FDCWD, "/dev/null", O_WRONLY, 0, e) :
					 open_output(&io->out, r->out, e);
	if (to < 0) {
		close(master);
		return -1;
	}
	if (stream_begin(&io->out, master, to, e) < 0 || str_empty(r->in))
		return str_empty(r->in) ? 0 : -1;
	from = open_input(&io->in, r->in, e);
	master = from < 0 ? -1 : fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (master < 0)
		cleanup_close(&from);
	return master < 0 ? -1 : stream_begin(&io->in, from, master, e);
}

static void close_child_ends(struct stdio *io)
{
	for (int i = 0; i < 3; i++) {
		if (io->child[i])
			close(io->child[i]);
		io->child[i] = 0;
	}
	cleanup_close(&io->console_child);
	io->console_child = -1;
}

int stdio_started(struct stdio *io, const struct stdio_request *r, struct err *e)
{
	int ret = 0;

	close_child_ends(io);
	if (io->console >= 0)
		ret = begin_terminal(io, r, e);
	cleanup_close(&io->console);
	io->console = -1;
	return ret;
}

void stdio_close_input(struct stdio *io)
{
	io->closing_in = true;
	cleanup_close(&io->in.other);
	io->in.other = -1;
}

int stdio_resize(struct stdio *io, unsigned width, unsigned height, struct err *e)
{
	struct winsize size = { .ws_col = (unsigned short)width, .ws_row = (unsigned short)height };

	/* Before it runs, or when it has ended, there is no terminal; nobody minds. */
	if (!io->out.copies || io->out.from.fd < 0 || io->slave < 0)
		return 0;
	return ioctl(io->out.from.fd, TIOCSWINSZ, &size) < 0 ? err_sys(e, "resize the terminal") :
							       0;
}

void stdio_ended(struct stdio *io)
{
	cleanup_close(&io->slave);
	io->slave = -1;
	/* Nobody will read it; a client that writes learns so. */
	stream_close(&io->in);
}

static bool stream_flushed(struct stream *s)
{
	if (s->from.fd < 0)
		return true;
	return !s->pending && !has_bytes(s->from.fd);
}

bool stdio_flushed(struct stdio *io)
{
	return stream_flushed(&io->out) && stream_flushed(&io->err);
}

void stdio_done(struct stdio *io)
{
	close_child_ends(io);
	stream_close(&io->in);
	stream_close(&io->out);
	stream_close(&io->err);
	loop_close(&io->ready);
	loop_clear_timer(&io->deadline);
	cleanup_close(&io->console);
	cleanup_close(&io->slave);
	io->console = io->slave = -1;
	if (io->logger > 0)
		logger_end(io->logger);
	io->logger = 0;
}
