/* SPDX-License-Identifier: Apache-2.0 */
/*
 * config.json from bytes to a checked struct spec: json.c reads, decode.c and the tables of
 * spec_*.c make it typed, this file fills in what the specification says absent properties mean,
 * and spec_check.c applies the rules between properties. Nothing here has side effects.
 */
#include "state/spec/spec.h"

#include "state/spec/annotations.h"
#include "state/format/json.h"
#include "state/base/mem.h"
#include "state/spec/spec_types.h"
#include "state/base/str.h"

#include <errno.h>
#include <string.h>

static int check_set(const void *value, struct err *e)
{
	return **(char *const *)value ? 0 : err_set(e, EINVAL, "must not be empty");
}

static int check_absolute(const void *value, struct err *e)
{
	const char *path = *(char *const *)value;

	return path[0] == '/' ? 0 : decode_bad(e, path, "is not an absolute path");
}

const struct type t_str = STRING(NULL);
const struct type t_str_set = STRING(check_set);
const struct type t_abspath = STRING(check_absolute);
const struct type t_strs = ARRAY(&t_str);
const struct type t_abspaths = ARRAY(&t_abspath);
const struct type t_str_map = STR_MAP(NULL);
const struct type t_bool = { .kind = K_BOOL, .size = sizeof(bool) };
const struct type t_opt_bool = { .kind = K_OPT_BOOL, .size = sizeof(struct opt_bool) };
const struct type t_int32 = INT(INT32_MIN, INT32_MAX);
const struct type t_int64 = INT(INT64_MIN, 0);
const struct type t_uint16 = UINT(UINT16_MAX);
const struct type t_uint32 = UINT(UINT32_MAX);
const struct type t_uint64 = UINT(0);
const struct type t_id = UINT(UINT32_MAX - 1); /* (uid_t)-1 means "do not change": setresuid(2) */
const struct type t_seconds = INT(1, INT32_MAX / 1000); /* so that poll's milliseconds fit an int */

/* The root's path may be relative, to the bundle; but the host's own root is no rootfs. */
static int check_root(const void *value, struct err *e)
{
	const char *path = *(char *const *)value;

	if (!*path)
		return err_set(e, EINVAL, "must not be empty");
	return path[strspn(path, "/")] ? 0 : err_set(e, EINVAL, "must not be the root of the host");
}

/* config.md, Annotations: "Keys MUST NOT be an empty string". */
static int check_annotations(const void *value, struct err *e)
{
	const struct str_map *map = value;

	for (size_t i = 0; i < map->n; i++) {
		if (!*map->v[i].key) {
			err_set(e, EINVAL, "a key must not be empty");
			return err_at_key(e, "");
		}
	}
	return 0;
}

static const struct type t_root_path = STRING(check_root);
static const struct type t_annotations = STR_MAP(check_annotations);

/* clang-format off: tables, one row to a property. */
static const struct field root_fields[] = {
	FIELD(spec_root, path, "path", &t_root_path, REQUIRED),
	FIELD(spec_root, readonly, "readonly", &t_bool, 0),
	{ 0 },
};
static const struct type t_root = OBJECT(spec_root, root_fields);

#define OTHER_OS "config.md, Platform-specific configuration: not for Linux"

static const struct field spec_fields[] = {
	FIELD(spec, oci_version, "ociVersion", &t_str, REQUIRED),
	FIELD(spec, root, "root", &t_root, REQUIRED),
	FIELD(spec, mounts, "mounts", &t_mounts, 0),
	FIELD(spec, process, "process", &spec_process_type, REQUIRED),
	FIELD(spec, hooks, "hooks", &t_hooks, 0),
	FIELD(spec, hostname, "hostname", &t_str, 0),
	FIELD(spec, domainname, "domainname", &t_str, 0),
	FIELD(spec, annotations, "annotations", &t_annotations, 0),
	FIELD(spec, linux_, "linux", &t_linux, 0),
	IGNORE("windows", OTHER_OS),
	IGNORE("solaris", OTHER_OS),
	IGNORE("vm", OTHER_OS),
	IGNORE("zos", OTHER_OS),
	IGNORE("freebsd", OTHER_OS),
	{ 0 },
};
const struct type spec_type = OBJECT(spec, spec_fields);
/* clang-format on */

/* The schema does not require process.user; runc and crun take its absence as root. */
static void fill_process(struct spec_process *p, struct arena *a)
{
	if (p->user)
		return;
	p->user = arena_zalloc(a, sizeof(*p->user));
	p->user->uid.set = p->user->gid.set = true;
}

/* config-linux.md, Allowed Device list: "Unset values mean 'all', mapping to a". */
static void fill_resources(struct spec_resources *r)
{
	for (size_t i = 0; i < r->devices.n; i++) {
		if (!r->devices.v[i].type)
			r->devices.v[i].type = 'a';
	}
}

/* Exchange dots and slashes if the first separator is a slash, as sysctl(8) and runc do. */
static void swap_separators(char *key)
{
	for (; *key; key++) {
		if (*key == '.')
			*key = '/';
		else if (*key == '/')
			*key = '.';
	}
}

