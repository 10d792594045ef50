/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log: --log, --log-format, --debug. Clients read hull's stdout and stderr together, and podman
 * reads the log file as one JSON object: so without --debug a run that fails writes exactly one
 * line there, and one that succeeds writes none. Warnings are for whoever sits before it: they are
 * shown without --debug where no --log is given, as clients give one.
 */
#ifndef STATE_LOG_H
#define STATE_LOG_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>

extern bool log_debugging; /* --debug */
extern bool log_warning;   /* --debug, or no --log */

/*
 * path: NULL or "" is stderr; "file:PATH", "journald:ID" and "syslog:ID" as with crun, of which the last
 * two are daemons' sockets (systemd's native protocol, /dev/log), whatever json says. level: NULL, or the
 * least that is told: error, warning, info, debug. The strings are kept. Before this call the log is text
 * on stderr.
 */
must_check int log_open(const char *path, bool json, bool debug, const char *level, struct err *e);

/* Costs nothing without --debug. */
#define log_debug(...)                                   \
	do {                                             \
		if (log_debugging)                       \
			log_write("debug", __VA_ARGS__); \
	} while (0)
#define log_warn(...)                                      \
	do {                                               \
		if (log_warning)                           \
			log_write("warning", __VA_ARGS__); \
	} while (0)
void log_write(const char *level, const char *fmt, ...) printf_like(2, 3);
/* A warning, for functions that report to a `void (*warn)(const char *)`. */
void log_warn_text(const char *text);

/* The one error of a run; bare on stderr, too, when the log is a file. */
void log_error(const struct err *e);
/* The chain, followed by the pointer in parentheses where the chain does not name it. */
const char *log_error_text(const struct err *e, char *buf, size_t size);

#endif
