/* SPDX-License-Identifier: Apache-2.0 */
#include "state/format/subid.h"

#include "state/base/tap.h"

#include <stdio.h>

static void finds(const char *text, const char *name, uint32_t start, uint32_t n)
{
	uint32_t s = 0, m = 0;
	char buf[200];

	snprintf(buf, sizeof(buf), "%s", text);
	ok(subid_find(buf, 1000, name, &s, &m) && s == start && m == n, "\"%s\" has %u ids from %u",
	   text, n, start);
}

static void has_none(const char *text, const char *name)
{
	uint32_t s, m;
	char buf[200];

	snprintf(buf, sizeof(buf), "%s", text);
	ok(!subid_find(buf, 1000, name, &s, &m), "\"%s\" has none", text);
}

int main(void)
{
	finds("ann:100000:65536\n", "ann", 100000, 65536);
	finds("bob:1:2\nann:100000:65536", "ann", 100000, 65536);
	finds("1000:5:6\nann:7:8\n", "ann", 5, 6);
	finds("1000:5:6\n", NULL, 5, 6);
	finds("ann:7:8\nann:9:10\n", "ann", 7, 8);
	finds("ann:x:8\nann:9:10\n", "ann", 9, 10);
	finds("ann:4294967294:1\n", "ann", 4294967294U, 1);
	has_none("", "ann");
	has_none("\n:\n::\nann\nann:\nann:1\nann:1:\nann::1\n", "ann");
	has_none("anna:1:2\nan:1:2\n10000:1:2\n", "ann");
	has_none("ann:1:2\n", NULL);
	has_none("ann:-1:2\nann:1:-2\nann:1:0\nann:1:2:3\nann: 1:2\n", "ann");
	has_none("ann:4294967295:1\nann:4294967294:2\nann:1:18446744073709551615\n", "ann");
	return done_testing();
}
