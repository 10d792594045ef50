/* SPDX-License-Identifier: Apache-2.0 */
/* `hull run`: the options; cmd/launch.c does the work. */
#include "cmd/launch.h"

#include "cmd/options.h"

#define ROW(member, name, alias, kind, help) OPTION(launch_options, member, name, alias, kind, help)

static const struct option_row options[] = {
	ROW(detach, "detach", "d", OPT_FLAG, "detach from the container's process"),
	ROW(keep, "keep", NULL, OPT_FLAG, "do not delete the container after it exits"),
	ROW(no_subreaper, "no-subreaper", NULL, OPT_FLAG,
	    "disable the use of the subreaper used to reap reparented processes"),
	{ .more = launch_rows },
};

static int run(struct invocation *inv, struct err *e)
{
	struct launch_options *o = inv->options;
	int code = 0;

	o->id = inv->args[0];
	if (launch_run(inv->globals, o, &code, e) < 0)
		return err_wrap(e, "%s run failed", program_name);
	return code;
}

const struct command run_command = {
	.name = "run",
	.args = "<container-id>",
	.usage = "create and run a container",
	.description = LAUNCH_DESCRIPTION("run"),
	.options = options,
	.options_size = sizeof(struct launch_options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
