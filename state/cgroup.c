/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a container's cgroups are, making them, and getting into them. Runs in hull itself, on
 * the hot path of create: a hierarchy costs one mkdir and one open, and nothing is read that a
 * new directory in a usual tree does not need (DESIGN.md section 3).
 */
#include "state/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "state/fd.h"
#include "state/mem.h"
#include "state/spec.h"
#include "state/str.h"
#include "state/sys.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

/* --- Files ------------------------------------------------------------------------------------ */

static int file_path(char buf[PATH_MAX], const char *dir, const char *file)
{
	int n = snprintf(buf, PATH_MAX, "%s/%s", dir, file);

	if (n < 0 || n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

int cgroup_write(const char *dir, const char *file, const char *text)
{
	char path[PATH_MAX];

	return file_path(path, dir, file) < 0 ? -1 : fd_write_file(AT_FDCWD, path, text);
}

ssize_t cgroup_read(const char *dir, const char *file, char *buf, size_t size)
{
	char path[PATH_MAX];

	return file_path(path, dir, file) < 0 ? -1 : fd_read_small(AT_FDCWD, path, buf, size);
}

int64_t cgroup_read_key(const char *dir, const char *file, const char *key)
{
	char buf[4096], *line, *rest = buf;
	size_t n = strlen(key);
	int64_t v;

	if (cgroup_read(dir, file, buf, sizeof(buf)) < 0)
		return -1;
	while ((line = strsep(&rest, "\n"))) {
		if (!strncmp(line, key, n) && line[n] == ' ')
			return str_to_i64(line + n + 1, &v) ? v : -1;
	}
	return -1;
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

int64_t cgroup_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- Where they are --------------------------------------------------------------------------- */

static bool is_on(const char *path, long magic)
{
	struct statfs st;

	return statfs(path, &st) == 0 && (long)st.f_type == magic;
}

static void add_dir(struct cgroup *cg, const char *controllers, char *path)
{
	cg->dirs = xrealloc(cg->dirs, (cg->n + 1) * sizeof(*cg->dirs));
	cg->dirs[cg->n++] = (struct cgroup_dir){ xstrdup(controllers), path, 0 };
}

/*
 * mount/own, if that is a cgroup of the right kind. In a container without a cgroup namespace
 * /proc/self/cgroup tells a path of the host, while the mount starts at the container's own
 * cgroup ("docker in docker"): there own is "/".
 */
static char *own_dir(const char *mount, const char *own, long magic)
{
	char *path = path_join(mount, own + 1);

	if (is_on(path, magic))
		return path;
	free(path);
	return strcmp(own, "/") && is_on(mount, magic) ? xstrdup(mount) : NULL;
}

/*
 * A v1 hierarchy is mounted under the names of its controllers ("cpu,cpuacct"), under the same
 * in another order, or can be reached by a link for each of them.
 */
static char *hierarchy_dir(const char *controllers, const char *own)
{
	const char *name = str_starts(controllers, "name=") ? controllers + strlen("name=") : controllers;
	auto_free char *mount = xasprintf(CGROUP_ROOT "/%s", name);
	char *path = own_dir(mount, own, CGROUP_SUPER_MAGIC);

	for (size_t len; !path && strchr(name, ','); name += len + 1) {
		auto_free char *link = NULL;

		len = strcspn(name, ",");
		link = xasprintf(CGROUP_ROOT "/%.*s", (int)len, name);
		path = own_dir(link, own, CGROUP_SUPER_MAGIC);
		if (!name[len])
			break;
	}
	return path;
}

/* One line of /proc/self/cgroup, "4:cpu,cpuacct:/own"; "0::/own" is the unified hierarchy. */
static void locate_line(struct cgroup *cg, char *line, const char *tail)
{
	char *id = strsep(&line, ":"), *controllers = strsep(&line, ":");
	auto_free char *own = NULL, *base = NULL;

	if (!id || !line || *line != '/' || cg->n == CGROUP_TASKS_MAX)
		return;
	own = *tail == '/' ? xstrdup("/") : path_clean(line);
	if (*controllers)
		base = hierarchy_dir(controllers, own);
	else
		base = own_dir(CGROUP_ROOT "/unified", own, CGROUP2_SUPER_MAGIC);
	if (base)
		add_dir(cg, controllers, path_join(base, *tail == '/' ? tail + 1 : tail));
}

static int locate_v1(struct cgroup *cg, const char *tail, struct err *e)
{
	auto_free char *text = NULL;
	char *line, *rest;

	if (fd_read_file(AT_FDCWD, "/proc/self/cgroup", 1 << 20, &text, NULL, e) < 0)
		return -1;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		locate_line(cg, line, tail);
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
	if (fd_read_file(AT_FDCWD, "/proc/self/cgroup", 1 << 20, &text, NULL, e) < 0)
		return -1;
	line = str_starts(text, "0::") ? text : strstr(text, "\n0::");
	if (!line)
		return err_set(e, EINVAL, "/proc/self/cgroup: no line for cgroup v2");
	line = strstr(line, "::") + 2;
	line[strcspn(line, "\n")] = '\0';
	own = path_join(line, "..");
	base = strcmp(own, "/") ? own_dir(CGROUP_ROOT, own, CGROUP2_SUPER_MAGIC) : NULL;
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

const struct cgroup_dir *cgroup_find(const struct cgroup *cg, const char *controller)
{
	for (size_t i = 0; i < cg->n; i++) {
		if (*controller ? cgroup_has_word(cg->dirs[i].controllers, controller) :
				  !*cg->dirs[i].controllers)
			return &cg->dirs[i];
	}
	return NULL;
}

const struct cgroup_dir *cgroup_serving(const struct cgroup *cg, const char *controller, bool *ret_v2)
{
	const struct cgroup_dir *d = cgroup_find(cg, controller);

	*ret_v2 = !d;
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

/* --- Making them ------------------------------------------------------------------------------ */

/* Make path[0..end) and the missing directories above it; returns where the made part begins. */
static ssize_t make_parents(char *path, size_t end)
{
	char *cut;
	ssize_t made;
	int r;

	path[end] = '\0';
	r = mkdir(path, 0755);
	cut = strrchr(path, '/');
	if (r == 0) {
		made = cut - path;
	} else if (errno == EEXIST) {
		made = (ssize_t)end;
	} else if (errno == ENOENT && cut > path) {
		made = make_parents(path, (size_t)(cut - path));
		if (made >= 0 && mkdir(path, 0755) < 0 && errno != EEXIST)
			made = -1;
	} else {
		made = -1;
	}
	path[end] = '/';
	return made;
}

/* mkdir -p. Returns 1 when d itself existed. */
static int make_dir(struct cgroup_dir *d, struct err *e)
{
	size_t end = (size_t)(strrchr(d->path, '/') - d->path);
	ssize_t above, made = (ssize_t)end;

	/* Another hull that fails may remove a parent that both of them found or made: try again. */
	for (int i = 0; i < 3; i++) {
		if (mkdir(d->path, 0755) == 0) {
			d->made = (size_t)made;
			return 0;
		}
		if (errno == EEXIST)
			return 1;
		if (errno != ENOENT)
			break;
		above = make_parents(d->path, end);
		if (above < 0)
			break;
		made = above < made ? above : made;
	}
	return err_sys(e, "create cgroup %s", d->path);
}

/* Remove what make_dir made, as far as nobody else uses it by now. */
static void unmake_dir(struct cgroup_dir *d)
{
	auto_free char *path = xstrdup(d->path);

	for (size_t end = strlen(path); d->made && end > d->made; end = (size_t)(strrchr(path, '/') - path)) {
		path[end] = '\0';
		if (rmdir(path) < 0 && errno != ENOENT)
			break;
	}
	d->made = 0;
}

/* An existing cgroup would put foreign processes under the limits, or hang us when it is frozen. */
static int check_existing(const struct cgroup_dir *d, struct err *e)
{
	auto_free pid_t *pids = NULL;
	bool v2 = !*d->controllers;
	size_t n = 0;

	if (cgroup_dir_pids(d->path, &pids, &n, e) < 0)
		return -1;
	if (n)
		return err_set(e, EBUSY, "container's cgroup is not empty: %zu process(es) found", n);
	if ((v2 || cgroup_has_word(d->controllers, "freezer")) && cgroup_dir_frozen(d->path, v2))
		return err_set(e, EBUSY, "container's cgroup unexpectedly frozen");
	return 0;
}

/*
 * A v1 cpuset is born empty and lets nobody in (ENOSPC) until it has CPUs and memory nodes:
 * copy its parent's, which may itself be new. wish is what the configuration asks for.
 */
static int seed_cpuset(const char *path, const char *file, const char *wish, int depth, struct err *e)
{
	auto_free char *parent = xstrndup(path, (size_t)(strrchr(path, '/') - path));
	char text[4096];

	if (!wish) {
		if (cgroup_read(parent, file, text, sizeof(text)) < 0)
			return err_sys(e, "read %s/%s", parent, file);
		if (!*text && depth < 64) {
			if (seed_cpuset(parent, file, NULL, depth + 1, e) < 0)
				return -1;
			if (cgroup_read(parent, file, text, sizeof(text)) < 0)
				return err_sys(e, "read %s/%s", parent, file);
		}
		wish = text;
	}
	if (cgroup_write(path, file, wish) < 0)
		return err_sys(e, "write \"%s\" to %s/%s", wish, path, file);
	return 0;
}

static int fill_cpuset(const struct cgroup_dir *d, const struct spec_resources *res, struct err *e)
{
	const struct spec_cpu *cpu = res ? res->cpu : NULL;
	const struct {
		const char *file, *key, *wish;
	} rows[] = {
		{ "cpuset.cpus", "cpus", cpu && !str_empty(cpu->cpus) ? cpu->cpus : NULL },
		{ "cpuset.mems", "mems", cpu && !str_empty(cpu->mems) ? cpu->mems : NULL },
	};
	auto_free char *parent = xstrndup(d->path, (size_t)(strrchr(d->path, '/') - d->path));
	char text[4096];

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		/* A new parent must have them even when the leaf's are given. */
		if (rows[i].wish && d->made && d->made < strlen(parent) &&
		    cgroup_read(parent, rows[i].file, text, sizeof(text)) == 0 &&
		    seed_cpuset(parent, rows[i].file, NULL, 1, e) < 0)
			return -1;
		if (seed_cpuset(d->path, rows[i].file, rows[i].wish, 0, e) < 0) {
			if (!rows[i].wish)
				return -1;
			err_at_key(e, rows[i].key);
			return err_at_key(e, "cpu");
		}
	}
	return 0;
}

/* --- v2 controllers --------------------------------------------------------------------------- */

static const char *const stats_controllers = "cpu io memory pids";

/* What is in names but not in have, each with prefix before it, into out. */
static void words_missing(struct str *out, const char *prefix, const char *names, const char *have)
{
	auto_free char *copy = xstrdup(names);
	char *word, *rest = copy;

	while ((word = strsep(&rest, " "))) {
		if (*word && !cgroup_has_word(have, word))
			str_addf(out, "%s%s%s", out->n ? " " : "", prefix, word);
	}
}

/* Enable each "+name" in parent; returns those that worked, without the plus signs, in ok. */
static void write_subtree(const char *parent, const char *plus, struct str *ok)
{
	auto_free char *copy = xstrdup(plus);
	char *word, *rest = copy;
	bool all = cgroup_write(parent, "cgroup.subtree_control", plus) == 0;

	/* One may be refused (cpu, while real-time processes run): the others need not be. */
	while ((word = strsep(&rest, " "))) {
		if (all || cgroup_write(parent, "cgroup.subtree_control", word) == 0)
			str_addf(ok, " %s", word + 1);
	}
}

/* have: what dir offers of names, in the end. Returns false above the hierarchy's root. */
static bool enable(const char *dir, const char *names, struct str *have)
{
	auto_free char *parent = xstrndup(dir, (size_t)(strrchr(dir, '/') - dir));
	auto_str struct str missing = { 0 }, above = { 0 }, absent = { 0 }, plus = { 0 };
	char text[512];

	if (cgroup_read(dir, "cgroup.controllers", text, sizeof(text)) < 0)
		return false;
	str_add(have, text);
	words_missing(&missing, "", names, text);
	if (!missing.n || !enable(parent, missing.s, &above))
		return true;
	words_missing(&absent, "", missing.s, str_get(&above));
	words_missing(&plus, "+", missing.s, str_get(&absent));
	if (plus.n)
		write_subtree(parent, plus.s, have);
	return true;
}

void cgroup_enable(const char *dir, const char *names)
{
	auto_str struct str have = { 0 };

	enable(dir, names, &have);
}

/* The v2 controllers that res needs; in a hybrid layout those that v1 does not have. */
static char *needed_controllers(const struct cgroup *cg, const struct spec_resources *res)
{
	const struct spec_cpu *cpu = res ? res->cpu : NULL;
	const struct {
		const char *name;
		bool needed;
	} rows[] = {
		{ "memory", res && res->memory },
		{ "cpu", cpu && (cpu->shares.set || cpu->quota.set || cpu->period.set || cpu->burst.set ||
				 cpu->idle.set) },
		{ "cpuset", cpu && (!str_empty(cpu->cpus) || !str_empty(cpu->mems)) },
		{ "pids", res && res->pids },
		{ "hugetlb", res && res->hugepage_limits.n },
		{ "io", res && res->block_io },
		{ "rdma", res && res->rdma.n },
	};
	struct str names = { 0 };

	str_add(&names, cg->layout == CGROUP_V2 ? stats_controllers : "");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].needed && !cgroup_find(cg, rows[i].name) &&
		    !cgroup_has_word(str_get(&names), rows[i].name))
			str_addf(&names, " %s", rows[i].name);
	}
	for (size_t i = 0; res && i < res->unified.n; i++) {
		const char *key = res->unified.v[i].key;
		auto_free char *name = xstrndup(key, strcspn(key, "."));

		if (strcmp(name, "cgroup") && !cgroup_find(cg, name) && !cgroup_has_word(str_get(&names), name))
			str_addf(&names, " %s", name);
	}
	return names.s ? names.s : xstrdup("");
}

/*
 * Below a threaded cgroup a new one is "domain invalid" and lets nobody in until it is made
 * threaded, too, which rules out the controllers that work on whole processes (cgroup-v2.rst,
 * Threads). Seen by the absence of memory and io, which saves reading cgroup.type elsewhere.
 */
static int check_type(const struct cgroup_dir *d, const struct spec_resources *res, struct err *e)
{
	bool domain = res && (res->memory || res->block_io || res->cpu || res->hugepage_limits.n);
	char text[512];

	if (str_starts(d->path, CGROUP_ROOT "/") && !strchr(d->path + strlen(CGROUP_ROOT "/"), '/'))
		return 0; /* below the root, which is never threaded */
	if (cgroup_read(d->path, "cgroup.controllers", text, sizeof(text)) < 0 ||
	    cgroup_has_word(text, "memory") || cgroup_has_word(text, "io"))
		return 0;
	if (cgroup_read(d->path, "cgroup.type", text, sizeof(text)) < 0 || !strcmp(text, "domain"))
		return 0;
	if (domain)
		return err_set(e, EOPNOTSUPP, "cannot enter cgroupv2 \"%s\" with domain controllers -- it is in %s",
			       d->path, strcmp(text, "domain invalid") ? "threaded mode" : "an invalid state");
	if (!strcmp(text, "domain invalid") && cgroup_write(d->path, "cgroup.type", "threaded") < 0)
		return err_sys(e, "write \"threaded\" to %s/cgroup.type", d->path);
	return 0;
}

static int set_up_dir(const struct cgroup *cg, struct cgroup_dir *d, const struct spec_resources *res,
		      const char *needed, struct err *e)
{
	int existed = make_dir(d, e);

	if (existed < 0 || (existed && check_existing(d, e) < 0))
		return -1;
	if (!*d->controllers) {
		if (*needed)
			cgroup_enable(d->path, needed);
		return cg->layout == CGROUP_V2 ? check_type(d, res, e) : 0;
	}
	return cgroup_has_word(d->controllers, "cpuset") ? fill_cpuset(d, res, e) : 0;
}

int cgroup_create(struct cgroup *cg, const struct spec_resources *res, struct err *e)
{
	auto_free char *needed = needed_controllers(cg, res);

	for (size_t i = 0; i < cg->n; i++) {
		if (set_up_dir(cg, &cg->dirs[i], res, needed, e) == 0)
			continue;
		do
			unmake_dir(&cg->dirs[i]);
		while (i-- > 0);
		/* What is left belongs to others: nobody may kill or remove it by this cg. */
		cgroup_done(cg);
		return -1;
	}
	return 0;
}

/* --- Getting in ------------------------------------------------------------------------------- */

void cgroup_join_close(struct cgroup_join *j)
{
	cleanup_close(&j->into_fd);
	for (size_t i = 0; i < j->n; i++)
		cleanup_close(&j->tasks_fds[i]);
	*j = (struct cgroup_join){ .into_fd = -1 };
	memset(j->tasks_fds, 0xff, sizeof(j->tasks_fds));
}

int cgroup_join_open(const struct cgroup *cg, struct cgroup_join *ret, struct err *e)
{
	struct cgroup_join j = { .into_fd = -1 };
	char path[PATH_MAX];
	int fd;

	for (size_t i = 0; i < cg->n && j.n < CGROUP_TASKS_MAX; i++) {
		const struct cgroup_dir *d = &cg->dirs[i];

		if (file_path(path, d->path, *d->controllers ? "tasks" : "") < 0)
			fd = -1;
		else
			fd = open(path, (*d->controllers ? O_WRONLY : O_PATH | O_DIRECTORY) | O_CLOEXEC);
		if (fd < 0) {
			err_sys(e, "open %s", path);
			cgroup_join_close(&j);
			return -1;
		}
		if (*d->controllers)
			j.tasks_fds[j.n++] = fd;
		else
			j.into_fd = fd;
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
