/* SPDX-License-Identifier: Apache-2.0 */
/* The option parser, against what runc's does (FEATURES A1). */
#include "cmd/line/options.h"

#include <stdlib.h>
#include <string.h>

#include "state/spec/decode.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/tap.h"

struct options {
	bool force;
	struct opt_bool nnp;
	const char *bundle;
	struct strings env;
	int n;
	struct opt_int every;
};

static const struct option_row more[] = {
	OPTION(options, n, "preserve-fds", NULL, OPT_INT, "a number"),
	OPTION(options, every, "every", NULL, OPT_DURATION, "a time"),
	{ 0 },
};

static const struct option_row rows[] = {
	OPTION(options, force, "force", "f", OPT_FLAG, "a flag"),
	OPTION(options, nnp, "no-new-privs", NULL, OPT_MAYBE, "a flag that may be absent"),
	OPTION(options, bundle, "bundle", "b", OPT_STRING, "a string"),
	OPTION(options, env, "env", "e", OPT_STRINGS, "strings"),
	{ .more = more },
};

/*
 * line is split at blanks; "_" stands for an empty argument. The result is written down as
 * "force nnp=0 bundle=B env=A,B n=3 help | the arguments", or is the error.
 */
static void parse_line(const char *line, int stop, struct str *out)
{
	auto_free char *text = xstrdup(line);
	char *argv[32], *rest = text, *word;
	struct options o = { 0 };
	struct parse p = { .rows = rows, .dst = &o, .stop_at_arg = stop };
	struct err e;
	int n = 0;

	while ((word = strsep(&rest, " ")))
		argv[n++] = strcmp(word, "_") ? word : word + 1;
	argv[n] = NULL;
	if (options_parse(&p, argv, &e) < 0) {
		str_add(out, e.chain);
		return;
	}
	str_add(out, o.force ? "force " : "");
	if (o.nnp.set)
		str_addf(out, "nnp=%d ", o.nnp.v);
	if (o.bundle)
		str_addf(out, "bundle=%s ", o.bundle);
	for (size_t i = 0; i < o.env.n; i++)
		str_addf(out, "env=%s ", o.env.v[i]);
	if (o.n)
		str_addf(out, "n=%d ", o.n);
	if (o.every.set)
		str_addf(out, "every=%lldns ", (long long)o.every.v);
	str_add(out, p.dashes_first ? "dashes " : "");
	str_add(out, p.help ? "help |" : "|");
	for (int i = 0; i < p.n_args; i++)
		str_addf(out, " %s", argv[i]);
	ok(argv[p.n_args] == NULL, "the arguments end with NULL: %s", line);
	free(o.env.v);
}

