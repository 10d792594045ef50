/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing one limit into one file of a cgroup, and what is said when that fails. `update` keeps a
 * journal of what the files held, so that one that fails half way leaves everything as it was.
 * Runs in hull itself.
 */
#include "state/cgroup/cgroup_put.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#define OLD_MAX ((size_t)1 << 20) /* bytes of a file with a line for each device */

static enum cgroup_missing missing_policy = CGROUP_MISSING_ERROR;

void cgroup_set_missing(enum cgroup_missing policy)
{
	missing_policy = policy;
}

/* --- The journal ------------------------------------------------------------------------------ */

/* Files with a line for each device, and what a device without a line has. */
static const struct {
	const char *file, *none;
} keyed[] = {
	{ "io.max", "rbps=max wbps=max riops=max wiops=max" },
	{ "rdma.max", "hca_handle=max hca_object=max" },
	{ "io.latency", "target=0" },
	{ "io.weight", "default" },
	{ "io.bfq.weight", "default" },
	{ "blkio.weight_device", "default" },
	{ "blkio.bfq.weight_device", "default" },
	{ "blkio.leaf_weight_device", "default" },
	{ "blkio.throttle.read_bps_device", "0" },
	{ "blkio.throttle.write_bps_device", "0" },
	{ "blkio.throttle.read_iops_device", "0" },
	{ "blkio.throttle.write_iops_device", "0" },
	{ "net_prio.ifpriomap", "0" },
};

/* The rest of the line of text that begins with key and a blank, allocated, or NULL. */
static char *find_line(const char *text, const char *key, size_t n)
{
	const char *rest = cgroup_find_key(text, key, n);

	return rest ? xstrndup(rest, strcspn(rest, "\n")) : NULL;
}

char *journal_undo_text(const char *file, const char *written, const char *old)
{
	size_t key = strcspn(written, " "), n = strlen(old);
	auto_free char *line = NULL;

	if (!strcmp(file, "memory.oom_control")) {
		line = find_line(old, "oom_kill_disable", strlen("oom_kill_disable"));
		return xstrdup(line ? line : "0");
	}
	for (size_t i = 0; i < ARRAY_SIZE(keyed); i++) {
		if (strcmp(file, keyed[i].file) != 0)
			continue;
		if (!written[key]) { /* the weight of all devices without one of their own */
			line = find_line(old, "default", strlen("default"));
			return line ? take_ptr(&line) : xstrndup(old, strcspn(old, "\n"));
		}
		line = find_line(old, written, key);
		return xasprintf("%.*s %s", (int)key, written, line ? line : keyed[i].none);
	}
	while (n && old[n - 1] == '\n')
		n--;
	return n ? xstrndup(old, n) : xstrdup("\n"); /* write(2) of nothing does nothing */
}

void journal_undo(const struct journal *j)
{
	for (size_t i = j->n; i-- > 0;) {
		const struct journal_entry *x = &j->v[i];
		auto_free char *text = journal_undo_text(x->file, x->written, x->old);

		if (cgroup_write(x->dir, x->file, text) < 0)
			log_warn("unable to restore %s/%s: write \"%s\": %s", x->dir, x->file, text,
				 strerror(errno));
	}
}

void journal_done(struct journal *j)
{
	for (size_t i = 0; i < j->n; i++) {
		free(j->v[i].dir);
		free(j->v[i].file);
		free(j->v[i].written);
		free(j->v[i].old);
	}
	free(j->v);
	*j = (struct journal){ 0 };
}

/* Takes old. */
static void note(const struct target *t, const char *file, const char *written, char *old)
{
	struct journal *j = t->journal;

	j->v = xrealloc(j->v, (j->n + 1) * sizeof(*j->v));
	j->v[j->n++] = (struct journal_entry){
		.dir = xstrdup(t->dir->path),
		.file = xstrdup(file),
		.written = xstrdup(written),
		.old = old,
	};
}

/* --- Writing one value ------------------------------------------------------------------------ */

static int write_noted(const struct target *t, const char *file, const char *text)
{
	auto_free char *path = NULL, *old = NULL;
	struct err ignored;

	if (t->journal) {
		path = xasprintf("%s/%s", t->dir->path, file);
		/* What cannot be read (cgroup.kill, memory.reclaim) cannot be undone either. */
		if (fd_read_file(AT_FDCWD, path, OLD_MAX, &old, NULL, &ignored) < 0)
			old = NULL;
	}
	if (cgroup_write(t->dir->path, file, text) < 0)
		return -1;
	if (old)
		note(t, file, text, take_ptr(&old));
	return 0;
}

int put_try(const struct target *t, const char *file, const char *text)
{
	auto_str struct str have = { 0 };

	if (!t->dir) {
		errno = ENOENT;
		return -1;
	}
	if (write_noted(t, file, text) == 0)
		return 0;
	if (errno != ENOENT || *t->dir->controllers)
		return -1;
	/* cgroup_create enabled what was needed then; `update` may need more. */
	cgroup_enable(t->dir->path, t->controller, &have);
	return write_noted(t, file, text);
}

