/* SPDX-License-Identifier: Apache-2.0 */
#include "state/systemd/unit.h"

#include "state/base/mem.h"
#include "state/spec/spec.h"
#include "state/base/str.h"
#include "state/base/tap.h"

#include <stdlib.h>

static struct arena arena = { .fd = -1 };

/* --- Names ------------------------------------------------------------------------------------ */

static void is_at(const char *cgroups_path, bool user, const char *name, const char *path)
{
	struct unit u = { 0 };
	struct err e;

	if (!ok(unit_parse(cgroups_path, "box", user, &arena, &u, &e) == 0, "%s is a unit",
		cgroups_path ? cgroups_path : "NULL"))
		return;
	is(u.name, name, "its name");
	is(u.path, path, "its cgroup");
}

static void is_bad(const char *cgroups_path, const char *text)
{
	struct unit u;
	struct err e = { 0 };

	ok(unit_parse(cgroups_path, "box", false, &arena, &u, &e) < 0 && strstr(e.chain, text),
	   "%.60s: %.100s", cgroups_path, e.chain);
}

static void names(void)
{
	is_at(NULL, false, "runc-box.scope", "/system.slice/runc-box.scope");
	is_at("", true, "runc-box.scope", "/user.slice/runc-box.scope");
	is_at(":crio:x", false, "crio-x.scope", "/system.slice/crio-x.scope");
	is_at(":crio:x", true, "crio-x.scope", "/user.slice/crio-x.scope");
	is_at("-:a:b", false, "a-b.scope", "/a-b.scope");
	is_at("-.slice:a:b", false, "a-b.scope", "/a-b.scope");
	is_at("a-b-c.slice:p:n", false, "p-n.scope", "/a.slice/a-b.slice/a-b-c.slice/p-n.scope");
	/* What systemd would take for a file of the controller, it calls otherwise. */
	is_at("cpu.slice:memory.x:n", false, "memory.x-n.scope", "/_cpu.slice/_memory.x-n.scope");
	is_at("cpux.slice:_p:n", false, "_p-n.scope", "/cpux.slice/__p-n.scope");
	is_at("a.slice::n", false, "-n.scope", "/a.slice/-n.scope");
	is_at("a.slice:p:a-b.slice", false, "a-b.slice", "/a.slice/a-b.slice");
	is_bad("/x", "\"slice:prefix:name\"");
	is_bad("a:b", "\"slice:prefix:name\"");
	is_bad("a:b:c:d", "\"slice:prefix:name\"");
	is_bad("a.slice:b:", "\"slice:prefix:name\"");
	is_bad("a:b:c", "invalid slice name: a");
	is_bad("a.slicex:b:c", "invalid slice name: a.slicex");
	is_bad(".slice:b:c", "invalid slice name: .slice");
	is_bad("-a.slice:b:c", "invalid slice name: -a.slice");
	is_bad("a-.slice:b:c", "invalid slice name: a-.slice");
	is_bad("a--b.slice:b:c", "invalid slice name: a--b.slice");
	is_bad("a/b.slice:b:c", "invalid slice name: a/b.slice");
	is_bad("a b.slice:b:c", "invalid slice name: a b.slice");
	is_bad("a@b.slice:b:c", "invalid slice name: a@b.slice");
	is_bad("a.slice:p:-.slice", "invalid slice name: -.slice");
	is_bad("a.slice:p/q:c", "is not the name of a systemd unit");
	is_bad("a.slice:p:\xc3\xa4", "is not the name of a systemd unit");
}

static void long_names(void)
{
	auto_free char *n = xzalloc(400), *path = NULL, *name = NULL, *cgroup = NULL;

	memset(n, 'x', 255 - strlen("p-.scope"));
	path = xasprintf("a.slice:p:%s", n);
	name = xasprintf("p-%s.scope", n);
	cgroup = xasprintf("/a.slice/%s", name);
	is_at(path, false, name, cgroup);
	memset(n, 'x', strlen(n) + 1);
	free(path);
	path = xasprintf("a.slice:p:%s", n);
	is_bad(path, "is not the name of a systemd unit");
}

/* --- Properties ------------------------------------------------------------------------------- */

static void add_value(struct str *out, const struct systemd_property *p)
{
	for (size_t i = 0; i < p->n && p->type == 'y'; i++)
		str_addf(out, "%02x", p->bytes[i]);
	for (size_t i = 0; i < p->n && (p->type == 'D' || p->type == 'L'); i++) {
		str_addf(out, "%s%s=", i ? "," : "", p->paths[i].path);
		if (p->type == 'D')
			str_add(out, p->paths[i].access);
		else
			str_addf(out, "%llu", (unsigned long long)p->paths[i].value);
	}
	if (p->type == 's')
		str_add(out, p->s);
	else if (p->type == 't' && p->u == UINT64_MAX)
		str_add(out, "infinity");
	else if (strchr("bitux", p->type))
		str_addf(out, "%lld", (long long)p->i);
}

