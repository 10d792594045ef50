/* SPDX-License-Identifier: Apache-2.0 */
/*
 * linux.resources as properties of a systemd unit (systemd.resource-control(5), systemd's
 * org.freedesktop.systemd1(5)). Pure. The cgroup's files get the same limits from us afterwards;
 * systemd must know them because it writes the files again whenever it thinks fit.
 */
#include "state/systemd/unit.h"

#include "state/spec/annotations.h"
#include "state/cgroup/cgroup.h"
#include "state/spec/idset.h"
#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/str.h"

#include <string.h>

#define INFINITE UINT64_MAX

/* --- The list --------------------------------------------------------------------------------- */

/* A property of this name, the one that is there or a new one. */
static struct systemd_property *add(struct unit_properties *l, const char *name, char type)
{
	struct systemd_property *p = l->v;

	while (p < l->v + l->n && strcmp(p->name, name) != 0)
		p++;
	if (p == l->v + l->n) {
		if (l->n == l->size) {
			struct systemd_property *old = l->v;

			l->size = l->size ? 2 * l->size : 32;
			l->v = arena_zalloc(l->a, l->size * sizeof(*l->v));
			if (l->n)
				memcpy(l->v, old, l->n * sizeof(*l->v));
		}
		p = &l->v[l->n++];
	}
	*p = (struct systemd_property){ .name = name, .type = type };
	return p;
}

static void add_string(struct unit_properties *l, const char *name, const char *value)
{
	add(l, name, 's')->s = value;
}

static void add_bool(struct unit_properties *l, const char *name, bool value)
{
	add(l, name, 'b')->i = value;
}

/* A limit, which the cgroup has anyway. */
static void add_limit(struct unit_properties *l, const char *name, uint64_t value)
{
	struct systemd_property *p = add(l, name, 't');

	p->u = value;
	p->droppable = true;
}

/* What the specification calls -1 is "infinity". */
static void add_signed(struct unit_properties *l, const char *name, int64_t value)
{
	add_limit(l, name, value < 0 ? INFINITE : (uint64_t)value);
}

/* --- What every unit is ----------------------------------------------------------------------- */

void unit_base(struct unit_properties *l, const struct unit *u, int pid, bool v2)
{
	struct systemd_property *p;

	add_string(l, "Description", arena_printf(l->a, "hull container %s", u->label));
	if (u->is_slice) {
		p = add(l, "Wants", 'a');
		p->list = arena_zalloc(l->a, 2 * sizeof(*p->list));
		p->list[p->n++] = u->slice;
	} else {
		add_string(l, "Slice", u->slice);
		add_bool(l, "Delegate", true);
		add(l, "PIDs", 'U')->u = (uint64_t)pid;
	}
	add_bool(l, "DefaultDependencies", false);
	/* A unit that failed (out of memory) is not to wait for somebody to look at it. */
	add_string(l, "CollectMode", "inactive-or-failed");
	add_bool(l, "MemoryAccounting", true);
	add_bool(l, "CPUAccounting", true);
	add_bool(l, v2 ? "IOAccounting" : "BlockIOAccounting", true);
	add_bool(l, "TasksAccounting", true);
}

/* --- Limits ----------------------------------------------------------------------------------- */

static void limit_memory(struct unit_properties *l, const struct spec_memory *m, bool v2)
{
	int64_t limit = m->limit.set ? m->limit.v : 0, swap;
	struct err ignored; /* the cgroup's files will say it */

	if (limit)
		add_signed(l, v2 ? "MemoryMax" : "MemoryLimit", limit);
	if (!v2)
		return;
	if (m->reservation.set && m->reservation.v)
		add_signed(l, "MemoryLow", m->reservation.v);
	if (cgroup_swap(limit, m->swap.set ? m->swap.v : 0, &swap, &ignored) == 0 &&
	    swap != INT64_MIN)
		add_signed(l, "MemorySwapMax", swap);
}

/*
 * (a * b + c) / d without a type of 128 bits, which boards of 32 bits do not have; UINT64_MAX for more
 * than that.
 */
