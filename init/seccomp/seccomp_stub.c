/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The instructions around libseccomp's programs. Runs in hull, makes no system call.
 *
 * A C library tries a new system call first and the old one when the answer is ENOSYS, so the
 * EPERM that a profile's default action gives for a call it was written too early to list breaks
 * programs (runc issue 2151). As in runc, numbers above the highest that the profile names are
 * taken for such calls.
 *
 * Each architecture has a section that begins with tests for it, is jumped over when it is another,
 * and ends with libseccomp's program for it alone: the time that the library takes grows with the
 * square of what is in one program. An architecture without a section is killed. Long jumps are BPF_JA, since conditional ones reach 255 instructions at most.
 */
#include "init/seccomp/seccomp_stub.h"

#include "state/base/mem.h"

#include <endian.h>
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>

#define ENOSYS_ACTION (SECCOMP_RET_ERRNO | ENOSYS)

/* A jump out of the comparisons of a rule, whose end is not known yet. No real jump is so long. */
#define FAIL 255

void stub_done(struct stub *s)
{
	free(s->rules);
	free(s->insns);
	s->rules = NULL;
	s->insns = NULL;
}

void stub_add_rule(struct stub *s, const struct stub_rule *rule)
{
	s->rules = xrealloc(s->rules, (s->n_rules + 1) * sizeof(*rule));
	s->rules[s->n_rules++] = *rule;
}

/* Returns the instruction's place. */
static size_t emit(struct stub *s, uint16_t code, uint32_t k, uint8_t jt, uint8_t jf)
{
	if (s->n_insns % 64 == 0)
		s->insns = xrealloc(s->insns, (s->n_insns + 64) * sizeof(*s->insns));
	s->insns[s->n_insns] = (struct sock_filter){ .code = code, .jt = jt, .jf = jf, .k = k };
	return s->n_insns++;
}

