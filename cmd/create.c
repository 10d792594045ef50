/* SPDX-License-Identifier: Apache-2.0 */
/* `hull create`: the options; cmd/launch/launch.c does the work. */
#include "cmd/launch/launch.h"

#include "cmd/line/options.h"

#define ROW(member, name, alias, kind, help) OPTION(launch_options, member, name, alias, kind, help)

const struct option_row launch_rows[] = {
	ROW(bundle, "bundle", "b", OPT_STRING,
	    "path to the root of the bundle directory, defaults to the current directory"),
	ROW(config_file, "config", "f", OPT_STRING,
	    "the specification, in the place of the bundle's config.json; - is stdin"),
	ROW(console_socket, "console-socket", NULL, OPT_STRING,
	    "path to an AF_UNIX socket which will receive a file descriptor referencing the master "
	    "end of the console's pseudoterminal"),
	ROW(pidfd_socket, "pidfd-socket", NULL, OPT_STRING,
	    "path to an AF_UNIX socket which will receive a file descriptor referencing the init "
	    "process"),
	ROW(pid_file, "pid-file", NULL, OPT_STRING, "specify the file to write the process id to"),
	ROW(no_pivot, "no-pivot", NULL, OPT_FLAG,
	    "do not use pivot root to jail process inside rootfs. This should be used whenever the "
	    "rootfs is on top of a ramdisk"),
	ROW(no_new_keyring, "no-new-keyring", NULL, OPT_FLAG,
	    "do not create a new session keyring for the container. This will cause the container "
	    "to inherit the calling processes session key"),
	ROW(preserve_fds, "preserve-fds", NULL, OPT_INT,
	    "Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in "
	    "total)"),
	ROW(handler, "handler", NULL, OPT_STRING,
	    "have this program of /etc/hull/handlers or /usr/libexec/hull/handlers run the container's, "
	    "inside of it"),
	TRACE_ROW(launch_options, trace),
	{ 0 },
};

static const struct option_row options[] = {
	/* go-runc can send it; create always detaches. */
	OPTION_AS(launch_options, detach, "detach", "d", OPT_FLAG, "", OPTION_HIDDEN),
	ROW(no_subreaper, "no-subreaper", NULL, OPT_FLAG,
	    "as with run; create adopts nobody in any case"),
	{ .more = launch_rows },
};

static int run(struct invocation *inv, struct err *e)
{
	struct launch_options *o = inv->options;

	o->id = inv->args[0];
	o->detach = false;
	if (launch_create(inv->globals, o, e) < 0)
		return err_wrap(e, "%s create failed", program_name);
	return 0;
}

const struct command create_command = {
	.name = "create",
	.args = "<container-id>",
	.usage = "create a container",
	.description = LAUNCH_DESCRIPTION("create"),
	.options = options,
	.options_size = sizeof(struct launch_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
