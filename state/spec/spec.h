/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of a container (config.json, runtime-spec 1.3.0), typed.
 *
 * A member is the JSON key in snake_case. Absent: strings and objects are NULL, numbers have
 * set == false, arrays v == NULL (see state/spec/decode.h). Everything lies in one arena, which may be
 * shared with the container's init, so nothing here points anywhere else.
 */
#ifndef STATE_SPEC_H
#define STATE_SPEC_H

#include "state/spec/decode.h"
#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

#define SPEC_FILE_MAX \
	((size_t)4 << 20) /* bytes of config.json, JSON_FILE_MAX of state/format/json.h */

/* root */
struct spec_root {
	char *path; /* as written: relative to the bundle, or absolute */
	bool readonly;
};

/* A line of uid_map or gid_map. */
struct spec_id_map {
	struct opt_uint container_id, host_id, size; /* always set, at most UINT32_MAX */
};
struct spec_id_maps {
	size_t n;
	struct spec_id_map *v;
};

/* mounts[] */
struct spec_mount {
	char *destination; /* not empty; may be relative (to the root), with a warning */
	char *type;
	char *source;
	struct str_array options;
	struct spec_id_maps uid_mappings, gid_mappings; /* both or none */
};
struct spec_mounts {
	size_t n;
	struct spec_mount *v;
};

/* process */
struct spec_console_size {
	struct opt_uint height, width; /* always set, at most UINT16_MAX */
};

struct spec_user {
	struct opt_uint uid, gid; /* at most UINT32_MAX - 1; 0 when not set */
	struct opt_uint umask;
	ARRAY_OF(struct opt_uint) additional_gids;
};

/* Capabilities of a set: bit N of mask is capability N; unknown names are kept for a warning. */
struct spec_capabilities {
	struct name_set bounding, effective, inheritable, permitted, ambient;
};

struct spec_rlimit {
	int type; /* RLIMIT_* */
	struct opt_uint soft, hard;
};
struct spec_rlimits {
	size_t n;
	struct spec_rlimit *v;
};

struct spec_io_priority {
	int class; /* IOPRIO_CLASS_*, as a number */
	struct opt_int priority;
};

struct spec_scheduler {
	int policy; /* SCHED_* */
	struct opt_int nice, priority;
	struct name_set flags; /* the mask is sched_attr.sched_flags */
	struct opt_uint runtime, deadline, period;
};

struct spec_exec_cpu_affinity {
	char *initial, *final;
};

struct spec_process {
	bool terminal;
	struct spec_console_size *console_size;
	struct spec_user *user; /* never NULL: absent is 0:0 */
	struct str_array args;	/* at least one; v[n] is NULL */
	struct str_array env;	/* each with a '=' and not beginning with it; v[n] is NULL */
	char *cwd;		/* absolute */
	struct spec_capabilities *capabilities;
	struct spec_rlimits rlimits;
	bool no_new_privileges;
	struct opt_int oom_score_adj;
	char *apparmor_profile;
	char *selinux_label;
	struct spec_io_priority *io_priority;
	struct spec_scheduler *scheduler;
	struct spec_exec_cpu_affinity *exec_cpu_affinity;
};

/* hooks */
struct spec_hook {
	char *path; /* absolute */
	struct str_array args;
	struct str_array env;	/* v == NULL: absent, the hook inherits the environment of hull */
	struct opt_int timeout; /* seconds, > 0 */
};
struct spec_hook_list {
	size_t n;
	struct spec_hook *v;
};
struct spec_hooks {
	struct spec_hook_list prestart, create_runtime, create_container, start_container;
	struct spec_hook_list poststart, poststop;
};

/* linux */
struct spec_namespace {
	int type;   /* CLONE_NEW* */
	char *path; /* absolute, or NULL: a new one */
};
struct spec_namespaces {
	size_t n;
	struct spec_namespace *v;
};

struct spec_time_offset {
	struct opt_int secs;
	struct opt_uint nanosecs;
};
struct spec_time_offsets {
	struct spec_time_offset *monotonic, *boottime;
};