/* "Name:value" each. */
static char *as_text(const struct unit_properties *l)
{
	auto_str struct str out = { 0 };

	for (size_t i = 0; i < l->n; i++) {
		str_addf(&out, "%s%s:", i ? " " : "", l->v[i].name);
		add_value(&out, &l->v[i]);
	}
	return arena_strdup(&arena, str_get(&out));
}

static struct spec_resources *read_resources(const char *json)
{
	struct spec_resources *res = NULL;
	struct err e;

	if (spec_resources_read(json, strlen(json), &arena, &res, &e) < 0)
		ok(false, "%s: %s", json, e.chain);
	return res;
}

static struct unit_properties limits(const char *json, bool v2)
{
	struct unit_properties l = { .a = &arena };
	struct spec_resources *res = read_resources(json);

	if (res->cpu)
		unit_round_quota(res->cpu);
	unit_limits(&l, res, v2);
	return l;
}

static void become(const char *json, bool v2, const char *wanted)
{
	struct unit_properties l = limits(json, v2);

	is(as_text(&l), wanted, json);
}

static void memory(void)
{
	static const char json[] =
		"{\"memory\": {\"limit\": 100, \"swap\": 150, \"reservation\": 50}}";

	become(json, true, "MemoryMax:100 MemoryLow:50 MemorySwapMax:50");
	become(json, false, "MemoryLimit:100");
	become("{\"memory\": {\"limit\": -1}}", true, "MemoryMax:infinity MemorySwapMax:infinity");
	become("{\"memory\": {\"limit\": 7, \"swap\": 7}}", true, "MemoryMax:7 MemorySwapMax:0");
	become("{\"memory\": {\"limit\": 0, \"swap\": 0}}", true, "");
}

static void cpu(void)
{
	become("{\"cpu\": {\"shares\": 1024}}", true, "CPUWeight:100");
	become("{\"cpu\": {\"shares\": 1024}}", false, "CPUShares:1024");
	become("{\"cpu\": {\"shares\": 1024, \"idle\": 1}}", true, "CPUWeight:0");
	become("{\"cpu\": {\"shares\": 0, \"quota\": 0, \"period\": 0}}", true, "");
	become("{\"cpu\": {\"quota\": -1}}", true, "CPUQuotaPerSecUSec:infinity");
	become("{\"cpu\": {\"quota\": 50000}}", true, "CPUQuotaPerSecUSec:500000");
	become("{\"cpu\": {\"quota\": 50000, \"period\": 200000}}", false,
	       "CPUQuotaPeriodUSec:200000 CPUQuotaPerSecUSec:250000");
	become("{\"cpu\": {\"quota\": 1001, \"period\": 100000}}", true,
	       "CPUQuotaPeriodUSec:100000 CPUQuotaPerSecUSec:20000");
	become("{\"cpu\": {\"quota\": 9223372036854775807, \"period\": 1000}}", true,
	       "CPUQuotaPeriodUSec:1000 CPUQuotaPerSecUSec:infinity");
	become("{\"cpu\": {\"cpus\": \"0-3,9\", \"mems\": \"1\"}}", true,
	       "AllowedCPUs:0f02 AllowedMemoryNodes:02");
	become("{\"cpu\": {\"cpus\": \"0-3,9\"}}", false, "");
	become("{\"cpu\": {\"cpus\": \"x\"}}", true, "");
}

static void quota_of(int64_t quota, uint64_t period, int64_t wanted)
{
	struct spec_cpu c = { .quota = { .set = true, .v = quota },
			      .period = { .set = period, .v = period } };

	unit_round_quota(&c);
	if (!ok(c.quota.v == wanted, "a quota of %lld", (long long)quota))
		note("found %lld, wanted %lld", (long long)c.quota.v, (long long)wanted);
}

static void quotas(void)
{
	quota_of(50000, 100000, 50000);
	quota_of(12345, 100000, 13000);
	quota_of(12345, 0, 13000);
	quota_of(1, 1000000, 10000);
	quota_of(333, 1000, 340);
	quota_of(-1, 100000, -1);
	quota_of(0, 100000, 0);
	quota_of(INT64_MAX, 1000, INT64_MAX);
}

static void others(void)
{
	become("{\"pids\": {\"limit\": 5}}", true, "TasksMax:5");
	become("{\"pids\": {\"limit\": 0}}", true, "TasksMax:1");
	become("{\"pids\": {\"limit\": -1}}", false, "TasksMax:infinity");
	become("{\"blockIO\": {\"weight\": 10}}", true, "IOWeight:1");
	become("{\"blockIO\": {\"weight\": 10}}", false, "BlockIOWeight:10");
	become("{\"blockIO\": {\"weightDevice\": [{\"major\": 8, \"minor\": 0, \"weight\": 1000}],"
	       " \"throttleReadBpsDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 5},"
	       " {\"major\": 8, \"minor\": 16, \"rate\": 0}]}}",
	       true,
	       "IODeviceWeight:/dev/block/8:0=10000 "
	       "IOReadBandwidthMax:/dev/block/8:0=5,/dev/block/8:16=18446744073709551615");
	become("{\"blockIO\": {\"throttleReadBpsDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 5}]}}",
	       false, "");
}

