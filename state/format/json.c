/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The strict JSON reader. Runs on every create and exec, as root, on a file that a client wrote.
 *
 * Commas and brackets bound the number of values, and the length of the text that of the bytes in
 * strings, so the tree needs one allocation: nodes grow from its start, and the text of strings and
 * numbers lies behind the room for nodes.
 */
#include "state/format/json.h"

#include "state/base/mem.h"
#include "state/base/str.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#define LINEAR_MAX 32 /* members that are compared one by one for duplicates */

struct reader {
	const char *start, *p, *end;
	cJSON *node, *node_end; /* the next free node */
	char *out;		/* where the next string goes */
	unsigned depth;
	struct err *e;
};

/* An array or object under construction. */
struct box {
	cJSON *item, *tail;
	size_t n;
	const char **slots; /* hash table of keys, from LINEAR_MAX members on */
	size_t n_slots;	    /* a power of two */
};

static cJSON *read_value(struct reader *r);

static int syntax(struct reader *r, const char *what)
{
	unsigned long line = 1, column = 1;

	for (const char *q = r->start; q < r->p; q++) {
		if (*q == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)*q & 0xc0) != 0x80) {
			column++; /* in characters: continuation bytes do not count */
		}
	}
	return err_set(r->e, EINVAL, "line %lu, column %lu: %s", line, column, what);
}

/* The same, and name what stands there instead. */
static int expected(struct reader *r, const char *what)
{
	unsigned char c = r->p < r->end ? (unsigned char)*r->p : 0;
	char text[128];

	if (r->p == r->end)
		snprintf(text, sizeof(text), "expected %s, found the end of the text", what);
	else if (c > ' ' && c < 0x7f)
		snprintf(text, sizeof(text), "expected %s, found '%c'", what, c);
	else
		snprintf(text, sizeof(text), "expected %s, found the byte 0x%02x", what, c);
	return syntax(r, text);
}

static void skip_space(struct reader *r)
{
	const char *p = r->p;

	while (p < r->end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
		p++;
	r->p = p;
}

static bool accept_char(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

static bool accept_word(struct reader *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return false;
	r->p += n;
	return true;
}

static cJSON *new_node(struct reader *r, int type)
{
	if (r->node == r->node_end) { /* cannot be: json_read counted */
		syntax(r, "too many values");
		return NULL;
	}
	*r->node = (cJSON){ .type = type };
	return r->node++;
}

static bool digits(struct reader *r)
{
	const char *from = r->p;

	while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
		r->p++;
	return r->p > from;
}

/* The part behind the integer; *integer is cleared if there is one. */
static int read_fraction(struct reader *r, bool *integer)
{
	if (accept_char(r, '.')) {
		*integer = false;
		if (!digits(r))
			return expected(r, "a digit after the point");
	}
	if (accept_char(r, 'e') || accept_char(r, 'E')) {
		*integer = false;
		if (!accept_char(r, '+'))
			(void)accept_char(r, '-');
		if (!digits(r))
			return expected(r, "a digit in the exponent");
	}
	return 0;
}

static cJSON *read_number(struct reader *r)
{
	const char *from = r->p;
	bool negative = accept_char(r, '-'), integer = true;
	cJSON *item;
	int64_t v;
	size_t n;

	if (!accept_char(r, '0') && !digits(r)) {
		expected(r, negative ? "a digit" : "a value");
		return NULL;
	}
	if (read_fraction(r, &integer) < 0)
		return NULL;
	item = new_node(r, cJSON_Number);
	if (!item)
		return NULL;
	n = (size_t)(r->p - from);
	memcpy(r->out, from, n);
	r->out[n] = '\0';
	item->valuestring = r->out;
	r->out += n + 1;
	if (integer && n - negative <= 9 && str_to_i64(item->valuestring, &v)) {
		item->valueint = (int)v;
		item->valuedouble = item->valueint;
	}
	return item;
}

static int hex4(struct reader *r, unsigned *ret)
{
	*ret = 0;
	for (int i = 0; i < 4; i++, r->p++) {
		char c = r->p < r->end ? *r->p : 0;

		if (c >= '0' && c <= '9')
			*ret = *ret * 16 + (unsigned)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			*ret = *ret * 16 + (unsigned)((c | 32) - 'a' + 10);
		else
			return expected(r, "four hexadecimal digits");
	}
	return 0;
}

static void put_utf8(struct reader *r, unsigned c)
{
	if (c < 0x80) {
		*r->out++ = (char)c;
		return;
	}
	if (c < 0x800) {
		*r->out++ = (char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*r->out++ = (char)(0xe0 | c >> 12);
		} else {
			*r->out++ = (char)(0xf0 | c >> 18);
			*r->out++ = (char)(0x80 | (c >> 12 & 0x3f));
		}
		*r->out++ = (char)(0x80 | (c >> 6 & 0x3f));
	}
	*r->out++ = (char)(0x80 | (c & 0x3f));
}

static int read_unicode(struct reader *r)
{
	unsigned c, low;

	if (hex4(r, &c) < 0)
		return -1;
	if (c == 0) /* a C string cannot hold it: "/a\u0000b" would become "/a" */
		return syntax(r, "\\u0000 is not allowed");
	if (c >= 0xdc00 && c < 0xe000)
		return syntax(r, "unpaired surrogate");
	if (c >= 0xd800 && c < 0xdc00) {
		if (!accept_word(r, "\\u"))
			return syntax(r, "unpaired surrogate");
		if (hex4(r, &low) < 0)
			return -1;
		if (low < 0xdc00 || low > 0xdfff)
			return syntax(r, "unpaired surrogate");
		c = 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff));
	}
	put_utf8(r, c);
	return 0;
}

