/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces, with whom they are shared, and mounts. */
#include "cmd/explain/explain.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/proc.h"

static const char *const kinds[] = { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup", "time" };

static bool same(pid_t a, const struct stat *b, const char *kind)
{
	char name[16], path[PROC_PATH_SIZE];
	struct stat st;

	snprintf(name, sizeof(name), "ns/%s", kind);
	return stat(proc_path(path, a, name), &st) == 0 && fd_same_file(&st, b);
}

/* The ids of the other containers of this state directory that have it, too. */
static void add_sharers(struct explain *x, const struct stat *st, const char *kind, struct str *out)
{
	char **ids = NULL;
	struct err e;

	if (root_list(x->c->root_fd, &ids, &e) < 0)
		return;
	for (char **id = ids; *id; id++) {
		auto_container struct container c = CONTAINER_INIT;
		auto_record struct record r = { 0 };

		if (strcmp(*id, x->r->id) != 0 &&
		    container_open_at(x->c->root_fd, *id, &c, &e) == 0 &&
		    record_read(c.dir_fd, &r, &e) == 0 && record_alive(&r, r.pid, r.start_time) &&
		    same(r.pid, st, kind))
			str_addf(out, "%s%s", out->n ? ", " : "", *id);
		free(*id);
	}
	free(ids);
}

static void add_namespace(struct explain *x, const char *kind)
{
	auto_str struct str others = { 0 };
	char name[16], path[PROC_PATH_SIZE];
	struct stat st;

	snprintf(name, sizeof(name), "ns/%s", kind);
	if (stat(proc_path(path, x->init, name), &st) < 0) {
		if (errno != ENOENT)
			explain_row(x, kind, "not to be looked at: %s", errno_text(errno));
		return;
	}
	add_sharers(x, &st, kind, &others);
	if (same(getpid(), &st, kind))
		explain_row(x, kind, "the host's");
	else if (others.n)
		explain_row(x, kind, "%llu, with %s", (unsigned long long)st.st_ino, others.s);
	else
		explain_row(x, kind, "its own, %llu", (unsigned long long)st.st_ino);
}

static void add_map(struct explain *x, const char *key, const char *file)
{
	char path[PROC_PATH_SIZE], text[1024];
	auto_str struct str words = { 0 };

	if (fd_read_small(AT_FDCWD, proc_path(path, x->init, file), text, sizeof(text)) <= 0)
		return;
	for (const char *p = text; *p; p++) {
		if (*p == '\n')
			str_add(&words, ", ");
		else if (*p != ' ' || (words.n && words.s[words.n - 1] != ' '))
			str_add_n(&words, p, 1);
	}
	explain_row(x, key, "%s", str_get(&words));
}

void explain_namespaces(struct explain *x)
{
	explain_begin(x, "namespaces");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		add_namespace(x, kinds[i]);
	if (x->r->in_user_ns) {
		add_map(x, "uids", "uid_map");
		add_map(x, "gids", "gid_map");
	}
	explain_end(x);
}

/* --- Mounts ----------------------------------------------------------------------------------- */

/* A line of /proc/PID/mounts: source, place, type, options; blanks in them are written as \040. */
static void add_mount(struct explain *x, char *line)
{
	const char *source = strsep(&line, " "), *at = line ? strsep(&line, " ") : NULL;
	const char *type = line ? strsep(&line, " ") : NULL;
	const char *options = line ? strsep(&line, " ") : NULL;

	if (!options)
		return;
	str_addf(&x->text, "  %-28s %-9s %s%s%s\n", at, type, options,
		 *source == '/' ? " from " : "", *source == '/' ? source : "");
	json_begin(&x->json, NULL, "{");
	json_add_text(&x->json, "destination", at);
	json_add_text(&x->json, "type", type);
	json_add_text(&x->json, "source", source);
	json_add_text(&x->json, "options", options);
	json_end(&x->json, "}");
}

void explain_mounts(struct explain *x)
{
	char path[PROC_PATH_SIZE], *line, *rest;
	auto_free char *text = NULL;
	struct err e;

	str_add(&x->text, "\nmounts\n");
	json_begin(&x->json, "mounts", "[");
	if (fd_read_file(AT_FDCWD, proc_path(path, x->init, "mounts"), 1 << 20, &text, NULL, &e) <
	    0)
		str_addf(&x->text, "  not to be looked at: %s\n", e.chain);
	rest = text;
	while (rest && (line = strsep(&rest, "\n")))
		add_mount(x, line);
	json_end(&x->json, "]");
}