static uint64_t mul_div(uint64_t a, uint32_t b, uint64_t d, uint32_t c)
{
	uint64_t low = (a & UINT32_MAX) * b + c, high = (a >> 32) * b + (low >> 32);
	uint64_t rest = high % d, quotient = 0;

	if (high / d > UINT32_MAX)
		return UINT64_MAX;
	/* The lower word, bit by bit: what is left is always less than d. */
	for (int i = 31; i >= 0; i--) {
		bool carry = rest >> 63;

		rest = rest << 1 | (low >> i & 1);
		if (carry || rest >= d) {
			rest -= d;
			quotient |= 1ULL << i;
		}
	}
	return high / d << 32 | quotient;
}

/* Microseconds of CPU time in a second, in steps of 10 ms, that is of a percent. */
static uint64_t quota_per_second(const struct spec_cpu *cpu)
{
	uint64_t period = cpu->period.set && cpu->period.v ? cpu->period.v : 100000;
	uint64_t us = mul_div((uint64_t)cpu->quota.v, 1000000, period, 0);

	/* Rounded up, to what still fits. */
	if (us > INT64_MAX - 10000)
		return INFINITE;
	return (us + 9999) / 10000 * 10000;
}

static bool has_quota(const struct spec_cpu *cpu)
{
	return cpu->quota.set && cpu->quota.v > 0;
}

void unit_round_quota(struct spec_cpu *cpu)
{
	uint64_t period = cpu->period.set && cpu->period.v ? cpu->period.v : 100000, us;
	uint64_t quota;

	if (!has_quota(cpu))
		return;
	us = quota_per_second(cpu);
	if (us == INFINITE || period > UINT32_MAX)
		return;
	quota = mul_div(us, (uint32_t)period, 1000000, 999999);
	if (quota > (uint64_t)cpu->quota.v && quota < INT64_MAX)
		cpu->quota.v = (int64_t)quota;
}

/* systemd wants a byte array, the lowest CPU in the lowest bit of the first byte. */
static void add_set(struct unit_properties *l, const char *name, const char *text)
{
	struct systemd_property *p;
	struct idset set;
	struct err ignored;
	uint8_t *bytes;
	size_t n = 0;

	/* The cgroup takes what cpuset(7) does, and says what it does not take. */
	if (str_empty(text) || idset_parse(text, &set, &ignored) < 0)
		return;
	bytes = arena_zalloc(l->a, IDSET_MAX / 8);
	for (size_t i = 0; i < IDSET_MAX; i++) {
		size_t bits = 8 * sizeof(set.bits[0]);

		if (!(set.bits[i / bits] >> i % bits & 1))
			continue;
		bytes[i / 8] |= (uint8_t)(1u << i % 8);
		n = i / 8 + 1;
	}
	p = add(l, name, 'y');
	p->bytes = bytes;
	p->n = n;
	p->droppable = true;
}

static void limit_cpu(struct unit_properties *l, const struct spec_cpu *cpu, bool v2)
{
	if (cpu->shares.set && cpu->shares.v)
		add_limit(l, v2 ? "CPUWeight" : "CPUShares",
			  v2 ? cgroup_weight(cpu->shares.v) : cpu->shares.v);
	if (cpu->period.set && cpu->period.v)
		add_limit(l, "CPUQuotaPeriodUSec", cpu->period.v);
	if (cpu->quota.set && cpu->quota.v)
		add_limit(l, "CPUQuotaPerSecUSec",
			  has_quota(cpu) ? quota_per_second(cpu) : INFINITE);
	if (v2) {
		add_set(l, "AllowedCPUs", cpu->cpus);
		add_set(l, "AllowedMemoryNodes", cpu->mems);
	}
}

static const char *block_device(struct arena *a, const struct opt_int *major,
				const struct opt_int *minor)
{
	return arena_printf(a, "/dev/block/%lld:%lld", (long long)major->v, (long long)minor->v);
}

static void add_paths(struct unit_properties *l, const char *name, struct systemd_path *paths,
		      size_t n)
{
	struct systemd_property *p = n ? add(l, name, 'L') : NULL;

	if (!p)
		return;
	p->paths = paths;
	p->n = n;
	p->droppable = true;
}

static void add_throttle(struct unit_properties *l, const char *name,
			 const struct spec_throttle_devices *list)
{
	struct systemd_path *paths = arena_zalloc(l->a, list->n * sizeof(*paths));

	for (size_t i = 0; i < list->n; i++) {
		const struct spec_throttle_device *d = &list->v[i];

		paths[i].path = block_device(l->a, &d->major, &d->minor);
		paths[i].value = d->rate.v ? d->rate.v : INFINITE;
	}
	add_paths(l, name, paths, list->n);
}