struct spec_device {
	int type;		     /* 'c', 'b', 'p'; "u" is 'c' */
	char *path;		     /* absolute */
	struct opt_int major, minor; /* set unless type is 'p' */
	struct opt_uint file_mode;   /* use only the bits 07777 */
	struct opt_uint uid, gid;
};
struct spec_devices {
	size_t n;
	struct spec_device *v;
};

struct spec_net_device {
	char *key; /* its name on the host */
	char *name;
};
struct spec_net_devices {
	size_t n;
	struct spec_net_device *v;
};

struct spec_personality {
	int domain;		/* PER_LINUX or PER_LINUX32 */
	struct str_array flags; /* to be ignored with a warning; the specification defines none */
};

struct spec_memory_policy {
	int mode; /* MPOL_* */
	char *nodes;
	struct name_set flags; /* the mask is to be or'ed into the mode */
};

struct spec_intel_rdt {
	char *clos_id;
	struct str_array schemata;
	char *l3_cache_schema, *mem_bw_schema;
	bool enable_monitoring;
};

/* linux.seccomp */
struct spec_syscall_arg {
	struct opt_uint index, value, value_two; /* index and value are always set */
	int op;					 /* enum seccomp_op */
};
struct spec_syscall {
	struct str_array names; /* at least one */
	int action;		/* enum seccomp_action */
	struct opt_uint errno_ret;
	ARRAY_OF(struct spec_syscall_arg) args;
};
struct spec_seccomp {
	int default_action; /* enum seccomp_action */
	struct opt_uint default_errno_ret;
	ARRAY_OF(int) architectures; /* enum seccomp_arch */
	struct name_set flags;	     /* enum seccomp_flag; set == false is not the same as [] */
	char *listener_path, *listener_metadata;
	bool fail_unknown; /* by annotation: an unknown name in syscalls is an error */
	ARRAY_OF(struct spec_syscall) syscalls;
};

/* linux.resources */
struct spec_device_rule {
	bool allow;
	int type;		     /* 'a', 'b', 'c' */
	struct opt_int major, minor; /* not set or -1: all */
	char *access;		     /* not empty, of the letters r, w, m */
};

struct spec_memory {
	struct opt_int limit, reservation, swap; /* -1 is no limit */
	struct opt_int kernel, kernel_tcp;
	struct opt_uint swappiness;
	struct opt_bool disable_oom_killer, use_hierarchy, check_before_update;
};

struct spec_cpu {
	struct opt_uint shares, burst, period, realtime_period;
	struct opt_int quota, realtime_runtime, idle;
	char *cpus, *mems;
};

struct spec_pids {
	struct opt_int limit;
};

struct spec_hugepage_limit {
	char *page_size;       /* "2MB" */
	struct opt_uint limit; /* always set */
};

struct spec_weight_device {
	struct opt_int major, minor;
	struct opt_uint weight, leaf_weight;
};
struct spec_throttle_device {
	struct opt_int major, minor;
	struct opt_uint rate;
};
struct spec_throttle_devices {
	size_t n;
	struct spec_throttle_device *v;
};
struct spec_block_io {
	struct opt_uint weight, leaf_weight;
	ARRAY_OF(struct spec_weight_device) weight_device;
	struct spec_throttle_devices throttle_read_bps_device, throttle_write_bps_device;
	struct spec_throttle_devices throttle_read_iops_device, throttle_write_iops_device;
};

struct spec_interface_priority {
	char *name;
	struct opt_uint priority;
};
struct spec_network {
	struct opt_uint class_id;
	ARRAY_OF(struct spec_interface_priority) priorities;
};

struct spec_rdma {
	char *key; /* the device */
	struct opt_uint hca_handles, hca_objects;
};

struct spec_resources {
	ARRAY_OF(struct spec_device_rule) devices;
	struct spec_memory *memory;
	struct spec_cpu *cpu;
	struct spec_pids *pids;
	ARRAY_OF(struct spec_hugepage_limit) hugepage_limits;
	struct str_map unified; /* cgroup v2: file -> content */
	struct spec_block_io *block_io;
	struct spec_network *network;
	ARRAY_OF(struct spec_rdma) rdma;
};

