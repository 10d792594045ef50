/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `hull features` (runtime-spec features.md): what works, taken from the tables that the work is
 * done by.
 */
#include "cmd/cmd.h"

#include <ctype.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "init/mount_options.h"
#include "state/annotations.h"
#include "state/mem.h"
#include "state/names.h"
#include "state/record.h"
#include "state/str.h"

#define INDENT "    "

/* A JSON document under construction. */
struct json_out {
	struct str s;
	int depth;
	bool more; /* something stands before in this object or array */
};

static void break_line(struct json_out *o)
{
	str_add(&o->s, "\n");
	for (int i = 0; i < o->depth; i++)
		str_add(&o->s, INDENT);
}

static void begin_item(struct json_out *o, const char *key)
{
	str_add(&o->s, o->more ? "," : "");
	if (o->depth)
		break_line(o);
	if (key) {
		str_add_json(&o->s, key);
		str_add(&o->s, ": ");
	}
	o->more = true;
}

static void begin(struct json_out *o, const char *key, const char *bracket)
{
	begin_item(o, key);
	str_add(&o->s, bracket);
	o->depth++;
	o->more = false;
}

static void end(struct json_out *o, const char *bracket)
{
	o->depth--;
	if (o->more)
		break_line(o);
	str_add(&o->s, bracket);
	o->more = true;
}

static void add_text(struct json_out *o, const char *key, const char *value)
{
	begin_item(o, key);
	str_add_json(&o->s, value);
}

static void add_bool(struct json_out *o, const char *key, bool value)
{
	begin_item(o, key);
	str_add(&o->s, value ? "true" : "false");
}

/* {"enabled": value} */
static void add_enabled(struct json_out *o, const char *key, bool value)
{
	begin(o, key, "{");
	add_bool(o, "enabled", value);
	end(o, "}");
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_sorted(struct json_out *o, const char *key, const char **names, size_t n)
{
	qsort(names, n, sizeof(*names), by_text);
	begin(o, key, "[");
	for (size_t i = 0; i < n; i++) {
		if (!i || strcmp(names[i], names[i - 1]) != 0)
			add_text(o, NULL, names[i]);
	}
	end(o, "]");
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

	begin(o, "capabilities", "[");
	for (int i = 0; (name = name_of(cap_names, i)); i++)
		add_text(o, NULL, name);
	end(o, "]");
}

/* --- seccomp ---------------------------------------------------------------------------------- */

/* The listener is still to come. */
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
	begin(o, "seccomp", "{");
	add_bool(o, "enabled", true);
	add_names(o, "actions", seccomp_action_names, NULL);
	add_names(o, "operators", seccomp_op_names, NULL);
	add_names(o, "archs", seccomp_arch_names, knows_arch);
	add_names(o, "knownFlags", seccomp_flag_names, NULL);
	add_names(o, "supportedFlags", seccomp_flag_names, kernel_has_flag);
	end(o, "}");
}

/* --- the document ----------------------------------------------------------------------------- */

static void add_hooks(struct json_out *o)
{
	static const char *const hooks[] = { "prestart",       "createRuntime", "createContainer",
					     "startContainer", "poststart",	"poststop" };

	begin(o, "hooks", "[");
	for (size_t i = 0; i < ARRAY_SIZE(hooks); i++)
		add_text(o, NULL, hooks[i]);
	end(o, "]");
}

static void add_linux(struct json_out *o)
{
	begin(o, "linux", "{");
	add_names(o, "namespaces", namespace_names, NULL);
	add_capabilities(o);
	begin(o, "cgroup", "{");
	add_bool(o, "v1", true);
	add_bool(o, "v2", true);
	add_bool(o, "systemd", true);
	add_bool(o, "systemdUser", true);
	add_bool(o, "rdma", true);
	end(o, "}");
	add_seccomp(o);
	add_enabled(o, "apparmor", true);
	add_enabled(o, "selinux", true);
	begin(o, "intelRdt", "{");
	add_bool(o, "enabled", true);
	add_bool(o, "schemata", true);
	add_bool(o, "monitoring", true);
	end(o, "}");
	begin(o, "memoryPolicy", "{");
	add_names(o, "modes", mempolicy_mode_names, NULL);
	add_names(o, "flags", mempolicy_flag_names, NULL);
	end(o, "}");
	begin(o, "mountExtensions", "{");
	add_enabled(o, "idmap", true);
	end(o, "}");
	add_enabled(o, "netDevices", true);
	end(o, "}");
}

static void add_annotations(struct json_out *o)
{
	const struct scmp_version *v = seccomp_version();
	auto_free char *text = xasprintf("%u.%u.%u", v->major, v->minor, v->micro);

	begin(o, "annotations", "{");
	add_text(o, "io.github.seccomp.libseccomp.version", text);
	add_text(o, "org.opencontainers.runc.checkpoint.enabled", "true");
	end(o, "}");
}

static int run(struct invocation *inv, struct err *e)
{
	struct json_out o = { 0 };
	int r;

	(void)inv;
	begin(&o, NULL, "{");
	add_text(&o, "ociVersionMin", "1.0.0");
	add_text(&o, "ociVersionMax", OCI_VERSION);
	add_hooks(&o);
	add_mount_options(&o);
	add_linux(&o);
	add_annotations(&o);
	begin(&o, "potentiallyUnsafeConfigAnnotations", "[");
	for (size_t i = 0; annotations_unsafe[i]; i++)
		add_text(&o, NULL, annotations_unsafe[i]);
	end(&o, "]");
	end(&o, "}");
	str_add(&o.s, "\n");
	r = cmd_print(&o.s, e);
	str_done(&o.s);
	return r;
}

const struct command features_command = {
	.name = "features",
	.args = "",
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
