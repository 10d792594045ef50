/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection to a D-Bus daemon, or straight to another program that speaks D-Bus. Every step
 * has a deadline. Runs in hull.
 */
#ifndef STATE_BUS_H
#define STATE_BUS_H

#include "state/base/err.h"

#include <dbus/dbus.h>
#include <stdbool.h>
#include <stdint.h>

struct bus {
	int fd;
	bool direct; /* no daemon in between: no names, no Hello, no match rules */
	int timeout_ms;
	int64_t deadline; /* of the step that is under way, on the monotonic clock */
	uint32_t serial;
	char *in; /* bytes that have come and are no whole message yet */
	size_t n_in;
	/* Shown every signal that comes while a reply is waited for; may be NULL. */
	void (*on_signal)(void *arg, DBusMessage *m);
	void *arg;
};

#define BUS_INIT         \
	{                \
		.fd = -1 \
	}
#define auto_bus     __attribute__((cleanup(bus_close)))
#define auto_message __attribute__((cleanup(bus_unref)))

/*
 * The first address in addresses (D-Bus Specification, Server Addresses: "unix:path=/x,guid=...;
 * unix:abstract=y") that is a Unix socket, as the socket's name: an abstract one begins with "@".
 * The caller frees it. NULL when there is none: hull starts no program to get a bus, and talks to
 * none over a network. Pure.
 */
char *bus_socket_name(const char *addresses);

/*
 * Connect to the socket (see bus_socket_name), be authenticated as who we are, and say Hello unless
 * direct. timeout_ms is for this and for every later call. e->code is ETIMEDOUT when the time is
 * over, else of the connect(2) that failed.
 */
must_check int bus_open(struct bus *b, const char *socket_name, bool direct, int timeout_ms,
			struct err *e);
void bus_close(struct bus *b);
void bus_unref(DBusMessage **m);

/*
 * Send call, which stays the caller's, and wait for its reply, which is the caller's, too. An error
 * that comes as the reply is one here as well: it is then also in *ret, for its name.
 */
must_check int bus_call(struct bus *b, DBusMessage *call, DBusMessage **ret, struct err *e);
/* Send, and want no reply. */
must_check int bus_send(struct bus *b, DBusMessage *m, struct err *e);
/* Until *done, which on_signal sets, or e->code is ETIMEDOUT after ms. */
must_check int bus_wait(struct bus *b, const bool *done, int ms, struct err *e);

#endif
