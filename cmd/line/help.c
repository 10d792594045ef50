/* SPDX-License-Identifier: Apache-2.0 */
/* The list of commands, the global options, and the help that is made from the tables. */
#include "cmd/line/help.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/line/options.h"
#include "state/base/fd.h"
#include "state/base/str.h"

const char *program_name = "hull";

const struct command *const commands[] = {
	&check_command,	 &checkpoint_command, &create_command,
	&delete_command, &doctor_command,     &events_command,
	&exec_command,	 &explain_command,    &features_command,
	&kill_command,	 &list_command,	      &pause_command,
	&ps_command,	 &restore_command,    &resume_command,
	&run_command,	 &spec_command,	      &start_command,
	&state_command,	 &update_command,     NULL,
};

#define GLOBAL(member, name, alias, kind, help) OPTION(globals, member, name, alias, kind, help)

const struct option_row global_options[] = {
	GLOBAL(debug, "debug", NULL, OPT_FLAG, "enable debug logging"),
	GLOBAL(log, "log", NULL, OPT_STRING,
	       "set the log file to write hull logs to (default is '/dev/stderr'); also file:PATH, "
	       "journald:ID and syslog:ID"),
	GLOBAL(log_format, "log-format", NULL, OPT_STRING,
	       "set the log format ('text' (default), or 'json')"),
	GLOBAL(log_level, "log-level", NULL, OPT_STRING,
	       "the least that is logged: 'error', 'warning', 'info', or 'debug' (as --debug)"),
	GLOBAL(root_option, "root", NULL, OPT_STRING,
	       "root directory for storage of container state (this should be located in tmpfs; "
	       "default is '/run/hull', or '$XDG_RUNTIME_DIR/hull' for a user)"),
	GLOBAL(rootless, "rootless", NULL, OPT_STRING,
	       "ignore cgroup permission errors ('true', 'false', or 'auto' (default))"),
	GLOBAL(cgroup_manager, "cgroup-manager", NULL, OPT_STRING,
	       "who makes cgroups: 'cgroupfs' (default), 'systemd' (as --systemd-cgroup does), or "
	       "'disabled', for a container that has none, nor limits or rules for devices"),
	GLOBAL(missing_controllers, "missing-controllers", NULL, OPT_STRING,
	       "what a limit is whose cgroup controller this machine lacks: 'error' (default), "
	       "'warn' or 'ignore'"),
	GLOBAL(systemd_cgroup, "systemd-cgroup", NULL, OPT_FLAG,
	       "enable systemd cgroup support, expects cgroupsPath to be of form "
	       "\"slice:prefix:name\" for e.g. \"system.slice:runc:434234\""),
	GLOBAL(systemd_timeout, "systemd-timeout", NULL, OPT_STRING,
	       "how many seconds to wait for each answer of systemd (default 30)"),
	OPTION_AS(globals, criu, "criu", NULL, OPT_STRING, "", OPTION_HIDDEN),
	GLOBAL(trace, "trace", NULL, OPT_STRING,
	       "write where the time went to this file, for Chrome's or Perfetto's view of traces; '-' "
	       "is text on stderr"),
	GLOBAL(verbose, "verbose", NULL, OPT_FLAG,
	       "with --version: print the notices of the libraries that are linked in, too"),
	GLOBAL(version, "version", "v", OPT_FLAG, "print the version"),
	{ 0 },
};

static const char description[] =
	"Open Container Initiative runtime\n"
	"\n"
	"%1$s is a command line client for running applications packaged according to\n"
	"the Open Container Initiative (OCI) format.\n"
	"\n"
	"Containers are configured using bundles. A bundle for a container is a directory\n"
	"that includes a specification file named \"config.json\" and a root filesystem.\n"
	"The root filesystem contains the contents of the container.\n"
	"\n"
	"To start a new instance of a container:\n"
	"\n"
	"    # %1$s run [ -b bundle ] <container-id>\n"
	"\n"
	"Where \"<container-id>\" is your name for the instance of the container that you\n"
	"are starting. The name you provide for the container instance must be unique on\n"
	"your host. Providing the bundle directory using \"-b\" is optional. The default\n"
	"value for \"bundle\" is the current directory.\n"
	"\n"
	"Without a bundle, with a directory that holds a root filesystem:\n"
	"\n"
	"    # %1$s run --rootfs directory <container-id> [command]\n";

