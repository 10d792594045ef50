/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --trace: where the time of a command goes. Spans are kept in memory and written when the command is
 * over. Without --trace nothing is kept and no system call made. Times are CLOCK_REALTIME, which all
 * processes of a container's birth share, whatever their time namespace is.
 */
#ifndef STATE_TRACE_H
#define STATE_TRACE_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern bool trace_on;

/* ns since 1970 */
int64_t trace_clock(void);

/* who is a string literal: the process. name is copied. */
void trace_add(const char *who, const char *name, int64_t began, int64_t ended);

/* From here to the end of the block is a span. detail may be NULL; both must live as long. */
#define trace_here(name, detail)          \
	struct trace_span trace_span_here \
		__attribute__((cleanup(trace_leave))) = trace_enter(name, detail)
struct trace_span {
	const char *name, *detail;
	int64_t began; /* 0: not on */
};
static inline struct trace_span trace_enter(const char *name, const char *detail)
{
	return (struct trace_span){ name, detail, trace_on ? trace_clock() : 0 };
}
void trace_leave(const struct trace_span *s);

/*
 * Spans as the stages send them, in lines of a log: the first makes one of at most TRACE_LINE_MAX bytes and returns
 * their number, or 0; the second takes one or more of them; false for any other line.
 */
#define TRACE_LINE_MAX 256
#define TRACE_LEAST    1000 /* ns: what took less is no span, but a step with nothing to do */
size_t trace_line(char *buf, const char *who, const char *name, int64_t began);
bool trace_take(const char *line);

/*
 * Write what was kept: as trace events of Chrome and Perfetto (JSON) to the file, or for "-" as text to
 * stderr.
 */
must_check int trace_write(const char *file, const char *command, struct err *e);

#endif
