/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings of id-mapped mounts. Pure; runs in hull, which makes the user namespaces of them. */
#include "init/mount/mount_idmap.h"

#include "state/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ID_END ((uint64_t)UINT32_MAX) /* no id, and no range goes beyond it */

struct range {
	uint64_t from, to, size;
};

static void add_range(struct str *out, const struct range *r)
{
	str_addf(out, "%llu %llu %llu\n", (unsigned long long)r->from, (unsigned long long)r->to,
		 (unsigned long long)r->size);
}

void mount_idmap_text(const struct spec_id_maps *maps, struct str *out)
{
	for (size_t i = 0; i < maps->n; i++)
		add_range(out, &(struct range){ maps->v[i].container_id.v, maps->v[i].host_id.v,
						maps->v[i].size.v });
}

/* Three numbers, between them one '-' or, from /proc, any number of blanks; its end, or NULL. */
static const char *parse_numbers(const char *s, char between, struct range *ret)
{
	uint64_t *const v[] = { &ret->from, &ret->to, &ret->size };

	for (size_t i = 0; i < 3; i++) {
		uint64_t n = 0;
		size_t len;

		if (i && *s++ != between)
			return NULL;
		s += between == ' ' ? strspn(s, " ") : 0;
		len = strspn(s, "0123456789");
		if (!len || len > 10)
			return NULL;
		for (size_t k = 0; k < len; k++)
			n = n * 10 + (uint64_t)(s[k] - '0');
		*v[i] = n;
		s += len;
	}
	return s;
}

/* The line of a map, as read from /proc, that an id is in. */
static bool find_line(const char *map, uint64_t id, struct range *ret)
{
	const char *p = map;

	while ((p = parse_numbers(p + strspn(p, "\n"), ' ', ret))) {
		if (id >= ret->from && id - ret->from < ret->size)
			return true;
	}
	return false;
}

bool mount_idmap_to_host(const char *map, uint64_t id, uint64_t *ret)
{
	struct range line;

	if (!find_line(map, id, &line))
		return false;
	*ret = line.to + id - line.from;
	return true;
}

/* Ids of the container's user namespace are the host's only line by line of its map. */
static int add_relative(const struct range *r, const char *own, struct str *out, struct err *e)
{
	struct range left = *r, line;

	while (left.size) {
		if (!find_line(own, left.to, &line))
			return err_set(e, EINVAL,
				       "%llu has no mapping in the container's user namespace",
				       (unsigned long long)left.to);
		line.size -= left.to - line.from;
		line.size = line.size < left.size ? line.size : left.size;
		add_range(out,
			  &(struct range){ left.from, line.to + left.to - line.from, line.size });
		left.from += line.size;
		left.to += line.size;
		left.size -= line.size;
	}
	return 0;
}

static int add_mapping(const char *text, const char *own, struct str *out, struct err *e)
{
	bool relative = *text == '@';
	struct range r;
	const char *end = parse_numbers(text + relative, '-', &r);

	if (!end || *end || !r.size)
		return err_set(e, EINVAL, "\"%s\" is not a range such as 0-100000-65536", text);
	if (r.from + r.size > ID_END || r.to + r.size > ID_END)
		return err_set(e, ERANGE, "\"%s\" goes beyond %u", text, UINT32_MAX);
	if (!relative) {
		add_range(out, &r);
		return 0;
	}
	if (str_empty(own))
		return err_set(
			e, EINVAL,
			"\"%s\" is relative to a user namespace, and the container has none of its own",
			text);
	return add_relative(&r, own, out, e);
}

int mount_idmap_parse(const char *spec, const char *own_uids, const char *own_gids,
		      struct str *uids, struct str *gids, struct err *e)
{
	auto_free char *copy = xstrdup(spec);
	char *rest = copy, *part;

	while ((part = strsep(&rest, ";"))) {
		bool is_uids = str_starts(part, "uids=");
		char *list = part + strlen("uids="), *one;

		if (!*part)
			continue;
		if (!is_uids && !str_starts(part, "gids="))
			return err_set(e, EINVAL, "\"%s\" is neither uids= nor gids=", part);
		while ((one = strsep(&list, "#"))) {
			if (add_mapping(one, is_uids ? own_uids : own_gids, is_uids ? uids : gids,
					e) < 0)
				return -1;
		}
	}
	if (!uids->n || !gids->n)
		return err_set(e, EINVAL,
			       "id-mapped mounts must have both uid and gid mappings specified");
	return 0;
}
