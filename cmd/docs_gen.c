/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Not a part of hull: makes hull(8) and the completion for bash from the tables of commands and
 * options. "docs_gen man" and "docs_gen bash" copy stdin (cmd/manual.8, cmd/completion.bash) to
 * stdout, and write what was made in the place of the lines that end in @commands@, @globals@ or
 * @tables@.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/line/help.h"
#include "cmd/line/options.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#define TEMPLATE_MAX ((size_t)1 << 20)

/* --- What the value of an option is ------------------------------------------------------------ */

/* The tables do not say it; an option that is not here has the placeholder of its kind. */
static const struct hint {
	const char *option, *placeholder;
	const char *complete; /* @file, @dir, @none, or words */
} hints[] = {
	{ "additional-gids", "GID", "@none" },
	{ "blkio-weight", "WEIGHT", "@none" },
	{ "bundle", "DIR", "@dir" },
	{ "cap", "CAPABILITY", "@none" },
	{ "cgroup", "CGROUP", "@none" },
	{ "cgroup-manager", "NAME", "cgroupfs systemd disabled" },
	{ "config", "FILE", "@file" },
	{ "console-socket", "SOCKET", "@file" },
	{ "cpus", "NUMBER", "@none" },
	{ "cwd", "DIR", "@none" },
	{ "env", "NAME=VALUE", "@none" },
	{ "env-file", "FILE", "@file" },
	{ "file", "FILE", "@file" },
	{ "format", "FORMAT", "table json" },
	{ "handler", "NAME", "@none" },
	{ "hostname", "NAME", "@none" },
	{ "log", "FILE", "@file" },
	{ "log-format", "FORMAT", "text json" },
	{ "log-level", "LEVEL", "error warning info debug" },
	{ "memory", "BYTES", "@none" },
	{ "missing-controllers", "WORD", "error warn ignore" },
	{ "net", "NETWORK", "none host" },
	{ "pid-file", "FILE", "@file" },
	{ "pidfd-socket", "SOCKET", "@file" },
	{ "process", "FILE", "@file" },
	{ "resources", "FILE", "@file" },
	{ "root", "DIR", "@dir" },
	{ "rootfs", "DIR", "@dir" },
	{ "rootless", "WORD", "true false auto" },
	{ "systemd-timeout", "SECONDS", "@none" },
	{ "trace", "FILE", "@file" },
	{ "user", "UID[:GID]", "@none" },
	{ "volume", "SRC:DST[:OPTIONS]", "@file" },
	{ "workdir", "DIR", "@none" },
};

static bool is_flag(const struct option_row *o)
{
	return o->kind == OPT_FLAG || o->kind == OPT_MAYBE;
}

static struct hint hint_of(const struct option_row *o)
{
	/* Of two commands the same name may stand for other words. */
	if (!strcmp(o->name, "format") && strstr(o->help, "'text'"))
		return (struct hint){ o->name, "FORMAT", "text json" };
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		if (!strcmp(hints[i].option, o->name))
			return hints[i];
	}
	return (struct hint){ o->name,
			      o->kind == OPT_INT      ? "N" :
			      o->kind == OPT_DURATION ? "TIME" :
							"VALUE",
			      "@none" };
}

static bool has_option(const struct option_row *rows, const char *name)
{
	for (const struct option_row *o = option_first(rows); o; o = option_next(o)) {
		if (!strcmp(o->name, name) && !is_flag(o))
			return true;
	}
	return false;
}

/* A hint that no option has would be one that was renamed. */
static bool check_hints(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(hints); i++) {
		bool found = has_option(global_options, hints[i].option);

		for (const struct command *const *c = commands; *c && !found; c++)
			found = has_option((*c)->options, hints[i].option);
		if (!found) {
			fprintf(stderr, "docs_gen: no option with a value is called \"%s\"\n",
				hints[i].option);
			return false;
		}
	}
	return true;
}

/* --- man --------------------------------------------------------------------------------------- */

#define WIDTH 76 /* columns of the source, of which the page's reader sees nothing */

static size_t column(const struct str *out)
{
	const char *line = out->n ? memrchr(out->s, '\n', out->n) : NULL;

	return line ? (size_t)(out->s + out->n - line - 1) : out->n;
}

