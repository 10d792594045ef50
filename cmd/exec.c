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
	ROW(exec.console_socket, "console-socket", NULL, OPT_STRING,
	    "path to an AF_UNIX socket which will receive a file descriptor referencing the master "
	    "end of the console's pseudoterminal"),
	ROW(exec.pidfd_socket, "pidfd-socket", NULL, OPT_STRING,
	    "path to an AF_UNIX socket which will receive a file descriptor referencing the exec "
	    "process"),
	TRACE_ROW(options, trace),
	ROW(exec.cwd, "cwd", NULL, OPT_STRING, "current working directory in the container"),
	ROW(exec.env, "env", "e", OPT_STRINGS, "set environment variables"),
	ROW(exec.tty, "tty", "t", OPT_FLAG, "allocate a pseudo-TTY"),
	ROW(exec.user, "user", "u", OPT_STRING, "UID (format: <uid>[:<gid>])"),
	ROW(exec.additional_gids, "additional-gids", "g", OPT_STRINGS, "additional gids"),
	ROW(exec.process_file, "process", "p", OPT_STRING, "path to the process.json"),
	ROW(exec.detach, "detach", "d", OPT_FLAG, "detach from the container's process"),
	ROW(exec.pid_file, "pid-file", NULL, OPT_STRING,
	    "specify the file to write the process id to"),
	ROW(exec.process_label, "process-label", NULL, OPT_STRING,
	    "set the asm process label for the process commonly used with selinux"),
	ROW(exec.apparmor, "apparmor", NULL, OPT_STRING,
	    "set the apparmor profile for the process"),
	ROW(no_new_privs, "no-new-privs", NULL, OPT_MAYBE,
	    "set the no new privileges value for the process"),
	ROW(exec.caps, "cap", "c", OPT_STRINGS,
	    "add a capability to the bounding set for the process"),
	ROW(exec.preserve_fds, "preserve-fds", NULL, OPT_INT,
	    "Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in "
	    "total)"),
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
