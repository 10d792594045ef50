/* SPDX-License-Identifier: Apache-2.0 */
/* One list of hooks, run in order (runtime-spec config.md, POSIX-platform Hooks). */
#ifndef NSEXEC_PROCESS_HOOKS_H
#define NSEXEC_PROCESS_HOOKS_H

#include "state/base/err.h"
#include "state/spec/spec.h"

#include <stdbool.h>

/* Where and with what a list of hooks runs. */
struct hook_run {
	const char *kind;		       /* the property's name */
	const char *state;		       /* the state document, for their stdin */
	const char *cwd;		       /* NULL: the caller's */
	char *const *env;		       /* of a hook without env; NULL: the caller's own */
	const char *stdout_file, *stderr_file; /* appended to instead of captured; NULL: captured */
	bool filtered;			       /* of struct process */
};

/*
 * Run the hooks in order; the first failure ends the list and is the error:
 * "error running createRuntime hook #0: exit status 1, stdout: ..., stderr: ...".
 */
must_check int hooks_run(const struct spec_hook_list *hooks, const struct hook_run *r,
			 struct err *e);
/* Run them all, whatever fails; each failure is told to warn (poststop: "MUST log a warning, but continue"). */
void hooks_run_all(const struct spec_hook_list *hooks, const struct hook_run *r,
		   void (*warn)(const char *));

#endif