static const struct {
	const char *line, *result;
} cases[] = {
	{ "id", "| id" },
	{ "--force id", "force | id" },
	{ "-force id", "force | id" },
	{ "-f id", "force | id" },
	{ "--f id", "force | id" },
	{ "id --force", "force | id" },
	{ "id -f kill", "force | id kill" },
	{ "--force=false id", "| id" },
	{ "--force=T id", "force | id" },
	{ "--force=1 id", "force | id" },
	{ "--force --force=0 id", "| id" },
	{ "--force false id", "force | false id" },
	{ "--force=maybe id", "invalid boolean value \"maybe\" for -force: parse error" },
	{ "--f= id", "invalid boolean value \"\" for -f: parse error" },
	{ "--no-new-privs=false id", "nnp=0 | id" },
	{ "--no-new-privs id", "nnp=1 | id" },
	{ "--bundle a id", "bundle=a | id" },
	{ "-bundle=a id", "bundle=a | id" },
	{ "-b a --bundle b id", "bundle=b | id" },
	{ "--bundle=a=b id", "bundle=a=b | id" },
	{ "--bundle= id", "bundle= | id" },
	{ "--bundle _ id", "bundle= | id" },
	{ "--bundle --force id", "bundle=--force | id" },
	{ "--bundle - id", "bundle=- | id" },
	{ "--bundle -- id", "bundle=-- | id" },
	{ "id --bundle", "flag needs an argument: -bundle" },
	{ "--b", "flag needs an argument: -b" },
	{ "-e A=1 --env B=2 -e=C id", "env=A=1 env=B=2 env=C | id" },
	{ "--preserve-fds 3 id", "n=3 | id" },
	{ "--preserve-fds=0x10 id", "n=16 | id" },
	{ "--preserve-fds 017 id", "n=15 | id" },
	{ "--preserve-fds -2 id", "n=-2 | id" },
	{ "--preserve-fds 0 id", "| id" },
	{ "--preserve-fds x id", "invalid value \"x\" for flag -preserve-fds: parse error" },
	{ "--preserve-fds 1x id", "invalid value \"1x\" for flag -preserve-fds: parse error" },
	{ "--preserve-fds 09 id", "invalid value \"09\" for flag -preserve-fds: parse error" },
	{ "--preserve-fds _ id", "invalid value \"\" for flag -preserve-fds: parse error" },
	{ "--preserve-fds 99999999999 id",
	  "invalid value \"99999999999\" for flag -preserve-fds: value out of range" },
	{ "--preserve-fds 99999999999999999999 id",
	  "invalid value \"99999999999999999999\" for flag -preserve-fds: value out of range" },
	{ "--x id", "flag provided but not defined: -x" },
	{ "-xyz=1 id", "flag provided but not defined: -xyz" },
	{ "-fb id", "flag provided but not defined: -fb" },
	{ "---force id", "bad flag syntax: ---force" },
	{ "--=x id", "bad flag syntax: --=x" },
	{ "id -9", "| id -9" },
	{ "id --unknown", "| id --unknown" },
	{ "id -", "| id -" },
	{ "- id", "| - id" },
	{ "-- --force id", "dashes | --force id" },
	{ "--force -- -f id", "force dashes | -f id" },
	{ "id -- -9", "| id -9" },
	{ "--help", "help |" },
	{ "id -h", "help | id" },
	{ "--help=false id", "| id" },
	{ "_ id", "|  id" },
	{ "--every 5s id", "every=5000000000ns | id" },
	{ "--every=1m30.5s id", "every=90500000000ns | id" },
	{ "--every 100ms id", "every=100000000ns | id" },
	{ "--every -1h id", "every=-3600000000000ns | id" },
	{ "--every 0 id", "every=0ns | id" },
	{ "--every 5 id", "invalid value \"5\" for flag -every: parse error" },
	{ "--every s id", "invalid value \"s\" for flag -every: parse error" },
	{ "--every 5x id", "invalid value \"5x\" for flag -every: parse error" },
	{ "--every _ id", "invalid value \"\" for flag -every: parse error" },
	{ "--every 99999999h id", "invalid value \"99999999h\" for flag -every: parse error" },
};

static const struct {
	const char *line, *result;
	int stop_at_arg;
} stop_cases[] = {
	{ "id ls -f", "| id ls -f", 1 },
	{ "-f id ls -f --bundle", "force | id ls -f --bundle", 1 },
	{ "id -- ls", "| id -- ls", 1 },
	{ "-- id -f", "dashes | id -f", 1 },
	{ "-e A id --help", "env=A | id --help", 1 },
	{ "--help id", "help | id", 1 },
	{ "id -f ls -f --bundle", "force | id ls -f --bundle", 2 },
	{ "id -x -f", "| id -x -f", 2 },
	{ "id -- -f", "| id -f", 2 },
	{ "id ls -- -f", "| id ls -- -f", 2 },
	{ "-- id -f", "dashes | id -f", 2 },
};

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		auto_str struct str out = { 0 };

		parse_line(cases[i].line, 0, &out);
		is(str_get(&out), cases[i].result, cases[i].line);
	}
	for (size_t i = 0; i < ARRAY_SIZE(stop_cases); i++) {
		auto_str struct str out = { 0 };

		parse_line(stop_cases[i].line, stop_cases[i].stop_at_arg, &out);
		is(str_get(&out), stop_cases[i].result, stop_cases[i].line);
	}
	return done_testing();
}
