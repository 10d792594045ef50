/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a container uses, as the messages io.containerd.cgroups.v1.Metrics and v2.Metrics (containerd/
 * cgroups, cgroup1/stats and cgroup2/stats), for the shim's Stats. Tables say which key of which
 * file is which field. A file or a controller that is not there has no fields.
 */
#include "state/cgroup/cgroup_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/format/protobuf.h"
#include "state/base/str.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)
#define NS_PER_TICK    10000000 /* USER_HZ is 100 to user space on every architecture */

/* A key in a file of lines "key number", and the field that its number becomes. */
struct key {
	const char *key;
	unsigned field;
};

/* Files of one number each. "max" is the largest one, where it is not left out. */
struct file {
	const char *file;
	unsigned field;
};

/* --- Reading ---------------------------------------------------------------------------------- */

/* "" without it; the caller frees it. */
static char *text_of(const struct cgroup_dir *d, const char *file)
{
	auto_free char *path = d ? xasprintf("%s/%s", d->path, file) : NULL;
	struct err ignored;
	char *text;

	if (!d || fd_read_file(AT_FDCWD, path, FILE_MAX_BYTES, &text, NULL, &ignored) < 0)
		return xstrdup("");
	return text;
}

static void add_keys(struct str *out, const char *text, const struct key *keys, uint64_t unit)
{
	for (; keys->key; keys++) {
		const char *v = cgroup_find_key(text, keys->key, strlen(keys->key));
		uint64_t n = v ? strtoull(v, NULL, 10) * unit : 0;

		if (n)
			pb_add_int(out, keys->field, (int64_t)n);
	}
}

static bool number_of(const struct cgroup_dir *d, const char *file, uint64_t *ret)
{
	char text[64];

	if (!d || cgroup_read(d->path, file, text, sizeof(text)) < 0)
		return false;
	*ret = UINT64_MAX;
	return !strcmp(text, "max") || str_to_u64(text, ret);
}

static void add_files(struct str *out, const struct cgroup_dir *d, const struct file *files)
{
	uint64_t v;

	for (; files->file; files++) {
		if (number_of(d, files->file, &v) && v)
			pb_add_int(out, files->field, (int64_t)v);
	}
}

static void add_message(struct str *out, unsigned field, struct str *m)
{
	if (m->n)
		pb_add_message(out, field, m);
	str_done(m);
}

/* --- PSI -------------------------------------------------------------------------------------- */

struct psi {
	double avg10, avg60, avg300;
	uint64_t total;
};
static const struct pb_row psi_rows[] = {
	PB_ROW(psi, avg10, 1, PB_DOUBLE),  PB_ROW(psi, avg60, 2, PB_DOUBLE),
	PB_ROW(psi, avg300, 3, PB_DOUBLE), PB_ROW(psi, total, 4, PB_NUMBER),
	{ 0, PB_NUMBER, 0, NULL },
};

