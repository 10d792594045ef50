/* SPDX-License-Identifier: Apache-2.0 */
/* The shim's containers and their processes, and what the task service does with them. SHIM.md draws the states. */
#ifndef CMD_SHIM_TASK_H
#define CMD_SHIM_TASK_H

#include "cmd/wire/loop.h"
#include "cmd/wire/messages.h"
#include "cmd/wire/stdio.h"
#include "state/cgroup/cgroup.h"
#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct call;
struct task;

/* A container's init, or an exec. */
struct proc {
	struct proc *next; /* the container's other execs */
	struct task *task;
	char *exec_id; /* NULL: init */
	enum task_status status;
	pid_t pid; /* 0: not yet */
	unsigned exit_status;
	int64_t exited_at; /* ns since 1970; 0: not yet */
	char *in, *out, *err;
	bool terminal;
	bool starting; /* a job starts it: its end waits for that one's */
	bool held;     /* it has ended meanwhile */
	struct stdio io;
	char *spec; /* process.json of an exec that has not been started */
	size_t n_spec;
	struct call *waiters, *deleting;
	struct call *start_call; /* while its logger gets ready */
	struct timer drain;
	bool drained; /* enough was waited for its output */
};

struct task {
	struct task *next;
	char *id, *bundle, *root; /* root: hull's state directory */
	char *criu_work, *checkpoint, *parent_checkpoint;
	char *missing; /* hull's --missing-controllers, or NULL */
	bool systemd_cgroup, no_pivot, no_new_keyring, has_mounts, in_pid_ns;
	uid_t io_uid;
	gid_t io_gid;
	struct proc init, *execs;
	size_t n_running_execs, n_jobs;
	size_t n_deletes;     /* calls that wait for output, or jobs, to come to their end */
	bool init_ended;      /* though nobody was told: execs come first */
	bool changing;	      /* a call works on it that no other may cross */
	struct call *current; /* that call, while a job does it */
	struct call *queue;   /* those that wait for it */
	struct cgroup cg;
	struct cgroup_oom oom;
	struct watch oom_watch;
};

/* ns: of all containers. root: where their state is unless options say otherwise. Both are kept. */
void task_init(const char *ns, const char *root);
/* A child of the shim has ended. */
void task_child_ended(pid_t pid, int status);
/* A call without a client: true when it only waited for an end, and is no more in any list. */
bool task_forget_waiter(struct call *call);
/* A job of this container, which may be gone by now, is done. */
void task_job_done(struct task *c);
/* The shim may go: called when containerd says Shutdown and there is no container (any more). */
extern void (*task_shutdown)(void);

/* --- Internal to the task*.c files --- */

struct task *task_find(struct pb_bytes id);
extern struct task *task_list;
extern const char *task_ns, *task_root;
/* The process of call->req, or NULL when the call has been answered: there is none. */
struct proc *task_proc(struct call *call);
struct task *task_of(struct call *call);
/* The call may go on: no other changes the container. False: it is queued, and run again later. */
bool task_begin_change(struct task *c, struct call *call);
/* Who waits in the queue has its turn. */
void task_end_change(struct task *c);
void task_free_proc(struct proc *p);
struct task *task_new(void); /* zeroed; task_free() ends it */
/* No container is there, but perhaps some that are being made: these are given up, and then all. */
void task_stop_creating(void);
void task_free(struct task *c);
/* Tell all who are to be told that p has ended. */
void task_publish_exit(struct proc *p);
/* The end of init, or of an exec, is known: exited_at and exit_status are set by status of waitpid(2). */
void task_exited(struct proc *p, int status);
/* p runs no more, or has never run: tell what is now to be told. */
void task_settle(struct proc *p);
/* The out-of-memory events of a container. */
void task_watch_oom(struct task *c);
void task_check_oom(struct task *c);
/* What a call may have with options of runc's, or of containerd's generic kind. */
must_check int task_read_options(const struct shim_any *any, struct task *c, struct err *e);
/* The shim cgroup among them, or NULL; the caller frees it. */
char *task_shim_cgroup(const struct shim_any *any);
/* A descriptor of a file in memory with these bytes; in a child. */
int task_memory_file(const char *s, size_t n);

#define TASK_ROOT_FILE "hull-root" /* in the bundle: hull's state directory */

#define TASK_ID(p) ((p)->exec_id ? (p)->exec_id : (p)->task->id)

void task_create(struct call *call);
void task_exec(struct call *call);
void task_start(struct call *call);
void task_delete(struct call *call);
/* Something that a delete waits for has happened. */
void task_delete_step(struct task *c);

#endif
