/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of the task service that change nobody's life but for a moment, and the table of all. */
#include "cmd/shim/task.h"

#include "cmd/shim/events.h"
#include "cmd/shim/job.h"
#include "cmd/shim/server.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void task_state(struct call *call)
{
	const struct proc *p = task_proc(call);
	struct task_response r = { 0 };

	if (!p)
		return;
	r.id = pb_text(p->task->id);
	r.bundle = pb_text(p->task->bundle);
	r.exec_id = pb_text(p->exec_id);
	r.pid = (uint64_t)p->pid;
	r.status = p->exec_id && p->task->init.status == TASK_PAUSED ? TASK_PAUSED : p->status;
	r.in = pb_text(p->in);
	r.out = pb_text(p->out);
	r.err = pb_text(p->err);
	r.terminal = p->terminal;
	r.exit_status = p->exit_status;
	r.exited_at = shim_time_of(p->exited_at);
	call_reply(call, task_state_rows, &r);
}

static void task_wait(struct call *call)
{
	struct proc *p = task_proc(call);
	struct task_response r = { 0 };

	if (!p)
		return;
	if (p->status != TASK_STOPPED) {
		call->waits_for = p;
		call->next_waiter = p->waiters;
		p->waiters = call;
		return;
	}
	r.exit_status = p->exit_status;
	r.exited_at = shim_time_of(p->exited_at);
	call_reply(call, task_wait_rows, &r);
}

static void task_connect(struct call *call)
{
	const struct task *c = task_find(call->req.id);
	struct task_response r = { .shim_pid = (uint64_t)getpid(),
				   .pid = c ? (uint64_t)c->init.pid : 0 };

	call_reply(call, task_connect_rows, &r);
}

static void task_shut_down(struct call *call)
{
	call_reply(call, NULL, NULL);
	task_stop_creating();
}

static void task_close_io(struct call *call)
{
	struct proc *p = task_proc(call);

	if (!p)
		return;
	if (call->req.close_stdin)
		stdio_close_input(&p->io);
	call_reply(call, NULL, NULL);
}

static void task_resize(struct call *call)
{
	struct proc *p = task_proc(call);
	struct err e;

	if (!p)
		return;
	if (stdio_resize(&p->io, (unsigned)call->req.width, (unsigned)call->req.height, &e) < 0)
		call_fail_err(call, &e);
	else
		call_reply(call, NULL, NULL);
}

/* --- Who is in it, and what it uses ----------------------------------------------------------- */

static void add_process(const struct task *c, pid_t pid, struct str *out)
{
	struct shim_process_info info = { .pid = (uint64_t)pid };
	auto_str struct str details = { 0 }, m = { 0 };

	for (const struct proc *p = c->execs; p; p = p->next) {
		if (p->pid != pid || p->status != TASK_RUNNING)
			continue;
		pb_add_string(&details, 1, p->exec_id);
		info.info.url = pb_text("containerd.runc.v1.ProcessDetails");
		info.info.value = (struct pb_bytes){ details.s, details.n };
	}
	pb_write(&m, shim_process_info_rows, &info);
	pb_add_message(out, 1, &m);
}

static void task_pids(struct call *call)
{
	struct task *c = task_of(call);
	struct task_response r = { 0 };
	auto_str struct str list = { 0 };
	auto_free pid_t *pids = NULL;
	struct err e;
	size_t n = 0;

	if (!c)
		return;
	if (c->cg.layout != CGROUP_NONE && cgroup_pids(&c->cg, &pids, &n, &e) < 0) {
		call_fail_err(call, &e);
		return;
	}
	for (size_t i = 0; i < n; i++)
		add_process(c, pids[i], &list);
	if (c->cg.layout == CGROUP_NONE && c->init.pid && !c->init_ended)
		add_process(c, c->init.pid, &list);
	r.processes = pb_of(&list);
	call_reply(call, task_pids_rows, &r);
}

static void task_stats(struct call *call)
{
	struct task *c = task_of(call);
	auto_str struct str metrics = { 0 };
	struct task_response r = { 0 };

	if (!c)
		return;
	if (c->cg.layout == CGROUP_NONE) {
		call_fail(call, CODE_NOT_FOUND, "cgroup does not exist");
		return;
	}
	cgroup_metrics(&c->cg, &metrics);
	r.stats.url = pb_text(c->cg.layout == CGROUP_V2 ? "io.containerd.cgroups.v2.Metrics" :
							  "io.containerd.cgroups.v1.Metrics");
	r.stats.value = (struct pb_bytes){ metrics.s, metrics.n };
	call_reply(call, task_stats_rows, &r);
}

/* --- Kill ------------------------------------------------------------------------------------- */

