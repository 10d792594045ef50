/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container uses, as the "data" of runc's events (types/events.go), which containerd and
 * others read: the same names, units and omissions of zeroes. Runs in `hull events`. A file or a
 * controller that is not there counts as zero, so that no statistics fail.
 */
#include "state/cgroup/cgroup_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "state/base/fd.h"
#include "state/spec/idset.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define BITS	       (8 * sizeof(unsigned long))
#define NS_PER_TICK    10000000 /* USER_HZ is 100 to user space on every architecture */

/* --- JSON ------------------------------------------------------------------------------------- */

static void add_key(struct str *out, const char *key)
{
	char last = out->s[out->n - 1];

	str_addf(out, "%s\"%s\":", last == '{' || last == '[' ? "" : ",", key);
}

static void add_number(struct str *out, const char *key, uint64_t v)
{
	add_key(out, key);
	str_addf(out, "%" PRIu64, v);
}

/* "omitempty" */
static void add_nonzero(struct str *out, const char *key, uint64_t v)
{
	if (v)
		add_number(out, key, v);
}

static void begin(struct str *out, const char *key)
{
	add_key(out, key);
	str_add(out, "{");
}

/* --- Files ------------------------------------------------------------------------------------ */

/* All of a file, "" without it; the caller frees it. */
static char *text_of(const char *dir, const char *file)
{
	auto_free char *path = xasprintf("%s/%s", dir, file);
	struct err ignored;
	char *text;

	return fd_read_file(AT_FDCWD, path, FILE_MAX_BYTES, &text, NULL, &ignored) == 0 ?
		       text :
		       xstrdup("");
}

/* "max" is no limit, the largest number; a file that is not there is 0. */
static uint64_t number_of(const char *dir, const char *file)
{
	char text[64];
	uint64_t v;

	if (cgroup_read(dir, file, text, sizeof(text)) < 0)
		return 0;
	if (!strcmp(text, "max"))
		return UINT64_MAX;
	return str_to_u64(text, &v) ? v : 0;
}

/* The number that follows key in text of lines "key number"; 0 without it. */
static uint64_t value_of(const char *text, const char *key)
{
	const char *v = cgroup_find_key(text, key, strlen(key));

	return v ? strtoull(v, NULL, 10) : 0;
}

/* "0.50" as Go prints it: 0.5; "0.00" is 0, and so is what is no number. */
static void add_decimal(struct str *out, const char *key, const char *text)
{
	size_t whole, part;

	while (*text == '0' && text[1] >= '0' && text[1] <= '9')
		text++;
	whole = strspn(text, "0123456789");
	part = whole && text[whole] == '.' ? 1 + strspn(text + whole + 1, "0123456789") : 0;
	while (part && (part == 1 || text[whole + part - 1] == '0'))
		part--;
	add_key(out, key);
	str_add_n(out, whole ? text : "0", whole ? whole + part : 1);
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" */
static void add_pressure_line(struct str *out, const char *text, const char *kind)
{
	static const char *const keys[] = { "avg10", "avg60", "avg300", "total" };
	const char *line = strstr(text, kind), *p;
	size_t n = line ? strcspn(line, "\n") : 0;

	begin(out, kind);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		auto_free char *wanted = xasprintf(" %s=", keys[i]);

		p = line ? memmem(line, n, wanted, strlen(wanted)) : NULL;
		add_decimal(out, keys[i], p ? p + strlen(wanted) : "0");
	}
	str_add(out, "}");
}

/* PSI, where the kernel has it and it is on; also beside v1 controllers (hybrid). */
static void add_pressure(struct str *out, const struct cgroup *cg, const char *file)
{
	const struct cgroup_dir *d = cgroup_find(cg, "");
	auto_free char *text = d ? text_of(d->path, file) : xstrdup("");

	if (!*text)
		return;
	begin(out, "psi");
	add_pressure_line(out, text, "some");
	add_pressure_line(out, text, "full");
	str_add(out, "}");
}

/* --- cpu -------------------------------------------------------------------------------------- */

