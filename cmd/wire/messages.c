/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of containerd's messages: field number, kind, member. Pure. */
#include "cmd/wire/messages.h"

/* clang-format off */
#define END { 0, PB_NUMBER, 0, NULL }

#define ROW(m, number, kind) PB_ROW(shim_any, m, number, kind)
const struct pb_row shim_any_rows[] = {
	ROW(url, 1, PB_STRING), ROW(value, 2, PB_BYTES), END,
};
#undef ROW

const struct pb_row shim_time_rows[] = {
	PB_ROW(shim_time, seconds, 1, PB_NUMBER), PB_ROW(shim_time, nanos, 2, PB_NUMBER), END,
};

/* --- ttrpc --- */

const struct pb_row shim_request_rows[] = {
	PB_ROW(shim_request, service, 1, PB_STRING),
	PB_ROW(shim_request, method, 2, PB_STRING),
	PB_ROW(shim_request, payload, 3, PB_BYTES),
	PB_ROW(shim_request, timeout_ns, 4, PB_NUMBER),
	END,
};
const struct pb_row shim_status_rows[] = {
	PB_ROW(shim_status, code, 1, PB_NUMBER),
	PB_ROW(shim_status, message, 2, PB_BYTES),
	END,
};
const struct pb_row shim_response_rows[] = {
	PB_INNER_ROW(shim_response, status, 1, shim_status_rows),
	PB_ROW(shim_response, payload, 2, PB_BYTES),
	END,
};

/* --- Requests --- */

#define ROW(m, number, kind) PB_ROW(task_request, m, number, kind)
#define ANY(m, number)	     PB_INNER_ROW(task_request, m, number, shim_any_rows)

const struct pb_row task_id_rows[] = {
	ROW(id, 1, PB_STRING), ROW(exec_id, 2, PB_STRING), END,
};
const struct pb_row task_shutdown_rows[] = {
	ROW(id, 1, PB_STRING), END,
};
const struct pb_row task_create_rows[] = {
	ROW(id, 1, PB_STRING),
	ROW(bundle, 2, PB_STRING),
	ROW(mounts, TASK_MOUNTS, PB_EACH),
	ROW(terminal, 4, PB_BOOL),
	ROW(in, 5, PB_STRING),
	ROW(out, 6, PB_STRING),
	ROW(err, 7, PB_STRING),
	ROW(checkpoint, 8, PB_STRING),
	ROW(parent_checkpoint, 9, PB_STRING),
	ANY(options, 10),
	END,
};
const struct pb_row task_exec_rows[] = {
	ROW(id, 1, PB_STRING),
	ROW(exec_id, 2, PB_STRING),
	ROW(terminal, 3, PB_BOOL),
	ROW(in, 4, PB_STRING),
	ROW(out, 5, PB_STRING),
	ROW(err, 6, PB_STRING),
	ANY(spec, 7),
	END,
};
const struct pb_row task_resize_rows[] = {
	ROW(id, 1, PB_STRING),
	ROW(exec_id, 2, PB_STRING),
	ROW(width, 3, PB_NUMBER),
	ROW(height, 4, PB_NUMBER),
	END,
};
const struct pb_row task_kill_rows[] = {
	ROW(id, 1, PB_STRING),
	ROW(exec_id, 2, PB_STRING),
	ROW(signal, 3, PB_NUMBER),
	ROW(all, 4, PB_BOOL),
	END,
};
const struct pb_row task_close_rows[] = {
	ROW(id, 1, PB_STRING),
	ROW(exec_id, 2, PB_STRING),
	ROW(close_stdin, 3, PB_BOOL),
	END,
};
const struct pb_row task_checkpoint_rows[] = {
	ROW(id, 1, PB_STRING), ROW(path, 2, PB_STRING), ANY(options, 3), END,
};
const struct pb_row task_update_rows[] = {
	ROW(id, 1, PB_STRING), ANY(resources, 2), END,
};
#undef ROW
#undef ANY

/* --- Responses --- */

#define ROW(m, number, kind) PB_ROW(task_response, m, number, kind)
#define TIME(number)	     PB_INNER_ROW(task_response, exited_at, number, shim_time_rows)