static int kill_work(void *arg, int out)
{
	const struct call *call = arg;
	const struct task *c = call->task;
	struct job_args a;

	job_begin_args(&a, c, out);
	job_arg(&a, "kill");
	if (call->req.all)
		job_arg(&a, "--all");
	job_arg(&a, c->id);
	job_argf(&a, "%u", (unsigned)call->req.signal);
	return job_run_hull(&a);
}

static void killed(struct job *j, const struct job_result *r)
{
	auto_str struct str text = { 0 };
	const char *s;

	if (r->ok) {
		call_reply(j->q.call, NULL, NULL);
		return;
	}
	job_error(r, &text);
	s = str_get(&text);
	if (strstr(s, "container not running") || strstr(s, "no such process"))
		call_fail(j->q.call, CODE_NOT_FOUND, "process already finished");
	else if (strstr(s, "does not exist"))
		call_fail(j->q.call, CODE_NOT_FOUND, "no such container");
	else
		call_fail(j->q.call, CODE_UNKNOWN, "unknown error after kill: %s", s);
}

/* Its PID is its own until we have reaped it. */
static void signal_one(struct proc *p, struct call *call)
{
	if (!p->pid)
		call_fail(call, CODE_PRECONDITION, "process not created");
	else if (p->exited_at)
		call_fail(call, CODE_NOT_FOUND, "process already finished");
	else if (kill(p->pid, (int)call->req.signal) < 0)
		call_fail(call, errno == ESRCH ? CODE_NOT_FOUND : CODE_UNKNOWN, "%s",
			  errno == ESRCH ? "process already finished" : errno_text(errno));
	else
		call_reply(call, NULL, NULL);
}

/* What is more than one signal to one process is hull's: cgroups, and what is frozen in them. */
static bool needs_hull(const struct task *c, const struct call *call)
{
	return call->req.all ||
	       (call->req.signal == SIGKILL && (!c->in_pid_ns || c->init.status == TASK_PAUSED));
}

static void task_kill(struct call *call)
{
	struct proc *p = task_proc(call);
	struct job_request q = { .work = kill_work, .arg = call, .call = call, .done = killed };
	struct err e;

	if (!p)
		return;
	if (call->req.signal > (uint64_t)SIGRTMAX) {
		call_fail(call, CODE_INVALID, "there is no signal %llu",
			  (unsigned long long)call->req.signal);
		return;
	}
	if (p->exec_id || !needs_hull(p->task, call)) {
		signal_one(p, call);
		return;
	}
	q.task = call->task = p->task;
	if (job_start(&q, &e) < 0)
		call_fail_err(call, &e);
}

/* --- Changes ---------------------------------------------------------------------------------- */

/* A command of hull that changes a container: one row for each method. */
struct change {
	const char *verb;		 /* "pause", for errors */
	int (*work)(void *arg, int out); /* arg is the call */
	/* What is so when it is done; TASK_UNKNOWN: no status is another. */
	enum task_status status;
	enum event_kind event;
	bool has_event;
	unsigned allowed; /* bit N: in status N */
};

static int simple_work(void *arg, const char *command, int out)
{
	const struct call *call = arg;
	struct job_args a;

	job_begin_args(&a, call->task, out);
	job_arg(&a, command);
	job_arg(&a, call->task->id);
	return job_run_hull(&a);
}

static int pause_work(void *arg, int out)
{
	return simple_work(arg, "pause", out);
}

static int resume_work(void *arg, int out)
{
	return simple_work(arg, "resume", out);
}

static int update_work(void *arg, int out)
{
	const struct call *call = arg;
	int file = task_memory_file(call->req.resources.value.s, call->req.resources.value.n);
	struct job_args a;

	job_begin_args(&a, call->task, out);
	job_arg(&a, "update");
	job_arg(&a, "--resources");
	job_argf(&a, "/proc/self/fd/%d", file);
	job_arg(&a, call->task->id);
	return job_run_hull(&a);
}

static void add_flags(struct job_args *a, const struct shim_checkpoint_options *o)
{
	const struct {
		bool set;
		const char *flag;
	} flags[] = {
		{ !o->exit, "--leave-running" },       { o->open_tcp, "--tcp-established" },
		{ o->external_unix, "--ext-unix-sk" }, { o->terminal, "--shell-job" },
		{ o->file_locks, "--file-locks" },
	};
	struct pb_bytes ns;
	struct pb list = o->empty_ns;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (flags[i].set)
			job_arg(a, flags[i].flag);
	}
	while (pb_each(&list, CHECKPOINT_EMPTY_NS, &ns))
		job_option(a, "--empty-ns", pb_dup(ns));
	job_option(a, "--parent-path", pb_dup(o->parent_path));
	job_option(a, "--manage-cgroups-mode", pb_dup(o->cgroups_mode));
}

