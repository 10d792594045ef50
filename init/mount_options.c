/* SPDX-License-Identifier: Apache-2.0 */
/* Mount option strings to flags. Pure; runs in stage 2 and, for `features`, in hull. */
#include "init/mount_options.h"

#include "state/mem.h"
#include "state/sys.h"

#include <stdlib.h>
#include <string.h>

enum { SUPER_RO, SUPER_SYNC, SUPER_DIRSYNC, SUPER_MAND, SUPER_LAZYTIME, SUPER_SILENT };
static const char *const super_names[] = { "ro", "sync", "dirsync", "mand", "lazytime", "silent" };

enum what { ATTR, REC_ATTR, SUPER, PROPAGATION, SPECIAL, NOTHING };
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

/* For attributes: set and clr are MOUNT_ATTR_*; the atime ones are one field, so all bits of it are cleared. */
struct row {
	const char *name;
	enum what what;
	uint64_t set, clr;
	unsigned long ms; /* MS_* for mount(2); with clr: taken away */
};

#define ATIME	MOUNT_ATTR__ATIME
#define SB(bit) (1u << (bit))

static const struct row rows[] = {
	{ "async", SUPER, 0, SB(SUPER_SYNC), MS_SYNCHRONOUS },
	{ "atime", ATTR, 0, ATIME, MS_NOATIME },
	{ "bind", SPECIAL, BIND, 0, 0 },
	{ "copy-symlink", SPECIAL, COPY_SYMLINK, 0, 0 },
	{ "defaults", NOTHING, 0, 0, 0 },
	{ "dest-nofollow", SPECIAL, DEST_NOFOLLOW, 0, 0 },
	{ "dev", ATTR, 0, MOUNT_ATTR_NODEV, MS_NODEV },
	{ "diratime", ATTR, 0, MOUNT_ATTR_NODIRATIME, MS_NODIRATIME },
	{ "dirsync", SUPER, SB(SUPER_DIRSYNC), 0, MS_DIRSYNC },
	{ "exec", ATTR, 0, MOUNT_ATTR_NOEXEC, MS_NOEXEC },
	{ "idmap", SPECIAL, IDMAP, 0, 0 },
	{ "iversion", NOTHING, 0, 0, MS_I_VERSION },
	{ "lazytime", SUPER, SB(SUPER_LAZYTIME), 0, MS_LAZYTIME },
	{ "loud", SUPER, 0, SB(SUPER_SILENT), MS_SILENT },
	{ "mand", SUPER, SB(SUPER_MAND), 0, MS_MANDLOCK },
	{ "noatime", ATTR, MOUNT_ATTR_NOATIME, ATIME, MS_NOATIME },
	{ "nodev", ATTR, MOUNT_ATTR_NODEV, 0, MS_NODEV },
	{ "nodiratime", ATTR, MOUNT_ATTR_NODIRATIME, 0, MS_NODIRATIME },
	{ "noexec", ATTR, MOUNT_ATTR_NOEXEC, 0, MS_NOEXEC },
	{ "noiversion", NOTHING, 0, 1, MS_I_VERSION },
	{ "nolazytime", SUPER, 0, SB(SUPER_LAZYTIME), MS_LAZYTIME },
	{ "nomand", SUPER, 0, SB(SUPER_MAND), MS_MANDLOCK },
	{ "norelatime", ATTR, 0, ATIME, MS_RELATIME },
	{ "nostrictatime", ATTR, 0, ATIME, MS_STRICTATIME },
	{ "nosuid", ATTR, MOUNT_ATTR_NOSUID, 0, MS_NOSUID },
	{ "nosymfollow", ATTR, MOUNT_ATTR_NOSYMFOLLOW, 0, MS_NOSYMFOLLOW },
	{ "private", PROPAGATION, MS_PRIVATE, 0, 0 },
	{ "ratime", REC_ATTR, 0, ATIME, 0 },
	{ "rbind", SPECIAL, RBIND, 0, 0 },
	{ "rdev", REC_ATTR, 0, MOUNT_ATTR_NODEV, 0 },
	{ "rdiratime", REC_ATTR, 0, MOUNT_ATTR_NODIRATIME, 0 },
	{ "relatime", ATTR, MOUNT_ATTR_RELATIME, ATIME, MS_RELATIME },
	{ "remount", SPECIAL, REMOUNT, 0, 0 },
	{ "rexec", REC_ATTR, 0, MOUNT_ATTR_NOEXEC, 0 },
	{ "ridmap", SPECIAL, RIDMAP, 0, 0 },
	{ "rnoatime", REC_ATTR, MOUNT_ATTR_NOATIME, ATIME, 0 },
	{ "rnodev", REC_ATTR, MOUNT_ATTR_NODEV, 0, 0 },
	{ "rnodiratime", REC_ATTR, MOUNT_ATTR_NODIRATIME, 0, 0 },
	{ "rnoexec", REC_ATTR, MOUNT_ATTR_NOEXEC, 0, 0 },
	{ "rnorelatime", REC_ATTR, 0, ATIME, 0 },
	{ "rnostrictatime", REC_ATTR, 0, ATIME, 0 },
	{ "rnosuid", REC_ATTR, MOUNT_ATTR_NOSUID, 0, 0 },
	{ "rnosymfollow", REC_ATTR, MOUNT_ATTR_NOSYMFOLLOW, 0, 0 },
	{ "ro", SUPER, SB(SUPER_RO), 0, MS_RDONLY },
	{ "rprivate", PROPAGATION, MS_PRIVATE | MS_REC, 0, 0 },
	{ "rrelatime", REC_ATTR, MOUNT_ATTR_RELATIME, ATIME, 0 },
	{ "rro", REC_ATTR, MOUNT_ATTR_RDONLY, 0, 0 },
	{ "rrw", REC_ATTR, 0, MOUNT_ATTR_RDONLY, 0 },
	{ "rshared", PROPAGATION, MS_SHARED | MS_REC, 0, 0 },
	{ "rslave", PROPAGATION, MS_SLAVE | MS_REC, 0, 0 },
	{ "rstrictatime", REC_ATTR, MOUNT_ATTR_STRICTATIME, ATIME, 0 },
	{ "rsuid", REC_ATTR, 0, MOUNT_ATTR_NOSUID, 0 },
	{ "rsymfollow", REC_ATTR, 0, MOUNT_ATTR_NOSYMFOLLOW, 0 },
	{ "runbindable", PROPAGATION, MS_UNBINDABLE | MS_REC, 0, 0 },
	{ "rw", SUPER, 0, SB(SUPER_RO), MS_RDONLY },
	{ "shared", PROPAGATION, MS_SHARED, 0, 0 },
	{ "silent", SUPER, SB(SUPER_SILENT), 0, MS_SILENT },
	{ "slave", PROPAGATION, MS_SLAVE, 0, 0 },
	{ "src-nofollow", SPECIAL, SRC_NOFOLLOW, 0, 0 },
	{ "strictatime", ATTR, MOUNT_ATTR_STRICTATIME, ATIME, MS_STRICTATIME },
	{ "suid", ATTR, 0, MOUNT_ATTR_NOSUID, MS_NOSUID },
	{ "symfollow", ATTR, 0, MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW },
	{ "sync", SUPER, SB(SUPER_SYNC), 0, MS_SYNCHRONOUS },
	{ "tmpcopyup", SPECIAL, TMPCOPYUP, 0, 0 },
	{ "unbindable", PROPAGATION, MS_UNBINDABLE, 0, 0 },
};

