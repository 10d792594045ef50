/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull update`: new limits for a container that is there. They come as a file or as options,
 * which are made into the text of such a file; the container's copy of config.json is changed
 * with them, so that the next update knows of this one.
 */
#include "cmd/line/cmd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/line/options.h"
#include "state/cgroup/cgroup.h"
#include "state/base/fd.h"
#include "state/base/log.h"
#include "state/base/mem.h"
#include "state/rdt.h"
#include "state/record.h"
#include "state/spec/spec.h"
#include "state/spec/spec_merge.h"
#include "state/status.h"
#include "state/base/str.h"
#include "state/systemd/systemd.h"
#include "state/systemd/unit.h"

struct options {
	const char *resources, *l3_cache_schema, *mem_bw_schema;
	const char *blkio_weight, *cpu_period, *cpu_quota, *cpu_burst, *cpu_share, *cpu_rt_period;
	const char *cpu_rt_runtime, *cpu_idle, *cpuset_cpus, *cpuset_mems, *memory;
	const char *memory_reservation, *memory_swap, *pids_limit, *kernel_memory;
	const char *kernel_memory_tcp;
};

#define ROW(member, name, alias, help) OPTION(options, member, name, alias, OPT_STRING, help)
#define HIDDEN(member, name)	       OPTION_AS(options, member, name, NULL, OPT_STRING, "", OPTION_HIDDEN)

static const struct option_row options[] = {
	ROW(resources, "resources", "r",
	    "path to the file containing the resources to update or '-' to read from the standard "
	    "input"),
	ROW(blkio_weight, "blkio-weight", NULL,
	    "Specifies per cgroup weight, range is from 10 to 1000"),
	ROW(cpu_period, "cpu-period", NULL,
	    "CPU CFS period to be used for hardcapping (in usecs). 0 to use system default"),
	ROW(cpu_quota, "cpu-quota", NULL,
	    "CPU CFS hardcap limit (in usecs). Allowed cpu time in a given period"),
	ROW(cpu_burst, "cpu-burst", NULL,
	    "CPU CFS hardcap burst limit (in usecs). Allowed accumulated cpu time additionally for "
	    "burst a given period"),
	ROW(cpu_share, "cpu-share", NULL, "CPU shares (relative weight vs. other containers)"),
	ROW(cpu_rt_period, "cpu-rt-period", NULL,
	    "CPU realtime period to be used for hardcapping (in usecs). 0 to use system default"),
	ROW(cpu_rt_runtime, "cpu-rt-runtime", NULL,
	    "CPU realtime hardcap limit (in usecs). Allowed cpu time in a given period"),
	ROW(cpuset_cpus, "cpuset-cpus", NULL, "CPU(s) to use"),
	ROW(cpuset_mems, "cpuset-mems", NULL, "Memory node(s) to use"),
	HIDDEN(kernel_memory, "kernel-memory"),
	HIDDEN(kernel_memory_tcp, "kernel-memory-tcp"),
	ROW(memory, "memory", NULL, "Memory limit (in bytes)"),
	ROW(cpu_idle, "cpu-idle", NULL,
	    "set cgroup SCHED_IDLE or not, 0: default behavior, 1: SCHED_IDLE"),
	ROW(memory_reservation, "memory-reservation", NULL,
	    "Memory reservation or soft_limit (in bytes)"),
	ROW(memory_swap, "memory-swap", NULL,
	    "Total memory usage (memory + swap); set '-1' to enable unlimited swap"),
	ROW(pids_limit, "pids-limit", NULL, "Maximum number of pids allowed in the container"),
	ROW(l3_cache_schema, "l3-cache-schema", NULL,
	    "The string of Intel RDT/CAT L3 cache schema"),
	ROW(mem_bw_schema, "mem-bw-schema", NULL,
	    "The string of Intel RDT/MBA memory bandwidth schema"),
	{ 0 },
};

/* --- Options as the text of a file ------------------------------------------------------------ */

enum value_kind { NUMBER, SIZE, TEXT };

/* The option's place in the file; those of one group stand together. */
static const struct {
	size_t offset;
	const char *option, *group, *key;
	enum value_kind kind;
} values[] = {
	{ offsetof(struct options, blkio_weight), "blkio-weight", "blockIO", "weight", NUMBER },
	{ offsetof(struct options, cpu_period), "cpu-period", "cpu", "period", NUMBER },
	{ offsetof(struct options, cpu_quota), "cpu-quota", "cpu", "quota", NUMBER },
	{ offsetof(struct options, cpu_burst), "cpu-burst", "cpu", "burst", NUMBER },
	{ offsetof(struct options, cpu_share), "cpu-share", "cpu", "shares", NUMBER },
	{ offsetof(struct options, cpu_rt_period), "cpu-rt-period", "cpu", "realtimePeriod",
	  NUMBER },
	{ offsetof(struct options, cpu_rt_runtime), "cpu-rt-runtime", "cpu", "realtimeRuntime",
	  NUMBER },
	{ offsetof(struct options, cpu_idle), "cpu-idle", "cpu", "idle", NUMBER },
	{ offsetof(struct options, cpuset_cpus), "cpuset-cpus", "cpu", "cpus", TEXT },
	{ offsetof(struct options, cpuset_mems), "cpuset-mems", "cpu", "mems", TEXT },
	{ offsetof(struct options, memory), "memory", "memory", "limit", SIZE },
	{ offsetof(struct options, memory_reservation), "memory-reservation", "memory",
	  "reservation", SIZE },
	{ offsetof(struct options, memory_swap), "memory-swap", "memory", "swap", SIZE },
	{ offsetof(struct options, pids_limit), "pids-limit", "pids", "limit", NUMBER },
};

static const char *value_of(const struct options *o, size_t i)
{
	const char *text = *(const char *const *)((const char *)o + values[i].offset);

	return str_empty(text) ? NULL : text;
}

/* "64", "50M", "1.5GiB": units of 1024, as runc's (docker/go-units, RAMInBytes). */
static bool parse_size(const char *text, int64_t *ret)
{
	static const char units[] = "bkmgtp";
	const char *unit = units, *p;
	double v;
	size_t n = str_decimal(text, &v);

	p = text + n + (n && text[n] == ' ');
	if (*p) {
		unit = strchr(units, *p++ | 0x20);
		if (!n || !unit)
			return false;
		if (unit != units && (*p | 0x20) == 'i' && (p[1] | 0x20) == 'b')
			p += 2;
		else if (unit != units && (*p | 0x20) == 'b')
			p++;
	}
	v *= (double)(UINT64_C(1) << (unit - units) * 10);
	if (!n || *p || v >= 9.2e18)
		return false;
	*ret = (int64_t)v;
	return true;
}

static int add_option(struct str *out, const char *option, enum value_kind kind, const char *text,
		      struct err *e)
{
	uint64_t u;
	int64_t v;

	if (kind == TEXT) {
		str_add_json(out, text);
		return 0;
	}
	if (kind == NUMBER && !str_to_i64(text, &v) && !str_to_u64(text, &u))
		return err_set(e, EINVAL, "invalid value for %s: \"%.100s\" is not a number",
			       option, text);
	if (kind == SIZE && strcmp(text, "-1") != 0) {
		if (!parse_size(text, &v))
			return err_set(e, EINVAL, "invalid value for %s: invalid size: '%.100s'",
				       option, text);
		str_addf(out, "%" PRId64, v);
		return 0;
	}
	str_add(out, text);
	return 0;
}

static int write_text(const struct options *o, struct str *out, struct err *e)
{
	const char *group = NULL, *text;

	str_add(out, "{");
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		text = value_of(o, i);
		if (!text)
			continue;
		if (group && !strcmp(group, values[i].group))
			str_add(out, ",");
		else
			str_addf(out, "%s\"%s\":{", group ? "}," : "", values[i].group);
		group = values[i].group;
		str_addf(out, "\"%s\":", values[i].key);
		if (add_option(out, values[i].option, values[i].kind, text, e) < 0)
			return -1;
	}
	str_add(out, group ? "}}" : "}");
	return 0;
}

/* The text of what is asked for, to be freed by the caller. */
static int read_text(const struct options *o, char **ret, size_t *ret_n, struct err *e)
{
	struct str text = { 0 };

	if (str_empty(o->resources)) {
		if (write_text(o, &text, e) < 0) {
			str_done(&text);
			return -1;
		}
		*ret = text.s;
		*ret_n = text.n;
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		if (value_of(o, i))
			return err_set(e, EINVAL, "--resources excludes --%s", values[i].option);
	}
	if (!strcmp(o->resources, "-"))
		return fd_read_all(STDIN_FILENO, SPEC_FILE_MAX, ret, ret_n, e) < 0 ?
			       err_wrap(e, "standard input") :
			       0;
	return fd_read_file(AT_FDCWD, o->resources, SPEC_FILE_MAX, ret, ret_n, e);
}

/* --- Updating --------------------------------------------------------------------------------- */

struct update {
	struct container c;
	struct record r;
	struct arena arena;
	struct spec_resources *asked;
	struct str config; /* the container's own, changed */
	struct spec *before;
	struct unit_properties changes; /* for systemd, where it has made the container's unit */
	struct rdt rdt;			/* with a group when one of these is to be changed */
	const char *l3_cache_schema, *mem_bw_schema;
};

/* What the update as it was given does not say, but means. */
static int merge_more(struct update *u, const char *text, struct err *e)
{
	auto_free char *first = u->config.s;
	size_t n = u->config.n;

	u->config = (struct str){ 0 };
	return spec_merge_resources(first, n, text, strlen(text), &u->config, e);
}

static int merge(struct update *u, const char *text, size_t n, struct err *e)
{
	auto_free char *old = NULL;
	const struct spec_memory *m = u->asked->memory;
	size_t n_old;

	if (fd_read_file(u->c.dir_fd, RECORD_CONFIG, SPEC_FILE_MAX, &old, &n_old, e) < 0 ||
	    spec_merge_resources(old, n_old, text, n, &u->config, e) < 0)
		return -1;
	if (!str_empty(u->r.unit) && spec_read(old, n_old, &u->arena, &u->before, e) < 0)
		return -1;
	/* Memory without a limit makes swap one without, too: no old limit of it may come back. */
	return m && m->limit.v == -1 && !m->swap.set ?
		       merge_more(u, "{\"memory\":{\"swap\":0}}", e) :
		       0;
}

/*
 * A weight ends what an older update or the configuration has set: an idle group has none, and the
 * kernel refuses to write one (EINVAL).
 */
static int end_idle(struct update *u, struct spec **s, struct err *e)
{
	struct spec_resources *asked = u->asked;
	bool weight = (asked->cpu && asked->cpu->shares.set && asked->cpu->shares.v) ||
		      spec_unified(asked, "cpu.weight") || spec_unified(asked, "cpu.weight.nice");
	bool idle = (asked->cpu && asked->cpu->idle.set) || spec_unified(asked, "cpu.idle");

	if (!weight || idle || !spec_is_idle((*s)->linux_->resources))
		return 0;
	if (!asked->cpu)
		asked->cpu = arena_zalloc(&u->arena, sizeof(*asked->cpu));
	asked->cpu->idle = (struct opt_int){ .set = true };
	if (merge_more(u, "{\"cpu\":{\"idle\":0}}", e) < 0 ||
	    (spec_unified((*s)->linux_->resources, "cpu.idle") &&
	     merge_more(u, "{\"unified\":{\"cpu.idle\":\"0\"}}", e) < 0))
		return -1;
	return spec_read(u->config.s, u->config.n, &u->arena, s, e);
}

static void limits(const struct update *u, struct spec_resources *res, struct unit_properties *ret)
{
	if (res && res->cpu)
		unit_round_quota(res->cpu);
	unit_limits(ret, res, u->r.cgroup.layout == CGROUP_V2);
}

/* What systemd has to be told: nothing, when nothing changes. */
static void plan_unit(struct update *u, struct spec_resources *res)
{
	struct unit_properties before = { .a = &u->arena }, now = { .a = &u->arena };
	struct spec_cpu *cpu = u->asked->cpu;

	limits(u, u->before->linux_->resources, &before);
	limits(u, res, &now);
	u->changes.a = &u->arena;
	unit_changes(&u->changes, &before, &now);
	/* The quota that systemd is told depends on the period, which it forgets without a quota. */
	if (cpu && (cpu->quota.set || cpu->period.set) && res->cpu) {
		cpu->quota = res->cpu->quota;
		cpu->period = res->cpu->period;
	}
}

/*
 * Swap is memory and swap together, so each of the two needs the other, which may be an older
 * update's; and of a group that is idle no longer the kernel has forgotten the weight. All else is
 * written only where it is asked for.
 */
static int complete(struct update *u, struct err *e)
{
	struct spec_memory *m = u->asked->memory;
	struct spec_cpu *cpu = u->asked->cpu;
	struct spec *s;

	if (spec_read(u->config.s, u->config.n, &u->arena, &s, e) < 0 || end_idle(u, &s, e) < 0)
		return -1;
	if (!str_empty(u->r.unit))
		plan_unit(u, s->linux_->resources);
	if (m && (m->limit.set || m->swap.set) && s->linux_->resources->memory) {
		m->limit = s->linux_->resources->memory->limit;
		m->swap = s->linux_->resources->memory->swap;
	}
	if (cpu && cpu->idle.set && cpu->idle.v == 0 && !cpu->shares.set)
		cpu->shares = s->linux_->resources->cpu->shares;
	return 0;
}

static int commit_config(struct update *u, struct err *e)
{
	bool told = u->changes.n;

	if (systemd_set(u->r.unit, u->r.unit_of_user, &u->changes, e) < 0)
		return -1;
	/* systemd has written its own words for them: the period of no quota is 100 ms for it. */
	if (told && cgroup_apply_limits(&u->r.cgroup, u->asked, e) < 0)
		return -1;
	/* Decoded from the old text; exec decodes the new one. */
	unlinkat(u->c.dir_fd, RECORD_DECODED, 0);
	return fd_write_atomic(u->c.dir_fd, RECORD_CONFIG, u->config.s, u->config.n, 0600, e);
}

/* The last step: whatever fails here, the cgroup's files are as before. */
static int commit(void *arg, struct err *e)
{
	struct update *u = arg;
	auto_free char *old = NULL;

	if (u->rdt.group && rdt_update(&u->rdt, u->l3_cache_schema, u->mem_bw_schema, &old, e) < 0)
		return -1;
	if (commit_config(u, e) == 0)
		return 0;
	if (old)
		rdt_restore(&u->rdt, old);
	return -1;
}

/* Before anything is changed: is there what the schemata would be written to? */
static int find_rdt(struct update *u, const struct options *o, struct err *e)
{
	const struct spec_intel_rdt *s;
	struct err ignored;
	struct spec *spec;

	u->l3_cache_schema = o->l3_cache_schema;
	u->mem_bw_schema = o->mem_bw_schema;
	if (str_empty(o->l3_cache_schema) && str_empty(o->mem_bw_schema))
		return 0;
	u->rdt.root_fd = rdt_open_root(&ignored);
	if (u->rdt.root_fd < 0)
		return err_set(e, ENOTSUP,
			       str_empty(o->l3_cache_schema) ?
				       "Intel RDT/MBA: memory bandwidth schema is not enabled" :
				       "Intel RDT/CAT: l3 cache schema is not enabled");
	if (spec_read(u->config.s, u->config.n, &u->arena, &spec, e) < 0)
		return -1;
	s = spec->linux_->intel_rdt;
	if (!s)
		return err_set(e, EINVAL,
			       "updating a non-existent Intel RDT configuration is not supported");
	rdt_name(&u->rdt, s, u->c.id);
	return 0;
}

static int update(struct update *u, const struct globals *g, const char *id,
		  const struct options *o, struct err *e)
{
	auto_free char *text = NULL;
	enum status status;
	size_t n = 0;

	if (status_load(&g->root, id, CONTAINER_LOCK_MS, &u->c, &u->r, &status, e) < 0)
		return -1;
	if (status == STATUS_STOPPED || status == STATUS_CREATING)
		return err_set(e, ESRCH, "container not running");
	if (read_text(o, &text, &n, e) < 0)
		return -1;
	if (spec_resources_read(text, n, &u->arena, &u->asked, e) < 0)
		return str_empty(o->resources) ? -1 : err_wrap(e, "%s", o->resources);
	if (merge(u, text, n, e) < 0 || complete(u, e) < 0 || find_rdt(u, o, e) < 0)
		return -1;
	if (!str_empty(o->kernel_memory) || !str_empty(o->kernel_memory_tcp) ||
	    (u->asked->memory &&
	     (u->asked->memory->kernel.set || u->asked->memory->kernel_tcp.set)))
		log_warn("Kernel memory settings are ignored and will be removed");
	if (!u->r.cgroup.n)
		return err_set(e, ENOTSUP, "cannot update limits: the container has no cgroup");
	return cgroup_update(&u->r.cgroup, u->asked, commit, u, e);
}

static int run(struct invocation *inv, struct err *e)
{
	struct update u = { .c = CONTAINER_INIT, .arena.fd = -1, .rdt = RDT_INIT };
	int r;

	arena_init(&u.arena);
	r = update(&u, inv->globals, inv->args[0], inv->options, e);
	rdt_done(&u.rdt);
	str_done(&u.config);
	record_done(&u.r);
	container_close(&u.c);
	return r;
}

const struct command update_command = {
	.name = "update",
	.args = "<container-id>",
	.usage = "update container resource constraints",
	.description =
		"The resources that --resources reads are an object as linux.resources of config.json "
		"is:\n"
		"\n"
		"       { \"memory\": { \"limit\": 0, \"reservation\": 0, \"swap\": 0 },\n"
		"         \"cpu\": { \"shares\": 0, \"quota\": 0, \"period\": 0, \"cpus\": \"\", \"mems\": "
		"\"\" },\n"
		"         \"blockIO\": { \"weight\": 0 }, \"pids\": { \"limit\": 0 } }\n"
		"\n"
		"   What is absent stays as it is, and so do the rules for devices.\n"
		"   When one of the values cannot be set, all of them stay as they were.",
	.options = options,
	.options_size = sizeof(struct options),
	.min_args = 1,
	.max_args = 1,
	.run = run,
};
