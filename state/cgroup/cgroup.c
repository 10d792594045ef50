/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a container's cgroups are, and getting into them. Runs in hull itself, on the hot path of
 * create and exec (DESIGN.md section 3).
 */
#include "state/cgroup/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/proc.h"
#include "state/base/str.h"
#include "state/base/sys.h"

/* --- Files ------------------------------------------------------------------------------------ */

/* The caller's to free. Not on the stack, where PATH_MAX is a page that nobody else needs. */
static char *file_path(const char *dir, const char *file)
{
	size_t n = strlen(dir), m = strlen(file) + 1;
	char *path = xmalloc(n + 1 + m);

	memcpy(path, dir, n);
	path[n] = '/';
	memcpy(path + n + 1, file, m);
	return path;
}

int cgroup_write(const char *dir, const char *file, const char *text)
{
	auto_free char *path = file_path(dir, file);

	return fd_write_file(AT_FDCWD, path, text);
}

ssize_t cgroup_read(const char *dir, const char *file, char *buf, size_t size)
{
	auto_free char *path = file_path(dir, file);

	return fd_read_small(AT_FDCWD, path, buf, size);
}

const char *cgroup_find_key(const char *text, const char *key, size_t n)
{
	for (; *text; text += strcspn(text, "\n"), text += *text == '\n') {
		if (!strncmp(text, key, n) && text[n] == ' ')
			return text + n + 1;
	}
	return NULL;
}

int64_t cgroup_read_key(const char *dir, const char *file, const char *key)
{
	const char *value;
	char buf[4096];
	int64_t v;

	if (cgroup_read(dir, file, buf, sizeof(buf)) < 0)
		return -1;
	value = cgroup_find_key(buf, key, strlen(key));
	if (!value)
		return -1;
	buf[(size_t)(value - buf) + strcspn(value, "\n")] = '\0';
	return str_to_i64(value, &v) ? v : -1;
}

bool cgroup_has_word(const char *list, const char *name)
{
	size_t len, n = strlen(name);

	for (;; list += len + 1) {
		len = strcspn(list, ", ");
		if (len == n && !memcmp(list, name, n))
			return true;
		if (!list[len])
			return false;
	}
}

/* --- Where they are --------------------------------------------------------------------------- */

/* 1: it is, 0: it is not, or there is nothing that we could see; -1 and errno. */
static int is_on(const char *path, long magic)
{
	struct statfs st;

	if (statfs(path, &st) == 0)
		return (long)st.f_type == magic;
	return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -1;
}

static void add_dir(struct cgroup *cg, const char *controllers, char *path)
{
	cg->dirs = xrealloc(cg->dirs, (cg->n + 1) * sizeof(*cg->dirs));
	cg->dirs[cg->n++] = (struct cgroup_dir){ xstrdup(controllers), path, 0 };
}

/*
 * mount/own, if that is a cgroup of the right kind. In a container without a cgroup namespace
 * /proc/self/cgroup tells a path of the host, while the mount starts at the container's own
 * cgroup ("docker in docker"): there own is "/". NULL in *ret when there is none.
 */
static int own_dir(const char *mount, const char *own, long magic, char **ret, struct err *e)
{
	auto_free char *path = path_join(mount, own + 1);
	int on = is_on(path, magic);

	*ret = NULL;
	if (on < 0)
		return err_sys(e, "statfs %s", path);
	if (on) {
		*ret = take_ptr(&path);
		return 0;
	}
	on = strcmp(own, "/") ? is_on(mount, magic) : 0;
	if (on < 0)
		return err_sys(e, "statfs %s", mount);
	*ret = on ? xstrdup(mount) : NULL;
	return 0;
}

/*
 * A v1 hierarchy is mounted under the names of its controllers ("cpu,cpuacct"), under the same
 * in another order, or can be reached by a link for each of them. A hierarchy's own name may be ".."
 * (cgroup-v1.c allows letters, digits, '_', '.' and '-'), which is no mount of it.
 */
static int hierarchy_dir(const char *controllers, const char *own, char **ret, struct err *e)
{
	const char *name = str_starts(controllers, "name=") ? controllers + strlen("name=") :
							      controllers;
	auto_free char *mount = xasprintf(CGROUP_ROOT "/%s", name);
	size_t len;

	*ret = NULL;
	if (strchr(name, '/') || strstr(name, ".."))
		return 0;
	if (own_dir(mount, own, CGROUP_SUPER_MAGIC, ret, e) < 0)
		return -1;
	for (; !*ret && strchr(name, ','); name += len + 1) {
		auto_free char *link = NULL;

		len = strcspn(name, ",");
		link = xasprintf(CGROUP_ROOT "/%.*s", (int)len, name);
		if (own_dir(link, own, CGROUP_SUPER_MAGIC, ret, e) < 0)
			return -1;
		if (!name[len])
			break;
	}
	return 0;
}

