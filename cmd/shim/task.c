/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What containers there are, whose turn it is, and how processes end. Runs in the shim. The end of
 * a process is told in one order: what it was told of before (its start), then the ends of execs,
 * then that of init.
 */
#include "cmd/shim/task.h"

#include "cmd/shim/events.h"
#include "cmd/shim/job.h"
#include "cmd/shim/log.h"
#include "cmd/wire/logger.h"
#include "cmd/shim/server.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "state/base/fd.h"

struct task *task_list;
const char *task_ns, *task_root;
void (*task_shutdown)(void);
static bool shutting_down;
static size_t n_tasks; /* with those that are being cleaned up */

struct task *task_new(void)
{
	n_tasks++;
	return xzalloc(sizeof(struct task));
}

void task_init(const char *ns, const char *root)
{
	task_ns = ns;
	task_root = root;
}

/* --- Finding ---------------------------------------------------------------------------------- */

struct task *task_find(struct pb_bytes id)
{
	struct task *c = task_list;

	while (c && !pb_is(id, c->id))
		c = c->next;
	return c;
}

struct task *task_of(struct call *call)
{
	struct task *c = task_find(call->req.id);

	/* Nor one that is only about to be. */
	if (c && c->init.status != TASK_UNKNOWN)
		return c;
	call_fail(call, CODE_NOT_FOUND, "container not created");
	return NULL;
}

struct proc *task_proc(struct call *call)
{
	struct task *c = task_of(call);
	struct proc *p;

	if (!c || !call->req.exec_id.n)
		return c ? &c->init : NULL;
	for (p = c->execs; p && !pb_is(call->req.exec_id, p->exec_id); p = p->next)
		;
	if (!p)
		call_fail(call, CODE_NOT_FOUND, "process does not exist %.*s",
			  (int)(call->req.exec_id.n & 0xff), call->req.exec_id.s);
	return p;
}

static struct proc *find_pid(pid_t pid)
{
	for (struct task *c = task_list; c; c = c->next) {
		if (c->init.pid == pid && !c->init_ended)
			return &c->init;
		for (struct proc *p = c->execs; p; p = p->next) {
			if (p->pid == pid && p->status != TASK_STOPPED)
				return p;
		}
	}
	return NULL;
}

/* --- Turns ------------------------------------------------------------------------------------ */

bool task_begin_change(struct task *c, struct call *call)
{
	struct call **end = &c->queue;

	if (!c->changing) {
		c->changing = true;
		c->current = call;
		return true;
	}
	while (*end)
		end = &(*end)->next_queued;
	call->next_queued = NULL;
	*end = call;
	return false;
}

void task_end_change(struct task *c)
{
	struct call *call = c->queue;

	c->changing = false;
	c->current = NULL;
	if (!call)
		return;
	c->queue = call->next_queued;
	if (!call->expired) {
		call->method->run(call); /* which ends its change in turn */
		return;
	}
	call_fail(call, CODE_DEADLINE, "context deadline exceeded");
	task_end_change(c);
}

/* Shutdown: who is only about to be made is not worth waiting for. */
void task_stop_creating(void)
{
	for (struct task *c = task_list; c; c = c->next) {
		if (c->init.status != TASK_UNKNOWN)
			return;
	}
	shutting_down = true;
	for (struct task *c = task_list; c; c = c->next) {
		if (c->current && c->current->job)
			job_kill(c->current->job);
	}
	if (!n_tasks)
		task_shutdown();
}

static bool is_known(const struct task *c)
{
	const struct task *i = task_list;

	while (i && i != c)
		i = i->next;
	return i;
}

void task_job_done(struct task *c)
{
	if (is_known(c))
		task_delete_step(c);
}

/* --- Forgetting ------------------------------------------------------------------------------- */

bool task_forget_waiter(struct call *call)
{
	struct proc *p = call->waits_for;

	if (!p)
		return false;
	for (struct call **w = &p->waiters; *w; w = &(*w)->next_waiter) {
		if (*w == call) {
			*w = call->next_waiter;
			break;
		}
	}
	call->waits_for = NULL;
	return true;
}

static void answer_waiters(struct proc *p)
{
	struct task_response r = { .exit_status = p->exit_status,
				   .exited_at = shim_time_of(p->exited_at) };

	while (p->waiters) {
		struct call *call = p->waiters;

		(void)task_forget_waiter(call);
		call_reply(call, task_wait_rows, &r);
	}
}

static void empty_proc(struct proc *p)
{
	answer_waiters(p);
	loop_clear_timer(&p->drain);
	stdio_done(&p->io);
	free(p->exec_id);
	free(p->in);
	free(p->out);
	free(p->err);
	free(p->spec);
}

void task_free_proc(struct proc *p)
{
	for (struct proc **i = &p->task->execs; *i; i = &(*i)->next) {
		if (*i == p) {
			*i = p->next;
			break;
		}
	}
	empty_proc(p);
	free(p);
}