bool put_has_controller(const struct target *t)
{
	char text[512];

	if (!t->dir || *t->dir->controllers)
		return t->dir != NULL;
	return cgroup_read(t->dir->path, "cgroup.controllers", text, sizeof(text)) >= 0 &&
	       cgroup_has_word(text, t->controller);
}

int put_at(struct err *e, const char *property)
{
	snprintf(e->pointer, sizeof(e->pointer), "/%s", property);
	return -1;
}

int put_missing(struct err *e)
{
	if (missing_policy == CGROUP_MISSING_ERROR)
		return -1;
	/* Asked for, so not only with --debug as other warnings. */
	if (missing_policy == CGROUP_MISSING_WARN)
		log_write("warning", "%s (%s)", e->chain, e->pointer);
	*e = (struct err){ 0 };
	return 0;
}

/* Controllers whose configuration option is not CONFIG_CGROUP_NAME, and whether cgroup v1 alone has them */
static const struct {
	const char *name, *option;
	bool v1;
} controllers[] = {
	{ "memory", "MEMCG", false },
	{ "cpu", "CGROUP_SCHED", false },
	{ "cpuset", "CPUSETS", false },
	{ "io", "BLK_CGROUP", false },
	{ "pids", "CGROUP_PIDS", false },
	{ "hugetlb", "CGROUP_HUGETLB", false },
	{ "rdma", "CGROUP_RDMA", false },
	{ "devices", "CGROUP_DEVICE", true },
	{ "net_cls", "CGROUP_NET_CLASSID", true },
	{ "net_prio", "CGROUP_NET_PRIO", true },
};

/* What the line of a controller in /proc/cgroups says: its hierarchy and whether it is enabled. */
static bool find_controller(const char *proc_cgroups, const char *name, unsigned *hierarchy,
			    unsigned *enabled)
{
	size_t n = strlen(name);
	char *end;

	for (const char *l = proc_cgroups; *l; l += strcspn(l, "\n"), l += *l == '\n') {
		if (strncmp(l, name, n) != 0 || l[n] != '\t')
			continue;
		*hierarchy = (unsigned)strtoul(l + n, &end, 10);
		strtoul(end, &end, 10); /* num_cgroups */
		*enabled = (unsigned)strtoul(end, NULL, 10);
		return true;
	}
	return false;
}

char *cgroup_why_missing(const char *controller, const char *proc_cgroups,
			 const char *root_controllers)
{
	const char *option = NULL, *name = !strcmp(controller, "io") ? "blkio" : controller;
	unsigned hierarchy, enabled;
	bool v1 = false;

	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		if (!strcmp(controllers[i].name, controller))
			option = controllers[i].option, v1 = controllers[i].v1;
	}
	if (root_controllers && cgroup_has_word(root_controllers, controller))
		return xstrdup("the cgroup above does not pass it on (cgroup.subtree_control)");
	if (!find_controller(proc_cgroups, name, &hierarchy, &enabled))
		return option ? xasprintf("this kernel has none (CONFIG_%s)", option) :
				xstrdup("this kernel has none");
	if (!enabled)
		return xasprintf(
			"the kernel was started without it (cgroup_disable=%s; on a Raspberry Pi "
			"\"cgroup_enable=%s\" in cmdline.txt brings it back)",
			controller, controller);
	if (hierarchy)
		return xstrdup("it belongs to a cgroup v1 hierarchy");
	if (v1)
		return xstrdup("cgroup v1 alone has it, and is not mounted");
	return xstrdup(root_controllers ? "the root of cgroup v2 has it not" :
					  "no cgroup file system is mounted at /sys/fs/cgroup");
}

char *cgroup_why_not(const char *controller)
{
	char all[2048] = "", root[512];
	bool unified =
		cgroup_read(CGROUP_ROOT, "cgroup.controllers", root, sizeof(root)) >= 0 ||
		cgroup_read(CGROUP_ROOT "/unified", "cgroup.controllers", root, sizeof(root)) >= 0;

	(void)cgroup_read("/proc", "cgroups", all, sizeof(all));
	return cgroup_why_missing(controller, all, unified ? root : NULL);
}

static int missing_controller(const struct target *t, const char *words, struct err *e)
{
	auto_free char *why = cgroup_why_not(t->controller);

	return err_set(e, EOPNOTSUPP,
		       "cannot set %s: the \"%s\" cgroup controller is not available: %s", words,
		       t->controller, why);
}