/* One read(2) gives all of it, whatever its size (seq_file.c: a single record is never split). */
static char *read_cgroups(const char *path, struct err *e)
{
	char text[4096], *all = NULL;
	ssize_t n = fd_read_small(AT_FDCWD, path, text, sizeof(text));

	if (n >= 0 && n < (ssize_t)sizeof(text) - 2)
		return xstrdup(text);
	if (n < 0)
		err_sys(e, "read %s", path);
	else if (fd_read_file(AT_FDCWD, path, 1 << 20, &all, NULL, e) < 0)
		return NULL;
	return all;
}

/* cgroup_namespaces(7): "/../x" is outside of the root of ours, and no path that we have leads there. */
static bool is_outside(const char *own)
{
	return str_starts(own, "/..") && (!own[3] || own[3] == '/');
}

/* One line of /proc/self/cgroup, "4:cpu,cpuacct:/own"; "0::/own" is the unified hierarchy. */
static int locate_line(struct cgroup *cg, char *line, const char *tail, struct err *e)
{
	char *id = strsep(&line, ":"), *controllers = strsep(&line, ":");
	auto_free char *own = NULL, *base = NULL;

	if (!id || !line || *line != '/' || cg->n == CGROUP_TASKS_MAX)
		return 0;
	own = *tail == '/' || is_outside(line) ? xstrdup("/") : path_clean(line);
	if (*controllers ? hierarchy_dir(controllers, own, &base, e) < 0 :
			   own_dir(CGROUP_ROOT "/unified", own, CGROUP2_SUPER_MAGIC, &base, e) < 0)
		return -1;
	if (base)
		add_dir(cg, controllers, path_join(base, *tail == '/' ? tail + 1 : tail));
	return 0;
}

static int locate_v1(struct cgroup *cg, const char *tail, struct err *e)
{
	auto_free char *text = NULL;
	char *line, *rest;

	text = read_cgroups("/proc/self/cgroup", e);
	if (!text)
		return -1;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		if (locate_line(cg, line, tail, e) < 0)
			return -1;
	}
	if (cg->n)
		cg->layout = CGROUP_V1;
	return 0;
}

/*
 * A v2 cgroup that has processes cannot give controllers to its children ("no internal processes",
 * cgroup-v2.rst), and hull's own has: hence its parent (runc does the same).
 */
static int locate_v2(struct cgroup *cg, const char *tail, struct err *e)
{
	auto_free char *text = NULL, *own = NULL, *base = NULL;
	char *line;

	cg->layout = CGROUP_V2;
	if (*tail == '/') {
		add_dir(cg, "", path_join(CGROUP_ROOT, tail + 1));
		return 0;
	}
	text = read_cgroups("/proc/self/cgroup", e);
	if (!text)
		return -1;
	line = str_starts(text, "0::") ? text : strstr(text, "\n0::");
	if (!line)
		return err_set(e, EINVAL, "/proc/self/cgroup: no line for cgroup v2");
	line = strstr(line, "::") + 2;
	line[strcspn(line, "\n")] = '\0';
	if (*line != '/')
		return err_set(e, EINVAL, "/proc/self/cgroup: \"%.200s\" is no path", line);
	own = path_join(line, "..");
	if (strcmp(own, "/") && own_dir(CGROUP_ROOT, own, CGROUP2_SUPER_MAGIC, &base, e) < 0)
		return -1;
	add_dir(cg, "", path_join(base ? base : CGROUP_ROOT, tail));
	return 0;
}

int cgroup_locate(struct cgroup *cg, const char *cgroups_path, const char *id, struct err *e)
{
	const char *wish = str_empty(cgroups_path) ? id : cgroups_path;
	auto_free char *rooted = xasprintf("/%s", wish);
	auto_free char *clean = path_clean(rooted); /* "../../x" is x: never above the base */
	const char *tail = *wish == '/' ? clean : clean + 1;
	struct statfs st;

	*cg = (struct cgroup){ .layout = CGROUP_NONE };
	/* The processes of the root, or of hull's own cgroup, are not the container's to kill. */
	if (!clean[1])
		return err_set(e, EINVAL, "\"%s\" does not name a cgroup below the root", wish);
	if (statfs(CGROUP_ROOT, &st) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "statfs " CGROUP_ROOT);
	if ((long)st.f_type == CGROUP2_SUPER_MAGIC)
		return locate_v2(cg, tail, e);
	return locate_v1(cg, tail, e);
}

