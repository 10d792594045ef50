/* SPDX-License-Identifier: Apache-2.0 */
/* The table of config-linux.md, section Seccomp. Syscalls stay names: init/seccomp/seccomp.c resolves them. */
#include "state/spec/spec_types.h"

#include <errno.h>

static int check_names(const void *value, struct err *e)
{
	const struct str_array *names = value;

	if (!names->n)
		return err_set(e, EINVAL, "must not be empty");
	for (size_t i = 0; i < names->n; i++) {
		if (!names->v[i][0]) {
			err_set(e, EINVAL, "must not be empty");
			return err_at_index(e, i);
		}
	}
	return 0;
}

/* clang-format off: tables, one row to a property. */

static const struct type t_action = ENUM(seccomp_action_names, "seccomp action");
static const struct type t_op = ENUM(seccomp_op_names, "seccomp operator");
static const struct type t_arch = ENUM(seccomp_arch_names, "architecture");
static const struct type t_archs = ARRAY(&t_arch);
static const struct type t_flags = NAME_SET(seccomp_flag_names, "seccomp flag");
static const struct type t_arg_index = UINT(5); /* a system call has six arguments */
static const struct type t_names = ARRAY_CHECKED(&t_str, check_names);

static const struct field arg_fields[] = {
	FIELD(spec_syscall_arg, index, "index", &t_arg_index, REQUIRED),
	FIELD(spec_syscall_arg, value, "value", &t_uint64, REQUIRED),
	FIELD(spec_syscall_arg, value_two, "valueTwo", &t_uint64, 0),
	FIELD(spec_syscall_arg, op, "op", &t_op, REQUIRED),
	{ 0 },
};
static const struct type t_arg = OBJECT(spec_syscall_arg, arg_fields);
static const struct type t_syscall_args = ARRAY(&t_arg);

static const struct field syscall_fields[] = {
	FIELD(spec_syscall, names, "names", &t_names, REQUIRED),
	FIELD(spec_syscall, action, "action", &t_action, REQUIRED),
	FIELD(spec_syscall, errno_ret, "errnoRet", &t_uint32, 0),
	FIELD(spec_syscall, args, "args", &t_syscall_args, 0),
	{ 0 },
};
static const struct type t_syscall = OBJECT(spec_syscall, syscall_fields);
static const struct type t_syscalls = ARRAY(&t_syscall);

static const struct field seccomp_fields[] = {
	FIELD(spec_seccomp, default_action, "defaultAction", &t_action, REQUIRED),
	FIELD(spec_seccomp, default_errno_ret, "defaultErrnoRet", &t_uint32, 0),
	FIELD(spec_seccomp, architectures, "architectures", &t_archs, 0),
	FIELD(spec_seccomp, flags, "flags", &t_flags, 0),
	FIELD(spec_seccomp, listener_path, "listenerPath", &t_str, 0),
	FIELD(spec_seccomp, listener_metadata, "listenerMetadata", &t_str, 0),
	FIELD(spec_seccomp, syscalls, "syscalls", &t_syscalls, 0),
	{ 0 },
};
const struct type t_seccomp = OBJECT(spec_seccomp, seccomp_fields);
