/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of config.md, section Mounts, and that of id mappings, which mounts and user
 * namespaces share. What the options mean is for init/mount/mount_options.c to know.
 */
#include "state/spec/spec_types.h"

#include <errno.h>

/* The kernel takes ranges within 32 bits, the last number excluded (user_namespaces(7)). */
static int check_id_map(const void *value, struct err *e)
{
	const struct spec_id_map *m = value;
	const char *key = NULL;

	if (!m->size.v) {
		err_set(e, EINVAL, "must not be 0");
		return err_at_key(e, "size");
	}
	if (m->container_id.v + m->size.v > UINT32_MAX)
		key = "containerID";
	else if (m->host_id.v + m->size.v > UINT32_MAX)
		key = "hostID";
	return key ? err_set(e, ERANGE, "%s + size is larger than %u", key, UINT32_MAX) : 0;
}

/* clang-format off: tables, one row to a property. */

static const struct field id_map_fields[] = {
	FIELD(spec_id_map, container_id, "containerID", &t_uint32, REQUIRED),
	FIELD(spec_id_map, host_id, "hostID", &t_uint32, REQUIRED),
	FIELD(spec_id_map, size, "size", &t_uint32, REQUIRED),
	{ 0 },
};
static const struct type t_id_map = OBJECT_CHECKED(spec_id_map, id_map_fields, check_id_map);
const struct type t_id_maps = ARRAY(&t_id_map);

static const struct field mount_fields[] = {
	FIELD(spec_mount, destination, "destination", &t_str_set, REQUIRED),
	FIELD(spec_mount, type, "type", &t_str, 0),
	FIELD(spec_mount, source, "source", &t_str, 0),
	FIELD(spec_mount, options, "options", &t_strs, 0),
	FIELD(spec_mount, uid_mappings, "uidMappings", &t_id_maps, 0),
	FIELD(spec_mount, gid_mappings, "gidMappings", &t_id_maps, 0),
	{ 0 },
};
static const struct type t_mount = OBJECT(spec_mount, mount_fields);
const struct type t_mounts = ARRAY(&t_mount);