/* A column of a table of numbers, as an array; column 0 is the first. Nothing without numbers. */
static void add_column(struct str *out, const char *key, const char *text, int column, bool title)
{
	bool any = false;

	text += title ? strcspn(text, "\n") : 0;
	while (*(text += strspn(text, "\n"))) {
		const char *p = text;

		for (int i = 0; i < column; i++)
			p += strcspn(p, " \n"), p += *p == ' ';
		text += strcspn(text, "\n");
		if (strspn(p, "0123456789") == 0)
			continue;
		if (!any) {
			add_key(out, key);
			str_add(out, "[");
		}
		str_addf(out, "%s%llu", any ? "," : "", strtoull(p, NULL, 10));
		any = true;
	}
	str_add(out, any ? "]" : "");
}

static void add_cpu_usage_v1(struct str *out, const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_find(cg, "cpuacct");
	auto_free char *stat = d ? text_of(d->path, "cpuacct.stat") : xstrdup("");
	auto_free char *each = d ? text_of(d->path, "cpuacct.usage_percpu") : xstrdup("");
	auto_free char *modes = d ? text_of(d->path, "cpuacct.usage_all") : xstrdup("");

	begin(out, "usage");
	add_nonzero(out, "total", d ? number_of(d->path, "cpuacct.usage") : 0);
	for (char *p = each; (p = strchr(p, ' '));)
		*p = '\n';
	add_column(out, "percpu", each, 0, false);
	add_column(out, "percpu_kernel", modes, 2, true); /* "cpu user system" */
	add_column(out, "percpu_user", modes, 1, true);
	add_number(out, "kernel", value_of(stat, "system") * NS_PER_TICK);
	add_number(out, "user", value_of(stat, "user") * NS_PER_TICK);
	str_add(out, "}");
}

static void add_throttling(struct str *out, const char *stat, uint64_t ns)
{
	uint64_t periods = value_of(stat, "nr_periods"), n = value_of(stat, "nr_throttled");

	if (!periods && !n && !ns)
		return;
	begin(out, "throttling");
	add_nonzero(out, "periods", periods);
	add_nonzero(out, "throttledPeriods", n);
	add_nonzero(out, "throttledTime", ns);
	str_add(out, "}");
}

static void add_cpu(struct str *out, const struct cgroup *cg)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "cpu", &v2);
	auto_free char *stat = d ? text_of(d->path, "cpu.stat") : xstrdup("");

	begin(out, "cpu");
	if (cgroup_find(cg, "cpuacct")) {
		add_cpu_usage_v1(out, cg);
	} else if (value_of(stat, "usage_usec")) {
		begin(out, "usage");
		add_number(out, "total", value_of(stat, "usage_usec") * 1000);
		add_number(out, "kernel", value_of(stat, "system_usec") * 1000);
		add_number(out, "user", value_of(stat, "user_usec") * 1000);
		str_add(out, "}");
	}
	add_throttling(out, stat,
		       v2 ? value_of(stat, "throttled_usec") * 1000 :
			    value_of(stat, "throttled_time"));
	add_pressure(out, cg, "cpu.pressure");
	str_add(out, "}");
}

/* --- cpuset ----------------------------------------------------------------------------------- */

/* "0-2,5" as [0,1,2,5] */
static void add_list(struct str *out, const char *key, const char *dir, const char *file)
{
	auto_free char *text = text_of(dir, file);
	struct idset set = { 0 };
	struct err ignored;
	bool any = false;

	text[strcspn(text, "\n")] = '\0';
	if (!*text || idset_parse(text, &set, &ignored) < 0)
		return;
	for (unsigned i = 0; i < IDSET_MAX; i++) {
		if (!(set.bits[i / BITS] >> i % BITS & 1))
			continue;
		if (!any) {
			add_key(out, key);
			str_add(out, "[");
		}
		str_addf(out, "%s%u", any ? "," : "", i);
		any = true;
	}
	str_add(out, any ? "]" : "");
}

