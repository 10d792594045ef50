/* SPDX-License-Identifier: Apache-2.0 */
/* Device rules: the lines for v1, and the program for v2 as a small interpreter runs it. */
#include "state/cgroup/cgroup_files.h"

#include <linux/bpf.h>
#include <stdlib.h>

#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/str.h"
#include "state/base/tap.h"

#define R BPF_DEVCG_ACC_READ
#define W BPF_DEVCG_ACC_WRITE
#define M BPF_DEVCG_ACC_MKNOD

/* Only the instructions that device_program emits. -1: something else, a wild jump, or no end. */
static int64_t run(const struct device_program *p, const uint32_t ctx[3])
{
	uint64_t r[11] = { 0 };

	for (size_t pc = 0; pc < p->n; pc++) {
		const struct bpf_insn *i = &p->insns[pc];
		uint64_t *dst = &r[i->dst_reg], imm = (uint64_t)(int64_t)i->imm;

		switch (i->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			*dst = ctx[i->off / 4];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			*dst = r[i->src_reg];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			*dst = imm;
			break;
		case BPF_ALU64 | BPF_AND | BPF_K:
			*dst &= imm;
			break;
		case BPF_ALU64 | BPF_OR | BPF_X:
			*dst |= r[i->src_reg];
			break;
		case BPF_ALU64 | BPF_LSH | BPF_K:
			*dst <<= imm;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			*dst >>= imm;
			break;
		case BPF_ALU64 | BPF_ARSH | BPF_K:
			*dst = (uint64_t)((int64_t)*dst >> imm);
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			pc += *dst & imm ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			pc += *dst != imm ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			pc += *dst == imm ? (size_t)i->off : 0;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int64_t)r[0];
		default:
			return -1;
		}
	}
	return -1;
}

/* The verifiers before Linux 5.3: forward jumps inside the program, and nothing that is not reached. */
static bool well_formed(const struct device_program *p)
{
	auto_free bool *reached = xzalloc(p->n + 1);

	reached[0] = true;
	for (size_t pc = 0; pc < p->n; pc++) {
		uint8_t op = p->insns[pc].code;
		bool jump = (op & 7) == BPF_JMP && op != (BPF_JMP | BPF_EXIT);

		if (!reached[pc] ||
		    (jump && (p->insns[pc].off < 0 || pc + 1 + (size_t)p->insns[pc].off >= p->n)))
			return false;
		if (jump)
			reached[pc + 1 + (size_t)p->insns[pc].off] = true;
		if (op != (BPF_JMP | BPF_EXIT))
			reached[pc + 1] = true;
	}
	return !reached[p->n];
}

static struct spec_device_rule rule(bool allow, int type, int64_t major, int64_t minor,
				    const char *access)
{
	return (struct spec_device_rule){
		allow, type, { major >= 0, major }, { minor >= 0, minor }, xstrdup(access)
	};
}

static bool may(const struct device_program *p, char type, uint32_t major, uint32_t minor,
		uint32_t access)
{
	uint32_t t = type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR;

	return run(p, (uint32_t[3]){ access << 16 | t, major, minor }) == 1;
}

#define DENY_ALL  rule(false, 'a', -1, -1, "rwm")
#define ALLOW_ALL rule(true, 'a', -1, -1, "rwm")

static void test_default(void)
{
	struct spec_device_rule rules[] = { DENY_ALL };
	struct device_program p;

	device_program(rules, 1, &p);
	ok(well_formed(&p) && !p.allows_all, "deny all: a program that old verifiers take (%zu)",
	   p.n);
	ok(may(&p, 'c', 1, 3, R | W), "null may be read and written");
	ok(may(&p, 'c', 136, 5, R | W), "a terminal, too");
	ok(may(&p, 'c', 8, 0, M) && may(&p, 'b', 8, 0, M), "every node may be made");
	ok(!may(&p, 'b', 8, 0, R), "a disk may not be read");
	ok(!may(&p, 'b', 8, 0, R | M), "nor made and read at once");
	ok(!may(&p, 'b', 1, 3, R), "null's numbers as a block device are not null");
	free(p.insns);
}

