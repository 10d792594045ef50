/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames: ten bytes of length, stream, type and flags, then data. Runs in the shim. A peer that
 * does not read what it has asked for is not read from, either.
 */
#include "cmd/wire/ttrpc.h"

#include "state/base/fd.h"
#include "state/base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUT_MAX ((size_t)1 << 20) /* bytes that a peer may leave unread before it is not heard */

static uint32_t big_endian(const char *p)
{
	const unsigned char *b = (const unsigned char *)p;

	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static struct frame read_header(const char *p)
{
	return (struct frame){ .n = big_endian(p),
			       .stream = big_endian(p + 4),
			       .type = (uint8_t)p[8],
			       .flags = (uint8_t)p[9] };
}

/* The bytes of p that are dealt with: a frame, a header whose data is passed over, or none yet. */
static size_t take_frame(struct frames *f, const char *p, size_t n, struct frame *ret, bool *whole)
{
	*whole = false;
	if (n < FRAME_HEADER)
		return 0;
	*ret = read_header(p);
	if (ret->n > FRAME_MAX) {
		*whole = true;
		f->skip = ret->n;
		return FRAME_HEADER;
	}
	if (n - FRAME_HEADER < ret->n)
		return 0;
	*whole = true;
	ret->data = p + FRAME_HEADER;
	return FRAME_HEADER + ret->n;
}

static size_t pass_over(struct frames *f, size_t n)
{
	size_t now = f->skip < n ? f->skip : n;

	f->skip -= now;
	return now;
}

void frames_feed(struct frames *f, const char *data, size_t n,
		 bool (*got)(void *arg, const struct frame *), void *arg)
{
	struct str all = f->part;
	const char *p = data, *end;
	bool whole = true, more = true;
	struct frame frame;

	f->part = (struct str){ 0 };
	if (all.n) {
		str_add_n(&all, data, n);
		p = all.s;
		n = all.n;
	}
	end = p + n;
	while (more && whole && p < end) {
		p += pass_over(f, (size_t)(end - p));
		p += take_frame(f, p, (size_t)(end - p), &frame, &whole);
		if (whole)
			more = got(arg, &frame);
	}
	if (!more)
		p = end;
	if (p == end || p != all.s) {
		if (p < end)
			str_add_n(&f->part, p, (size_t)(end - p));
		str_done(&all);
	} else {
		f->part = all; /* a long one, still coming */
	}
}

void frames_done(struct frames *f)
{
	str_done(&f->part);
	f->skip = 0;
}

/* --- A socket of them ------------------------------------------------------------------------- */

void wire_close(struct wire *w)
{
	loop_close(&w->w);
	frames_done(&w->in);
	str_done(&w->out);
	w->sent = 0;
}

static void listen_again(struct wire *w)
{
	size_t left = w->out.n - w->sent;

	loop_change(&w->w, (left < OUT_MAX ? EPOLLIN : 0) | (left ? EPOLLOUT : 0));
}

/* False when nobody is there any more. */
static bool flush_out(struct wire *w)
{
	ssize_t n;

	while (w->sent < w->out.n) {
		n = send(w->w.fd, w->out.s + w->sent, w->out.n - w->sent,
			 MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		w->sent += (size_t)n;
	}
	str_done(&w->out);
	w->sent = 0;
	return true;
}

static bool got_frame(void *arg, const struct frame *f)
{
	struct wire *w = arg;

	w->got(w, f);
	return wire_is_open(w);
}

static bool read_in(struct wire *w)
{
	static char buf[8192] LARGE;
	ssize_t n = recv(w->w.fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n > 0)
		frames_feed(&w->in, buf, (size_t)n, got_frame, w);
	return n > 0;
}

static void ready(struct watch *watch, uint32_t events)
{
	struct wire *w = watch_of(watch, struct wire, w);
	bool alive = true;

	if (events & EPOLLOUT)
		alive = flush_out(w);
	if (alive && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		alive = read_in(w);
	if (!alive)
		wire_close(w);
	if (wire_is_open(w))
		listen_again(w);
	else if (w->gone)
		w->gone(w);
}

int wire_open(struct wire *w, int fd, struct err *e)
{
	if (loop_watch(&w->w, fd, EPOLLIN, ready, e) == 0)
		return 0;
	loop_close(&w->w);
	return -1;
}

static void put_big_endian(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(v >> 8 * (3 - i));
}

void wire_send(struct wire *w, uint32_t stream, enum frame_type type, const struct str *data)
{
	char header[FRAME_HEADER] = { 0 };
	bool waiting = w->out.n > 0;

	if (!wire_is_open(w))
		return;
	put_big_endian(header, (uint32_t)data->n);
	put_big_endian(header + 4, stream);
	header[8] = (char)type;
	str_add_n(&w->out, header, sizeof(header));
	if (data->n)
		str_add_n(&w->out, data->s, data->n);
	/* A peer that has gone is found when its end of file is read. */
	if (!waiting && flush_out(w))
		listen_again(w);
}
