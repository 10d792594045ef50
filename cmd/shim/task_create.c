/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Create, Start and Exec: the streams, a job that runs hull, and what is known when it is done. Runs
 * in the shim; the functions called *_work in a job.
 */
#include "cmd/shim/task.h"

#include "cmd/shim/events.h"
#include "cmd/shim/job.h"
#include "cmd/shim/log.h"
#include "cmd/shim/mounts.h"
#include "cmd/shim/server.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/record.h"
#include "state/root.h"
#include "state/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_MOUNTS 100 /* of a job: it was not hull that failed */

static void describe_io(const struct proc *p, struct stdio_request *r)
{
	*r = (struct stdio_request){ .in = p->in,
				     .out = p->out,
				     .err = p->err,
				     .terminal = p->terminal,
				     .uid = p->task->io_uid,
				     .gid = p->task->io_gid,
				     .id = TASK_ID(p),
				     .ns = task_ns };
}

static char *rootfs_of(const struct task *c)
{
	return xasprintf("%s/rootfs", c->bundle);
}

/* A job that starts this process, with the streams that it is to have. */
static struct job_request request_for(struct proc *p, struct call *call)
{
	struct job_request q = { .call = call, .task = p->task, .p = p };

	memcpy(q.stdio, p->io.child, sizeof(q.stdio));
	q.keep[0] = p->io.console_child > 0 ? p->io.console_child : 0;
	return q;
}

static void add_console(struct job_args *a, const struct proc *p)
{
	if (!p->terminal)
		return;
	job_arg(a, "--console-socket");
	job_argf(a, "fd:%d", p->io.console_child);
}

/* --- Create ----------------------------------------------------------------------------------- */

static int fail_here(int out, const struct err *e)
{
	auto_free char *name = xasprintf("fd:%d", out);
	struct err ignored;

	if (log_open(name, true, false, NULL, &ignored) == 0)
		log_error(e);
	return EXIT_MOUNTS;
}

static int create_args(const struct task *c, int out)
{
	struct job_args a;

	job_begin_args(&a, c, out);
	job_arg(&a, "create");
	job_option(&a, "--bundle", c->bundle);
	job_arg(&a, "--pid-file");
	job_argf(&a, "%s/init.pid", c->bundle);
	if (c->no_pivot)
		job_arg(&a, "--no-pivot");
	if (c->no_new_keyring)
		job_arg(&a, "--no-new-keyring");
	add_console(&a, &c->init);
	job_arg(&a, c->id);
	return job_run_hull(&a);
}

static int create_work(void *arg, int out)
{
	struct task *c = arg;
	auto_free char *rootfs = rootfs_of(c);
	struct err e;
	int code;

	if (c->has_mounts && mounts_make(c->current->req.mounts, rootfs, &e) < 0)
		return fail_here(out, &e);
	/* A checkpoint is restored by Start. */
	if (*c->checkpoint)
		return 0;
	code = create_args(c, out);
	if (code && c->has_mounts && mounts_undo(rootfs, &e) < 0)
		log_error(&e);
	return code;
}

/* A create that was killed in its middle: whatever it has made. */
static int clean_work(void *arg, int out)
{
	const struct task *c = arg;
	auto_free char *rootfs = rootfs_of(c);
	struct job_args a;
	struct err e;
	int code;

	job_begin_args(&a, c, out);
	job_arg(&a, "delete");
	job_arg(&a, "--force");
	job_arg(&a, c->id);
	code = job_run_hull(&a);
	if (c->has_mounts && mounts_undo(rootfs, &e) < 0)
		return fail_here(out, &e);
	return code;
}

static void cleaned(struct job *j, const struct job_result *r)
{
	auto_str struct str text = { 0 };

	if (!r->ok) {
		job_error(r, &text);
		shim_log("error", "failed to clean up after the create of %s: %s", j->q.task->id,
			 str_get(&text));
	}
	task_free(j->q.task);
}

/* Nobody finds it from now on. */
static void unlink_task(struct task *c)
{
	for (struct task **i = &task_list; *i; i = &(*i)->next) {
		if (*i == c) {
			*i = c->next;
			return;
		}
	}
}

static void drop_task(struct task *c, bool killed)
{
	struct job_request q = { .work = clean_work, .arg = c, .task = c, .done = cleaned };
	struct err e;

	unlink_task(c);
	stdio_done(&c->init.io);
	if (!killed || job_start(&q, &e) < 0)
		task_free(c);
}