void task_free(struct task *c)
{
	for (struct task **i = &task_list; *i; i = &(*i)->next) {
		if (*i == c) {
			*i = c->next;
			break;
		}
	}
	while (c->execs)
		task_free_proc(c->execs);
	empty_proc(&c->init);
	while (c->queue) {
		struct call *call = c->queue;

		c->queue = call->next_queued;
		call_fail(call, CODE_NOT_FOUND, "container not created");
	}
	loop_release(&c->oom_watch);
	cgroup_oom_close(&c->oom);
	cgroup_done(&c->cg);
	free(c->id);
	free(c->bundle);
	free(c->root);
	free(c->criu_work);
	free(c->missing);
	free(c->checkpoint);
	free(c->parent_checkpoint);
	free(c);
	if (!--n_tasks && shutting_down)
		task_shutdown();
}

/* --- Ends ------------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void task_publish_exit(struct proc *p)
{
	struct task_event ev = { .container_id = pb_text(p->task->id),
				 .id = pb_text(TASK_ID(p)),
				 .pid = (uint64_t)p->pid,
				 .exit_status = p->exit_status,
				 .exited_at = shim_time_of(p->exited_at) };

	if (!p->exec_id)
		task_check_oom(p->task);
	p->status = TASK_STOPPED;
	stdio_ended(&p->io);
	events_send(EVENT_EXIT, &ev);
	answer_waiters(p);
}

static void killed_all(struct job *j, const struct job_result *r)
{
	auto_str struct str text = { 0 };

	if (!r->ok) {
		job_error(r, &text);
		shim_log("error", "failed to kill init's children of %s: %s", j->q.task->id,
			 str_get(&text));
	}
}

static int kill_all_work(void *arg, int out)
{
	const struct task *c = arg;
	struct job_args a;

	job_begin_args(&a, c, out);
	job_arg(&a, "kill");
	job_arg(&a, "--all");
	job_arg(&a, c->id);
	job_arg(&a, "KILL");
	return job_run_hull(&a);
}

/* Where the container shares its PID namespace the kernel ends nobody with init. */
static void kill_others(struct task *c)
{
	struct job_request q = { .work = kill_all_work, .arg = c, .task = c, .done = killed_all };
	struct err e;

	if (!c->in_pid_ns && job_start(&q, &e) < 0)
		shim_log("error", "%s", e.chain);
}

void task_exited(struct proc *p, int status)
{
	struct task *c = p->task;

	p->exited_at = now_ns();
	p->exit_status =
		(unsigned)(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	if (!p->exec_id) {
		c->init_ended = true;
		kill_others(c);
	}
	if (p->starting)
		p->held = true; /* its start is still to be told of */
	else
		task_settle(p);
}

void task_settle(struct proc *p)
{
	struct task *c = p->task;

	if (p->exec_id)
		c->n_running_execs--;
	if (p->exec_id && p->exited_at)
		task_publish_exit(p);
	if (c->init_ended && !c->init.starting && !c->n_running_execs &&
	    c->init.status != TASK_STOPPED)
		task_publish_exit(&c->init);
	task_delete_step(c);
}

void task_child_ended(pid_t pid, int status)
{
	struct proc *p;

	if (job_ended(pid, status) || logger_ended(pid))
		return;
	p = find_pid(pid);
	/*
	 * It came to us when the hull that has made it ended: then that one's end is there, too, and
	 * says who it is. All others are orphans of containers, of whom nobody wants to hear.
	 */
	if (!p && job_any()) {
		job_reap_all();
		p = find_pid(pid);
	}
	if (p)
		task_exited(p, status);
}

/* --- Out of memory ---------------------------------------------------------------------------- */

void task_check_oom(struct task *c)
{
	struct task_event ev = { .container_id = pb_text(c->id) };

	if (c->oom_watch.fd >= 0 && cgroup_oom_happened(&c->cg, &c->oom))
		events_send(EVENT_OOM, &ev);
}

static void oom_ready(struct watch *w, uint32_t events)
{
	struct task *c = watch_of(w, struct task, oom_watch);
	char byte;

	(void)events;
	task_check_oom(c);
	/* v2: a cgroup that is gone would wake us for ever. */
	if (c->oom.control_fd < 0 && pread(c->oom.fd, &byte, 1, 0) < 0)
		loop_release(&c->oom_watch);
}

void task_watch_oom(struct task *c)
{
	struct err e;

	if (c->cg.layout == CGROUP_NONE)
		return;
	if (cgroup_oom_open(&c->cg, &c->oom, &e) < 0) {
		shim_log("warning", "no events of out of memory for %s: %s", c->id, e.chain);
		return;
	}
	if (c->oom.fd >= 0 &&
	    loop_watch(&c->oom_watch, c->oom.fd, c->oom.events == POLLPRI ? EPOLLPRI : EPOLLIN,
		       oom_ready, &e) < 0)
		shim_log("warning", "no events of out of memory for %s: %s", c->id, e.chain);
}

int task_memory_file(const char *s, size_t n)
{
	auto_close int fd = memfd_create("hull-shim", MFD_CLOEXEC);

	if (fd < 0 || fd_write_all(fd, s, n) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return take_fd(&fd);
}
