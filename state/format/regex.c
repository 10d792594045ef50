/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An expression becomes a program for a machine that is in many places at once (Thompson 1968): each
 * instruction takes a character or says where else to go on.
 */
#include "state/format/regex.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "state/base/mem.h"

#define PROGRAM_MAX 2000 /* instructions */
#define DEPTH_MAX   100	 /* of parentheses */

enum op { OP_SET, OP_BEGIN, OP_END, OP_SPLIT, OP_JUMP, OP_MATCH };

struct insn {
	enum op op;
	int x, y;	 /* SPLIT: both; JUMP: x */
	uint32_t set[8]; /* SET: the bytes that it takes */
};

struct regex {
	struct insn *v;
	int n;
};

/* --- Compiling -------------------------------------------------------------------------------- */

struct parser {
	const char *text, *p;
	struct regex *re;
	struct err *e;
	int depth;
};

static int fail(struct parser *s, const char *why)
{
	return err_set(s->e, EINVAL, "invalid regular expression \"%s\": %s", s->text, why);
}

/* Room for one more instruction at a place, which moves what is behind it; its number or -1. */
static int insert(struct parser *s, int at, enum op op)
{
	struct regex *re = s->re;

	if (re->n == PROGRAM_MAX)
		return fail(s, "it is too long");
	re->v = xrealloc(re->v, (size_t)(re->n + 1) * sizeof(*re->v));
	memmove(re->v + at + 1, re->v + at, (size_t)(re->n - at) * sizeof(*re->v));
	re->n++;
	for (int i = at + 1; i < re->n; i++) {
		re->v[i].x += re->v[i].x >= at && re->v[i].op >= OP_SPLIT;
		re->v[i].y += re->v[i].y >= at && re->v[i].op == OP_SPLIT;
	}
	memset(&re->v[at], 0, sizeof(re->v[at]));
	re->v[at].op = op;
	return at;
}

static int append(struct parser *s, enum op op)
{
	return insert(s, s->re->n, op);
}

static void take(struct insn *i, unsigned char from, unsigned char to)
{
	for (unsigned c = from; c <= to; c++)
		i->set[c / 32] |= 1U << c % 32;
}

/* What is between the brackets; s->p is behind the first. */
static int parse_set(struct parser *s)
{
	bool negated = *s->p == '^';
	const char *first = s->p += negated;
	int at = append(s, OP_SET);

	if (at < 0)
		return -1;
	for (; *s->p && (*s->p != ']' || s->p == first); s->p++) {
		unsigned char from = (unsigned char)*s->p, to = from;

		if (from == '[' && s->p[1] && strchr(":.=", s->p[1]))
			return fail(s, "classes like [:alpha:] are not known here");
		if (s->p[1] == '-' && s->p[2] && s->p[2] != ']') {
			to = (unsigned char)s->p[2];
			s->p += 2;
		}
		if (to < from)
			return fail(s, "a range ends before it begins");
		take(&s->re->v[at], from, to);
	}
	if (!*s->p)
		return fail(s, "a [ without its ]");
	s->p++;
	for (int i = 0; negated && i < 8; i++)
		s->re->v[at].set[i] = ~s->re->v[at].set[i];
	return 0;
}

static int parse_alternatives(struct parser *s);

static int parse_group(struct parser *s)
{
	if (++s->depth > DEPTH_MAX)
		return fail(s, "it is too deep");
	if (parse_alternatives(s) < 0)
		return -1;
	s->depth--;
	if (*s->p != ')')
		return fail(s, "a ( without its )");
	s->p++;
	return 0;
}

/* One character, set, group or end; s->p is at it. */
static int parse_atom(struct parser *s)
{
	unsigned char c = (unsigned char)*s->p++;
	bool any = c == '.';
	int at;

	switch (c) {
	case '(':
		return parse_group(s);
	case '[':
		return parse_set(s);
	case '^':
		return append(s, OP_BEGIN);
	case '$':
		return append(s, OP_END);
	case '*':
	case '+':
	case '?':
		return fail(s, "there is nothing to repeat");
	case '{':
		return fail(s, "bounds like {2,3} are not known here");
	case '\\':
		c = (unsigned char)*s->p++;
		if (!c || (c >= '0' && c <= '9'))
			return fail(s, "a \\ that means nothing here");
		break;
	default:
		break;
	}
	at = append(s, OP_SET);
	if (at < 0)
		return -1;
	take(&s->re->v[at], any ? 1 : c, any ? 255 : c);
	return 0;
}