const struct pb_row task_pid_rows[] = {
	ROW(pid, 1, PB_NUMBER), END,
};
const struct pb_row task_deleted_rows[] = {
	ROW(pid, 1, PB_NUMBER), ROW(exit_status, 2, PB_NUMBER), TIME(3), END,
};
const struct pb_row task_state_rows[] = {
	ROW(id, 1, PB_STRING),
	ROW(bundle, 2, PB_STRING),
	ROW(pid, 3, PB_NUMBER),
	ROW(status, 4, PB_NUMBER),
	ROW(in, 5, PB_STRING),
	ROW(out, 6, PB_STRING),
	ROW(err, 7, PB_STRING),
	ROW(terminal, 8, PB_BOOL),
	ROW(exit_status, 9, PB_NUMBER),
	TIME(10),
	ROW(exec_id, 11, PB_STRING),
	END,
};
const struct pb_row task_wait_rows[] = {
	ROW(exit_status, 1, PB_NUMBER), TIME(2), END,
};
const struct pb_row task_connect_rows[] = {
	ROW(shim_pid, 1, PB_NUMBER), ROW(pid, 2, PB_NUMBER), END,
};
const struct pb_row task_pids_rows[] = {
	ROW(processes, 1, PB_EACH), END,
};
const struct pb_row task_stats_rows[] = {
	PB_INNER_ROW(task_response, stats, 1, shim_any_rows), END,
};
#undef ROW
#undef TIME

const struct pb_row shim_process_info_rows[] = {
	PB_ROW(shim_process_info, pid, 1, PB_NUMBER),
	PB_INNER_ROW(shim_process_info, info, 2, shim_any_rows),
	END,
};

/* --- Mounts, options, bootstrap --- */

const struct pb_row shim_mount_rows[] = {
	PB_ROW(shim_mount, type, 1, PB_STRING),
	PB_ROW(shim_mount, source, 2, PB_STRING),
	PB_ROW(shim_mount, target, 3, PB_STRING),
	PB_ROW(shim_mount, options, MOUNT_OPTIONS, PB_EACH),
	END,
};

#define ROW(m, number, kind) PB_ROW(shim_options, m, number, kind)
const struct pb_row shim_options_rows[] = {
	ROW(no_pivot, 1, PB_BOOL),
	ROW(no_new_keyring, 2, PB_BOOL),
	ROW(shim_cgroup, 3, PB_STRING),
	ROW(io_uid, 4, PB_NUMBER),
	ROW(io_gid, 5, PB_NUMBER),
	ROW(root, 7, PB_STRING),
	ROW(systemd_cgroup, 9, PB_BOOL),
	ROW(criu_work_path, 11, PB_STRING),
	END,
};
const struct pb_row shim_old_options_rows[] = {
	ROW(no_pivot, 1, PB_BOOL),
	ROW(no_new_keyring, 8, PB_BOOL),
	ROW(shim_cgroup, 9, PB_STRING),
	ROW(io_uid, 10, PB_NUMBER),
	ROW(io_gid, 11, PB_NUMBER),
	ROW(criu_work_path, 12, PB_STRING),
	END,
};
#undef ROW

#define ROW(m, number, kind) PB_ROW(shim_checkpoint_options, m, number, kind)
const struct pb_row shim_checkpoint_rows[] = {
	ROW(exit, 1, PB_BOOL),
	ROW(open_tcp, 2, PB_BOOL),
	ROW(external_unix, 3, PB_BOOL),
	ROW(terminal, 4, PB_BOOL),
	ROW(file_locks, 5, PB_BOOL),
	ROW(empty_ns, CHECKPOINT_EMPTY_NS, PB_EACH),
	ROW(cgroups_mode, 7, PB_STRING),
	ROW(image_path, 8, PB_STRING),
	ROW(work_path, 9, PB_STRING),
	ROW(parent_path, 10, PB_STRING),
	END,
};
const struct pb_row shim_old_checkpoint_rows[] = {
	ROW(exit, 1, PB_BOOL),
	ROW(open_tcp, 2, PB_BOOL),
	ROW(external_unix, 3, PB_BOOL),
	ROW(terminal, 4, PB_BOOL),
	ROW(file_locks, 5, PB_BOOL),
	ROW(empty_ns, CHECKPOINT_EMPTY_NS, PB_EACH),
	ROW(cgroups_mode, 7, PB_STRING),
	ROW(work_path, 8, PB_STRING),
	ROW(image_path, 9, PB_STRING),
	END,
};
#undef ROW