/* What the cgroup above has of it, or the machine. */
static int explain_cpuset(const char *dir, const char *file, struct err *e)
{
	bool cpus = !strcmp(file, "cpuset.cpus");
	auto_free char *above = xstrndup(dir, (size_t)(strrchr(dir, '/') - dir));
	auto_free char *effective = xasprintf("%s.effective", file);
	char text[512] = "";

	if (cgroup_read(above, effective, text, sizeof(text)) <= 0 &&
	    cgroup_read(above, file, text, sizeof(text)) <= 0)
		(void)cgroup_read(cpus ? "/sys/devices/system/cpu" : "/sys/devices/system/node",
				  "online", text, sizeof(text));
	return *text ? err_wrap(e, "there are %s %s for it",
				cpus ? "the processors" : "the memory nodes", text) :
		       -1;
}

int put_explain(const char *dir, const char *file, struct err *e)
{
	static const struct {
		const char *file;
		int code;
		const char *words;
	} rows[] = {
		{ "cpu.cfs_quota_us", EINVAL,
		  "a quota is 1000 us or more, and no larger share than the cgroup above has" },
		{ "cpu.cfs_period_us", EINVAL, "a period is 1000 to 1000000 us" },
		{ "cpu.max", EINVAL,
		  "a quota is 1000 us or more, and a period 1000 to 1000000 us" },
		{ "cpu.rt_runtime_us", EINVAL,
		  "more real-time than the cgroup above has left (its cpu.rt_runtime_us)" },
		{ "memory.limit_in_bytes", EBUSY, "more than that is in use, and cannot be freed" },
		{ "memory.memsw.limit_in_bytes", EINVAL,
		  "memory and swap together cannot have less than memory alone" },
		{ "blkio.weight", EINVAL, "a weight is 10 to 1000" },
		{ "cgroup.procs", ENOSPC, "its cpuset has no processors or no memory nodes" },
	};

	if ((!strcmp(file, "cpuset.cpus") || !strcmp(file, "cpuset.mems")) &&
	    (e->code == EINVAL || e->code == ERANGE || e->code == EACCES || e->code == ENODEV))
		return explain_cpuset(dir, file, e);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!strcmp(file, rows[i].file) && e->code == rows[i].code)
			return err_wrap(e, "%s", rows[i].words);
	}
	return -1;
}

/* "2MB 1GB": the sizes of huge pages that have files in dir. */
static void list_huge_pages(const char *dir, struct str *out)
{
	DIR *d = opendir(dir);
	const struct dirent *de;

	while (d && (de = readdir(d))) {
		const char *size = de->d_name + strlen("hugetlb.");
		size_t n;

		if (!str_starts(de->d_name, "hugetlb."))
			continue;
		n = strcspn(size, ".");
		if (!strcmp(size + n, ".max") || !strcmp(size + n, ".limit_in_bytes"))
			str_addf(out, "%s%.*s", out->n ? ", " : "", (int)n, size);
	}
	if (d)
		closedir(d);
}

static int no_such_file(const struct target *t, const char *words, const char *file, struct err *e)
{
	auto_str struct str sizes = { 0 };

	if (str_starts(file, "hugetlb."))
		list_huge_pages(t->dir->path, &sizes);
	if (sizes.n)
		return err_set(e, EOPNOTSUPP,
			       "cannot set %s: the kernel has no %s: its huge pages are of %s",
			       words, file, sizes.s);
	return err_set(e, EOPNOTSUPP, "cannot set %s: the kernel has no %s", words, file);
}

int put_failed(const struct target *t, const char *property, const char *file, const char *text,
	       struct err *e)
{
	int code = errno;
	auto_free char *words = xstrdup(property);

	for (char *p = words; (p = strchr(p, '/'));)
		*p = '.';
	errno = code;
	if (code != ENOENT || (t->dir && access(t->dir->path, F_OK) < 0)) {
		err_sys(e, "write \"%s\" to %s/%s", text, t->dir->path, file);
		put_explain(t->dir->path, file, e);
		err_wrap(e, "cannot set %s", words);
		return put_at(e, property);
	}
	if (!put_has_controller(t))
		missing_controller(t, words, e);
	else
		no_such_file(t, words, file, e);
	put_at(e, property);
	return put_missing(e);
}

int put(const struct target *t, const char *property, const char *file, const char *text,
	enum missing missing, struct err *e)
{
	if (put_try(t, file, text) == 0 || (errno == ENOENT && missing == MISSING_IS_FINE))
		return 0;
	return put_failed(t, property, file, text, e);
}

const char *put_number(char buf[NUMBER_MAX], int64_t v)
{
	snprintf(buf, NUMBER_MAX, "%" PRId64, v);
	return buf;
}

const char *put_unsigned(char buf[NUMBER_MAX], uint64_t v)
{
	snprintf(buf, NUMBER_MAX, "%" PRIu64, v);
	return buf;
}

const char *put_number_or_max(char buf[NUMBER_MAX], int64_t v)
{
	return v < 0 ? "max" : put_number(buf, v);
}

uint64_t put_read_number(const struct target *t, const char *file)
{
	char text[64];
	uint64_t v;

	return t->dir && cgroup_read(t->dir->path, file, text, sizeof(text)) >= 0 &&
			       str_to_u64(text, &v) ?
		       v :
		       0;
}
