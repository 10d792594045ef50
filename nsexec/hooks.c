/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hooks. Runs in hull for those of the runtime namespace, in init for createContainer and
 * startContainer; which list runs where and when is the callers' business.
 */
#include "nsexec/hooks.h"

#include "nsexec/process.h"
#include "state/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>

static int run_one(const struct spec_hook *h, const char *state, char *const *env, struct err *e)
{
	char *only_path[] = { h->path, NULL };
	struct process p = {
		.path = h->path,
		.argv = h->args.n ? h->args.v : only_path,
		.env = h->env.v ? h->env.v : env,
		.input = state,
		.timeout_ms = h->timeout.v > INT_MAX / 1000 ? INT_MAX : (int)h->timeout.v * 1000,
	};
	struct process_result r;

	if (process_run(&p, &r, e) < 0)
		return -1;
	if (r.timed_out)
		return err_set(e, ETIMEDOUT, "hook ran past specified timeout of %.1fs",
			       (double)h->timeout.v);
	if (!process_succeeded(&r))
		return err_set(e, EINVAL, "%s, stdout: %s, stderr: %s", r.how, r.output, r.errors);
	return 0;
}

static int run_at(const struct spec_hook_list *hooks, size_t i, const char *kind, const char *state,
		  char *const *env, struct err *e)
{
	if (run_one(&hooks->v[i], state, env, e) == 0)
		return 0;
	err_wrap(e, "error running %s hook #%zu", kind, i);
	err_at_index(e, i);
	err_at_key(e, kind);
	return err_at_key(e, "hooks");
}

int hooks_run(const struct spec_hook_list *hooks, const char *kind, const char *state,
	      char *const *env, struct err *e)
{
	for (size_t i = 0; i < hooks->n; i++) {
		if (run_at(hooks, i, kind, state, env, e) < 0)
			return -1;
	}
	return 0;
}

void hooks_run_all(const struct spec_hook_list *hooks, const char *kind, const char *state,
		   void (*warn)(const char *))
{
	struct err e;

	for (size_t i = 0; i < hooks->n; i++) {
		if (run_at(hooks, i, kind, state, NULL, &e) < 0)
			warn(e.chain);
	}
}