static void limit_io(struct unit_properties *l, const struct spec_block_io *io, bool v2)
{
	struct systemd_path *paths;
	size_t n = 0;

	if (io->weight.set && io->weight.v)
		add_limit(l, v2 ? "IOWeight" : "BlockIOWeight",
			  v2 ? cgroup_io_weight(io->weight.v) : io->weight.v);
	if (!v2)
		return;
	paths = arena_zalloc(l->a, io->weight_device.n * sizeof(*paths));
	for (size_t i = 0; i < io->weight_device.n; i++) {
		const struct spec_weight_device *d = &io->weight_device.v[i];

		if (!d->weight.set || !d->weight.v)
			continue;
		paths[n].path = block_device(l->a, &d->major, &d->minor);
		paths[n++].value = cgroup_io_weight(d->weight.v);
	}
	add_paths(l, "IODeviceWeight", paths, n);
	add_throttle(l, "IOReadBandwidthMax", &io->throttle_read_bps_device);
	add_throttle(l, "IOWriteBandwidthMax", &io->throttle_write_bps_device);
	add_throttle(l, "IOReadIOPSMax", &io->throttle_read_iops_device);
	add_throttle(l, "IOWriteIOPSMax", &io->throttle_write_iops_device);
}

/* --- unified: files of cgroup v2 by their own names ------------------------------------------- */

static bool read_number(const char *text, uint64_t *ret)
{
	if (strcmp(text, "max") != 0)
		return str_to_u64(text, ret);
	*ret = INFINITE;
	return true;
}

/* "QUOTA [PERIOD]" */
static void unified_cpu_max(struct unit_properties *l, const char *text)
{
	struct spec_cpu cpu = { .quota = { .set = true } };
	auto_free char *quota = xstrndup(text, strcspn(text, " "));
	const char *period = text + strcspn(text, " ");
	uint64_t n;

	period += *period == ' ';
	if (!read_number(quota, &n) || (n != INFINITE && n > INT64_MAX) ||
	    (*period && (!str_to_u64(period, &cpu.period.v) || !cpu.period.v)))
		return;
	cpu.period.set = *period;
	cpu.quota.v = n == INFINITE ? -1 : (int64_t)n;
	limit_cpu(l, &cpu, true);
}

static void unified_cpus(struct unit_properties *l, const char *text)
{
	add_set(l, "AllowedCPUs", text);
}

static void unified_mems(struct unit_properties *l, const char *text)
{
	add_set(l, "AllowedMemoryNodes", text);
}

/* A file with a number has a property; of the others, which are ours alone, systemd knows none. */
static const struct unified {
	const char *file, *property;
	void (*add)(struct unit_properties *l, const char *text);
} unified[] = {
	{ "cpu.max", NULL, unified_cpu_max },
	{ "cpu.weight", "CPUWeight", NULL },
	{ "cpuset.cpus", NULL, unified_cpus },
	{ "cpuset.mems", NULL, unified_mems },
	{ "io.weight", "IOWeight", NULL },
	{ "memory.high", "MemoryHigh", NULL },
	{ "memory.low", "MemoryLow", NULL },
	{ "memory.max", "MemoryMax", NULL },
	{ "memory.min", "MemoryMin", NULL },
	{ "memory.swap.max", "MemorySwapMax", NULL },
	{ "memory.zswap.max", "MemoryZSwapMax", NULL },
	{ "pids.max", "TasksMax", NULL },
};

static void limit_unified(struct unit_properties *l, const struct map_entry *m)
{
	uint64_t n;

	for (size_t i = 0; i < ARRAY_SIZE(unified); i++) {
		if (strcmp(m->key, unified[i].file) != 0)
			continue;
		if (unified[i].add)
			unified[i].add(l, m->value);
		else if (read_number(m->value, &n))
			add_limit(l, unified[i].property, n);
	}
}

