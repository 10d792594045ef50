/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The statistics of directories of plain files, as runc v1.5.1 gives them, and as the messages of
 * containerd/cgroups.
 */
#include "state/cgroup/cgroup.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/format/protobuf.h"
#include "state/base/str.h"
#include "state/base/tap.h"

static char top[] = "/tmp/hulltest-XXXXXX";

struct file {
	const char *name, *text;
};

static char *fake(const struct file *files)
{
	static int n;
	char *dir = xasprintf("%s/%d", top, n++);

	mkdir(dir, 0755);
	for (; files->name; files++) {
		auto_free char *path = xasprintf("%s/%s", dir, files->name);
		auto_close int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

		if (fd < 0 || fd_write_all(fd, files->text, strlen(files->text)) < 0)
			abort();
	}
	return dir;
}

static const struct file v2_files[] = {
	{ "cpu.stat", "usage_usec 12\nuser_usec 7\nsystem_usec 5\nnr_periods 3\nnr_throttled 2\n"
		      "throttled_usec 4\nnr_bursts 0\nburst_usec 0\n" },
	{ "cpu.pressure", "some avg10=0.00 avg60=1.50 avg300=10.05 total=42\n"
			  "full avg10=0.10 avg60=0.00 avg300=0.00 total=7\n" },
	{ "memory.stat", "file 4096\nanon 8192\n" },
	{ "memory.current", "12288\n" },
	{ "memory.max", "33554432\n" },
	{ "memory.peak", "20480\n" },
	{ "memory.swap.current", "100\n" },
	{ "memory.swap.max", "200\n" },
	{ "memory.swap.peak", "150\n" },
	{ "pids.current", "3\n" },
	{ "pids.max", "max\n" },
	{ "io.stat", "254:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n7:1 \n" },
	{ "hugetlb.2MB.max", "max\n" },
	{ "hugetlb.2MB.current", "1\n" },
	{ "hugetlb.2MB.rsvd.max", "max\n" },
	{ "hugetlb.2MB.rsvd.current", "2097152\n" },
	{ "hugetlb.2MB.events", "max 9\n" },
	{ NULL, NULL },
};

static const char v2_stats[] =
	"{\"cpu\":{\"usage\":{\"total\":12000,\"kernel\":5000,\"user\":7000},\"throttling\":{\"periods\":3,"
	"\"throttledPeriods\":2,\"throttledTime\":4000},\"psi\":{\"some\":{\"avg10\":0,\"avg60\":1.5,"
	"\"avg300\":10.05,\"total\":42},\"full\":{\"avg10\":0.1,\"avg60\":0,\"avg300\":0,\"total\":7}}},"
	"\"cpuset\":{\"cpu_exclusive\":0,\"mem_hardwall\":0,\"mem_exclusive\":0,\"memory_migrate\":0,"
	"\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,\"sched_load_balance\":0,"
	"\"sched_relax_domain_level\":0},"
	"\"memory\":{\"cache\":4096,\"usage\":{\"limit\":33554432,\"usage\":12288,\"max\":20480,\"failcnt\":0},"
	"\"swap\":{\"limit\":33554632,\"usage\":12388,\"failcnt\":0},\"raw\":{\"anon\":8192,\"file\":4096}},"
	"\"pids\":{\"current\":3},"
	"\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":254,\"op\":\"Read\",\"value\":4096},"
	"{\"major\":254,\"op\":\"Write\"}],\"ioServicedRecursive\":[{\"major\":254,\"op\":\"Read\",\"value\":1},"
	"{\"major\":254,\"op\":\"Write\"}]},"
	"\"hugetlb\":{\"2MB\":{\"usage\":2097152,\"failcnt\":9}},\"intel_rdt\":{},\"network_interfaces\":null}";

