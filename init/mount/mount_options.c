/* SPDX-License-Identifier: Apache-2.0 */
/* Mount option strings to flags. Pure; runs in stage 2 and, for `features` and sources, in hull. */
#include "init/mount/mount_options.h"

#include "state/base/mem.h"
#include "state/base/sys.h"

#include <stdlib.h>
#include <string.h>

enum what { FLAG, REC_ATTR, PROPAGATION, SPECIAL, NOTHING };
enum special {
	BIND = 1,
	RBIND,
	REMOUNT,
	TMPCOPYUP,
	COPY_SYMLINK,
	IDMAP,
	RIDMAP,
	SRC_NOFOLLOW,
	DEST_NOFOLLOW
};

/*
 * FLAG: MS_* of mount(2), "no..." being clr. REC_ATTR: MOUNT_ATTR_*; those of the access times are
 * one field, so all bits of it are cleared.
 */
struct row {
	const char *name;
	enum what what;
	uint64_t set, clr;
};

#define ATIME MOUNT_ATTR__ATIME

static const struct row rows[] = {
	{ "async", FLAG, 0, MS_SYNCHRONOUS },
	{ "atime", FLAG, 0, MS_NOATIME },
	{ "bind", SPECIAL, BIND, 0 },
	{ "copy-symlink", SPECIAL, COPY_SYMLINK, 0 },
	{ "defaults", NOTHING, 0, 0 },
	{ "dest-nofollow", SPECIAL, DEST_NOFOLLOW, 0 },
	{ "dev", FLAG, 0, MS_NODEV },
	{ "diratime", FLAG, 0, MS_NODIRATIME },
	{ "dirsync", FLAG, MS_DIRSYNC, 0 },
	{ "exec", FLAG, 0, MS_NOEXEC },
	{ "idmap", SPECIAL, IDMAP, 0 },
	{ "iversion", FLAG, MS_I_VERSION, 0 },
	{ "lazytime", FLAG, MS_LAZYTIME, 0 },
	{ "loud", FLAG, 0, MS_SILENT },
	{ "mand", FLAG, MS_MANDLOCK, 0 },
	{ "noatime", FLAG, MS_NOATIME, 0 },
	{ "nodev", FLAG, MS_NODEV, 0 },
	{ "nodiratime", FLAG, MS_NODIRATIME, 0 },
	{ "noexec", FLAG, MS_NOEXEC, 0 },
	{ "noiversion", FLAG, 0, MS_I_VERSION },
	{ "nolazytime", FLAG, 0, MS_LAZYTIME },
	{ "nomand", FLAG, 0, MS_MANDLOCK },
	{ "norelatime", FLAG, 0, MS_RELATIME },
	{ "nostrictatime", FLAG, 0, MS_STRICTATIME },
	{ "nosuid", FLAG, MS_NOSUID, 0 },
	{ "nosymfollow", FLAG, MS_NOSYMFOLLOW, 0 },
	{ "private", PROPAGATION, MS_PRIVATE, 0 },
	{ "ratime", REC_ATTR, 0, ATIME },
	{ "rbind", SPECIAL, RBIND, 0 },
	{ "rdev", REC_ATTR, 0, MOUNT_ATTR_NODEV },
	{ "rdiratime", REC_ATTR, 0, MOUNT_ATTR_NODIRATIME },
	{ "relatime", FLAG, MS_RELATIME, 0 },
	{ "remount", SPECIAL, REMOUNT, 0 },
	{ "rexec", REC_ATTR, 0, MOUNT_ATTR_NOEXEC },
	{ "ridmap", SPECIAL, RIDMAP, 0 },
	{ "rnoatime", REC_ATTR, MOUNT_ATTR_NOATIME, ATIME },
	{ "rnodev", REC_ATTR, MOUNT_ATTR_NODEV, 0 },
	{ "rnodiratime", REC_ATTR, MOUNT_ATTR_NODIRATIME, 0 },
	{ "rnoexec", REC_ATTR, MOUNT_ATTR_NOEXEC, 0 },
	{ "rnorelatime", REC_ATTR, 0, ATIME },
	{ "rnostrictatime", REC_ATTR, 0, ATIME },
	{ "rnosuid", REC_ATTR, MOUNT_ATTR_NOSUID, 0 },
	{ "rnosymfollow", REC_ATTR, MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "ro", FLAG, MS_RDONLY, 0 },
	{ "rprivate", PROPAGATION, MS_PRIVATE | MS_REC, 0 },
	{ "rrelatime", REC_ATTR, MOUNT_ATTR_RELATIME, ATIME },
	{ "rro", REC_ATTR, MOUNT_ATTR_RDONLY, 0 },
	{ "rrw", REC_ATTR, 0, MOUNT_ATTR_RDONLY },
	{ "rshared", PROPAGATION, MS_SHARED | MS_REC, 0 },
	{ "rslave", PROPAGATION, MS_SLAVE | MS_REC, 0 },
	{ "rstrictatime", REC_ATTR, MOUNT_ATTR_STRICTATIME, ATIME },
	{ "rsuid", REC_ATTR, 0, MOUNT_ATTR_NOSUID },
	{ "rsymfollow", REC_ATTR, 0, MOUNT_ATTR_NOSYMFOLLOW },
	{ "runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC, 0 },
	{ "rw", FLAG, 0, MS_RDONLY },
	{ "shared", PROPAGATION, MS_SHARED, 0 },
	{ "silent", FLAG, MS_SILENT, 0 },
	{ "slave", PROPAGATION, MS_SLAVE, 0 },
	{ "src-nofollow", SPECIAL, SRC_NOFOLLOW, 0 },
	{ "strictatime", FLAG, MS_STRICTATIME, 0 },
	{ "suid", FLAG, 0, MS_NOSUID },
	{ "symfollow", FLAG, 0, MS_NOSYMFOLLOW },
	{ "sync", FLAG, MS_SYNCHRONOUS, 0 },
	{ "tmpcopyup", SPECIAL, TMPCOPYUP, 0 },
	{ "unbindable", PROPAGATION, MS_UNBINDABLE, 0 },
};

/* The access times of a mount are one of these, or the kernel's choice. */
#define MS_ATIMES (MS_NOATIME | MS_RELATIME | MS_STRICTATIME)

static const struct {
	const char *name;
	unsigned long ms;
	uint64_t attr;
} flags[] = {
	{ "ro", MS_RDONLY, MOUNT_ATTR_RDONLY },
	{ "nosuid", MS_NOSUID, MOUNT_ATTR_NOSUID },
	{ "nodev", MS_NODEV, MOUNT_ATTR_NODEV },
	{ "noexec", MS_NOEXEC, MOUNT_ATTR_NOEXEC },
	{ "nosymfollow", MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW },
	{ "nodiratime", MS_NODIRATIME, MOUNT_ATTR_NODIRATIME },
	{ "noatime", MS_NOATIME, MOUNT_ATTR_NOATIME },
	{ "relatime", MS_RELATIME, MOUNT_ATTR_RELATIME },
	{ "strictatime", MS_STRICTATIME, MOUNT_ATTR_STRICTATIME },
};
#define PLAIN_ATTRS                                                                                \
	((uint64_t)(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | \
		    MOUNT_ATTR_NOSYMFOLLOW))

static const struct {
	const char *name;
	unsigned long ms;
} super_flags[] = {
	{ "ro", MS_RDONLY },	 { "sync", MS_SYNCHRONOUS },  { "dirsync", MS_DIRSYNC },
	{ "mand", MS_MANDLOCK }, { "lazytime", MS_LAZYTIME },
};

const char *mount_super_name(unsigned i, unsigned long *ret_ms)
{
	if (i >= ARRAY_SIZE(super_flags))
		return NULL;
	*ret_ms = super_flags[i].ms;
	return super_flags[i].name;
}

const char *mount_option_name(unsigned i)
{
	return i < ARRAY_SIZE(rows) ? rows[i].name : NULL;
}

void mount_flag_names(unsigned long ms, struct str *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (!(ms & flags[i].ms))
			continue;
		str_add(out, out->n ? "," : "");
		str_add(out, flags[i].name);
	}
}

