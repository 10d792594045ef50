/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of config-linux.md except resources and seccomp, which have files of their own. */
#include "state/spec/idset.h"
#include "state/base/mem.h"
#include "state/spec/spec_types.h"

#include <errno.h>
#include <string.h>

/* config-linux.md, Devices: major and minor are "REQUIRED unless type is p". */
static int check_device(const void *value, struct err *e)
{
	const struct spec_device *d = value;
	const struct opt_int *numbers[] = { &d->major, &d->minor };
	const char *const keys[] = { "major", "minor" };

	for (size_t i = 0; i < ARRAY_SIZE(keys) && d->type != 'p'; i++) {
		if (numbers[i]->set && numbers[i]->v >= 0)
			continue;
		err_set(e, EINVAL, numbers[i]->set ? "must not be negative" : "is required");
		return err_at_key(e, keys[i]);
	}
	return 0;
}

static int check_nodes(const void *value, struct err *e)
{
	struct idset nodes;

	return idset_parse(*(char *const *)value, &nodes, e) < 0 ?
		       err_wrap(e, "invalid memory policy nodes") :
		       0;
}

/* set_mempolicy(2): which modes want nodes, and which flags go together. */
static int check_memory_policy(const void *value, struct err *e)
{
	const struct spec_memory_policy *p = value;
	const unsigned fixed = 1u << MEMPOLICY_STATIC_NODES,
		       relative = 1u << MEMPOLICY_RELATIVE_NODES;
	struct idset nodes;
	unsigned n;

	if (idset_parse(p->nodes ? p->nodes : "", &nodes, e) < 0)
		return -1;
	n = idset_count(&nodes);
	if ((p->mode == MEMPOLICY_DEFAULT || p->mode == MEMPOLICY_LOCAL) && n)
		err_set(e, EINVAL, "memory policy mode requires 0 nodes but got %u", n);
	else if (p->mode != MEMPOLICY_DEFAULT && p->mode != MEMPOLICY_LOCAL &&
		 p->mode != MEMPOLICY_PREFERRED && !n)
		err_set(e, EINVAL, "memory policy mode requires at least one node but got 0");
	else
		goto flags;
	return err_at_key(e, "nodes");
flags:
	if (!(p->flags.mask & fixed) || !(p->flags.mask & relative))
		return 0;
	err_set(e, EINVAL, "MPOL_F_STATIC_NODES and MPOL_F_RELATIVE_NODES exclude each other");
	return err_at_key(e, "flags");
}

/* config-linux.md, IntelRdt: the name of a directory, or "/" for the root of resctrl. */
static int check_clos_id(const void *value, struct err *e)
{
	const char *id = *(char *const *)value;

	if (!strcmp(id, "/") ||
	    (!strpbrk(id, "/\n") && strcmp(id, ".") != 0 && strcmp(id, "..") != 0))
		return 0;
	decode_bad(e, id, "is not the name of a directory");
	return err_wrap(e, "invalid intelRdt.ClosID");
}

static int check_schema(const void *value, struct err *e)
{
	const char *schema = *(char *const *)value;

	return strchr(schema, '\n') ? decode_bad(e, schema, "must be one line") : 0;
}

static int check_mb_schema(const void *value, struct err *e)
{
	const char *schema = *(char *const *)value;

	if (strncmp(schema, "MB:", 3) != 0)
		return decode_bad(e, schema, "does not begin with MB:");
	return check_schema(value, e);
}

/* It becomes context="..." in the options of a mount. */
static int check_mount_label(const void *value, struct err *e)
{
	const char *label = *(char *const *)value;

	return strpbrk(label, "\"\n\\") ? decode_bad(e, label, "is not a label") : 0;
}

/* clang-format off: tables, one row to a property. */

static const struct type t_namespace_type = ENUM(namespace_names, "namespace type");

static const struct field namespace_fields[] = {
	FIELD(spec_namespace, type, "type", &t_namespace_type, REQUIRED),
	FIELD(spec_namespace, path, "path", &t_abspath, 0),
	{ 0 },
};
static const struct type t_namespace = OBJECT(spec_namespace, namespace_fields);
static const struct type t_namespaces = ARRAY(&t_namespace);

static const struct type t_nanosecs = UINT(999999999);

static const struct field time_offset_fields[] = {
	FIELD(spec_time_offset, secs, "secs", &t_int64, 0),
	FIELD(spec_time_offset, nanosecs, "nanosecs", &t_nanosecs, 0),
	{ 0 },
};
static const struct type t_time_offset = OBJECT(spec_time_offset, time_offset_fields);

static const struct field time_offsets_fields[] = {
	FIELD(spec_time_offsets, monotonic, "monotonic", &t_time_offset, 0),
	FIELD(spec_time_offsets, boottime, "boottime", &t_time_offset, 0),
	{ 0 },
};
static const struct type t_time_offsets = OBJECT(spec_time_offsets, time_offsets_fields);

