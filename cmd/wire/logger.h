/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Logging programs, binary:///path?argument=value (containerd's core/runtime/v2/logging): they read
 * the container's output at descriptors 3 and 4 and close 5 when they are ready.
 */
#ifndef CMD_WIRE_LOGGER_H
#define CMD_WIRE_LOGGER_H

#include "state/base/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define LOGGER_READY_MS 10000

struct logger {
	pid_t pid;
	int out, err; /* where the container writes to */
	int ready;    /* what it says of itself; never blocks */
};

/* binary:// or binary-v2:// */
bool logger_is_url(const char *url);
/* The path of scheme ("file://"), decoded; NULL for another scheme. The caller frees it. */
char *logger_path(const char *url, const char *scheme);

/* The descriptors are the caller's. */
must_check int logger_start(const char *url, const char *id, const char *ns, struct logger *ret,
			    struct err *e);
/* binary-v2: it has to say a byte before it closes. */
bool logger_is_strict(const char *url);
/* Its input has ended: SIGTERM, and SIGKILL when that does not help. Nobody waits for it. */
void logger_end(pid_t pid);
/* This child has ended: true when it was a logger. */
bool logger_ended(pid_t pid);

#endif
