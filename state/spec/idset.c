/* SPDX-License-Identifier: Apache-2.0 */
/* The list format of cpuset(7), strictly read. Pure. */
#include "state/spec/idset.h"

#include "state/spec/decode.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define WORD (8 * sizeof(unsigned long))

/* The number at *p, which is moved past it; -1 when there is none, or too large a one. */
static int number(const char **p)
{
	int n = 0;

	if (!isdigit((unsigned char)**p))
		return -1;
	for (; isdigit((unsigned char)**p); (*p)++) {
		n = n * 10 + (**p - '0');
		if (n >= IDSET_MAX)
			return -1;
	}
	return n;
}

void idset_add(struct idset *s, unsigned n)
{
	s->bits[n / WORD] |= 1UL << n % WORD;
}

static bool range(const char **p, struct idset *s)
{
	int first = number(p), last = first;

	if (first >= 0 && **p == '-') {
		(*p)++;
		last = number(p);
	}
	if (first < 0 || last < first)
		return false;
	for (size_t i = (size_t)first; i <= (size_t)last; i++)
		idset_add(s, (unsigned)i);
	return true;
}

int idset_parse(const char *text, struct idset *ret, struct err *e)
{
	const char *p = text;

	memset(ret, 0, sizeof(*ret));
	while (*p) {
		if (!range(&p, ret) || (*p && *p != ',') || (*p == ',' && !p[1]))
			return decode_bad(e, text,
					  "is not a list such as 0-3,7 of numbers below 8192");
		p += *p == ',';
	}
	return 0;
}

unsigned idset_count(const struct idset *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(s->bits); i++)
		n += (unsigned)__builtin_popcountl(s->bits[i]);
	return n;
}
