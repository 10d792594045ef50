/* SPDX-License-Identifier: Apache-2.0 */
/* --rootfs and the options that go with it: a container without a bundle, for run and spec. */
#ifndef CMD_LINE_QUICK_H
#define CMD_LINE_QUICK_H

#include "cmd/line/cmd.h"
#include "cmd/line/compose.h"
#include "cmd/line/options.h"

#include <stdbool.h>

struct quick_options {
	const char *rootfs, *memory, *cpus, *net, *cwd, *user, *hostname;
	struct strings env, env_files, volumes;
	bool readonly, tty, rootless;
};

/* clang-format off */
#define QUICK_ROW(S, member, name, alias, kind, help) \
	OPTION_AS(S, quick.member, name, alias, kind, help, OPTION_QUICK)
/* The rows of a command whose struct of options S has a struct quick_options quick. */
#define QUICK_ROWS(S) \
	OPTION(S, quick.rootfs, "rootfs", NULL, OPT_STRING, \
	       "no bundle: the default configuration, with this directory as root file system"), \
	QUICK_ROW(S, tty, "tty", "t", OPT_FLAG, "give the command a terminal"), \
	QUICK_ROW(S, readonly, "ro", NULL, OPT_FLAG, "make the root file system read-only"), \
	QUICK_ROW(S, env, "env", "e", OPT_STRINGS, \
		  "set NAME=VALUE; NAME alone takes the value that it has here"), \
	QUICK_ROW(S, env_files, "env-file", NULL, OPT_STRINGS, \
		  "set what the lines of this file say, NAME=VALUE or NAME"), \
	QUICK_ROW(S, volumes, "volume", "v", OPT_STRINGS, \
		  "bind a file or directory of the host: SRC:DST[:OPTION,...], such as 'ro' " \
		  "(with all that is mounted below it)"), \
	QUICK_ROW(S, memory, "memory", "m", OPT_STRING, "memory limit in bytes, or 64m, 1.5g"), \
	QUICK_ROW(S, cpus, "cpus", NULL, OPT_STRING, "limit of processor time: 0.5 is half a CPU"), \
	QUICK_ROW(S, net, "net", NULL, OPT_STRING, \
		  "'none' (default): loopback alone, or 'host': the host's network, " \
		  "/etc/resolv.conf and /etc/hosts"), \
	QUICK_ROW(S, cwd, "workdir", "w", OPT_STRING, "current directory (default is '/')"), \
	QUICK_ROW(S, user, "user", "u", OPT_STRING, "UID[:GID], numbers (default is 0:0)"), \
	QUICK_ROW(S, hostname, "hostname", NULL, OPT_STRING, "host name (default is 'hull')")
/* clang-format on */

/* Options of rows that go with --rootfs alone, and --rootfs beside bundle, are errors. */
must_check int quick_check(const struct option_row *rows, const void *options,
			   const struct quick_options *o, const char *bundle,
			   const char *config_file, struct err *e);

/*
 * What the options wish for: *ret is filled, and points into o and args (ended by NULL, perhaps
 * empty). Looks at nothing but the environment and the --env-file files.
 */
must_check int quick_parse(const struct quick_options *o, char **args, struct compose *ret,
			   struct err *e);
/* What the machine says to it: absolute paths of what must exist, the ids, the kind of cgroups. */
must_check int quick_locate(struct compose *c, struct err *e);
/* Of these the ids and the kind of cgroups alone. */
void quick_host(struct compose *c);

/* All of it: the configuration as one line of JSON. */
must_check int quick_config(const struct quick_options *o, char **args, struct str *out,
			    struct err *e);

#endif
