/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events for containerd's subscribers, forwarded to its ttrpc address one after the other: the next
 * when the last was taken, so that their order is kept. While containerd is away they are kept.
 */
#ifndef CMD_SHIM_EVENTS_H
#define CMD_SHIM_EVENTS_H

#include "cmd/wire/messages.h"

#include <stdbool.h>

enum event_kind {
	EVENT_CREATE,
	EVENT_START,
	EVENT_EXIT,
	EVENT_DELETE,
	EVENT_EXEC_ADDED,
	EVENT_EXEC_STARTED,
	EVENT_PAUSED,
	EVENT_RESUMED,
	EVENT_CHECKPOINTED,
	EVENT_OOM,
};

/* ns: of the containers; address: a path or unix://PATH, "" for nobody. Both are kept. */
void events_init(const char *ns, const char *address);
void events_send(enum event_kind kind, const struct task_event *ev);
/* There is reason to believe that containerd is back. */
void events_retry(void);
/* Call done() when all is sent, or after timeout_ms. */
void events_flush(int timeout_ms, void (*done)(void));

#endif
