/* SPDX-License-Identifier: Apache-2.0 */
/* --regex of delete and kill: one command for many containers, as with crun. */
#ifndef CMD_LINE_MATCH_H
#define CMD_LINE_MATCH_H

#include "state/base/err.h"
#include "state/root.h"

/*
 * Call work() for each container whose id the regular expression (state/format/regex.h) matches, in the order
 * of their names. One that fails keeps no other from its turn: -1 at the end with the first error, which
 * names its container; further ones are warnings. No match is no error.
 */
must_check int match_each(const struct root *root, const char *regex,
			  int (*work)(void *arg, const char *id, struct err *e), void *arg,
			  struct err *e);

#endif
