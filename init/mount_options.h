/* SPDX-License-Identifier: Apache-2.0 */
/* The option strings of mounts[] (runtime-spec config.md, Linux mount options), as one table. */
#ifndef INIT_MOUNT_OPTIONS_H
#define INIT_MOUNT_OPTIONS_H

#include "state/spec.h"
#include "state/str.h"

#include <stdbool.h>
#include <stdint.h>

struct mount_options {
	uint64_t attr_set, attr_clr;	     /* MOUNT_ATTR_* of this mount */
	uint64_t rec_attr_set, rec_attr_clr; /* and of everything below it */
	uint64_t propagation[2];	     /* MS_*, without and with MS_REC; 0 for none */
	unsigned long ms_flags;		     /* for mount(2): MS_* */
	uint32_t super_set, super_clr;	     /* bit = index of mount_super_name() */
	bool bind, recursive_bind, remount;
	bool tmpcopyup, copy_symlink, idmap, src_nofollow, dest_nofollow;
	struct str data; /* what is for the file system, joined with "," */
};

/* Names that the table does not know go to data, unchanged. The caller calls mount_options_done. */
void mount_options_parse(const struct str_array *options, struct mount_options *ret);
void mount_options_done(struct mount_options *o);

/* "ro", "sync", "dirsync", "mand", "lazytime", "silent": flags of the superblock; NULL past the last. */
const char *mount_super_name(unsigned bit);

/* Every name of the table in turn; NULL past the last. For `features`. */
const char *mount_option_name(unsigned i);

#endif
