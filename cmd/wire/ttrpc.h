/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ttrpc's frames (containerd/ttrpc, PROTOCOL.md) over a socket, for both of its ends. Only unary
 * calls: a stream's later data is refused by whoever gets it.
 */
#ifndef CMD_WIRE_TTRPC_H
#define CMD_WIRE_TTRPC_H

#include "cmd/wire/loop.h"
#include "state/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_HEADER 10
#define FRAME_MAX    ((size_t)4 << 20) /* bytes of data in one */

enum frame_type { FRAME_REQUEST = 1, FRAME_RESPONSE = 2, FRAME_DATA = 3 };

struct frame {
	size_t n; /* bytes of data; more than FRAME_MAX: it is passed over */
	uint32_t stream;
	uint8_t type, flags;
	const char *data; /* until the callback returns; NULL when it is too long */
};

/* Bytes on their way to become frames. What a peer claims costs nothing until it sends it. */
struct frames {
	struct str part; /* of a frame */
	size_t skip;	 /* what is still to come of one that is too long */
};
/* got() is called for each frame that is whole; it may say false, and no more is looked at. */
void frames_feed(struct frames *f, const char *data, size_t n,
		 bool (*got)(void *arg, const struct frame *), void *arg);
void frames_done(struct frames *f);

/* A connected socket. */
struct wire {
	struct watch w;
	struct frames in;
	struct str out; /* what the socket has not taken yet, from sent on */
	size_t sent;
	void (*got)(struct wire *w, const struct frame *);
	void (*gone)(struct wire *w); /* it is closed, which got() may have done; may free it */
};
/* fd is the wire's from now on, also after a failure. */
must_check int wire_open(struct wire *w, int fd, struct err *e);
void wire_send(struct wire *w, uint32_t stream, enum frame_type type, const struct str *data);
/* Without a word to gone(), unless it is called from within got(). May be repeated. */
void wire_close(struct wire *w);
static inline bool wire_is_open(const struct wire *w)
{
	return w->w.fd >= 0;
}

#endif
