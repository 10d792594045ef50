/* SPDX-License-Identifier: Apache-2.0 */
/* Strings: strict numbers, a builder, and path arithmetic that touches no file. */
#ifndef STATE_STR_H
#define STATE_STR_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A string under construction; s is NULL until something was added, and freed by the owner. */
struct str {
	char *s;
	size_t n, size;
};

#define auto_str __attribute__((cleanup(str_done)))
void str_done(struct str *b);
void str_add_n(struct str *b, const char *s, size_t n);
/* Inline, for the compiler knows the length of most. */
static inline void str_add(struct str *b, const char *s)
{
	str_add_n(b, s, strlen(s));
}
/* In decimal. */
void str_add_u64(struct str *b, uint64_t v);
void str_add_i64(struct str *b, int64_t v);
void str_addf(struct str *b, const char *fmt, ...) printf_like(2, 3);
/* A JSON string literal with its quotes; bytes that are not UTF-8 become U+FFFD. */
void str_add_json(struct str *b, const char *s);
void str_add_json_n(struct str *b, const char *s, size_t n);
static inline const char *str_get(const struct str *b)
{
	return b->s ? b->s : "";
}

/* The whole of s as a decimal number: no sign (for u64), no space, no rest. false otherwise. */
bool str_to_u64(const char *s, uint64_t *ret);
bool str_to_i64(const char *s, int64_t *ret);

/* The decimal number, perhaps with a fraction, that s begins with: its length, 0 for none. */
size_t str_decimal(const char *s, double *ret);

/* Inline, for the first bytes mostly differ. */
static inline bool str_equal(const char *s, const char *other)
{
	return *s == *other && !strcmp(s, other);
}
static inline bool str_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}
bool str_ends(const char *s, const char *suffix);
static inline bool str_empty(const char *s)
{
	return !s || !*s;
}

/*
 * path lexically cleaned as Go's filepath.Clean does: no "//", "." or trailing "/"; ".." is
 * resolved in the text. An absolute path never climbs above "/". The caller frees it.
 */
char *path_clean(const char *path);
/* dir/name, cleaned; name alone when it is absolute. The caller frees it. */
char *path_join(const char *dir, const char *name);
/* path is top, or below it; both are cleaned, and absolute. */
bool path_is_below(const char *path, const char *top);
/*
 * The mount point in a line of mountinfo (proc(5)), where "\\040" is a blank. The line is cut and
 * changed for it; NULL if it is none.
 */
char *path_of_mount(char *line);

#endif