static int checkpoint_work(void *arg, int out)
{
	const struct call *call = arg;
	struct shim_checkpoint_options o = { 0 };
	struct job_args a;

	(void)pb_read(call->req.options.value,
		      pb_is(call->req.options.url, OLD_CHECKPOINT_URL) ? shim_old_checkpoint_rows :
									 shim_checkpoint_rows,
		      &o);
	job_begin_args(&a, call->task, out);
	job_arg(&a, "checkpoint");
	job_option(&a, "--image-path", pb_dup(o.image_path.n ? o.image_path : call->req.path));
	if (o.work_path.n)
		job_option(&a, "--work-path", pb_dup(o.work_path));
	else
		job_option(&a, "--work-path", call->task->criu_work);
	add_flags(&a, &o);
	job_arg(&a, call->task->id);
	return job_run_hull(&a);
}

#define WHEN(status) (1u << TASK_##status)

static const struct change pause_change = {
	"pause", pause_work, TASK_PAUSED, EVENT_PAUSED, true, WHEN(RUNNING),
};
static const struct change resume_change = {
	"resume", resume_work, TASK_RUNNING, EVENT_RESUMED, true, WHEN(PAUSED),
};
static const struct change update_change = {
	"update",     update_work, TASK_UNKNOWN,
	EVENT_CREATE, false,	   WHEN(CREATED) | WHEN(RUNNING) | WHEN(PAUSED),
};
static const struct change checkpoint_change = {
	"checkpoint", checkpoint_work,
	TASK_UNKNOWN, EVENT_CHECKPOINTED,
	true,	      WHEN(RUNNING) | WHEN(PAUSED),
};

static void changed(struct job *j, const struct job_result *r)
{
	struct call *call = j->q.call;
	const struct change *ch = call->change;
	struct task *c = j->q.task;
	struct task_event ev = { .container_id = pb_text(c->id), .checkpoint = call->req.path };
	auto_str struct str text = { 0 };

	if (!r->ok) {
		job_error(r, &text);
		call_fail(call, CODE_UNKNOWN, "OCI runtime %s failed: %s", ch->verb,
			  str_get(&text));
	} else {
		if (ch->status != TASK_UNKNOWN && c->init.status != TASK_STOPPED)
			c->init.status = ch->status;
		if (ch->has_event)
			events_send(ch->event, &ev);
		call_reply(call, NULL, NULL);
	}
	task_end_change(c);
}

static const char *word(enum task_status s)
{
	return s == TASK_RUNNING ? "running" :
	       s == TASK_PAUSED	 ? "paused" :
	       s == TASK_STOPPED ? "stopped" :
				   "created";
}

static void begin(struct call *call, const struct change *ch)
{
	struct task *c = task_of(call);
	struct job_request q = { .work = ch->work, .arg = call, .call = call, .done = changed };
	struct err e;

	if (!c || !task_begin_change(c, call))
		return;
	call->task = c;
	call->change = ch;
	q.task = c;
	if (!(ch->allowed & 1u << c->init.status)) {
		call_fail(call, CODE_PRECONDITION, "cannot %s a %s container", ch->verb,
			  word(c->init.status));
	} else if (job_start(&q, &e) == 0) {
		return;
	} else {
		call_fail_err(call, &e);
	}
	task_end_change(c);
}

static void task_pause(struct call *call)
{
	begin(call, &pause_change);
}

static void task_resume(struct call *call)
{
	begin(call, &resume_change);
}

static void task_update(struct call *call)
{
	begin(call, &update_change);
}

static void task_checkpoint(struct call *call)
{
	begin(call, &checkpoint_change);
}

const struct method task_methods[] = {
	{ "State", task_id_rows, task_state },
	{ "Create", task_create_rows, task_create },
	{ "Start", task_id_rows, task_start },
	{ "Delete", task_id_rows, task_delete },
	{ "Pids", task_id_rows, task_pids },
	{ "Pause", task_id_rows, task_pause },
	{ "Resume", task_id_rows, task_resume },
	{ "Checkpoint", task_checkpoint_rows, task_checkpoint },
	{ "Kill", task_kill_rows, task_kill },
	{ "Exec", task_exec_rows, task_exec },
	{ "ResizePty", task_resize_rows, task_resize },
	{ "CloseIO", task_close_rows, task_close_io },
	{ "Update", task_update_rows, task_update },
	{ "Wait", task_id_rows, task_wait },
	{ "Stats", task_id_rows, task_stats },
	{ "Connect", task_id_rows, task_connect },
	{ "Shutdown", task_shutdown_rows, task_shut_down },
	{ NULL, NULL, NULL },
};
