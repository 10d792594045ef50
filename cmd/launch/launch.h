/* SPDX-License-Identifier: Apache-2.0 */
/* Creating, starting and entering containers: hull's side, with undo. */
#ifndef CMD_LAUNCH_LAUNCH_H
#define CMD_LAUNCH_LAUNCH_H

#include "cmd/line/cmd.h"
#include "cmd/line/quick.h"

#include "state/base/str.h"

#include <stdbool.h>

struct launch_options {
	const char *id, *bundle, *pid_file, *console_socket, *pidfd_socket;
	const char *trace, *handler;
	const char *config_file; /* in the place of the bundle's config.json; "-": stdin */
	bool no_pivot, no_new_keyring, detach, keep, no_subreaper;
	int preserve_fds;
	struct quick_options quick; /* run's */
	struct str config;	    /* what was made of them; empty: read the bundle's */
};

struct exec_options {
	const char *id, *process_file, *cwd, *user, *pid_file, *console_socket, *pidfd_socket;
	const char *process_label, *apparmor;
	struct strings env, caps, additional_gids, cgroups;
	bool tty, detach, ignore_paused;
	bool no_new_privs, no_new_privs_set; /* the second: the option was given */
	bool terminal, terminal_set;	     /* whatever process_file says */
	int preserve_fds;
	char **args; /* ended by NULL */
	int n_args;
};

must_check int launch_create(const struct globals *g, const struct launch_options *o,
			     struct err *e);
/* *ret_code is the exit code of the container's process, 0 when detached. */
must_check int launch_run(const struct globals *g, const struct launch_options *o, int *ret_code,
			  struct err *e);
must_check int launch_exec(const struct globals *g, const struct exec_options *o, int *ret_code,
			   struct err *e);

/* What create and run say of themselves; command is a string literal. */
#define LAUNCH_DESCRIPTION(command)                                                             \
	"The " command " command creates an instance of a container for a bundle. The bundle\n" \
	"   is a directory with a specification file named \"config.json\" and a root\n"        \
	"   filesystem.\n"                                                                      \
	"\n"                                                                                    \
	"   The specification file includes an args parameter. It is the command that gets\n"   \
	"   run when the container is started. To change it, edit the specification. See\n"     \
	"   \"hull spec --help\" for more explanation."

#endif
