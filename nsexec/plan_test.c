/* SPDX-License-Identifier: Apache-2.0 */
#include "nsexec/plan.h"
#include "state/base/sys.h"
#include "state/base/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void is_plan(const char *name, const struct plan_input *in, const char *want)
{
	struct plan p;
	struct err e = { 0 };
	char text[512];

	if (plan_make(&p, in, &e) < 0) {
		ok(false, "%s: %s", name, e.chain);
		return;
	}
	plan_print(&p, text, sizeof(text));
	ok(!strcmp(text, want), "%s: \"%s\", expected \"%s\"", name, text, want);
}

static void stages(const char *name, const struct plan_input *in, enum plan_stages want)
{
	struct plan p = { 0 };
	struct err e = { 0 };

	ok(plan_make(&p, in, &e) == 0 && p.stages == want, "%s: %u stages, expected %d", name,
	   p.stages, want);
}

static void without(void)
{
	struct plan_input in = { .unshare = CLONE_NEWNS | CLONE_NEWNET, .pidfd = -1 };
	struct err e = { 0 };
	struct plan p;
	char text[64];

	ok(plan_make(&p, &in, &e) == 0 && plan_without(&p, CLONE_NEWNET) &&
		   !plan_without(&p, CLONE_NEWNET),
	   "a namespace is taken out of a plan once");
	plan_print(&p, text, sizeof(text));
	ok(!strcmp(text, "unshare mount"), "the others stay: %s", text);
	in.unshare |= CLONE_NEWUSER;
	ok(plan_make(&p, &in, &e) == 0 && !plan_without(&p, CLONE_NEWNET),
	   "not where several processes have a part in it");
}

static void refuses(const char *name, const struct plan_input *in, const char *want)
{
	struct plan p;
	struct err e = { 0 };

	ok(plan_make(&p, in, &e) < 0 && strstr(e.chain, want), "%s: \"%s\"", name, e.chain);
}