/* What crun's users write in annotations, where no property says otherwise. */
static void fill_seccomp(struct spec *s)
{
	struct spec_seccomp *sc = s->linux_->seccomp;
	const char *receiver = spec_annotation(s, ANNOTATION_SECCOMP_RECEIVER);

	if (!sc)
		return;
	if (receiver && str_empty(sc->listener_path))
		sc->listener_path = (char *)(uintptr_t)receiver;
	sc->fail_unknown = spec_annotation(s, ANNOTATION_SECCOMP_UNKNOWN);
}

static void fill_spec(struct spec *s, struct arena *a)
{
	char *key;

	fill_process(s->process, a);
	if (!s->linux_)
		s->linux_ = arena_zalloc(a, sizeof(*s->linux_));
	fill_seccomp(s);
	if (s->linux_->resources)
		fill_resources(s->linux_->resources);
	for (size_t i = 0; i < s->linux_->sysctl.n; i++) {
		key = s->linux_->sysctl.v[i].key;
		if (key[strcspn(key, "./")] == '/')
			swap_separators(key);
	}
}

static int read_as(const struct type *t, const char *text, size_t len, struct arena *a, void *ret,
		   struct err *e)
{
	struct json tree auto_json = { 0 };

	return json_read(text, len, &tree, e) < 0 ? -1 : decode(t, tree.root, ret, a, e);
}

int spec_read(const char *text, size_t len, struct arena *a, struct spec **ret, struct err *e)
{
	struct spec *s = arena_zalloc(a, sizeof(*s));

	if (read_as(&spec_type, text, len, a, s, e) < 0)
		return -1;
	fill_spec(s, a);
	if (spec_check(s, e) < 0)
		return -1;
	*ret = s;
	return 0;
}

int spec_read_all(const char *text, size_t len, struct arena *a, struct spec **ret,
		  void (*fn)(void *arg, const struct err *e), void *arg, struct err *e)
{
	struct spec *s = arena_zalloc(a, sizeof(*s));
	struct json tree auto_json = { 0 };

	*ret = NULL;
	if (json_read(text, len, &tree, e) < 0)
		return -1;
	/* The rules between properties are about those that are right. */
	if (decode_all(&spec_type, tree.root, s, a, fn, arg) > 0)
		return 0;
	fill_spec(s, a);
	spec_check_all(s, fn, arg);
	*ret = s;
	return 0;
}

int spec_process_read(const char *text, size_t len, struct arena *a, struct spec_process **ret,
		      struct err *e)
{
	struct spec_process *p = arena_zalloc(a, sizeof(*p));

	if (read_as(&spec_process_type, text, len, a, p, e) < 0)
		return -1;
	fill_process(p, a);
	if (spec_process_check(p, e) < 0)
		return -1;
	*ret = p;
	return 0;
}

int spec_resources_read(const char *text, size_t len, struct arena *a, struct spec_resources **ret,
			struct err *e)
{
	struct spec_resources *r = arena_zalloc(a, sizeof(*r));

	if (read_as(&spec_resources_type, text, len, a, r, e) < 0)
		return -1;
	fill_resources(r);
	if (spec_resources_check(r, e) < 0)
		return -1;
	*ret = r;
	return 0;
}

const struct spec_namespace *spec_namespace(const struct spec *s, int type)
{
	for (size_t i = 0; i < s->linux_->namespaces.n; i++) {
		if (s->linux_->namespaces.v[i].type == type)
			return &s->linux_->namespaces.v[i];
	}
	return NULL;
}

int spec_namespace_flags(const struct spec *s)
{
	int flags = 0;

	for (size_t i = 0; i < s->linux_->namespaces.n; i++)
		flags |= s->linux_->namespaces.v[i].type;
	return flags;
}

bool spec_mount_has(const struct spec_mount *m, const char *option)
{
	for (size_t i = 0; i < m->options.n; i++) {
		if (!strcmp(m->options.v[i], option))
			return true;
	}
	return false;
}

bool spec_mount_is(const struct spec_mount *m, const char *type)
{
	return m->type && !strcmp(m->type, type);
}

bool spec_mount_is_bind(const struct spec_mount *m)
{
	return spec_mount_has(m, "bind") || spec_mount_has(m, "rbind") || spec_mount_is(m, "bind");
}

/* The last of a key counts, as it does for Go. */
static const char *value_of(const struct str_map *m, const char *key)
{
	for (size_t i = m->n; i-- > 0;) {
		if (!strcmp(m->v[i].key, key))
			return m->v[i].value;
	}
	return NULL;
}

const char *spec_unified(const struct spec_resources *r, const char *file)
{
	return value_of(&r->unified, file);
}

bool spec_is_idle(const struct spec_resources *r)
{
	const char *text = spec_unified(r, "cpu.idle");

	return text ? !strcmp(text, "1") : r->cpu && r->cpu->idle.set && r->cpu->idle.v == 1;
}

char *spec_sysctl_path(const char *key)
{
	char *path = xstrdup(key);

	swap_separators(path);
	return path;
}

bool spec_notifies(const struct spec_seccomp *s)
{
	for (size_t i = 0; s && i < s->syscalls.n; i++) {
		if (s->syscalls.v[i].action == SC_ACT_NOTIFY)
			return true;
	}
	return false;
}

const char *spec_annotation(const struct spec *s, const char *key)
{
	return value_of(&s->annotations, key);
}