/* Of v1 only, as in runc; all numbers are always there. */
static void add_cpuset(struct str *out, const struct cgroup *cg)
{
	static const struct {
		const char *key, *file;
	} rows[] = {
		{ "mem_hardwall", "cpuset.mem_hardwall" },
		{ "mem_exclusive", "cpuset.mem_exclusive" },
		{ "memory_migrate", "cpuset.memory_migrate" },
		{ "memory_spread_page", "cpuset.memory_spread_page" },
		{ "memory_spread_slab", "cpuset.memory_spread_slab" },
		{ "memory_pressure", "cpuset.memory_pressure" },
		{ "sched_load_balance", "cpuset.sched_load_balance" },
	};
	const struct cgroup_dir *d = cgroup_find(cg, "cpuset");
	char level[32] = "0";

	begin(out, "cpuset");
	if (d)
		add_list(out, "cpus", d->path, "cpuset.cpus");
	add_number(out, "cpu_exclusive", d ? number_of(d->path, "cpuset.cpu_exclusive") : 0);
	if (d)
		add_list(out, "mems", d->path, "cpuset.mems");
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		add_number(out, rows[i].key, d ? number_of(d->path, rows[i].file) : 0);
	/* The one that may be negative. */
	if (d &&
	    (cgroup_read(d->path, "cpuset.sched_relax_domain_level", level, sizeof(level)) <= 0 ||
	     strspn(level, "-0123456789") != strlen(level)))
		memcpy(level, "0", 2);
	add_key(out, "sched_relax_domain_level");
	str_addf(out, "%s}", level);
}

/* --- memory ----------------------------------------------------------------------------------- */

struct memory {
	uint64_t limit, usage, max, failcnt;
};

static void add_memory_entry(struct str *out, const char *key, const struct memory *m)
{
	if (!m->limit && !m->usage && !m->max && !m->failcnt)
		return;
	begin(out, key);
	add_number(out, "limit", m->limit);
	add_nonzero(out, "usage", m->usage);
	add_nonzero(out, "max", m->max);
	add_number(out, "failcnt", m->failcnt);
	str_add(out, "}");
}

static struct memory memory_v1(const char *dir, const char *name)
{
	const struct {
		const char *suffix;
		size_t offset;
	} rows[] = {
		{ "limit_in_bytes", offsetof(struct memory, limit) },
		{ "usage_in_bytes", offsetof(struct memory, usage) },
		{ "max_usage_in_bytes", offsetof(struct memory, max) },
		{ "failcnt", offsetof(struct memory, failcnt) },
	};
	struct memory m = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_free char *file = xasprintf("memory%s.%s", name, rows[i].suffix);

		*(uint64_t *)((char *)&m + rows[i].offset) = number_of(dir, file);
	}
	return m;
}

static struct memory memory_v2(const char *dir, const char *name)
{
	auto_free char *limit = xasprintf("memory%s.max", name);
	auto_free char *usage = xasprintf("memory%s.current", name);
	auto_free char *max = xasprintf("memory%s.peak", name);

	return (struct memory){ number_of(dir, limit), number_of(dir, usage), number_of(dir, max),
				0 };
}

static int by_line(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines "key number", sorted as Go prints a map. Cuts text up. */
static void add_raw(struct str *out, char *text)
{
	auto_free char **lines = NULL;
	char *line, *rest = text;
	size_t n = 0;

	while ((line = strsep(&rest, "\n"))) {
		size_t key = strcspn(line, " ");

		if (!line[key] || strspn(line + key + 1, "0123456789") != strlen(line + key + 1) ||
		    !line[key + 1])
			continue;
		line[key] = '\0';
		lines = xrealloc(lines, (n + 1) * sizeof(*lines));
		lines[n++] = line;
	}
	if (!n)
		return;
	qsort(lines, n, sizeof(*lines), by_line);
	begin(out, "raw");
	for (size_t i = 0; i < n; i++) {
		str_add(out, i ? "," : "");
		str_add_json(out, lines[i]);
		str_addf(out, ":%llu", strtoull(lines[i] + strlen(lines[i]) + 1, NULL, 10));
	}
	str_add(out, "}");
}

/* v1 counts swap and memory together, and so it is told on v2, too; a peak of both is not known. */
static void add_memory(struct str *out, const struct cgroup *cg)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "memory", &v2);
	auto_free char *stat = d ? text_of(d->path, "memory.stat") : xstrdup("");
	struct memory usage = { 0 }, swap = { 0 }, kernel = { 0 }, tcp = { 0 };

	if (d && *stat && v2) {
		usage = memory_v2(d->path, "");
		swap = memory_v2(d->path, ".swap");
		swap.max = 0;
		swap.usage += usage.usage;
		/* Without swap accounting the limit is 0, and the sum with "max" stays below it. */
		if (swap.limit != UINT64_MAX && usage.limit != UINT64_MAX)
			swap.limit += usage.limit;
		else
			swap.limit = UINT64_MAX;
	} else if (d && *stat) {
		usage = memory_v1(d->path, "");
		swap = memory_v1(d->path, ".memsw");
		kernel = memory_v1(d->path, ".kmem");
		tcp = memory_v1(d->path, ".kmem.tcp");
	}
	begin(out, "memory");
	add_nonzero(out, "cache", value_of(stat, v2 ? "file" : "cache"));
	add_memory_entry(out, "usage", &usage);
	add_memory_entry(out, "swap", &swap);
	add_memory_entry(out, "kernel", &kernel);
	add_memory_entry(out, "kernelTCP", &tcp);
	add_raw(out, stat);
	add_pressure(out, cg, "memory.pressure");
	str_add(out, "}");
}

