/* SPDX-License-Identifier: Apache-2.0 */
/* The option parser. Runs in hull; changes nothing but the struct that it fills. */
#include "cmd/line/options.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "state/spec/decode.h"
#include "state/base/mem.h"
#include "state/base/str.h"

const struct option_row *option_first(const struct option_row *rows)
{
	while (rows && !rows->name)
		rows = rows->more;
	return rows;
}

const struct option_row *option_next(const struct option_row *o)
{
	return option_first(o + 1);
}

/* The option that arg (without dashes, n bytes) names, or NULL. */
static const struct option_row *find(const struct option_row *rows, const char *arg, size_t n)
{
	for (const struct option_row *o = option_first(rows); o; o = option_next(o)) {
		if ((strlen(o->name) == n && !strncmp(o->name, arg, n)) ||
		    (o->alias && strlen(o->alias) == n && !strncmp(o->alias, arg, n)))
			return o;
	}
	return NULL;
}

static bool is_help(const char *arg, size_t n)
{
	return (n == 1 && *arg == 'h') || (n == 4 && !strncmp(arg, "help", 4));
}

/* The spellings of Go's strconv.ParseBool. */
static bool parse_bool(const char *s, bool *ret)
{
	static const char *const words[] = { "0", "f", "F", "false", "FALSE", "False",
					     "1", "t", "T", "true",  "TRUE",  "True" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (!strcmp(s, words[i])) {
			*ret = i >= ARRAY_SIZE(words) / 2;
			return true;
		}
	}
	return false;
}

/* As strconv.ParseInt with base 0: 10, 0x1f, 0b11, 0o17, 017. */
static const char *parse_int(const char *s, int *ret)
{
	bool negative = *s == '-';
	const char *digits = s + (*s == '-' || *s == '+');
	int base = 10;
	char *end;
	long long v;

	if (*digits == '0' && digits[1]) {
		bool letter = strchr("xXbBoO", digits[1]);

		base = strchr("xX", digits[1]) ? 16 : strchr("bB", digits[1]) ? 2 : 8;
		digits += letter ? 2 : 1;
	}
	if (strspn(digits, "0123456789abcdefABCDEF") != strlen(digits) || !*digits)
		return "parse error";
	errno = 0;
	v = strtoll(digits, &end, base);
	if (*end)
		return "parse error";
	if (errno || v > INT_MAX)
		return "value out of range";
	*ret = (int)(negative ? -v : v);
	return NULL;
}

/* As time.ParseDuration: numbers, perhaps with a fraction, each with its unit; or 0 alone. */
static const char *parse_duration(const char *s, struct opt_int *ret)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {
		{ "ns", 1 },   { "us", 1e3 }, { "\u00b5s", 1e3 }, { "\u03bcs", 1e3 },
		{ "ms", 1e6 }, { "s", 1e9 },  { "m", 60e9 },	  { "h", 3600e9 },
	};
	bool negative = *s == '-';
	double sum = 0;

	s += *s == '-' || *s == '+';
	ret->set = true;
	if (!strcmp(s, "0")) {
		ret->v = 0;
		return NULL;
	}
	do {
		size_t i = 0, unit;
		double v;
		size_t n = str_decimal(s, &v);

		unit = strcspn(s + n, "0123456789.");
		while (i < ARRAY_SIZE(units) &&
		       (strlen(units[i].name) != unit || strncmp(s + n, units[i].name, unit) != 0))
			i++;
		if (i == ARRAY_SIZE(units) || !n)
			return "parse error";
		sum += v * units[i].ns;
		s += n + unit;
	} while (*s);
	if (sum >= 9.2e18)
		return "parse error";
	ret->v = (int64_t)(negative ? -sum : sum);
	return NULL;
}

static void append(struct strings *list, const char *value)
{
	list->v = xrealloc(list->v, (list->n + 2) * sizeof(*list->v));
	list->v[list->n++] = value;
	list->v[list->n] = NULL;
}

/* name is as the user wrote it: the alias stays the alias in messages. */
static int set(const struct option_row *o, void *dst, const char *name, int n, const char *value,
	       struct err *e)
{
	void *p = (char *)dst + o->offset;
	const char *wrong;