struct spec_linux {
	struct spec_namespaces namespaces; /* no type twice */
	struct spec_id_maps uid_mappings, gid_mappings;
	struct spec_time_offsets *time_offsets;
	struct spec_devices devices;
	char *cgroups_path;
	struct spec_resources *resources;
	/* Keys with dots: "net/ipv4/x" is changed to "net.ipv4.x"; spec_sysctl_path() says where. */
	struct str_map sysctl;
	struct spec_seccomp *seccomp;
	int rootfs_propagation; /* MS_SHARED, MS_REC | MS_SLAVE, ...; 0 when absent */
	struct str_array masked_paths, readonly_paths; /* absolute */
	struct spec_personality *personality;
	char *mount_label;
	struct spec_net_devices net_devices;
	struct spec_memory_policy *memory_policy;
	struct spec_intel_rdt *intel_rdt;
};

struct spec {
	char *oci_version;
	struct spec_root *root; /* never NULL */
	struct spec_mounts mounts;
	struct spec_process *process; /* never NULL */
	struct spec_hooks *hooks;
	char *hostname, *domainname;
	struct str_map annotations;
	struct spec_linux *linux_; /* never NULL; "linux" is a macro of the compiler */
};

/*
 * Read, decode and check. The text is not changed and not needed afterwards. On failure
 * e->pointer says where in the file, and nothing in the arena is of use.
 */
must_check int spec_read(const char *text, size_t len, struct arena *a, struct spec **ret,
			 struct err *e);
/*
 * All that is wrong with it, told to fn: first of each property by itself; only when all of those are
 * right, those between properties, of most rules the first failure, and *ret is the configuration, which is
 * NULL before. -1 for a text that is no JSON.
 */
must_check int spec_read_all(const char *text, size_t len, struct arena *a, struct spec **ret,
			     void (*fn)(void *arg, const struct err *e), void *arg, struct err *e);
/* The same for the file of exec --process and of update --resources: pointers start at its root. */
must_check int spec_process_read(const char *text, size_t len, struct arena *a,
				 struct spec_process **ret, struct err *e);
must_check int spec_resources_read(const char *text, size_t len, struct arena *a,
				   struct spec_resources **ret, struct err *e);

/*
 * The rules between the fields of process, for one that was changed after it was read; the
 * readers above have applied them. Pointers start at the process.
 */
must_check int spec_process_check(const struct spec_process *p, struct err *e);

/* The entry for one CLONE_NEW* flag, or NULL. */
const struct spec_namespace *spec_namespace(const struct spec *s, int type);
/* All types in namespaces[] as CLONE_NEW* flags. */
int spec_namespace_flags(const struct spec *s);
/* The mount has this type; among its options is this one; it is a bind mount, by its options or its type. */
bool spec_mount_is(const struct spec_mount *m, const char *type);
bool spec_mount_has(const struct spec_mount *m, const char *option);
bool spec_mount_is_bind(const struct spec_mount *m);
/* What unified has for a file, or NULL. */
const char *spec_unified(const struct spec_resources *r, const char *file);
/* The CPU groups that run when no other wants to, whichever of cpu.idle and unified's asks for it. */
bool spec_is_idle(const struct spec_resources *r);
/* A key of sysctl as a path below /proc/sys: "net.ipv4.x" is net/ipv4/x. The caller frees it. */
char *spec_sysctl_path(const char *key);
/* Which namespace (CLONE_NEW*) the sysctl of this key belongs to; 0 for none that is allowed. */
int spec_sysctl_namespace(const char *key);
/* Some rule has calls decided by an agent: the filter has a listener. s may be NULL. */
bool spec_notifies(const struct spec_seccomp *s);
/* The value of an annotation, or NULL. */
const char *spec_annotation(const struct spec *s, const char *key);

/* For decode_visit() and for tables elsewhere (record.c may embed them). */
extern const struct type spec_type, spec_process_type, spec_resources_type;

#endif
