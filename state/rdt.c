/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Groups of the resctrl file system. Everything is relative to a descriptor of its root, which
 * rdt_open_root() has checked; what the kernel says about a refusal is in info/last_cmd_status.
 */
#include "state/rdt.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMATA_MAX 65536

void rdt_done(struct rdt *r)
{
	cleanup_close(&r->root_fd);
	free(r->group);
	free(r->monitor);
	*r = (struct rdt)RDT_INIT;
}

static int open_if_resctrl(const char *path)
{
	auto_close int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && fd_is_on(fd, RDTGROUP_SUPER_MAGIC) ? take_fd(&fd) : -1;
}

/* Mounted elsewhere: the fifth field of the line that says "- resctrl ". */
static int find_mount(void)
{
	auto_free char *text = NULL;
	char *rest, *line;
	struct err e;

	if (fd_read_file(AT_FDCWD, "/proc/self/mountinfo", 16 << 20, &text, NULL, &e) < 0)
		return -1;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		char *path = strstr(line, " - resctrl ") ? line : NULL;
		int fd;

		for (int i = 0; i < 4 && path; i++)
			path = strchr(path, ' ') ? strchr(path, ' ') + 1 : NULL;
		if (!path)
			continue;
		path[strcspn(path, " ")] = '\0';
		fd = open_if_resctrl(path);
		if (fd >= 0)
			return fd;
	}
	return -1;
}

int rdt_open_root(struct err *e)
{
	int fd = open_if_resctrl("/sys/fs/resctrl");

	/* The kernel has that directory whenever it supports resctrl. */
	if (fd < 0 && access("/sys/fs/resctrl", F_OK) == 0)
		fd = find_mount();
	return fd >= 0 ? fd :
			 err_set(e, ENOTSUP,
				 "intelRdt is specified in config, but Intel RDT is not enabled");
}

/* The kernel's own words about what failed last. */
static int explain(int root_fd, struct err *e)
{
	char words[256];

	if (fd_read_small(root_fd, "info/last_cmd_status", words, sizeof(words)) > 0 &&
	    strcmp(words, "ok") != 0)
		err_wrap(e, "%s", words);
	return -1;
}

static bool has_schemata(const struct spec_intel_rdt *s)
{
	return !str_empty(s->l3_cache_schema) || !str_empty(s->mem_bw_schema) || s->schemata.n;
}