/* What follows "key=" in line; "" without it. */
static const char *setting(const char *line, const char *key)
{
	size_t n = strcspn(line, "\n"), k = strlen(key);

	for (const char *p = line; (p = memchr(p, ' ', n - (size_t)(p - line)));) {
		p++;
		if (!strncmp(p, key, k) && p[k] == '=')
			return p + k + 1;
	}
	return "";
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0", and "full ..." */
static void add_psi_line(struct str *out, unsigned field, const char *text, const char *kind)
{
	const char *line = strstr(text, kind);
	struct str m = { 0 };
	struct psi p = { 0 };

	if (!line)
		return;
	(void)str_decimal(setting(line, "avg10"), &p.avg10);
	(void)str_decimal(setting(line, "avg60"), &p.avg60);
	(void)str_decimal(setting(line, "avg300"), &p.avg300);
	p.total = strtoull(setting(line, "total"), NULL, 10);
	pb_write(&m, psi_rows, &p);
	pb_add_message(out, field, &m);
	str_done(&m);
}

static void add_psi(struct str *out, unsigned field, const struct cgroup_dir *d, const char *file)
{
	auto_free char *text = text_of(d, file);
	struct str m = { 0 };

	add_psi_line(&m, 1, text, "some");
	add_psi_line(&m, 2, text, "full");
	add_message(out, field, &m);
}

/* --- Tables of words: "8:0 rbytes=1 wbytes=2", "mlx4_0 hca_handle=2 hca_object=3" -------------- */

/* Behind " key="; "max" is the largest 32-bit number (rdma). */
static void add_words(struct str *out, const char *line, const struct key *keys)
{
	for (; keys->key; keys++) {
		const char *p = setting(line, keys->key);
		uint64_t v = str_starts(p, "max") ? UINT32_MAX : strtoull(p, NULL, 10);

		if (v)
			pb_add_int(out, keys->field, (int64_t)v);
	}
}

/* "8:0" and what is behind it: the fields of a device. False for a line that begins otherwise. */
static bool add_device(struct str *out, unsigned first_field, const char **line)
{
	char *end, *end2;
	uint64_t major = strtoull(*line, &end, 10), minor;

	if (end == *line || *end != ':')
		return false;
	minor = strtoull(end + 1, &end2, 10);
	if (end2 == end + 1)
		return false;
	pb_add_int(out, first_field, (int64_t)major);
	pb_add_int(out, first_field + 1, (int64_t)minor);
	*line = end2;
	return true;
}

static const struct key rdma_keys[] = { { "hca_handle", 2 }, { "hca_object", 3 }, { NULL, 0 } };

static void add_rdma_entries(struct str *out, unsigned field, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		struct str m = { 0 };
		auto_free char *device = xstrndup(text, strcspn(text, " \n"));

		pb_add_string(&m, 1, device);
		add_words(&m, text, rdma_keys);
		add_message(out, field, &m);
		text += n + (text[n] == '\n');
	}
}

static void add_rdma(struct str *out, unsigned field, const struct cgroup *cg)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "rdma", &v2);
	auto_free char *current = text_of(d, "rdma.current"), *limit = text_of(d, "rdma.max");
	struct str m = { 0 };

	add_rdma_entries(&m, 1, current);
	add_rdma_entries(&m, 2, limit);
	add_message(out, field, &m);
}

/* --- hugetlb: a file for each size of page ---------------------------------------------------- */

/* "2MB" of "hugetlb.2MB.usage_in_bytes" with this end; NULL for another file. The caller frees it. */
static char *page_size(const char *name, const char *end)
{
	const char head[] = "hugetlb.";

	/* "hugetlb.2MB.rsvd.current" is of reservations, and no size. */
	if (!str_starts(name, head) || !str_ends(name, end) ||
	    strlen(name) <= strlen(head) + strlen(end) ||
	    strchr(name + strlen(head), '.') != name + strlen(name) - strlen(end))
		return NULL;
	return xstrndup(name + strlen(head), strlen(name) - strlen(head) - strlen(end));
}

/* The fields that one size has; files are named behind the size. */
static void add_page_size(struct str *out, unsigned field, const struct cgroup_dir *d,
			  const char *size, const struct file *files, unsigned size_field)
{
	struct str m = { 0 };
	uint64_t v;

	for (; files->file; files++) {
		auto_free char *file = xasprintf("hugetlb.%s%s", size, files->file);

		if (number_of(d, file, &v) && v)
			pb_add_int(&m, files->field, (int64_t)v);
	}
	pb_add_string(&m, size_field, size);
	add_message(out, field, &m);
}

static void add_hugetlb(struct str *out, unsigned field, const struct cgroup *cg, const char *end,
			const struct file *files, unsigned size_field)
{
	bool v2;
	const struct cgroup_dir *d = cgroup_serving(cg, "hugetlb", &v2);
	DIR *dir = d ? opendir(d->path) : NULL;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		auto_free char *size = page_size(entry->d_name, end);

		if (size)
			add_page_size(out, field, d, size, files, size_field);
	}
	if (dir)
		closedir(dir);
}

/* --- v2 --------------------------------------------------------------------------------------- */

static const struct file pids_v2[] = { { "pids.current", 1 }, { "pids.max", 2 }, { NULL, 0 } };