uint64_t mount_options_new(const struct mount_options *o)
{
	uint64_t attrs = 0;

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		if (o->ms_set & flags[i].ms)
			attrs |= flags[i].attr;
	}
	return attrs;
}

static struct mount_change change_of(const struct mount_options *o, uint64_t clr)
{
	struct mount_change c = { .set = mount_options_new(o) };

	if (o->ms_set & (MS_ATIMES | MS_NODIRATIME))
		clr |= MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME;
	/* The kernel wants the whole field of access times cleared, and nothing else that is set. */
	c.clr = (clr & ~c.set) | (clr & MOUNT_ATTR__ATIME);
	return c;
}

struct mount_change mount_options_bind(const struct mount_options *o)
{
	return change_of(o, o->ms_set | o->ms_clr ? PLAIN_ATTRS : 0);
}

struct mount_change mount_options_locked(const struct mount_options *o)
{
	return change_of(o, MOUNT_ATTR_NOSYMFOLLOW);
}

struct mount_change mount_options_remount(const struct mount_options *o)
{
	struct mount_options cleared = { .ms_set = o->ms_clr };

	return change_of(o, mount_options_new(&cleared) & PLAIN_ATTRS);
}

static int by_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct row *)row)->name);
}

static void apply_special(struct mount_options *o, enum special what)
{
	switch (what) {
	case RBIND:
		o->recursive_bind = true;
		/* fall through */
	case BIND:
		o->bind = true;
		break;
	case REMOUNT:
		o->remount = true;
		break;
	case TMPCOPYUP:
		o->tmpcopyup = true;
		break;
	case COPY_SYMLINK:
		o->copy_symlink = true;
		break;
	case IDMAP:
		o->idmap = IDMAP_TOP;
		break;
	case RIDMAP:
		o->idmap = IDMAP_RECURSIVE;
		break;
	case SRC_NOFOLLOW:
		o->src_nofollow = true;
		break;
	case DEST_NOFOLLOW:
		o->dest_nofollow = true;
		break;
	}
}

