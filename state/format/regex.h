/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions for names: regex(7)'s extended ones without bounds ({2,3}), classes ([:alpha:]) and
 * back references, which are refused. The C library's would be a twentieth of the program. Matching takes
 * time linear in the text, whatever the expression. Pure.
 */
#ifndef STATE_REGEX_H
#define STATE_REGEX_H

#include "state/base/err.h"

#include <stdbool.h>

struct regex;

/* NULL, with a sentence, for what is none. */
struct regex *regex_compile(const char *text, struct err *e);
/* Some part of the text matches; ^ and $ are its ends. */
bool regex_matches(const struct regex *re, const char *text);
void regex_free(struct regex *re);

#endif