static const struct file v1_files[] = {
	{ "cpuacct.usage", "300\n" },
	{ "cpuacct.stat", "user 2\nsystem 1\n" },
	{ "cpuacct.usage_percpu", "100 200 \n" },
	{ "cpuacct.usage_all", "cpu user system\n0 60 40\n1 150 50\n" },
	{ "cpu.stat", "nr_periods 0\nnr_throttled 0\nthrottled_time 0\n" },
	{ "cpuset.cpus", "0-2,5\n" },
	{ "cpuset.mems", "0\n" },
	{ "cpuset.cpu_exclusive", "1\n" },
	{ "cpuset.sched_load_balance", "1\n" },
	{ "cpuset.sched_relax_domain_level", "-1\n" },
	{ "memory.stat", "cache 10\nrss 20\n" },
	{ "memory.usage_in_bytes", "30\n" },
	{ "memory.limit_in_bytes", "40\n" },
	{ "memory.max_usage_in_bytes", "35\n" },
	{ "memory.failcnt", "5\n" },
	{ "memory.kmem.limit_in_bytes", "9223372036854771712\n" },
	{ "pids.current", "1\n" },
	{ "pids.max", "17\n" },
	{ "blkio.throttle.io_serviced", "8:0 Read 0\n8:0 Total 0\nTotal 0\n" },
	{ "blkio.sectors_recursive", "8:16 6792\n" },
	{ "blkio.bfq.io_service_bytes_recursive", "Total 0\n" },
	{ "blkio.throttle.io_service_bytes_recursive", "8:0 Write 512\nTotal 512\n" },
	{ "hugetlb.1GB.limit_in_bytes", "1\n" },
	{ "hugetlb.1GB.usage_in_bytes", "0\n" },
	{ "hugetlb.1GB.max_usage_in_bytes", "6\n" },
	{ "hugetlb.1GB.failcnt", "2\n" },
	{ NULL, NULL },
};

static const char v1_stats[] =
	"{\"cpu\":{\"usage\":{\"total\":300,\"percpu\":[100,200],\"percpu_kernel\":[40,50],\"percpu_user\":[60,150],"
	"\"kernel\":10000000,\"user\":20000000}},"
	"\"cpuset\":{\"cpus\":[0,1,2,5],\"cpu_exclusive\":1,\"mems\":[0],\"mem_hardwall\":0,\"mem_exclusive\":0,"
	"\"memory_migrate\":0,\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,"
	"\"sched_load_balance\":1,\"sched_relax_domain_level\":-1},"
	"\"memory\":{\"cache\":10,\"usage\":{\"limit\":40,\"usage\":30,\"max\":35,\"failcnt\":5},"
	"\"kernel\":{\"limit\":9223372036854771712,\"failcnt\":0},\"raw\":{\"cache\":10,\"rss\":20}},"
	"\"pids\":{\"current\":1,\"limit\":17},"
	"\"blkio\":{\"ioServiceBytesRecursive\":[{\"major\":8,\"op\":\"Write\",\"value\":512}],"
	"\"ioServicedRecursive\":[{\"major\":8,\"op\":\"Read\"},{\"major\":8,\"op\":\"Total\"}],"
	"\"sectorsRecursive\":[{\"major\":8,\"minor\":16,\"value\":6792}]},"
	"\"hugetlb\":{\"1GB\":{\"max\":6,\"failcnt\":2}},\"intel_rdt\":{},\"network_interfaces\":null}";

static const char no_stats[] =
	"{\"cpu\":{},\"cpuset\":{\"cpu_exclusive\":0,\"mem_hardwall\":0,\"mem_exclusive\":0,\"memory_migrate\":0,"
	"\"memory_spread_page\":0,\"memory_spread_slab\":0,\"memory_pressure\":0,\"sched_load_balance\":0,"
	"\"sched_relax_domain_level\":0},\"memory\":{},\"pids\":{},\"blkio\":{},\"hugetlb\":{},\"intel_rdt\":{},"
	"\"network_interfaces\":null}";

static void stats(const char *controllers, const struct file *files, const char *wanted,
		  const char *what)
{
	struct cgroup_dir d = { xstrdup(controllers), fake(files), 0 };
	struct cgroup cg = { *controllers ? CGROUP_V1 : CGROUP_V2, 1, &d };
	auto_str struct str out = { 0 };

	cgroup_stats(&cg, &out);
	is(str_get(&out), wanted, what);
}

/* --- Messages: "2{1:12 7{1{2:1.5}}}" is field 1 and 7 of field 2 --------------------------------- */

static const char v2_metrics[] =
	"1{1:3 2:18446744073709551615} 2{1:12 2:7 3:5 4:3 5:2 6:4 7{1{2:1.5 3:10.05 4:42} 2{1:0.1 4:7}}} "
	"4{1:8192 2:4096 32:12288 33:33554432 34:100 35:200 36:20480 37:150} 6{1{1:254 2:0 3:4096 5:1}} "
	"7{1:1 2:18446744073709551615 3=2MB}";

