/* SPDX-License-Identifier: Apache-2.0 */
/* The option strings of mounts[] (runtime-spec config.md, Linux mount options), as one table. */
#ifndef INIT_MOUNT_OPTIONS_H
#define INIT_MOUNT_OPTIONS_H

#include "state/spec/spec.h"
#include "state/base/str.h"

#include <stdbool.h>
#include <stdint.h>

enum mount_idmap { IDMAP_NO, IDMAP_TOP, IDMAP_RECURSIVE };

#define PROPAGATION_MAX 8 /* of more, the last ones */

struct mount_options {
	unsigned long ms_set, ms_clr; /* MS_*: asked for, and asked not to be */
	uint64_t rec_attr_set,
		rec_attr_clr; /* MOUNT_ATTR_* for this mount and everything below it */
	unsigned long propagation[PROPAGATION_MAX]; /* MS_*, in their order: slave, shared is both */
	size_t n_propagation;
	bool bind, recursive_bind, remount;
	bool tmpcopyup, copy_symlink, src_nofollow, dest_nofollow;
	enum mount_idmap idmap;
	const char *idmap_spec; /* what follows "idmap=" (crun), within options; or NULL */
	struct str data;	/* what is for the file system, joined with "," */
};

/* Names that the table does not know go to data, unchanged. The caller calls mount_options_done. */
void mount_options_parse(const struct str_array *options, struct mount_options *ret);
void mount_options_done(struct mount_options *o);

/* Is there a "mode=" in data? */
bool mount_has_mode(const char *data);
/*
 * Where a mount is to be, cleaned; the caller frees it. As with runc a destination that begins with the path
 * of the root on the host is meant inside.
 */
char *mount_destination(const char *rootfs, const char *destination);
/*
 * Of a new file system with these flags (MS_*): one call of mount(2) does what is asked for, just as fsopen(2)
 * does, and nothing is to be done to the mount after that.
 */
bool mount_options_simple(const struct mount_options *o, unsigned long ms);

/*
 * SELinux labels have commas: context="u:r:t:s0:c1,c2". Past such an option at data's beginning, or
 * data; whether the key is one of SELinux; and the value (which is changed) without its quotes.
 */
char *mount_skip_context(char *data);
bool mount_is_context(const char *key);
char *mount_unquote(char *value);

/* MOUNT_ATTR_* to be set and to be cleared, as mount_setattr(2) wants them. */
struct mount_change {
	uint64_t set, clr;
};

/* For a new file system: what was asked for. */
uint64_t mount_options_new(const struct mount_options *o);
/*
 * For a bind mount, as a remount by mount(2) would do it: with any flag among the options, those
 * that are not among them are cleared; but the access times stay as they are unless one of their
 * flags is asked for ("atime" and "norelatime" only take back what stands before them).
 */
struct mount_change mount_options_bind(const struct mount_options *o);
/* The same where the host has locked the flags of the source (mount_namespaces(7)): they stay. */
struct mount_change mount_options_locked(const struct mount_options *o);
/* With "remount": what is named changes. */
struct mount_change mount_options_remount(const struct mount_options *o);

/*
 * The flags of a superblock that fsconfig(2) knows by name, in turn ("ro", "sync", "dirsync", ...),
 * each with its MS_*; NULL past the last. Those of MOUNT_CLASSIC only mount(2) can pass on.
 */
const char *mount_super_name(unsigned i, unsigned long *ret_ms);
#define MOUNT_CLASSIC (MS_SILENT | MS_I_VERSION)

/* Flags of a mount that a less privileged mount namespace may not clear, as text: "ro,nosuid". */
#define MOUNT_LOCKABLE \
	(MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME | MS_RELATIME)
void mount_flag_names(unsigned long ms, struct str *out);

/* Every name of the table in turn; NULL past the last. For `features`. */
const char *mount_option_name(unsigned i);

#endif
