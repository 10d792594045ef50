/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of the name tables: counts from the specification, and both directions. */
#include "state/base/names.h"

#include "state/base/sys.h"
#include "state/base/tap.h"

#include <signal.h>

static size_t count(const struct name *table)
{
	size_t n = 0;

	while (table[n].name)
		n++;
	return n;
}

static void test_table(const struct name *table, size_t wanted, const char *what)
{
	size_t n = count(table);
	bool both = true;
	int v;

	ok(n == wanted, "%s: %zu names, wanted %zu", what, n, wanted);
	for (size_t i = 0; i < n; i++) {
		both &= name_lookup(table, table[i].name, &v) && v == table[i].value;
		both &= name_of(table, v) != NULL;
		for (size_t j = 0; j < i; j++)
			both &= strcmp(table[i].name, table[j].name) != 0;
	}
	ok(both, "%s: every name leads to its number and back, none is there twice", what);
}

static void test_tables(void)
{
	int v;

	test_table(cap_names, 41, "capabilities");
	test_table(rlimit_names, 16, "rlimits");
	test_table(namespace_names, 8, "namespaces");
	test_table(signal_names, 34, "signals"); /* 31 and IOT, CLD, POLL */
	test_table(propagation_names, 8, "propagations");
	test_table(ioprio_class_names, 3, "I/O classes");
	test_table(sched_policy_names, 7, "scheduling policies");
	test_table(sched_flag_names, 7, "scheduling flags");
	test_table(mempolicy_mode_names, 7, "memory policies");
	test_table(mempolicy_flag_names, 3, "memory policy flags");
	test_table(seccomp_action_names, 9, "seccomp actions");
	test_table(seccomp_op_names, 7, "seccomp operators");
	test_table(seccomp_arch_names, 23, "seccomp architectures");
	test_table(seccomp_flag_names, 4, "seccomp flags");
	ok(!name_lookup(cap_names, "cap_chown", &v), "names are compared with case");
	ok(!name_of(cap_names, 41), "an unknown number has no name");
	ok(name_lookup(namespace_names, "mount", &v) && v == CLONE_NEWNS, "mount is CLONE_NEWNS");
}

static void test_signals(void)
{
	static const struct {
		const char *text;
		int sig;
	} cases[] = {
		{ "SIGTERM", SIGTERM }, { "TERM", SIGTERM },
		{ "term", SIGTERM },	{ "sigterm", SIGTERM },
		{ "15", 15 },		{ "0", 0 },
		{ "64", 64 },		{ "9", 9 },
		{ "65", -1 },		{ "-1", -1 },
		{ "015", -1 },		{ "", -1 },
		{ "SIG", -1 },		{ "SIGFOO", -1 },
		{ "1x", -1 },		{ "SIGSIGTERM", -1 },
		{ "+9", -1 },		{ "SIGRTMIN", 34 },
		{ "RTMIN", 34 },	{ "SIGRTMIN+3", 37 },
		{ "rtmin+30", 64 },	{ "RTMIN+31", -1 },
		{ "RTMIN-1", -1 },	{ "RTMAX", 64 },
		{ "SIGRTMAX-14", 50 },	{ "RTMAX-30", 34 },
		{ "RTMAX-31", -1 },	{ "RTMAX+1", -1 },
		{ "RTMIN+", -1 },	{ "RTMINx", -1 },
		{ "IOT", SIGABRT },	{ "WINCH", SIGWINCH },
	};
	char buf[32];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ok(signal_parse(cases[i].text) == cases[i].sig, "signal \"%s\" is %d",
		   cases[i].text, cases[i].sig);
	is(signal_name(SIGABRT, buf), "SIGABRT", "the name of SIGABRT is not its alias");
	is(signal_name(34, buf), "SIGRTMIN", "the name of 34");
	is(signal_name(64, buf), "SIGRTMIN+30", "the name of 64");
	is(signal_name(77, buf), "signal 77", "a number that is no signal");
}

int main(void)
{
	test_tables();
	test_signals();
	return done_testing();
}
