/* SPDX-License-Identifier: Apache-2.0 */
/* The mounts that criu(8) starts a restore from. */
#ifndef INIT_RESTORE_H
#define INIT_RESTORE_H

#include "state/base/err.h"
#include "state/spec/spec.h"

struct restore_root {
	const struct spec *spec;
	const char *bundle, *rootfs; /* absolute */
	const char *target;	     /* an empty directory, no link on its path */
	const char *empty;	     /* another, NULL: not wanted */
};

/*
 * Put rootfs on target, in a mount namespace of the caller's own, which nobody else sees and which
 * ends with it; make the mount points in rootfs that create would make and that are missing; and put on empty what is to be seen
 * at masked directories.
 * arg is a struct restore_root. For the process that becomes criu.
 */
must_check int restore_prepare_root(void *arg, struct err *e);

#endif
