/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources written into cgroup files: a step per controller, each for v1 and for v2.
 * Runs in hull itself. The configuration speaks in v1's terms (config-linux.md, Control Groups);
 * v2 values are computed as runc does, so that both runtimes give a container the same.
 *
 * In a hybrid layout a controller may be on either side: the step follows the directory.
 */
#include "state/cgroup/cgroup_put.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/str.h"

/* --- pids ------------------------------------------------------------------------------------- */

static int limit_pids(const struct target *t, struct err *e)
{
	const struct opt_int *limit = &t->res->pids->limit;
	char text[NUMBER_MAX];

	if (!limit->set)
		return 0;
	/* config-linux.md: 0 is a limit, but a container has at least its init; so does runc. */
	return put(t, "pids/limit", "pids.max",
		   put_number_or_max(text, limit->v == 0 ? 1 : limit->v),
		   limit->v < 0 ? MISSING_IS_FINE : MISSING_FAILS, e);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* 0 is "not set" to runc and to the engines that write 0 for every limit they do not have. */
static int64_t value(const struct opt_int *o)
{
	return o->set ? o->v : 0;
}

/*
 * Each processor holds pages in advance for the last who was there, up to 64 (mm/memcontrol.c,
 * drain_all_stock()). Before it says EBUSY the kernel asks for them, but does not wait until another processor has
 * given back its own; that is a matter of microseconds, mostly.
 */
#define BUSY_MS 16 /* the last pause; all of them are twice that */

static int put_memory_v1(const struct target *t, const char *file, const char *text)
{
	int r = put_try(t, file, text);

	for (int pause = 1; r < 0 && errno == EBUSY && pause <= BUSY_MS; pause *= 2) {
		poll(NULL, 0, pause);
		r = put_try(t, file, text);
	}
	return r;
}

static int set_memory_v1(const struct target *t, int64_t limit, struct err *e)
{
	static const char file[] = "memory.limit_in_bytes";
	char text[NUMBER_MAX];

	if (put_memory_v1(t, file, put_number(text, limit)) == 0 || (limit < 0 && errno == ENOENT))
		return 0;
	if (errno != EBUSY)
		return put_failed(t, "memory/limit", file, text, e);
	err_set(e, EBUSY,
		"unable to set memory limit to %" PRId64 " (current usage: %" PRIu64
		", peak usage: %" PRIu64 ")",
		limit, put_read_number(t, "memory.usage_in_bytes"),
		put_read_number(t, "memory.max_usage_in_bytes"));
	return put_at(e, "memory/limit");
}

static int set_memsw_v1(const struct target *t, int64_t swap, struct err *e)
{
	char text[NUMBER_MAX];

	return put(t, "memory/swap", "memory.memsw.limit_in_bytes", put_number(text, swap),
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
	if (swap > 0 && (limit < 0 || limit > swap)) {
		err_set(e, EINVAL, "memory+swap limit should be >= memory limit");
		return put_at(e, "memory/swap");
	}
	if (limit && swap) {
		if (put_memory_v1(t, "memory.limit_in_bytes", put_number(text, limit)) == 0)
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
	if (reservation && put(t, "memory/reservation", "memory.soft_limit_in_bytes",
			       put_number(text, reservation),
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
		return put_at(e, "memory/swappiness");
	}
	return m->swappiness.set ? put(t, "memory/swappiness", "memory.swappiness",
				       put_unsigned(text, m->swappiness.v), MISSING_FAILS, e) :
				   0;
}

/* v2 counts swap alone. */
int cgroup_swap(int64_t limit, int64_t swap, int64_t *ret, struct err *e)
{
	if (limit == -1 && swap == 0) {
		*ret = -1; /* as on v1 */
	} else if (swap == 0) {
		*ret = INT64_MIN;
	} else if (swap < 0 || limit == -1) {
		*ret = swap;
	} else if (limit == 0) {
		err_set(e, EINVAL, "unable to set swap limit without memory limit");
		return put_at(e, "memory/swap");
	} else if (swap < limit) {
		err_set(e, EINVAL, "memory+swap limit should be >= memory limit");
		return put_at(e, "memory/swap");
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
	usage = put_read_number(t, "memory.current");
	if (swap > 0 && (uint64_t)swap <= usage) {
		err_set(e, EBUSY, "rejecting memory+swap limit %" PRId64 " <= usage %" PRIu64, swap,
			usage);
		return put_at(e, "memory/swap");
	}
	if (limit > 0 && (uint64_t)limit <= usage) {
		err_set(e, EBUSY, "rejecting memory limit %" PRId64 " <= usage %" PRIu64, limit,
			usage);
		return put_at(e, "memory/limit");
	}
	return 0;
}

static int limit_memory_v2(const struct target *t, struct err *e)
{
	const struct spec_memory *m = t->res->memory;
	int64_t limit = value(&m->limit), swap = INT64_MIN, reservation = value(&m->reservation);
	char text[NUMBER_MAX];

	/* As runc: engines send them whatever the host has. */
	if (m->swappiness.set)
		log_warn("memory.swappiness has no effect on cgroup v2");
	if (m->disable_oom_killer.v)
		log_warn("memory.disableOOMKiller has no effect on cgroup v2");

	if (cgroup_swap(limit, value(&m->swap), &swap, e) < 0 ||
	    check_usage(t, limit, value(&m->swap), e) < 0)
		return -1;
	/* Without swap there is no such file, and neither "none" nor "any amount" needs it. */
	if (swap != INT64_MIN &&
	    put(t, "memory/swap", "memory.swap.max", put_number_or_max(text, swap),
		swap <= 0 ? MISSING_IS_FINE : MISSING_FAILS, e) < 0)
		return -1;
	if (limit && put(t, "memory/limit", "memory.max", put_number_or_max(text, limit),
			 limit < 0 ? MISSING_IS_FINE : MISSING_FAILS, e) < 0)
		return -1;
	if (!reservation)
		return 0;
	return put(t, "memory/reservation", "memory.low", put_number_or_max(text, reservation),
		   reservation < 0 ? MISSING_IS_FINE : MISSING_FAILS, e);
}

/* --- cpu -------------------------------------------------------------------------------------- */

/* v1 cuts shares to what it can do, without an error: read them back where that may be. */
static int put_shares_v1(const struct target *t, uint64_t shares, struct err *e)
{
	char text[NUMBER_MAX];
	uint64_t now;

	if (put(t, "cpu/shares", "cpu.shares", put_unsigned(text, shares), MISSING_FAILS, e) < 0)
		return -1;
	if (shares >= 2 && shares <= 262144)
		return 0;
	now = put_read_number(t, "cpu.shares");
	if (now == shares || !now) /* 0: there is no controller, and that is to be no error */
		return 0;
	err_set(e, EINVAL, "the %s allowed cpu-shares is %" PRIu64,
		now < shares ? "maximum" : "minimum", now);
	return put_at(e, "cpu/shares");
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

	return put(t, "cpu/shares", "cpu.weight", put_unsigned(text, cgroup_weight(shares)),
		   MISSING_FAILS, e);
}

/* The kernel refuses a weight for an idle group with EINVAL. An update with systemd comes twice. */
static void warn_idle(void)
{
	static bool told;

	if (!told)
		log_warn("unable to apply both cpu.idle and a weight: an idle group has no weight");
	told = true;
}

static int limit_shares(const struct target *t, bool v2, struct err *e)
{
	const struct spec_cpu *cpu = t->res->cpu;
	char text[NUMBER_MAX];

	if (cpu->idle.set && put(t, "cpu/idle", "cpu.idle", put_number(text, cpu->idle.v),
				 cpu->idle.v == 0 ? MISSING_IS_FINE : MISSING_FAILS, e) < 0)
		return -1;
	if (!cpu->shares.set || cpu->shares.v == 0)
		return 0;
	if (spec_is_idle(t->res)) {
		warn_idle();
		return 0;
	}
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
		if (!rows[i].set || put_try(t, rows[i].file, rows[i].text) == 0)
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

	put_unsigned(time[0].text, cpu->period.v);
	put_unsigned(time[1].text, cpu->burst.v);
	put_number(time[2].text, cpu->quota.v);
	put_unsigned(realtime[0].text, cpu->realtime_period.v);
	put_number(realtime[1].text, cpu->realtime_runtime.v);
	if (limit_shares(t, false, e) < 0 || put_dependent(t, time, ARRAY_SIZE(time), e) < 0)
		return -1;
	return put_dependent(t, realtime, ARRAY_SIZE(realtime), e);
}

/* The quota that is there, for a period that comes alone: cpu.max takes both. */
static void read_quota(const struct target *t, char quota[NUMBER_MAX])
{
	char text[64];

	snprintf(quota, NUMBER_MAX, "max");
	if (t->dir && cgroup_read(t->dir->path, "cpu.max", text, sizeof(text)) > 0)
		snprintf(quota, NUMBER_MAX, "%.*s", (int)strcspn(text, " "), text);
}

static int limit_cpu_v2(const struct target *t, struct err *e)
{
	const struct spec_cpu *cpu = t->res->cpu;
	bool quota = cpu->quota.set && cpu->quota.v, period = cpu->period.set && cpu->period.v;
	struct dependent time[] = {
		{ "cpu/burst", "cpu.max.burst", cpu->burst.set, cpu->burst.v == 0, "" },
		{ quota ? "cpu/quota" : "cpu/period", "cpu.max", quota || period, cpu->quota.v <= 0,
		  "" },
	};
	/* v2 has no files for them yet: a share of real time that is asked for is refused. */
	struct dependent realtime[] = {
		{ "cpu/realtimePeriod", "cpu.rt_period_us", cpu->realtime_period.v,
		  cpu->realtime_runtime.v <= 0, "" },
		{ "cpu/realtimeRuntime", "cpu.rt_runtime_us", cpu->realtime_runtime.v,
		  cpu->realtime_runtime.v <= 0, "" },
	};
	char limit[NUMBER_MAX];

	put_unsigned(time[0].text, cpu->burst.v);
	put_unsigned(realtime[0].text, cpu->realtime_period.v);
	put_number(realtime[1].text, cpu->realtime_runtime.v);
	if (!quota)
		read_quota(t, limit);
	else
		snprintf(limit, sizeof(limit), "%s",
			 cpu->quota.v > 0 ? put_number(time[1].text, cpu->quota.v) : "max");
	/* Without a period the kernel keeps the one that is there, 100000 at first. */
	if (period)
		snprintf(time[1].text, sizeof(time[1].text), "%s %" PRIu64, limit, cpu->period.v);
	else
		snprintf(time[1].text, sizeof(time[1].text), "%s", limit);
	if (limit_shares(t, true, e) < 0 || put_dependent(t, time, ARRAY_SIZE(time), e) < 0)
		return -1;
	return put_dependent(t, realtime, ARRAY_SIZE(realtime), e);
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

		put_unsigned(text, l->limit.v);
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
	struct target owner = { t->cg, name, t->dir, t->res, t->journal };
	int code = errno;

	if (strcmp(name, "cgroup") && (code == ENOENT || code == EACCES || code == EPERM) &&
	    !put_has_controller(&owner)) {
		/* Hybrid: it is there, but not here. */
		if (cgroup_find(t->cg, name))
			return err_set(e, EINVAL,
				       "invalid configuration: cannot use unified on cgroup v1, "
				       "which has the controller \"%s\" of \"%s\"",
				       name, key);
		err_set(e, EOPNOTSUPP,
			"unified resource \"%s\" can't be set: controller \"%s\" not available",
			key, name);
		return put_missing(e);
	}
	errno = code;
	return err_sys(e, "unable to set unified resource \"%s\": write to %s/%s", key,
		       t->dir->path, key);
}

/* Files for several devices take one line at a write. */
static int put_unified(const struct target *t, const char *key, const char *text, struct err *e)
{
	auto_free char *name = xstrndup(key, strcspn(key, "."));
	struct target owner = { t->cg, name, t->dir, t->res, t->journal };
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
		if (*line && put_try(&owner, key, line) < 0)
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
		return put_at(e, "unified");
	}
	for (size_t i = 0; i < map->n; i++) {
		if (str_starts(map->v[i].key, "cpu.weight") && spec_is_idle(t->res)) {
			warn_idle();
			continue;
		}
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
	const struct spec_cpu *c = r->cpu;

	return c && (c->shares.set || c->quota.set || c->period.set || c->burst.set ||
		     c->idle.set || c->realtime_runtime.set || c->realtime_period.set);
}

static bool asks_cpuset(const struct spec_resources *r)
{
	return r->cpu && (!str_empty(r->cpu->cpus) || !str_empty(r->cpu->mems));
}

static bool asks_hugetlb(const struct spec_resources *r)
{
	return r->hugepage_limits.n;
}

static bool asks_unified(const struct spec_resources *r)
{
	return r->unified.n;
}

static bool asks_io(const struct spec_resources *r)
{
	return r->block_io;
}

static bool asks_class(const struct spec_resources *r)
{
	return r->network && r->network->class_id.v;
}

static bool asks_priorities(const struct spec_resources *r)
{
	return r->network && r->network->priorities.n;
}

static bool asks_rdma(const struct spec_resources *r)
{
	return r->rdma.n;
}

/* In runc's order (cgroups/fs2/fs2.go); unified is last because it overrides the others. */
static const struct limit {
	const char *controller;	   /* of v1; "": none in particular */
	const char *controller_v2; /* "": it has none */
	bool (*asks)(const struct spec_resources *r);
	int (*v1)(const struct target *t, struct err *e);
	int (*v2)(const struct target *t, struct err *e);
} limits[] = {
	{ "pids", "pids", asks_pids, limit_pids, limit_pids },
	{ "memory", "memory", asks_memory, limit_memory_v1, limit_memory_v2 },
	{ "blkio", "io", asks_io, limit_io_v1, limit_io_v2 },
	{ "cpu", "cpu", asks_cpu, limit_cpu_v1, limit_cpu_v2 },
	{ "cpuset", "cpuset", asks_cpuset, limit_cpuset, limit_cpuset },
	{ "hugetlb", "hugetlb", asks_hugetlb, limit_hugetlb_v1, limit_hugetlb_v2 },
	{ "rdma", "rdma", asks_rdma, limit_rdma, limit_rdma },
	{ "net_cls", "", asks_class, limit_net_class, limit_net_class },
	{ "net_prio", "", asks_priorities, limit_net_priorities, limit_net_priorities },
	{ "", "", asks_unified, limit_unified, limit_unified },
};

bool cgroup_has_limits(const struct spec_resources *res)
{
	for (size_t i = 0; res && i < ARRAY_SIZE(limits); i++) {
		if (limits[i].asks(res))
			return true;
	}
	return false;
}

/* "memory" of "memory.high": of a file in unified. */
static void need(const struct cgroup *cg, const char *name, size_t n, struct str *names)
{
	auto_free char *word = xstrndup(name, n);

	if (n && strcmp(word, "cgroup") && !cgroup_find(cg, word) &&
	    !cgroup_has_word(str_get(names), word))
		str_addf(names, " %s", word);
}

void cgroup_needs(const struct cgroup *cg, const struct spec_resources *res, struct str *names)
{
	for (size_t i = 0; res && i < ARRAY_SIZE(limits); i++) {
		const struct limit *l = &limits[i];

		if (l->asks(res) && !(*l->controller && cgroup_find(cg, l->controller)))
			need(cg, l->controller_v2, strlen(l->controller_v2), names);
	}
	for (size_t i = 0; res && i < res->unified.n; i++) {
		const char *key = res->unified.v[i].key;

		need(cg, key, strcspn(key, "."), names);
	}
}

static int apply(const struct cgroup *cg, const struct spec_resources *res, struct journal *j,
		 struct err *e)
{
	for (size_t i = 0; res && i < ARRAY_SIZE(limits); i++) {
		const struct limit *l = &limits[i];
		struct target t = { cg, l->controller, NULL, res, j };
		bool v2;

		if (!l->asks(res))
			continue;
		t.dir = cgroup_serving(cg, l->controller, &v2);
		if (v2 && t.dir && *l->controller_v2)
			t.controller = l->controller_v2;
		if ((v2 ? l->v2 : l->v1)(&t, e) < 0)
			return -1;
	}
	return 0;
}

int cgroup_apply_limits(const struct cgroup *cg, const struct spec_resources *res, struct err *e)
{
	return apply(cg, res, NULL, e);
}

int cgroup_update(const struct cgroup *cg, const struct spec_resources *res,
		  int (*commit)(void *arg, struct err *e), void *arg, struct err *e)
{
	struct journal j = { 0 };
	int r = apply(cg, res, &j, e);

	if (r == 0 && commit)
		r = commit(arg, e);
	if (r < 0)
		journal_undo(&j);
	journal_done(&j);
	return r;
}

int cgroup_apply(const struct cgroup *cg, const struct spec_resources *res, struct err *e)
{
	return cgroup_apply_limits(cg, res, e) < 0 ? -1 : cgroup_apply_devices(cg, res, -1, e);
}