static void load(struct stub *s, size_t offset)
{
	emit(s, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void jump(struct stub *s, uint16_t cond, uint32_t k, uint8_t jt, uint8_t jf)
{
	emit(s, BPF_JMP | BPF_K | cond, k, jt, jf);
}

static void ret(struct stub *s, uint32_t action)
{
	emit(s, BPF_RET | BPF_K, action, 0, 0);
}

/* A long jump to where land() is called with its result. */
static size_t skip(struct stub *s)
{
	return emit(s, BPF_JMP | BPF_JA, 0, 0, 0);
}

static void land(struct stub *s, size_t from)
{
	s->insns[from].k = (uint32_t)(s->n_insns - from - 1);
}

/* --- comparisons of arguments: 64 bits, of which the machine of BPF loads half at a time --- */

static void load_half(struct stub *s, uint64_t arg, bool high)
{
	size_t at = offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t);

	load(s, at + (high == (__BYTE_ORDER == __LITTLE_ENDIAN) ? 4 : 0));
}

static void compare_equal(struct stub *s, uint64_t arg, uint64_t mask, uint64_t value, bool negate)
{
	for (int high = 1; high >= 0; high--) {
		load_half(s, arg, high);
		if (mask != UINT64_MAX)
			emit(s, BPF_ALU | BPF_AND | BPF_K, (uint32_t)(mask >> 32 * high), 0, 0);
		if (!negate)
			jump(s, BPF_JEQ, (uint32_t)(value >> 32 * high), 0, FAIL);
		else if (high) /* another upper half is enough: over the lower one */
			jump(s, BPF_JEQ, (uint32_t)(value >> 32), 0, 2);
		else
			jump(s, BPF_JEQ, (uint32_t)value, FAIL, 0);
	}
}

static void compare_order(struct stub *s, uint64_t arg, uint16_t jump_low, uint64_t value,
			  bool negate)
{
	uint32_t high = (uint32_t)(value >> 32);

	/* Upper halves that differ decide; either way it is three instructions to what follows. */
	load_half(s, arg, true);
	jump(s, BPF_JGT, high, negate ? FAIL : 3, 0);
	jump(s, BPF_JEQ, high, 0, negate ? 2 : FAIL);
	load_half(s, arg, false);
	jump(s, jump_low, (uint32_t)value, negate ? FAIL : 0, negate ? 0 : FAIL);
}

/* What is done with the lower half; "less" is "not greater or equal". */
static const struct {
	uint16_t jump;
	bool negate;
} ops[] = {
	[SC_OP_NE] = { BPF_JEQ, true },		[SC_OP_LT] = { BPF_JGE, true },
	[SC_OP_LE] = { BPF_JGT, true },		[SC_OP_EQ] = { BPF_JEQ, false },
	[SC_OP_GE] = { BPF_JGE, false },	[SC_OP_GT] = { BPF_JGT, false },
	[SC_OP_MASKED_EQ] = { BPF_JEQ, false },
};

static void compare(struct stub *s, const struct spec_syscall_arg *arg)
{
	bool negate = ops[arg->op].negate;

	if (arg->op == SC_OP_MASKED_EQ) /* libseccomp drops bits that the mask lacks, too */
		compare_equal(s, arg->index.v, arg->value.v, arg->value_two.v & arg->value.v,
			      negate);
	else if (ops[arg->op].jump == BPF_JEQ)
		compare_equal(s, arg->index.v, UINT64_MAX, arg->value.v, negate);
	else
		compare_order(s, arg->index.v, ops[arg->op].jump, arg->value.v, negate);
}

static void emit_rule(struct stub *s, const struct stub_rule *rule)
{
	size_t start = s->n_insns;

	for (size_t i = 0; i < rule->n_args; i++)
		compare(s, &rule->args[i]);
	ret(s, rule->action);
	for (size_t i = start; i < s->n_insns; i++) {
		struct sock_filter *f = &s->insns[i];
		uint8_t out = (uint8_t)(s->n_insns - i - 1);

		f->jt = f->jt == FAIL ? out : f->jt;
		f->jf = f->jf == FAIL ? out : f->jf;
	}
}

/* --- sections --- */

/* As in libseccomp, a rule without arguments wins over those with them, and the first over others. */
static const struct stub_rule *unconditional(const struct stub *s, uint32_t nr)
{
	for (size_t i = 0; i < s->n_rules; i++) {
		if (s->rules[i].nr == nr && !s->rules[i].n_args)
			return &s->rules[i];
	}
	return NULL;
}

/* All rules of the system call that rules[first] is for, when that is its first. */
static void emit_call(struct stub *s, size_t first, uint32_t base)
{
	uint32_t nr = s->rules[first].nr;
	const struct stub_rule *always = unconditional(s, nr);
	size_t next;

	for (size_t i = 0; i < first; i++) {
		if (s->rules[i].nr == nr)
			return;
	}
	jump(s, BPF_JEQ, base + nr, 1, 0);
	next = skip(s);
	for (size_t i = first; i < s->n_rules && !always; i++) {
		if (s->rules[i].nr == nr)
			emit_rule(s, &s->rules[i]);
	}
	ret(s, always ? always->action : s->default_action);
	land(s, next);
}

static void emit_enosys(struct stub *s, const struct stub_abi *sa)
{
	if (sa->abi->multiplex) {
		jump(s, BPF_JEQ, 0, 0, 1);
		ret(s, ENOSYS_ACTION);
	}
	if (sa->abi->private_nr)
		jump(s, BPF_JGE, sa->abi->private_nr, 2, 0);
	jump(s, BPF_JGT, sa->max_nr, 0, 1);
	ret(s, ENOSYS_ACTION);
}

static void emit_abi(struct stub *s, const struct stub_abi *sa)
{
	const struct seccomp_abi *abi = sa->abi;
	size_t to_end[2], n = 0;

	load(s, offsetof(struct seccomp_data, arch));
	jump(s, BPF_JEQ, abi->audit, 1, 0);
	to_end[n++] = skip(s);
	load(s, offsetof(struct seccomp_data, nr));
	/* -1 is what a tracer has made of a call that is to be left out: no call of x32. */
	if (abi->bit_clear)
		jump(s, BPF_JEQ, UINT32_MAX, 2, 0);
	if (abi->bit_set || abi->bit_clear) {
		jump(s, BPF_JSET, abi->bit_set | abi->bit_clear, abi->bit_set ? 1 : 0,
		     abi->bit_set ? 0 : 1);
		to_end[n++] = skip(s);
	}
	for (size_t i = 0; i < s->n_rules; i++)
		emit_call(s, i, abi->base);
	if (sa->max_nr)
		emit_enosys(s, sa);
	for (size_t i = 0; i < sa->n_insns; i++)
		emit(s, sa->insns[i].code, sa->insns[i].k, sa->insns[i].jt, sa->insns[i].jf);
	while (n)
		land(s, to_end[--n]);
}

void stub_make(struct stub *s)
{
	for (size_t i = 0; i < s->n_abis; i++)
		emit_abi(s, &s->abis[i]);
	ret(s, SECCOMP_RET_KILL_THREAD); /* as libseccomp's SCMP_FLTATR_ACT_BADARCH */
}
