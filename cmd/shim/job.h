/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may take its time, or fail, is done by a child: a copy of the shim that runs one of hull's
 * commands, or a function, and whose end the loop is told of. What it has to say is a text in a
 * file in memory, read when it has ended: a PID, a message, or the lines of hull's JSON log.
 */
#ifndef CMD_SHIM_JOB_H
#define CMD_SHIM_JOB_H

#include "state/base/err.h"
#include "state/base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct call;
struct task;
struct proc;

struct job;
struct job_result {
	bool ok;	  /* it ended with exit code 0 */
	int status;	  /* as of waitpid(2) */
	const char *text; /* n bytes and a NUL */
	size_t n;
};

struct job_request {
	/* Runs in the child; out is the file for its text. Its value is the exit code. */
	int (*work)(void *arg, int out);
	void *arg;
	int stdio[3];	   /* 0: /dev/null */
	int keep[4];	   /* open in the child at the same numbers; 0: none */
	struct call *call; /* who waits for it; NULL: nobody */
	struct task *task;
	struct proc *p;
	/* In the shim, when it has ended. */
	void (*done)(struct job *j, const struct job_result *r);
};

struct job {
	struct job *next;
	pid_t pid;
	int out;
	struct job_request q;
};

/* Room for what any one job says. */
#define JOB_TEXT_MAX ((size_t)1 << 20)

must_check int job_start(const struct job_request *q, struct err *e);
/* Its answer is not waited for any more: it is killed. The container is for done() to clean. */
void job_kill(struct job *j);
/* This child of the shim has ended: true when it was a job, whose done() was then called. */
bool job_ended(pid_t pid, int status);
/* Handle all jobs that have ended by now. */
void job_reap_all(void);
bool job_any(void);

/* The last error of a result, or what ended it, as one sentence. */
void job_error(const struct job_result *r, struct str *out);

/* --- In the child: hull's command line --- */

/* What main() is without the shim; set once by shim_main(). */
extern int (*job_hull)(int argc, char **argv);

struct job_args {
	const char *v[48];
	int n;
};
void job_arg(struct job_args *a, const char *word);
void job_argf(struct job_args *a, const char *fmt, ...) printf_like(2, 3);
/* An option with its value, where there is one. */
void job_option(struct job_args *a, const char *name, const char *value);
/* hull with its global options: its log goes to out. */
void job_begin_args(struct job_args *a, const struct task *c, int out);
int job_run_hull(struct job_args *a);

#endif