static bool exists(int root_fd, const char *path)
{
	return faccessat(root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int check_support(int root_fd, const struct spec_intel_rdt *s, struct err *e)
{
	if (!str_empty(s->l3_cache_schema) && !exists(root_fd, "info/L3")) {
		err_set(e, ENOTSUP,
			"intelRdt.l3CacheSchema is specified in config, but Intel RDT/CAT is not enabled");
		return err_at_key(e, "l3CacheSchema");
	}
	if (!str_empty(s->mem_bw_schema) && !exists(root_fd, "info/MB")) {
		err_set(e, ENOTSUP,
			"intelRdt.memBwSchema is specified in config, but Intel RDT/MBA is not enabled");
		return err_at_key(e, "memBwSchema");
	}
	if (s->enable_monitoring && !exists(root_fd, "mon_groups")) {
		err_set(e, ENOTSUP,
			"intelRdt.enableMonitoring is specified in config, but the machine cannot monitor");
		return err_at_key(e, "enableMonitoring");
	}
	return 0;
}

/* "info" and "mon_groups" are directories, too, but have no tasks of their own. */
static bool is_group(int root_fd, const char *dir)
{
	auto_free char *tasks = xasprintf("%s/tasks", dir);
	struct stat st;

	return fstatat(root_fd, tasks, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

void rdt_name(struct rdt *r, const struct spec_intel_rdt *s, const char *id)
{
	const char *group = str_empty(s->clos_id) ? id : s->clos_id;

	r->group = xstrdup(strcmp(group, "/") != 0 ? group : ".");
	if (s->enable_monitoring)
		r->monitor = xasprintf("%s/mon_groups/%s", r->group, id);
	r->existed = exists(r->root_fd, r->group);
	r->owned = str_empty(s->clos_id) && !r->existed;
}

int rdt_locate(struct rdt *r, const struct spec_intel_rdt *s, const char *id, struct err *e)
{
	if (check_support(r->root_fd, s, e) < 0)
		return -1;
	rdt_name(r, s, id);
	if (r->existed && !is_group(r->root_fd, r->group))
		err_set(e, EINVAL, "invalid intelRdt.ClosID \"%s\": the kernel uses this name",
			r->group);
	else if (!r->existed && !str_empty(s->clos_id) && !has_schemata(s))
		err_set(e, ENOENT,
			"clos dir not accessible (must be pre-created when schemata, l3CacheSchema and memBwSchema are empty): %s",
			errno_text(ENOENT));
	else
		return 0;
	return str_empty(s->clos_id) ? -1 : err_at_key(e, "closID");
}

static int make_dir(int root_fd, const char *path, struct err *e)
{
	if (mkdirat(root_fd, path, 0755) == 0 || errno == EEXIST)
		return 0;
	err_sys(e, "make the resctrl group %s", path);
	return explain(root_fd, e);
}

int rdt_make(struct rdt *r, const struct spec_intel_rdt *s, struct err *e)
{
	if (!r->existed && make_dir(r->root_fd, r->group, e) < 0)
		return str_empty(s->clos_id) ? -1 : err_at_key(e, "closID");
	return 0;
}

/* --- schemata --------------------------------------------------------------------------------- */

/* The number after "ID=" in a list of "ID=VALUE" that ends at a newline; false without that ID. */
static bool value_of(const char *list, unsigned long id, int base, unsigned long *ret)
{
	char *end;

	for (;;) {
		unsigned long have = strtoul(list, &end, 10);

		if (end == list || *end != '=')
			return false;
		*ret = strtoul(end + 1, &end, base);
		if (have == id)
			return true;
		list = end;
		if (*list++ != ';')
			return false;
	}
}

/* The list behind "NAME:" in the file, in which names are indented. */
static const char *find_line(const char *file, const char *line)
{
	size_t n = strcspn(line, ":") + 1;

	while (*file) {
		const char *p = file + strspn(file, " \t");

		if (!strncmp(p, line, n))
			return p + n;
		file += strcspn(file, "\n");
		file += *file == '\n';
	}
	return NULL;
}

bool rdt_schema_matches(const char *line, const char *file)
{
	const char *have = find_line(file, line);
	const char *want = strchr(line, ':');
	int base = str_starts(line, "MB") ? 10 : 16;

	if (!have || !want)
		return false;
	for (want++; *want;) {
		unsigned long id, wanted, found;
		char *end;

		id = strtoul(want, &end, 10);
		if (end == want || *end != '=')
			return false;
		wanted = strtoul(end + 1, &end, base);
		if ((*end && *end != ';') || !value_of(have, id, base, &found) || found != wanted)
			return false;
		want = end + (*end == ';');
	}
	return true;
}

static int compare(const char *line, const char *file, const char *key, struct err *e)
{
	if (str_empty(line) || rdt_schema_matches(line, file))
		return 0;
	err_set(e, EINVAL, "\"%.200s\" is not what the closID's group has", line);
	return err_at_key(e, key);
}

/*
 * "if closID directory ... exists, runtimes MUST compare l3CacheSchema and/or memBwSchema value with
 * schemata file, and generate an error if doesn't match."
 */
static int compare_existing(struct rdt *r, const struct spec_intel_rdt *s, struct err *e)
{
	auto_free char *path = xasprintf("%s/schemata", r->group), *file = NULL;

	if (str_empty(s->l3_cache_schema) && str_empty(s->mem_bw_schema))
		return 0;
	if (fd_read_file(r->root_fd, path, SCHEMATA_MAX, &file, NULL, e) < 0)
		return -1;
	return compare(s->l3_cache_schema, file, "l3CacheSchema", e) < 0 ||
			       compare(s->mem_bw_schema, file, "memBwSchema", e) < 0 ?
		       -1 :
		       0;
}

/* "MUST write l3CacheSchema first and memBwSchema last", and schemata after them. */
static int write_schemata(const struct rdt *r, const struct spec_intel_rdt *s, struct err *e)
{
	auto_free char *path = xasprintf("%s/schemata", r->group);
	auto_str struct str text = { 0 };

	if (!str_empty(s->l3_cache_schema))
		str_addf(&text, "%s\n", s->l3_cache_schema);
	if (!str_empty(s->mem_bw_schema))
		str_addf(&text, "%s\n", s->mem_bw_schema);
	for (size_t i = 0; i < s->schemata.n; i++)
		str_addf(&text, "%s\n", s->schemata.v[i]);
	if (!text.n || fd_write_file(r->root_fd, path, text.s) == 0)
		return 0;
	text.s[--text.n] = '\0';
	err_sys(e, "write \"%.300s\" to %s of resctrl", text.s, path);
	return explain(r->root_fd, e);
}

int rdt_configure(struct rdt *r, const struct spec_intel_rdt *s, struct err *e)
{
	if (r->existed && !str_empty(s->clos_id) && compare_existing(r, s, e) < 0)
		return -1;
	if (write_schemata(r, s, e) < 0)
		return -1;
	if (r->monitor && make_dir(r->root_fd, r->monitor, e) < 0)
		return err_at_key(e, "enableMonitoring");
	return 0;
}

int rdt_update(const struct rdt *r, const char *l3_cache_schema, const char *mem_bw_schema,
	       char **ret_old, struct err *e)
{
	const struct spec_intel_rdt s = {
		.l3_cache_schema = (char *)(uintptr_t)l3_cache_schema,
		.mem_bw_schema = (char *)(uintptr_t)mem_bw_schema,
	};
	auto_free char *path = xasprintf("%s/schemata", r->group), *old = NULL;

	if (!str_empty(l3_cache_schema) && !exists(r->root_fd, "info/L3"))
		return err_set(e, ENOTSUP, "Intel RDT/CAT: l3 cache schema is not enabled");
	if (!str_empty(mem_bw_schema) && !exists(r->root_fd, "info/MB"))
		return err_set(e, ENOTSUP, "Intel RDT/MBA: memory bandwidth schema is not enabled");
	if (fd_read_file(r->root_fd, path, SCHEMATA_MAX, &old, NULL, e) < 0)
		return -1;
	/* The kernel takes the lines in turn, and the second may be wrong. */
	if (write_schemata(r, &s, e) < 0) {
		rdt_restore(r, old);
		return -1;
	}
	*ret_old = take_ptr(&old);
	return 0;
}

void rdt_restore(const struct rdt *r, const char *old)
{
	auto_free char *path = xasprintf("%s/schemata", r->group);

	(void)!fd_write_file(r->root_fd, path, old);
}

/* --- processes, and the end ------------------------------------------------------------------- */

static int join_one(int root_fd, const char *dir, pid_t pid, struct err *e)
{
	auto_free char *path = xasprintf("%s/tasks", dir);
	char text[16];

	snprintf(text, sizeof(text), "%d", (int)pid);
	if (fd_write_file(root_fd, path, text) == 0)
		return 0;
	err_sys(e, "write PID %s to %s of resctrl", text, path);
	return explain(root_fd, e);
}

int rdt_join(const struct rdt *r, pid_t pid, struct err *e)
{
	if (join_one(r->root_fd, r->group, pid, e) < 0)
		return -1;
	return r->monitor ? join_one(r->root_fd, r->monitor, pid, e) : 0;
}

int rdt_remove(int root_fd, const char *dir, struct err *e)
{
	if (str_empty(dir) || unlinkat(root_fd, dir, AT_REMOVEDIR) == 0 || errno == ENOENT)
		return 0;
	err_sys(e, "remove the resctrl group %s", dir);
	return explain(root_fd, e);
}
