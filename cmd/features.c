/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull features` (runtime-spec features.md): what works, taken from the tables that the work is
 * done by.
 */
#include "cmd/line/cmd.h"

#include <ctype.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cmd/line/json_out.h"
#include "init/mount/mount_options.h"
#include "state/spec/annotations.h"
#include "state/spec/landlock.h"
#include "state/base/mem.h"
#include "state/base/names.h"
#include "state/record.h"
#include "state/base/str.h"
#include "state/base/sys.h"

/* {"enabled": value} */
static void add_enabled(struct json_out *o, const char *key, bool value)
{
	json_begin(o, key, "{");
	json_add_bool(o, "enabled", value);
	json_end(o, "}");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_sorted(struct json_out *o, const char *key, const char **names, size_t n)
{
	qsort(names, n, sizeof(*names), by_text);
	json_begin(o, key, "[");
	for (size_t i = 0; i < n; i++) {
		if (!i || strcmp(names[i], names[i - 1]) != 0)
			json_add_text(o, NULL, names[i]);
	}
	json_end(o, "]");
}

#define NAMES_MAX 128

/* The names of a table that wanted (NULL: all) accepts. */
static void add_names(struct json_out *o, const char *key, const struct name *table,
		      bool (*wanted)(const struct name *))
{
	const char *names[NAMES_MAX] = { NULL };
	size_t n = 0;

	for (; table->name && n < NAMES_MAX; table++) {
		if (!wanted || wanted(table))
			names[n++] = table->name;
	}
	add_sorted(o, key, names, n);
}

static void add_mount_options(struct json_out *o)
{
	const char *names[NAMES_MAX] = { NULL };
	size_t n = 0;

	while (n < NAMES_MAX && (names[n] = mount_option_name((unsigned)n)))
		n++;
	add_sorted(o, "mountOptions", names, n);
}

/* In the order of their numbers. */
static void add_capabilities(struct json_out *o)
{
	const char *name;

	json_begin(o, "capabilities", "[");
	for (int i = 0; (name = name_of(cap_names, i)); i++)
		json_add_text(o, NULL, name);
	json_end(o, "]");
}

/* --- seccomp ---------------------------------------------------------------------------------- */

/* "SCMP_ARCH_X86_64" is x86_64 to libseccomp, if this version knows it. */
static bool knows_arch(const struct name *arch)
{
	char name[32] = "";

	for (size_t i = 0; i < sizeof(name) - 1 && arch->name[10 + i]; i++)
		name[i] = (char)tolower((unsigned char)arch->name[10 + i]);
	return seccomp_arch_resolve_name(name) != 0;
}

/* The kernel looks at the flags first, and then for a filter at NULL. */
static bool kernel_has_flag(const struct name *flag)
{
	static const unsigned long bits[] = {
		[SC_FLAG_TSYNC] = SECCOMP_FILTER_FLAG_TSYNC,
		[SC_FLAG_LOG] = SECCOMP_FILTER_FLAG_LOG,
		[SC_FLAG_SPEC_ALLOW] = SECCOMP_FILTER_FLAG_SPEC_ALLOW,
		[SC_FLAG_WAIT_KILLABLE_RECV] = SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV |
					       SECCOMP_FILTER_FLAG_NEW_LISTENER,
	};
	unsigned long bit = (size_t)flag->value < ARRAY_SIZE(bits) ? bits[flag->value] : 0;

	return bit && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, bit, NULL) < 0 &&
	       errno == EFAULT;
}

static void add_seccomp(struct json_out *o)
{
	json_begin(o, "seccomp", "{");
	json_add_bool(o, "enabled", true);
	add_names(o, "actions", seccomp_action_names, NULL);
	add_names(o, "operators", seccomp_op_names, NULL);
	add_names(o, "archs", seccomp_arch_names, knows_arch);
	add_names(o, "knownFlags", seccomp_flag_names, NULL);
	add_names(o, "supportedFlags", seccomp_flag_names, kernel_has_flag);
	json_end(o, "}");
}

/* --- the document ----------------------------------------------------------------------------- */

static void add_hooks(struct json_out *o)
{
	static const char *const hooks[] = { "prestart",       "createRuntime", "createContainer",
					     "startContainer", "poststart",	"poststop" };

	json_begin(o, "hooks", "[");
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		json_add_text(o, NULL, hooks[i]);
	json_end(o, "]");
}

static void add_linux(struct json_out *o)
{
	json_begin(o, "linux", "{");
	add_names(o, "namespaces", namespace_names, NULL);
	add_capabilities(o);
	json_begin(o, "cgroup", "{");
	json_add_bool(o, "v1", true);
	json_add_bool(o, "v2", true);
	json_add_bool(o, "systemd", true);
	json_add_bool(o, "systemdUser", true);
	json_add_bool(o, "rdma", true);
	json_end(o, "}");
	add_seccomp(o);
	add_enabled(o, "apparmor", true);
	add_enabled(o, "selinux", true);
	json_begin(o, "intelRdt", "{");
	json_add_bool(o, "enabled", true);
	json_add_bool(o, "schemata", true);
	json_add_bool(o, "monitoring", true);
	json_end(o, "}");
	json_begin(o, "memoryPolicy", "{");
	add_names(o, "modes", mempolicy_mode_names, NULL);
	add_names(o, "flags", mempolicy_flag_names, NULL);
	json_end(o, "}");
	json_begin(o, "mountExtensions", "{");
	add_enabled(o, "idmap", true);
	json_end(o, "}");
	add_enabled(o, "netDevices", true);
	json_end(o, "}");
}

static void add_annotations(struct json_out *o)
{
	const struct scmp_version *v = seccomp_version();
	auto_free char *text = xasprintf("%u.%u.%u", v->major, v->minor, v->micro);
	auto_free char *abi = xasprintf("%d", sys_landlock_abi());

	json_begin(o, "annotations", "{");
	json_add_text(o, "io.github.seccomp.libseccomp.version", text);
	json_add_text(o, "org.opencontainers.runc.checkpoint.enabled", "true");
	json_add_text(o, LANDLOCK_PREFIX "abi", abi);
	json_end(o, "}");
}

static int run(struct invocation *inv, struct err *e)
{
	struct json_out o = { 0 };
	int r;

	(void)inv;
	json_begin(&o, NULL, "{");
	json_add_text(&o, "ociVersionMin", "1.0.0");
	json_add_text(&o, "ociVersionMax", OCI_VERSION);
	add_hooks(&o);
	add_mount_options(&o);
	add_linux(&o);
	add_annotations(&o);
	json_begin(&o, "potentiallyUnsafeConfigAnnotations", "[");
	for (size_t i = 0; annotations_unsafe[i]; i++)
		json_add_text(&o, NULL, annotations_unsafe[i]);
	json_end(&o, "]");
	json_end(&o, "}");
	str_add(&o.s, "\n");
	r = cmd_print(&o.s, e);
	str_done(&o.s);
	return r;
}

const struct command features_command = {
	.name = "features",
	.usage = "show the enabled features",
	.description =
		"The result is parsable as a JSON. See\n"
		"   https://github.com/opencontainers/runtime-spec/blob/main/features.md for "
		"the type\n"
		"   definition.",
	.min_args = 0,
	.max_args = 0,
	.run = run,
};