/* --- pids ------------------------------------------------------------------------------------- */

static void add_pids(struct str *out, const struct cgroup *cg)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "pids", &v2);
	uint64_t current = d ? number_of(d->path, "pids.current") : 0, limit;
	auto_free pid_t *pids = NULL;
	struct err ignored;
	size_t n = 0;

	/* Without the controller they are counted. */
	if (!current && cgroup_pids(cg, &pids, &n, &ignored) == 0)
		current = n;
	limit = d ? number_of(d->path, "pids.max") : 0;
	begin(out, "pids");
	add_nonzero(out, "current", current);
	add_nonzero(out, "limit", limit == UINT64_MAX ? 0 : limit);
	str_add(out, "}");
}

/* --- blkio ------------------------------------------------------------------------------------ */

static void add_io_entry(struct str *out, const char *key, bool *any, const char *device,
			 const char *op, uint64_t value)
{
	char *end;
	uint64_t major = strtoull(device, &end, 10);
	uint64_t minor = *end == ':' ? strtoull(end + 1, NULL, 10) : 0;

	if (!*any) {
		add_key(out, key);
		str_add(out, "[");
	}
	str_add(out, *any ? ",{" : "{");
	add_nonzero(out, "major", major);
	add_nonzero(out, "minor", minor);
	if (*op) {
		add_key(out, "op");
		str_add_json(out, op);
	}
	add_nonzero(out, "value", value);
	str_add(out, "}");
	*any = true;
}

/* "8:0 Read 1282048" or "8:0 6792"; a line "Total N" is the sum of all. */
static bool add_io_v1(struct str *out, const char *key, const char *dir, const char *file)
{
	auto_free char *text = text_of(dir, file);
	char *line, *rest = text;
	bool any = false;

	while ((line = strsep(&rest, "\n"))) {
		char *device = strsep(&line, " "), *op = strsep(&line, " ");

		if (!strchr(device, ':') || !op)
			continue;
		add_io_entry(out, key, &any, device, line ? op : "",
			     strtoull(line ? line : op, NULL, 10));
	}
	str_add(out, any ? "]" : "");
	return any;
}

/* Each key from the first of the schedulers' files that has anything. */
static void add_blkio_v1(struct str *out, const char *dir)
{
	static const struct {
		const char *key, *files[4];
	} rows[] = {
		{ "ioServiceBytesRecursive",
		  { "blkio.bfq.io_service_bytes_recursive", "blkio.io_service_bytes_recursive",
		    "blkio.throttle.io_service_bytes_recursive",
		    "blkio.throttle.io_service_bytes" } },
		{ "ioServicedRecursive",
		  { "blkio.bfq.io_serviced_recursive", "blkio.io_serviced_recursive",
		    "blkio.throttle.io_serviced_recursive", "blkio.throttle.io_serviced" } },
		{ "ioQueueRecursive",
		  { "blkio.bfq.io_queued_recursive", "blkio.io_queued_recursive" } },
		{ "ioServiceTimeRecursive",
		  { "blkio.bfq.io_service_time_recursive", "blkio.io_service_time_recursive" } },
		{ "ioWaitTimeRecursive",
		  { "blkio.bfq.io_wait_time_recursive", "blkio.io_wait_time_recursive" } },
		{ "ioMergedRecursive",
		  { "blkio.bfq.io_merged_recursive", "blkio.io_merged_recursive" } },
		{ "ioTimeRecursive", { "blkio.bfq.time_recursive", "blkio.time_recursive" } },
		{ "sectorsRecursive",
		  { "blkio.bfq.sectors_recursive", "blkio.sectors_recursive" } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (size_t k = 0; k < ARRAY_SIZE(rows[i].files) && rows[i].files[k]; k++) {
			if (add_io_v1(out, rows[i].key, dir, rows[i].files[k]))
				break;
		}
	}
}

/* "8:0 rbytes=1 wbytes=2 rios=3 wios=4 ...", told under the names of v1. */
static void add_blkio_v2(struct str *out, const char *dir)
{
	static const struct {
		const char *key, *read, *write;
	} rows[] = {
		{ "ioServiceBytesRecursive", " rbytes=", " wbytes=" },
		{ "ioServicedRecursive", " rios=", " wios=" },
	};
	auto_free char *text = text_of(dir, "io.stat");

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		auto_free char *copy = xstrdup(text);
		char *line, *rest = copy, *r, *w;
		bool any = false;

		while ((line = strsep(&rest, "\n"))) {
			r = strstr(line, rows[i].read);
			w = strstr(line, rows[i].write);
			if (r)
				add_io_entry(out, rows[i].key, &any, line, "Read",
					     strtoull(r + strlen(rows[i].read), NULL, 10));
			if (w)
				add_io_entry(out, rows[i].key, &any, line, "Write",
					     strtoull(w + strlen(rows[i].write), NULL, 10));
		}
		str_add(out, any ? "]" : "");
	}
}

