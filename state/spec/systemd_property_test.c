/* SPDX-License-Identifier: Apache-2.0 */
#include "state/spec/systemd_property.h"

#include "state/base/mem.h"
#include "state/base/tap.h"

#include <errno.h>
#include <string.h>

static struct arena arena = { .fd = -1 };

static bool parse(const char *name, const char *value, struct systemd_property *p)
{
	struct err e;
	bool good = systemd_property_parse(name, value, &arena, p, &e) == 0;

	if (!good)
		printf("# %s=%s: %s\n", name, value, e.chain);
	return good;
}

static void numbers(void)
{
	struct systemd_property p;

	ok(parse("TimeoutStopUSec", "uint64 123456789", &p) && p.type == 't' && p.u == 123456789 &&
		   !strcmp(p.name, "TimeoutStopUSec"),
	   "uint64");
	ok(parse("TimeoutStopUSec", " @t 18446744073709551615 ", &p) && p.u == UINT64_MAX, "@t");
	ok(parse("TimeoutStopSec", "5", &p) && p.u == 5000000 && !strcmp(p.name, "TimeoutStopUSec"),
	   "seconds");
	ok(parse("RuntimeMaxSec", "0.25", &p) && p.u == 250000, "a part of a second");
	ok(parse("KillSignal", "9", &p) && p.type == 'i' && p.i == 9, "a bare number");
	ok(parse("KillSignal", "int32 15", &p) && p.i == 15, "int32");
	ok(parse("ManagedOOMMemoryPressureLimit", "uint32 4294967295", &p) && p.u == UINT32_MAX,
	   "uint32");
	ok(parse("SendSIGHUP", "true", &p) && p.type == 'b' && p.i == 1, "true");
	ok(parse("DefaultDependencies", "boolean false", &p) && p.i == 0, "false");
}

static void texts(void)
{
	struct systemd_property p;

	ok(parse("CollectMode", "'inactive-or-failed'", &p) && p.type == 's' &&
		   !strcmp(p.s, "inactive-or-failed"),
	   "'text'");
	ok(parse("CollectMode", "\"it's \\\"so\\\" \\\\\"", &p) && !strcmp(p.s, "it's \"so\" \\"),
	   "\"text\" with escapes");
	ok(parse("After", "['a.service', \"b.service\"]", &p) && p.type == 'a' && p.n == 2 &&
		   !strcmp(p.list[0], "a.service") && !strcmp(p.list[1], "b.service") && !p.list[2],
	   "a list");
	ok(parse("Before", "@as []", &p) && p.n == 0 && !p.list[0], "an empty list");
}

static void refused(void)
{
	static const struct {
		const char *name, *value;
		int code;
	} bad[] = {
		{ "ExecStart", "'/bin/sh'", EPERM },
		{ "SuccessAction", "'poweroff-force'", EPERM },
		{ "Wants", "['a.service']", EPERM },
		{ "Slice", "'a.slice'", EPERM },
		{ "killSignal", "9", EPERM },
		{ "KS", "9", EINVAL },
		{ "", "9", EINVAL },
		{ "Kill.Signal", "9", EINVAL },
		{ "KillSignal", "", EINVAL },
		{ "KillSignal", "9 9", EINVAL },
		{ "KillSignal", "9x", EINVAL },
		{ "KillSignal", "1.5", EINVAL },
		{ "KillSignal", "2147483648", EINVAL },
		{ "KillSignal", "'9'", EINVAL },
		{ "KillSignal", "int329", EINVAL },
		{ "KillSignal", "true", EINVAL },
		{ "TimeoutStopUSec", "-1", EINVAL },
		{ "TimeoutStopUSec", "uint64 18446744073709551616", EINVAL },
		{ "TimeoutStopUSec", "1.5", EINVAL },
		{ "TimeoutStopSec", "18446744073710", EINVAL },
		{ "TimeoutStopSec", "1e3", EINVAL },
		{ "TimeoutStopSec", ".", EINVAL },
		{ "SendSIGHUP", "truely", EINVAL },
		{ "SendSIGHUP", "1", EINVAL },
		{ "CollectMode", "inactive", EINVAL },
		{ "CollectMode", "'inactive", EINVAL },
		{ "CollectMode", "'in\\nactive'", EINVAL },
		{ "CollectMode", "'a' 'b'", EINVAL },
		{ "CollectMode", "'\\", EINVAL },
		{ "After", "'a.service'", EINVAL },
		{ "After", "['a.service'", EINVAL },
		{ "After", "['a.service',]", EINVAL },
		{ "After", "[,]", EINVAL },
		{ "After", "['a' 'b']", EINVAL },
		{ "After", "[", EINVAL },
	};
	struct systemd_property p;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		e.code = 0;
		ok(systemd_property_parse(bad[i].name, bad[i].value, &arena, &p, &e) < 0 &&
			   e.code == bad[i].code,
		   "%s=%s is refused", bad[i].name, bad[i].value);
	}
}

int main(void)
{
	numbers();
	texts();
	refused();
	return done_testing();
}
