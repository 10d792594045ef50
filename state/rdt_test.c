/* SPDX-License-Identifier: Apache-2.0 */
/* On a tree of ordinary files that looks like resctrl; the kernel fills a new group, here it is us. */
#include "state/rdt.h"

#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int root;

static void make_file(const char *path, const char *text)
{
	int fd = openat(root, path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);

	if (fd < 0 || fd_write_all(fd, text, strlen(text)) < 0)
		abort();
	close(fd);
}

static void make_group(const char *name, const char *schemata)
{
	auto_free char *tasks = xasprintf("%s/tasks", name);
	auto_free char *file = xasprintf("%s/schemata", name);

	mkdirat(root, name, 0755);
	make_file(tasks, "");
	make_file(file, schemata);
}

static const char *text_of(const char *path)
{
	static char buf[256];
	ssize_t n = fd_read_small(root, path, buf, sizeof(buf));

	return n < 0 ? "(none)" : buf;
}

static struct spec_intel_rdt spec(const char *clos_id, const char *l3, const char *mb)
{
	return (struct spec_intel_rdt){ .clos_id = (char *)(uintptr_t)clos_id,
					.l3_cache_schema = (char *)(uintptr_t)l3,
					.mem_bw_schema = (char *)(uintptr_t)mb };
}

static int locate(const struct spec_intel_rdt *s, struct rdt *r, struct err *e)
{
	*e = (struct err){ 0 };
	*r = (struct rdt){ .root_fd = fcntl(root, F_DUPFD_CLOEXEC, 3) };
	return rdt_locate(r, s, "box", e);
}

static void test_own_group(void)
{
	char *lines[] = { (char *)(uintptr_t) "L2:0=f", NULL };
	struct spec_intel_rdt s = spec(NULL, "L3:0=7f0;1=1f", "MB:0=20");
	struct rdt r;
	struct err e;

	s.schemata.n = 1;
	s.schemata.v = lines;
	s.enable_monitoring = true;
	ok(locate(&s, &r, &e) == 0 && r.owned && !r.existed, "a group of its own: %s", e.chain);
	is(r.group, "box", "... has the container's name");
	ok(rdt_make(&r, &s, &e) == 0 && faccessat(root, "box", F_OK, 0) == 0, "it is made");
	ok(rdt_configure(&r, &s, &e) < 0 && e.code == ENOENT,
	   "a group that the kernel has not filled is an error");
	is(e.chain,
	   "what the kernel said: write \"L3:0=7f0;1=1f\nMB:0=20\nL2:0=f\" to box/schemata of "
	   "resctrl: no such file or directory",
	   "... with the kernel's words");
	make_group("box", "");
	mkdirat(root, "box/mon_groups", 0755);
	ok(rdt_configure(&r, &s, &e) == 0, "configure: %s", e.chain);
	is(text_of("box/schemata"), "L3:0=7f0;1=1f\nMB:0=20\nL2:0=f",
	   "L3 first, then MB, then schemata");
	ok(faccessat(root, "box/mon_groups/box", F_OK, 0) == 0, "the monitoring group is made");
	make_file("box/mon_groups/box/tasks", "");
	ok(rdt_join(&r, 4711, &e) == 0, "join: %s", e.chain);
	is(text_of("box/tasks"), "4711", "the process is in the group");
	is(text_of("box/mon_groups/box/tasks"), "4711", "... and is monitored");
	unlinkat(root, "box/mon_groups/box/tasks", 0);
	ok(rdt_remove(root, r.monitor, &e) == 0 && faccessat(root, r.monitor, F_OK, 0) < 0,
	   "the monitoring group is removed");
	ok(rdt_remove(root, r.group, &e) < 0 && strstr(e.chain, "remove the resctrl group box"),
	   "what cannot be removed is said");
	unlinkat(root, "box/tasks", 0);
	unlinkat(root, "box/schemata", 0);
	unlinkat(root, "box/mon_groups", AT_REMOVEDIR);
	ok(rdt_remove(root, r.group, &e) == 0 && rdt_remove(root, r.group, &e) == 0 &&
		   rdt_remove(root, NULL, &e) == 0,
	   "the group is removed, once and again");
	rdt_done(&r);
}

