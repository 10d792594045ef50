/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delete: of a container when nobody works on it and its last output has been passed on, of an exec
 * likewise. Each step looks what is still missing, and is called again when something has changed.
 */
#include "cmd/shim/task.h"

#include "cmd/shim/events.h"
#include "cmd/shim/job.h"
#include "cmd/shim/mounts.h"
#include "cmd/shim/server.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAIN_MS    10000 /* for the last output to find a reader */
#define EXIT_MOUNTS 100

static void answer(struct proc *p, struct call *call)
{
	struct task_response r = { .pid = (uint64_t)p->pid,
				   .exit_status = p->exit_status,
				   .exited_at = shim_time_of(p->exited_at) };

	call_reply(call, task_deleted_rows, &r);
}

static void drained(struct timer *t)
{
	struct proc *p = watch_of(t, struct proc, drain);

	p->drained = true;
	task_delete_step(p->task);
}

/* True when nothing of its output is on its way, or enough was waited. */
static bool is_drained(struct proc *p)
{
	if (p->drained || stdio_flushed(&p->io))
		return true;
	if (!p->drain.at)
		loop_set_timer(&p->drain, DRAIN_MS, drained);
	return false;
}

static void end_delete(struct proc *p)
{
	p->deleting = NULL;
	p->task->n_deletes--;
}

/* --- An exec ---------------------------------------------------------------------------------- */

/* True when p is no more. */
static bool step_exec(struct proc *p)
{
	struct call *call = p->deleting;

	if (!call || p->starting || !is_drained(p))
		return false;
	end_delete(p);
	answer(p, call);
	task_free_proc(p);
	return true;
}

/* --- A container ------------------------------------------------------------------------------ */

static int delete_work(void *arg, int out)
{
	const struct task *c = arg;
	auto_free char *rootfs = xasprintf("%s/rootfs", c->bundle);
	auto_free char *log = xasprintf("fd:%d", out);
	struct job_args a;
	struct err e;
	int code;

	job_begin_args(&a, c, out);
	job_arg(&a, "delete");
	job_arg(&a, c->id);
	code = job_run_hull(&a);
	if (!c->has_mounts || mounts_undo(rootfs, &e) == 0)
		return code;
	/* hull's own failure is what is told first. */
	if (code == 0 && log_open(log, true, false, NULL, &e) == 0)
		log_error(&e);
	return code ? code : EXIT_MOUNTS;
}

static void deleted(struct job *j, const struct job_result *r)
{
	struct task *c = j->q.task;
	struct proc *p = &c->init;
	struct call *call = j->q.call;
	struct task_event ev = { .container_id = pb_text(c->id) };
	auto_str struct str text = { 0 };
	int status;

	end_delete(p);
	if (!r->ok)
		job_error(r, &text);
	/* One that was checkpointed, or deleted behind our back, is no more. */
	if (!r->ok && !strstr(str_get(&text), "does not exist")) {
		call_fail(call, CODE_UNKNOWN, "failed to delete task: %s", str_get(&text));
		task_end_change(c);
		return;
	}
	/* Of one that was only created the end is new to us. */
	if (p->pid > 0 && !c->init_ended && waitpid(p->pid, &status, WNOHANG) == p->pid)
		task_exited(p, status);
	ev.pid = (uint64_t)p->pid;
	ev.exit_status = p->exit_status;
	ev.exited_at = shim_time_of(p->exited_at);
	answer(p, call);
	c->current = NULL;
	events_send(EVENT_DELETE, &ev);
	task_free(c);
}

static void step_task(struct task *c)
{
	struct proc *p = &c->init;
	struct job_request q = {
		.work = delete_work, .arg = c, .call = p->deleting, .task = c, .done = deleted
	};
	struct err e;

	if (!p->deleting || p->deleting->job || c->n_jobs || !is_drained(p))
		return;
	/* The cgroup goes: its end is none of the events that we wait for. */
	task_check_oom(c);
	loop_release(&c->oom_watch);
	if (job_start(&q, &e) == 0)
		return;
	call_fail_err(p->deleting, &e);
	end_delete(p);
	task_end_change(c);
}

void task_delete_step(struct task *c)
{
	struct proc *next;

	if (!c->n_deletes)
		return;
	for (struct proc *p = c->execs; p; p = next) {
		next = p->next;
		(void)step_exec(p);
	}
	step_task(c);
}

void task_delete(struct call *call)
{
	struct proc *p = task_proc(call);
	struct task *c = p ? p->task : NULL;

	if (!p || (!p->exec_id && !task_begin_change(c, call)))
		return;
	if (p->status == TASK_RUNNING || p->status == TASK_PAUSED || p->starting || p->deleting) {
		call_fail(call, CODE_PRECONDITION, "cannot delete a %s process",
			  p->deleting		   ? "deleting" :
			  p->starting		   ? "starting" :
			  p->status == TASK_PAUSED ? "paused" :
						     "running");
		if (!p->exec_id)
			task_end_change(c);
		return;
	}
	p->deleting = call;
	c->n_deletes++;
	task_delete_step(c);
}
