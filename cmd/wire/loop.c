/* SPDX-License-Identifier: Apache-2.0 */
/* epoll and timers. Runs in the shim. There are few timers, so that a list will do. */
#include "cmd/wire/loop.h"

#include "state/base/mem.h"
#include "state/base/sys.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <unistd.h>

static int epoll_fd = -1;
static bool stopped;
static struct timer *timers;
/* What epoll_wait(2) has told and is not handled yet. */
static struct epoll_event pending[16];
static int n_pending;

int loop_init(struct err *e)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return epoll_fd < 0 ? err_sys(e, "epoll_create1") : 0;
}

static int control(struct watch *w, uint32_t events)
{
	struct epoll_event ev = { .events = events, .data.ptr = w };
	int op = !w->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;

	if (w->events == events)
		return 0;
	if (epoll_ctl(epoll_fd, op, w->fd, &ev) < 0)
		return -1;
	w->events = events;
	return 0;
}

int loop_watch(struct watch *w, int fd, uint32_t events, void (*ready)(struct watch *, uint32_t),
	       struct err *e)
{
	*w = (struct watch){ .fd = fd, .ready = ready };
	return control(w, events) < 0 ? err_sys(e, "epoll_ctl") : 0;
}

static void forget_pending(const struct watch *w)
{
	for (int i = 0; i < n_pending; i++) {
		if (pending[i].data.ptr == w)
			pending[i].data.ptr = NULL;
	}
}

void loop_change(struct watch *w, uint32_t events)
{
	if (w->fd >= 0)
		(void)control(w, events);
}

int loop_release(struct watch *w)
{
	if (w->fd >= 0)
		(void)control(w, 0);
	forget_pending(w);
	return take_fd(&w->fd);
}

void loop_close(struct watch *w)
{
	int fd = loop_release(w);

	cleanup_close(&fd);
}

void loop_set_timer(struct timer *t, int64_t in_ms, void (*fire)(struct timer *))
{
	loop_clear_timer(t);
	t->at = sys_now_ms() + (in_ms > 0 ? in_ms : 0);
	t->fire = fire;
	t->next = timers;
	timers = t;
}

void loop_clear_timer(struct timer *t)
{
	for (struct timer **p = &timers; *p; p = &(*p)->next) {
		if (*p == t) {
			*p = t->next;
			break;
		}
	}
	t->at = 0;
}

static int next_timeout(void)
{
	int64_t first = INT64_MAX, now;

	if (!timers)
		return -1;
	for (const struct timer *t = timers; t; t = t->next)
		first = t->at < first ? t->at : first;
	now = sys_now_ms();
	first = first > now ? first - now : 0;
	return first > INT_MAX ? INT_MAX : (int)first;
}

/* One that fires may set and clear others: look from the beginning each time. */
static void fire_timers(void)
{
	int64_t now = timers ? sys_now_ms() : 0;
	struct timer *t = timers;

	while (t) {
		if (t->at > now) {
			t = t->next;
			continue;
		}
		loop_clear_timer(t);
		t->fire(t);
		t = timers;
	}
}

int loop_run(struct err *e)
{
	while (!stopped) {
		n_pending = epoll_wait(epoll_fd, pending, ARRAY_SIZE(pending), next_timeout());
		if (n_pending < 0 && errno != EINTR)
			return err_sys(e, "epoll_wait");
		for (int i = 0; i < n_pending; i++) {
			struct watch *w = pending[i].data.ptr;

			pending[i].data.ptr = NULL;
			if (w)
				w->ready(w, pending[i].events);
		}
		n_pending = 0;
		fire_timers();
	}
	return 0;
}

void loop_stop(void)
{
	stopped = true;
}
