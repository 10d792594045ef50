/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options of a runtime, in each of the forms in which they come: runc's message; containerd's
 * generic one (runtimeoptions.v1.Options), which the CRI plugin sends for a runtime type that it does
 * not know, with the table of config.toml as a text, or the path of a file with one.
 */
#include "cmd/shim/task.h"

#include "cmd/shim/server.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#define CONFIG_MAX ((size_t)64 << 10) /* bytes of such a file */

/* runtimeoptions.v1.Options */
struct generic {
	struct pb_bytes config_path, config_body;
};
static const struct pb_row generic_rows[] = {
	PB_ROW(generic, config_path, 2, PB_STRING),
	PB_ROW(generic, config_body, 3, PB_BYTES),
	{ 0, PB_NUMBER, 0, NULL },
};

/* The names in config.toml, which are those of Go's struct. */
static const struct key {
	const char *name;
	enum pb_kind kind;
	size_t offset;
} keys[] = {
	{ "NoPivotRoot", PB_BOOL, offsetof(struct shim_options, no_pivot) },
	{ "NoNewKeyring", PB_BOOL, offsetof(struct shim_options, no_new_keyring) },
	{ "SystemdCgroup", PB_BOOL, offsetof(struct shim_options, systemd_cgroup) },
	{ "ShimCgroup", PB_STRING, offsetof(struct shim_options, shim_cgroup) },
	{ "Root", PB_STRING, offsetof(struct shim_options, root) },
	{ "CriuWorkPath", PB_STRING, offsetof(struct shim_options, criu_work_path) },
	/* Not runc's: hull --missing-controllers, for machines without one that kubelet sets limits in. */
	{ "MissingControllers", PB_STRING, offsetof(struct shim_options, missing) },
	{ "IoUid", PB_NUMBER, offsetof(struct shim_options, io_uid) },
	{ "IoGid", PB_NUMBER, offsetof(struct shim_options, io_gid) },
};

static const struct key *find_key(struct pb_bytes name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		/* TOML's readers in Go take keys in any case. */
		if (strlen(keys[i].name) == name.n && !strncasecmp(keys[i].name, name.s, name.n))
			return &keys[i];
	}
	return NULL;
}

static struct pb_bytes trim(struct pb_bytes b)
{
	const char blank[] = " \t\r";

	while (b.n && strchr(blank, b.s[b.n - 1]))
		b.n--;
	while (b.n && strchr(blank, *b.s))
		b.s++, b.n--;
	return b;
}

/* What stands behind a value: nothing, or a comment. A string is "as it is" or 'as it is'. */
static bool read_value(struct pb_bytes v, const struct key *k, struct shim_options *o)
{
	void *m = (char *)o + k->offset;
	char quote = v.n ? *v.s : '\0', text[24] = "";
	const char *end;

	if (k->kind == PB_STRING) {
		end = quote == '"' || quote == '\'' ? memchr(v.s + 1, quote, v.n - 1) : NULL;
		if (!end)
			return false;
		*(struct pb_bytes *)m = (struct pb_bytes){ v.s + 1, (size_t)(end - v.s - 1) };
		return true;
	}
	end = memchr(v.s, '#', v.n);
	v = trim((struct pb_bytes){ v.s, end ? (size_t)(end - v.s) : v.n });
	if (k->kind == PB_BOOL) {
		*(bool *)m = pb_is(v, "true");
		return pb_is(v, "true") || pb_is(v, "false");
	}
	if (v.n < sizeof(text))
		memcpy(text, v.s, v.n);
	return str_to_u64(text, m);
}

/* A table of TOML, a line for each key; others' keys are none of ours. */
static int read_toml(struct pb_bytes text, struct shim_options *o, struct err *e)
{
	const char *p = text.s, *end = p + text.n;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		struct pb_bytes line = { p, (size_t)((nl ? nl : end) - p) };
		const char *eq = line.n ? memchr(line.s, '=', line.n) : NULL;
		const struct key *k = NULL;

		p += line.n + (nl != NULL);
		if (!eq)
			continue;
		k = find_key(trim((struct pb_bytes){ line.s, (size_t)(eq - line.s) }));
		if (!k)
			continue;
		line = trim((struct pb_bytes){ eq + 1, (size_t)(line.s + line.n - eq - 1) });
		if (!read_value(line, k, o))
			return err_set(e, EINVAL, "the runtime's options: %s cannot be %.*s",
				       k->name, (int)(line.n & 0xff), line.s);
	}
	return 0;
}

/* *keep is what the strings of o point into; the caller frees it. */
static int read_any(const struct shim_any *any, struct shim_options *o, char **keep, struct err *e)
{
	struct generic g = { 0 };
	struct pb_bytes body;
	size_t n;

	*o = (struct shim_options){ 0 };
	*keep = NULL;
	if (!any->url.n && !any->value.n)
		return 0;
	if (pb_is(any->url, OPTIONS_URL) || pb_is(any->url, OLD_OPTIONS_URL))
		return pb_read(any->value,
			       pb_is(any->url, OPTIONS_URL) ? shim_options_rows :
							      shim_old_options_rows,
			       o) ?
			       0 :
			       err_set(e, EINVAL, "the runtime's options are damaged");
	if (!pb_is(any->url, "runtimeoptions.v1.Options") &&
	    !pb_is(any->url, "cri.runtimeoptions.v1.Options"))
		return err_set(e, EINVAL, "the runtime's options are a %.*s, not a " OPTIONS_URL,
			       (int)(any->url.n & 0xff), any->url.s);
	if (!pb_read(any->value, generic_rows, &g))
		return err_set(e, EINVAL, "the runtime's options are damaged");
	body = g.config_body;
	if (g.config_path.n) {
		auto_free char *path = pb_dup(g.config_path);

		if (fd_read_file(AT_FDCWD, path, CONFIG_MAX, keep, &n, e) < 0)
			return err_wrap(e, "the runtime's options");
		body = (struct pb_bytes){ *keep, n };
	}
	return body.n ? read_toml(body, o, e) : 0;
}

int task_read_options(const struct shim_any *any, struct task *c, struct err *e)
{
	auto_free char *keep = NULL;
	struct shim_options o;

	if (read_any(any, &o, &keep, e) < 0)
		return -1;
	c->no_pivot = o.no_pivot;
	c->no_new_keyring = o.no_new_keyring;
	c->systemd_cgroup = o.systemd_cgroup;
	c->io_uid = (uid_t)o.io_uid;
	c->io_gid = (gid_t)o.io_gid;
	c->missing = o.missing.n ? pb_dup(o.missing) : NULL;
	c->root = o.root.n ? xasprintf("%.*s/%s", (int)o.root.n, o.root.s, task_ns) :
			     xasprintf("%s/%s", task_root, task_ns);
	c->criu_work = o.criu_work_path.n ? pb_dup(o.criu_work_path) :
					    xasprintf("%s/work", c->bundle);
	return 0;
}

char *task_shim_cgroup(const struct shim_any *any)
{
	auto_free char *keep = NULL;
	struct shim_options o;
	struct err ignored;

	if (read_any(any, &o, &keep, &ignored) < 0 || !o.shim_cgroup.n)
		return NULL;
	return pb_dup(o.shim_cgroup);
}