/* What hull has written down of it. */
static int read_record(struct task *c, struct err *e)
{
	auto_container struct container dir = CONTAINER_INIT;
	struct root root = { .path = c->root };
	struct record rec = { 0 };

	if (container_open(&root, c->id, &dir, e) < 0 || record_read(dir.dir_fd, &rec, e) < 0)
		return err_wrap(e, "the record of %s", c->id);
	c->init.pid = rec.pid;
	c->in_pid_ns = rec.in_pid_ns;
	c->cg = rec.cgroup;
	rec.cgroup = (struct cgroup){ 0 };
	record_done(&rec);
	return 0;
}

static void send_created(const struct task *c, const struct call *call)
{
	const struct proc *p = &c->init;
	auto_str struct str mounts = { 0 };
	struct pb each = call->req.mounts;
	struct task_event ev = { .container_id = pb_text(c->id),
				 .bundle = pb_text(c->bundle),
				 .checkpoint = pb_text(c->checkpoint),
				 .io = { pb_text(p->in), pb_text(p->out), pb_text(p->err),
					 p->terminal },
				 .pid = (uint64_t)p->pid };
	struct pb_bytes m;

	while (pb_each(&each, TASK_MOUNTS, &m))
		pb_add_message(&mounts, TASK_MOUNTS,
			       &(struct str){ (char *)(uintptr_t)m.s, m.n, 0 });
	ev.mounts = pb_of(&mounts);
	events_send(EVENT_CREATE, &ev);
}

/* What was made is to be taken back: the streams, or the record, could not be had. */
static void fail_create(struct task *c, struct call *call, const struct err *e)
{
	call_fail_err(call, e);
	drop_task(c, true);
}

static void created(struct job *j, const struct job_result *r)
{
	struct task_response answer = { 0 };
	struct call *call = j->q.call;
	struct task *c = j->q.task;
	auto_str struct str text = { 0 };
	struct stdio_request io;
	struct err e;

	if (!r->ok) {
		job_error(r, &text);
		call_fail(call, CODE_UNKNOWN, "%s%s",
			  WIFEXITED(r->status) && WEXITSTATUS(r->status) == EXIT_MOUNTS ?
				  "" :
				  "OCI runtime create failed: ",
			  str_get(&text));
		drop_task(c, WIFSIGNALED(r->status));
		return;
	}
	describe_io(&c->init, &io);
	if (!*c->checkpoint &&
	    (read_record(c, &e) < 0 || stdio_started(&c->init.io, &io, &e) < 0)) {
		fail_create(c, call, &e);
		return;
	}
	c->init.status = TASK_CREATED;
	send_created(c, call);
	if (c->init.pid)
		task_watch_oom(c);
	answer.pid = (uint64_t)c->init.pid;
	call_reply(call, task_pid_rows, &answer);
	task_end_change(c);
}

static void run_create(struct task *c)
{
	struct job_request q = request_for(&c->init, c->current);
	struct call *call = c->current;
	struct err e;

	q.work = create_work;
	q.arg = c;
	q.done = created;
	if (job_start(&q, &e) == 0)
		return;
	call_fail_err(call, &e);
	drop_task(c, false);
}

static struct task *task_of_io(struct stdio *io)
{
	return watch_of(io, struct proc, io)->task;
}

static void create_logger_ready(struct stdio *io, int r, struct err *e)
{
	struct task *c = task_of_io(io);
	struct call *call = c->current;

	if (r == 0) {
		run_create(c);
		return;
	}
	call_fail_err(call, e);
	drop_task(c, false);
}

/* Somebody may wait for the last of the output. */
static void moved(struct stdio *io)
{
	struct task *c = task_of_io(io);

	if (c->n_deletes)
		task_delete_step(c);
}

static void take_streams(struct proc *p, const struct task_request *r)
{
	stdio_init(&p->io);
	p->io.moved = moved;
	p->in = pb_dup(r->in);
	p->out = pb_dup(r->out);
	p->err = pb_dup(r->err);
	p->terminal = r->terminal;
}

static struct task *new_task(struct call *call)
{
	const struct task_request *r = &call->req;
	struct task *c = task_new();

	c->id = pb_dup(r->id);
	c->bundle = pb_dup(r->bundle);
	c->checkpoint = pb_dup(r->checkpoint);
	c->parent_checkpoint = pb_dup(r->parent_checkpoint);
	c->oom = (struct cgroup_oom){ .fd = -1, .control_fd = -1 };
	c->oom_watch = (struct watch)WATCH_INIT;
	c->init.task = c;
	take_streams(&c->init, r);
	c->changing = true;
	c->current = call;
	return c;
}

static bool has_mounts(struct pb mounts)
{
	struct pb_bytes first;

	return pb_each(&mounts, TASK_MOUNTS, &first);
}

