/* SPDX-License-Identifier: Apache-2.0 */
/* The shim's end of ttrpc: clients, their calls, and answers. */
#ifndef CMD_SHIM_SERVER_H
#define CMD_SHIM_SERVER_H

#include "cmd/wire/loop.h"
#include "cmd/wire/messages.h"
#include "state/base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct change;
struct conn;
struct job;
struct method;
struct proc;
struct task;

/* google.rpc.Code, by the names of containerd's errdefs. */
enum code {
	CODE_UNKNOWN = 2,
	CODE_INVALID = 3,
	CODE_DEADLINE = 4,
	CODE_NOT_FOUND = 5,
	CODE_EXISTS = 6,
	CODE_EXHAUSTED = 8,
	CODE_PRECONDITION = 9,
	CODE_UNIMPLEMENTED = 12,
	CODE_UNAVAILABLE = 14,
};

/* A request that is not answered yet. It ends with call_reply() or call_fail(). */
struct call {
	struct call *next;
	struct conn *conn; /* NULL: nobody waits for the answer any more */
	uint32_t stream;
	const struct method *method;
	struct task_request req; /* which points into buf */
	char *buf;
	struct timer deadline;
	bool expired;		     /* its deadline has passed, of which the client was told */
	struct job *job;	     /* that works on it, or NULL */
	struct task *task;	     /* that it is about, once a job works on it */
	const struct change *change; /* which of those that a container may undergo */
	struct proc *waits_for;	     /* Wait: it is in that one's list, linked by next_waiter */
	struct call *next_waiter;
	struct call *next_queued; /* another one works on the container */
};

/* One row for each method of the task service. */
struct method {
	const char *name;
	const struct pb_row *rows;
	void (*run)(struct call *call);
};
extern const struct method task_methods[]; /* ends with a row without a name */

/* Take clients from a listening socket, which is the server's from now on. */
must_check int server_listen(int sock, struct err *e);
/* No new ones; those that are there stay. */
void server_close(void);

/* Answer with a message, or an empty one (rows NULL), and forget the call. */
void call_reply(struct call *call, const struct pb_row *rows, const void *src);
void call_fail(struct call *call, enum code code, const char *fmt, ...) printf_like(3, 4);
/* The same with an error that hull has made, whose errno value tells the code. */
void call_fail_err(struct call *call, const struct err *e);

#endif
