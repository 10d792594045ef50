/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources written into cgroup files: a step per controller, each for v1 and for v2.
 * Runs in hull itself. The configuration speaks in v1's terms (config-linux.md, Control Groups);
 * v2 values are computed as runc does, so that both runtimes give a container the same.
 *
 * In a hybrid layout a controller may be on either side: the step follows the directory.
 */
#include "state/cgroup_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/mem.h"
#include "state/spec.h"
#include "state/str.h"

struct target {
	const struct cgroup *cg;
	const char *controller;
	const struct cgroup_dir *dir; /* NULL: nothing serves the controller */
	const struct spec_resources *res;
};

enum missing { MISSING_FAILS, MISSING_IS_FINE };

/* --- Writing one value ------------------------------------------------------------------------ */

/* -1 and errno; ENOENT also when there is no such controller. */
static int try_put(const struct target *t, const char *file, const char *text)
{
	auto_str struct str have = { 0 };

	if (!t->dir) {
		errno = ENOENT;
		return -1;
	}
	if (cgroup_write(t->dir->path, file, text) == 0)
		return 0;
	if (errno != ENOENT || *t->dir->controllers)
		return -1;
	/* cgroup_create enabled what was needed then; `update` may need more. */
	cgroup_enable(t->dir->path, t->controller, &have);
	return cgroup_write(t->dir->path, file, text);
}

static bool has_controller(const struct target *t)
{
	char text[512];

	if (!t->dir || *t->dir->controllers)
		return t->dir != NULL;
	return cgroup_read(t->dir->path, "cgroup.controllers", text, sizeof(text)) >= 0 &&
	       cgroup_has_word(text, t->controller);
}

/* property ("memory/limit") as a pointer. */
static int at(struct err *e, const char *property)
{
	snprintf(e->pointer, sizeof(e->pointer), "/%s", property);
	return -1;
}

/* The sentence for a try_put that failed with errno. */
static int put_failed(const struct target *t, const char *property, const char *file,
		      const char *text, struct err *e)
{
	int code = errno;
	auto_free char *words = xstrdup(property);

	for (char *p = words; (p = strchr(p, '/'));)
		*p = '.';
	errno = code;
	if (code != ENOENT || (t->dir && access(t->dir->path, F_OK) < 0))
		err_sys(e, "cannot set %s: write \"%s\" to %s/%s", words, text, t->dir->path, file);
	else if (!has_controller(t))
		err_set(e, EOPNOTSUPP,
			"cannot set %s: the \"%s\" cgroup controller is not available", words,
			t->controller);
	else
		err_set(e, EOPNOTSUPP, "cannot set %s: the kernel has no %s", words, file);
	return at(e, property);
}

static int put(const struct target *t, const char *property, const char *file, const char *text,
	       enum missing missing, struct err *e)
{
	if (try_put(t, file, text) == 0 || (errno == ENOENT && missing == MISSING_IS_FINE))
		return 0;
	return put_failed(t, property, file, text, e);
}

#define NUMBER_MAX 24

static const char *number(char buf[NUMBER_MAX], int64_t v)
{
	snprintf(buf, NUMBER_MAX, "%" PRId64, v);
	return buf;
}

static const char *unsigned_number(char buf[NUMBER_MAX], uint64_t v)
{
	snprintf(buf, NUMBER_MAX, "%" PRIu64, v);
	return buf;
}

/* v2 writes "no limit" as max. */
static const char *number_or_max(char buf[NUMBER_MAX], int64_t v)
{
	return v < 0 ? "max" : number(buf, v);
}

static uint64_t read_number(const struct target *t, const char *file)
{
	char text[64];
	uint64_t v;

	return cgroup_read(t->dir->path, file, text, sizeof(text)) >= 0 && str_to_u64(text, &v) ?
		       v :
		       0;
}

/* --- pids ------------------------------------------------------------------------------------- */