/* groff_char(7): a plain "-" may become a hyphen; "." and "'" begin a request in the first column. */
static void add_roff(struct str *out, const char *s, size_t n)
{
	if (n && (*s == '.' || *s == '\'') && column(out) == 0)
		str_add(out, "\\&");
	for (; n--; s++) {
		if (*s == '\\')
			str_add(out, "\\e");
		else if (*s == '-')
			str_add(out, "\\-");
		else
			str_add_n(out, s, 1);
	}
}

/* Text that is filled anyway: a word to a word. */
static void add_words(struct str *out, const char *s, size_t n)
{
	const char *end = s + n;

	while (s < end) {
		size_t word = strcspn(s, " ");

		if (word > (size_t)(end - s))
			word = (size_t)(end - s);
		if (word && column(out))
			str_add(out, column(out) + word < WIDTH ? " " : "\n");
		add_roff(out, s, word);
		s += word + 1;
	}
}

static void add_text(struct str *out, const char *s)
{
	add_words(out, s, strlen(s));
	str_add(out, "\n");
}

static void man_name(struct str *out, const char *dashes, const char *name, const char *placeholder)
{
	str_add(out, "\\fB");
	add_roff(out, dashes, strlen(dashes));
	add_roff(out, name, strlen(name));
	str_add(out, "\\fR");
	if (placeholder)
		str_addf(out, " \\fI%s\\fR", placeholder);
}

static void man_option(struct str *out, const struct option_row *o)
{
	const char *placeholder = is_flag(o) ? NULL : hint_of(o).placeholder;
	auto_str struct str help = { 0 };

	str_add(out, ".TP\n");
	man_name(out, "--", o->name, placeholder);
	if (o->alias) {
		str_add(out, ", ");
		man_name(out, "-", o->alias, placeholder);
	}
	str_add(out, "\n");
	str_add(&help, o->help);
	if (o->by_default)
		str_addf(&help, " (default: %s)", o->by_default);
	add_text(out, help.s);
}

static void man_options(struct str *out, const struct option_row *rows, unsigned flags)
{
	bool any = false;

	for (const struct option_row *o = option_first(rows); o; o = option_next(o)) {
		if (o->flags != flags)
			continue;
		if (!any && flags & OPTION_QUICK)
			str_add(out, ".PP\nTogether with \\fB\\-\\-rootfs\\fR:\n");
		any = true;
		man_option(out, o);
	}
}

#define EXAMPLE_INDENT 7 /* columns; the text of a description has 3 */

/* Paragraphs; a line that is indented further than the rest is an example. */
static void man_description(struct str *out, const char *text)
{
	bool example = false;

	while (text && *text) {
		size_t n = strcspn(text, "\n"), indent = strspn(text, " ");
		bool deep = indent >= EXAMPLE_INDENT && indent < n;

		if (indent > EXAMPLE_INDENT)
			indent = EXAMPLE_INDENT;

		if (deep != example && n)
			str_add(out, deep ? ".PP\n.RS 4\n.nf\n" : ".fi\n.RE\n.PP\n");
		if (n) {
			example = deep;
			(deep ? add_roff : add_words)(out, text + indent, n - indent);
			str_add(out, "\n");
		} else if (!example && strspn(text + 1, " ") < EXAMPLE_INDENT) {
			str_add(out, ".PP\n");
		}
		text += n + (text[n] == '\n');
	}
	str_add(out, example ? ".fi\n.RE\n" : "");
}

static void man_command(struct str *out, const struct command *c)
{
	str_addf(out, ".SS hull %s\n", c->name);
	str_addf(out, "\\fBhull\\fR [global options] \\fB%s\\fR [options]", c->name);
	add_text(out, c->args ? c->args : "");
	str_add(out, ".PP\n");
	if (c->description)
		man_description(out, c->description);
	else
		add_text(out, c->usage);
	man_options(out, c->options, 0);
	man_options(out, c->options, OPTION_QUICK);
}

static bool man(const char *marker, struct str *out)
{
	if (!strcmp(marker, "globals")) {
		man_options(out, global_options, 0);
		return true;
	}
	if (strcmp(marker, "commands") != 0)
		return false;
	for (const struct command *const *c = commands; *c; c++)
		man_command(out, *c);
	return true;
}

/* --- bash -------------------------------------------------------------------------------------- */

static void bash_options(struct str *out, const char *command, const struct option_row *rows)
{
	str_addf(out, "\t'%s') echo '", command);
	for (const struct option_row *o = option_first(rows); o; o = option_next(o)) {
		if (o->flags & OPTION_HIDDEN)
			continue;
		str_addf(out, "--%s ", o->name);
		if (o->alias)
			str_addf(out, "-%s ", o->alias);
	}
	str_add(out, "--help -h' ;;\n");
}