static const struct key cpu_v2[] = {
	{ "usage_usec", 1 }, { "user_usec", 2 },    { "system_usec", 3 },
	{ "nr_periods", 4 }, { "nr_throttled", 5 }, { "throttled_usec", 6 },
	{ "nr_bursts", 8 },  { "burst_usec", 9 },   { NULL, 0 },
};

static const struct key memory_v2[] = {
	{ "anon", 1 },
	{ "file", 2 },
	{ "kernel_stack", 3 },
	{ "slab", 4 },
	{ "sock", 5 },
	{ "shmem", 6 },
	{ "file_mapped", 7 },
	{ "file_dirty", 8 },
	{ "file_writeback", 9 },
	{ "anon_thp", 10 },
	{ "inactive_anon", 11 },
	{ "active_anon", 12 },
	{ "inactive_file", 13 },
	{ "active_file", 14 },
	{ "unevictable", 15 },
	{ "slab_reclaimable", 16 },
	{ "slab_unreclaimable", 17 },
	{ "pgfault", 18 },
	{ "pgmajfault", 19 },
	{ "workingset_refault", 20 },
	{ "workingset_activate", 21 },
	{ "workingset_nodereclaim", 22 },
	{ "pgrefill", 23 },
	{ "pgscan", 24 },
	{ "pgsteal", 25 },
	{ "pgactivate", 26 },
	{ "pgdeactivate", 27 },
	{ "pglazyfree", 28 },
	{ "pglazyfreed", 29 },
	{ "thp_fault_alloc", 30 },
	{ "thp_collapse_alloc", 31 },
	{ NULL, 0 },
};
static const struct file memory_files_v2[] = {
	{ "memory.current", 32 },
	{ "memory.max", 33 },
	{ "memory.swap.current", 34 },
	{ "memory.swap.max", 35 },
	{ "memory.peak", 36 },
	{ "memory.swap.peak", 37 },
	{ NULL, 0 },
};
static const struct key events_v2[] = {
	{ "low", 1 },	   { "high", 2 },	    { "max", 3 }, { "oom", 4 },
	{ "oom_kill", 5 }, { "oom_group_kill", 6 }, { NULL, 0 },
};
static const struct key io_v2[] = {
	{ "rbytes", 3 }, { "wbytes", 4 }, { "rios", 5 }, { "wios", 6 }, { NULL, 0 },
};
static const struct file hugetlb_v2[] = { { ".current", 1 }, { ".max", 2 }, { NULL, 0 } };

static void add_cpu_v2(struct str *out, const struct cgroup_dir *d)
{
	auto_free char *text = text_of(d, "cpu.stat");
	struct str m = { 0 };

	add_keys(&m, text, cpu_v2, 1);
	add_psi(&m, 7, d, "cpu.pressure");
	add_message(out, 2, &m);
}

static void add_memory_v2(struct str *out, const struct cgroup_dir *d)
{
	auto_free char *text = text_of(d, "memory.stat"), *events = text_of(d, "memory.events");
	struct str m = { 0 };

	add_keys(&m, text, memory_v2, 1);
	add_files(&m, d, memory_files_v2);
	add_psi(&m, 38, d, "memory.pressure");
	add_message(out, 4, &m);
	add_keys(&m, events, events_v2, 1);
	add_message(out, 8, &m);
}

static void add_io_v2(struct str *out, const struct cgroup_dir *d)
{
	auto_free char *text = text_of(d, "io.stat");
	struct str m = { 0 };

	for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		struct str entry = { 0 };

		/* A device that has not been used has a line of its name alone. */
		if (add_device(&entry, 1, &p) && strcspn(p, "\n") > 1) {
			add_words(&entry, p, io_v2);
			pb_add_message(&m, 1, &entry);
		}
		str_done(&entry);
	}
	add_psi(&m, 2, d, "io.pressure");
	add_message(out, 6, &m);
}

static void metrics_v2(const struct cgroup *cg, struct str *out)
{
	const struct cgroup_dir *d = cgroup_find(cg, "");
	struct str m = { 0 };

	if (!d)
		return;
	add_files(&m, d, pids_v2);
	add_message(out, 1, &m);
	add_cpu_v2(out, d);
	add_memory_v2(out, d);
	add_rdma(out, 5, cg);
	add_io_v2(out, d);
	add_hugetlb(out, 7, cg, ".current", hugetlb_v2, 3);
}

