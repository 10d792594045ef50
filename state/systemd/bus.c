/* SPDX-License-Identifier: Apache-2.0 */
/*
 * D-Bus on a Unix socket. The messages are made, checked and read by libdbus; the connection is
 * ours, because the library's connects without a deadline, names our uid as this user namespace
 * numbers it, which the other side refuses (a root in a namespace of its own, as under rootless
 * podman, is no root to the daemon), and may start programs to find a bus. Here a closed socket, a
 * daemon that is silent and one that sends nonsense each end in one sentence.
 */
#include "state/systemd/bus.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define MESSAGE_MAX  ((size_t)4 << 20) /* systemd's answers to us have some hundred bytes */
#define MESSAGE_HEAD 16

/* --- Addresses -------------------------------------------------------------------------------- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "%2f" is "/". NULL for a "%" without two digits, and for a NUL. */
static char *unescape(const char *s, size_t n)
{
	char *r = xmalloc(n + 1), *w = r;

	for (size_t i = 0; i < n; i++) {
		int high, low;

		if (s[i] != '%') {
			*w++ = s[i];
			continue;
		}
		high = i + 2 < n ? hex(s[i + 1]) : -1;
		low = i + 2 < n ? hex(s[i + 2]) : -1;
		if (high < 0 || low < 0 || !(high | low)) {
			free(r);
			return NULL;
		}
		*w++ = (char)(high << 4 | low);
		i += 2;
	}
	*w = '\0';
	return r;
}

/* The n bytes of one address, "unix:path=/x,guid=y". */
static char *socket_of(const char *address, size_t n)
{
	static const char transport[] = "unix:";
	size_t len;

	if (n < strlen(transport) || strncmp(address, transport, strlen(transport)) != 0)
		return NULL;
	address += strlen(transport);
	n -= strlen(transport);
	for (const char *end = address + n; address < end; address += len + 1) {
		auto_free char *value = NULL;

		len = strcspn(address, ",;");
		if (str_starts(address, "path=/"))
			return unescape(address + strlen("path="), len - strlen("path="));
		if (!str_starts(address, "abstract="))
			continue;
		value = unescape(address + strlen("abstract="), len - strlen("abstract="));
		return value ? xasprintf("@%s", value) : NULL;
	}
	return NULL;
}

char *bus_socket_name(const char *addresses)
{
	char *r = NULL;

	for (size_t n; !r && *addresses; addresses += n + (addresses[n] == ';')) {
		n = strcspn(addresses, ";");
		r = socket_of(addresses, n);
	}
	return r;
}

/* --- Bytes ------------------------------------------------------------------------------------ */

static void begin(struct bus *b)
{
	b->deadline = sys_now_ms() + b->timeout_ms;
}

static int silent(const struct bus *b, struct err *e)
{
	return err_set(e, ETIMEDOUT, "no answer in %g seconds", b->timeout_ms / 1000.0);
}

static int wait_for(const struct bus *b, short events, struct err *e)
{
	struct pollfd p = { .fd = b->fd, .events = events };
	int64_t left;
	int n;

	do {
		left = b->deadline - sys_now_ms();
		n = left > 0 ? poll(&p, 1, (int)left) : 0;
	} while (n < 0 && errno == EINTR);
	if (n > 0)
		return 0;
	if (n < 0)
		return err_sys(e, "poll");
	return silent(b, e);
}

static int send_all(struct bus *b, const char *data, size_t n, struct err *e)
{
	while (n) {
		ssize_t sent = send(b->fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0) {
			data += sent;
			n -= (size_t)sent;
		} else if (errno == EAGAIN) {
			if (wait_for(b, POLLOUT, e) < 0)
				return -1;
		} else if (errno != EINTR) {
			return err_sys(e, "send");
		}
	}
	return 0;
}

/* At least one byte more into b->in, but not more than there are in all. */
static int receive(struct bus *b, size_t in_all, struct err *e)
{
	ssize_t n;

	b->in = xrealloc(b->in, in_all + 1);
	for (;;) {
		n = recv(b->fd, b->in + b->n_in, in_all - b->n_in, MSG_DONTWAIT);
		if (n > 0) {
			b->n_in += (size_t)n;
			return 0;
		}
		if (n == 0)
			return err_set(e, EPIPE, "the connection was closed");
		if (errno != EAGAIN && errno != EINTR)
			return err_sys(e, "receive");
		if (errno == EAGAIN && wait_for(b, POLLIN, e) < 0)
			return -1;
	}
}

/* --- Connecting ------------------------------------------------------------------------------- */