/* `delete`, which may have to clean up behind a shim that is no more, looks here for another root. */
static int note_root(const struct task *c, struct err *e)
{
	auto_close int fd = fd_open(AT_FDCWD, c->bundle, O_PATH | O_DIRECTORY, 0, e);

	if (fd < 0)
		return -1;
	return fd_write_atomic(fd, TASK_ROOT_FILE, c->root, strlen(c->root), 0600, e);
}

static int begin_create(struct task *c, struct err *e)
{
	const struct task_request *r = &c->current->req;
	struct stdio_request io;

	if (!r->id.n || !r->bundle.n)
		return err_set(e, EINVAL, "Create needs an id and a bundle");
	if (task_read_options(&r->options, c, e) < 0 || note_root(c, e) < 0)
		return -1;
	c->has_mounts = has_mounts(r->mounts);
	describe_io(&c->init, &io);
	c->init.io.logger_ready = create_logger_ready;
	return stdio_open(&c->init.io, &io, e);
}

void task_create(struct call *call)
{
	struct err e;
	struct task *c;
	int r;

	if (task_find(call->req.id)) {
		call_fail(call, CODE_EXISTS, "task %.*s already exists", (int)call->req.id.n,
			  call->req.id.s);
		return;
	}
	c = new_task(call);
	c->next = task_list;
	task_list = c;
	r = begin_create(c, &e);
	if (r == 0)
		run_create(c);
	if (r >= 0)
		return;
	call_fail_err(call, &e);
	drop_task(c, false);
}

/* --- Start ------------------------------------------------------------------------------------ */

static int start_work(void *arg, int out)
{
	const struct task *c = arg;
	struct job_args a;

	job_begin_args(&a, c, out);
	job_arg(&a, "start");
	job_arg(&a, c->id);
	return job_run_hull(&a);
}

static int restore_work(void *arg, int out)
{
	const struct task *c = arg;
	struct job_args a;

	job_begin_args(&a, c, out);
	job_arg(&a, "restore");
	job_arg(&a, "--detach");
	job_option(&a, "--bundle", c->bundle);
	job_option(&a, "--image-path", c->checkpoint);
	job_option(&a, "--parent-path", c->parent_checkpoint);
	job_option(&a, "--work-path", c->criu_work);
	job_arg(&a, "--pid-file");
	job_argf(&a, "%s/init.pid", c->bundle);
	if (c->no_pivot)
		job_arg(&a, "--no-pivot");
	add_console(&a, &c->init);
	job_arg(&a, c->id);
	return job_run_hull(&a);
}

/* It runs, or does not: either way its end, if that is known by now, can be told. */
static void end_start(struct proc *p)
{
	p->starting = false;
	if (p->held || (p->exec_id && !p->pid)) {
		p->held = false;
		task_settle(p);
	}
}

static void send_started(const struct proc *p)
{
	struct task_event ev = { .container_id = pb_text(p->task->id), .pid = (uint64_t)p->pid };

	if (p->exec_id)
		ev.exec_id = pb_text(p->exec_id);
	events_send(p->exec_id ? EVENT_EXEC_STARTED : EVENT_START, &ev);
}

/* Of a job that has succeeded: what is known only now. */
static int learn(struct proc *p, const struct job_result *r, struct err *e)
{
	struct stdio_request io;

	describe_io(p, &io);
	if (p->exec_id)
		p->pid = (pid_t)strtol(r->text, NULL, 10);
	else if (*p->task->checkpoint && read_record(p->task, e) < 0)
		return -1;
	if ((p->exec_id || *p->task->checkpoint) && stdio_started(&p->io, &io, e) < 0)
		return -1;
	if (!p->exec_id && *p->task->checkpoint)
		task_watch_oom(p->task);
	return p->pid > 0 ? 0 : err_set(e, EPROTO, "hull did not say which process it has made");
}

static void started(struct job *j, const struct job_result *r)
{
	struct task_response answer = { 0 };
	struct call *call = j->q.call;
	auto_str struct str text = { 0 };
	struct proc *p = j->q.p;
	struct task *c = p->task;
	bool exec = p->exec_id;
	struct err e;

	if (!r->ok) {
		job_error(r, &text);
		call_fail(call, CODE_UNKNOWN, "OCI runtime %s failed: %s",
			  exec		 ? "exec" :
			  *c->checkpoint ? "restore" :
					   "start",
			  str_get(&text));
		if (exec)
			stdio_done(&p->io);
	} else if (learn(p, r, &e) < 0) {
		call_fail_err(call, &e);
		/* It runs, but nobody could talk to it; its end is told of as that of any other. */
		if (p->pid > 0 && kill(p->pid, SIGKILL) == 0)
			p->status = TASK_RUNNING;
	} else {
		p->status = TASK_RUNNING;
		send_started(p);
		answer.pid = (uint64_t)p->pid;
		call_reply(call, task_pid_rows, &answer);
	}
	end_start(p);
	if (!exec)
		task_end_change(c);
}

