/* SPDX-License-Identifier: Apache-2.0 */
/* `hull list`: the containers in the state directory. */
#include "cmd/line/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/line/options.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/record.h"
#include "state/status.h"
#include "state/base/str.h"

struct options {
	const char *format;
	bool quiet;
};

static const struct option_row options[] = {
	{ "format", "f", OPT_STRING, offsetof(struct options, format),
	  "select one of: table or json", "\"table\"", 0, NULL },
	OPTION(options, quiet, "quiet", "q", OPT_FLAG, "display only container IDs"),
	{ 0 },
};

struct list {
	const char *owner; /* of all of them: others' are not opened */
	struct str out;	   /* JSON, or ids */
	char *(*rows)[6];
	size_t n;
};

static const char *user_name(char buf[static 16])
{
	const struct passwd *pw = getpwuid(geteuid());

	if (pw)
		return pw->pw_name;
	snprintf(buf, 16, "#%u", (unsigned)geteuid());
	return buf;
}

/* A path may have any character in its name, and a table has lines. The caller frees it. */
static char *visible(const char *s)
{
	struct str out = { 0 };

	for (; *s; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			str_addf(&out, "\\x%02x", (unsigned)*s);
		else
			str_add_n(&out, s, 1);
	}
	return out.s ? out.s : xstrdup("");
}

static void add_row(struct list *l, const struct record *r, enum status status, pid_t pid)
{
	char when[40];

	l->rows = xrealloc(l->rows, (l->n + 1) * sizeof(*l->rows));
	l->rows[l->n][0] = xstrdup(r->id);
	l->rows[l->n][1] = xasprintf("%d", (int)pid);
	l->rows[l->n][2] = xstrdup(status_name(status));
	l->rows[l->n][3] = visible(r->bundle);
	l->rows[l->n][4] = xstrdup(record_time(r->created, when));
	l->rows[l->n][5] = xstrdup(l->owner);
}

/* "table", "json", or ids when format is NULL. */
static int add(struct list *l, int root_fd, const char *id, const char *format, struct err *e)
{
	auto_container struct container c = CONTAINER_INIT;
	auto_record struct record r = { 0 };
	enum status status;
	pid_t pid;

	if (container_open_at(root_fd, id, &c, e) < 0 || record_read(c.dir_fd, &r, e) < 0)
		return -1;
	if (!format) {
		str_addf(&l->out, "%s\n", id);
		return 0;
	}
	status = status_of(&c, &r, &pid);
	if (!strcmp(format, "table")) {
		add_row(l, &r, status, pid);
	} else {
		str_add(&l->out, l->n ? "," : "[");
		record_state(&r, status_name(status), pid, l->owner, false, &l->out);
	}
	l->n++;
	return 0;
}

/* A bare line, as runc writes it: the others are listed all the same. */
static void complain(const char *id, const struct err *e)
{
	auto_str struct str line = { 0 };

	/* Deleted since the directory was read, or a create that has just begun. */
	if (e->code == ENOENT)
		return;
	str_addf(&line, "load container %s: %s\n", id, e->chain);
	(void)fd_write_all(STDERR_FILENO, line.s, line.n);
}

static int collect(struct list *l, const struct root *root, const char *format, struct err *e)
{
	auto_close int root_fd = root_open(root, false, e);
	char **ids;

	if (root_fd < 0)
		return root->is_default && e->code == ENOENT ? 0 : -1;
	if (root_list(root_fd, &ids, e) < 0)
		return -1;
	for (size_t i = 0; ids[i]; i++) {
		if (add(l, root_fd, ids[i], format, e) < 0)
			complain(ids[i], e);
		free(ids[i]);
	}
	free(ids);
	return 0;
}

/* Characters, not bytes. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

/* As Go's tabwriter does for runc: cells of at least 12, 3 spaces between them. */
static void add_table(struct list *l)
{
	static const char *const titles[] = { "ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER" };
	size_t width[6], w;

	for (size_t col = 0; col < 6; col++) {
		width[col] = 12;
		for (size_t i = 0; i < l->n; i++) {
			w = width_of(l->rows[i][col]) + 3;
			width[col] = w > width[col] ? w : width[col];
		}
	}
	for (size_t i = 0; i <= l->n; i++) {
		for (size_t col = 0; col < 6; col++) {
			const char *s = i ? l->rows[i - 1][col] : titles[col];

			w = col < 5 ? width[col] - width_of(s) : 0;
			str_addf(&l->out, "%s%*s", s, (int)w, "");
		}
		str_add(&l->out, "\n");
	}
}

static void list_done(struct list *l, bool table)
{
	for (size_t i = 0; table && i < l->n; i++) {
		for (size_t col = 0; col < 6; col++)
			free(l->rows[i][col]);
	}
	free(l->rows);
	str_done(&l->out);
}

static int run(struct invocation *inv, struct err *e)
{
	const struct options *o = inv->options;
	const char *format = o->quiet ? NULL : o->format ? o->format : "table";
	bool table = format && !strcmp(format, "table");
	struct list l = { 0 };
	char uid[16];
	int r;

	if (format && !table && strcmp(format, "json") != 0)
		return err_set(e, EINVAL, "invalid format option");
	l.owner = format ? user_name(uid) : "";
	r = collect(&l, &inv->globals->root, format, e);
	if (r == 0 && table)
		add_table(&l);
	else if (r == 0 && format)
		str_add(&l.out, l.n ? "]\n" : "null\n");
	if (r == 0)
		r = cmd_print(&l.out, e);
	list_done(&l, table);
	return r;
}

const struct command list_command = {
	.name = "list",
	.usage = "lists containers started by hull with the given root",
	.description = "The given root is specified via the global option \"--root\" (default: "
		       "\"/run/hull\").\n"
		       "\n"
		       "   To list containers created via the default \"--root\":\n"
		       "       # hull list\n"
		       "\n"
		       "   To list containers created using a non-default value for \"--root\":\n"
		       "       # hull --root value list",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 0,
	.max_args = 0,
	.run = run,
};
