/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Annotations that runtimes act upon, as a table. Pure.
 *
 * Engines let users of a cluster choose some annotations, so what could reach the host is listed
 * for them (annotations_unsafe), and what hull does not do is an error where a container without
 * it would be less isolated or not what was asked for, and a warning where it merely lacks a comfort.
 */
#include "state/spec/annotations.h"

#include "state/base/mem.h"
#include "state/spec/landlock.h"
#include "state/spec/spec_types.h"
#include "state/base/str.h"
#include "state/spec/systemd_property.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int is_file(const struct spec *s, const char *value, struct err *e)
{
	(void)s;
	return value[0] == '/' ? 0 : decode_bad(e, value, "is not an absolute path");
}

static int is_receiver(const struct spec *s, const char *value, struct err *e)
{
	const struct spec_seccomp *sc = s->linux_->seccomp;

	if (is_file(s, value, e) < 0)
		return -1;
	if (sc && !str_empty(sc->listener_path) && strcmp(sc->listener_path, value))
		return err_set(e, EINVAL, "is another path than linux.seccomp.listenerPath");
	return 0;
}

/* A listener would have nobody who asks it. */
static int is_filter(const struct spec *s, const char *value, struct err *e)
{
	(void)value;
	return spec_notifies(s->linux_->seccomp) ?
		       err_set(e, EINVAL,
			       "a ready filter excludes SCMP_ACT_NOTIFY in linux.seccomp") :
		       0;
}

static int is_variant(const struct spec *s, const char *value, struct err *e)
{
	(void)s;
	if (!strcmp(value, "compat") || !strcmp(value, "compat-smart"))
		return 0;
	return decode_bad(e, value, "is not compat or compat-smart");
}

static int is_context(const struct spec *s, const char *value, struct err *e)
{
	static const char *const types[] = { "context", "fscontext", "defcontext", "rootcontext" };

	(void)s;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if (!strcmp(value, types[i]))
			return 0;
	}
	return decode_bad(e, value, "is not one of context, fscontext, defcontext and rootcontext");
}

/* clang-format off: a table, one row to an annotation. */
static const struct row {
	const char *key; /* with a "." at the end: a prefix */
	int (*check)(const struct spec *s, const char *value, struct err *e);
	const char *no_effect; /* why, in a warning */
	const char *refused;   /* why a value is an error, and what to use */
} rows[] = {
	{ ANNOTATION_HOOKS_STDOUT, is_file, NULL, NULL },
	{ ANNOTATION_HOOKS_STDERR, is_file, NULL, NULL },
	{ ANNOTATION_KEEP_GROUPS, NULL, NULL, NULL },
	{ ANNOTATION_SECCOMP_RECEIVER, is_receiver, NULL, NULL },
	{ ANNOTATION_SECCOMP_UNKNOWN, NULL, NULL, NULL },
	{ ANNOTATION_CRIU_CONFIG, NULL, NULL, NULL },
	{ ANNOTATION_PIDFD_RECEIVER, is_file, NULL, NULL },
	{ ANNOTATION_SECCOMP_BPF, is_filter, NULL, NULL },
	{ "run.oci.mount_context_type", is_context, NULL, NULL },
	{ ANNOTATION_HANDLER, NULL, NULL, NULL },
	{ ANNOTATION_WASM, is_variant, NULL, NULL },
	{ "run.oci.seccomp.plugins", NULL, NULL,
	  "a static program loads no libraries: an agent that listens at linux.seccomp.listenerPath "
	  "(run.oci.seccomp.receiver) is asked about the same calls" },
	{ "run.oci.systemd.force_cgroup_v1", NULL, NULL,
	  "a bind mount of the host's name=systemd hierarchy does the same" },
	{ "run.oci.delegate-cgroup", NULL, NULL,
	  "a container with a cgroup namespace and a writable cgroup2 mount has its own cgroup" },
	{ "run.oci.systemd.subgroup", NULL, "the unit's cgroup is the container's", NULL },
	{ "krun.", NULL, "a handler is given no more than its arguments", NULL },
};
/* clang-format on */

const char *const annotations_unsafe[] = {
	ANNOTATION_SYSTEMD_PROPERTY,
	ANNOTATION_HOOKS_STDOUT,
	ANNOTATION_HOOKS_STDERR,
	ANNOTATION_KEEP_GROUPS,
	ANNOTATION_SECCOMP_RECEIVER,
	ANNOTATION_CRIU_CONFIG,
	ANNOTATION_PIDFD_RECEIVER,
	ANNOTATION_SECCOMP_BPF,
	ANNOTATION_HANDLER,
	ANNOTATION_WASM,
	NULL,
};

static bool matches(const char *pattern, const char *key)
{
	size_t n = strlen(pattern);

	return pattern[n - 1] == '.' ? !strncmp(pattern, key, n) : !strcmp(pattern, key);
}

static const struct row *find(const char *key)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (matches(rows[i].key, key))
			return &rows[i];
	}
	return NULL;
}

static int check_property(const char *key, const char *value, struct err *e)
{
	struct systemd_property ignored;
	struct arena arena;
	int r;

	arena_init(&arena);
	r = systemd_property_parse(key + strlen(ANNOTATION_SYSTEMD_PROPERTY), value, &arena,
				   &ignored, e);
	free(arena.base);
	return r;
}

static int check(const struct spec *s, const char *key, const char *value, struct err *e)
{
	const struct row *row;

	if (matches(ANNOTATION_SYSTEMD_PROPERTY, key))
		return check_property(key, value, e);
	if (matches(LANDLOCK_PREFIX, key))
		return landlock_check(key, value, e);
	row = find(key);
	if (row && row->refused && *value) {
		auto_free char *text = xasprintf("is not supported: %s", row->refused);

		return decode_bad(e, value, text);
	}
	return row && row->check ? row->check(s, value, e) : 0;
}

int annotations_check(const struct spec *s, struct err *e)
{
	const struct map_entry *a;

	for (size_t i = 0; i < s->annotations.n; i++) {
		a = &s->annotations.v[i];
		if (check(s, a->key, a->value, e) < 0) {
			err_at_key(e, a->key);
			return err_at_key(e, "annotations");
		}
	}
	return 0;
}

static void tell(const char *key, const char *why, void (*warn)(const char *))
{
	auto_free char *text = xasprintf("annotation %s has no effect: %s", key, why);

	warn(text);
}

void annotations_warn(const struct spec *s, bool systemd, void (*warn)(const char *))
{
	const struct row *row;
	const char *key;

	for (size_t i = 0; i < s->annotations.n; i++) {
		key = s->annotations.v[i].key;
		row = find(key);
		if (matches(ANNOTATION_SYSTEMD_PROPERTY, key) && !systemd)
			tell(key, "it is for the systemd cgroup driver (--systemd-cgroup)", warn);
		else if (row && row->no_effect)
			tell(key, row->no_effect, warn);
		else if (s->hooks && s->hooks->start_container.n &&
			 str_starts(key, "run.oci.hooks."))
			tell(key, "on startContainer hooks: the file is the host's", warn);
	}
}