static void test_order(void)
{
	struct spec_device_rule rules[] = {
		rule(true, 'c', 9, 9, "rwm"),  DENY_ALL,
		rule(true, 'c', 10, -1, "rw"), rule(false, 'c', 10, 7, "w"),
		rule(true, 'b', -1, 4, "r"),   rule(true, 'b', 7, 4, "w"),
		rule(true, 'a', 200, 1, "rw"),
	};
	struct device_program p;

	device_program(rules, ARRAY_SIZE(rules), &p);
	ok(well_formed(&p), "well formed");
	ok(!may(&p, 'c', 9, 9, R), "what comes before \"all\" is void");
	ok(may(&p, 'c', 10, 1, R | W), "a group of devices");
	ok(may(&p, 'c', 10, 7, R), "a later rule takes one right only");
	ok(!may(&p, 'c', 10, 7, W) && !may(&p, 'c', 10, 7, R | W),
	   "and takes it in every combination");
	ok(may(&p, 'c', 10, 7, R | M), "making comes from the defaults");
	ok(may(&p, 'b', 3, 4, R) && !may(&p, 'b', 3, 4, W), "a minor of any major");
	ok(may(&p, 'b', 7, 4, R | W), "rights from two rules add up");
	ok(!may(&p, 'b', 3, 4, R | W) && !may(&p, 'b', 7, 5, R), "and not elsewhere");
	ok(may(&p, 'b', 200, 1, R) && may(&p, 'c', 200, 1, W) && !may(&p, 'c', 200, 2, R),
	   "type a with numbers");
	free(p.insns);
}

static void test_allow(void)
{
	struct spec_device_rule rules[] = { DENY_ALL, ALLOW_ALL, rule(false, 'c', 1, 8, "rw"),
					    rule(false, 'b', 8, -1, "w") };
	struct device_program p;

	device_program(rules, 2, &p);
	ok(p.allows_all && well_formed(&p), "deny all, allow all: no program is needed");
	free(p.insns);
	device_program(rules, 4, &p);
	ok(!p.allows_all && well_formed(&p), "allow all but a disk");
	ok(may(&p, 'b', 8, 1, R) && !may(&p, 'b', 8, 1, R | W) && may(&p, 'b', 9, 1, W),
	   "and only it is denied");
	ok(may(&p, 'c', 1, 8, R | W), "the default devices are always allowed");
	free(p.insns);
	device_program((struct spec_device_rule[]){ DENY_ALL,
						    rule(true, 'c', 4095, 1048575, "rw") },
		       2, &p);
	ok(may(&p, 'c', 4095, 1048575, R | W) && !may(&p, 'c', 4095, 1, R) &&
		   !may(&p, 'c', 2047, 1048575, R),
	   "the largest numbers");
	free(p.insns);
	device_program((struct spec_device_rule[]){ DENY_ALL, rule(true, 'c', 4294967295, 1, "r") },
		       2, &p);
	ok(well_formed(&p) && !may(&p, 'c', 4294967295, 1, R),
	   "a number that no device has matches nothing");
	free(p.insns);
}

/* Any rules: the program must be well formed, and agree with a plain reading of the rules. */
static bool plain(const struct spec_device_rule *v, size_t n, char type, uint32_t major,
		  uint32_t minor, uint32_t access)
{
	static const uint32_t defaults[][2] = { { 1, 3 }, { 1, 8 }, { 1, 7 }, { 5, 0 },
						{ 1, 5 }, { 1, 9 }, { 5, 2 }, { 10, 200 } };
	bool device = type == 'c' && major == 136;

	for (size_t i = 0; type == 'c' && i < ARRAY_SIZE(defaults); i++)
		device |= defaults[i][0] == major && defaults[i][1] == minor;
	for (uint32_t bit = 1; bit <= 4; bit <<= 1) {
		bool allowed = false;

		for (size_t i = 0; i < n; i++) {
			if ((v[i].type == 'a' || v[i].type == type) &&
			    (!v[i].major.set || v[i].major.v == major) &&
			    (!v[i].minor.set || v[i].minor.v == minor) &&
			    strchr(v[i].access, bit == R ? 'r' :
						bit == W ? 'w' :
							   'm'))
				allowed = v[i].allow;
		}
		if ((access & bit) && !allowed && !device && bit != M)
			return false;
	}
	return true;
}