static int exec_work(void *arg, int out)
{
	const struct proc *p = arg;
	int spec = task_memory_file(p->spec, p->n_spec);
	struct job_args a;

	job_begin_args(&a, p->task, out);
	job_arg(&a, "exec");
	job_arg(&a, "--detach");
	job_arg(&a, "--process");
	job_argf(&a, "/proc/self/fd/%d", spec);
	job_arg(&a, p->terminal ? "--terminal=true" : "--terminal=false");
	job_arg(&a, "--pid-file");
	job_argf(&a, "fd:%d", out);
	add_console(&a, p);
	job_arg(&a, p->task->id);
	return job_run_hull(&a);
}

static void run_start(struct proc *p, struct call *call)
{
	struct job_request q = request_for(p, call);
	struct err e;

	q.work = p->exec_id ? exec_work : *p->task->checkpoint ? restore_work : start_work;
	q.arg = p->exec_id ? (void *)p : p->task;
	q.done = started;
	if (job_start(&q, &e) == 0)
		return;
	call_fail_err(call, &e);
	end_start(p);
	if (!p->exec_id)
		task_end_change(p->task);
}

static void exec_logger_ready(struct stdio *io, int r, struct err *e)
{
	struct proc *p = watch_of(io, struct proc, io);
	struct call *call = p->start_call;

	p->start_call = NULL;
	if (r == 0) {
		run_start(p, call);
		return;
	}
	call_fail_err(call, e);
	stdio_done(&p->io);
	end_start(p);
}

static void start_exec(struct proc *p, struct call *call)
{
	struct stdio_request io;
	struct err e;
	int r;

	if (p->task->init_ended) {
		call_fail(call, CODE_PRECONDITION, "container %s init process is not running",
			  p->task->id);
		return;
	}
	p->starting = true;
	p->task->n_running_execs++;
	describe_io(p, &io);
	p->io.logger_ready = exec_logger_ready;
	p->start_call = call;
	r = stdio_open(&p->io, &io, &e);
	if (r > 0)
		return;
	p->start_call = NULL;
	if (r == 0) {
		run_start(p, call);
		return;
	}
	call_fail_err(call, &e);
	stdio_done(&p->io);
	end_start(p);
}

static const char *status_word(const struct proc *p)
{
	return p->status == TASK_RUNNING ? "running" :
	       p->status == TASK_PAUSED	 ? "paused" :
	       p->status == TASK_STOPPED ? "stopped" :
					   "created";
}

void task_start(struct call *call)
{
	struct proc *p = task_proc(call);

	if (!p)
		return;
	if (!p->exec_id && !task_begin_change(p->task, call))
		return;
	if (p->status != TASK_CREATED || p->starting || p->deleting) {
		call_fail(call, CODE_PRECONDITION, "cannot start a %s process",
			  p->starting ? "starting" : status_word(p));
		if (!p->exec_id)
			task_end_change(p->task);
		return;
	}
	if (p->exec_id) {
		start_exec(p, call);
		return;
	}
	p->starting = true;
	run_start(p, call);
}

/* --- Exec ------------------------------------------------------------------------------------- */

static bool has_exec(const struct task *c, struct pb_bytes id)
{
	const struct proc *p = c->execs;

	while (p && !pb_is(id, p->exec_id))
		p = p->next;
	return p;
}

/* Only what is to be run is noted; Start runs it. */
void task_exec(struct call *call)
{
	struct task *c = task_of(call);
	const struct task_request *r = &call->req;
	struct task_event ev = { .container_id = r->id, .exec_id = r->exec_id };
	struct proc *p;

	if (!c)
		return;
	if (has_exec(c, r->exec_id)) {
		call_fail(call, CODE_EXISTS, "id %.*s", (int)r->exec_id.n, r->exec_id.s);
		return;
	}
	if (!r->exec_id.n || !r->spec.value.n) {
		call_fail(call, CODE_INVALID, "Exec needs an exec_id and a process");
		return;
	}
	if (c->init.status == TASK_PAUSED || c->init.status == TASK_STOPPED) {
		call_fail(call, CODE_PRECONDITION, "cannot exec in a %s state",
			  status_word(&c->init));
		return;
	}
	p = xzalloc(sizeof(*p));
	p->task = c;
	p->status = TASK_CREATED;
	p->exec_id = pb_dup(r->exec_id);
	p->n_spec = r->spec.value.n;
	p->spec = pb_dup(r->spec.value);
	take_streams(p, r);
	p->next = c->execs;
	c->execs = p;
	events_send(EVENT_EXEC_ADDED, &ev);
	call_reply(call, NULL, NULL);
}
