/* SPDX-License-Identifier: Apache-2.0 */
/* The command: config.json is read, all looks are taken, and what was found is printed. */
#include "cmd/check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/line/json_out.h"
#include "cmd/line/options.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"

static const char *const words[] = {
	[CHECK_ERROR] = "error",
	[CHECK_WARNING] = "warning",
	[CHECK_UNSEEN] = "unseen",
};

/* --- Findings --------------------------------------------------------------------------------- */

void check_say(struct check *c, enum severity s, const char *pointer, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	c->v = xrealloc(c->v, (c->n + 1) * sizeof(*c->v));
	c->v[c->n++] = (struct check_finding){ s, xstrdup(pointer), xstrdup(text) };
	c->count[s]++;
}

void check_err(struct check *c, enum severity s, const char *prefix, const struct err *e)
{
	auto_free char *pointer = xasprintf("%s%s", prefix, e->pointer);

	check_say(c, s, pointer, "%s", e->chain);
}

static void on_failure(void *arg, const struct err *e)
{
	check_err(arg, CHECK_ERROR, "", e);
}

const char *check_at(char buf[static 64], const char *list, size_t i)
{
	snprintf(buf, 64, "/%s/%zu", list, i);
	return buf;
}

char *check_path(const struct check *c, const char *path)
{
	return path_join(c->bundle, path);
}

/* --- Output ----------------------------------------------------------------------------------- */

static void add_text(const struct check *c, struct str *out)
{
	for (size_t i = 0; i < c->n; i++)
		str_addf(out, "%-7s  %s: %s\n", words[c->v[i].severity],
			 *c->v[i].pointer ? c->v[i].pointer : c->bundle, c->v[i].text);
	str_addf(out, "%s: %zu errors, %zu warnings", c->bundle, c->count[CHECK_ERROR],
		 c->count[CHECK_WARNING]);
	if (c->count[CHECK_UNSEEN])
		str_addf(out, ", %zu not to be looked at", c->count[CHECK_UNSEEN]);
	str_add(out, "\n");
}

static void add_json(const struct check *c, struct str *out)
{
	struct json_out o = { 0 };

	json_begin(&o, NULL, "{");
	json_add_text(&o, "bundle", c->bundle);
	json_add_number(&o, "errors", (int64_t)c->count[CHECK_ERROR]);
	json_add_number(&o, "warnings", (int64_t)c->count[CHECK_WARNING]);
	json_begin(&o, "findings", "[");
	for (size_t i = 0; i < c->n; i++) {
		json_begin(&o, NULL, "{");
		json_add_text(&o, "severity", words[c->v[i].severity]);
		json_add_text(&o, "pointer", c->v[i].pointer);
		json_add_text(&o, "message", c->v[i].text);
		json_end(&o, "}");
	}
	json_end(&o, "]");
	json_end(&o, "}");
	str_add(&o.s, "\n");
	*out = o.s;
}

/* --- The command ------------------------------------------------------------------------------ */

struct options {
	const char *bundle, *config, *format;
	bool strict;
};

static const struct option_row options[] = {
	OPTION(options, bundle, "bundle", "b", OPT_STRING,
	       "path to the root of the bundle directory (default is the current directory)"),
	OPTION(options, config, "config", NULL, OPT_STRING,
	       "the configuration, in the place of the bundle's config.json"),
	OPTION(options, format, "format", "f", OPT_STRING, "'text' (default) or 'json'"),
	OPTION(options, strict, "strict", NULL, OPT_FLAG, "exit with 2 when there are warnings"),
	{ 0 },
};

static void look(struct check *c)
{
	if (!c->spec) {
		check_say(c, CHECK_UNSEEN, "",
			  "programs, mounts and the machine are looked at when these are right");
		return;
	}
	check_root(c);
	check_mounts(c);
	check_hooks(c);
	check_machine(c);
	check_surprise(c);
}

static int read_config(struct check *c, const char *file, struct arena *a, struct err *e)
{
	auto_free char *path = path_join(c->bundle, str_empty(file) ? "config.json" : file);
	auto_free char *text = NULL;
	struct spec *spec = NULL;
	size_t n;

	if (fd_read_file(AT_FDCWD, path, SPEC_FILE_MAX, &text, &n, e) < 0)
		return -1;
	if (spec_read_all(text, n, a, &spec, on_failure, c, e) < 0)
		check_err(c, CHECK_ERROR, "", e);
	c->spec = spec;
	return 0;
}

static int find_bundle(const struct options *o, char **ret, struct err *e)
{
	auto_free char *cwd = getcwd(NULL, 0);

	if (!cwd)
		return err_sys(e, "get the current directory");
	*ret = path_join(cwd, str_empty(o->bundle) ? "." : o->bundle);
	return 0;
}

static void done(struct check *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i].pointer);
		free(c->v[i].text);
	}
	free(c->v);
}

static int run(struct invocation *inv, struct err *e)
{
	const struct options *o = inv->options;
	bool json;
	struct check c = { .g = inv->globals, .root = geteuid() == 0 };
	auto_free char *bundle = NULL;
	auto_str struct str out = { 0 };
	struct arena a;
	int r;

	if (json_wanted(o->format, &json, e) < 0)
		return -1;
	if (find_bundle(o, &bundle, e) < 0)
		return -1;
	c.bundle = bundle;
	arena_init(&a);
	if (read_config(&c, o->config, &a, e) < 0)
		return -1;
	look(&c);
	if (json)
		add_json(&c, &out);
	else
		add_text(&c, &out);
	r = cmd_print(&out, e);
	if (r == 0)
		r = c.count[CHECK_ERROR] ? 1 : o->strict && c.count[CHECK_WARNING] ? 2 : 0;
	done(&c);
	return r;
}

const struct command check_command = {
	.name = "check",
	.usage = "says what is wrong with a bundle, and what is surprising, without running it",
	.description =
		"All of config.json is looked at, and what it names: the root file system, the\n"
		"   program in it, mounts, hooks, and what this machine lacks for it. Each line\n"
		"   is \"error\", which create would fail with; \"warning\", which is legal and\n"
		"   may not be meant; or \"unseen\", what could not be looked at; and a JSON\n"
		"   pointer into config.json. The exit status is 0, or 1 when there are errors,\n"
		"   or with --strict 2 when there are warnings alone.",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 0,
	.max_args = 0,
	.run = run,
};