static void bash_values(struct str *out, const char *command, const struct option_row *rows)
{
	for (const struct option_row *o = option_first(rows); o; o = option_next(o)) {
		if (is_flag(o))
			continue;
		str_addf(out, "\t'%s %s'", command, o->name);
		if (o->alias)
			str_addf(out, " | '%s %s'", command, o->alias);
		str_addf(out, ") echo '%s' ;;\n", hint_of(o).complete);
	}
}

/* run and create make the container that they are told of. */
static bool takes_id(const struct command *c)
{
	return c->args && str_starts(c->args, "<container-id>") && strcmp(c->name, "run") != 0 &&
	       strcmp(c->name, "create") != 0;
}

static bool bash(const char *marker, struct str *out)
{
	if (strcmp(marker, "tables") != 0)
		return false;
	str_add(out, "_hull_commands() { echo '");
	for (const struct command *const *c = commands; *c; c++)
		str_addf(out, "%s ", (*c)->name);
	str_add(out, "help'; }\n\n# The options of a command, or the global ones.\n"
		     "_hull_options() {\n\tcase $1 in\n");
	bash_options(out, "", global_options);
	for (const struct command *const *c = commands; *c; c++)
		bash_options(out, (*c)->name, (*c)->options);
	str_add(out, "\tesac\n}\n\n"
		     "# What the value of option $2 of command $1 is; false for a flag.\n"
		     "_hull_value() {\n\tcase \"$1 $2\" in\n");
	bash_values(out, "", global_options);
	for (const struct command *const *c = commands; *c; c++)
		bash_values(out, (*c)->name, (*c)->options);
	str_add(out, "\t*) return 1 ;;\n\tesac\n}\n\n"
		     "# The argument after which nothing is hull's any more, 0 for none.\n"
		     "_hull_last() {\n\tcase $1 in\n");
	for (const struct command *const *c = commands; *c; c++) {
		if ((*c)->stop_at_arg)
			str_addf(out, "\t%s) echo %d ;;\n", (*c)->name, (*c)->stop_at_arg);
	}
	str_add(out, "\t*) echo 0 ;;\n\tesac\n}\n\n"
		     "# Does command $1 take the id of a container that is there?\n"
		     "_hull_takes_id() {\n\tcase $1 in\n");
	for (const struct command *const *c = commands; *c; c++) {
		if (takes_id(*c))
			str_addf(out, "\t%s) ;;\n", (*c)->name);
	}
	str_add(out, "\t*) return 1 ;;\n\tesac\n}\n");
	return true;
}

/* --- The template ------------------------------------------------------------------------------ */

/* A line `... @word@` is a place for what make() adds; @version@ stands anywhere. */
static bool expand(char *text, bool (*make)(const char *marker, struct str *out), struct str *out)
{
	char *line;

	while ((line = strsep(&text, "\n"))) {
		size_t n = strlen(line);
		char *at = n > 2 && line[n - 1] == '@' ? memrchr(line, '@', n - 1) : NULL;
		char *version = strstr(line, "@version@");

		if (version) {
			str_add_n(out, line, (size_t)(version - line));
			str_addf(out, "%s%s", hull_version, version + strlen("@version@"));
		} else if (at) {
			line[n - 1] = '\0';
			if (!make(at + 1, out)) {
				fprintf(stderr, "docs_gen: unknown place \"%s\"\n", at + 1);
				return false;
			}
			continue;
		} else {
			str_add(out, line);
		}
		if (text)
			str_add(out, "\n");
	}
	return true;
}

int main(int argc, char **argv)
{
	auto_str struct str out = { 0 };
	auto_free char *text = NULL;
	bool for_man = argc == 2 && !strcmp(argv[1], "man");
	struct err e;

	if (!for_man && (argc != 2 || strcmp(argv[1], "bash") != 0)) {
		fprintf(stderr, "usage: docs_gen man|bash <template\n");
		return 1;
	}
	if (!check_hints())
		return 1;
	if (fd_read_all(STDIN_FILENO, TEMPLATE_MAX, &text, NULL, &e) < 0)
		fprintf(stderr, "docs_gen: %s\n", e.chain);
	else if (expand(text, for_man ? man : bash, &out) && cmd_print(&out, &e) == 0)
		return 0;
	return 1;
}
