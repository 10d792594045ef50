/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of mount.c for the files beside it. */
#ifndef INIT_MOUNT_H
#define INIT_MOUNT_H

#include "init/init.h"
#include "init/base/inside.h"
#include "init/mount/mount_options.h"

#include <stdint.h>
#include <string.h>

/* One entry of mounts[]. */
struct mount_work {
	const struct spec_mount *m;
	struct mount_options o;
	char *dest; /* cleaned, absolute; allocated */
	size_t index;
};

static inline bool mount_is_type(const struct mount_work *w, const char *type)
{
	return spec_mount_is(w->m, type);
}
static inline bool mount_is_bind(const struct mount_work *w)
{
	return w->o.bind || mount_is_type(w, "bind");
}

/*
 * The target of a mount as an O_PATH descriptor: made when missing, and not in /proc. *ret_made, if
 * not NULL, says that it was missing.
 */
must_check int mount_open_target(struct init *in, const char *dest, enum inside_kind kind,
				 bool is_proc, bool *ret_made, struct err *e);
must_check int mount_check_not_in_proc(const char *dest, int target_fd, bool is_proc, bool followed,
				       struct err *e);
/* Put a detached mount on the directory or file behind target_fd. */
must_check int mount_attach(int mount_fd, int target_fd, struct err *e);
/* mount_setattr(2); nothing asked costs nothing. flags may be AT_RECURSIVE. */
must_check int mount_set_attr(int fd, unsigned flags, uint64_t set, uint64_t clr, struct err *e);
/* What the options ask of a bind mount, attached or detached. */
must_check int mount_apply_attrs(int mount_fd, const struct mount_options *o, struct err *e);
must_check int mount_apply_propagation(int mount_fd, const struct mount_options *o, struct err *e);

/* mount_fs.c */
/* An entry that is no bind mount, new or with "remount". */
must_check int mount_fs(struct init *in, const struct mount_work *w, struct err *e);
must_check int mount_remount_fs(struct init *in, const struct mount_work *w, struct err *e);
/* It is made writable, to take mount points and device nodes, and read-only when they are there. */
bool mount_readonly_later(const struct mount_work *w);

/* mount_cgroup.c: a mount of type cgroup or cgroup2. */
must_check int mount_cgroup(struct init *in, const struct mount_work *w, struct err *e);
/* Where in it a hierarchy is: "cpu,cpuacct" in "cpu,cpuacct", "name=systemd" in "systemd", "" in "unified". */
const char *mount_cgroup_directory(const char *controllers);

#endif