/* A kernel without user and IPC namespaces, as its /proc/self/ns shows it */
static void lacking(void)
{
	char dir[] = "/tmp/plan_test.XXXXXX", path[64];
	struct err e = { 0 };

	if (!ok(mkdtemp(dir) != NULL, "a directory"))
		return;
	snprintf(path, sizeof(path), "%s/net", dir);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	err_set(&e, EINVAL, "unshare: invalid argument");
	ok(plan_ns_lacking(CLONE_NEWNET, dir, &e) == -1 &&
		   !strcmp(e.chain, "unshare: invalid argument"),
	   "a kind that is there is no reason: %s", e.chain);
	plan_ns_lacking(CLONE_NEWUSER | CLONE_NEWNET, dir, &e);
	is(e.chain,
	   "this kernel has no user namespaces (CONFIG_USER_NS): unshare: invalid argument", "one");
	ok(e.code == EINVAL, "the code stays");
	err_set(&e, ENOSPC, "unshare: no space left on device");
	plan_ns_lacking(CLONE_NEWUSER, dir, &e);
	is(e.chain, "unshare: no space left on device", "another error says nothing of that");
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	struct plan_join net = { CLONE_NEWNET, 7 }, user = { CLONE_NEWUSER, 8 },
			 pid = { CLONE_NEWPID, 9 };
	struct plan_join mixed[] = {
		{ CLONE_NEWNS, 5 }, { CLONE_NEWNET, 6 }, { CLONE_NEWUSER, 7 }, { CLONE_NEWIPC, 8 }
	};
	struct plan_join many[20];

	is_plan("nothing", &(struct plan_input){ .pidfd = -1 }, "");
	is_plan("a default container",
		&(struct plan_input){ .unshare = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC,
				      .pidfd = -1 },
		"born in a new pid, unshare mount|ipc");
	is_plan("only a PID namespace",
		&(struct plan_input){ .unshare = CLONE_NEWPID, .pidfd = -1 }, "born in a new pid");
	is_plan("a joined PID namespace is for children only",
		&(struct plan_input){
			.join = &pid, .n_join = 1, .unshare = CLONE_NEWNS, .pidfd = -1 },
		"join pid, unshare mount, fork");
	is_plan("a new time namespace is for children only",
		&(struct plan_input){ .unshare = CLONE_NEWTIME | CLONE_NEWPID, .pidfd = -1 },
		"unshare pid|time, fork");
	is_plan("a user namespace comes first and is mapped",
		&(struct plan_input){ .unshare = CLONE_NEWUSER | CLONE_NEWNS, .pidfd = -1 },
		"unshare user, map ids, become root, unshare mount, fork");
	is_plan("joined before new",
		&(struct plan_input){
			.join = &net, .n_join = 1, .unshare = CLONE_NEWUSER, .pidfd = -1 },
		"join network, unshare user, map ids, become root, fork");
	is_plan("a joined user namespace",
		&(struct plan_input){
			.join = &user, .n_join = 1, .unshare = CLONE_NEWNS, .pidfd = -1 },
		"join user, become root, unshare mount, fork");
	is_plan("others are tried before the user namespace and joined after it, mount last",
		&(struct plan_input){ .join = mixed, .n_join = 4, .pidfd = -1 },
		"try to join network, try to join ipc, try to join mount, join user, become root, join network, join ipc, "
		"join mount, fork");
	is_plan("time offsets after the time namespace exists",
		&(struct plan_input){ .unshare = CLONE_NEWTIME, .time_offsets = true, .pidfd = -1 },
		"unshare time, set time offsets, fork");
	is_plan("exec is one join",
		&(struct plan_input){ .pidfd = 9, .pidfd_flags = CLONE_NEWNS | CLONE_NEWPID },
		"born in its pid, join mount");
	is_plan("exec into a user namespace",
		&(struct plan_input){ .pidfd = 9, .pidfd_flags = CLONE_NEWUSER | CLONE_NEWNS },
		"join user|mount, become root, fork");
	is_plan("exec into the host's PID namespace",
		&(struct plan_input){ .pidfd = 9, .pidfd_flags = CLONE_NEWNS }, "join mount");
	is_plan("exec into a time namespace",
		&(struct plan_input){ .pidfd = 9, .pidfd_flags = CLONE_NEWTIME | CLONE_NEWPID },
		"join pid|time, fork");
	is_plan("exec where somebody may trace: in the PID namespace when all else is done",
		&(struct plan_input){
			.pidfd = 9, .pidfd_flags = CLONE_NEWNS | CLONE_NEWPID, .traced = true },
		"join mount|pid, fork last");
	is_plan("exec where somebody may trace, into a user namespace, whose rights are no others'",
		&(struct plan_input){
			.pidfd = 9, .pidfd_flags = CLONE_NEWUSER | CLONE_NEWPID, .traced = true },
		"join user|pid, become root, fork");
	stages("nothing", &(struct plan_input){ .pidfd = -1 }, PLAN_ONE);
	stages("a joined user namespace",
	       &(struct plan_input){ .join = &user, .n_join = 1, .pidfd = -1 }, PLAN_TWO);
	stages("devices to be moved", &(struct plan_input){ .report = true, .pidfd = -1 },
	       PLAN_TWO);
	stages("a new user namespace",
	       &(struct plan_input){ .unshare = CLONE_NEWUSER, .pidfd = -1 }, PLAN_THREE);
	stages("time offsets",
	       &(struct plan_input){ .unshare = CLONE_NEWTIME, .time_offsets = true, .pidfd = -1 },
	       PLAN_THREE);
	refuses("joined and new",
		&(struct plan_input){
			.join = &net, .n_join = 1, .unshare = CLONE_NEWNET, .pidfd = -1 },
		"the network namespace is asked for twice");
	for (size_t i = 0; i < 20; i++)
		many[i] = net;
	refuses("joined twice", &(struct plan_input){ .join = many, .n_join = 20, .pidfd = -1 },
		"twice");
	ok(!strcmp(plan_ns_name(CLONE_NEWTIME), "time") && !strcmp(plan_ns_name(1), "?"),
	   "names of namespaces");
	lacking();
	without();
	return done_testing();
}