static void test_given_group(void)
{
	struct spec_intel_rdt s = spec("gold", NULL, NULL);
	struct rdt r;
	struct err e;

	ok(locate(&s, &r, &e) < 0 && e.code == ENOENT, "a closID without schemata must be there");
	is(e.pointer, "/closID", "... says its pointer");
	rdt_done(&r);
	s = spec("gold", "L3:0=f", NULL);
	ok(locate(&s, &r, &e) == 0 && !r.owned, "with schemata it is made, and stays");
	rdt_done(&r);
	make_group("gold", "    L3:0=0f;1=f0\n    MB:0= 20\n");
	s = spec("gold", NULL, NULL);
	ok(locate(&s, &r, &e) == 0 && r.existed && !r.owned && rdt_configure(&r, &s, &e) == 0,
	   "one that is there is joined");
	is(text_of("gold/schemata"), "    L3:0=0f;1=f0\n    MB:0= 20",
	   "... and without schemata not written to");
	rdt_done(&r);
	s = spec("gold", "L3:0=ff", NULL);
	ok(locate(&s, &r, &e) == 0 && rdt_configure(&r, &s, &e) < 0, "another schema is an error");
	is(e.chain, "\"L3:0=ff\" is not what the closID's group has", "... in words");
	is(e.pointer, "/l3CacheSchema", "... with its pointer");
	rdt_done(&r);
	s = spec("gold", NULL, "MB:0=30");
	ok(locate(&s, &r, &e) == 0 && rdt_configure(&r, &s, &e) < 0 &&
		   !strcmp(e.pointer, "/memBwSchema"),
	   "and of memory bandwidth");
	rdt_done(&r);
	s = spec("gold", "L3:1=f0;0=f", "MB:0=20");
	ok(locate(&s, &r, &e) == 0 && rdt_configure(&r, &s, &e) == 0, "the same is none: %s",
	   e.chain);
	rdt_done(&r);
	s = spec("/", NULL, NULL);
	ok(locate(&s, &r, &e) == 0 && r.existed && !r.owned && rdt_join(&r, 12, &e) == 0,
	   "/ is the root: %s", e.chain);
	is(text_of("tasks"), "12", "... whose tasks it joins");
	rdt_done(&r);
	s = spec("info", "L3:0=f", NULL);
	ok(locate(&s, &r, &e) < 0 && strstr(e.chain, "invalid intelRdt.ClosID \"info\""),
	   "info is no group");
	rdt_done(&r);
}

static void test_support(void)
{
	struct spec_intel_rdt s = spec(NULL, NULL, "MB:0=20");
	struct rdt r;
	struct err e;

	unlinkat(root, "info/MB", AT_REMOVEDIR);
	ok(locate(&s, &r, &e) < 0 && !strcmp(e.pointer, "/memBwSchema"), "without MBA");
	is(e.chain, "intelRdt.memBwSchema is specified in config, but Intel RDT/MBA is not enabled",
	   "... runc's sentence");
	rdt_done(&r);
	unlinkat(root, "info/L3", AT_REMOVEDIR);
	s = spec(NULL, "L3:0=f", NULL);
	ok(locate(&s, &r, &e) < 0 && !strcmp(e.pointer, "/l3CacheSchema"), "without CAT");
	is(e.chain,
	   "intelRdt.l3CacheSchema is specified in config, but Intel RDT/CAT is not enabled",
	   "... runc's sentence");
	rdt_done(&r);
	unlinkat(root, "mon_groups", AT_REMOVEDIR);
	s = spec(NULL, NULL, NULL);
	s.enable_monitoring = true;
	ok(locate(&s, &r, &e) < 0 && !strcmp(e.pointer, "/enableMonitoring"), "without monitoring");
	rdt_done(&r);
}