static int connect_to(struct bus *b, const char *name, struct err *e)
{
	struct timeval limit = { b->timeout_ms / 1000, b->timeout_ms % 1000 * 1000 };
	struct sockaddr_un sa;
	socklen_t n = fd_unix_name(&sa, name);

	if (!n)
		return err_set(e, ENAMETOOLONG, "%s is longer than a socket's name may be", name);
	b->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (b->fd < 0 || setsockopt(b->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return err_sys(e, "socket");
	if (connect(b->fd, (struct sockaddr *)&sa, n) == 0)
		return 0;
	/* A listener whose queue is full: connect(2) waits for a place as long as send(2) would. */
	return errno == EAGAIN ? silent(b, e) : err_sys(e, "connect");
}

/* The next line of the authentication, without its end, at the start of b->in. */
static int read_line(struct bus *b, struct err *e)
{
	/* Byte by byte: what follows the last line is for the messages. These are 50 bytes, once. */
	for (b->n_in = 0; b->n_in < 512;) {
		if (receive(b, b->n_in + 1, e) < 0)
			return -1;
		if (b->n_in >= 2 && !memcmp(b->in + b->n_in - 2, "\r\n", 2)) {
			b->in[b->n_in - 2] = '\0';
			b->n_in = 0;
			return 0;
		}
	}
	return err_set(e, EPROTO, "it does not speak D-Bus");
}

/*
 * D-Bus Specification, Authentication Protocol, EXTERNAL: who we are, the kernel tells the other
 * side. We name no identity, for the number that we know may be of a user namespace.
 */
static int authenticate(struct bus *b, struct err *e)
{
	static const char hail[] = "\0AUTH EXTERNAL\r\nDATA\r\n", start[] = "BEGIN\r\n";

	if (send_all(b, hail, sizeof(hail) - 1, e) < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		if (read_line(b, e) < 0)
			return -1;
		if (str_starts(b->in, "OK"))
			return send_all(b, start, sizeof(start) - 1, e);
		if (str_starts(b->in, "REJECTED"))
			return err_set(e, EACCES, "we were not let in");
		if (!str_starts(b->in, "DATA"))
			break;
	}
	return err_set(e, EPROTO, "it does not speak D-Bus");
}

static int say_hello(struct bus *b, struct err *e)
{
	auto_message DBusMessage *m = dbus_message_new_method_call(
		DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "Hello");
	auto_message DBusMessage *reply = NULL;

	return bus_call(b, m, &reply, e);
}

int bus_open(struct bus *b, const char *socket_name, bool direct, int timeout_ms, struct err *e)
{
	*b = (struct bus){ .fd = -1, .direct = direct, .timeout_ms = timeout_ms };
	begin(b);
	if (connect_to(b, socket_name, e) < 0 || authenticate(b, e) < 0 ||
	    (!direct && say_hello(b, e) < 0))
		return err_wrap(e, "%s", socket_name);
	return 0;
}

void bus_close(struct bus *b)
{
	cleanup_close(&b->fd);
	free(b->in);
	*b = (struct bus)BUS_INIT;
}

void bus_unref(DBusMessage **m)
{
	if (*m)
		dbus_message_unref(*m);
	*m = NULL;
}

/* --- Messages --------------------------------------------------------------------------------- */

static int put(struct bus *b, DBusMessage *m, struct err *e)
{
	char *data;
	int n, r;

	if (!m)
		return err_set(e, ENOMEM, "out of memory");
	dbus_message_set_serial(m, ++b->serial);
	if (!dbus_message_marshal(m, &data, &n))
		return err_set(e, ENOMEM, "out of memory");
	r = send_all(b, data, (size_t)n, e);
	dbus_free(data);
	return r;
}

int bus_send(struct bus *b, DBusMessage *m, struct err *e)
{
	if (m)
		dbus_message_set_no_reply(m, TRUE);
	begin(b);
	return put(b, m, e);
}

/* The next message. libdbus checks all of it against the specification. */
static DBusMessage *get(struct bus *b, struct err *e)
{
	DBusMessage *m = NULL;
	DBusError why;
	int need;

	while (b->n_in < MESSAGE_HEAD) {
		if (receive(b, MESSAGE_HEAD, e) < 0)
			return NULL;
	}
	need = dbus_message_demarshal_bytes_needed(b->in, (int)b->n_in);
	if (need >= MESSAGE_HEAD && (size_t)need <= MESSAGE_MAX) {
		while (b->n_in < (size_t)need) {
			if (receive(b, (size_t)need, e) < 0)
				return NULL;
		}
		dbus_error_init(&why);
		m = dbus_message_demarshal(b->in, need, &why);
		dbus_error_free(&why);
		b->n_in = 0;
	}
	if (!m)
		err_set(e, EBADMSG, "what came is no message of D-Bus");
	return m;
}

static bool is_reply(DBusMessage *m, uint32_t serial)
{
	int type = dbus_message_get_type(m);

	return (type == DBUS_MESSAGE_TYPE_METHOD_RETURN || type == DBUS_MESSAGE_TYPE_ERROR) &&
	       dbus_message_get_reply_serial(m) == serial;
}

static void show_signal(const struct bus *b, DBusMessage *m)
{
	if (b->on_signal && dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_SIGNAL)
		b->on_signal(b->arg, m);
}

/* The text that an error should carry as its first argument. */
static int error_reply(DBusMessage *m, struct err *e)
{
	const char *text = "", *name = dbus_message_get_error_name(m);
	DBusMessageIter i;

	if (dbus_message_iter_init(m, &i) && dbus_message_iter_get_arg_type(&i) == DBUS_TYPE_STRING)
		dbus_message_iter_get_basic(&i, &text);
	return err_set(e, EREMOTEIO, "%.400s", *text ? text : name);
}

int bus_call(struct bus *b, DBusMessage *call, DBusMessage **ret, struct err *e)
{
	begin(b);
	if (put(b, call, e) < 0)
		return -1;
	for (;;) {
		DBusMessage *m = get(b, e);

		if (!m)
			return -1;
		if (is_reply(m, b->serial)) {
			*ret = m;
			return dbus_message_get_type(m) == DBUS_MESSAGE_TYPE_ERROR ?
				       error_reply(m, e) :
				       0;
		}
		show_signal(b, m);
		dbus_message_unref(m);
	}
}

int bus_wait(struct bus *b, const bool *done, int ms, struct err *e)
{
	b->deadline = sys_now_ms() + ms;
	while (!*done) {
		DBusMessage *m = get(b, e);

		if (!m)
			return -1;
		show_signal(b, m);
		dbus_message_unref(m);
	}
	return 0;
}
