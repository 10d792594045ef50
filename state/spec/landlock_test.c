/* SPDX-License-Identifier: Apache-2.0 */
#include "state/base/tap.h"

#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>

#include "state/base/mem.h"
#include "state/base/sys.h"
#include "state/spec/landlock.h"

static const struct {
	const char *key, *value, *error; /* NULL: it is right */
} values[] = {
	{ "read", "/etc:/usr/lib", NULL },
	{ "read", "", NULL },
	{ "read", "-/maybe:/etc", NULL },
	{ "read", "etc", "\"etc\" is not a list of absolute paths with \":\" between them" },
	{ "read", "/etc::/usr",
	  "\"/etc::/usr\" is not a list of absolute paths with \":\" between them" },
	{ "write", "--/etc", "\"--/etc\" is not a list of absolute paths with \":\" between them" },
	{ "execute", "/", NULL },
	{ "bind", "", NULL },
	{ "bind", "0", NULL },
	{ "bind", "80,8000-8010,65535", NULL },
	{ "bind", "65536",
	  "\"65536\" is not a list such as 80,8000-8010 of ports from 0 to 65535" },
	{ "bind", "80,", "\"80,\" is not a list such as 80,8000-8010 of ports from 0 to 65535" },
	{ "bind", "9-8", "\"9-8\" is not a list such as 80,8000-8010 of ports from 0 to 65535" },
	{ "bind", "-8", "\"-8\" is not a list such as 80,8000-8010 of ports from 0 to 65535" },
	{ "bind", "8-", "\"8-\" is not a list such as 80,8000-8010 of ports from 0 to 65535" },
	{ "connect", " 8", "\" 8\" is not a list such as 80,8000-8010 of ports from 0 to 65535" },
	{ "connect", "99999999999999999999",
	  "\"99999999999999999999\" is not a list such as 80,8000-8010 of ports from 0 to 65535" },
	{ "connect", "1-4096", NULL },
	{ "connect", "1-4097", "\"1-4097\" is more than 4096 ports" },
	{ "connect", "0-65535,0-65535", "\"0-65535,0-65535\" is more than 4096 ports" },
	{ "scope", "signal,abstract-unix-socket", NULL },
	{ "scope", "signals", "\"signals\" is not a list of abstract-unix-socket and signal" },
	{ "scope", "signal,,signal",
	  "\"signal,,signal\" is not a list of abstract-unix-socket and signal" },
	{ "best-effort", "true", NULL },
	{ "best-effort", "yes", "\"yes\" is not true or false" },
	{ "exec", "/",
	  "there is no such annotation: those of Landlock are read, execute, write, bind, connect, scope and best-effort" },
};

static void test_values(void)
{
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		auto_free char *key = xasprintf(LANDLOCK_PREFIX "%s", values[i].key);
		int r = landlock_check(key, values[i].value, &e);

		ok(r == (values[i].error ? -1 : 0), "%s: \"%s\"", key, values[i].value);
		if (r < 0)
			is(e.chain, values[i].error ? values[i].error : "nothing",
			   "and what is wrong");
	}
}

#define ENTRY(key, value)                                            \
	{                                                            \
		(char *)(uintptr_t)(key), (char *)(uintptr_t)(value) \
	}

static void read_all(struct map_entry *entries, size_t n, struct landlock *l)
{
	struct spec s = { .annotations = { .v = entries, .n = n } };
	struct err e;

	ok(landlock_read(&s, l, &e) == 0, "they are read");
}

static void test_rules(void)
{
	struct map_entry files[] = { ENTRY(LANDLOCK_PREFIX "read", "/a:-/b"),
				     ENTRY("org.other", "x"),
				     ENTRY(LANDLOCK_PREFIX "write", "/c") };
	struct map_entry net[] = { ENTRY(LANDLOCK_PREFIX "bind", "80-81"),
				   ENTRY(LANDLOCK_PREFIX "scope", "signal") };
	struct landlock l;
	const char *what;

	read_all(files, ARRAY_SIZE(files), &l);
	ok(l.n == 3 && !l.net && !l.scoped && l.fs == landlock_fs_of(SYS_LANDLOCK_ABI_MAX),
	   "files are given up, and nothing else");
	is(l.rules[1].path, "/b", "the path without its -");
	ok(l.rules[1].optional && !l.rules[0].optional, "which may be missing");
	ok(!(l.rules[0].access & LANDLOCK_ACCESS_FS_WRITE_FILE) &&
		   (l.rules[2].access & LANDLOCK_ACCESS_FS_WRITE_FILE),
	   "read is not write");
	ok(!(l.rules[2].access & LANDLOCK_ACCESS_FS_EXECUTE), "write is not execute");
	ok(landlock_needs(&l, &what) == 3, "truncate is of version 3");
	landlock_done(&l);
	read_all(net, ARRAY_SIZE(net), &l);
	ok(!l.fs && l.n == 1 && l.rules[0].first == 80 && l.rules[0].last == 81, "ports");
	ok(landlock_needs(&l, &what) == 6, "a scope is of version 6");
	landlock_done(&l);
	read_all(NULL, 0, &l);
	ok(!l.n && landlock_needs(&l, &what) == 0, "without annotations there is nothing to do");
}

static void test_versions(void)
{
	ok(landlock_fs_of(0) == 0, "no Landlock");
	ok(landlock_fs_of(1) == 0x1fff, "version 1");
	ok(landlock_fs_of(2) == 0x3fff, "version 2 has REFER");
	ok(landlock_fs_of(4) == 0x7fff, "version 3 has TRUNCATE");
	ok(landlock_fs_of(5) == 0xffff && landlock_fs_of(9) == 0xffff, "version 5 has IOCTL_DEV");
}

int main(void)
{
	test_values();
	test_rules();
	test_versions();
	return done_testing();
}
