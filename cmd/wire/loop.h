/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place where the shim waits: epoll(7), with timers. Whoever wants to be told of a
 * descriptor has a struct watch in a struct of its own.
 */
#ifndef CMD_WIRE_LOOP_H
#define CMD_WIRE_LOOP_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

struct watch {
	int fd; /* -1: none */
	uint32_t events;
	void (*ready)(struct watch *w, uint32_t events);
};
#define WATCH_INIT        \
	{                 \
		.fd = -1, \
	}

struct timer {
	int64_t at; /* of sys_now_ms(); 0: not set */
	void (*fire)(struct timer *t);
	struct timer *next;
};

/* The member that w points to, of the struct that it is in. */
#define watch_of(w, type, member) ((type *)(void *)((char *)(w)-offsetof(type, member)))

must_check int loop_init(struct err *e);
/* w->fd is w's from now on; events are those of epoll_ctl(2), 0 is none for the moment. */
must_check int loop_watch(struct watch *w, int fd, uint32_t events,
			  void (*ready)(struct watch *, uint32_t), struct err *e);
/* Other events. A descriptor without any is taken out: it would still be told of EPOLLHUP. */
void loop_change(struct watch *w, uint32_t events);
/* Close it; no more is heard of it, nor of what this round had for it. May be repeated. */
void loop_close(struct watch *w);
/* The same without closing: the descriptor is the caller's. */
int loop_release(struct watch *w);

void loop_set_timer(struct timer *t, int64_t in_ms, void (*fire)(struct timer *));
void loop_clear_timer(struct timer *t);

/* Until loop_stop() is called. */
must_check int loop_run(struct err *e);
void loop_stop(void);

#endif
