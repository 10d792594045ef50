/* SPDX-License-Identifier: Apache-2.0 */
/* Which security modules the host has: what config.json says about others is an error. */
#ifndef STATE_LSM_H
#define STATE_LSM_H

#include "state/base/err.h"
#include "state/spec/spec.h"

/*
 * The labels can be applied on this machine. Costs nothing without any. Pointers start at the process
 * for the first, at linux for the second.
 */
must_check int lsm_check(const struct spec_process *p, struct err *e);
must_check int lsm_check_mounts(const struct spec_linux *l, struct err *e);
/*
 * This kernel's Landlock does what the annotations ask for (state/spec/landlock.h); what it does not do
 * is a warning where they say best-effort. Pointers start at /annotations.
 */
must_check int lsm_check_landlock(const struct spec *s, struct err *e);

#endif
