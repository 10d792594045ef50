/* SPDX-License-Identifier: Apache-2.0 */
/* The table of config-linux.md, section Control Groups: linux.resources. */
#include "state/spec/spec_types.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/*
 * config-linux.md, Allowed Device list: "a composition of r, w, and m". Engines got away with others
 * beside them ("rwa"), which runc drops: cmd/ warns of those.
 */
static int check_access(const void *value, struct err *e)
{
	const char *access = *(char *const *)value;

	if (!*access)
		return err_set(e, EINVAL, "must not be empty");
	if (!strpbrk(access, "rwm"))
		return decode_bad(e, access, "has none of the letters r, w and m");
	return 0;
}

/* The schema's pattern, ^[1-9][0-9]*[KMG]B$; the size becomes a part of a file's name. */
static int check_page_size(const void *value, struct err *e)
{
	const char *size = *(char *const *)value;
	size_t n = strspn(size, "0123456789");

	if (!n || size[0] == '0' || !size[n] || !strchr("KMG", size[n]) ||
	    strcmp(size + n + 1, "B") != 0)
		return decode_bad(e, size, "is not a size such as 64KB, 2MB or 1GB");
	return 0;
}

/* config-linux.md, Unified: the keys are files in the container's own cgroup. */
static int check_unified(const void *value, struct err *e)
{
	const struct str_map *map = value;
	const char *key, *dot, *what;

	for (size_t i = 0; i < map->n; i++) {
		key = map->v[i].key;
		dot = strchr(key, '.');
		what = strchr(key, '/')		     ? "must be a file name (no slashes)" :
		       !dot || dot == key || !dot[1] ? "must be in the form CONTROLLER.PARAMETER" :
						       NULL;
		if (what) {
			err_set(e, EINVAL, "unified resource \"%.200s\" %s", key, what);
			return err_at_key(e, key);
		}
	}
	return 0;
}

/* config-linux.md, Block IO: "valid value range: 10 to 1000"; 0 is what engines send for none. */
static int check_weight(const void *value, struct err *e)
{
	const struct opt_uint *weight = value;

	if (!weight->v || (weight->v >= 10 && weight->v <= 1000))
		return 0;
	return err_set(e, ERANGE, "%" PRIu64 " is out of range (10 to 1000)", weight->v);
}

/* Names of network interfaces and of RDMA devices become the first word of a line. */
static int check_word(const void *value, struct err *e)
{
	const char *name = *(char *const *)value;

	if (!*name)
		return err_set(e, EINVAL, "must not be empty");
	return strpbrk(name, " \t\n/") ? decode_bad(e, name, "is not a device's name") : 0;
}

/* clang-format off: tables, one row to a property. */

static const struct type t_dev_number = INT(-1, UINT32_MAX); /* -1 is any */
static const struct type t_limit = INT(-1, 0);		     /* bytes; -1 is no limit */

static const struct type t_rule_type = ENUM(device_rule_names, "device type");
static const struct type t_access = STRING(check_access);

static const struct field device_fields[] = {
	FIELD(spec_device_rule, allow, "allow", &t_bool, REQUIRED),
	FIELD(spec_device_rule, type, "type", &t_rule_type, 0),
	FIELD(spec_device_rule, major, "major", &t_dev_number, 0),
	FIELD(spec_device_rule, minor, "minor", &t_dev_number, 0),
	FIELD(spec_device_rule, access, "access", &t_access, REQUIRED),
	{ 0 },
};
static const struct type t_device = OBJECT(spec_device_rule, device_fields);
static const struct type t_devices = ARRAY(&t_device);

static const struct field memory_fields[] = {
	FIELD(spec_memory, limit, "limit", &t_limit, 0),
	FIELD(spec_memory, reservation, "reservation", &t_limit, 0),
	FIELD(spec_memory, swap, "swap", &t_limit, 0),
	FIELD(spec_memory, kernel, "kernel", &t_limit, 0),
	FIELD(spec_memory, kernel_tcp, "kernelTCP", &t_limit, 0),
	FIELD(spec_memory, swappiness, "swappiness", &t_uint64, 0),
	FIELD(spec_memory, disable_oom_killer, "disableOOMKiller", &t_opt_bool, 0),
	FIELD(spec_memory, use_hierarchy, "useHierarchy", &t_opt_bool, 0),
	FIELD(spec_memory, check_before_update, "checkBeforeUpdate", &t_opt_bool, 0),
	{ 0 },
};
static const struct type t_memory = OBJECT(spec_memory, memory_fields);

static const struct field cpu_fields[] = {
	FIELD(spec_cpu, shares, "shares", &t_uint64, 0),
	FIELD(spec_cpu, quota, "quota", &t_int64, 0),
	FIELD(spec_cpu, burst, "burst", &t_uint64, 0),
	FIELD(spec_cpu, period, "period", &t_uint64, 0),
	FIELD(spec_cpu, realtime_runtime, "realtimeRuntime", &t_int64, 0),
	FIELD(spec_cpu, realtime_period, "realtimePeriod", &t_uint64, 0),
	FIELD(spec_cpu, cpus, "cpus", &t_str, 0),
	FIELD(spec_cpu, mems, "mems", &t_str, 0),
	FIELD(spec_cpu, idle, "idle", &t_int64, 0),
	{ 0 },
};
static const struct type t_cpu = OBJECT(spec_cpu, cpu_fields);

