/* SPDX-License-Identifier: Apache-2.0 */
/* The command, and how an account is written. */
#include "cmd/explain/explain.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/line/options.h"
#include "state/base/mem.h"

/* --- Writing ---------------------------------------------------------------------------------- */

void explain_begin(struct explain *x, const char *name)
{
	str_addf(&x->text, "\n%s\n", name);
	json_begin(&x->json, name, "{");
}

void explain_end(struct explain *x)
{
	json_end(&x->json, "}");
}

static void add_row(struct explain *x, const char *key, const char *words)
{
	str_addf(&x->text, "  %-16s %s\n", key, words);
}

void explain_row(struct explain *x, const char *key, const char *fmt, ...)
{
	char words[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	add_row(x, key, words);
	json_add_text(&x->json, key, words);
}

void explain_number(struct explain *x, const char *key, int64_t n, const char *fmt, ...)
{
	char words[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	add_row(x, key, words);
	json_add_number(&x->json, key, n);
}

void explain_trouble(struct explain *x, const char *fmt, ...)
{
	char words[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	str_addf(&x->trouble, "  %s\n", words);
	json_add_text(&x->trouble_json, NULL, words);
}

const char *explain_bytes(char buf[static 32], uint64_t n)
{
	static const char units[] = "KMGTP";
	double v = (double)n / 1024;
	size_t u = 0;

	for (; v >= 1024 && units[u + 1]; u++)
		v /= 1024;
	if (n < 1024)
		snprintf(buf, 32, "%u bytes", (unsigned)n);
	else
		snprintf(buf, 32, v < 10 ? "%.1f %ciB" : "%.0f %ciB", v, units[u]);
	return buf;
}

/* --- The container ---------------------------------------------------------------------------- */

static const char *age(char buf[static 48], int64_t ns)
{
	int64_t s = (int64_t)time(NULL) - ns / 1000000000;

	if (s < 0)
		snprintf(buf, 48, "in the future of this clock");
	else if (s < 120)
		snprintf(buf, 48, "%lld seconds ago", (long long)s);
	else if (s < 7200)
		snprintf(buf, 48, "%lld minutes ago", (long long)s / 60);
	else if (s < 172800)
		snprintf(buf, 48, "%lld hours ago", (long long)s / 3600);
	else
		snprintf(buf, 48, "%lld days ago", (long long)s / 86400);
	return buf;
}

static void add_status(struct explain *x)
{
	auto_free char *frozen = NULL;

	explain_row(x, "status", "%s", status_name(x->status));
	if (x->status == STATUS_CREATING)
		explain_trouble(x, "it is being created, or the hull that did so was killed: then "
				   "\"delete --force\" cleans it up");
	if (x->status == STATUS_STOPPED && record_same_boot(x->r))
		explain_trouble(x, "its first process has ended; \"delete\" removes what is left");
	if (!record_same_boot(x->r))
		explain_trouble(x,
				"it was made before the machine booted, and has ended with that");
	if (x->status == STATUS_PAUSED) {
		frozen = x->init ? cgroup_why_frozen(&x->r->cgroup, x->init) : NULL;
		explain_trouble(x, "it is paused%s; \"resume\" lets it go on",
				frozen ? frozen : "");
	}
}

static void add_container(struct explain *x)
{
	const struct record *r = x->r;
	char when[40], ago[48];

	explain_row(x, "id", "%s", r->id);
	add_status(x);
	if (x->init)
		explain_number(x, "pid", x->init, "%d", (int)x->init);
	explain_row(x, "bundle", "%s", r->bundle);
	explain_row(x, "rootfs", "%s", r->rootfs);
	explain_row(x, "created", "%s, %s", record_time(r->created, when), age(ago, r->created));
	explain_row(x, "ociVersion", "%s", r->oci_version);
	if (!str_empty(r->unit))
		explain_row(x, "unit", "%s of %s", r->unit,
			    r->unit_of_user ? "the user's systemd" : "systemd");
	for (size_t i = 0; i < r->annotations.n; i++)
		str_addf(&x->text, "  %-16s %s=%s\n", i ? "" : "annotations",
			 r->annotations.v[i].key, r->annotations.v[i].value);
}

/* --- The command ------------------------------------------------------------------------------ */

struct options {
	const char *format;
};

static const struct option_row options[] = {
	OPTION(options, format, "format", "f", OPT_STRING, "'text' (default) or 'json'"),
	{ 0 },
};

static void account(struct explain *x)
{
	json_begin(&x->json, NULL, "{");
	add_container(x);
	if (x->init) {
		explain_processes(x);
		explain_namespaces(x);
	}
	explain_cgroup(x);
	if (x->init) {
		explain_rights(x);
		explain_mounts(x);
	}
}

static int print_text(struct explain *x, struct err *e)
{
	if (x->trouble.n)
		str_addf(&x->text, "\ntrouble\n%s", x->trouble.s);
	return cmd_print(&x->text, e);
}

static int print_json(struct explain *x, struct err *e)
{
	json_begin(&x->json, "trouble", "[");
	x->trouble_json.depth = x->json.depth;
	str_add(&x->json.s, str_get(&x->trouble_json.s));
	x->json.more = x->trouble_json.more;
	json_end(&x->json, "]");
	json_end(&x->json, "}");
	str_add(&x->json.s, "\n");
	return cmd_print(&x->json.s, e);
}

static int run(struct invocation *inv, struct err *e)
{
	const struct options *o = inv->options;
	bool json;
	auto_container struct container c = CONTAINER_INIT;
	auto_record struct record r = { 0 };
	struct explain x = { .g = inv->globals, .c = &c, .r = &r, .trouble_json = { .depth = 2 } };
	int ret;

	if (json_wanted(o->format, &json, e) < 0)
		return -1;
	if (status_load(&inv->globals->root, inv->args[0], STATUS_NO_LOCK, &c, &r, NULL, e) < 0)
		return -1;
	x.status = status_of(&c, &r, &x.init);
	account(&x);
	ret = json ? print_json(&x, e) : print_text(&x, e);
	str_done(&x.text);
	str_done(&x.json.s);
	str_done(&x.trouble);
	str_done(&x.trouble_json.s);
	return ret;
}

const struct command explain_command = {
	.name = "explain",
	.args = "<container-id>",
	.usage = "tells how a container is, for a person",
	.description =
		"Its processes and what each waits for, its namespaces and who shares them, its\n"
		"   cgroups with limits against use, what it may do, its mounts, and last what is\n"
		"   wrong or soon will be.",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
