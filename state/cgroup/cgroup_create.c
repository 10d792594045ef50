/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a container's cgroups. Runs in hull itself, on the hot path of create: a hierarchy costs
 * one mkdir, and nothing is read that a new directory in a usual tree does not need (DESIGN.md
 * section 3). Whatever a failed attempt has made is removed again.
 */
#include "state/cgroup/cgroup_put.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/str.h"

/* --- Directories ------------------------------------------------------------------------------ */

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
	err_sys(e, "create cgroup %s", d->path);
	if (e->code == ENOSPC || e->code == EAGAIN)
		return err_wrap(
			e,
			"a cgroup above allows no more (cgroup.max.descendants, cgroup.max.depth), or the "
			"kernel has no number left for one with memory limits, of 65535");
	return -1;
}

/* Remove what make_dir made, as far as nobody else uses it by now. */
static void unmake_dir(struct cgroup_dir *d)
{
	auto_free char *path = xstrdup(d->path);

	for (size_t end = strlen(path); d->made && end > d->made;
	     end = (size_t)(strrchr(path, '/') - path)) {
		path[end] = '\0';
		if (rmdir(path) < 0 && errno != ENOENT)
			break;
	}
	d->made = 0;
}

static int refuse_frozen(const char *by, struct err *e)
{
	return by ? err_set(e, EBUSY, "container's cgroup unexpectedly frozen by %s", by) : 0;
}

int cgroup_check_runs(const struct cgroup *cg, struct err *e)
{
	auto_free char *by = cgroup_frozen_by(cg);

	return refuse_frozen(by, e);
}

/* We would wait for ever for a process that is to run in there. */
static int check_frozen(const struct cgroup_dir *d, struct err *e)
{
	bool v2 = !*d->controllers;
	auto_free char *by = v2 || cgroup_has_word(d->controllers, "freezer") ?
				     cgroup_freezing_dir(d->path, v2) :
				     NULL;

	return refuse_frozen(by, e);
}

/* An existing cgroup would put foreign processes under the limits, or hang us when it is frozen. */
static int check_existing(const struct cgroup_dir *d, pid_t pid, struct err *e)
{
	auto_free pid_t *pids = NULL;
	size_t n = 0;

	if (cgroup_dir_pids(d->path, &pids, &n, e) < 0)
		return -1;
	if (n && (n > 1 || pids[0] != pid))
		return err_set(e, EBUSY, "container's cgroup is not empty: %zu process(es) found",
			       n);
	return check_frozen(d, e);
}

/*
 * A v1 cpuset is born empty and lets nobody in (ENOSPC) until it has CPUs and memory nodes:
 * copy its parent's, which may itself be new. wish is what the configuration asks for.
 */
static int seed_cpuset(const char *path, const char *file, const char *wish, int depth,
		       struct err *e)
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
	if (cgroup_write(path, file, wish) == 0)
		return 0;
	err_sys(e, "write \"%s\" to %s/%s", wish, path, file);
	return put_explain(path, file, e);
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
		if (!*word || cgroup_has_word(have, word))
			continue;
		str_add(out, out->n ? " " : "");
		str_add(out, prefix);
		str_add(out, word);
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

bool cgroup_enable(const char *dir, const char *names, struct str *have)
{
	auto_free char *parent = xstrndup(dir, (size_t)(strrchr(dir, '/') - dir));
	auto_str struct str missing = { 0 }, above = { 0 }, absent = { 0 }, plus = { 0 };
	char text[512];

	if (cgroup_read(dir, "cgroup.controllers", text, sizeof(text)) < 0)
		return false;
	str_add(have, text);
	words_missing(&missing, "", names, text);
	if (!missing.n || !strcmp(dir, CGROUP_ROOT) || !cgroup_enable(parent, missing.s, &above))
		return true;
	words_missing(&absent, "", missing.s, str_get(&above));
	words_missing(&plus, "+", missing.s, str_get(&absent));
	if (plus.n)
		write_subtree(parent, plus.s, have);
	return true;
}

/* The v2 controllers that res needs; in a hybrid layout those that v1 does not have. */
static char *needed_controllers(const struct cgroup *cg, const struct spec_resources *res)
{
	struct str names = { 0 };

	str_add(&names, cg->layout == CGROUP_V2 ? stats_controllers : "");
	cgroup_needs(cg, res, &names);
	return names.s ? names.s : xstrdup("");
}

/*
 * Below a threaded cgroup a new one is "domain invalid" and lets nobody in until it is made
 * threaded, too, which rules out the controllers that work on whole processes (cgroup-v2.rst,
 * Threads). Seen by the absence of memory and io, which saves reading cgroup.type elsewhere.
 */
static int check_type(const struct cgroup_dir *d, const char *controllers,
		      const struct spec_resources *res, struct err *e)
{
	bool domain = res && (res->memory || res->block_io || res->cpu || res->hugepage_limits.n);
	char text[64];

	if (cgroup_is_below_root(d))
		return 0;
	if (cgroup_has_word(controllers, "memory") || cgroup_has_word(controllers, "io"))
		return 0;
	if (cgroup_read(d->path, "cgroup.type", text, sizeof(text)) < 0 || !strcmp(text, "domain"))
		return 0;
	if (domain)
		return err_set(
			e, EOPNOTSUPP,
			"cannot enter cgroupv2 \"%s\" with domain controllers -- it is in %s",
			d->path,
			strcmp(text, "domain invalid") ? "threaded mode" : "an invalid state");
	if (!strcmp(text, "domain invalid") && cgroup_write(d->path, "cgroup.type", "threaded") < 0)
		return err_sys(e, "write \"threaded\" to %s/cgroup.type", d->path);
	return 0;
}

