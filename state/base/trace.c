/* SPDX-License-Identifier: Apache-2.0 */
#include "state/base/trace.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool trace_on;

static struct span {
	const char *who;
	char *name;
	int64_t began, ended;
} * spans;
static size_t n_spans;

int64_t trace_clock(void)
{
	return sys_clock_ns(CLOCK_REALTIME);
}

void trace_add(const char *who, const char *name, int64_t began, int64_t ended)
{
	spans = xrealloc(spans, (n_spans + 1) * sizeof(*spans));
	spans[n_spans++] = (struct span){ who, xstrdup(name), began, ended };
}

void trace_leave(const struct trace_span *s)
{
	auto_free char *name = NULL;

	if (!s->began)
		return;
	name = s->detail ? xasprintf("%s %s", s->name, s->detail) : xstrdup(s->name);
	trace_add("hull", name, s->began, trace_clock());
}

/* --- Spans as lines: "\1WHO BEGAN TOOK NAME" ---------------------------------------------------- */

static const char *const processes[] = { "hull", "stage 0", "stage 1", "init" };

static size_t number_of(const char *who)
{
	size_t k = 0;

	while (k < ARRAY_SIZE(processes) - 1 && strcmp(processes[k], who) != 0)
		k++;
	return k;
}

size_t trace_line(char *buf, const char *who, const char *name, int64_t began)
{
	int64_t took = trace_clock() - began;
	int n;

	if (took < TRACE_LEAST)
		return 0;
	n = snprintf(buf, TRACE_LINE_MAX, "\1%zu %lld %lld %s", number_of(who), (long long)began,
		     (long long)took, name);
	return n < TRACE_LINE_MAX ? (size_t)n : TRACE_LINE_MAX - 1;
}

static const char *take_one(const char *line)
{
	size_t n = strcspn(line + 1, "\1");
	auto_free char *text = xstrndup(line + 1, n);
	long long began, took;
	unsigned long k;
	char *end;

	k = strtoul(text, &end, 10);
	began = strtoll(end, &end, 10);
	took = strtoll(end, &end, 10);
	if (trace_on && *end == ' ' && k < ARRAY_SIZE(processes))
		trace_add(processes[k], end + 1, began, began + took);
	return line + 1 + n;
}

bool trace_take(const char *line)
{
	if (*line != '\1')
		return false;
	while (*line == '\1')
		line = take_one(line);
	return true;
}

/* --- Output ----------------------------------------------------------------------------------- */

/* What began first, and of those the longer, which holds the other. */
static int by_time(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	if (x->began != y->began)
		return x->began < y->began ? -1 : 1;
	return x->ended == y->ended ? 0 : x->ended > y->ended ? -1 : 1;
}

/* Microseconds with their fraction, of ns. */
static void add_us(struct str *out, int64_t ns)
{
	str_addf(out, "%lld.%03d", (long long)(ns / 1000), (int)(ns % 1000));
}

static void add_json(struct str *out, const char *command)
{
	int pid = (int)getpid();

	str_add(out, "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n");
	str_addf(out,
		 "{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":%d,\"args\":{\"name\":", pid);
	str_add_json(out, command);
	str_add(out, "}}");
	for (size_t i = 0; i < ARRAY_SIZE(processes); i++)
		str_addf(
			out,
			",\n{\"name\":\"thread_name\",\"ph\":\"M\",\"pid\":%d,\"tid\":%zu,\"args\":{"
			"\"name\":\"%s\"}}",
			pid, i, processes[i]);
	for (size_t i = 0; i < n_spans; i++) {
		size_t tid = number_of(spans[i].who);

		str_add(out, ",\n{\"name\":");
		str_add_json(out, spans[i].name);
		str_addf(out, ",\"ph\":\"X\",\"pid\":%d,\"tid\":%zu,\"ts\":", pid, tid);
		add_us(out, spans[i].began - spans[0].began);
		str_add(out, ",\"dur\":");
		add_us(out, spans[i].ended - spans[i].began);
		str_add(out, "}");
	}
	str_add(out, "\n]}\n");
}

#define WIDTH 32

static void add_bar(struct str *out, int64_t began, int64_t ended, int64_t whole)
{
	int from = whole ? (int)(began * WIDTH / whole) : 0;
	int to = whole ? (int)(ended * WIDTH / whole) : 0;

	from = from < WIDTH ? from : WIDTH - 1;
	for (int i = 0; i < WIDTH; i++)
		str_add(out, i < from || (i > to && i != from) ? "." : "#");
}

static void add_text(struct str *out, const char *command)
{
	int64_t start = spans[0].began, whole = 0;

	for (size_t i = 0; i < n_spans; i++)
		whole = spans[i].ended - start > whole ? spans[i].ended - start : whole;
	str_addf(out, "%s: %.3f ms\n    at ms   took ms  %-*s  process  step\n", command,
		 (double)whole / 1e6, WIDTH, "");
	for (size_t i = 0; i < n_spans; i++) {
		str_addf(out, "%9.3f %9.3f  ", (double)(spans[i].began - start) / 1e6,
			 (double)(spans[i].ended - spans[i].began) / 1e6);
		add_bar(out, spans[i].began - start, spans[i].ended - start, whole);
		str_addf(out, "  %-7s  %s\n", spans[i].who, spans[i].name);
	}
}

/* The command is the last to end. What init began before it, to wait for a start, is no time of it. */
static void clip(void)
{
	int64_t began = spans[n_spans - 1].began;

	for (size_t i = 0; i < n_spans; i++)
		spans[i].began = spans[i].began < began ? began : spans[i].began;
}

int trace_write(const char *file, const char *command, struct err *e)
{
	bool text = !strcmp(file, "-");
	auto_str struct str out = { 0 };
	auto_close int fd = -1;

	if (!n_spans)
		return 0;
	clip();
	qsort(spans, n_spans, sizeof(*spans), by_time);
	if (text)
		add_text(&out, command);
	else
		add_json(&out, command);
	if (!text) {
		fd = fd_open(AT_FDCWD, file, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, 0644, e);
		if (fd < 0)
			return err_wrap(e, "--trace");
	}
	if (fd_write_all(text ? STDERR_FILENO : fd, out.s, out.n) < 0)
		return err_sys(e, "write %s", text ? "the trace" : file);
	return 0;
}