/* --- v1 --------------------------------------------------------------------------------------- */

static const struct key memory_v1[] = {
	{ "cache", 1 },
	{ "rss", 2 },
	{ "rss_huge", 3 },
	{ "mapped_file", 4 },
	{ "dirty", 5 },
	{ "writeback", 6 },
	{ "pgpgin", 7 },
	{ "pgpgout", 8 },
	{ "pgfault", 9 },
	{ "pgmajfault", 10 },
	{ "inactive_anon", 11 },
	{ "active_anon", 12 },
	{ "inactive_file", 13 },
	{ "active_file", 14 },
	{ "unevictable", 15 },
	{ "hierarchical_memory_limit", 16 },
	{ "hierarchical_memsw_limit", 17 },
	{ "total_cache", 18 },
	{ "total_rss", 19 },
	{ "total_rss_huge", 20 },
	{ "total_mapped_file", 21 },
	{ "total_dirty", 22 },
	{ "total_writeback", 23 },
	{ "total_pgpgin", 24 },
	{ "total_pgpgout", 25 },
	{ "total_pgfault", 26 },
	{ "total_pgmajfault", 27 },
	{ "total_inactive_anon", 28 },
	{ "total_active_anon", 29 },
	{ "total_inactive_file", 30 },
	{ "total_active_file", 31 },
	{ "total_unevictable", 32 },
	{ NULL, 0 },
};
/* MemoryStat's entries, and what the files of each begin with. */
static const struct file entries_v1[] = {
	{ "memory", 33 }, { "memory.memsw", 34 }, { "memory.kmem", 35 }, { "memory.kmem.tcp", 36 },
	{ NULL, 0 },
};
static const struct file entry_v1[] = {
	{ ".limit_in_bytes", 1 },
	{ ".usage_in_bytes", 2 },
	{ ".max_usage_in_bytes", 3 },
	{ ".failcnt", 4 },
	{ NULL, 0 },
};
static const struct key oom_v1[] = {
	{ "oom_kill_disable", 1 },
	{ "under_oom", 2 },
	{ "oom_kill", 3 },
	{ NULL, 0 },
};
static const struct key throttle_v1[] = {
	{ "nr_periods", 1 },
	{ "nr_throttled", 2 },
	{ "throttled_time", 3 },
	{ NULL, 0 },
};
static const struct key ticks_v1[] = { { "system", 2 }, { "user", 3 }, { NULL, 0 } };
static const struct file hugetlb_v1[] = {
	{ ".usage_in_bytes", 1 },
	{ ".max_usage_in_bytes", 2 },
	{ ".failcnt", 3 },
	{ NULL, 0 },
};
/* BlkIOStat's lists; the first file of a field that there is, cfq's and bfq's or the throttle's. */
static const struct file blkio_v1[] = {
	{ "blkio.io_service_bytes_recursive", 1 },
	{ "blkio.throttle.io_service_bytes_recursive", 1 },
	{ "blkio.throttle.io_service_bytes", 1 },
	{ "blkio.io_serviced_recursive", 2 },
	{ "blkio.throttle.io_serviced_recursive", 2 },
	{ "blkio.throttle.io_serviced", 2 },
	{ "blkio.io_queued_recursive", 3 },
	{ "blkio.io_service_time_recursive", 4 },
	{ "blkio.io_wait_time_recursive", 5 },
	{ "blkio.io_merged_recursive", 6 },
	{ "blkio.time_recursive", 7 },
	{ "blkio.sectors_recursive", 8 },
	{ NULL, 0 },
};

static void add_pids_v1(struct str *out, const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_find(cg, "pids");
	struct str m = { 0 };
	uint64_t v;

	if (number_of(d, "pids.current", &v))
		pb_add_int(&m, 1, (int64_t)v);
	if (number_of(d, "pids.max", &v) && v != UINT64_MAX)
		pb_add_int(&m, 2, (int64_t)v);
	add_message(out, 2, &m);
}