static int read_escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *which = r->p < r->end && *r->p ? strchr(from, *r->p) : NULL;

	if (which) {
		*r->out++ = to[which - from];
		r->p++;
		return 0;
	}
	return accept_char(r, 'u') ? read_unicode(r) :
				     expected(r, "an escape (one of \"\\/bfnrtu)");
}

/* Copy one UTF-8 sequence; refuse overlong forms, surrogates and above U+10FFFF (RFC 3629). */
static int read_utf8(struct reader *r)
{
	const unsigned char *s = (const unsigned char *)r->p;
	size_t n = *s >= 0xc2 && *s < 0xe0 ? 2 :
		   (*s & 0xf0) == 0xe0	   ? 3 :
		   *s >= 0xf0 && *s < 0xf5 ? 4 :
					     0;

	if (!n || (size_t)(r->end - r->p) < n)
		return syntax(r, "invalid UTF-8");
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return syntax(r, "invalid UTF-8");
	}
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return syntax(r, "invalid UTF-8");
	memcpy(r->out, r->p, n);
	r->out += n;
	r->p += n;
	return 0;
}

/* Copy what needs no second look; in locals, because r's members would be loaded again for each byte. */
static void copy_plain(struct reader *r)
{
	const char *p = r->p, *end = r->end;
	char *out = r->out;

	while (p < end && (unsigned char)*p >= 0x20 && (unsigned char)*p < 0x80 && *p != '"' &&
	       *p != '\\')
		*out++ = *p++;
	r->p = p;
	r->out = out;
}

/* The rest of a string, behind its first quote. No escape grows: \uXXXX is 6 bytes for at most 3. */
static char *read_string(struct reader *r)
{
	const char *first = r->p - 1;
	char *text = r->out;

	for (copy_plain(r); r->p < r->end && *r->p != '"'; copy_plain(r)) {
		if ((unsigned char)*r->p < 0x20) {
			syntax(r, "control character in a string");
			return NULL;
		}
		if (accept_char(r, '\\') ? read_escape(r) < 0 : read_utf8(r) < 0)
			return NULL;
	}
	if (!accept_char(r, '"')) {
		r->p = first;
		syntax(r, "the string that begins here does not end");
		return NULL;
	}
	*r->out++ = '\0';
	return text;
}

