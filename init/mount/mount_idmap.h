/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings, above all of id-mapped mounts, as the lines that the kernel's uid_map and gid_map take. */
#ifndef INIT_MOUNT_IDMAP_H
#define INIT_MOUNT_IDMAP_H

#include "state/base/err.h"
#include "state/spec/spec.h"
#include "state/base/str.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * uidMappings or gidMappings as lines: of mounts[] the ids of the file system, of linux those of the
 * container, and the host's that they become. Nothing is added when there are none.
 */
void mount_idmap_text(const struct spec_id_maps *maps, struct str *out);

/* The host's id of one in a user namespace whose map, as read from /proc, this is; false without. */
bool mount_idmap_to_host(const char *map, uint64_t id, uint64_t *ret);

/*
 * crun's "uids=0-1-10#10-11-10;gids=@0-100-10": ranges of first id in the file system, first id on
 * the host, length. With '@' the second counts in the container's user namespace, whose maps, as
 * read from /proc, are own_uids and own_gids; NULL when it has none. Both kinds have to be there.
 */
must_check int mount_idmap_parse(const char *spec, const char *own_uids, const char *own_gids,
				 struct str *uids, struct str *gids, struct err *e);

#endif