static const char v1_metrics[] =
	"1{2:6 3:2 4=1GB} 2{1:1 2:17} 3{1{1:300 2:10000000 3:20000000 4:[64 c8 01]}} "
	"4{1:10 2:20 33{1:40 2:30 3:35 4:5} 35{1:9223372036854771712}} "
	"5{1{3:8 4:0 1=Write 5:512} 2{3:8 4:0 1=Read 5:0} 2{3:8 4:0 1=Total 5:0} 8{3:8 4:16 5:6792}}";

static bool is_text(const struct pb_field *f)
{
	for (size_t i = 0; i < f->n; i++) {
		if ((unsigned char)f->s[i] < ' ' || (unsigned char)f->s[i] > '~')
			return false;
	}
	return true;
}

static bool is_message(struct pb m)
{
	struct pb_field f;
	int r;

	while ((r = pb_next(&m, &f)) > 0)
		;
	return r == 0;
}

/* A double, or a packed list of small numbers. */
static void add_bytes(struct str *out, const struct pb_field *f)
{
	double d;

	if (f->n == sizeof(d)) {
		memcpy(&d, f->s, sizeof(d));
		str_addf(out, ":%g", d);
		return;
	}
	str_add(out, ":[");
	for (size_t i = 0; i < f->n; i++)
		str_addf(out, "%s%02x", i ? " " : "", (unsigned)f->s[i] & 0xff);
	str_add(out, "]");
}

static void dump(struct str *out, struct pb m)
{
	struct pb_field f;
	const char *space = "";
	int r;

	while ((r = pb_next(&m, &f)) > 0) {
		str_addf(out, "%s%u", space, f.number);
		space = " ";
		if (!f.s) {
			str_addf(out, ":%llu", (unsigned long long)f.v);
		} else if (is_text(&f)) {
			str_addf(out, "=%.*s", (int)f.n, f.s);
		} else if (!is_message(pb_inside(&f))) {
			add_bytes(out, &f);
		} else {
			str_add(out, "{");
			dump(out, pb_inside(&f));
			str_add(out, "}");
		}
	}
	if (r < 0)
		str_add(out, "?");
}

static void metrics(const char *controllers, const struct file *files, const char *wanted,
		    const char *what)
{
	struct cgroup_dir d = { xstrdup(controllers), fake(files), 0 };
	struct cgroup cg = { *controllers ? CGROUP_V1 : CGROUP_V2, 1, &d };
	auto_str struct str out = { 0 }, text = { 0 };

	cgroup_metrics(&cg, &out);
	dump(&text, (struct pb){ str_get(&out), str_get(&out) + out.n });
	is(str_get(&text), wanted, what);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

/* What no kernel writes is still JSON for who reads it. */
static void pressure(void)
{
	static const struct file files[] = {
		{ "cpu.pressure", "some avg10= avg60=. avg300=1.2.30 total=-5\n"
				  "full avg10=007 avg60=1. avg300=.5 total=x\n" },
		{ NULL, NULL },
	};
	static const char wanted[] =
		"\"psi\":{\"some\":{\"avg10\":0,\"avg60\":0,\"avg300\":1.2,\"total\":0},"
		"\"full\":{\"avg10\":7,\"avg60\":1,\"avg300\":0,\"total\":0}}";
	struct cgroup_dir d = { xstrdup(""), fake(files), 0 };
	struct cgroup cg = { CGROUP_V2, 1, &d };
	auto_str struct str out = { 0 };

	cgroup_stats(&cg, &out);
	ok(strstr(out.s, wanted) != NULL, "numbers that are none: %s", out.s);
}

int main(void)
{
	struct cgroup none = { 0 };
	auto_str struct str out = { 0 };

	if (!mkdtemp(top))
		return 1;
	stats("", v2_files, v2_stats, "v2");
	stats("cpu,cpuacct,cpuset,memory,pids,blkio,hugetlb", v1_files, v1_stats, "v1");
	stats("", &(struct file){ NULL, NULL }, no_stats, "v2 without controllers");
	metrics("", v2_files, v2_metrics, "metrics of v2");
	metrics("cpu,cpuacct,cpuset,memory,pids,blkio,hugetlb", v1_files, v1_metrics,
		"metrics of v1");
	metrics("", &(struct file){ NULL, NULL }, "", "metrics of v2 without controllers");
	pressure();
	cgroup_stats(&none, &out);
	is(str_get(&out), no_stats, "no cgroup");
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return done_testing();
}
