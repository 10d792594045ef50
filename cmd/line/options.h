/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options as tables. They are parsed as runc's are (urfave/cli over Go's flag package): one dash or
 * two, "--name value" or "--name=value", flags alone or as "--flag=true"; options may stand among
 * the arguments; the last of a repeated option counts; "--" ends them.
 */
#ifndef CMD_LINE_OPTIONS_H
#define CMD_LINE_OPTIONS_H

#include "cmd/line/cmd.h"
#include "state/base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum option_kind {
	OPT_FLAG,     /* bool */
	OPT_MAYBE,    /* struct opt_bool: whether it was given, too */
	OPT_STRING,   /* const char * */
	OPT_STRINGS,  /* struct strings: may be repeated */
	OPT_INT,      /* int */
	OPT_DURATION, /* struct opt_int, nanoseconds: "1m30s", "100ms" */
};

/* Flags of a row. */
enum {
	OPTION_HIDDEN = 1, /* not in the help */
	OPTION_QUICK = 2,  /* goes with --rootfs only (cmd/line/quick.h) */
};

struct option_row {
	const char *name; /* NULL ends the table, which may go on elsewhere: more */
	const char *alias;
	enum option_kind kind;
	size_t offset; /* in the struct that is filled */
	const char *help;
	const char *by_default; /* what the help says; may be NULL */
	unsigned flags;
	const struct option_row *more;
};

/* for (o = option_first(rows); o; o = option_next(o)); rows may be NULL. */
const struct option_row *option_first(const struct option_row *rows);
const struct option_row *option_next(const struct option_row *o);

/* clang-format off */
#define OPTION(S, member, name, alias, kind, help) \
	{ name, alias, kind, offsetof(struct S, member), help, NULL, 0, NULL }
#define OPTION_AS(S, member, name, alias, kind, help, flags) \
	{ name, alias, kind, offsetof(struct S, member), help, NULL, flags, NULL }
/* clang-format on */

/* The same as the global option, where people look for it: member is a const char * that main reads. */
#define TRACE_ROW(S, member)                         \
	OPTION(S, member, "trace", NULL, OPT_STRING, \
	       "write where the time went to this file, for Chrome or Perfetto; '-' is text on stderr")

/* And what create, run, exec and restore have in common. */
#define BUNDLE_ROW(S, member)                        \
	OPTION(S, member, "bundle", "b", OPT_STRING, \
	       "path to the root of the bundle directory, defaults to the current directory")
#define CONSOLE_SOCKET_ROW(S, member)                                                            \
	OPTION(S, member, "console-socket", NULL, OPT_STRING,                                    \
	       "path to an AF_UNIX socket which will receive a file descriptor referencing the " \
	       "master end of the console's pseudoterminal")
#define PIDFD_SOCKET_ROW(S, member, whose)                                                             \
	OPTION(S, member, "pidfd-socket", NULL, OPT_STRING,                                            \
	       "path to an AF_UNIX socket which will receive a file descriptor referencing the " whose \
	       " process")
#define PID_FILE_ROW(S, member)                         \
	OPTION(S, member, "pid-file", NULL, OPT_STRING, \
	       "specify the file to write the process id to")
#define PRESERVE_FDS_ROW(S, member)                      \
	OPTION(S, member, "preserve-fds", NULL, OPT_INT, \
	       "Pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)")
#define DETACH_ROW(S, member) \
	OPTION(S, member, "detach", "d", OPT_FLAG, "detach from the container's process")
#define NO_SUBREAPER_ROW(S, member)                       \
	OPTION(S, member, "no-subreaper", NULL, OPT_FLAG, \
	       "disable the use of the subreaper used to reap reparented processes")

/* What is common to the parses of the globals and of a command's options. */
struct parse {
	const struct option_row *rows; /* may be NULL */
	void *dst;
	int stop_at_arg; /* no options from this argument on, counted from 1; 0: anywhere */
	/* Results: */
	bool help;	   /* -h or --help was given */
	bool dashes_first; /* "--" stood before the first argument */
	int n_args;
};

/*
 * Parse argv (ended by NULL) and leave the arguments at its beginning. The error is Go's text, such
 * as "flag provided but not defined: -x".
 */
must_check int options_parse(struct parse *p, char **argv, struct err *e);
/* An option that has this flag was used: "--x WHY". */
must_check int options_check_flag(const struct option_row *rows, const void *dst, unsigned flag,
				  const char *why, struct err *e);

extern const struct option_row global_options[]; /* of struct globals; cmd/line/help.c */
extern const struct option_row launch_rows[]; /* of struct launch_options; cmd/create.c, for run */

#endif