static void add_blkio(struct str *out, const struct cgroup *cg)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "blkio", &v2);

	begin(out, "blkio");
	if (d && v2)
		add_blkio_v2(out, d->path);
	else if (d)
		add_blkio_v1(out, d->path);
	add_pressure(out, cg, "io.pressure");
	str_add(out, "}");
}

/* --- hugetlb ---------------------------------------------------------------------------------- */

static void add_hugetlb_size(struct str *out, const char *dir, const char *size, bool v2)
{
	auto_free char *reserved =
		xasprintf("hugetlb.%s.rsvd.%s", size, v2 ? "current" : "usage_in_bytes");
	char text[64];
	bool rsvd = cgroup_read(dir, reserved, text, sizeof(text)) >= 0;
	auto_free char *prefix = xasprintf("hugetlb.%s%s", size, rsvd ? ".rsvd" : "");
	auto_free char *usage = xasprintf("%s.%s", prefix, v2 ? "current" : "usage_in_bytes");
	auto_free char *max = xasprintf("%s.max_usage_in_bytes", prefix);
	auto_free char *failures = v2 ? xasprintf("hugetlb.%s.events", size) :
					xasprintf("%s.failcnt", prefix);
	int64_t n = v2 ? cgroup_read_key(dir, failures, "max") : (int64_t)number_of(dir, failures);

	str_add(out, out->s[out->n - 1] == '{' ? "" : ",");
	str_add_json(out, size);
	str_add(out, ":{");
	add_nonzero(out, "usage", number_of(dir, usage));
	add_nonzero(out, "max", v2 ? 0 : number_of(dir, max));
	add_number(out, "failcnt", n > 0 ? (uint64_t)n : 0);
	str_add(out, "}");
}

/* The sizes are those of the files that are there. */
static void add_hugetlb(struct str *out, const struct cgroup *cg)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "hugetlb", &v2);
	DIR *dir = d ? opendir(d->path) : NULL;
	struct dirent *entry;

	begin(out, "hugetlb");
	/* cppcheck-suppress readdirCalled */
	while (dir && (entry = readdir(dir))) {
		const char *size = entry->d_name + strlen("hugetlb.");
		size_t n = str_starts(entry->d_name, "hugetlb.") ? strcspn(size, ".") : 0;
		auto_free char *name = n ? xstrndup(size, n) : NULL;

		if (name && !strcmp(size + n, v2 ? ".max" : ".limit_in_bytes"))
			add_hugetlb_size(out, d->path, name, v2);
	}
	if (dir)
		closedir(dir);
	str_add(out, "}");
}

void cgroup_stats(const struct cgroup *cg, struct str *out)
{
	str_add(out, "{");
	add_cpu(out, cg);
	add_cpuset(out, cg);
	add_memory(out, cg);
	add_pids(out, cg);
	add_blkio(out, cg);
	add_hugetlb(out, cg);
	str_add(out, ",\"intel_rdt\":{},\"network_interfaces\":null}");
}
