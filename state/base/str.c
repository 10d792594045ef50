/* SPDX-License-Identifier: Apache-2.0 */
/* Pure string functions. Runs in every process of hull. */
#include "state/base/str.h"

#include "state/base/mem.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void str_done(struct str *b)
{
	free(b->s);
	*b = (struct str){ 0 };
}

static void reserve(struct str *b, size_t more)
{
	if (b->n + more + 1 <= b->size)
		return;
	b->size = (b->n + more + 1) * 2;
	b->s = xrealloc(b->s, b->size);
}

void str_add_n(struct str *b, const char *s, size_t n)
{
	reserve(b, n);
	memcpy(b->s + b->n, s, n);
	b->n += n;
	b->s[b->n] = '\0';
}

void str_add_u64(struct str *b, uint64_t v)
{
	char digits[20], *p = digits + sizeof(digits);

	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	str_add_n(b, p, (size_t)(digits + sizeof(digits) - p));
}

void str_add_i64(struct str *b, int64_t v)
{
	if (v < 0)
		str_add_n(b, "-", 1);
	str_add_u64(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void str_addf(struct str *b, const char *fmt, ...)
{
	size_t room = 40; /* most are shorter */
	va_list ap;
	int n;

	for (;;) {
		reserve(b, room);
		va_start(ap, fmt);
		n = vsnprintf(b->s + b->n, room + 1, fmt, ap);
		va_end(ap);
		if (n < 0) {
			b->s[b->n] = '\0';
			return;
		}
		if ((size_t)n <= room)
			break;
		room = (size_t)n;
	}
	b->n += (size_t)n;
}

/* The length of the UTF-8 sequence at s, 0 if it is not one. */
static size_t utf8_len(const unsigned char *s, size_t left)
{
	size_t n = *s < 0x80		   ? 1 :
		   *s >= 0xc2 && *s < 0xe0 ? 2 :
		   (*s & 0xf0) == 0xe0	   ? 3 :
		   *s >= 0xf0 && *s < 0xf5 ? 4 :
					     0;

	if (!n || n > left)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	}
	if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) ||
	    (*s == 0xf0 && s[1] < 0x90) || (*s == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* How many of the n bytes are what they are in JSON, too. */
static size_t plain(const char *s, size_t n)
{
	size_t i = 0;

	while (i < n && s[i] >= 0x20 && s[i] < 0x7f && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

/* The first byte, or sequence of UTF-8, of what is not: how many bytes it is. */
static size_t add_escaped(struct str *b, const char *s, size_t n)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	size_t len = utf8_len((const unsigned char *)s, n);
	const char *which = len == 1 && *s ? memchr(from, *s, sizeof(from) - 1) : NULL;
	char esc[2] = "\\";

	if (which) {
		esc[1] = to[which - from];
		str_add_n(b, esc, 2);
	} else if (!len) {
		str_add(b, "\xef\xbf\xbd");
	} else if ((unsigned char)*s < 0x20 || *s == 0x7f) {
		str_addf(b, "\\u%04x", (unsigned)*s);
	} else {
		str_add_n(b, s, len);
	}
	return len ? len : 1;
}

void str_add_json_n(struct str *b, const char *s, size_t n)
{
	const char *end = s + n;

	str_add_n(b, "\"", 1);
	while (s < end) {
		size_t run = plain(s, (size_t)(end - s));

		str_add_n(b, s, run);
		s += run;
		if (s < end)
			s += add_escaped(b, s, (size_t)(end - s));
	}
	str_add_n(b, "\"", 1);
}

void str_add_json(struct str *b, const char *s)
{
	str_add_json_n(b, s, strlen(s));
}

bool str_to_u64(const char *s, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (*s < '0' || *s > '9' || v > (UINT64_MAX - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*ret = v;
	return true;
}

bool str_to_i64(const char *s, int64_t *ret)
{
	bool negative = *s == '-';
	uint64_t v;

	if (!str_to_u64(s + (*s == '-' || *s == '+'), &v) || v > (uint64_t)INT64_MAX + negative)
		return false;
	*ret = negative ? (int64_t)(0 - v) : (int64_t)v;
	return true;
}

size_t str_decimal(const char *s, double *ret)
{
	const char *p = s;
	double place = 1, v = 0;
	size_t digits = 0;

	for (; *p >= '0' && *p <= '9'; p++, digits++)
		v = v * 10 + (*p - '0');
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++, digits++)
			v += (*p - '0') * (place /= 10);
	}
	*ret = v;
	return digits ? (size_t)(p - s) : 0;
}

bool str_ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && !strcmp(s + n - m, suffix);
}

/* Drop the last component of out[0..n), which does not end in "/"; returns the new length. */
static size_t drop_last(const char *out, size_t n)
{
	while (n > 0 && out[n - 1] != '/')
		n--;
	return n > 1 ? n - 1 : n;
}

char *path_clean(const char *path)
{
	bool rooted = *path == '/';
	char *out = xmalloc(strlen(path) + 2);
	size_t n = 0, floor = 0; /* out[0..floor) is "/" or a run of ".." that must stay */

	if (rooted)
		out[n++] = '/';
	floor = n;
	while (*path) {
		size_t len = strcspn(path, "/");

		if (len == 2 && !memcmp(path, "..", 2) && n > floor) {
			n = drop_last(out, n);
			n = n < floor ? floor : n;
		} else if (len == 2 && !memcmp(path, "..", 2) && rooted) {
			/* "/.." is "/" */
		} else if (len && !(len == 1 && *path == '.')) {
			if (n && out[n - 1] != '/')
				out[n++] = '/';
			memcpy(out + n, path, len);
			n += len;
			if (len == 2 && !memcmp(path, "..", 2))
				floor = n;
		}
		path += len + (path[len] == '/');
	}
	if (n > 1 && out[n - 1] == '/')
		n--;
	if (!n)
		out[n++] = '.';
	out[n] = '\0';
	return out;
}

char *path_join(const char *dir, const char *name)
{
	auto_free char *both = NULL;

	if (*name == '/')
		return path_clean(name);
	both = xasprintf("%s/%s", dir, name);
	return path_clean(both);
}

bool path_is_below(const char *path, const char *top)
{
	size_t n = strlen(top);

	return !strcmp(top, "/") || (!strncmp(path, top, n) && (!path[n] || path[n] == '/'));
}

/* An escaped field, in place. */
static void unescape_octal(char *s)
{
	char *out = s;

	for (; *s; s++) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
			s += 3;
		} else {
			*out++ = *s;
		}
	}
	*out = '\0';
}

char *path_of_mount(char *line)
{
	char *path = line;

	for (int i = 0; i < 4 && path; i++)
		path = strchr(path, ' ') ? strchr(path, ' ') + 1 : NULL;
	if (!path)
		return NULL;
	path[strcspn(path, " ")] = '\0';
	unescape_octal(path);
	return path;
}
