/* SPDX-License-Identifier: Apache-2.0 */
/* `hull create`: the options; cmd/launch/launch.c does the work. */
#include "cmd/launch/launch.h"

#include "cmd/line/options.h"

#define ROW(member, name, alias, kind, help) OPTION(launch_options, member, name, alias, kind, help)

const struct option_row launch_rows[] = {
	BUNDLE_ROW(launch_options, bundle),
	ROW(config_file, "config", "f", OPT_STRING,
	    "the specification, in the place of the bundle's config.json; - is stdin"),
	CONSOLE_SOCKET_ROW(launch_options, console_socket),
	PIDFD_SOCKET_ROW(launch_options, pidfd_socket, "init"),
	PID_FILE_ROW(launch_options, pid_file),
	ROW(no_pivot, "no-pivot", NULL, OPT_FLAG,
	    "do not use pivot root to jail process inside rootfs. This should be used whenever the "
	    "rootfs is on top of a ramdisk"),
	ROW(no_new_keyring, "no-new-keyring", NULL, OPT_FLAG,
	    "do not create a new session keyring for the container. This will cause the container "
	    "to inherit the calling processes session key"),
	PRESERVE_FDS_ROW(launch_options, preserve_fds),
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
