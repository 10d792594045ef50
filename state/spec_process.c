/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of config.md, sections Process and POSIX-platform Hooks. */
#include "state/spec_types.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

static int check_args(const void *value, struct err *e)
{
	const struct str_array *args = value;

	if (!args->n)
		return err_set(e, EINVAL, "must not be empty");
	if (!args->v[0][0]) {
		err_set(e, EINVAL, "the program's name must not be empty");
		return err_at_index(e, 0);
	}
	return 0;
}

/* config.md, Process: env has the semantics of IEEE Std 1003.1-2008's environ. */
static int check_env(const void *value, struct err *e)
{
	const struct str_array *env = value;
	const char *sign;

	for (size_t i = 0; i < env->n; i++) {
		sign = strchr(env->v[i], '=');
		if (sign && sign != env->v[i])
			continue;
		decode_bad(e, env->v[i],
			   sign ? "has no name before the '='" : "is not of the form NAME=VALUE");
		return err_at_index(e, i);
	}
	return 0;
}

/* clang-format off: tables, one row to a property. */

static const struct type t_args = ARRAY_CHECKED(&t_str, check_args);
static const struct type t_env = ARRAY_CHECKED(&t_str, check_env);

static const struct field console_size_fields[] = {
	FIELD(spec_console_size, height, "height", &t_uint16, REQUIRED),
	FIELD(spec_console_size, width, "width", &t_uint16, REQUIRED),
	{ 0 },
};
static const struct type t_console_size = OBJECT(spec_console_size, console_size_fields);

static const struct type t_ids = ARRAY(&t_id);
static const struct type t_umask = UINT(0777);

/* The schema requires neither id, and engines leave out a gid of 0. */
static const struct field user_fields[] = {
	FIELD(spec_user, uid, "uid", &t_id, 0),
	FIELD(spec_user, gid, "gid", &t_id, 0),
	FIELD(spec_user, umask, "umask", &t_umask, 0),
	FIELD(spec_user, additional_gids, "additionalGids", &t_ids, 0),
	IGNORE("username", "for Windows only: config.md, User"),
	{ 0 },
};
static const struct type t_user = OBJECT(spec_user, user_fields);

/* config.md, Linux Process: a value that is unknown or "cannot be granted ... MUST be logged as a warning". */
static const struct type t_cap_set = { .kind = K_NAME_SET,
				       .size = sizeof(struct name_set),
				       .names = cap_names,
				       .what = "capability",
				       .unknown_ok = true };

static const struct field capabilities_fields[] = {
	FIELD(spec_capabilities, bounding, "bounding", &t_cap_set, 0),
	FIELD(spec_capabilities, effective, "effective", &t_cap_set, 0),
	FIELD(spec_capabilities, inheritable, "inheritable", &t_cap_set, 0),
	FIELD(spec_capabilities, permitted, "permitted", &t_cap_set, 0),
	FIELD(spec_capabilities, ambient, "ambient", &t_cap_set, 0),
	{ 0 },
};
static const struct type t_capabilities = OBJECT(spec_capabilities, capabilities_fields);

static const struct type t_rlimit_type = ENUM(rlimit_names, "rlimit");

static const struct field rlimit_fields[] = {
	FIELD(spec_rlimit, type, "type", &t_rlimit_type, REQUIRED),
	FIELD(spec_rlimit, soft, "soft", &t_uint64, REQUIRED),
	FIELD(spec_rlimit, hard, "hard", &t_uint64, REQUIRED),
	{ 0 },
};
static const struct type t_rlimit = OBJECT(spec_rlimit, rlimit_fields);
static const struct type t_rlimits = ARRAY(&t_rlimit);

static const struct type t_oom_score_adj = INT(-1000, 1000); /* proc(5) */

static const struct type t_io_class = ENUM(ioprio_class_names, "I/O scheduling class");

static const struct field io_priority_fields[] = {
	FIELD(spec_io_priority, class, "class", &t_io_class, REQUIRED),
	FIELD(spec_io_priority, priority, "priority", &t_int32, 0),
	{ 0 },
};
static const struct type t_io_priority = OBJECT(spec_io_priority, io_priority_fields);

