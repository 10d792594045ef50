/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks. Runs in hull for those of the runtime namespace, in init for createContainer and
 * startContainer; which list runs where and when is the callers' business.
 */
#include "nsexec/process/hooks.h"

#include "nsexec/process/process.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* 0: nothing asked for. The caller closes what is above 0. */
static int open_output(const char *file, struct err *e)
{
	int fd = file ? fd_open_output(file, O_NOFOLLOW, 0600, e) : 0;

	if (fd < 0)
		return err_wrap(e, "output of hooks");
	if (fd > 0)
		fcntl(fd, F_SETFL, O_APPEND); /* for the hook it blocks */
	return fd;
}

static void close_output(int fd)
{
	if (fd > 0)
		close(fd);
}

static int run_with(const struct spec_hook *h, const struct hook_run *r, int out, int err,
		    struct process_result *ret, struct err *e)
{
	char *only_path[] = { h->path, NULL };
	struct process p = {
		.path = h->path,
		.argv = h->args.n ? h->args.v : only_path,
		.env = h->env.v ? h->env.v : r->env,
		.input = r->state,
		.cwd = r->cwd,
		.timeout_ms = h->timeout.v > INT_MAX / 1000 ? INT_MAX : (int)h->timeout.v * 1000,
		.stdout_fd = out,
		.stderr_fd = err,
		.filtered = r->filtered,
	};

	return process_run(&p, ret, e);
}

static int run_one(const struct spec_hook *h, const struct hook_run *hr, struct err *e)
{
	trace_here("hook", h->path);
	int out = open_output(hr->stdout_file, e);
	int err = out < 0 ? -1 : open_output(hr->stderr_file, e);
	struct process_result r;
	int ok = err < 0 ? -1 : run_with(h, hr, out, err, &r, e);

	close_output(out);
	close_output(err);
	if (ok < 0)
		return -1;
	if (r.timed_out)
		return err_set(e, ETIMEDOUT,
			       "hook ran past specified timeout of %.1fs, stdout: %s, stderr: %s",
			       (double)h->timeout.v, r.output, r.errors);
	if (!process_succeeded(&r))
		return err_set(e, EINVAL, "%s, stdout: %s, stderr: %s", r.how, r.output, r.errors);
	return 0;
}

static int run_at(const struct spec_hook_list *hooks, size_t i, const struct hook_run *r,
		  struct err *e)
{
	if (run_one(&hooks->v[i], r, e) == 0)
		return 0;
	err_wrap(e, "error running %s hook #%zu", r->kind, i);
	err_at_index(e, i);
	err_at_key(e, r->kind);
	return err_at_key(e, "hooks");
}

int hooks_run(const struct spec_hook_list *hooks, const struct hook_run *r, struct err *e)
{
	for (size_t i = 0; i < hooks->n; i++) {
		if (run_at(hooks, i, r, e) < 0)
			return -1;
	}
	return 0;
}

void hooks_run_all(const struct spec_hook_list *hooks, const struct hook_run *r,
		   void (*warn)(const char *))
{
	struct err e;

	for (size_t i = 0; i < hooks->n; i++) {
		if (run_at(hooks, i, r, &e) < 0)
			warn(e.chain);
	}
}