/* FNV-1a from a start that differs in each process: nobody can prepare keys that collide. */
static size_t hash(const char *key)
{
	static uint64_t seed;
	uint64_t h;

	if (!seed) {
		const void *random = (const void *)getauxval(AT_RANDOM);

		seed = 0xcbf29ce484222325u;
		if (random)
			memcpy(&seed, random, sizeof(seed));
		seed |= 1;
	}
	for (h = seed; *key; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3u;
	return (size_t)(h ^ h >> 29);
}

/* The slot of key: it holds an equal key, or NULL. */
static const char **slot(const struct box *b, const char *key)
{
	size_t i = hash(key) & (b->n_slots - 1);

	while (b->slots[i] && strcmp(b->slots[i], key) != 0)
		i = (i + 1) & (b->n_slots - 1);
	return &b->slots[i];
}

/* Keep the table at most half full. */
static void grow(struct box *b)
{
	b->n_slots = b->n_slots ? b->n_slots * 2 : LINEAR_MAX * 4;
	free(b->slots);
	b->slots = xzalloc(b->n_slots * sizeof(*b->slots));
	for (const cJSON *i = b->item->child; i; i = i->next)
		*slot(b, i->string) = i->string;
}

/* Remember key among the members; false if it is there already. */
static bool add_key(struct box *b, const char *key)
{
	const char **s;

	if (b->n < LINEAR_MAX) {
		for (const cJSON *i = b->item->child; i; i = i->next) {
			if (str_equal(i->string, key))
				return false;
		}
		return true;
	}
	if (b->n * 2 >= b->n_slots)
		grow(b);
	s = slot(b, key);
	if (*s)
		return false;
	*s = key;
	return true;
}

/* cJSON's own layout: next ends with NULL, and the first child's prev is the last child. */
static void append(struct box *b, cJSON *item)
{
	if (b->tail) {
		b->tail->next = item;
		item->prev = b->tail;
	} else {
		b->item->child = item;
	}
	b->tail = b->item->child->prev = item;
	b->n++;
}

static int duplicate(struct reader *r, const char *at, const char *key)
{
	char text[128];

	r->p = at;
	snprintf(text, sizeof(text), "duplicate property \"%.80s\"", key);
	return syntax(r, text);
}

static int read_member(struct reader *r, struct box *b)
{
	const char *at;
	cJSON *value;
	char *key;

	skip_space(r);
	at = r->p;
	if (!accept_char(r, '"'))
		return expected(r, "a property's name in quotes");
	key = read_string(r);
	if (!key)
		return -1;
	if (b->n == JSON_MEMBERS_MAX)
		return syntax(r, "too many properties in one object");
	if (!add_key(b, key))
		return duplicate(r, at, key);
	skip_space(r);
	if (!accept_char(r, ':'))
		return expected(r, "':'");
	value = read_value(r);
	if (!value)
		return -1;
	value->string = key;
	append(b, value);
	return 0;
}

static int read_element(struct reader *r, struct box *b)
{
	cJSON *item = read_value(r);

	if (!item)
		return -1;
	append(b, item);
	return 0;
}

/* Everything behind the opening bracket. */
static int read_members(struct reader *r, struct box *b, bool object)
{
	char close = object ? '}' : ']';

	skip_space(r);
	if (accept_char(r, close))
		return 0;
	do {
		if ((object ? read_member(r, b) : read_element(r, b)) < 0)
			return -1;
		skip_space(r);
	} while (accept_char(r, ','));
	return accept_char(r, close) ? 0 : expected(r, object ? "',' or '}'" : "',' or ']'");
}

static cJSON *read_container(struct reader *r, bool object)
{
	struct box b = { .item = new_node(r, object ? cJSON_Object : cJSON_Array) };
	int err;

	if (!b.item)
		return NULL;
	if (++r->depth > JSON_DEPTH_MAX) {
		syntax(r, "nested too deeply");
		return NULL;
	}
	err = read_members(r, &b, object);
	free(b.slots);
	r->depth--;
	return err < 0 ? NULL : b.item;
}

static cJSON *read_value(struct reader *r)
{
	cJSON *item;
	char *text;

	skip_space(r);
	if (accept_char(r, '"')) {
		text = read_string(r);
		item = text ? new_node(r, cJSON_String) : NULL;
		if (item)
			item->valuestring = text;
		return item;
	}
	if (accept_char(r, '{'))
		return read_container(r, true);
	if (accept_char(r, '['))
		return read_container(r, false);
	if (accept_word(r, "true"))
		return new_node(r, cJSON_True);
	if (accept_word(r, "false"))
		return new_node(r, cJSON_False);
	if (accept_word(r, "null"))
		return new_node(r, cJSON_NULL);
	return read_number(r);
}

void json_done(struct json *j)
{
	free(j->mem);
	*j = (struct json){ 0 };
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The high bit of each byte of w that is 0, and perhaps of one above such a byte. */
static uint64_t zeros(uint64_t w)
{
	return (w - EACH(0x01)) & ~w & EACH(0x80);
}

/*
 * No fewer than there can be: each value but the outermost has a comma or the bracket of its array or
 * object before it. Eight bytes at a time; '[' and '{' differ in one bit.
 */
static size_t count_values(const char *text, size_t len)
{
	size_t n = 1, i = 0;

	for (; i + 8 <= len; i += 8) {
		uint64_t w, found;

		memcpy(&w, text + i, sizeof(w));
		found = (zeros(w ^ EACH(',')) >> 7) + (zeros((w | EACH(0x20)) ^ EACH('{')) >> 7);
		n += (found * EACH(0x01)) >> 56; /* the sum of its bytes */
	}
	for (; i < len; i++)
		n += text[i] == ',' || (text[i] | 0x20) == '{';
	return n;
}

int json_read(const char *text, size_t len, struct json *ret, struct err *e)
{
	size_t n_nodes;
	struct reader r = { .start = text, .p = text, .end = text + len, .e = e };
	auto_free char *mem = NULL;
	cJSON *root;

	if (len > JSON_FILE_MAX)
		return err_set(e, EFBIG, "is larger than %zu bytes", JSON_FILE_MAX);
	/* "[0,0,0]": a value costs two bytes, except one, and those that never close; a text may be all commas. */
	n_nodes = count_values(text, len);
	if (n_nodes > len / 2 + JSON_DEPTH_MAX + 2)
		n_nodes = len / 2 + JSON_DEPTH_MAX + 2;
	mem = xmalloc(n_nodes * sizeof(cJSON) + len + 2);
	r.node = (cJSON *)(void *)mem;
	r.node_end = r.node + n_nodes;
	r.out = (char *)r.node_end;
	root = read_value(&r);
	if (!root)
		return -1;
	skip_space(&r);
	if (r.p != r.end)
		return expected(&r, "nothing more");
	*ret = (struct json){ .root = root, .mem = take_ptr(&mem) };
	return 0;
}