static void unified(void)
{
	become("{\"unified\": {\"memory.max\": \"max\", \"memory.high\": \"5\", \"pids.max\": \"9\"}}",
	       true, "MemoryMax:infinity MemoryHigh:5 TasksMax:9");
	become("{\"unified\": {\"memory.max\": \"5\"}}", false, "");
	become("{\"unified\": {\"cpu.max\": \"5000 10000\", \"cpuset.cpus\": \"1\"}}", true,
	       "CPUQuotaPeriodUSec:10000 CPUQuotaPerSecUSec:500000 AllowedCPUs:02");
	become("{\"unified\": {\"cpu.max\": \"max\"}}", true, "CPUQuotaPerSecUSec:infinity");
	become("{\"unified\": {\"cpu.max\": \"max 0\", \"cpu.max.burst\": \"5\", \"memory.low\": \"1K\"}}",
	       true, "");
	/* They are written last, and win. */
	become("{\"cpu\": {\"shares\": 1024}, \"unified\": {\"cpu.weight\": \"7\"}}", true,
	       "CPUWeight:7");
	become("{\"cpu\": {\"shares\": 1024}, \"unified\": {\"cpu.idle\": \"1\"}}", true,
	       "CPUWeight:0");
	become("{\"unified\": {\"cpu.idle\": \"1\", \"cpu.weight\": \"7\"}}", true, "CPUWeight:0");
	become("{\"cpu\": {\"idle\": 1}, \"unified\": {\"cpu.idle\": \"0\", \"cpu.weight\": \"7\"}}",
	       true, "CPUWeight:7");
}

static void devices(void)
{
	struct unit_properties l = { .a = &arena };
	char *text;

	unit_devices(&l,
		     read_resources("{\"devices\": [{\"allow\": false, \"access\": \"rwm\"},"
				    "{\"allow\": true, \"type\": \"b\", \"major\": 8, \"minor\": 1,"
				    " \"access\": \"rw\"}]}"));
	text = as_text(&l);
	ok(str_starts(text,
		      "DevicePolicy:strict DeviceAllow:/dev/block/8:1=rw,char-*=m,block-*=m,"),
	   "a device, and those that every container has");
	ok(strstr(text, ",/dev/char/1:3=rwm,") && strstr(text, ",char-136=rwm,"),
	   "a node, and all of a major number");
	l.n = 0;
	unit_devices(&l, NULL);
	ok(l.n == 2, "without rules the default ones");
	l.n = 0;
	unit_devices(&l, read_resources("{\"devices\": [{\"allow\": true, \"access\": \"rwm\"}]}"));
	ok(l.n == 0, "all are allowed: nothing");
	unit_devices(&l, read_resources("{\"devices\": [{\"allow\": true, \"access\": \"rwm\"},"
					"{\"allow\": false, \"type\": \"c\", \"major\": 1,"
					" \"minor\": 11, \"access\": \"r\"}]}"));
	ok(l.n == 0, "all but one: nothing");
	unit_devices(&l, read_resources("{\"devices\": [{\"allow\": true, \"type\": \"c\","
					" \"minor\": 4, \"access\": \"r\"}]}"));
	ok(l.n == 0, "a minor number of every major one: nothing");
}

static void changes(const char *before, const char *now, const char *wanted)
{
	struct unit_properties a = limits(before, true), b = limits(now, true);
	struct unit_properties l = { .a = &arena };

	unit_changes(&l, &a, &b);
	is(as_text(&l), wanted, now);
}

static void updates(void)
{
	changes("{}", "{}", "");
	changes("{\"pids\": {\"limit\": 5}, \"cpu\": {\"cpus\": \"1\"}}",
		"{\"pids\": {\"limit\": 5}, \"cpu\": {\"cpus\": \"1\"}}", "");
	changes("{\"pids\": {\"limit\": 5}, \"cpu\": {\"cpus\": \"1\"}}",
		"{\"pids\": {\"limit\": 6}, \"cpu\": {\"cpus\": \"1,9\"}}",
		"TasksMax:6 AllowedCPUs:0202");
	changes("{\"cpu\": {\"cpus\": \"0\"}}", "{\"cpu\": {\"cpus\": \"1\"}}", "AllowedCPUs:02");
	changes("{\"memory\": {\"limit\": 5}}", "{\"memory\": {\"limit\": 5, \"swap\": 6}}",
		"MemorySwapMax:1");
	changes("{\"blockIO\": {\"throttleReadBpsDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 5}]}}",
		"{\"blockIO\": {\"throttleReadBpsDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 6}]}}",
		"IOReadBandwidthMax:/dev/block/8:0=6");
}

int main(void)
{
	names();
	long_names();
	memory();
	cpu();
	quotas();
	others();
	unified();
	devices();
	updates();
	return done_testing();
}
