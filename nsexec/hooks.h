/* SPDX-License-Identifier: Apache-2.0 */
/* One list of hooks, run in order (runtime-spec config.md, POSIX-platform Hooks). */
#ifndef NSEXEC_HOOKS_H
#define NSEXEC_HOOKS_H

#include "state/err.h"
#include "state/spec.h"

#include <stdbool.h>

/*
 * Run the hooks in order with the state document on their stdin; the first failure ends the list
 * and is the error: "error running createRuntime hook #0: exit status 1, stdout: ..., stderr: ...".
 * kind is the property's name. env is what a hook without env gets; NULL is the caller's own.
 */
must_check int hooks_run(const struct spec_hook_list *hooks, const char *kind, const char *state,
			 char *const *env, struct err *e);
/* Run them all, whatever fails; each failure is told to warn (poststop: "MUST log a warning, but continue"). */
void hooks_run_all(const struct spec_hook_list *hooks, const char *kind, const char *state,
		   void (*warn)(const char *));

#endif
