/* SPDX-License-Identifier: Apache-2.0 */
/* `hull exec`: the options; cmd/launch/exec.c does the work. */
#include "cmd/launch/launch.h"

#include "cmd/line/options.h"
#include "state/spec/decode.h"

#define EXIT_FAILED 255 /* tells a failure of exec from one of the program */

struct options {
	struct exec_options exec;
	struct opt_bool no_new_privs, terminal;
	const char *trace;
};

#define ROW(member, name, alias, kind, help) OPTION(options, member, name, alias, kind, help)

static const struct option_row options[] = {
	CONSOLE_SOCKET_ROW(options, exec.console_socket),
	PIDFD_SOCKET_ROW(options, exec.pidfd_socket, "exec"),
	TRACE_ROW(options, trace),
	ROW(exec.cwd, "cwd", NULL, OPT_STRING, "current working directory in the container"),
	ROW(exec.env, "env", "e", OPT_STRINGS, "set environment variables"),
	ROW(exec.tty, "tty", "t", OPT_FLAG, "allocate a pseudo-TTY"),
	ROW(exec.user, "user", "u", OPT_STRING, "UID (format: <uid>[:<gid>])"),
	ROW(exec.additional_gids, "additional-gids", "g", OPT_STRINGS, "additional gids"),
	ROW(exec.process_file, "process", "p", OPT_STRING, "path to the process.json"),
	DETACH_ROW(options, exec.detach),
	PID_FILE_ROW(options, exec.pid_file),
	ROW(exec.process_label, "process-label", NULL, OPT_STRING,
	    "set the asm process label for the process commonly used with selinux"),
	ROW(exec.apparmor, "apparmor", NULL, OPT_STRING,
	    "set the apparmor profile for the process"),
	ROW(no_new_privs, "no-new-privs", NULL, OPT_MAYBE,
	    "set the no new privileges value for the process"),
	ROW(exec.caps, "cap", "c", OPT_STRINGS,
	    "add a capability to the bounding set for the process"),
	PRESERVE_FDS_ROW(options, exec.preserve_fds),
	ROW(exec.cgroups, "cgroup", NULL, OPT_STRINGS,
	    "run the process in an (existing) sub-cgroup(s). Format is [<controller>:]<cgroup>"),
	/* The shim's: containerd says it beside the process. */
	OPTION_AS(options, terminal, "terminal", NULL, OPT_MAYBE, "", OPTION_HIDDEN),
	ROW(exec.ignore_paused, "ignore-paused", NULL, OPT_FLAG,
	    "allow exec in a paused container"),
	{ 0 },
};

static int run(struct invocation *inv, struct err *e)
{
	struct options *o = inv->options;
	int code = 0;

	o->exec.id = inv->args[0];
	o->exec.args = inv->args + 1;
	o->exec.n_args = inv->n_args - 1;
	o->exec.no_new_privs = o->no_new_privs.v;
	o->exec.no_new_privs_set = o->no_new_privs.set;
	o->exec.terminal = o->terminal.v;
	o->exec.terminal_set = o->terminal.set;
	if (launch_exec(inv->globals, &o->exec, &code, e) < 0)
		return err_wrap(e, "exec failed");
	return code;
}

const struct command exec_command = {
	.name = "exec",
	.args = "<container-id> <command> [command options]  || -p process.json <container-id>",
	.usage = "execute new process inside the container",
	.description = "\"<command>\" can't be empty unless a \"-p\" flag is provided.\n"
		       "\n"
		       "   For example, if the container is configured to run the linux ps command "
		       "the\n"
		       "   following will output a list of processes running in the container:\n"
		       "\n"
		       "       # hull exec <container-id> ps",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = -1,
	.stop_at_arg = 1,
	.fail_code = EXIT_FAILED,
	.run = run,
};