/* A packed list: one field of varints. */
static void add_per_cpu(struct str *out, const char *text)
{
	struct str list = { 0 }, one = { 0 };

	for (char *end; *text; text = end + (*end == ' ' || *end == '\n')) {
		uint64_t v = strtoull(text, &end, 10);

		if (end == text)
			break;
		pb_add_int(&one, 1, (int64_t)v);
		str_add_n(&list, one.s + 1, one.n - 1); /* without its key, of one byte */
		one.n = 0;
	}
	add_message(out, 4, &list);
	str_done(&one);
}

static void add_cpu_v1(struct str *out, const struct cgroup *cg)
{
	const struct cgroup_dir *acct = cgroup_find(cg, "cpuacct"), *cpu = cgroup_find(cg, "cpu");
	auto_free char *stat = text_of(acct, "cpuacct.stat");
	auto_free char *each = text_of(acct, "cpuacct.usage_percpu");
	auto_free char *throttle = text_of(cpu, "cpu.stat");
	struct str m = { 0 }, inner = { 0 };
	uint64_t v;

	if (number_of(acct, "cpuacct.usage", &v))
		pb_add_int(&inner, 1, (int64_t)v);
	add_keys(&inner, stat, ticks_v1, NS_PER_TICK);
	add_per_cpu(&inner, each);
	add_message(&m, 1, &inner);
	add_keys(&inner, throttle, throttle_v1, 1);
	add_message(&m, 2, &inner);
	add_message(out, 3, &m);
}

static void add_memory_v1(struct str *out, const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_find(cg, "memory");
	auto_free char *stat = text_of(d, "memory.stat"), *oom = text_of(d, "memory.oom_control");
	struct str m = { 0 }, inner = { 0 };
	uint64_t v;

	add_keys(&m, stat, memory_v1, 1);
	for (const struct file *entry = entries_v1; entry->file; entry++) {
		for (const struct file *f = entry_v1; f->file; f++) {
			auto_free char *name = xasprintf("%s%s", entry->file, f->file);

			if (number_of(d, name, &v) && v)
				pb_add_int(&inner, f->field, (int64_t)v);
		}
		add_message(&m, entry->field, &inner);
	}
	add_message(out, 4, &m);
	add_keys(&m, oom, oom_v1, 1);
	add_message(out, 9, &m);
}

/* "8:0 Read 4096", and lines without an operation: "8:0 12". The sum at the end is none. */
static bool add_blkio_entry(struct str *out, unsigned field, const char *line)
{
	struct str m = { 0 };
	auto_free char *op = NULL;
	size_t n;

	if (!add_device(&m, 3, &line)) {
		str_done(&m);
		return false;
	}
	line += strspn(line, " ");
	n = strcspn(line, " \n0123456789");
	op = xstrndup(line, n);
	if (n)
		pb_add_string(&m, 1, op);
	pb_add_int(&m, 5, (int64_t)strtoull(line + n, NULL, 10));
	add_message(out, field, &m);
	return true;
}

static void add_blkio_v1(struct str *out, const struct cgroup *cg)
{
	const struct cgroup_dir *d = cgroup_find(cg, "blkio");
	struct str m = { 0 };
	unsigned done = 0;

	for (const struct file *f = blkio_v1; f->file; f++) {
		auto_free char *text = text_of(done == f->field ? NULL : d, f->file);
		bool any = false;

		for (const char *p = text; *p; p += strcspn(p, "\n"), p += *p == '\n')
			any |= add_blkio_entry(&m, f->field, p);
		done = any ? f->field : done;
	}
	add_message(out, 5, &m);
}

static void metrics_v1(const struct cgroup *cg, struct str *out)
{
	add_hugetlb(out, 1, cg, ".usage_in_bytes", hugetlb_v1, 4);
	add_pids_v1(out, cg);
	add_cpu_v1(out, cg);
	add_memory_v1(out, cg);
	add_blkio_v1(out, cg);
	add_rdma(out, 6, cg);
}

void cgroup_metrics(const struct cgroup *cg, struct str *out)
{
	if (cg->layout == CGROUP_V2)
		metrics_v2(cg, out);
	else if (cg->layout == CGROUP_V1)
		metrics_v1(cg, out);
}