static int set_up_dir(const struct cgroup *cg, struct cgroup_dir *d,
		      const struct spec_resources *res, const char *needed, pid_t pid,
		      struct err *e)
{
	auto_str struct str have = { 0 };
	int existed = make_dir(d, e);

	if (existed < 0 || (existed && check_existing(d, pid, e) < 0))
		return -1;
	if (!*d->controllers) {
		if (*needed)
			cgroup_enable(d->path, needed, &have);
		return cg->layout == CGROUP_V2 ? check_type(d, str_get(&have), res, e) : 0;
	}
	/* Of v2 we are told later, and only if it matters: see nsexec_request.stuck. */
	if (!existed && !cgroup_is_below_root(d) && check_frozen(d, e) < 0)
		return -1;
	return cgroup_has_word(d->controllers, "cpuset") ? fill_cpuset(d, res, e) : 0;
}

/*
 * A user may have been given cgroups in the v1 hierarchies alone, which is all that runc asks for.
 * Where nothing is to be set in the unified one of a hybrid layout he stays where he is there.
 */
static bool leave_out(struct cgroup *cg, size_t i, const struct spec_resources *res,
		      const char *needed, const struct err *e)
{
	bool denied = e->code == EPERM || e->code == EACCES || e->code == EROFS;
	struct cgroup_dir *d = &cg->dirs[i];

	if (!denied || cg->layout != CGROUP_V1 || cg->n == 1 || *d->controllers || *needed ||
	    (res && res->unified.n))
		return false;
	log_debug("no cgroup in the unified hierarchy: %s", e->chain);
	free(d->controllers);
	free(d->path);
	memmove(d, d + 1, (--cg->n - i) * sizeof(*d));
	return true;
}

static int create(struct cgroup *cg, const struct spec_resources *res, pid_t pid, struct err *e)
{
	auto_free char *needed = needed_controllers(cg, res);

	for (size_t i = 0; i < cg->n; i++) {
		if (set_up_dir(cg, &cg->dirs[i], res, needed, pid, e) == 0)
			continue;
		if (leave_out(cg, i, res, needed, e)) {
			i--;
			continue;
		}
		do
			unmake_dir(&cg->dirs[i]);
		while (i-- > 0);
		/* What is left belongs to others: nobody may kill or remove it by this cg. */
		cgroup_done(cg);
		return -1;
	}
	return 0;
}

int cgroup_create(struct cgroup *cg, const struct spec_resources *res, struct err *e)
{
	return create(cg, res, 0, e);
}

void cgroup_enable_all(const struct cgroup *cg)
{
	auto_str struct str have = { 0 };
	char names[512];

	if (cg->layout == CGROUP_V2 &&
	    cgroup_read(CGROUP_ROOT, "cgroup.controllers", names, sizeof(names)) > 0)
		cgroup_enable(cg->dirs[0].path, names, &have);
}

/* --- Of systemd ------------------------------------------------------------------------------- */

int cgroup_check_unused(const struct cgroup *cg, struct err *e)
{
	for (size_t i = 0; i < cg->n; i++) {
		if (access(cg->dirs[i].path, F_OK) == 0 && check_existing(&cg->dirs[i], 0, e) < 0)
			return -1;
	}
	return 0;
}

int cgroup_adopt(struct cgroup *cg, const struct spec_resources *res, pid_t pid, struct err *e)
{
	auto_free pid_t *pids = NULL;
	size_t n = 0;

	if (create(cg, res, pid, e) < 0 ||
	    (cg->layout == CGROUP_V2 && cgroup_dir_pids(cg->dirs[0].path, &pids, &n, e) < 0))
		return -1;
	/* Who is there already is moved nowhere, and a user would not have the right to. */
	if (!n && cgroup_add(cg, pid, e) < 0)
		return -1;
	/* Nothing above what systemd made is ours to remove; its own programs for devices stay. */
	for (size_t i = 0; i < cg->n; i++) {
		if (!cg->dirs[i].made)
			cg->dirs[i].made = strlen(cg->dirs[i].path);
	}
	return 0;
}

void cgroup_relax(const struct cgroup *cg)
{
	static const struct {
		const char *controller, *v1, *v2, *text;
	} rows[] = {
		{ "pids", "pids.max", "pids.max", "max" },
		{ "memory", "memory.memsw.limit_in_bytes", NULL, "-1" },
		{ "memory", "memory.limit_in_bytes", NULL, "-1" },
		{ "memory", NULL, "memory.max", "max" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		bool v2;
		const struct cgroup_dir *d = cgroup_serving(cg, rows[i].controller, &v2);
		const char *file = v2 ? rows[i].v2 : rows[i].v1;

		/* Where that cannot be written, the limit is there in good time. */
		if (d && file)
			(void)cgroup_write(d->path, file, rows[i].text);
	}
}
