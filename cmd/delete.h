/* SPDX-License-Identifier: Apache-2.0 */
/* What `delete` does, for those who do it as the end of something else. */
#ifndef CMD_DELETE_H
#define CMD_DELETE_H

#include "state/base/err.h"
#include "state/record.h"
#include "state/root.h"
#include "state/spec/spec.h"

struct arena;

/*
 * End what is left of the container, which must be locked, and forget it. poststop hooks that fail
 * are warnings. When something else fails it can be repeated.
 */
must_check int delete_destroy(struct container *c, const struct record *r, struct err *e);
/*
 * The snapshot of config.json, where it has what the caller looks for (NULL: always); most have no
 * hooks. NULL without, or for one that is damaged, with a warning. It lies in *a, which is made.
 */
struct spec *delete_read_config(const struct container *c, const char *key, struct arena *a);

#endif