static const struct field pids_fields[] = {
	FIELD(spec_pids, limit, "limit", &t_int64, 0),
	{ 0 },
};
static const struct type t_pids = OBJECT(spec_pids, pids_fields);

static const struct type t_page_size = STRING(check_page_size);

static const struct field hugepage_fields[] = {
	FIELD(spec_hugepage_limit, page_size, "pageSize", &t_page_size, REQUIRED),
	FIELD(spec_hugepage_limit, limit, "limit", &t_uint64, REQUIRED),
	{ 0 },
};
static const struct type t_hugepage = OBJECT(spec_hugepage_limit, hugepage_fields);
static const struct type t_hugepages = ARRAY(&t_hugepage);

static const struct type t_unified = STR_MAP(check_unified);

static const struct type t_block_number = INT(0, UINT32_MAX);
static const struct type t_weight = {
	.kind = K_UINT, .size = sizeof(struct opt_uint), .max = UINT16_MAX, .check = check_weight
};

static const struct field weight_device_fields[] = {
	FIELD(spec_weight_device, major, "major", &t_block_number, REQUIRED),
	FIELD(spec_weight_device, minor, "minor", &t_block_number, REQUIRED),
	FIELD(spec_weight_device, weight, "weight", &t_weight, 0),
	FIELD(spec_weight_device, leaf_weight, "leafWeight", &t_weight, 0),
	{ 0 },
};
static const struct type t_weight_device = OBJECT(spec_weight_device, weight_device_fields);
static const struct type t_weight_devices = ARRAY(&t_weight_device);

static const struct field throttle_fields[] = {
	FIELD(spec_throttle_device, major, "major", &t_block_number, REQUIRED),
	FIELD(spec_throttle_device, minor, "minor", &t_block_number, REQUIRED),
	FIELD(spec_throttle_device, rate, "rate", &t_uint64, 0),
	{ 0 },
};
static const struct type t_throttle = OBJECT(spec_throttle_device, throttle_fields);
static const struct type t_throttles = ARRAY(&t_throttle);

static const struct field block_io_fields[] = {
	FIELD(spec_block_io, weight, "weight", &t_weight, 0),
	FIELD(spec_block_io, leaf_weight, "leafWeight", &t_weight, 0),
	FIELD(spec_block_io, weight_device, "weightDevice", &t_weight_devices, 0),
	FIELD(spec_block_io, throttle_read_bps_device, "throttleReadBpsDevice", &t_throttles, 0),
	FIELD(spec_block_io, throttle_write_bps_device, "throttleWriteBpsDevice", &t_throttles, 0),
	FIELD(spec_block_io, throttle_read_iops_device, "throttleReadIOPSDevice", &t_throttles, 0),
	FIELD(spec_block_io, throttle_write_iops_device, "throttleWriteIOPSDevice", &t_throttles,
	      0),
	{ 0 },
};
static const struct type t_block_io = OBJECT(spec_block_io, block_io_fields);

static const struct type t_interface = STRING(check_word);

static const struct field priority_fields[] = {
	FIELD(spec_interface_priority, name, "name", &t_interface, REQUIRED),
	FIELD(spec_interface_priority, priority, "priority", &t_uint32, REQUIRED),
	{ 0 },
};
static const struct type t_priority = OBJECT(spec_interface_priority, priority_fields);
static const struct type t_priorities = ARRAY(&t_priority);

static const struct field network_fields[] = {
	FIELD(spec_network, class_id, "classID", &t_uint32, 0),
	FIELD(spec_network, priorities, "priorities", &t_priorities, 0),
	{ 0 },
};
static const struct type t_network = OBJECT(spec_network, network_fields);

static const struct field rdma_fields[] = {
	FIELD(spec_rdma, hca_handles, "hcaHandles", &t_uint32, 0),
	FIELD(spec_rdma, hca_objects, "hcaObjects", &t_uint32, 0),
	{ 0 },
};
static const struct type t_rdma = OBJECT(spec_rdma, rdma_fields);
static const struct type t_rdmas = OBJ_MAP(&t_rdma);

static const struct field resources_fields[] = {
	FIELD(spec_resources, devices, "devices", &t_devices, 0),
	FIELD(spec_resources, memory, "memory", &t_memory, 0),
	FIELD(spec_resources, cpu, "cpu", &t_cpu, 0),
	FIELD(spec_resources, pids, "pids", &t_pids, 0),
	FIELD(spec_resources, hugepage_limits, "hugepageLimits", &t_hugepages, 0),
	FIELD(spec_resources, unified, "unified", &t_unified, 0),
	FIELD(spec_resources, block_io, "blockIO", &t_block_io, 0),
	FIELD(spec_resources, network, "network", &t_network, 0),
	FIELD(spec_resources, rdma, "rdma", &t_rdmas, 0),
	{ 0 },
};
const struct type spec_resources_type = OBJECT(spec_resources, resources_fields);