static void test_random(void)
{
	static const char *const rights[] = { "r", "w", "m", "rw", "rm", "wm", "rwm" };
	uint32_t seed = 7;
	int bad = 0;

	for (int round = 0; round < 2000; round++) {
		struct spec_device_rule v[12];
		struct device_program p;
		size_t n = 1 + (size_t)round % 12;

		for (size_t i = 0; i < n; i++) {
			seed = seed * 1103515245 + 12345;
			v[i] = (struct spec_device_rule){
				seed >> 30 & 1,
				"abc" [(seed >> 8) % 3],
				{ seed >> 12 & 1, seed >> 13 & 1 },
				{ seed >> 16 & 1, 3 + (seed >> 17 & 1) },
				(char *)(uintptr_t)rights[(seed >> 20) % 7]
			};
		}
		device_program(v, n, &p);
		bad += !well_formed(&p);
		for (uint32_t k = 0; k < 2 * 3 * 3 * 8; k++) {
			uint32_t major = k / 2 % 3, minor = 3 + k / 6 % 3, access = k / 18;
			char type = "bc"[k % 2];

			/* Without a right asked for, no answer is wrong. */
			if (access && may(&p, type, major, minor, access) !=
					      plain(v, n, type, major, minor, access))
				bad++;
		}
		free(p.insns);
	}
	ok(bad == 0, "2000 random lists: every question is answered as the rules say (%d wrong)",
	   bad);
}

static void lines(const char *what, const struct spec_device_rule *v, size_t n, const char *wanted)
{
	struct device_lines l = { 0 };
	auto_str struct str got = { 0 };
	struct err e = { 0 };

	if (device_lines(v, n, &l, &e) < 0) {
		is(e.chain, wanted, what);
		return;
	}
	str_add(&got, l.default_allow ? "allow" : "deny");
	for (size_t i = 0; i < l.n; i++)
		str_addf(&got, ", %s", l.v[i]);
	is(got.s, wanted, what);
	device_lines_done(&l);
}

#define DEFAULT_LINES                                                                                       \
	"c *:* m, b *:* m, c 1:3 rwm, c 1:8 rwm, c 1:7 rwm, c 5:0 rwm, c 1:5 rwm, c 1:9 rwm, c 136:* rwm, " \
	"c 5:2 rwm, c 10:200 rwm"
#define LINES(what, wanted, ...)                                   \
	lines(what, (struct spec_device_rule[]){ __VA_ARGS__ },    \
	      sizeof((struct spec_device_rule[]){ __VA_ARGS__ }) / \
		      sizeof(struct spec_device_rule),             \
	      wanted)

static void test_lines(void)
{
	LINES("v1: deny all", "deny, " DEFAULT_LINES, DENY_ALL);
	LINES("v1: allow all", "allow", ALLOW_ALL);
	LINES("v1: rules of one device become one line", "deny, c 10:229 rw, " DEFAULT_LINES,
	      DENY_ALL, rule(true, 'c', 10, 229, "r"), rule(true, 'c', 10, 229, "w"));
	LINES("v1: allowed and denied again", "deny, " DEFAULT_LINES, DENY_ALL,
	      rule(true, 'c', 10, 229, "rw"), rule(false, 'c', 10, -1, "rwm"));
	LINES("v1: type a with numbers is two lines", "deny, b 8:0 r, c 8:0 r, " DEFAULT_LINES,
	      DENY_ALL, rule(true, 'a', 8, 0, "r"));
	LINES("v1: allow all but one", "allow, b 8:* rw", ALLOW_ALL,
	      rule(false, 'b', 8, -1, "rwm"));
	LINES("v1: a hole in a group",
	      "cgroup v1 cannot make an exception for device 10:7 to a rule for a group of devices",
	      DENY_ALL, rule(true, 'c', 10, -1, "rw"), rule(false, 'c', 10, 7, "w"));
}

int main(void)
{
	test_default();
	test_order();
	test_allow();
	test_random();
	test_lines();
	return done_testing();
}
