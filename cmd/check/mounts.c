/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts: their sources, their kinds, and how they lie over each other. */
#include "cmd/check/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "init/mount/mount_options.h"
#include "state/base/fd.h"
#include "state/base/mem.h"
#include "state/base/str.h"

static char *clean_destination(const struct spec_mount *m)
{
	return path_join("/", m->destination);
}

const struct spec_mount *check_mount_of(const struct check *c, const char *path)
{
	auto_free char *clean = path_join("/", path);

	for (size_t i = c->spec->mounts.n; i-- > 0;) {
		auto_free char *top = clean_destination(&c->spec->mounts.v[i]);

		if (path_is_below(clean, top))
			return &c->spec->mounts.v[i];
	}
	return NULL;
}

static void check_source(struct check *c, size_t i)
{
	const struct spec_mount *m = &c->spec->mounts.v[i];
	auto_free char *source = str_empty(m->source) ? NULL : check_path(c, m->source);
	char pointer[64];
	struct stat st;

	check_at(pointer, "mounts", i);
	if (!source) {
		check_say(c, CHECK_ERROR, pointer, "a bind mount without a source");
		return;
	}
	snprintf(pointer + strlen(pointer), sizeof(pointer) - strlen(pointer), "/source");
	if (stat(source, &st) < 0)
		check_say(c, CHECK_ERROR, pointer, "%s: %s", source, errno_text(errno));
}

/* A kind that the kernel has loaded, or could load: a mount of it is the only sure way to know. */
static void check_kind(struct check *c, size_t i)
{
	const struct spec_mount *m = &c->spec->mounts.v[i];
	const char *type = str_empty(m->type) ? "none" : m->type;
	auto_free char *known = NULL, *line = xasprintf("\t%s\n", type);
	struct err ignored;
	char pointer[64];

	if (!strcmp(type, "cgroup") || !strcmp(type, "none") || spec_mount_has(m, "remount") ||
	    fd_read_file(AT_FDCWD, "/proc/filesystems", 65536, &known, NULL, &ignored) < 0 ||
	    strstr(known, line))
		return;
	check_at(pointer, "mounts", i);
	snprintf(pointer + strlen(pointer), sizeof(pointer) - strlen(pointer), "/type");
	check_say(c, CHECK_WARNING, pointer,
		  "the kernel knows no file system \"%s\" now: it needs a module of it", type);
}

/* What lies over the mount i, of those that are made after it. */
static void check_order(struct check *c, size_t i)
{
	auto_free char *own = clean_destination(&c->spec->mounts.v[i]);
	char pointer[64];

	for (size_t k = i + 1; k < c->spec->mounts.n; k++) {
		auto_free char *later = clean_destination(&c->spec->mounts.v[k]);

		if (!path_is_below(own, later) || spec_mount_has(&c->spec->mounts.v[k], "remount"))
			continue;
		check_say(
			c, CHECK_WARNING, check_at(pointer, "mounts", i),
			"what is mounted at %s is covered by /mounts/%zu at %s, which comes later",
			own, k, later);
		return;
	}
	if (!strcmp(own, "/"))
		check_say(c, CHECK_WARNING, check_at(pointer, "mounts", i),
			  "it covers the root file system");
}

static void check_masked(struct check *c, size_t i)
{
	auto_free char *own = clean_destination(&c->spec->mounts.v[i]);
	const struct spec_linux *l = c->spec->linux_;
	char pointer[64];

	for (size_t k = 0; k < l->masked_paths.n; k++) {
		if (path_is_below(own, l->masked_paths.v[k]))
			check_say(c, CHECK_WARNING, check_at(pointer, "mounts", i),
				  "what is mounted at %s is masked by /linux/maskedPaths/%zu", own,
				  k);
	}
	for (size_t k = 0; k < l->readonly_paths.n; k++) {
		if (path_is_below(own, l->readonly_paths.v[k]) &&
		    !spec_mount_has(&c->spec->mounts.v[i], "ro"))
			check_say(
				c, CHECK_WARNING, check_at(pointer, "mounts", i),
				"what is mounted at %s becomes read-only by /linux/readonlyPaths/%zu",
				own, k);
	}
}

void check_mounts(struct check *c)
{
	for (size_t i = 0; i < c->spec->mounts.n; i++) {
		const struct spec_mount *m = &c->spec->mounts.v[i];

		if (spec_mount_is_bind(m) && !spec_mount_has(m, "remount"))
			check_source(c, i);
		else
			check_kind(c, i);
		check_order(c, i);
		check_masked(c, i);
	}
}
