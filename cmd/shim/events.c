/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of events and the connection they go over. Runs in the shim. The connection is made
 * when there is something to send and kept; when it breaks, what was not answered is sent again:
 * rather twice than never.
 */
#include "cmd/shim/events.h"

#include "cmd/shim/log.h"
#include "cmd/wire/ttrpc.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "state/base/fd.h"

#define KEPT_MAX     2048 /* events; of more the oldest are lost */
#define ANSWER_MS    5000 /* for containerd to take one */
#define AGAIN_MS     250  /* until the first new attempt, then twice as long, up to the last */
#define AGAIN_MAX_MS 8000

struct event {
	struct event *next;
	struct str payload; /* ForwardRequest in a ttrpc Request */
};

static const struct {
	const char *topic, *url;
	const struct pb_row *rows;
} kinds[] = {
	[EVENT_CREATE] = { "/tasks/create", "containerd.events.TaskCreate", event_create_rows },
	[EVENT_START] = { "/tasks/start", "containerd.events.TaskStart", event_start_rows },
	[EVENT_EXIT] = { "/tasks/exit", "containerd.events.TaskExit", event_exit_rows },
	[EVENT_DELETE] = { "/tasks/delete", "containerd.events.TaskDelete", event_delete_rows },
	[EVENT_EXEC_ADDED] = { "/tasks/exec-added", "containerd.events.TaskExecAdded",
			       event_exec_added_rows },
	[EVENT_EXEC_STARTED] = { "/tasks/exec-started", "containerd.events.TaskExecStarted",
				 event_exec_started_rows },
	[EVENT_PAUSED] = { "/tasks/paused", "containerd.events.TaskPaused", event_id_rows },
	[EVENT_RESUMED] = { "/tasks/resumed", "containerd.events.TaskResumed", event_id_rows },
	[EVENT_CHECKPOINTED] = { "/tasks/checkpointed", "containerd.events.TaskCheckpointed",
				 event_checkpointed_rows },
	[EVENT_OOM] = { "/tasks/oom", "containerd.events.TaskOOM", event_id_rows },
};

static const char *event_ns, *event_address;
static struct event *first, **end = &first;
static unsigned n_kept;
static struct wire wire = { .w = WATCH_INIT };
static bool in_flight; /* first has been sent */
static uint32_t stream = 1;
static struct timer again, answer, flush;
static int64_t delay = AGAIN_MS;
static void (*flushed)(void);

static void send_next(void);

void events_init(const char *ns, const char *address)
{
	event_ns = ns;
	event_address = address;
	if (str_starts(address, "unix://"))
		event_address += strlen("unix://");
}

static void drop_first(void)
{
	struct event *ev = first;

	first = ev->next;
	if (!first)
		end = &first;
	n_kept--;
	str_done(&ev->payload);
	free(ev);
}

static void check_flushed(void)
{
	void (*done)(void) = flushed;

	if (first || !done)
		return;
	flushed = NULL;
	loop_clear_timer(&flush);
	done();
}

static void retry(struct timer *t)
{
	(void)t;
	send_next();
}

static void try_later(void)
{
	in_flight = false;
	loop_clear_timer(&answer);
	wire_close(&wire);
	if (!first)
		return;
	loop_set_timer(&again, delay, retry);
	delay = delay * 2 > AGAIN_MAX_MS ? AGAIN_MAX_MS : delay * 2;
}

static void lost(struct wire *w)
{
	(void)w;
	try_later();
}

static void no_answer(struct timer *t)
{
	(void)t;
	shim_log("warning", "containerd does not take an event");
	try_later();
}

/* An event that containerd refuses will be refused again. */
static void got_answer(struct wire *w, const struct frame *f)
{
	struct shim_response r = { 0 };

	(void)w;
	if (!in_flight || f->type != FRAME_RESPONSE || f->stream != stream || !f->data)
		return;
	if (pb_read((struct pb_bytes){ f->data, f->n }, shim_response_rows, &r) && r.status.code)
		shim_log("warning", "containerd has refused an event: %.*s",
			 (int)(r.status.message.n & 0x3ff), r.status.message.s);
	loop_clear_timer(&answer);
	in_flight = false;
	delay = AGAIN_MS;
	stream += 2;
	drop_first();
	send_next();
}

static int connect_to(const char *path)
{
	struct sockaddr_un sa;
	socklen_t n = fd_unix_name(&sa, path);
	auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (!n || fd < 0 || connect(fd, (struct sockaddr *)&sa, n) < 0)
		return -1;
	return take_fd(&fd);
}

static bool connect_wire(void)
{
	struct err e;
	int fd;

	if (wire_is_open(&wire))
		return true;
	fd = connect_to(event_address);
	if (fd < 0)
		return false;
	stream = 1;
	wire.got = got_answer;
	wire.gone = lost;
	return wire_open(&wire, fd, &e) == 0;
}

static void send_next(void)
{
	if (in_flight || !first) {
		check_flushed();
		return;
	}
	loop_clear_timer(&again);
	if (!connect_wire()) {
		try_later();
		return;
	}
	in_flight = true;
	loop_set_timer(&answer, ANSWER_MS, no_answer);
	wire_send(&wire, stream, FRAME_REQUEST, &first->payload);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void make_request(enum event_kind kind, const struct task_event *ev, struct str *out)
{
	auto_str struct str body = { 0 }, forward = { 0 };
	struct shim_forward f = { 0 };
	struct shim_request r = { .service = pb_text("containerd.services.events.ttrpc.v1.Events"),
				  .method = pb_text("Forward"),
				  .timeout_ns = (uint64_t)ANSWER_MS * 1000000 };

	pb_write(&body, kinds[kind].rows, ev);
	f.envelope.timestamp = shim_time_of(now_ns());
	f.envelope.ns = pb_text(event_ns);
	f.envelope.topic = pb_text(kinds[kind].topic);
	f.envelope.event.url = pb_text(kinds[kind].url);
	f.envelope.event.value = (struct pb_bytes){ body.s, body.n };
	pb_write(&forward, shim_forward_rows, &f);
	r.payload = (struct pb_bytes){ forward.s, forward.n };
	pb_write(out, shim_request_rows, &r);
}

void events_send(enum event_kind kind, const struct task_event *ev)
{
	struct event *new;

	if (!*event_address)
		return;
	if (n_kept >= KEPT_MAX && !in_flight)
		drop_first();
	if (n_kept >= KEPT_MAX)
		return;
	new = xzalloc(sizeof(*new));
	make_request(kind, ev, &new->payload);
	*end = new;
	end = &new->next;
	n_kept++;
	if (!again.at)
		send_next();
}

void events_retry(void)
{
	if (again.at)
		send_next();
}

static void give_up(struct timer *t)
{
	(void)t;
	while (first)
		drop_first();
	check_flushed();
}

void events_flush(int timeout_ms, void (*done)(void))
{
	flushed = done;
	loop_set_timer(&flush, timeout_ms, give_up);
	send_next();
}
