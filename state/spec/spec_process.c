/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of config.md, sections Process and POSIX-platform Hooks. */
#include "state/spec/idset.h"
#include "state/spec/spec_types.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#define LABEL_MAX 4000

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

/* ioprio_set(2); not even IOPRIO_CLASS_IDLE takes others. */
static int check_io_priority(const void *value, struct err *e)
{
	const struct spec_io_priority *p = value;

	if (p->priority.v >= 0 && p->priority.v <= 7)
		return 0;
	err_set(e, EINVAL, "invalid ioPriority.Priority: %lld, expected 0 to 7",
		(long long)p->priority.v);
	return err_at_key(e, "priority");
}

static bool bad_nice(const struct spec_scheduler *s, struct err *e)
{
	if (s->nice.v >= -20 && s->nice.v <= 19)
		return false;
	err_set(e, EINVAL,
		"invalid scheduler.nice: %lld when scheduler.policy is %s, expected -20 to 19",
		(long long)s->nice.v, name_of(sched_policy_names, s->policy));
	return true;
}

static bool bad_priority(const struct spec_scheduler *s, struct err *e)
{
	bool wanted = s->policy == POLICY_FIFO || s->policy == POLICY_RR;

	if (wanted && (s->priority.v < 1 || s->priority.v > 99))
		err_set(e, EINVAL, "%lld is out of range (1 to 99) for %s",
			(long long)s->priority.v, name_of(sched_policy_names, s->policy));
	else if (!wanted && s->priority.v)
		err_set(e, EINVAL,
			"scheduler.priority can only be specified for SchedFIFO or SchedRR policy");
	else
		return false;
	return true;
}

/* The key of what is wrong about runtime, deadline and period, or NULL. */
static const char *bad_deadline(const struct spec_scheduler *s, struct err *e)
{
	if (s->policy != POLICY_DEADLINE) {
		if (!s->runtime.v && !s->deadline.v && !s->period.v)
			return NULL;
		err_set(e, EINVAL,
			"scheduler runtime/deadline/period can only be specified for SchedDeadline policy");
		return s->runtime.v ? "runtime" : s->deadline.v ? "deadline" : "period";
	}
	if (!s->runtime.v || !s->deadline.v) {
		err_set(e, EINVAL, "SCHED_DEADLINE needs runtime and deadline, in nanoseconds");
		return s->runtime.v ? "deadline" : "runtime";
	}
	if (s->runtime.v > s->deadline.v) {
		err_set(e, EINVAL, "%llu is larger than the deadline %llu",
			(unsigned long long)s->runtime.v, (unsigned long long)s->deadline.v);
		return "runtime";
	}
	if (s->period.v && s->deadline.v > s->period.v) {
		err_set(e, EINVAL, "%llu is larger than the period %llu",
			(unsigned long long)s->deadline.v, (unsigned long long)s->period.v);
		return "deadline";
	}
	return NULL;
}

/* sched_setattr(2): which fields go with which policy. */
static int check_scheduler(const void *value, struct err *e)
{
	const struct spec_scheduler *s = value;
	const char *key = bad_nice(s, e)     ? "nice" :
			  bad_priority(s, e) ? "priority" :
					       bad_deadline(s, e);

	return key ? err_at_key(e, key) : 0;
}

/* proc_pid_attr(5): one line, at most a page with the command before it. */
static int check_label(const void *value, struct err *e)
{
	const char *label = *(char *const *)value;

	if (strchr(label, '\n'))
		return decode_bad(e, label, "is not a label");
	return strlen(label) <= LABEL_MAX ?
		       0 :
		       err_set(e, EINVAL, "is longer than %d bytes", LABEL_MAX);
}

static int check_cpus(const void *value, struct err *e)
{
	struct idset cpus;

	return idset_parse(*(char *const *)value, &cpus, e);
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
static const struct type t_io_priority =
	OBJECT_CHECKED(spec_io_priority, io_priority_fields, check_io_priority);

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
static const struct type t_scheduler =
	OBJECT_CHECKED(spec_scheduler, scheduler_fields, check_scheduler);

static const struct type t_cpus = STRING(check_cpus);

static const struct field affinity_fields[] = {
	FIELD(spec_exec_cpu_affinity, initial, "initial", &t_cpus, 0),
	FIELD(spec_exec_cpu_affinity, final, "final", &t_cpus, 0),
	{ 0 },
};
static const struct type t_affinity = OBJECT(spec_exec_cpu_affinity, affinity_fields);

static const struct type t_label = STRING(check_label);

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
	FIELD(spec_process, apparmor_profile, "apparmorProfile", &t_label, 0),
	FIELD(spec_process, selinux_label, "selinuxLabel", &t_label, 0),
	FIELD(spec_process, io_priority, "ioPriority", &t_io_priority, 0),
	FIELD(spec_process, scheduler, "scheduler", &t_scheduler, 0),
	FIELD(spec_process, exec_cpu_affinity, "execCPUAffinity", &t_affinity, 0),
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
