/* SPDX-License-Identifier: Apache-2.0 */
/* `hull spec`: a config.json to begin with. */
#include "cmd/line/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cmd/line/compose.h"
#include "cmd/line/options.h"
#include "cmd/line/quick.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"

struct options {
	const char *bundle, *file;
	struct quick_options quick;
};

static const struct option_row options[] = {
	OPTION(options, bundle, "bundle", "b", OPT_STRING,
	       "path to the root of the bundle directory"),
	OPTION(options, file, "file", "f", OPT_STRING,
	       "write this file, whether or not it is there, in the place of the bundle's config.json"),
	OPTION(options, quick.rootless, "rootless", NULL, OPT_FLAG,
	       "generate a configuration for a rootless container"),
	QUICK_ROWS(options),
	{ 0 },
};

#define CONFIG_FILE "config.json"

/* Never over a file that is there, by whatever kind of link. */
static int write_new(int dir_fd, const struct str *text, struct err *e)
{
	auto_close int fd =
		openat(dir_fd, CONFIG_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0 && errno == EEXIST)
		return err_set(e, EEXIST, "File %s exists. Remove it first", CONFIG_FILE);
	if (fd < 0)
		return err_sys(e, "create %s", CONFIG_FILE);
	if (fd_write_all(fd, text->s, text->n) < 0) {
		err_sys(e, "write %s", CONFIG_FILE);
		unlinkat(dir_fd, CONFIG_FILE, 0);
		return -1;
	}
	return 0;
}

/* As crun does, to a name that was chosen: what is there is overwritten. */
static int write_file(int dir_fd, const char *name, const struct str *text, struct err *e)
{
	auto_close int fd = fd_open(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0666, e);

	if (fd < 0)
		return -1;
	return fd_write_all(fd, text->s, text->n) < 0 ? err_sys(e, "write %s", name) : 0;
}

static bool takes_command(const void *values)
{
	return ((const struct options *)values)->quick.rootfs != NULL;
}

static int print_quick(const struct quick_options *o, char **args, struct err *e)
{
	auto_str struct str compact = { 0 }, text = { 0 };

	if (quick_config(o, args, &compact, e) < 0)
		return -1;
	compose_pretty(compact.s, &text);
	str_add(&text, "\n");
	return cmd_print(&text, e);
}

/* To be edited: a terminal, a read-only root beside it, "sh". */
static void starter(bool rootless, struct str *out)
{
	static const char *const args[] = { "sh", NULL };
	struct compose c = {
		.rootfs = "rootfs",
		.cwd = "/",
		.hostname = "hull",
		.args = args,
		.env = { .v = (const char **)(uintptr_t)compose_default_env },
		.terminal = true,
		.readonly = true,
		.own_net = !rootless,
		.rootless = rootless,
	};

	quick_host(&c);
	compose_config(&c, out);
}

static int run(struct invocation *inv, struct err *e)
{
	const struct options *o = inv->options;
	const char *dir = str_empty(o->bundle) ? "." : o->bundle;
	auto_str struct str compact = { 0 }, text = { 0 };
	auto_close int dir_fd = -1;

	if (quick_check(options, o, &o->quick, o->bundle, NULL, e) < 0)
		return -1;
	if (o->quick.rootfs && o->file)
		return err_set(e, EINVAL, "--rootfs and --file exclude each other: it is printed");
	if (o->quick.rootfs)
		return print_quick(&o->quick, inv->args, e);
	dir_fd = fd_open(AT_FDCWD, dir, O_PATH | O_DIRECTORY, 0, e);
	if (dir_fd < 0)
		return -1;
	starter(o->quick.rootless, &compact);
	compose_pretty(compact.s, &text);
	return str_empty(o->file) ? write_new(dir_fd, &text, e) :
				    write_file(dir_fd, o->file, &text, e);
}

const struct command spec_command = {
	.name = "spec",
	.args = "[[--] <command> [<argument>...]]",
	.usage = "create a new specification file",
	.description =
		"The spec command creates the new specification file named \"config.json\" for\n"
		"   the bundle.\n"
		"\n"
		"   The spec generated is just a starter file. Editing of the spec is required to\n"
		"   achieve desired results. For example, the newly generated spec includes an args\n"
		"   parameter that is initially set to call the \"sh\" command when the container is\n"
		"   started. Calling \"sh\" may work for an ubuntu container or busybox, but will not\n"
		"   work for containers that do not include the \"sh\" program.\n"
		"\n"
		"   The parameter --rootless makes a specification for a container that is run\n"
		"   without root privileges.\n"
		"\n"
		"   With --rootfs it prints the configuration of \"hull run --rootfs\" with the same\n"
		"   options and command, and writes no file:\n"
		"\n"
		"       # hull spec --rootfs /some/tree -e A=b -- ls / >config.json",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 0,
	.max_args = 0,
	.stop_at_arg = 1,
	.takes_command = takes_command,
	.run = run,
};