static const struct type t_device_type = ENUM(device_type_names, "device type");
/* What the kernel's dev_t has room for; a FIFO has neither, and Go may write 0 or -1 for it. */
static const struct type t_major = INT(-1, (1 << 12) - 1);
static const struct type t_minor = INT(-1, (1 << 20) - 1);
/* Docker sends the type of the file along, as in 020666. */
static const struct type t_file_mode = UINT(0177777);

static const struct field device_fields[] = {
	FIELD(spec_device, type, "type", &t_device_type, REQUIRED),
	FIELD(spec_device, path, "path", &t_abspath, REQUIRED),
	FIELD(spec_device, major, "major", &t_major, 0),
	FIELD(spec_device, minor, "minor", &t_minor, 0),
	FIELD(spec_device, file_mode, "fileMode", &t_file_mode, 0),
	FIELD(spec_device, uid, "uid", &t_id, 0),
	FIELD(spec_device, gid, "gid", &t_id, 0),
	{ 0 },
};
static const struct type t_device = OBJECT_CHECKED(spec_device, device_fields, check_device);
static const struct type t_devices = ARRAY(&t_device);

static const struct field net_device_fields[] = {
	FIELD(spec_net_device, name, "name", &t_str, 0),
	{ 0 },
};
static const struct type t_net_device = OBJECT(spec_net_device, net_device_fields);
static const struct type t_net_devices = OBJ_MAP(&t_net_device);

static const struct type t_propagation = ENUM(propagation_names, "rootfs propagation");

static const struct type t_domain = ENUM(personality_names, "personality");

static const struct field personality_fields[] = {
	FIELD(spec_personality, domain, "domain", &t_domain, REQUIRED),
	FIELD(spec_personality, flags, "flags", &t_strs, 0),
	{ 0 },
};
static const struct type t_personality = OBJECT(spec_personality, personality_fields);

static const struct type t_policy_mode = ENUM(mempolicy_mode_names, "invalid memory policy mode");
static const struct type t_policy_flags =
	NAME_SET(mempolicy_flag_names, "invalid memory policy flag");

static const struct type t_nodes = STRING(check_nodes);

static const struct field memory_policy_fields[] = {
	FIELD(spec_memory_policy, mode, "mode", &t_policy_mode, REQUIRED),
	FIELD(spec_memory_policy, nodes, "nodes", &t_nodes, 0),
	FIELD(spec_memory_policy, flags, "flags", &t_policy_flags, 0),
	{ 0 },
};
static const struct type t_memory_policy =
	OBJECT_CHECKED(spec_memory_policy, memory_policy_fields, check_memory_policy);

static const struct type t_clos_id = STRING(check_clos_id);
static const struct type t_schema = STRING(check_schema);
static const struct type t_schemata = ARRAY(&t_schema);
static const struct type t_mb_schema = STRING(check_mb_schema);

static const struct field intel_rdt_fields[] = {
	FIELD(spec_intel_rdt, clos_id, "closID", &t_clos_id, 0),
	FIELD(spec_intel_rdt, schemata, "schemata", &t_schemata, 0),
	FIELD(spec_intel_rdt, l3_cache_schema, "l3CacheSchema", &t_schema, 0),
	FIELD(spec_intel_rdt, mem_bw_schema, "memBwSchema", &t_mb_schema, 0),
	FIELD(spec_intel_rdt, enable_monitoring, "enableMonitoring", &t_bool, 0),
	{ 0 },
};
static const struct type t_intel_rdt = OBJECT(spec_intel_rdt, intel_rdt_fields);

static const struct type t_mount_label = STRING(check_mount_label);

static const struct field linux_fields[] = {
	FIELD(spec_linux, namespaces, "namespaces", &t_namespaces, 0),
	FIELD(spec_linux, uid_mappings, "uidMappings", &t_id_maps, 0),
	FIELD(spec_linux, gid_mappings, "gidMappings", &t_id_maps, 0),
	FIELD(spec_linux, time_offsets, "timeOffsets", &t_time_offsets, 0),
	FIELD(spec_linux, devices, "devices", &t_devices, 0),
	FIELD(spec_linux, net_devices, "netDevices", &t_net_devices, 0),
	FIELD(spec_linux, cgroups_path, "cgroupsPath", &t_str, 0),
	FIELD(spec_linux, resources, "resources", &spec_resources_type, 0),
	FIELD(spec_linux, intel_rdt, "intelRdt", &t_intel_rdt, 0),
	FIELD(spec_linux, memory_policy, "memoryPolicy", &t_memory_policy, 0),
	FIELD(spec_linux, sysctl, "sysctl", &t_str_map, 0),
	FIELD(spec_linux, seccomp, "seccomp", &t_seccomp, 0),
	FIELD(spec_linux, rootfs_propagation, "rootfsPropagation", &t_propagation, 0),
	FIELD(spec_linux, masked_paths, "maskedPaths", &t_abspaths, 0),
	FIELD(spec_linux, readonly_paths, "readonlyPaths", &t_abspaths, 0),
	FIELD(spec_linux, mount_label, "mountLabel", &t_mount_label, 0),
	FIELD(spec_linux, personality, "personality", &t_personality, 0),
	{ 0 },
};
const struct type t_linux = OBJECT(spec_linux, linux_fields);
