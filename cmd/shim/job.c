/* SPDX-License-Identifier: Apache-2.0 */
/* Children that do the work. Runs in the shim, but for what stands at the end. */
#include "cmd/shim/job.h"

#include "cmd/shim/server.h"
#include "cmd/shim/task.h"
#include "nsexec/process/fork.h"
#include "nsexec/process/selfexe.h"
#include "state/base/fd.h"
#include "state/format/json.h"
#include "state/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

int (*job_hull)(int argc, char **argv);

static struct job *jobs;
static int null_fd = -1;

static int work(void *arg)
{
	const struct job *j = arg;

	return j->q.work(j->q.arg, j->out);
}

static int spawn(struct job *j, struct err *e)
{
	int keep[FORK_KEEP_MAX];
	struct fork_request r = { .work = work, .arg = j, .keep = keep };
	int exe = selfexe_keep();

	if (null_fd < 0)
		null_fd = fd_open(AT_FDCWD, "/dev/null", O_RDWR, 0, e);
	j->out = null_fd < 0 ? -1 : memfd_create("hull-job", MFD_CLOEXEC);
	if (j->out < 0)
		return null_fd < 0 ? -1 : err_sys(e, "memfd_create");
	for (int i = 0; i < 3; i++)
		r.stdio[i] = j->q.stdio[i] ? j->q.stdio[i] : null_fd;
	for (size_t i = 0; i < ARRAY_SIZE(j->q.keep); i++) {
		if (j->q.keep[i] > 0)
			keep[r.n_keep++] = j->q.keep[i];
	}
	keep[r.n_keep++] = j->out;
	if (exe >= 0)
		keep[r.n_keep++] = exe;
	j->pid = fork_work(&r, e);
	return j->pid < 0 ? -1 : 0;
}

int job_start(const struct job_request *q, struct err *e)
{
	struct job *j = xzalloc(sizeof(*j));

	j->q = *q;
	if (spawn(j, e) < 0) {
		cleanup_close(&j->out);
		free(j);
		return -1;
	}
	j->next = jobs;
	jobs = j;
	if (q->call)
		q->call->job = j;
	if (q->task)
		q->task->n_jobs++;
	return 0;
}

void job_kill(struct job *j)
{
	/* A child that is not reaped: the PID is still its own. */
	kill(j->pid, SIGKILL);
}

/* What it has said: mostly nothing, or a PID. *ret_long is what the caller frees, if it is more. */
static void read_text(int out, struct job_result *r, char **ret_long)
{
	static char few[256] LARGE;
	ssize_t n = pread(out, few, sizeof(few) - 1, 0);
	struct err ignored;

	r->n = n > 0 ? (size_t)n : 0;
	few[r->n] = '\0';
	r->text = few;
	*ret_long = NULL;
	if (r->n == sizeof(few) - 1 && lseek(out, 0, SEEK_SET) == 0 &&
	    fd_read_all(out, JOB_TEXT_MAX, ret_long, &r->n, &ignored) == 0)
		r->text = *ret_long;
}

static void finish(struct job *j, int status)
{
	struct job_result r = { .ok = WIFEXITED(status) && WEXITSTATUS(status) == 0,
				.status = status };
	struct task *c = j->q.task;
	auto_free char *text = NULL;

	read_text(j->out, &r, &text);
	close(j->out);
	if (j->q.call)
		j->q.call->job = NULL;
	if (c)
		c->n_jobs--;
	j->q.done(j, &r);
	if (c)
		task_job_done(c);
	free(j);
}

bool job_ended(pid_t pid, int status)
{
	for (struct job **p = &jobs; *p; p = &(*p)->next) {
		struct job *j = *p;

		if (j->pid != pid)
			continue;
		*p = j->next;
		finish(j, status);
		return true;
	}
	return false;
}

/* finish() may start others: from the beginning each time one has ended. */
void job_reap_all(void)
{
	struct job *j = jobs;
	int status;

	while (j) {
		pid_t pid = waitpid(j->pid, &status, WNOHANG);

		if (pid == j->pid && job_ended(pid, status))
			j = jobs;
		else
			j = j->next;
	}
}

bool job_any(void)
{
	return jobs != NULL;
}

/* The message of a line of hull's log, if it is an error's. */
static bool error_line(const char *line, size_t n, struct str *out)
{
	auto_json struct json j = { 0 };
	const cJSON *level, *msg;
	struct err ignored;

	if (json_read(line, n, &j, &ignored) < 0)
		return false;
	level = cJSON_GetObjectItemCaseSensitive(j.root, "level");
	msg = cJSON_GetObjectItemCaseSensitive(j.root, "msg");
	if (!cJSON_IsString(level) || strcmp(level->valuestring, "error") != 0 ||
	    !cJSON_IsString(msg))
		return false;
	str_done(out);
	str_add(out, msg->valuestring);
	return true;
}

void job_error(const struct job_result *r, struct str *out)
{
	const char *p = r->text, *end;
	bool found = false;

	for (; (end = strchr(p, '\n')); p = end + 1)
		found |= error_line(p, (size_t)(end - p), out);
	if (found)
		return;
	if (WIFSIGNALED(r->status))
		str_addf(out, "hull was killed by signal %d", WTERMSIG(r->status));
	else
		str_addf(out, "hull ended with exit code %d", WEXITSTATUS(r->status));
}

/* --- In the child ----------------------------------------------------------------------------- */

void job_arg(struct job_args *a, const char *word)
{
	if (a->n + 1 < (int)ARRAY_SIZE(a->v))
		a->v[a->n++] = word;
}

void job_argf(struct job_args *a, const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n >= 0)
		job_arg(a, s);
}

void job_option(struct job_args *a, const char *name, const char *value)
{
	if (!value || !*value)
		return;
	job_arg(a, name);
	job_arg(a, value);
}

void job_begin_args(struct job_args *a, const struct task *c, int out)
{
	*a = (struct job_args){ .n = 0 };
	job_arg(a, "hull");
	job_option(a, "--root", c->root);
	job_arg(a, "--log");
	job_argf(a, "fd:%d", out);
	job_option(a, "--log-format", "json");
	job_option(a, "--missing-controllers", c->missing);
	if (c->systemd_cgroup)
		job_arg(a, "--systemd-cgroup");
}

int job_run_hull(struct job_args *a)
{
	a->v[a->n] = NULL;
	return job_hull(a->n, (char **)(uintptr_t)a->v);
}