int cgroup_of(pid_t pid, struct cgroup *cg, struct err *e)
{
	auto_free char *text = NULL;
	char path[PROC_PATH_SIZE], *line, *rest;
	int v2 = is_on(CGROUP_ROOT, CGROUP2_SUPER_MAGIC);

	*cg = (struct cgroup){ .layout = v2 ? CGROUP_V2 : CGROUP_V1 };
	if (v2 < 0)
		return err_sys(e, "statfs " CGROUP_ROOT);
	rest = text = read_cgroups(proc_path(path, pid, "cgroup"), e);
	if (!text)
		return -1;
	while ((line = strsep(&rest, "\n"))) {
		const char *own = strchr(line, '/');
		auto_free char *clean = v2 && own ? path_clean(own) : NULL;

		if (!own || is_outside(own))
			continue;
		if (clean && str_starts(line, "0::/"))
			add_dir(cg, "", path_join(CGROUP_ROOT, clean + 1));
		else if (!v2 && locate_line(cg, line, ".", e) < 0)
			return -1;
	}
	return 0;
}

int cgroup_systemd_path(pid_t pid, char **ret, struct err *e)
{
	int v2 = is_on(CGROUP_ROOT, CGROUP2_SUPER_MAGIC);
	auto_free char *text = NULL, *found = NULL;
	char path[PROC_PATH_SIZE], *line, *rest;

	if (v2 < 0)
		return err_sys(e, "statfs " CGROUP_ROOT);
	rest = text = read_cgroups(proc_path(path, pid, "cgroup"), e);
	if (!text)
		return -1;
	while ((line = strsep(&rest, "\n"))) {
		char *id = strsep(&line, ":"), *controllers = strsep(&line, ":");

		if (!id || !line || strcmp(controllers, v2 ? "" : "name=systemd") != 0 ||
		    is_outside(line))
			continue;
		free(found);
		found = xstrdup(line);
	}
	if (!found)
		return err_set(e, ENOENT, "%s has no line of systemd", path);
	*ret = take_ptr(&found);
	return 0;
}

const struct cgroup_dir *cgroup_find(const struct cgroup *cg, const char *controller)
{
	for (size_t i = 0; i < cg->n; i++) {
		if (*controller ? cgroup_has_word(cg->dirs[i].controllers, controller) :
				  !*cg->dirs[i].controllers)
			return &cg->dirs[i];
	}
	return NULL;
}

const struct cgroup_dir *cgroup_serving(const struct cgroup *cg, const char *controller,
					bool *ret_v2)
{
	const struct cgroup_dir *d = cgroup_find(cg, controller);

	*ret_v2 = !d || !*controller;
	return d ? d : cgroup_find(cg, "");
}

void cgroup_done(struct cgroup *cg)
{
	for (size_t i = 0; i < cg->n; i++) {
		free(cg->dirs[i].controllers);
		free(cg->dirs[i].path);
	}
	free(cg->dirs);
	*cg = (struct cgroup){ .layout = CGROUP_NONE };
}

/* --- Getting in ------------------------------------------------------------------------------- */

void cgroup_join_close(struct cgroup_join *j)
{
	cleanup_close(&j->into_fd);
	cleanup_close(&j->memory_fd);
	for (size_t i = 0; i < j->n; i++)
		cleanup_close(&j->tasks_fds[i]);
	*j = (struct cgroup_join)CGROUP_JOIN_INIT;
	memset(j->tasks_fds, 0xff, sizeof(j->tasks_fds));
}

int cgroup_join_open(const struct cgroup *cg, struct cgroup_join *ret, struct err *e)
{
	struct cgroup_join j = CGROUP_JOIN_INIT;

	for (size_t i = 0; i < cg->n && j.n < CGROUP_TASKS_MAX; i++) {
		const struct cgroup_dir *d = &cg->dirs[i];
		auto_free char *path = file_path(d->path, *d->controllers ? "tasks" : "");
		int fd = openat(AT_FDCWD, path,
				(*d->controllers ? O_WRONLY : O_PATH | O_DIRECTORY) | O_CLOEXEC);

		if (fd < 0) {
			err_sys(e, "open %s", path);
			cgroup_join_close(&j);
			return -1;
		}
		if (!*d->controllers)
			j.into_fd = fd;
		else if (!strcmp(d->controllers, "memory"))
			j.memory_fd = fd;
		else
			j.tasks_fds[j.n++] = fd;
	}
	*ret = j;
	return 0;
}

int cgroup_add(const struct cgroup *cg, pid_t pid, struct err *e)
{
	char text[24];

	snprintf(text, sizeof(text), "%d", (int)pid);
	for (size_t i = 0; i < cg->n; i++) {
		if (cgroup_write(cg->dirs[i].path, "cgroup.procs", text) < 0)
			return err_sys(e, "write %s to %s/cgroup.procs", text, cg->dirs[i].path);
	}
	return 0;
}
