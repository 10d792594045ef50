/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a container, for `delete` and for those who do it as the end of something else. */
#ifndef CMD_LAUNCH_DESTROY_H
#define CMD_LAUNCH_DESTROY_H

#include "state/base/err.h"
#include "state/record.h"
#include "state/root.h"
#include "state/spec/spec.h"

struct arena;

#define DESTROY_MS 10000 /* how long a death may take */

/*
 * End what is left of the container, which must be locked, and forget it. poststop hooks that fail
 * are warnings. When something else fails it can be repeated.
 */
must_check int destroy_container(struct container *c, const struct record *r, struct err *e);
/*
 * Kill init and wait: a killed process keeps its cgroup and its mounts busy until it is gone. With
 * it goes everybody in its PID namespace; who is not in there is left to cgroup_remove, as
 * looking for him first would signal one by one (v1) whom init takes along in a moment.
 */
must_check int destroy_kill_init(const struct record *r, struct err *e);
/*
 * The snapshot of config.json, where it has what the caller looks for (NULL: always); most have no
 * hooks. NULL without, or for one that is damaged, with a warning. It lies in *a, which is made.
 */
struct spec *destroy_read_config(const struct container *c, const char *key, struct arena *a);

#endif
