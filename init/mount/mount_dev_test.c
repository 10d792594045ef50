/* SPDX-License-Identifier: Apache-2.0 */
/* What hull may make of /dev ahead of init: only what nobody could tell from what init would make. */
#include "init/mount/mount_dev.h"

#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/tap.h"

#include <string.h>

#define DEV \
	"{\"destination\":\"/dev\",\"type\":\"tmpfs\",\"source\":\"tmpfs\",\"options\":[\"nosuid\",\"mode=755\"]}"
#define PTS \
	"{\"destination\":\"/dev/pts\",\"type\":\"devpts\",\"options\":[\"newinstance\",\"gid=5\"]}"
#define SHM  "{\"destination\":\"/dev/shm/\",\"type\":\"tmpfs\",\"options\":[\"size=64k\"]}"
#define PROC "{\"destination\":\"/proc\",\"type\":\"proc\"}"
#define BIND(d) \
	"{\"destination\":\"" d "\",\"type\":\"bind\",\"source\":\"/x\",\"options\":[\"bind\"]}"
#define TMPFS(d, o) "{\"destination\":\"" d "\",\"type\":\"tmpfs\",\"options\":[" o "]}"

static struct arena arena;

static struct spec *spec(const char *mounts, const char *linux_)
{
	auto_free char *text = xasprintf(
		"{\"ociVersion\":\"1.2.0\",\"root\":{\"path\":\"rootfs\"},\"process\":{\"args\":[\"sh\"],"
		"\"cwd\":\"/\"},\"mounts\":[%s],\"linux\":{%s}}",
		mounts, linux_);
	struct spec *s = NULL;
	struct err e;

	if (spec_read(text, strlen(text), &arena, &s, &e) < 0)
		ok(false, "%s", e.chain);
	return s;
}

#define MOUNT_NS "\"namespaces\":[{\"type\":\"mount\"}]"

static void plan_is(const char *mounts, const char *linux_, uint64_t want, bool complete,
		    const char *what)
{
	struct mount_dev plan;

	mount_dev_plan(spec(mounts, linux_), "/b/rootfs", &plan);
	ok(plan.mounts == want && plan.complete == complete, "%s (%#llx %d)", what,
	   (unsigned long long)plan.mounts, plan.complete);
}

static void test_plan(void)
{
	static const struct {
		const char *mounts;
		uint64_t want;
		bool complete;
		const char *what;
	} rows[] = {
		{ PROC "," DEV "," PTS "," SHM, 0xe, true, "the usual ones" },
		{ "", 0, false, "no mount" },
		{ PROC "," PTS, 0, false, "no /dev" },
		{ PTS "," DEV, 0, false, "a mount in /dev before it is covered by it" },
		{ DEV "," DEV, 0, false, "/dev twice" },
		{ DEV "," BIND("/dev"), 0, false, "/dev covered" },
		{ BIND("/dev") "," PTS, 0, false, "the host's /dev" },
		{ TMPFS("/dev", "\"nosuid\""), 0, false, "no mode: that of the image's directory" },
		{ TMPFS("/dev", "\"mode=755\",\"ro\""), 0, false, "read-only, when all is there" },
		{ TMPFS("/dev", "\"mode=755\",\"tmpcopyup\""), 0, false,
		  "with what is in the image" },
		{ TMPFS("/dev", "\"mode=755\",\"rro\""), 0, false, "a recursive attribute" },
		{ TMPFS("/dev", "\"mode=755\",\"shared\""), 0, false, "a propagation" },
		{ TMPFS("/./dev//", "\"mode=755\""), 1, true, "a destination that is not clean" },
		{ TMPFS("/b/rootfs/dev", "\"mode=755\""), 1, true,
		  "one that begins as the root does" },
		{ DEV "," BIND("/dev/shm") "," SHM, 1, true,
		  "something else is at the place before" },
		{ DEV "," BIND("/dev/shm/x") "," SHM, 1, true, "... or below it" },
		{ DEV "," SHM "," BIND("/dev/shm/x"), 3, true, "... and may be after it" },
		{ DEV "," TMPFS("/dev/a/b", ""), 1, true, "deeper is init's" },
		{ DEV "," BIND("/dev/null"), 1, false, "a mount on a node comes before the node" },
		{ DEV "," BIND("/dev/fd/x"), 1, false, "... and one where a link will be" },
		{ DEV "," BIND("/dev/core"), 1, false, "... or perhaps" },
		{ DEV "," BIND("/dev/nullx") "," BIND("/dev/x/null"), 1, true, "only on those" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		plan_is(rows[i].mounts, MOUNT_NS, rows[i].want, rows[i].complete, rows[i].what);
	plan_is(DEV,
		MOUNT_NS
		",\"devices\":[{\"path\":\"/dev/x\",\"type\":\"c\",\"major\":1,\"minor\":3}]",
		1, false, "devices of the configuration are init's");
}

static void test_many(void)
{
	auto_str struct str s = { 0 };

	for (int i = 0; i < 62; i++)
		str_addf(&s, BIND("/m%d") ",", i);
	str_add(&s, DEV "," SHM "," PTS);
	plan_is(s.s, MOUNT_NS, UINT64_C(3) << 62, true, "as many as fit the message");
}

static void possible(const char *linux_, bool want, const char *what)
{
	ok(mount_dev_possible(spec(DEV, linux_)) == want, "%s", what);
}

int main(void)
{
	arena_init(&arena);
	test_plan();
	test_many();
	possible(MOUNT_NS, true, "a mount namespace of its own");
	possible("", false, "none");
	possible("\"namespaces\":[{\"type\":\"mount\",\"path\":\"/proc/1/ns/mnt\"}]", false,
		 "that of another");
	possible("\"namespaces\":[{\"type\":\"mount\"},{\"type\":\"user\"}],\"uidMappings\":[{"
		 "\"containerID\":0,\"hostID\":1,\"size\":1}],\"gidMappings\":[{\"containerID\":0,"
		 "\"hostID\":1,\"size\":1}]",
		 false, "a user namespace");
	possible(MOUNT_NS ",\"mountLabel\":\"u:r:t:s0\"", false, "a label of SELinux");
	return done_testing();
}
