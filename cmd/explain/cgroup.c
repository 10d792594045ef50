/* SPDX-License-Identifier: Apache-2.0 */
/* Cgroups: limits against use, and what they have done to the container. */
#include "cmd/explain/explain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "state/cgroup/cgroup.h"
#include "state/base/mem.h"

struct place {
	const char *path; /* NULL: no such controller */
	bool v2;
};

static struct place place_of(const struct explain *x, const char *controller)
{
	struct place p;
	const struct cgroup_dir *d = cgroup_serving(&x->r->cgroup, controller, &p.v2);

	p.path = d ? d->path : NULL;
	return p;
}

static bool read_text(const struct place *p, const char *file, char *buf, size_t size)
{
	return p->path && file && cgroup_read(p->path, file, buf, size) >= 0;
}

/* UINT64_MAX for "max", and for what v1 has for no limit; false without the file. */
static bool read_number(const struct place *p, const char *file, uint64_t *ret)
{
	char text[64];

	if (!read_text(p, file, text, sizeof(text)))
		return false;
	if (!strcmp(text, "max") || *text == '-')
		*ret = UINT64_MAX;
	else if (!str_to_u64(text, ret))
		return false;
	if (*ret >= INT64_MAX / 2)
		*ret = UINT64_MAX;
	return true;
}

/* The number behind "key " in a file of lines. */
static bool read_key(const struct place *p, const char *file, const char *key, uint64_t *ret)
{
	int64_t v = p->path ? cgroup_read_key(p->path, file, key) : -1;

	*ret = v < 0 ? *ret : (uint64_t)v;
	return v >= 0;
}

static void add_use(struct explain *x, const char *key, uint64_t use, uint64_t limit)
{
	unsigned percent =
		limit && limit != UINT64_MAX ? (unsigned)((double)use * 100 / (double)limit) : 0;
	char a[32], b[32];

	if (limit == UINT64_MAX)
		explain_number(x, key, (int64_t)use, "%s, no limit", explain_bytes(a, use));
	else
		explain_number(x, key, (int64_t)use, "%s of %s (%u %%)", explain_bytes(a, use),
			       explain_bytes(b, limit), percent);
	if (percent >= 90)
		explain_trouble(x, "%s is at %u %% of its limit", key, percent);
}

static void add_oom(struct explain *x)
{
	uint64_t kills = cgroup_oom_kills(&x->r->cgroup);

	explain_number(x, "oomKills", (int64_t)kills, "%llu", (unsigned long long)kills);
	if (kills)
		explain_trouble(
			x,
			"the OOM killer has ended %llu of its processes: its memory limit is "
			"below what it needs",
			(unsigned long long)kills);
}

static void add_memory(struct explain *x)
{
	struct place p = place_of(x, "memory");
	uint64_t use, limit, peak;
	char buf[32];

	if (read_number(&p, p.v2 ? "memory.current" : "memory.usage_in_bytes", &use)) {
		if (!read_number(&p, p.v2 ? "memory.max" : "memory.limit_in_bytes", &limit))
			limit = UINT64_MAX;
		add_use(x, "memory", use, limit);
		json_add_number(&x->json, "memoryLimit", limit == UINT64_MAX ? -1 : (int64_t)limit);
	}
	if (read_number(&p, p.v2 ? "memory.peak" : "memory.max_usage_in_bytes", &peak))
		explain_number(x, "memoryPeak", (int64_t)peak, "%s", explain_bytes(buf, peak));
	if (read_number(&p, p.v2 ? "memory.swap.current" : NULL, &use)) {
		if (!read_number(&p, "memory.swap.max", &limit))
			limit = UINT64_MAX;
		if (use || limit)
			add_use(x, "swap", use, limit);
	}
	if (p.path)
		add_oom(x);
}

