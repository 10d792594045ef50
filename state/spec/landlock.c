/* SPDX-License-Identifier: Apache-2.0 */
#include "state/spec/landlock.h"

#include "state/spec/decode.h"
#include "state/base/mem.h"
#include "state/base/str.h"
#include "state/base/sys.h"

#include <errno.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>

#define FS_READ	 (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_ABI_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
/* Of what nobody can do without a right on a device, only who may write to it has it, too. */
#define FS_WRITE (landlock_fs_of(SYS_LANDLOCK_ABI_MAX) & ~(uint64_t)LANDLOCK_ACCESS_FS_EXECUTE)

uint64_t landlock_fs_of(int abi)
{
	uint64_t fs = abi >= 1 ? FS_ABI_1 : 0;

	if (abi >= 2)
		fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		fs |= SYS_LANDLOCK_FS_TRUNCATE;
	if (abi >= 5)
		fs |= SYS_LANDLOCK_FS_IOCTL_DEV;
	return fs;
}

uint64_t landlock_file_rights(void)
{
	return LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
	       LANDLOCK_ACCESS_FS_READ_FILE | SYS_LANDLOCK_FS_TRUNCATE | SYS_LANDLOCK_FS_IOCTL_DEV;
}

static struct landlock_rule *add(struct landlock *l, const char *key, uint64_t access)
{
	struct landlock_rule *r;

	l->rules = xrealloc(l->rules, (l->n + 1) * sizeof(*l->rules));
	r = &l->rules[l->n++];
	*r = (struct landlock_rule){ .key = key, .access = access };
	return r;
}

static int add_paths(struct landlock *l, const char *key, const char *value, uint64_t access,
		     struct err *e)
{
	l->fs = landlock_fs_of(SYS_LANDLOCK_ABI_MAX);
	for (const char *p = value; *p; p += *p == ':') {
		size_t n = strcspn(p, ":");
		bool optional = *p == '-';

		if (p[optional] != '/')
			return decode_bad(
				e, value,
				"is not a list of absolute paths with \":\" between them");
		add(l, key, access)->path = xstrndup(p + optional, n - optional);
		l->rules[l->n - 1].optional = optional;
		p += n;
	}
	return 0;
}

static int add_read(struct landlock *l, const char *key, const char *value, struct err *e)
{
	return add_paths(l, key, value, FS_READ, e);
}

static int add_execute(struct landlock *l, const char *key, const char *value, struct err *e)
{
	return add_paths(l, key, value, FS_READ | LANDLOCK_ACCESS_FS_EXECUTE, e);
}

static int add_write(struct landlock *l, const char *key, const char *value, struct err *e)
{
	return add_paths(l, key, value, FS_WRITE, e);
}

static bool port(const char **p, unsigned *ret)
{
	char *end;
	unsigned long n = **p >= '0' && **p <= '9' ? strtoul(*p, &end, 10) : 65536;

	if (n > 65535)
		return false;
	*p = end;
	*ret = (unsigned)n;
	return true;
}

static bool port_range(const char **p, struct landlock_rule *r)
{
	if (!port(p, &r->first))
		return false;
	r->last = r->first;
	if (**p != '-')
		return true;
	(*p)++;
	return port(p, &r->last) && r->last >= r->first;
}

static int add_ports(struct landlock *l, const char *key, const char *value, uint64_t access,
		     struct err *e)
{
	static const char expected[] =
		"is not a list such as 80,8000-8010 of ports from 0 to 65535";
	unsigned n = 0;

	l->net |= access;
	for (const char *p = value; *p; p += *p == ',') {
		struct landlock_rule *r = add(l, key, access);

		if (!port_range(&p, r) || (*p && *p != ',') || (*p == ',' && !p[1]))
			return decode_bad(e, value, expected);
		n += r->last - r->first + 1;
	}
	return n <= LANDLOCK_PORTS_MAX ? 0 : decode_bad(e, value, "is more than 4096 ports");
}

static int add_bind(struct landlock *l, const char *key, const char *value, struct err *e)
{
	return add_ports(l, key, value, SYS_LANDLOCK_NET_BIND_TCP, e);
}

static int add_connect(struct landlock *l, const char *key, const char *value, struct err *e)
{
	return add_ports(l, key, value, SYS_LANDLOCK_NET_CONNECT_TCP, e);
}

static int add_scope(struct landlock *l, const char *key, const char *value, struct err *e)
{
	static const struct {
		const char *name;
		uint64_t flag;
	} scopes[] = {
		{ "abstract-unix-socket", SYS_LANDLOCK_SCOPE_ABSTRACT_UNIX },
		{ "signal", SYS_LANDLOCK_SCOPE_SIGNAL },
	};

	(void)key;
	for (const char *p = value; *p; p += *p == ',') {
		size_t n = strcspn(p, ","), i = 0;

		while (i < ARRAY_SIZE(scopes) &&
		       (strlen(scopes[i].name) != n || strncmp(scopes[i].name, p, n) != 0))
			i++;
		if (i == ARRAY_SIZE(scopes))
			return decode_bad(e, value,
					  "is not a list of abstract-unix-socket and signal");
		l->scoped |= scopes[i].flag;
		p += n;
	}
	return 0;
}

static int set_best_effort(struct landlock *l, const char *key, const char *value, struct err *e)
{
	(void)key;
	l->best_effort = !strcmp(value, "true");
	return l->best_effort || !strcmp(value, "false") ?
		       0 :
		       decode_bad(e, value, "is not true or false");
}

static const struct row {
	const char *name; /* behind the prefix */
	int (*add)(struct landlock *l, const char *key, const char *value, struct err *e);
} rows[] = {
	{ "read", add_read },
	{ "execute", add_execute },
	{ "write", add_write },
	{ "bind", add_bind },
	{ "connect", add_connect },
	{ "scope", add_scope },
	{ "best-effort", set_best_effort },
};

static int read_one(struct landlock *l, const char *key, const char *value, struct err *e)
{
	const char *name = key + strlen(LANDLOCK_PREFIX);

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!strcmp(rows[i].name, name))
			return rows[i].add(l, key, value, e);
	}
	return err_set(
		e, EINVAL,
		"there is no such annotation: those of Landlock are read, execute, write, bind, connect, scope and best-effort");
}

int landlock_check(const char *key, const char *value, struct err *e)
{
	struct landlock l = { 0 };
	int r = read_one(&l, key, value, e);

	landlock_done(&l);
	return r;
}

int landlock_read(const struct spec *s, struct landlock *ret, struct err *e)
{
	*ret = (struct landlock){ 0 };
	for (size_t i = 0; i < s->annotations.n; i++) {
		const struct map_entry *a = &s->annotations.v[i];

		if (str_starts(a->key, LANDLOCK_PREFIX) && read_one(ret, a->key, a->value, e) < 0) {
			landlock_done(ret);
			err_at_key(e, a->key);
			return err_at_key(e, "annotations");
		}
	}
	return 0;
}

void landlock_done(struct landlock *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->rules[i].path);
	free(l->rules);
	*l = (struct landlock){ 0 };
}

int landlock_needs(const struct landlock *l, const char **ret_what)
{
	*ret_what = l->scoped ? LANDLOCK_PREFIX "scope" :
		    l->net    ? "TCP ports" :
		    l->fs     ? "files, truncate(2) too" :
				"";
	return l->scoped ? 6 : l->net ? 4 : l->fs ? 3 : 0;
}
