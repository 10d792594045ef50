/* SPDX-License-Identifier: Apache-2.0 */
/* `hull run`: the options; cmd/launch/launch.c does the work. */
#include "cmd/launch/launch.h"

#include <errno.h>
#include <unistd.h>

#include "cmd/line/options.h"

#define ROW(member, name, alias, kind, help) OPTION(launch_options, member, name, alias, kind, help)

static const struct option_row options[] = {
	DETACH_ROW(launch_options, detach),
	ROW(keep, "keep", NULL, OPT_FLAG, "do not delete the container after it exits"),
	NO_SUBREAPER_ROW(launch_options, no_subreaper),
	QUICK_ROWS(launch_options),
	QUICK_ROW(launch_options, rootless, "rootless", NULL, OPT_FLAG,
		  "make a container without root's rights (always so for an ordinary user)"),
	{ .more = launch_rows },
};

static bool takes_command(const void *values)
{
	return ((const struct launch_options *)values)->quick.rootfs != NULL;
}

/* The configuration of a container without a bundle. */
static int make_config(const struct invocation *inv, struct launch_options *o, struct err *e)
{
	if (quick_check(options, o, &o->quick, o->bundle, o->config_file, e) < 0)
		return -1;
	if (!o->quick.rootfs)
		return 0;
	if (inv->dashes_first)
		return err_set(e, EINVAL, "the container's id is missing before the \"--\"");
	if (o->quick.tty && !o->detach && str_empty(o->console_socket) && !isatty(STDIN_FILENO))
		return err_set(e, ENOTTY, "--tty: stdin is not a terminal");
	return quick_config(&o->quick, inv->args + 1, &o->config, e);
}

static int run(struct invocation *inv, struct err *e)
{
	struct launch_options *o = inv->options;
	int code = 0;

	o->id = inv->args[0];
	if (make_config(inv, o, e) < 0 || launch_run(inv->globals, o, &code, e) < 0)
		return err_wrap(e, "%s run failed", program_name);
	return code;
}

const struct command run_command = {
	.name = "run",
	.args = "<container-id> [[--] <command> [<argument>...]]",
	.usage = "create and run a container",
	.description = LAUNCH_DESCRIPTION(
		"run") "\n"
		       "\n"
		       "   With --rootfs it needs no bundle. The container has the configuration\n"
		       "   that \"hull spec\" prints for the same options and command; the command\n"
		       "   is \"sh\" when none is given:\n"
		       "\n"
		       "       # hull run --rootfs /some/tree -t box\n"
		       "       # hull run --rootfs /some/tree -v /etc:/mnt:ro -m 64m box -- ls /mnt",
	.options = options,
	.options_size = sizeof(struct launch_options),
	.min_args = 1,
	.max_args = 1,
	.stop_at_arg = 2,
	.takes_command = takes_command,
	.run = run,
};
