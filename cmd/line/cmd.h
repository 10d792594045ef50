/* SPDX-License-Identifier: Apache-2.0 */
/* The commands: each file exports one row, cmd/line/help.c holds the list of them. */
#ifndef CMD_LINE_CMD_H
#define CMD_LINE_CMD_H

#include "state/base/err.h"
#include "state/root.h"

#include <stdbool.h>
#include <stddef.h>

struct option_row; /* cmd/line/options.h */
struct str;

/* Option values that may be repeated, in order; v[n] is NULL. */
struct strings {
	size_t n;
	const char **v;
};

/* The options before the command's name. */
struct globals {
	const char *root_option, *log, *log_format, *rootless, *criu, *missing_controllers;
	const char *systemd_timeout, *cgroup_manager, *log_level, *trace, *handler;
	bool debug, systemd_cgroup, no_cgroup, help, version, verbose;
	struct root root; /* set before a command runs */
};

struct invocation {
	struct globals *globals;
	const struct command *command;
	void *options; /* the command's struct of options, filled */
	char **args;   /* what is no option; args[n_args] is NULL */
	int n_args;
	bool dashes_first; /* "--" stood before the first of them */
};

struct command {
	const char *name;
	const char *args;		  /* "<container-id>", for the help; NULL: none */
	const char *usage;		  /* one line */
	const char *description;	  /* lines; may be NULL */
	const struct option_row *options; /* ends with a row without a name; may be NULL */
	size_t options_size;		  /* of the struct that they fill */
	int min_args, max_args;		  /* max_args < 0: any number */
	int stop_at_arg; /* from this argument on, counted from 1, nothing is hull's; 0: all is */
	/* True: with these options any number of arguments may follow. May be NULL. */
	bool (*takes_command)(const void *options);
	int fail_code; /* exit code of a failure; 0 means 1 */
	/* Returns hull's exit code, or -1 with *e set. */
	int (*run)(struct invocation *inv, struct err *e);
};

extern const struct command check_command, checkpoint_command, create_command, delete_command,
	doctor_command, explain_command, events_command, exec_command;
extern const struct command features_command, kill_command, list_command, pause_command;
extern const struct command ps_command, restore_command, resume_command, run_command, spec_command,
	start_command;
extern const struct command state_command, update_command;
extern const struct command *const commands[]; /* by name, ended by NULL */

/*
 * What hull calls itself where clients and scripts read it: "hull", or "runc" when it was called by
 * that name, as one that is installed in runc's place is.
 */
extern const char *program_name;

/* All of it in one write(2) to stdout. */
must_check int cmd_print(const struct str *s, struct err *e);

#endif