/* "--bundle value, -b value": what stands in the left column. */
static void option_names(const struct option_row *o, struct str *out)
{
	bool bare = o->kind == OPT_FLAG || o->kind == OPT_MAYBE;

	str_addf(out, "--%s%s", o->name, bare ? "" : " value");
	if (o->alias)
		str_addf(out, ", -%s%s", o->alias, bare ? "" : " value");
}

static void add_line(struct str *out, const char *left, size_t width, const char *right)
{
	str_addf(out, "   %-*s  %s\n", (int)width, left, right);
}

static const struct option_row help_row = {
	"help", "h", OPT_FLAG, 0, "show help", NULL, 0, NULL,
};

static size_t names_width(const struct option_row *o)
{
	auto_str struct str names = { 0 };

	option_names(o, &names);
	return names.n;
}

static void add_option(struct str *out, const struct option_row *o, size_t width)
{
	auto_str struct str names = { 0 }, text = { 0 };

	option_names(o, &names);
	str_add(&text, o->help);
	if (o->by_default)
		str_addf(&text, " (default: %s)", o->by_default);
	add_line(out, names.s, width, text.s);
}

/* The rows with these flags: 0, or OPTION_QUICK, which has a heading of its own. */
static void add_rows(struct str *out, const struct option_row *rows, unsigned flags)
{
	size_t width = names_width(&help_row), w, n = 0;

	for (const struct option_row *o = option_first(rows); o; o = option_next(o)) {
		w = (o->flags & OPTION_HIDDEN) ? 0 : names_width(o);
		width = w > width ? w : width;
	}
	for (const struct option_row *o = option_first(rows); o; o = option_next(o)) {
		if (o->flags != flags)
			continue;
		if (!n++ && flags & OPTION_QUICK)
			str_add(out, "\nOPTIONS WITH --rootfs:\n");
		add_option(out, o, width);
	}
	if (!(flags & OPTION_QUICK))
		add_option(out, &help_row, width);
}

static void add_options(struct str *out, const struct option_row *rows)
{
	add_rows(out, rows, 0);
	add_rows(out, rows, OPTION_QUICK);
}

void help_app(struct str *out)
{
	str_addf(out, "NAME:\n   %s - ", program_name);
	str_addf(out, description, program_name);
	str_add(out, "\n");
	str_addf(out, "USAGE:\n   %s [global options] command [command options] [arguments...]\n\n",
		 program_name);
	str_addf(out, "VERSION:\n   %s\n\nCOMMANDS:\n", hull_version);
	for (const struct command *const *c = commands; *c; c++)
		add_line(out, (*c)->name, 8, (*c)->usage);
	add_line(out, "help, h", 8, "Shows a list of commands or help for one command");
	str_add(out, "\nGLOBAL OPTIONS:\n");
	add_options(out, global_options);
}

void help_command(const struct command *c, struct str *out)
{
	str_addf(out, "NAME:\n   %s %s - %s\n\n", program_name, c->name, c->usage);
	str_addf(out, "USAGE:\n   %s %s [command options] %s\n\n", program_name, c->name,
		 c->args ? c->args : "");
	if (c->description)
		str_addf(out, "DESCRIPTION:\n   %s\n\n", c->description);
	str_add(out, "OPTIONS:\n");
	add_options(out, c->options);
}

int cmd_print(const struct str *s, struct err *e)
{
	if (fd_write_all(STDOUT_FILENO, str_get(s), s->n) < 0)
		return err_sys(e, "write to stdout");
	return 0;
}