const char *mount_super_name(unsigned bit)
{
	return bit < ARRAY_SIZE(super_names) ? super_names[bit] : NULL;
}

const char *mount_option_name(unsigned i)
{
	return i < ARRAY_SIZE(rows) ? rows[i].name : NULL;
}

static int by_name(const void *key, const void *row)
{
	return strcmp(key, ((const struct row *)row)->name);
}

/* A later option takes back what an earlier one of the same field said. */
static void change(uint64_t *set, uint64_t *clr, const struct row *r)
{
	*set = (*set & ~(r->clr | r->set)) | r->set;
	*clr = (*clr & ~r->set) | r->clr;
}

static void apply_super(struct mount_options *o, const struct row *r)
{
	o->super_set = (o->super_set & ~(uint32_t)r->clr) | (uint32_t)r->set;
	o->super_clr = (o->super_clr & ~(uint32_t)r->set) | (uint32_t)r->clr;
	/* "ro" is both: of the superblock, and, which is what a bind mount has, of the mount. */
	if ((r->set | r->clr) & SB(SUPER_RO))
		change(&o->attr_set, &o->attr_clr,
		       &(struct row){ .set = r->set ? MOUNT_ATTR_RDONLY : 0,
				      .clr = r->set ? 0 : MOUNT_ATTR_RDONLY });
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
	case RIDMAP:
		o->idmap = true;
		break;
	case SRC_NOFOLLOW:
		o->src_nofollow = true;
		break;
	case DEST_NOFOLLOW:
		o->dest_nofollow = true;
		break;
	}
}

static void apply(struct mount_options *o, const struct row *r)
{
	bool negative = r->clr && !r->set && r->what != REC_ATTR;

	o->ms_flags = negative ? o->ms_flags & ~r->ms : o->ms_flags | r->ms;
	switch (r->what) {
	case ATTR:
		change(&o->attr_set, &o->attr_clr, r);
		break;
	case REC_ATTR:
		change(&o->rec_attr_set, &o->rec_attr_clr, r);
		break;
	case SUPER:
		apply_super(o, r);
		break;
	case PROPAGATION:
		o->propagation[r->set & MS_REC ? 1 : 0] = r->set & ~(uint64_t)MS_REC;
		break;
	case SPECIAL:
		apply_special(o, (enum special)r->set);
		break;
	case NOTHING:
		break;
	}
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
		} else if (*opt) {
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