static void test_matches(void)
{
	static const char file[] = "    MB:0=100;1= 50\n    L3:0=00ff;1=7\nL2:2=1\n";

	ok(rdt_schema_matches("L3:0=ff", file), "leading zeros do not matter");
	ok(rdt_schema_matches("L3:1=7;0=ff;", file), "nor the order");
	ok(rdt_schema_matches("MB:1=50", file), "nor spaces");
	ok(!rdt_schema_matches("L3:0=fe", file), "another mask");
	ok(!rdt_schema_matches("L3:2=1", file), "a cache that is not there, or another resource's");
	ok(!rdt_schema_matches("L3CODE:0=ff", file), "another resource");
	ok(!rdt_schema_matches("L3:x", file) && !rdt_schema_matches("L3", file) &&
		   !rdt_schema_matches("L3:0", file) && !rdt_schema_matches("L3:0=ff,", file),
	   "nonsense");
}

static void test_real_root(void)
{
	struct err e = { 0 };
	int fd = rdt_open_root(&e);

	if (fd >= 0) {
		ok(faccessat(fd, "schemata", F_OK, 0) == 0, "resctrl is mounted");
		close(fd);
		return;
	}
	is(e.chain, "intelRdt is specified in config, but Intel RDT is not enabled", "no resctrl");
}

static void fake(void)
{
	mkdirat(root, "info", 0755);
	mkdirat(root, "info/L3", 0755);
	mkdirat(root, "info/MB", 0755);
	mkdirat(root, "mon_groups", 0755);
	make_file("info/last_cmd_status", "what the kernel said\n");
	make_group(".", "L3:0=fff\n");
}

static void remove_fake(const char *dir)
{
	static const char *const files[] = { "info/last_cmd_status", "tasks", "schemata",
					     "gold/tasks", "gold/schemata" };

	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		unlinkat(root, files[i], 0);
	unlinkat(root, "gold", AT_REMOVEDIR);
	unlinkat(root, "info", AT_REMOVEDIR);
	ok(rmdir(dir) == 0, "nothing else was made");
}

static void test_update(void)
{
	struct spec_intel_rdt s = spec("given", NULL, NULL);
	auto_free char *old = NULL;
	char *none = NULL;
	struct rdt r;
	struct err e;

	mkdirat(root, "info/L3", 0755);
	mkdirat(root, "info/MB", 0755);
	make_group("given", "    MB:0=100\n    L3:0=fff\n");
	ok(locate(&s, &r, &e) == 0, "a group to be changed: %s", e.chain);
	ok(rdt_update(&r, "L3:0=f", "MB:0=20", &old, &e) == 0, "update: %s", e.chain);
	ok(str_starts(text_of("given/schemata"), "L3:0=f\nMB:0=20"), "both are written: %s",
	   text_of("given/schemata"));
	is(old, "    MB:0=100\n    L3:0=fff\n", "what was there");
	rdt_restore(&r, old);
	ok(str_starts(text_of("given/schemata"), "    MB:0=100\n    L3:0=fff"),
	   "... is there again");
	unlinkat(root, "info/MB", AT_REMOVEDIR);
	ok(rdt_update(&r, NULL, "MB:0=20", &none, &e) < 0 && e.code == ENOTSUP && !none,
	   "without MBA there is no such schema");
	is(e.chain, "Intel RDT/MBA: memory bandwidth schema is not enabled", "... which is said");
	unlinkat(root, "given/schemata", 0);
	ok(rdt_update(&r, "L3:0=f", NULL, &none, &e) < 0 && e.code == ENOENT && !none,
	   "a group that is gone is an error");
	unlinkat(root, "info/L3", AT_REMOVEDIR);
	unlinkat(root, "given/tasks", 0);
	unlinkat(root, "given", AT_REMOVEDIR);
	rdt_done(&r);
}

int main(void)
{
	char dir[] = "/tmp/hull-rdt-XXXXXX";

	root = mkdtemp(dir) ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (root < 0)
		return 1;
	fake();
	test_own_group();
	test_given_group();
	test_support();
	test_matches();
	test_real_root();
	test_update();
	remove_fake(dir);
	return done_testing();
}
