/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Clients and their calls. Runs in the shim. A client that hangs up takes its waiting with it, and a
 * container that is only about to be; all else that it has asked for is done, since another
 * containerd will find it so.
 */
#include "cmd/shim/server.h"

#include "cmd/shim/events.h"
#include "cmd/shim/job.h"
#include "cmd/shim/task.h"
#include "cmd/wire/ttrpc.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct conn {
	struct wire wire;
};

#define ACCEPT_AGAIN_MS 1000

static struct watch listener = WATCH_INIT;
static struct timer accept_again;
static struct call *calls;

/* --- Answers ---------------------------------------------------------------------------------- */

static void send_response(struct conn *c, uint32_t stream, const struct shim_response *r)
{
	auto_str struct str out = { 0 };

	pb_write(&out, shim_response_rows, r);
	wire_send(&c->wire, stream, FRAME_RESPONSE, &out);
}

static void send_failure(struct conn *c, uint32_t stream, enum code code, const char *text)
{
	struct shim_response r = { .status = { .code = code, .message = pb_text(text) } };

	send_response(c, stream, &r);
}

static void forget(struct call *call)
{
	for (struct call **p = &calls; *p; p = &(*p)->next) {
		if (*p == call) {
			*p = call->next;
			break;
		}
	}
	loop_clear_timer(&call->deadline);
	free(call->buf);
	free(call);
}

void call_reply(struct call *call, const struct pb_row *rows, const void *src)
{
	auto_str struct str payload = { 0 };
	struct shim_response r = { 0 };

	if (call->conn) {
		if (rows)
			pb_write(&payload, rows, src);
		r.payload = (struct pb_bytes){ payload.s, payload.n };
		send_response(call->conn, call->stream, &r);
	}
	forget(call);
}

void call_fail(struct call *call, enum code code, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (call->conn)
		send_failure(call->conn, call->stream, code, text);
	forget(call);
}

void call_fail_err(struct call *call, const struct err *e)
{
	enum code code = e->code == ENOENT || e->code == ESRCH ? CODE_NOT_FOUND :
			 e->code == EEXIST		       ? CODE_EXISTS :
			 e->code == EINVAL		       ? CODE_INVALID :
								 CODE_UNKNOWN;

	call_fail(call, code, "%s", e->chain);
}

/* --- Calls ------------------------------------------------------------------------------------ */

/*
 * Nobody waits for it: a job is killed, and its done() finds what there is to clean; in a queue or
 * in a list it is found to be without a client when its turn comes.
 */
static void expire(struct timer *t)
{
	struct call *call = watch_of(t, struct call, deadline);

	if (call->conn)
		send_failure(call->conn, call->stream, CODE_DEADLINE, "context deadline exceeded");
	call->conn = NULL;
	call->expired = true;
	if (call->job)
		job_kill(call->job);
	else if (task_forget_waiter(call))
		forget(call);
}

static const struct method *find_method(struct pb_bytes name)
{
	for (const struct method *m = task_methods; m->name; m++) {
		if (pb_is(name, m->name))
			return m;
	}
	return NULL;
}

static bool is_task_service(struct pb_bytes name)
{
	return pb_is(name, "containerd.task.v2.Task") || pb_is(name, "containerd.task.v3.Task");
}

static void begin_call(struct conn *c, uint32_t stream, const struct method *m,
		       const struct shim_request *r, char *buf)
{
	struct call *call = xzalloc(sizeof(*call));

	call->conn = c;
	call->stream = stream;
	call->method = m;
	call->buf = buf;
	call->next = calls;
	calls = call;
	if (!pb_read(r->payload, m->rows, &call->req)) {
		call_fail(call, CODE_INVALID, "%s: the message is damaged", m->name);
		return;
	}
	if ((int64_t)r->timeout_ns > 0)
		loop_set_timer(&call->deadline, (int64_t)(r->timeout_ns / 1000000), expire);
	m->run(call);
}

static void got_request(struct conn *c, const struct frame *f)
{
	auto_free char *buf = xmalloc(f->n + 1), *text = NULL;
	struct shim_request r = { 0 };
	const struct method *m;

	memcpy(buf, f->data, f->n);
	if (!pb_read((struct pb_bytes){ buf, f->n }, shim_request_rows, &r)) {
		send_failure(c, f->stream, CODE_INVALID, "the request is damaged");
		return;
	}
	if (!is_task_service(r.service)) {
		text = xasprintf("service %.*s", (int)(r.service.n & 0xff), r.service.s);
		send_failure(c, f->stream, CODE_UNIMPLEMENTED, text);
		return;
	}
	m = find_method(r.method);
	if (!m) {
		text = xasprintf("method %.*s", (int)(r.method.n & 0xff), r.method.s);
		send_failure(c, f->stream, CODE_UNIMPLEMENTED, text);
		return;
	}
	begin_call(c, f->stream, m, &r, take_ptr(&buf));
}

/* PROTOCOL.md of ttrpc: only the client begins, with an odd number; what we refuse we say so. */
static void got(struct wire *w, const struct frame *f)
{
	struct conn *c = watch_of(w, struct conn, wire);
	char text[80];

	if (f->n > FRAME_MAX) {
		snprintf(text, sizeof(text),
			 "message length %zu exceed maximum message size of %zu", f->n, FRAME_MAX);
		send_failure(c, f->stream, CODE_EXHAUSTED, text);
	} else if (f->type != FRAME_REQUEST) {
		return; /* of a stream that we have refused */
	} else if (!(f->stream & 1)) {
		send_failure(c, f->stream, CODE_INVALID,
			     "StreamID must be odd for client initiated streams");
	} else if (f->flags) {
		send_failure(c, f->stream, CODE_UNIMPLEMENTED, "streaming");
	} else {
		got_request(c, f);
	}
}

static void gone(struct wire *w)
{
	struct conn *c = watch_of(w, struct conn, wire);
	struct call *next;

	for (struct call *call = calls; call; call = next) {
		next = call->next;
		if (call->conn != c)
			continue;
		call->conn = NULL;
		/* A container that nobody knows of would stay for ever. */
		if (call->job && call->method->run == task_create)
			job_kill(call->job);
		else if (task_forget_waiter(call))
			forget(call);
	}
	free(c);
}

static void listen_on(struct timer *t)
{
	(void)t;
	loop_change(&listener, EPOLLIN);
}

static void accept_client(struct watch *w, uint32_t events)
{
	int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct conn *c;
	struct err e;

	(void)events;
	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) {
		/* Who waits to be accepted would wake us again and again. */
		loop_change(&listener, 0);
		loop_set_timer(&accept_again, ACCEPT_AGAIN_MS, listen_on);
	}
	if (fd < 0)
		return;
	c = xzalloc(sizeof(*c));
	c->wire.got = got;
	c->wire.gone = gone;
	if (wire_open(&c->wire, fd, &e) < 0)
		free(c);
	/* Who connects may be a containerd that was away. */
	events_retry();
}

int server_listen(int sock, struct err *e)
{
	return loop_watch(&listener, sock, EPOLLIN, accept_client, e);
}

void server_close(void)
{
	loop_close(&listener);
}