static int limit_pids(const struct target *t, struct err *e)
{
	const struct opt_int *limit = &t->res->pids->limit;
	char text[NUMBER_MAX];

	if (!limit->set)
		return 0;
	/* config-linux.md: 0 is a limit, but a container has at least its init; so does runc. */
	return put(t, "pids/limit", "pids.max", number_or_max(text, limit->v == 0 ? 1 : limit->v),
		   limit->v < 0 ? MISSING_IS_FINE : MISSING_FAILS, e);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* 0 is "not set" to runc and to the engines that write 0 for every limit they do not have. */
static int64_t value(const struct opt_int *o)
{
	return o->set ? o->v : 0;
}

static int set_memory_v1(const struct target *t, int64_t limit, struct err *e)
{
	static const char file[] = "memory.limit_in_bytes";
	char text[NUMBER_MAX];

	if (try_put(t, file, number(text, limit)) == 0 || (limit < 0 && errno == ENOENT))
		return 0;
	if (errno != EBUSY)
		return put_failed(t, "memory/limit", file, text, e);
	err_set(e, EBUSY,
		"unable to set memory limit to %" PRId64 " (current usage: %" PRIu64
		", peak usage: %" PRIu64 ")",
		limit, read_number(t, "memory.usage_in_bytes"),
		read_number(t, "memory.max_usage_in_bytes"));
	return at(e, "memory/limit");
}

static int set_memsw_v1(const struct target *t, int64_t swap, struct err *e)
{
	char text[NUMBER_MAX];

	return put(t, "memory/swap", "memory.memsw.limit_in_bytes", number(text, swap),
		   swap < 0 ? MISSING_IS_FINE : MISSING_FAILS, e);
}

/*
 * The kernel keeps memory <= memory+swap at every moment: memory first when that shrinks, and
 * first memory+swap when memory is to grow beyond the old memory+swap (EINVAL).
 */
static int set_memory_and_swap_v1(const struct target *t, int64_t limit, int64_t swap,
				  struct err *e)
{
	char text[NUMBER_MAX];

	/* Unlimited memory with the old memory+swap would not be unlimited; so runc. */
	if (limit == -1 && swap == 0)
		swap = -1;
	if (limit && swap) {
		if (try_put(t, "memory.limit_in_bytes", number(text, limit)) == 0)
			limit = 0;
		else if (errno != EINVAL)
			swap = 0; /* the same will fail below, with its sentence */
	}
	if (swap && set_memsw_v1(t, swap, e) < 0)
		return -1;
	return limit ? set_memory_v1(t, limit, e) : 0;
}

static int limit_memory_v1(const struct target *t, struct err *e)
{
	const struct spec_memory *m = t->res->memory;
	int64_t reservation = value(&m->reservation);
	char text[NUMBER_MAX];

	if (set_memory_and_swap_v1(t, value(&m->limit), value(&m->swap), e) < 0)
		return -1;
	if (reservation &&
	    put(t, "memory/reservation", "memory.soft_limit_in_bytes", number(text, reservation),
		reservation < 0 ? MISSING_IS_FINE : MISSING_FAILS, e) < 0)
		return -1;
	/* kernel and kernelTCP: no effect, as in runc; Linux has given these limits up. */
	if (m->disable_oom_killer.set && m->disable_oom_killer.v &&
	    put(t, "memory/disableOOMKiller", "memory.oom_control", "1", MISSING_FAILS, e) < 0)
		return -1;
	if (m->swappiness.set && m->swappiness.v > 100) {
		err_set(e, EINVAL,
			"invalid memory swappiness value: %" PRIu64 " (valid range is 0-100)",
			m->swappiness.v);
		return at(e, "memory/swappiness");
	}
	return m->swappiness.set ? put(t, "memory/swappiness", "memory.swappiness",
				       unsigned_number(text, m->swappiness.v), MISSING_FAILS, e) :
				   0;
}

/* v2 counts swap alone; -1: no limit, INT64_MIN: not set. */
static int swap_alone(int64_t limit, int64_t swap, int64_t *ret, struct err *e)
{
	if (limit == -1 && swap == 0) {
		*ret = -1; /* as on v1 */
	} else if (swap == 0) {
		*ret = INT64_MIN;
	} else if (swap < 0 || limit == -1) {
		*ret = swap;
	} else if (limit == 0) {
		err_set(e, EINVAL, "unable to set swap limit without memory limit");
		return at(e, "memory/swap");
	} else if (swap < limit) {
		err_set(e, EINVAL, "memory+swap limit should be >= memory limit");
		return at(e, "memory/swap");
	} else {
		*ret = swap - limit;
	}
	return 0;
}

/*
 * On v2 a limit below the usage does not fail, it kills: checkBeforeUpdate asks for this check
 * (config-linux.md, Memory), which cannot be exact.
 */
static int check_usage(const struct target *t, int64_t limit, int64_t swap, struct err *e)
{
	const struct opt_bool *check = &t->res->memory->check_before_update;
	uint64_t usage;

	if (!check->set || !check->v || !t->dir || (limit <= 0 && swap <= 0))
		return 0;
	usage = read_number(t, "memory.current");
	if (swap > 0 && (uint64_t)swap <= usage) {
		err_set(e, EBUSY, "rejecting memory+swap limit %" PRId64 " <= usage %" PRIu64, swap,
			usage);
		return at(e, "memory/swap");
	}
	if (limit > 0 && (uint64_t)limit <= usage) {
		err_set(e, EBUSY, "rejecting memory limit %" PRId64 " <= usage %" PRIu64, limit,
			usage);
		return at(e, "memory/limit");
	}
	return 0;
}

static int limit_memory_v2(const struct target *t, struct err *e)
{
	const struct spec_memory *m = t->res->memory;
	int64_t limit = value(&m->limit), swap, reservation = value(&m->reservation);
	char text[NUMBER_MAX];

	if (swap_alone(limit, value(&m->swap), &swap, e) < 0 ||
	    check_usage(t, limit, value(&m->swap), e) < 0)
		return -1;
	/* Without swap there is no such file, and neither "none" nor "any amount" needs it. */
	if (swap != INT64_MIN && put(t, "memory/swap", "memory.swap.max", number_or_max(text, swap),
				     swap <= 0 ? MISSING_IS_FINE : MISSING_FAILS, e) < 0)
		return -1;
	if (limit && put(t, "memory/limit", "memory.max", number_or_max(text, limit),
			 limit < 0 ? MISSING_IS_FINE : MISSING_FAILS, e) < 0)
		return -1;
	if (!reservation)
		return 0;
	return put(t, "memory/reservation", "memory.low", number_or_max(text, reservation),
		   reservation < 0 ? MISSING_IS_FINE : MISSING_FAILS, e);
}

/* --- cpu -------------------------------------------------------------------------------------- */

/* v1 cuts shares to what it can do, without an error: read them back where that may be. */
static int put_shares_v1(const struct target *t, uint64_t shares, struct err *e)
{
	char text[NUMBER_MAX];
	uint64_t now;

	if (put(t, "cpu/shares", "cpu.shares", unsigned_number(text, shares), MISSING_FAILS, e) < 0)
		return -1;
	if (shares >= 2 && shares <= 262144)
		return 0;
	now = read_number(t, "cpu.shares");
	if (now == shares)
		return 0;
	err_set(e, EINVAL, "the %s allowed cpu-shares is %" PRIu64,
		now < shares ? "maximum" : "minimum", now);
	return at(e, "cpu/shares");
}

/* log2 and exp2 without the C library's, and without -lm; more than exact enough for a weight. */
static double log_2(uint64_t n)
{
	int whole = 63 - __builtin_clzll(n);
	double rest = (double)n / (double)(UINT64_C(1) << whole), r = whole;

	/* The square of 2^0.b1b2b3... is 2^b1.b2b3...: one binary digit after the other. */
	for (double bit = 0.5; bit > 1e-15; bit /= 2) {
		rest *= rest;
		if (rest >= 2) {
			rest /= 2;
			r += bit;
		}
	}
	return r;
}

static double exp_2(double x)
{
	int whole = (int)x;
	double y = (x - whole) * 0.69314718055994530942, term = 1, r = 1;

	for (int i = 1; i < 24; i++) {
		term *= y / i;
		r += term;
	}
	return r * (double)(UINT64_C(1) << whole);
}

/*
 * The range [2, 262144] onto [1, 10000] so that the defaults of both, 1024 and 100, meet:
 * 10^((l^2 + 125 l) / 612 - 7/34), l = log2(shares), rounded up
 * (github.com/opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value).
 */
uint64_t cgroup_weight(uint64_t shares)
{
	double l, weight;

	if (shares <= 2)
		return 1;
	if (shares >= 262144)
		return 10000;
	l = log_2(shares);
	weight = exp_2(3.32192809488736234787 * ((l * l + 125 * l) / 612 - 7.0 / 34));
	/* 1024 is 100 exactly, and what a computer makes of that must not become 101. */
	return (uint64_t)(weight - 1e-8) + 1;
}

static int put_weight(const struct target *t, uint64_t shares, struct err *e)
{
	char text[NUMBER_MAX];

	return put(t, "cpu/shares", "cpu.weight", unsigned_number(text, cgroup_weight(shares)),
		   MISSING_FAILS, e);
}

/* An idle group has no weight, and the kernel refuses one with EINVAL: leave it out. */
static int limit_shares(const struct target *t, bool v2, struct err *e)
{
	const struct spec_cpu *cpu = t->res->cpu;
	char text[NUMBER_MAX];

	if (cpu->idle.set && put(t, "cpu/idle", "cpu.idle", number(text, cpu->idle.v),
				 cpu->idle.v == 0 ? MISSING_IS_FINE : MISSING_FAILS, e) < 0)
		return -1;
	if (!cpu->shares.set || cpu->shares.v == 0 || (cpu->idle.set && cpu->idle.v == 1))
		return 0;
	return v2 ? put_weight(t, cpu->shares.v, e) : put_shares_v1(t, cpu->shares.v, e);
}

/* A value that depends on others: tried when its turn comes, and again after all of them. */
struct dependent {
	const char *property, *file;
	bool set, missing_is_fine;
	char text[2 * NUMBER_MAX];
};

/*
 * quota, period and burst bound each other, and the parent bounds quota / period: a value may be
 * refused with EINVAL until the next one is written. So try in order, then repeat the refused.
 */
static int put_dependent(const struct target *t, const struct dependent *rows, size_t n,
			 struct err *e)
{
	bool again[8] = { false };

	for (size_t i = 0; i < n; i++) {
		if (!rows[i].set || try_put(t, rows[i].file, rows[i].text) == 0)
			continue;
		if (errno == ENOENT && rows[i].missing_is_fine)
			continue;
		if (errno != EINVAL || i + 1 == n)
			return put_failed(t, rows[i].property, rows[i].file, rows[i].text, e);
		again[i] = true;
	}
	for (size_t i = 0; i < n; i++) {
		if (again[i] &&
		    put(t, rows[i].property, rows[i].file, rows[i].text, MISSING_FAILS, e) < 0)
			return -1;
	}
	return 0;
}

static int limit_cpu_v1(const struct target *t, struct err *e)
{
	const struct spec_cpu *cpu = t->res->cpu;
	/* Engines send a period without a quota; that limits nothing, and may be missing. */
	struct dependent time[] = {
		{ "cpu/period", "cpu.cfs_period_us", cpu->period.set && cpu->period.v,
		  cpu->quota.v <= 0, "" },
		{ "cpu/burst", "cpu.cfs_burst_us", cpu->burst.set, cpu->burst.v == 0, "" },
		{ "cpu/quota", "cpu.cfs_quota_us", cpu->quota.set && cpu->quota.v, cpu->quota.v < 0,
		  "" },
	};
	struct dependent realtime[] = {
		{ "cpu/realtimePeriod", "cpu.rt_period_us",
		  cpu->realtime_period.set && cpu->realtime_period.v, false, "" },
		{ "cpu/realtimeRuntime", "cpu.rt_runtime_us",
		  cpu->realtime_runtime.set && cpu->realtime_runtime.v, cpu->realtime_runtime.v < 0,
		  "" },
	};

	unsigned_number(time[0].text, cpu->period.v);
	unsigned_number(time[1].text, cpu->burst.v);
	number(time[2].text, cpu->quota.v);
	unsigned_number(realtime[0].text, cpu->realtime_period.v);
	number(realtime[1].text, cpu->realtime_runtime.v);
	if (limit_shares(t, false, e) < 0 || put_dependent(t, time, ARRAY_SIZE(time), e) < 0)
		return -1;
	return put_dependent(t, realtime, ARRAY_SIZE(realtime), e);
}

/* v2 has no files for real-time groups: config-linux.md's properties have no effect, as in runc. */
static int limit_cpu_v2(const struct target *t, struct err *e)
{
	const struct spec_cpu *cpu = t->res->cpu;
	bool quota = cpu->quota.set && cpu->quota.v, period = cpu->period.set && cpu->period.v;
	struct dependent time[] = {
		{ "cpu/burst", "cpu.max.burst", cpu->burst.set, cpu->burst.v == 0, "" },
		{ quota ? "cpu/quota" : "cpu/period", "cpu.max", quota || period, cpu->quota.v <= 0,
		  "" },
	};
	char limit[NUMBER_MAX];

	unsigned_number(time[0].text, cpu->burst.v);
	/* 100000 is the default of cgroup-v2.rst. */
	snprintf(time[1].text, sizeof(time[1].text), "%s %" PRIu64,
		 quota && cpu->quota.v > 0 ? number(limit, cpu->quota.v) : "max",
		 period ? cpu->period.v : (uint64_t)100000);
	if (limit_shares(t, true, e) < 0)
		return -1;
	return put_dependent(t, time, ARRAY_SIZE(time), e);
}

static int limit_cpuset(const struct target *t, struct err *e)
{
	const struct spec_cpu *cpu = t->res->cpu;

	if (!str_empty(cpu->cpus) &&
	    put(t, "cpu/cpus", "cpuset.cpus", cpu->cpus, MISSING_FAILS, e) < 0)
		return -1;
	return str_empty(cpu->mems) ?
		       0 :
		       put(t, "cpu/mems", "cpuset.mems", cpu->mems, MISSING_FAILS, e);
}

/* --- hugetlb ---------------------------------------------------------------------------------- */

/*
 * The .rsvd file (Linux 5.7) counts at mmap(2) instead of at the fault, where the answer would
 * be SIGBUS: set both.
 */
static int put_hugetlb(const struct target *t, const char *suffix, struct err *e)
{
	for (size_t i = 0; i < t->res->hugepage_limits.n; i++) {
		const struct spec_hugepage_limit *l = &t->res->hugepage_limits.v[i];
		auto_free char *property = xasprintf("hugepageLimits/%zu/limit", i);
		auto_free char *file = xasprintf("hugetlb.%s.%s", l->page_size, suffix);
		auto_free char *reserved = xasprintf("hugetlb.%s.rsvd.%s", l->page_size, suffix);
		char text[NUMBER_MAX];

		unsigned_number(text, l->limit.v);
		if (put(t, property, file, text, MISSING_FAILS, e) < 0 ||
		    put(t, property, reserved, text, MISSING_IS_FINE, e) < 0)
			return -1;
	}
	return 0;
}

static int limit_hugetlb_v1(const struct target *t, struct err *e)
{
	return put_hugetlb(t, "limit_in_bytes", e);
}

static int limit_hugetlb_v2(const struct target *t, struct err *e)
{
	return put_hugetlb(t, "max", e);
}

/* --- unified ---------------------------------------------------------------------------------- */

static int unified_failed(const struct target *t, const char *key, struct err *e)
{
	auto_free char *name = xstrndup(key, strcspn(key, "."));
	struct target owner = { t->cg, name, t->dir, t->res };
	int code = errno;

	if (strcmp(name, "cgroup") && (code == ENOENT || code == EACCES || code == EPERM) &&
	    !has_controller(&owner))
		return err_set(
			e, EOPNOTSUPP,
			"unified resource \"%s\" can't be set: controller \"%s\" not available",
			key, name);
	errno = code;
	return err_sys(e, "unable to set unified resource \"%s\": write to %s/%s", key,
		       t->dir->path, key);
}

/* Files for several devices take one line at a write. */
static int put_unified(const struct target *t, const char *key, const char *text, struct err *e)
{
	auto_free char *name = xstrndup(key, strcspn(key, "."));
	struct target owner = { t->cg, name, t->dir, t->res };
	auto_free char *lines = xstrdup(text);
	char *line, *rest = lines;

	if (strchr(key, '/'))
		return err_set(e, EINVAL,
			       "unified resource \"%s\" must be a file name (no slashes)", key);
	if (!strchr(key, '.'))
		return err_set(e, EINVAL,
			       "unified resource \"%s\" must be in the form CONTROLLER.PARAMETER",
			       key);
	while ((line = strsep(&rest, "\n"))) {
		if (*line && try_put(&owner, key, line) < 0)
			return unified_failed(t, key, e);
	}
	return 0;
}

/* Last of all: what is written here wins over what was computed from other properties. */
static int limit_unified(const struct target *t, struct err *e)
{
	const struct str_map *map = &t->res->unified;

	if (!t->dir) {
		err_set(e, EINVAL, "invalid configuration: cannot use unified on cgroup v1");
		return at(e, "unified");
	}
	for (size_t i = 0; i < map->n; i++) {
		if (put_unified(t, map->v[i].key, map->v[i].value, e) < 0) {
			e->pointer[0] = '\0';
			err_at_key(e, map->v[i].key);
			return err_at_key(e, "unified");
		}
	}
	return 0;
}

/* --- The steps -------------------------------------------------------------------------------- */

static bool asks_pids(const struct spec_resources *r)
{
	return r->pids;
}

static bool asks_memory(const struct spec_resources *r)
{
	return r->memory;
}

static bool asks_cpu(const struct spec_resources *r)
{
	return r->cpu;
}

static bool asks_hugetlb(const struct spec_resources *r)
{
	return r->hugepage_limits.n;
}

static bool asks_unified(const struct spec_resources *r)
{
	return r->unified.n;
}

/* In runc's order (cgroups/fs2/fs2.go); unified is last because it overrides the others. */
static const struct limit {
	const char *controller;
	bool (*asks)(const struct spec_resources *r);
	int (*v1)(const struct target *t, struct err *e);
	int (*v2)(const struct target *t, struct err *e);
} limits[] = {
	{ "pids", asks_pids, limit_pids, limit_pids },
	{ "memory", asks_memory, limit_memory_v1, limit_memory_v2 },
	{ "cpu", asks_cpu, limit_cpu_v1, limit_cpu_v2 },
	{ "cpuset", asks_cpu, limit_cpuset, limit_cpuset },
	{ "hugetlb", asks_hugetlb, limit_hugetlb_v1, limit_hugetlb_v2 },
	{ "", asks_unified, limit_unified, limit_unified },
};

int cgroup_apply_limits(const struct cgroup *cg, const struct spec_resources *res, struct err *e)
{
	for (size_t i = 0; res && i < ARRAY_SIZE(limits); i++) {
		const struct limit *l = &limits[i];
		struct target t = { cg, l->controller, NULL, res };
		bool v2;

		if (!l->asks(res))
			continue;
		t.dir = cgroup_serving(cg, l->controller, &v2);
		if ((v2 ? l->v2 : l->v1)(&t, e) < 0)
			return -1;
	}
	return 0;
}

int cgroup_apply(const struct cgroup *cg, const struct spec_resources *res, struct err *e)
{
	return cgroup_apply_limits(cg, res, e) < 0 ? -1 : cgroup_apply_devices(cg, res, e);
}