/* A later option takes back what an earlier one of the same field said. */
static void apply_flag(struct mount_options *o, const struct row *r)
{
	unsigned long out = r->set & MS_ATIMES ? MS_ATIMES : r->clr;

	o->ms_set = (o->ms_set & ~out) | r->set;
	o->ms_clr = (o->ms_clr & ~r->set) | r->clr;
}

static void add_propagation(struct mount_options *o, unsigned long ms)
{
	if (o->n_propagation == PROPAGATION_MAX) {
		o->n_propagation--;
		memmove(o->propagation, o->propagation + 1,
			o->n_propagation * sizeof(o->propagation[0]));
	}
	o->propagation[o->n_propagation++] = ms;
}

static void apply(struct mount_options *o, const struct row *r)
{
	switch (r->what) {
	case FLAG:
		apply_flag(o, r);
		break;
	case REC_ATTR:
		o->rec_attr_set = (o->rec_attr_set & ~(r->clr | r->set)) | r->set;
		o->rec_attr_clr = (o->rec_attr_clr & ~r->set) | r->clr;
		break;
	case PROPAGATION:
		add_propagation(o, r->set);
		break;
	case SPECIAL:
		apply_special(o, (enum special)r->set);
		break;
	case NOTHING:
		break;
	}
}

/* crun: "idmap=uids=0-1-10#10-11-10;gids=0-100-10". */
static bool parse_idmap(struct mount_options *o, const char *opt)
{
	bool recursive = *opt == 'r';

	if (!str_starts(opt + recursive, "idmap="))
		return false;
	o->idmap = recursive ? IDMAP_RECURSIVE : IDMAP_TOP;
	o->idmap_spec = strchr(opt, '=') + 1;
	return true;
}

void mount_options_parse(const struct str_array *options, struct mount_options *ret)
{
	*ret = (struct mount_options){ 0 };
	for (size_t i = 0; i < options->n; i++) {
		const char *opt = options->v[i];
		const struct row *r =
			bsearch(opt, rows, ARRAY_SIZE(rows), sizeof(rows[0]), by_name);

		if (r) {
			apply(ret, r);
		} else if (*opt && !parse_idmap(ret, opt)) {
			if (ret->data.n)
				str_add(&ret->data, ",");
			str_add(&ret->data, opt);
		}
	}
}

void mount_options_done(struct mount_options *o)
{
	str_done(&o->data);
}

bool mount_has_mode(const char *data)
{
	return str_starts(data, "mode=") || strstr(data, ",mode=");
}

char *mount_destination(const char *rootfs, const char *destination)
{
	size_t n = strlen(rootfs);
	char *path = path_join("/", destination);

	if (!strncmp(path, rootfs, n) && path[n] == '/')
		memmove(path, path + n, strlen(path + n) + 1);
	return path;
}

/* No flag that an older kernel would not know. */
bool mount_options_simple(const struct mount_options *o, unsigned long ms)
{
	const unsigned long simple = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_STRICTATIME |
				     MS_RELATIME;

	return !(ms & ~simple) && !o->tmpcopyup && !o->rec_attr_set && !o->rec_attr_clr &&
	       !o->n_propagation;
}

/* security/selinux/hooks.c, selinux_parameters */
bool mount_is_context(const char *key)
{
	static const char *const keys[] = { "context", "fscontext", "defcontext", "rootcontext" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (!strcmp(key, keys[i]))
			return true;
	}
	return false;
}

char *mount_skip_context(char *data)
{
	char *value = strstr(data, "=\""), *end;
	char key[16];

	if (!value || (size_t)(value - data) >= sizeof(key))
		return data;
	memcpy(key, data, (size_t)(value - data));
	key[value - data] = '\0';
	end = mount_is_context(key) ? strchr(value + 2, '"') : NULL;
	return end ? end + 1 : data;
}

char *mount_unquote(char *value)
{
	size_t n = strlen(value);

	if (n < 2 || value[0] != '"' || value[n - 1] != '"')
		return value;
	value[n - 1] = '\0';
	return value + 1;
}
