/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From linux.cgroupsPath to a systemd unit: its name, its slice, and where systemd puts its cgroup
 * (systemd.slice(5), systemd.unit(5), systemd's docs/CGROUP_DELEGATION.md). Pure.
 */
#include "state/systemd/unit.h"

#include "state/base/mem.h"
#include "state/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#define UNIT_NAME_MAX 255

/* "slice:prefix:name" */
static bool is_path(const char *path)
{
	const char *first = strchr(path, ':');
	const char *second = first ? strchr(first + 1, ':') : NULL;

	return second && !strchr(second + 1, ':');
}

/* systemd.unit(5): letters, digits and ":-_.\", and "@" for instances. */
static bool is_unit_name(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)name[i]) && !strchr(":-_.\\@", name[i]))
			return false;
	}
	return n && n <= UNIT_NAME_MAX;
}

/*
 * A unit's directory must not be taken for a file of the cgroup file system: systemd puts "_"
 * before such a name.
 */
static bool needs_escape(const char *name)
{
	static const char *const controllers[] = { "cpu",    "cpuacct",	    "cpuset",  "io",
						   "blkio",  "memory",	    "devices", "pids",
						   "cgroup", "bpf-firewall" };
	size_t n = strcspn(name, ".");

	if (*name == '_' || *name == '.')
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(controllers); i++) {
		if (strlen(controllers[i]) == n && !memcmp(name, controllers[i], n) && name[n])
			return true;
	}
	return false;
}

static void add_component(struct str *path, const char *name)
{
	str_addf(path, "/%s%s", needs_escape(name) ? "_" : "", name);
}

const char *unit_slice_path(const char *slice, struct arena *a)
{
	static const char suffix[] = ".slice";
	size_t n = strlen(slice) - (str_ends(slice, suffix) ? strlen(suffix) : 0);
	auto_str struct str path = { 0 };

	if (!slice[n] || !n || !is_unit_name(slice) || strchr(slice, '@'))
		return NULL;
	if (!strcmp(slice, "-.slice"))
		return "/";
	/* Each "-" parts a slice from the one it is in. */
	for (size_t end = 1; end <= n; end++) {
		auto_free char *name = NULL;

		if (slice[end - 1] == '-' && (end == 1 || end == n || slice[end] == '-'))
			return NULL;
		if (end < n && slice[end] != '-')
			continue;
		name = xasprintf("%.*s.slice", (int)end, slice);
		add_component(&path, name);
	}
	return arena_strdup(a, path.s);
}

static int bad_form(const char *path, struct err *e)
{
	return err_set(e, EINVAL,
		       "expected cgroupsPath to be of format \"slice:prefix:name\" for systemd "
		       "cgroups, got \"%.300s\" instead",
		       path);
}

static int find_slice(struct unit *u, bool user, const char **ret_path, struct arena *a,
		      struct err *e)
{
	if (str_empty(u->slice))
		u->slice = user ? "user.slice" : "system.slice";
	else if (!strcmp(u->slice, "-"))
		u->slice = "-.slice";
	*ret_path = unit_slice_path(u->slice, a);
	return *ret_path ? 0 : err_set(e, EINVAL, "invalid slice name: %.300s", u->slice);
}

static int find_path(struct unit *u, const char *slice_path, struct arena *a, struct err *e)
{
	auto_str struct str path = { 0 };

	if (u->is_slice) {
		u->path = unit_slice_path(u->name, a);
		if (!u->path || !strcmp(u->path, "/"))
			return err_set(e, EINVAL, "invalid slice name: %.300s", u->name);
		return 0;
	}
	str_add(&path, strcmp(slice_path, "/") ? slice_path : "");
	add_component(&path, u->name);
	u->path = arena_strdup(a, path.s);
	return 0;
}

int unit_parse(const char *cgroups_path, const char *id, bool user, struct arena *a,
	       struct unit *ret, struct err *e)
{
	struct unit u = { .slice = "", .label = id };
	const char *prefix = "runc", *slice_path;
	char *rest;

	if (!str_empty(cgroups_path)) {
		if (!is_path(cgroups_path))
			return bad_form(cgroups_path, e);
		rest = arena_strdup(a, cgroups_path);
		u.slice = strsep(&rest, ":");
		prefix = strsep(&rest, ":");
		u.label = rest;
		if (!*u.label)
			return bad_form(cgroups_path, e);
	}
	if (find_slice(&u, user, &slice_path, a, e) < 0)
		return -1;
	u.is_slice = str_ends(u.label, ".slice");
	u.name = u.is_slice ? u.label : arena_printf(a, "%s-%s.scope", prefix, u.label);
	if (!is_unit_name(u.name))
		return err_set(e, EINVAL,
			       "\"%.300s\" is not the name of a systemd unit: expected at most %d "
			       "letters, digits and \":-_.\\@\"",
			       u.name, UNIT_NAME_MAX);
	if (find_path(&u, slice_path, a, e) < 0)
		return -1;
	*ret = u;
	return 0;
}
