/* SPDX-License-Identifier: Apache-2.0 */
/* What `update` changes, merged into the copy of config.json that a container keeps. */
#ifndef STATE_SPEC_MERGE_H
#define STATE_SPEC_MERGE_H

#include "state/base/err.h"
#include "state/base/str.h"

#include <stddef.h>

/*
 * Add config (config.json) to out, with update (an object like linux.resources) merged into its
 * linux.resources: members replace those of the same name, entries of lists those for the same
 * device, page size or interface. null changes nothing. Device rules stay: update has none.
 */
must_check int spec_merge_resources(const char *config, size_t n_config, const char *update,
				    size_t n_update, struct str *out, struct err *e);

#endif
