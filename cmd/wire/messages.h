/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of containerd's shim protocol as structs, and the tables by which state/format/protobuf.c
 * reads and writes them. Sources: containerd's api/ (runtime/task/v3/shim.proto, events/task.proto,
 * types/mount.proto, types/runc/options/oci.proto, runtime/bootstrap/v1/bootstrap.proto) and
 * ttrpc's request.proto. Fields that the shim neither reads nor fills have no row.
 */
#ifndef CMD_WIRE_MESSAGES_H
#define CMD_WIRE_MESSAGES_H

#include "state/format/protobuf.h"

/* google.protobuf.Any */
struct shim_any {
	struct pb_bytes url, value;
};
extern const struct pb_row shim_any_rows[];

/* google.protobuf.Timestamp */
struct shim_time {
	uint64_t seconds, nanos;
};
extern const struct pb_row shim_time_rows[];
/* Of nanoseconds since 1970; 0 is no time at all. */
struct shim_time shim_time_of(int64_t ns);

/* ttrpc's Request, Response with its google.rpc.Status, and KeyValue. */
struct shim_request {
	struct pb_bytes service, method, payload;
	uint64_t timeout_ns;
};
struct shim_status {
	uint64_t code;
	struct pb_bytes message;
};
struct shim_response {
	struct shim_status status;
	struct pb_bytes payload;
};
extern const struct pb_row shim_request_rows[], shim_status_rows[], shim_response_rows[];

/* The requests of the task service: what any of them may have. */
struct task_request {
	struct pb_bytes id, exec_id, bundle, in, out, err, checkpoint, parent_checkpoint, path;
	struct shim_any options, spec, resources;
	struct pb mounts; /* Mount, field MOUNTS of CreateTaskRequest */
	uint64_t signal, width, height;
	bool terminal, all, close_stdin;
};
#define TASK_MOUNTS 3			   /* in CreateTaskRequest and in the event TaskCreate */
extern const struct pb_row task_id_rows[]; /* id, exec_id: most of them */
extern const struct pb_row task_shutdown_rows[];   /* ShutdownRequest */
extern const struct pb_row task_create_rows[];	   /* CreateTaskRequest */
extern const struct pb_row task_exec_rows[];	   /* ExecProcessRequest */
extern const struct pb_row task_resize_rows[];	   /* ResizePtyRequest */
extern const struct pb_row task_kill_rows[];	   /* KillRequest */
extern const struct pb_row task_close_rows[];	   /* CloseIORequest */
extern const struct pb_row task_checkpoint_rows[]; /* CheckpointTaskRequest */
extern const struct pb_row task_update_rows[];	   /* UpdateTaskRequest */

/* The responses, likewise. */
struct task_response {
	struct pb_bytes id, exec_id, bundle, in, out, err;
	uint64_t pid, status, exit_status, shim_pid;
	bool terminal;
	struct shim_time exited_at;
	struct pb processes; /* ProcessInfo */
	struct shim_any stats;
};
extern const struct pb_row task_pid_rows[];	/* CreateTaskResponse, StartResponse */
extern const struct pb_row task_deleted_rows[]; /* DeleteResponse */
extern const struct pb_row task_state_rows[];	/* StateResponse */
extern const struct pb_row task_wait_rows[];	/* WaitResponse */
extern const struct pb_row task_connect_rows[]; /* ConnectResponse */
extern const struct pb_row task_pids_rows[];	/* PidsResponse */
extern const struct pb_row task_stats_rows[];	/* StatsResponse */

/* containerd.v1.types.Status */
enum task_status {
	TASK_UNKNOWN,
	TASK_CREATED,
	TASK_RUNNING,
	TASK_STOPPED,
	TASK_PAUSED,
	TASK_PAUSING,
};

/* containerd.v1.types.ProcessInfo, whose info is a ProcessDetails of runc's. */
struct shim_process_info {
	uint64_t pid;
	struct shim_any info;
};
extern const struct pb_row shim_process_info_rows[];

/* containerd.types.Mount */
struct shim_mount {
	struct pb_bytes type, source, target;
	struct pb options;
};
#define MOUNT_OPTIONS 4
extern const struct pb_row shim_mount_rows[];

/* containerd.runc.v1.Options and CheckpointOptions */
struct shim_options {
	bool no_pivot, no_new_keyring, systemd_cgroup;
	struct pb_bytes shim_cgroup, root, criu_work_path, missing;
	uint64_t io_uid, io_gid;
};
struct shim_checkpoint_options {
	bool exit, open_tcp, external_unix, terminal, file_locks;
	struct pb_bytes cgroups_mode, image_path, work_path, parent_path;
	struct pb empty_ns;
};
#define CHECKPOINT_EMPTY_NS 6
#define OPTIONS_URL	    "containerd.runc.v1.Options"
extern const struct pb_row shim_options_rows[], shim_checkpoint_rows[];
/* What containerd's client sends to a runtime that it does not take for runc's: the same of v1. */
#define OLD_OPTIONS_URL	   "containerd.linux.runc.CreateOptions"
#define OLD_CHECKPOINT_URL "containerd.linux.runc.CheckpointOptions"
extern const struct pb_row shim_old_options_rows[], shim_old_checkpoint_rows[];

/* containerd's BootstrapParams and BootstrapResult (2.3 and later). */
struct shim_params {
	struct pb_bytes id, ns, ttrpc_address, grpc_address, socket_dir;
	struct pb extensions; /* Extension */
};
#define PARAMS_EXTENSIONS 8
struct shim_extension {
	struct shim_any value;
};
struct shim_result {
	uint64_t version;
	struct pb_bytes address, protocol;
};
extern const struct pb_row shim_params_rows[], shim_extension_rows[], shim_result_rows[];

/* The events: one struct for all of them. */
struct task_event {
	struct pb_bytes container_id, bundle, checkpoint, id, exec_id;
	struct pb mounts;
	struct {
		struct pb_bytes in, out, err;
		bool terminal;
	} io;
	uint64_t pid, exit_status;
	struct shim_time exited_at;
};
extern const struct pb_row event_create_rows[], event_start_rows[], event_delete_rows[],
	event_exit_rows[], event_id_rows[], event_exec_added_rows[], event_exec_started_rows[],
	event_checkpointed_rows[];

/* Forward of the events service: ForwardRequest with its Envelope. */
struct shim_envelope {
	struct shim_time timestamp;
	struct pb_bytes ns, topic;
	struct shim_any event;
};
struct shim_forward {
	struct shim_envelope envelope;
};
extern const struct pb_row shim_forward_rows[];

/* RuntimeInfo, what -info answers. */
struct shim_info {
	struct pb_bytes name;
	struct {
		struct pb_bytes version, revision;
	} version;
	struct shim_any options, features;
};
extern const struct pb_row shim_info_rows[];

#endif
