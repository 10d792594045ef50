/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of small numbers, CPUs or memory nodes, as the kernel takes them: an array of bits. */
#ifndef STATE_IDSET_H
#define STATE_IDSET_H

#include "state/base/err.h"

#define IDSET_MAX 8192 /* the most CPUs that Linux is built for; it knows 1024 memory nodes */

struct idset {
	unsigned long bits[IDSET_MAX / (8 * sizeof(unsigned long))];
};

/*
 * "0-3,7": numbers and ranges, with a comma between them and nothing else. -1 with the place and
 * the reason for anything else, a number of IDSET_MAX or more included; "" is the empty set.
 */
must_check int idset_parse(const char *text, struct idset *ret, struct err *e);
/* n is below IDSET_MAX. */
void idset_add(struct idset *s, unsigned n);
unsigned idset_count(const struct idset *s);

#endif
