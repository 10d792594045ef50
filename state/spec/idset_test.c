/* SPDX-License-Identifier: Apache-2.0 */
#include "state/spec/idset.h"

#include "state/base/mem.h"
#include "state/base/tap.h"

#include <string.h>

static bool has(const struct idset *s, unsigned id)
{
	const unsigned word = 8 * sizeof(s->bits[0]);

	return s->bits[id / word] >> id % word & 1;
}

static void test_good(void)
{
	struct idset s;
	struct err e;

	ok(idset_parse("0-3,7", &s, &e) == 0 && s.bits[0] == 0x8f, "0-3,7");
	ok(idset_count(&s) == 5, "... are five");
	ok(idset_parse("", &s, &e) == 0 && idset_count(&s) == 0, "nothing is the empty set");
	ok(idset_parse("63,64,5,5-6", &s, &e) == 0 && idset_count(&s) == 4 && has(&s, 5) &&
		   has(&s, 6) && has(&s, 63) && has(&s, 64),
	   "any order, twice, across a word");
	ok(idset_parse("8191", &s, &e) == 0 && idset_count(&s) == 1 && has(&s, 8191),
	   "the last one");
	ok(idset_parse("0-8191", &s, &e) == 0 && idset_count(&s) == 8192, "all of them");
}

static void test_bad(void)
{
	static const char *const bad[] = {
		"x",
		"-1",
		"0-",
		"1-0",
		",",
		"0,",
		",0",
		"0,,1",
		" 0",
		"0 ",
		"0, 1",
		"0-1-2",
		"+1",
		"0x1",
		"8192",
		"0-8192",
		"0\n",
		"0-3:",
		"1.5",
		"0-3:1/2",
		"99999999999",
		"0-9876543210",
		"18446744073709551616",
	};
	struct idset s;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ok(idset_parse(bad[i], &s, &e) < 0 && strstr(e.chain, "is not a list such as"),
		   "refuses \"%s\"", bad[i]);
}

int main(void)
{
	test_good();
	test_bad();
	return done_testing();
}
