/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of spans as lines, and of what is written of them. */
#include "state/base/trace.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, word)); p += strlen(word))
		n++;
	return n;
}

static void test_lines(void)
{
	char lines[3 * TRACE_LINE_MAX], name[400];
	size_t n;

	/* A clock that is asked by an emulator takes longer than that. */
	ok(trace_line(lines, "init", "nothing to do", trace_clock() + 1000000000) == 0,
	   "what took less than a microsecond is no span");
	n = trace_line(lines, "init", "a step", trace_clock() - 5000000000);
	ok(n > 0 && lines[0] == '\1', "what took longer is a line");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	n += trace_line(lines + n, "stage 1", name, trace_clock() - 2000000000);
	ok(n < 2 * TRACE_LINE_MAX && strlen(lines) == n, "a long name is cut");
	ok(!trace_take("init: session"), "a line of the log is none");
	ok(trace_take(lines), "two at once are taken");
	ok(trace_take("\1") && trace_take("\1zz 1 2 x") &&
		   trace_take("\1"
			      "9 1 2 x"),
	   "what is no span of ours is dropped");
}

static void test_file(void)
{
	char path[] = "/tmp/trace_test.XXXXXX";
	auto_close int fd = mkstemp(path);
	auto_free char *text = NULL;
	struct err e;

	/* Seconds apart: the clock of an emulator stands still for milliseconds. */
	trace_add("hull", "hull test \"quoted\"", trace_clock() - 9000000000, trace_clock());
	ok(trace_write(path, "hull test", &e) == 0, "a trace is written");
	ok(fd_read_file(AT_FDCWD, path, 65536, &text, NULL, &e) == 0, "... and read");
	ok(text && count(text, "\"ph\":\"X\"") == 3, "... with each span");
	ok(text && count(text, "\\\"quoted\\\"") == 1, "... whose names are JSON");
	ok(text && count(text, "\"ts\":0.000") == 1, "... the first of which begins at 0");
	unlink(path);
	ok(trace_write("/nonexistent/x", "hull test", &e) < 0 && strstr(e.chain, "--trace"),
	   "a file that cannot be made is named");
}

int main(void)
{
	trace_on = true;
	test_lines();
	test_file();
	return done_testing();
}