void unit_limits(struct unit_properties *l, const struct spec_resources *res, bool v2)
{
	if (!res)
		return;
	if (res->pids && res->pids->limit.set)
		add_signed(l, "TasksMax", res->pids->limit.v ? res->pids->limit.v : 1);
	if (res->memory)
		limit_memory(l, res->memory, v2);
	if (res->block_io)
		limit_io(l, res->block_io, v2);
	if (res->cpu)
		limit_cpu(l, res->cpu, v2);
	for (size_t i = 0; v2 && i < res->unified.n; i++)
		limit_unified(l, &res->unified.v[i]);
	if (v2 && spec_is_idle(res))
		add_limit(l, "CPUWeight", 0); /* instead of a weight that is there, too */
}

/* --- Devices ---------------------------------------------------------------------------------- */

/*
 * "c 1:3 rwm" as a node, or "c 136:* rw" as what systemd.resource-control(5) has for groups of
 * them. false for "c *:3", which it has no words for.
 */
static bool device_path(struct arena *a, const char *line, struct systemd_path *ret)
{
	const char *numbers = line + 2, *access = numbers + strcspn(numbers, " ");
	const char *minor = numbers + strcspn(numbers, ":") + 1;
	const char *type = *line == 'b' ? "block" : "char";
	bool any_major = *numbers == '*', any_minor = *minor == '*';

	if (any_major && !any_minor)
		return false;
	ret->access = arena_strdup(a, access + 1);
	if (any_major)
		ret->path = arena_printf(a, "%s-*", type);
	else if (any_minor)
		ret->path = arena_printf(a, "%s-%.*s", type, (int)(minor - 1 - numbers), numbers);
	else
		ret->path = arena_printf(a, "/dev/%s/%.*s", type, (int)(access - numbers), numbers);
	return true;
}

void unit_devices(struct unit_properties *l, const struct spec_resources *res)
{
	static const struct spec_resources none;
	struct systemd_property *p;
	struct systemd_path *paths;
	struct device_lines lines;
	struct err ignored;
	bool ok = true;

	res = res ? res : &none;
	if (device_lines(res->devices.v, res->devices.n, &lines, &ignored) < 0)
		return;
	/* "All but these" is nothing that systemd knows. */
	ok = !lines.default_allow;
	paths = arena_zalloc(l->a, lines.n * sizeof(*paths));
	for (size_t i = 0; ok && i < lines.n; i++)
		ok = device_path(l->a, lines.v[i], &paths[i]);
	if (ok) {
		add_string(l, "DevicePolicy", "strict");
		p = add(l, "DeviceAllow", 'D');
		p->paths = paths;
		p->n = lines.n;
	}
	device_lines_done(&lines);
}

/* --- Annotations ------------------------------------------------------------------------------ */

int unit_annotations(struct unit_properties *l, const struct spec *s, struct err *e)
{
	for (size_t i = 0; i < s->annotations.n; i++) {
		const struct map_entry *m = &s->annotations.v[i];
		struct systemd_property p;

		if (!str_starts(m->key, ANNOTATION_SYSTEMD_PROPERTY))
			continue;
		if (systemd_property_parse(m->key + strlen(ANNOTATION_SYSTEMD_PROPERTY), m->value,
					   l->a, &p, e) < 0) {
			err_at_key(e, m->key);
			return err_at_key(e, "annotations");
		}
		*add(l, p.name, p.type) = p;
	}
	return 0;
}

/* --- Updates ---------------------------------------------------------------------------------- */

static bool same_lists(const struct systemd_property *a, const struct systemd_property *b)
{
	if (a->n != b->n || (a->type == 'y' && memcmp(a->bytes, b->bytes, a->n) != 0))
		return false;
	for (size_t i = 0; a->type == 'L' && i < a->n; i++) {
		if (strcmp(a->paths[i].path, b->paths[i].path) != 0 ||
		    a->paths[i].value != b->paths[i].value)
			return false;
	}
	return true;
}

static bool has(const struct unit_properties *l, const struct systemd_property *p)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct systemd_property *o = &l->v[i];

		if (!strcmp(o->name, p->name))
			return o->type == p->type &&
			       (p->type == 't' ? o->u == p->u : same_lists(o, p));
	}
	return false;
}

void unit_changes(struct unit_properties *l, const struct unit_properties *before,
		  const struct unit_properties *now)
{
	for (size_t i = 0; i < now->n; i++) {
		if (!has(before, &now->v[i]))
			*add(l, now->v[i].name, now->v[i].type) = now->v[i];
	}
}
