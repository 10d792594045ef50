/* SPDX-License-Identifier: Apache-2.0 */
/* `hull start`: cmd/launch.c does the work. */
#include "cmd/launch.h"

#include "cmd/options.h"

struct options {
	const char *trace;
};

static const struct option_row options[] = {
	TRACE_ROW(options, trace),
	{ 0 },
};

static int run(struct invocation *inv, struct err *e)
{
	return launch_start(inv->globals, inv->args[0], e);
}

const struct command start_command = {
	.name = "start",
	.args = "<container-id>",
	.usage = "executes the user defined process in a created container",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