#define ROW(m, number, kind) PB_ROW(shim_params, m, number, kind)
const struct pb_row shim_params_rows[] = {
	ROW(id, 1, PB_STRING),
	ROW(ns, 2, PB_STRING),
	ROW(ttrpc_address, 5, PB_STRING),
	ROW(grpc_address, 6, PB_STRING),
	ROW(extensions, PARAMS_EXTENSIONS, PB_EACH),
	ROW(socket_dir, 9, PB_STRING),
	END,
};
#undef ROW
const struct pb_row shim_extension_rows[] = {
	PB_INNER_ROW(shim_extension, value, 1, shim_any_rows), END,
};
const struct pb_row shim_result_rows[] = {
	PB_ROW(shim_result, version, 1, PB_NUMBER),
	PB_ROW(shim_result, address, 2, PB_STRING),
	PB_ROW(shim_result, protocol, 3, PB_STRING),
	END,
};

/* --- Events --- */

#define ROW(m, number, kind) PB_ROW(task_event, m, number, kind)
#define TIME(number)	     PB_INNER_ROW(task_event, exited_at, number, shim_time_rows)

static const struct pb_row io_rows[] = {
	ROW(io.in, 1, PB_STRING),
	ROW(io.out, 2, PB_STRING),
	ROW(io.err, 3, PB_STRING),
	ROW(io.terminal, 4, PB_BOOL),
	END,
};
const struct pb_row event_create_rows[] = {
	ROW(container_id, 1, PB_STRING),
	ROW(bundle, 2, PB_STRING),
	ROW(mounts, TASK_MOUNTS, PB_EACH),
	{ 4, PB_INNER, 0, io_rows }, /* whose offsets are those of struct task_event */
	ROW(checkpoint, 5, PB_STRING),
	ROW(pid, 6, PB_NUMBER),
	END,
};
const struct pb_row event_start_rows[] = {
	ROW(container_id, 1, PB_STRING), ROW(pid, 2, PB_NUMBER), END,
};
const struct pb_row event_delete_rows[] = {
	ROW(container_id, 1, PB_STRING),
	ROW(pid, 2, PB_NUMBER),
	ROW(exit_status, 3, PB_NUMBER),
	TIME(4),
	ROW(id, 5, PB_STRING),
	END,
};
const struct pb_row event_exit_rows[] = {
	ROW(container_id, 1, PB_STRING),
	ROW(id, 2, PB_STRING),
	ROW(pid, 3, PB_NUMBER),
	ROW(exit_status, 4, PB_NUMBER),
	TIME(5),
	END,
};
const struct pb_row event_id_rows[] = {
	ROW(container_id, 1, PB_STRING), END,
};
const struct pb_row event_exec_added_rows[] = {
	ROW(container_id, 1, PB_STRING), ROW(exec_id, 2, PB_STRING), END,
};
const struct pb_row event_exec_started_rows[] = {
	ROW(container_id, 1, PB_STRING),
	ROW(exec_id, 2, PB_STRING),
	ROW(pid, 3, PB_NUMBER),
	END,
};
const struct pb_row event_checkpointed_rows[] = {
	ROW(container_id, 1, PB_STRING), ROW(checkpoint, 2, PB_STRING), END,
};
#undef ROW
#undef TIME

static const struct pb_row envelope_rows[] = {
	PB_INNER_ROW(shim_envelope, timestamp, 1, shim_time_rows),
	PB_ROW(shim_envelope, ns, 2, PB_STRING),
	PB_ROW(shim_envelope, topic, 3, PB_STRING),
	PB_INNER_ROW(shim_envelope, event, 4, shim_any_rows),
	END,
};
const struct pb_row shim_forward_rows[] = {
	PB_INNER_ROW(shim_forward, envelope, 1, envelope_rows), END,
};

static const struct pb_row info_version_rows[] = {
	PB_ROW(shim_info, version.version, 1, PB_STRING),
	PB_ROW(shim_info, version.revision, 2, PB_STRING),
	END,
};
const struct pb_row shim_info_rows[] = {
	PB_ROW(shim_info, name, 1, PB_STRING),
	{ 2, PB_INNER, 0, info_version_rows }, /* whose offsets are those of struct shim_info */
	PB_INNER_ROW(shim_info, options, 3, shim_any_rows),
	PB_INNER_ROW(shim_info, features, 4, shim_any_rows),
	END,
};
/* clang-format on */

struct shim_time shim_time_of(int64_t ns)
{
	if (ns <= 0)
		return (struct shim_time){ 0 };
	return (struct shim_time){ (uint64_t)(ns / 1000000000), (uint64_t)(ns % 1000000000) };
}
