/* SPDX-License-Identifier: Apache-2.0 */
#include "init/mount/mount_idmap.h"
#include "state/base/tap.h"

#include <string.h>

static struct err e;

static bool parses(const char *spec, const char *own, const char *uids, const char *gids)
{
	auto_str struct str u = { 0 }, g = { 0 };
	int r = mount_idmap_parse(spec, own, own, &u, &g, &e);

	if (r == 0 && (strcmp(str_get(&u), uids) || strcmp(str_get(&g), gids)))
		printf("# %s: uids %s gids %s\n", spec, str_get(&u), str_get(&g));
	return r == 0 && !strcmp(str_get(&u), uids) && !strcmp(str_get(&g), gids);
}

static bool fails(const char *spec, const char *own, const char *words)
{
	auto_str struct str u = { 0 }, g = { 0 };

	e.chain[0] = '\0';
	return mount_idmap_parse(spec, own, own, &u, &g, &e) < 0 && strstr(e.chain, words);
}

int main(void)
{
	const char own[] = "         0     100000         10\n        10       5000         10\n";
	struct spec_id_map lines[] = {
		{ { true, 100 }, { true, 1000 }, { true, 3 } },
		{ { true, 200 }, { true, 2000 }, { true, 1 } },
	};
	struct spec_id_maps maps = { 2, lines };
	auto_str struct str text = { 0 };

	mount_idmap_text(&maps, &text);
	ok(!strcmp(text.s, "100 1000 3\n200 2000 1\n"), "mappings are lines");
	ok(parses("uids=0-1-10#10-11-10;gids=0-100-10", NULL, "0 1 10\n10 11 10\n", "0 100 10\n"),
	   "crun's ranges");
	ok(parses("gids=0-0-1;uids=5-6-7", NULL, "5 6 7\n", "0 0 1\n"), "in any order");
	ok(parses("uids=@1-3-5;gids=0-1-1", own, "1 100003 5\n", "0 1 1\n"),
	   "relative to the user namespace");
	ok(parses("uids=@7-8-4;gids=@0-12-1#1-2-1", own, "7 100008 2\n9 5000 2\n",
		  "0 5002 1\n1 2 1\n"),
	   "over two lines of its map");
	ok(fails("uids=0-1-10", NULL, "both uid and gid"), "one kind alone: %s", e.chain);
	ok(fails("", NULL, "both"), "nothing");
	ok(fails("users=0-1-1", NULL, "neither uids= nor gids="), "another word: %s", e.chain);
	ok(fails("uids=0-1;gids=0-1-1", NULL, "not a range"), "two numbers: %s", e.chain);
	ok(fails("uids=0-1-1-1;gids=0-1-1", NULL, "not a range"), "four numbers");
	ok(fails("uids=;gids=0-1-1", NULL, "not a range"), "no number");
	ok(fails("uids=0--1-1;gids=0-1-1", NULL, "not a range"), "a doubled dash");
	ok(fails("uids=0-1-0;gids=0-1-1", NULL, "not a range"), "no length");
	ok(fails("uids=0-4294967290-6;gids=0-1-1", NULL, "beyond"), "too far: %s", e.chain);
	ok(fails("uids=99999999999-1-1;gids=0-1-1", NULL, "not a range"), "too many digits");
	ok(fails("uids=@0-0-1;gids=0-1-1", NULL, "none of its own"), "relative to nothing: %s",
	   e.chain);
	ok(fails("uids=@0-15-6;gids=0-1-1", own, "20 has no mapping"), "unmapped: %s", e.chain);
	return done_testing();
}