static const struct type t_sched_policy = ENUM(sched_policy_names, "scheduling policy");
static const struct type t_sched_flags = NAME_SET(sched_flag_names, "scheduling flag");

static const struct field scheduler_fields[] = {
	FIELD(spec_scheduler, policy, "policy", &t_sched_policy, REQUIRED),
	FIELD(spec_scheduler, nice, "nice", &t_int32, 0),
	FIELD(spec_scheduler, priority, "priority", &t_int32, 0),
	FIELD(spec_scheduler, flags, "flags", &t_sched_flags, 0),
	FIELD(spec_scheduler, runtime, "runtime", &t_uint64, 0),
	FIELD(spec_scheduler, deadline, "deadline", &t_uint64, 0),
	FIELD(spec_scheduler, period, "period", &t_uint64, 0),
	{ 0 },
};
static const struct type t_scheduler = OBJECT(spec_scheduler, scheduler_fields);

static const struct field affinity_fields[] = {
	FIELD(spec_exec_cpu_affinity, initial, "initial", &t_str, 0),
	FIELD(spec_exec_cpu_affinity, final, "final", &t_str, 0),
	{ 0 },
};
static const struct type t_affinity = OBJECT(spec_exec_cpu_affinity, affinity_fields);

static const struct field process_fields[] = {
	FIELD(spec_process, terminal, "terminal", &t_bool, 0),
	FIELD(spec_process, console_size, "consoleSize", &t_console_size, 0),
	FIELD(spec_process, user, "user", &t_user, 0),
	FIELD(spec_process, args, "args", &t_args, REQUIRED),
	FIELD(spec_process, env, "env", &t_env, 0),
	FIELD(spec_process, cwd, "cwd", &t_abspath, REQUIRED),
	FIELD(spec_process, capabilities, "capabilities", &t_capabilities, 0),
	FIELD(spec_process, rlimits, "rlimits", &t_rlimits, 0),
	FIELD(spec_process, no_new_privileges, "noNewPrivileges", &t_bool, 0),
	FIELD(spec_process, oom_score_adj, "oomScoreAdj", &t_oom_score_adj, 0),
	FIELD(spec_process, apparmor_profile, "apparmorProfile", &t_str, LATER),
	FIELD(spec_process, selinux_label, "selinuxLabel", &t_str, LATER),
	FIELD(spec_process, io_priority, "ioPriority", &t_io_priority, LATER),
	FIELD(spec_process, scheduler, "scheduler", &t_scheduler, LATER),
	FIELD(spec_process, exec_cpu_affinity, "execCPUAffinity", &t_affinity, LATER),
	IGNORE("commandLine", "for Windows only: config.md, Process"),
	{ 0 },
};
const struct type spec_process_type = OBJECT(spec_process, process_fields);

static const struct field hook_fields[] = {
	FIELD(spec_hook, path, "path", &t_abspath, REQUIRED),
	FIELD(spec_hook, args, "args", &t_strs, 0),
	FIELD(spec_hook, env, "env", &t_env, 0),
	FIELD(spec_hook, timeout, "timeout", &t_seconds, 0),
	{ 0 },
};
static const struct type t_hook = OBJECT(spec_hook, hook_fields);
static const struct type t_hook_list = ARRAY(&t_hook);

static const struct field hooks_fields[] = {
	FIELD(spec_hooks, prestart, "prestart", &t_hook_list, 0),
	FIELD(spec_hooks, create_runtime, "createRuntime", &t_hook_list, 0),
	FIELD(spec_hooks, create_container, "createContainer", &t_hook_list, 0),
	FIELD(spec_hooks, start_container, "startContainer", &t_hook_list, 0),
	FIELD(spec_hooks, poststart, "poststart", &t_hook_list, 0),
	FIELD(spec_hooks, poststop, "poststop", &t_hook_list, 0),
	{ 0 },
};
const struct type t_hooks = OBJECT(spec_hooks, hooks_fields);
