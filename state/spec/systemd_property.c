/* SPDX-License-Identifier: Apache-2.0 */
/*
 * systemd properties in annotations: the list of those that are allowed, and a reader of GVariant
 * text for the types that they have. Pure. A number that is out of the type's range, a text with
 * something after it and a type other than the property's are errors.
 */
#include "state/spec/systemd_property.h"

#include "state/spec/decode.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/*
 * What an engine has a use for and what concerns this unit alone: how it is stopped and collected,
 * its place in the order of start, its resources. Not those that hull sets itself from
 * linux.resources by other means (Delegate, Slice, DeviceAllow, PIDs, Description).
 */
/* clang-format off: a table. */
static const struct {
	const char *name;
	char type;
} allowed[] = {
	{ "After", 'a' },
	{ "Before", 'a' },
	{ "CPUAccounting", 'b' },
	{ "CPUQuotaPerSecUSec", 't' },
	{ "CPUQuotaPeriodUSec", 't' },
	{ "CPUWeight", 't' },
	{ "CollectMode", 's' },
	{ "DefaultDependencies", 'b' },
	{ "DevicePolicy", 's' },
	{ "FinalKillSignal", 'i' },
	{ "IOAccounting", 'b' },
	{ "IOWeight", 't' },
	{ "IPAccounting", 'b' },
	{ "KillMode", 's' },
	{ "KillSignal", 'i' },
	{ "ManagedOOMMemoryPressure", 's' },
	{ "ManagedOOMMemoryPressureLimit", 'u' },
	{ "ManagedOOMPreference", 's' },
	{ "ManagedOOMSwap", 's' },
	{ "MemoryAccounting", 'b' },
	{ "MemoryHigh", 't' },
	{ "MemoryLow", 't' },
	{ "MemoryMax", 't' },
	{ "MemoryMin", 't' },
	{ "MemorySwapMax", 't' },
	{ "MemoryZSwapMax", 't' },
	{ "OOMPolicy", 's' },
	{ "RuntimeMaxUSec", 't' },
	{ "SendSIGHUP", 'b' },
	{ "SendSIGKILL", 'b' },
	{ "StartupCPUWeight", 't' },
	{ "StartupIOWeight", 't' },
	{ "TasksAccounting", 'b' },
	{ "TasksMax", 't' },
	{ "TimeoutStopUSec", 't' },
	{ "WatchdogSignal", 'i' },
};

static const struct {
	const char *word; /* before a value, in GVariant text */
	const char *kind; /* as a signature */
	char type;
} prefixes[] = {
	{ "boolean", "@b", 'b' }, { "int32", "@i", 'i' },  { "uint32", "@u", 'u' },
	{ "int64", "@x", 'x' },	  { "uint64", "@t", 't' }, { "string", "@s", 's' },
	{ NULL, "@as", 'a' },
};
/* clang-format on */

static const char *const type_names[] = {
	['a'] = "an array of strings",
	['b'] = "a boolean",
	['i'] = "a 32-bit number",
	['s'] = "a string",
	['t'] = "a number",
	['u'] = "a number of 32 bits",
	['x'] = "a number",
};

static const char *skip_space(const char *p)
{
	return p + strspn(p, " \t\n");
}

/* Over word, which ends where it ends. NULL if it is not there. */
static const char *over(const char *p, const char *word)
{
	size_t n = word ? strlen(word) : 0;

	return n && !strncmp(p, word, n) && !isalnum((unsigned char)p[n]) ? skip_space(p + n) :
									    NULL;
}

/* Over a type before the value; *ret_type stays when there is none. */
static const char *read_prefix(const char *p, char *ret_type)
{
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++) {
		const char *next = over(p, prefixes[i].word);

		if (!next)
			next = over(p, prefixes[i].kind);
		if (next) {
			*ret_type = prefixes[i].type;
			return next;
		}
	}
	return p;
}

/* 'text' or "text", with \\, \' and \" in it. NULL when it is none. */
static const char *read_string(const char *p, struct arena *a, const char **ret)
{
	char quote = *p++, *out, *w;

	if (quote != '\'' && quote != '"')
		return NULL;
	out = w = arena_zalloc(a, strlen(p) + 1);
	for (; *p != quote; p++) {
		if (*p == '\\' && (p[1] == '\\' || p[1] == '\'' || p[1] == '"'))
			p++;
		else if (*p == '\\' || !*p)
			return NULL;
		*w++ = *p;
	}
	*ret = out;
	return p + 1;
}