static void add_pids(struct explain *x)
{
	struct place p = place_of(x, "pids");
	uint64_t use, limit, failed = 0;

	if (!read_number(&p, "pids.current", &use))
		return;
	if (!read_number(&p, "pids.max", &limit) || limit == UINT64_MAX)
		explain_number(x, "pids", (int64_t)use, "%llu, no limit", (unsigned long long)use);
	else
		explain_number(x, "pids", (int64_t)use, "%llu of %llu", (unsigned long long)use,
			       (unsigned long long)limit);
	if (read_key(&p, "pids.events", "max", &failed) && failed)
		explain_trouble(x, "%llu forks have failed at the limit of processes",
				(unsigned long long)failed);
}

static void add_throttling(struct explain *x, const struct place *p)
{
	uint64_t periods = 0, throttled = 0, time = 0;

	if (!read_key(p, "cpu.stat", "nr_periods", &periods) ||
	    !read_key(p, "cpu.stat", "nr_throttled", &throttled) || !periods)
		return;
	if (!read_key(p, "cpu.stat", "throttled_usec", &time) &&
	    read_key(p, "cpu.stat", "throttled_time", &time))
		time /= 1000;
	explain_number(x, "cpuThrottled", (int64_t)throttled, "%llu of %llu periods, %.1f s",
		       (unsigned long long)throttled, (unsigned long long)periods,
		       (double)time / 1e6);
	if (throttled * 4 > periods)
		explain_trouble(x, "its processor quota held it back in %llu of 100 periods",
				(unsigned long long)(throttled * 100 / periods));
}

static void add_cpu(struct explain *x)
{
	struct place p = place_of(x, "cpu"), account = place_of(x, "cpuacct");
	uint64_t used = 0, quota, period;
	char text[64], *end;

	if (p.v2 ? read_key(&p, "cpu.stat", "usage_usec", &used) :
		   read_number(&account, "cpuacct.usage", &used)) {
		used = p.v2 ? used : used / 1000;
		explain_number(x, "cpuTime", (int64_t)used, "%.2f s", (double)used / 1e6);
	}
	if (p.v2 && read_text(&p, "cpu.max", text, sizeof(text)) && *text != 'm') {
		quota = strtoull(text, &end, 10);
		period = strtoull(end, NULL, 10);
	} else if (p.v2 || !read_number(&p, "cpu.cfs_quota_us", &quota) || quota == UINT64_MAX ||
		   !read_number(&p, "cpu.cfs_period_us", &period)) {
		return;
	}
	explain_row(x, "cpuLimit", "%.2f processors", period ? (double)quota / (double)period : 0);
	add_throttling(x, &p);
}

/* "some avg10=1.23 avg60=...": how much of the last ten seconds somebody waited. */
static void add_pressure(struct explain *x)
{
	static const char *const kinds[] = { "cpu", "memory", "io" };
	struct place p = place_of(x, "");
	char text[256], file[32], key[32];
	double percent;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(file, sizeof(file), "%s.pressure", kinds[i]);
		if (!p.v2 || !read_text(&p, file, text, sizeof(text)) || !strstr(text, "avg10="))
			continue;
		percent = strtod(strstr(text, "avg10=") + strlen("avg10="), NULL);
		snprintf(key, sizeof(key), "%sPressure", kinds[i]);
		explain_row(x, key, "%.1f %% of the last 10 s", percent);
		if (percent > 20)
			explain_trouble(x, "it waits for %s: %.0f %% of the last 10 seconds",
					kinds[i], percent);
	}
}

static void add_paths(struct explain *x)
{
	const struct cgroup *cg = &x->r->cgroup;

	explain_row(x, "layout", "%s",
		    cg->layout == CGROUP_V2 ? "cgroup v2" :
		    cg->layout == CGROUP_V1 ? "cgroup v1" :
					      "none: it has no cgroups, and no limits");
	for (size_t i = 0; i < cg->n; i++) {
		if (cg->layout == CGROUP_V2 || !strcmp(cg->dirs[i].controllers, "memory") ||
		    (i == 0 && !cgroup_find(cg, "memory")))
			explain_row(x, "path", "%s", cg->dirs[i].path);
	}
}

void explain_cgroup(struct explain *x)
{
	explain_begin(x, "cgroup");
	add_paths(x);
	add_memory(x);
	add_pids(x);
	add_cpu(x);
	add_pressure(x);
	explain_end(x);
}
