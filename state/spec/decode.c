/* SPDX-License-Identifier: Apache-2.0 */
/* The decoder's engine. It knows kinds of values, not properties: those are rows of state/spec/spec_*.c. */
#include "state/spec/decode.h"

#include "state/base/mem.h"
#include "state/base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FOUND_MAX  200 /* bytes of a value in an error's text */
#define LISTED_MAX 10  /* names in an error's text */

/* A string of the configuration for an error's text: quoted, cut, on one line. */
static void quote(struct str *b, const char *s)
{
	size_t n = strnlen(s, FOUND_MAX + 1);

	if (n <= FOUND_MAX) {
		str_add_json(b, s);
		return;
	}
	n = FOUND_MAX;
	while (n && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--; /* not inside a character */
	str_add_json_n(b, s, n);
	str_add(b, " (cut)");
}

int decode_bad(struct err *e, const char *value, const char *what)
{
	struct str b auto_str = { 0 };

	quote(&b, value);
	return err_set(e, EINVAL, "%s %s", str_get(&b), what);
}

static int mismatch(const char *want, const cJSON *v, struct err *e)
{
	struct str b auto_str = { 0 };

	if (cJSON_IsString(v)) {
		str_add(&b, "the string ");
		quote(&b, v->valuestring);
	} else if (cJSON_IsNumber(v)) {
		str_addf(&b, "the number %.*s", FOUND_MAX, v->valuestring);
	} else {
		str_add(&b, cJSON_IsTrue(v)   ? "true" :
			    cJSON_IsFalse(v)  ? "false" :
			    cJSON_IsArray(v)  ? "an array" :
			    cJSON_IsObject(v) ? "an object" :
						"null");
	}
	return err_set(e, EINVAL, "expected %s, found %s", want, str_get(&b));
}

/* An integer of the right form, if not of the right size: Go's reader takes neither 1.0 nor 1e3. */
static bool integer(const cJSON *v)
{
	return cJSON_IsNumber(v) && !strpbrk(v->valuestring, ".eE");
}

/* --- Failures, when all are wanted ------------------------------------------------------------ */

/* Where they go while decode_all() runs; their pointers grow as the levels are left. NULL: the first ends it. */
static struct failures {
	size_t n;
	struct err *v;
} * failures;

static size_t failures_now(void)
{
	return failures ? failures->n : 0;
}

/* r of a value that has been decoded: -1 where that ends it, else a failure is one of many. */
static int go_on(int r, const struct err *e)
{
	if (r == 0 || !failures)
		return r;
	failures->v = xrealloc(failures->v, (failures->n + 1) * sizeof(*failures->v));
	failures->v[failures->n++] = *e;
	return 0;
}

static void at_key(size_t from, const char *key)
{
	for (size_t i = from; i < failures_now(); i++)
		err_at_key(&failures->v[i], key);
}

static void at_index(size_t from, size_t index)
{
	for (size_t i = from; i < failures_now(); i++)
		err_at_index(&failures->v[i], index);
}

/* --- Kinds ------------------------------------------------------------------------------------ */

static int decode_int(const struct type *t, const cJSON *v, struct opt_int *dst, struct err *e)
{
	int64_t max = t->max ? (int64_t)t->max : INT64_MAX;

	if (!integer(v))
		return mismatch("an integer", v, e);
	if (!str_to_i64(v->valuestring, &dst->v) || dst->v < t->min || dst->v > max)
		return err_set(e, ERANGE, "%.*s is out of range (%" PRId64 " to %" PRId64 ")",
			       FOUND_MAX, v->valuestring, t->min, max);
	dst->set = true;
	return 0;
}

static int decode_uint(const struct type *t, const cJSON *v, struct opt_uint *dst, struct err *e)
{
	uint64_t max = t->max ? t->max : UINT64_MAX;
	const char *text;

	if (!integer(v))
		return mismatch("an integer", v, e);
	text = strcmp(v->valuestring, "-0") != 0 ? v->valuestring : "0";
	if (!str_to_u64(text, &dst->v) || dst->v > max)
		return err_set(e, ERANGE, "%.*s is out of range (0 to %" PRIu64 ")", FOUND_MAX,
			       text, max);
	dst->set = true;
	return 0;
}

static int unknown(const struct type *t, const cJSON *v, struct err *e)
{
	struct str b auto_str = { 0 };
	size_t n = 0;

	while (t->names[n].name)
		n++;
	quote(&b, v->valuestring);
	if (n <= LISTED_MAX)
		str_add(&b, ", expected one of ");
	for (size_t i = 0; i < n && n <= LISTED_MAX; i++)
		str_addf(&b, "%s%s", i ? ", " : "", t->names[i].name);
	/* runc's tests want some called "invalid ...", and their names say so. */
	return err_set(e, EINVAL, "%s%s %s", str_starts(t->what, "invalid ") ? "" : "unknown ",
		       t->what, str_get(&b));
}

static int decode_enum(const struct type *t, const cJSON *v, int *dst, struct err *e)
{
	if (!cJSON_IsString(v))
		return mismatch("a string", v, e);
	return name_lookup(t->names, v->valuestring, dst) ? 0 : unknown(t, v, e);
}

static int decode_name_set(const struct type *t, const cJSON *v, struct name_set *dst,
			   struct arena *a, struct err *e)
{
	const cJSON *item;
	size_t i = 0;
	int bit;

	if (!cJSON_IsArray(v))
		return mismatch("an array", v, e);
	dst->set = true;
	cJSON_ArrayForEach(item, v)
	{
		size_t from = failures_now();

		if (!cJSON_IsString(item)) {
			if (go_on(mismatch("a string", item, e), e) < 0)
				return err_at_index(e, i);
		} else if (name_lookup(t->names, item->valuestring, &bit)) {
			dst->mask |= UINT64_C(1) << bit;
		} else if (!t->unknown_ok) {
			if (go_on(unknown(t, item, e), e) < 0)
				return err_at_index(e, i);
		} else {
			if (!dst->unknown.v)
				dst->unknown.v = arena_zalloc(
					a, sizeof(char *) * (size_t)(cJSON_GetArraySize(v) + 1));
			dst->unknown.v[dst->unknown.n++] = arena_strdup(a, item->valuestring);
		}
		at_index(from, i);
		i++;
	}
	return 0;
}

static int decode_array(const struct type *t, const cJSON *v, struct array *dst, struct arena *a,
			struct err *e)
{
	const cJSON *item;
	char *slot;

	if (!cJSON_IsArray(v))
		return mismatch("an array", v, e);
	slot = dst->v = arena_zalloc(a, t->elem->size * ((size_t)cJSON_GetArraySize(v) + 1));
	cJSON_ArrayForEach(item, v)
	{
		size_t from = failures_now();

		if (go_on(decode(t->elem, item, slot, a, e), e) < 0)
			return err_at_index(e, dst->n);
		at_index(from, dst->n);
		slot += t->elem->size;
		dst->n++;
	}
	return 0;
}

static int decode_str_map(const cJSON *v, struct str_map *dst, struct arena *a, struct err *e)
{
	struct map_entry *entry;
	const cJSON *item;

	if (!cJSON_IsObject(v))
		return mismatch("an object", v, e);
	entry = arena_zalloc(a, sizeof(*entry) * (dst->n + (size_t)cJSON_GetArraySize(v) + 1));
	if (dst->n)
		memcpy(entry, dst->v, sizeof(*entry) * dst->n);
	dst->v = entry;
	entry += dst->n;
	cJSON_ArrayForEach(item, v)
	{
		if (!cJSON_IsString(item)) {
			size_t from = failures_now();

			if (go_on(mismatch("a string", item, e), e) < 0)
				return err_at_key(e, item->string);
			at_key(from, item->string);
			continue;
		}
		entry->key = arena_strdup(a, item->string);
		entry->value = arena_strdup(a, item->valuestring);
		entry++;
		dst->n++;
	}
	return 0;
}

static int decode_obj_map(const struct type *t, const cJSON *v, struct array *dst, struct arena *a,
			  struct err *e)
{
	const cJSON *item;
	char *slot;

	if (!cJSON_IsObject(v))
		return mismatch("an object", v, e);
	slot = dst->v = arena_zalloc(a, t->elem->size * ((size_t)cJSON_GetArraySize(v) + 1));
	cJSON_ArrayForEach(item, v)
	{
		*(char **)(void *)slot = arena_strdup(a, item->string);
		size_t from = failures_now();

		if (go_on(decode(t->elem, item, slot, a, e), e) < 0)
			return err_at_key(e, item->string);
		at_key(from, item->string);
		slot += t->elem->size;
		dst->n++;
	}
	return 0;
}

/* Whether v is what Go writes for "nothing set". */
static bool asks_nothing(const cJSON *v)
{
	const cJSON *item;

	if (cJSON_IsString(v) || cJSON_IsNumber(v))
		return !v->valuestring[0] || (cJSON_IsNumber(v) && !strcmp(v->valuestring, "0"));
	cJSON_ArrayForEach(item, v)
	{
		/* An array with an element asks for something, a member may still be empty. */
		if (cJSON_IsArray(v) || !asks_nothing(item))
			return false;
	}
	return !cJSON_IsTrue(v);
}

/* JSON null is how Go writes an absent pointer; "" is how it writes an absent optional string. */
static bool absent(const struct field *f, const cJSON *v)
{
	if (!v || cJSON_IsNull(v))
		return true;
	return f->type && (f->type->kind == K_STR || f->type->kind == K_ENUM) &&
	       !(f->flags & REQUIRED) && cJSON_IsString(v) && !v->valuestring[0];
}

static int decode_field(const struct field *f, const cJSON *v, char *base, struct arena *a,
			struct err *e)
{
	bool object = f->type->kind == K_OBJECT;
	size_t size = object ? sizeof(void *) : f->type->size;
	char *dst = base + f->offset;
	void *to = dst;

	if (object) { /* held by pointer, so that NULL says "absent" */
		to = *(void **)(void *)dst;
		if (!to)
			to = *(void **)(void *)dst = arena_zalloc(a, f->type->size);
	} else if (f->type->kind != K_STR_MAP) {
		memset(dst, 0, size);
	}
	if (decode(f->type, v, to, a, e) < 0)
		return -1;
	if (f->flags & LATER) {
		if (!asks_nothing(v))
			return err_set(e, ENOTSUP, "is not supported yet");
		memset(dst, 0, size);
	}
	return 0;
}

/*
 * The property that a member means, though it may be written otherwise: runc's decoder takes
 * "pagesize" for "pageSize", and a rule that works there must not be lost here without a word.
 */
static const struct field *field_of(const struct type *t, const char *key)
{
	for (const struct field *f = t->fields; f->key; f++) {
		if (str_equal(f->key, key))
			return f;
	}
	for (const struct field *f = t->fields; f->key; f++) {
		if (!strcasecmp(f->key, key))
			return f;
	}
	return NULL;
}

static int require(const struct field *f, struct err *e)
{
	err_set(e, EINVAL, "is required");
	if (f->type->what && str_starts(f->type->what, "invalid "))
		err_wrap(e, "%s", f->type->what);
	return err_at_key(e, f->key);
}

/*
 * One by one, as Go does it: of two that mean the same property, the members of objects and maps
 * come together, and of others the last one counts.
 */
static int decode_object(const struct type *t, const cJSON *v, char *dst, struct arena *a,
			 struct err *e)
{
	if (!cJSON_IsObject(v))
		return mismatch("an object", v, e);
	for (const cJSON *i = v->child; i; i = i->next) {
		const struct field *f = field_of(t, i->string);
		size_t from = failures_now();

		/* Unknown properties are ignored: config.md, Extensibility. */
		if (f && !(f->flags & IGNORED) && !absent(f, i) &&
		    go_on(decode_field(f, i, dst, a, e), e) < 0)
			return err_at_key(e, i->string);
		at_key(from, i->string);
	}
	for (const struct field *f = t->fields; f->key; f++) {
		bool found = !(f->flags & REQUIRED) || f->flags & IGNORED;

		for (const cJSON *i = v->child; i && !found; i = i->next)
			found = field_of(t, i->string) == f && !absent(f, i);
		if (!found && go_on(require(f, e), e) < 0)
			return -1;
	}
	return 0;
}

static int decode_simple(const struct type *t, const cJSON *v, void *dst, struct arena *a,
			 struct err *e)
{
	if (t->kind == K_STR) {
		if (!cJSON_IsString(v))
			return mismatch("a string", v, e);
		*(char **)dst = arena_strdup(a, v->valuestring);
		return 0;
	}
	if (!cJSON_IsBool(v))
		return mismatch("true or false", v, e);
	if (t->kind == K_BOOL)
		*(bool *)dst = cJSON_IsTrue(v);
	else
		*(struct opt_bool *)dst = (struct opt_bool){ .set = true, .v = cJSON_IsTrue(v) };
	return 0;
}

int decode(const struct type *t, const cJSON *v, void *dst, struct arena *a, struct err *e)
{
	size_t from = failures_now();
	int r = -1;

	switch (t->kind) {
	case K_STR:
	case K_BOOL:
	case K_OPT_BOOL:
		r = decode_simple(t, v, dst, a, e);
		break;
	case K_INT:
		r = decode_int(t, v, dst, e);
		break;
	case K_UINT:
		r = decode_uint(t, v, dst, e);
		break;
	case K_ENUM:
		r = decode_enum(t, v, dst, e);
		break;
	case K_NAME_SET:
		r = decode_name_set(t, v, dst, a, e);
		break;
	case K_OBJECT:
		r = decode_object(t, v, dst, a, e);
		break;
	case K_ARRAY:
		r = decode_array(t, v, dst, a, e);
		break;
	case K_STR_MAP:
		r = decode_str_map(v, dst, a, e);
		break;
	case K_OBJ_MAP:
		r = decode_obj_map(t, v, dst, a, e);
		break;
	}
	/* A check looks at a whole value. */
	if (r < 0 || !t->check || failures_now() > from)
		return r;
	return t->check(dst, e);
}

size_t decode_all(const struct type *t, const cJSON *v, void *dst, struct arena *a,
		  void (*fn)(void *arg, const struct err *e), void *arg)
{
	struct failures all = { 0 };
	struct err e;

	failures = &all;
	(void)go_on(decode(t, v, dst, a, &e), &e);
	failures = NULL;
	for (size_t i = 0; i < all.n; i++)
		fn(arg, &all.v[i]);
	free(all.v);
	return all.n;
}

static void visit(const struct type *t, const char *at, unsigned flags, const char *why,
		  decode_visitor *fn, void *arg)
{
	char path[512];

	if (t && (t->kind == K_ARRAY || t->kind == K_OBJ_MAP)) {
		snprintf(path, sizeof(path), "%s/*", at);
		visit(t->elem, path, flags, why, fn, arg);
	} else if (t && t->kind == K_NAME_SET) {
		snprintf(path, sizeof(path), "%s/*", at);
		fn(arg, path, flags, why);
	} else if (t && t->kind == K_OBJECT) {
		for (const struct field *f = t->fields; f->key; f++) {
			snprintf(path, sizeof(path), "%s/%s", at, f->key);
			visit(f->type, path, (flags & ~(unsigned)REQUIRED) | f->flags,
			      f->why ? f->why : why, fn, arg);
		}
	} else {
		fn(arg, at, flags, why);
	}
}

void decode_visit(const struct type *t, const char *at, decode_visitor *fn, void *arg)
{
	visit(t, at, 0, NULL, fn, arg);
}