	switch (o->kind) {
	case OPT_FLAG:
	case OPT_MAYBE:
		if (!parse_bool(value, o->kind == OPT_FLAG ? p : &((struct opt_bool *)p)->v))
			return err_set(e, EINVAL,
				       "invalid boolean value \"%s\" for -%.*s: parse error", value,
				       n, name);
		if (o->kind == OPT_MAYBE)
			((struct opt_bool *)p)->set = true;
		return 0;
	case OPT_STRING:
		*(const char **)p = value;
		return 0;
	case OPT_STRINGS:
		append(p, value);
		return 0;
	case OPT_INT:
	case OPT_DURATION:
		wrong = o->kind == OPT_INT ? parse_int(value, p) : parse_duration(value, p);
		return wrong ? err_set(e, EINVAL, "invalid value \"%s\" for flag -%.*s: %s", value,
				       n, name, wrong) :
			       0;
	}
	return 0;
}

/*
 * One option: (*argv)[0] and, where it takes a value, perhaps (*argv)[1]; *argv is moved on. Whatever
 * follows an option that needs a value is its value, as in Go.
 */
static int parse_one(struct parse *p, char ***argv, struct err *e)
{
	const char *arg = *(*argv)++, *name = arg + 1 + (arg[1] == '-');
	size_t n = strcspn(name, "=");
	const char *value = name[n] ? name + n + 1 : NULL;
	const struct option_row help = { "help", "h", OPT_FLAG, 0, NULL, NULL, 0, NULL };
	const struct option_row *o = find(p->rows, name, n);

	if (!n || *name == '-')
		return err_set(e, EINVAL, "bad flag syntax: %s", arg);
	if (!o && is_help(name, n))
		return set(&help, &p->help, name, (int)n, value ? value : "true", e);
	if (!o)
		return err_set(e, EINVAL, "flag provided but not defined: -%.*s", (int)n, name);
	if (!value && (o->kind == OPT_FLAG || o->kind == OPT_MAYBE))
		value = "true";
	if (!value)
		value = **argv ? *(*argv)++ : NULL;
	if (!value)
		return err_set(e, EINVAL, "flag needs an argument: -%.*s", (int)n, name);
	return set(o, p->dst, name, (int)n, value, e);
}

/* After the first argument only what names an option is one: "kill ID -9". */
static bool is_option(const struct parse *p, const char *arg)
{
	const char *name = arg + 1 + (arg[0] && arg[1] == '-');
	size_t n;

	if (arg[0] != '-' || !arg[1])
		return false;
	n = strcspn(name, "=");
	return p->n_args == 0 || find(p->rows, name, n) || is_help(name, n);
}

int options_parse(struct parse *p, char **argv, struct err *e)
{
	char **args = argv;

	p->n_args = 0;
	p->dashes_first = false;
	while (*argv) {
		if (!strcmp(*argv, "--")) {
			p->dashes_first = p->n_args == 0;
			argv++;
			break;
		}
		if (is_option(p, *argv)) {
			if (parse_one(p, &argv, e) < 0)
				return -1;
			continue;
		}
		if (p->stop_at_arg == p->n_args + 1)
			break;
		args[p->n_args++] = *argv++;
	}
	while (*argv)
		args[p->n_args++] = *argv++;
	args[p->n_args] = NULL;
	return 0;
}

static bool is_used(const struct option_row *o, const void *p)
{
	switch (o->kind) {
	case OPT_FLAG:
		return *(const bool *)p;
	case OPT_MAYBE:
		return ((const struct opt_bool *)p)->v;
	case OPT_STRING:
		return !str_empty(*(const char *const *)p);
	case OPT_STRINGS:
		return ((const struct strings *)p)->n > 0;
	case OPT_INT:
		return *(const int *)p != 0;
	case OPT_DURATION:
		return ((const struct opt_int *)p)->set;
	}
	return false;
}

int options_check_flag(const struct option_row *rows, const void *dst, unsigned flag,
		       const char *why, struct err *e)
{
	for (const struct option_row *o = option_first(rows); o; o = option_next(o)) {
		if ((o->flags & flag) && is_used(o, (const char *)dst + o->offset))
			return err_set(e, ENOTSUP, "--%s %s", o->name, why);
	}
	return 0;
}