/*
 * Before what was parsed from start on: a way into it, and one around it, to what comes next. ret_jump,
 * if not NULL: a jump at its end, whose number this is, to a place that the caller knows.
 */
static int branch(struct parser *s, int start, int *ret_jump)
{
	if (insert(s, start, OP_SPLIT) < 0)
		return -1;
	if (ret_jump && (*ret_jump = append(s, OP_JUMP)) < 0)
		return -1;
	s->re->v[start].x = start + 1;
	s->re->v[start].y = s->re->n;
	return 0;
}

/* What was parsed from start on, once or never, or again and again. */
static int repeat(struct parser *s, int start, char how)
{
	int at;

	if (how == '?')
		return branch(s, start, NULL);
	if (how == '*') {
		if (branch(s, start, &at) < 0)
			return -1;
		s->re->v[at].x = start;
		return 0;
	}
	at = append(s, OP_SPLIT);
	if (at < 0)
		return -1;
	s->re->v[at].x = start;
	s->re->v[at].y = at + 1;
	return 0;
}

static int parse_sequence(struct parser *s)
{
	while (*s->p && *s->p != '|' && *s->p != ')') {
		int start = s->re->n;

		if (parse_atom(s) < 0)
			return -1;
		for (; *s->p && strchr("*+?", *s->p); s->p++) {
			if (repeat(s, start, *s->p) < 0)
				return -1;
		}
	}
	return 0;
}

static int parse_alternatives(struct parser *s)
{
	int start = s->re->n, jump;

	if (parse_sequence(s) < 0)
		return -1;
	if (*s->p != '|')
		return 0;
	s->p++;
	if (branch(s, start, &jump) < 0 || parse_alternatives(s) < 0)
		return -1;
	s->re->v[jump].x = s->re->n;
	return 0;
}

struct regex *regex_compile(const char *text, struct err *e)
{
	struct regex *re = xzalloc(sizeof(*re));
	struct parser s = { .text = text, .p = text, .re = re, .e = e };

	if (parse_alternatives(&s) == 0 && (!*s.p || fail(&s, "a ) without its (") == 0) &&
	    append(&s, OP_MATCH) >= 0)
		return re;
	regex_free(re);
	return NULL;
}

void regex_free(struct regex *re)
{
	if (re)
		free(re->v);
	free(re);
}

/* --- Matching --------------------------------------------------------------------------------- */

struct machine {
	const struct regex *re;
	bool *here, *next; /* for each instruction: we are there */
	bool matched;
};

/* We are at an instruction: follow those that take no character. */
static void reach(struct machine *m, int at, bool begin, bool end)
{
	const struct insn *i = &m->re->v[at];

	if (m->here[at])
		return;
	m->here[at] = true;
	switch (i->op) {
	case OP_MATCH:
		m->matched = true;
		return;
	case OP_SPLIT:
		reach(m, i->x, begin, end);
		reach(m, i->y, begin, end);
		return;
	case OP_JUMP:
		reach(m, i->x, begin, end);
		return;
	case OP_BEGIN:
	case OP_END:
		if (i->op == OP_BEGIN ? begin : end)
			reach(m, at + 1, begin, end);
		return;
	case OP_SET:
		return;
	}
}

/* All places at once, one character further. */
static void step(struct machine *m, unsigned char c, bool end)
{
	bool *old = m->here;

	m->here = m->next;
	m->next = old;
	memset(m->here, 0, (size_t)m->re->n * sizeof(*m->here));
	for (int i = 0; i < m->re->n; i++) {
		if (old[i] && m->re->v[i].op == OP_SET && m->re->v[i].set[c / 32] >> c % 32 & 1)
			reach(m, i + 1, false, end);
	}
}

bool regex_matches(const struct regex *re, const char *text)
{
	auto_free bool *places = xzalloc(2 * (size_t)re->n * sizeof(*places));
	struct machine m = { .re = re, .here = places, .next = places + re->n };

	reach(&m, 0, true, !*text);
	for (const char *p = text; *p && !m.matched; p++) {
		step(&m, (unsigned char)*p, !p[1]);
		/* It may begin anywhere. */
		reach(&m, 0, false, !p[1]);
	}
	return m.matched;
}
