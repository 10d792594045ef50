/* SPDX-License-Identifier: Apache-2.0 */
/* Pieces of mount.c for the files beside it. */
#ifndef INIT_MOUNT_H
#define INIT_MOUNT_H

#include "init/init.h"
#include "init/mount_options.h"

#include <stdint.h>

/* A new file system as a detached mount. source may be NULL. data is "a=b,c". */
must_check int mount_new_fs(const char *type, const char *source, uint64_t attrs, const char *data,
			    struct err *e);
/* Put a detached mount on the directory or file behind target_fd. */
must_check int mount_attach(int mount_fd, int target_fd, struct err *e);
/* Attributes and propagation of an attached or detached mount; nothing asked costs nothing. */
must_check int mount_apply_attrs(int mount_fd, const struct mount_options *o, struct err *e);
must_check int mount_apply_propagation(int mount_fd, const struct mount_options *o, struct err *e);

/* mount_cgroup.c: a mount of type cgroup or cgroup2. */
must_check int mount_cgroup(struct init *in, const struct spec_mount *m,
			    const struct mount_options *o, struct err *e);

/* copyup.c: fill the directory to_fd with what is in from_fd (tmpcopyup). */
must_check int copyup(int from_fd, int to_fd, struct err *e);

#endif