static const char *read_list(const char *p, struct arena *a, struct systemd_property *r)
{
	if (*p++ != '[')
		return NULL;
	r->list = arena_zalloc(a, (strlen(p) / 2 + 2) * sizeof(*r->list));
	p = skip_space(p);
	if (*p == ']')
		return p + 1;
	for (;;) {
		p = read_string(skip_space(p), a, &r->list[r->n++]);
		p = p ? skip_space(p) : NULL;
		if (!p || (*p != ',' && *p != ']'))
			return NULL;
		if (*p++ == ']')
			return p;
	}
}

/* The digits of a number, signed or not by type; scale is for seconds, which may have a fraction. */
static const char *read_number(const char *p, unsigned scale, struct systemd_property *r)
{
	bool is_signed = r->type == 'i' || r->type == 'x';
	size_t n = strspn(p, "+-0123456789.");
	auto_free char *text = xstrndup(p, n);
	char *end = text;
	double d;

	if (!n || text[n - 1] == '.')
		return NULL;
	if (strchr(text, '.')) {
		d = strtod(text, &end) * scale;
		if (scale == 1 || *end || !(d >= 0 && d < 9e18))
			return NULL;
		r->u = (uint64_t)(d + 0.5);
	} else if (is_signed ? !str_to_i64(text, &r->i) : !str_to_u64(text, &r->u)) {
		return NULL;
	} else if (scale > 1) {
		if (r->u > UINT64_MAX / scale)
			return NULL;
		r->u *= scale;
	}
	if ((r->type == 'i' && (r->i < INT32_MIN || r->i > INT32_MAX)) ||
	    (r->type == 'u' && r->u > UINT32_MAX))
		return NULL;
	return p + n;
}

static const char *read_value(const char *p, unsigned scale, struct arena *a,
			      struct systemd_property *r)
{
	const char *next;

	switch (r->type) {
	case 'a':
		return read_list(p, a, r);
	case 's':
		return read_string(p, a, &r->s);
	case 'b':
		next = over(p, "true");
		r->i = next != NULL;
		return next ? next : over(p, "false");
	default:
		return read_number(p, scale, r);
	}
}

/* A number without its type is an int32 to GVariant, and runc's users write both. */
static bool fits(char given, char wanted)
{
	return !given || given == wanted || (wanted == 't' && strchr("iuxt", given)) ||
	       (wanted == 'u' && given == 'i') || (wanted == 'i' && given == 'u');
}

static bool is_name(const char *name)
{
	size_t n = strlen(name);

	if (n < 3)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!isalpha((unsigned char)name[i]))
			return false;
	}
	return true;
}

/* systemd's files say TimeoutStopSec, its bus TimeoutStopUSec: as in runc, the first is taken in seconds. */
static const char *bus_name(const char *name, struct arena *a, unsigned *ret_scale)
{
	size_t n = strlen(name);
	char *usec;

	*ret_scale = 1;
	if (n < 4 || strcmp(name + n - 3, "Sec") || !islower((unsigned char)name[n - 4]))
		return name;
	*ret_scale = 1000000;
	usec = arena_zalloc(a, n + 2);
	memcpy(usec, name, n - 3);
	memcpy(usec + n - 3, "USec", 5);
	return usec;
}

int systemd_property_parse(const char *name, const char *value, struct arena *a,
			   struct systemd_property *ret, struct err *e)
{
	struct systemd_property r = { 0 };
	const char *p = skip_space(value);
	unsigned scale;
	char given = 0;

	if (!is_name(name))
		return err_set(e, EINVAL, "\"%s\" is not the name of a systemd property", name);
	r.name = bus_name(name, a, &scale);
	for (size_t i = 0; i < ARRAY_SIZE(allowed); i++) {
		if (!strcmp(r.name, allowed[i].name))
			r.type = allowed[i].type;
	}
	if (!r.type)
		return err_set(e, EPERM, "systemd property %s may not be set by an annotation",
			       name);
	p = read_prefix(p, &given);
	p = fits(given, r.type) ? read_value(p, scale, a, &r) : NULL;
	if (!p || *skip_space(p)) {
		auto_free char *what = xasprintf("is not %s, which systemd property %s is",
						 type_names[(unsigned char)r.type], name);

		return decode_bad(e, value, what);
	}
	*ret = r;
	return 0;
}
