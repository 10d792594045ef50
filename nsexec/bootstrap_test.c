/* SPDX-License-Identifier: Apache-2.0 */
#include "nsexec/bootstrap.h"
#include "state/base/mem.h"
#include "state/base/sys.h"
#include "state/base/tap.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>

static const struct bootstrap full = {
	.plan = { .stages = PLAN_TWO,
		  .n = 2,
		  .steps = { { PLAN_UNSHARE, CLONE_NEWNS, -1 }, { PLAN_JOIN, CLONE_NEWNET, 12 } } },
	.uid_map = "0 1000 1\n",
	.gid_map = "0 1000 1\n1 100000 65536\n",
	.newuidmap = "/usr/bin/newuidmap",
	.oom_score_adj = "-5",
	.time_offsets = "monotonic 1 0\n",
	.deny_setgroups = true,
	.arena_fd = 11,
};

static void round_trip(void)
{
	auto_str struct str s = { 0 };
	struct bootstrap b = { 0 };
	struct err e = { 0 };

	ok(bootstrap_encode(&full, &s, &e) == 0, "encode: %s", e.chain);
	ok(bootstrap_decode(s.s, s.n, &b, &e) == 0, "decode: %s", e.chain);
	ok(b.plan.stages == PLAN_TWO && b.plan.n == 2 &&
		   !memcmp(b.plan.steps, full.plan.steps, sizeof(b.plan.steps)),
	   "the plan survives");
	ok(!strcmp(b.uid_map, full.uid_map) && !strcmp(b.gid_map, full.gid_map),
	   "the maps survive");
	ok(!strcmp(b.newuidmap, full.newuidmap) && !b.newgidmap, "an absent string stays absent");
	ok(b.deny_setgroups && !b.debug && b.arena_fd == 11, "flags and descriptor survive");
}

/* Every cut and every flipped byte is either refused or still a well-formed message. */
static void damaged(void)
{
	auto_str struct str s = { 0 };
	struct bootstrap b;
	struct err e = { 0 };
	size_t refused = 0;

	ok(bootstrap_encode(&full, &s, &e) == 0, "encode");
	for (size_t n = 0; n < s.n; n++) {
		char *cut = malloc(n ? n : 1); /* of exact size, for the sanitizer */

		memcpy(cut, s.s, n);
		refused += bootstrap_decode(cut, n, &b, &e) < 0;
		free(cut);
	}
	ok(refused == s.n, "%zu of %zu cuts are refused", refused, s.n);
	for (size_t i = 0; i < s.n; i++) {
		s.s[i] ^= 0x55;
		e.chain[0] = '\0';
		if (bootstrap_decode(s.s, s.n, &b, &e) < 0 && !e.chain[0])
			ok(false, "byte %zu: refused without a word", i);
		s.s[i] ^= 0x55;
	}
	ok(true, "no flipped byte crashes the decoder");
}

/* CVE-2021-43784: a length that wraps around 16 bits. */
static void too_long(void)
{
	char *map = malloc(70000);
	struct bootstrap b = { .plan.stages = PLAN_ONE, .gid_map = map };
	auto_str struct str s = { 0 };
	struct err e = { 0 };

	memset(map, '1', 69999);
	map[69999] = '\0';
	ok(bootstrap_encode(&b, &s, &e) < 0 && e.code == EMSGSIZE, "a map of 70000 bytes: %s",
	   e.chain);
	free(map);
}

static void repeated(void)
{
	struct {
		struct nlmsghdr h;
		struct nlattr a;
		char x[4];
		struct nlattr b;
		char y[4];
	} m = { { sizeof(m), 0x4855, 0, 0, 0 }, { 8, 2 }, "a", { 8, 2 }, "b" };
	struct bootstrap b;
	struct err e = { 0 };

	ok(bootstrap_decode((char *)&m, sizeof(m), &b, &e) < 0 && strstr(e.chain, "repeated"),
	   "repeated: %s", e.chain);
	m.b.nla_type = 99;
	ok(bootstrap_decode((char *)&m, sizeof(m), &b, &e) < 0 && strstr(e.chain, "unknown"),
	   "unknown: %s", e.chain);
}

static void pids(void)
{
	struct bootstrap_pids p = { 1234, 4194304 }, q = { 0, 0 };
	char buf[BOOTSTRAP_PIDS_SIZE];
	struct err e = { 0 };

	bootstrap_encode_pids(&p, buf);
	ok(bootstrap_decode_pids(buf, sizeof(buf), &q, &e) == 0 && q.child == 1234 &&
		   q.init == 4194304,
	   "PIDs survive");
	ok(bootstrap_decode_pids(buf, sizeof(buf) - 1, &q, &e) < 0, "a cut report is refused");
	p.init = -1;
	bootstrap_encode_pids(&p, buf);
	ok(bootstrap_decode_pids(buf, sizeof(buf), &q, &e) < 0, "a negative PID is refused: %s",
	   e.chain);
}

int main(void)
{
	round_trip();
	damaged();
	too_long();
	repeated();
	pids();
	return done_testing();
}
