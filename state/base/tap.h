/* SPDX-License-Identifier: Apache-2.0 */
/* The Test Anything Protocol, for x_test.c programs: ok(condition, "what must be so") for each test. */
#ifndef STATE_TAP_H
#define STATE_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static unsigned tap_n, tap_failed;

/* Returns the condition, so that a test can stop where going on makes no sense. */
__attribute__((format(printf, 2, 3), unused)) static bool ok(bool cond, const char *fmt, ...)
{
	char what[256];
	va_list ap;

	tap_n++;
	tap_failed += !cond;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	for (char *p = what; *p; p++) { /* on one line, and no directive */
		if (*p < ' ' || *p > '~' || *p == '#')
			*p = '.';
	}
	dprintf(1, "%sok %u - %s\n", cond ? "" : "not ", tap_n, what);
	return cond;
}

/* A comment, for what was found where a test failed. */
__attribute__((format(printf, 1, 2), unused)) static void note(const char *fmt, ...)
{
	va_list ap;

	dprintf(1, "#   ");
	va_start(ap, fmt);
	vdprintf(1, fmt, ap);
	va_end(ap);
	dprintf(1, "\n");
}

/* Strings, either of which may be NULL; says what was found. */
__attribute__((unused)) static bool is(const char *found, const char *wanted, const char *what)
{
	bool same = found && wanted ? !strcmp(found, wanted) : found == wanted;

	ok(same, "%s", what);
	if (!same)
		note("found %s, wanted %s", found ? found : "(null)", wanted ? wanted : "(null)");
	return same;
}

__attribute__((format(printf, 2, 3), unused)) static void skip(unsigned n, const char *fmt, ...)
{
	va_list ap;

	while (n--) {
		dprintf(1, "ok %u # SKIP ", ++tap_n);
		va_start(ap, fmt);
		vdprintf(1, fmt, ap);
		va_end(ap);
		dprintf(1, "\n");
	}
}

/* The exit status of main. */
__attribute__((unused)) static int done_testing(void)
{
	dprintf(1, "1..%u\n", tap_n);
	return tap_failed ? 1 : 0;
}

#endif
