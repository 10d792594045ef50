/* SPDX-License-Identifier: Apache-2.0 */
/* The root file system that containerd describes as mounts: made before create, undone after delete. */
#ifndef CMD_SHIM_MOUNTS_H
#define CMD_SHIM_MOUNTS_H

#include "state/base/err.h"
#include "state/format/protobuf.h"

/*
 * Mount all of mounts (containerd.types.Mount, field TASK_MOUNTS) on rootfs, which is made where it
 * is missing, in the mount namespace of the caller, whose working directory may be another
 * afterwards: a child's work. After a failure nothing is left mounted.
 */
must_check int mounts_make(struct pb mounts, const char *rootfs, struct err *e);

/* Unmount whatever is on rootfs; none is no error. */
must_check int mounts_undo(const char *rootfs, struct err *e);

#endif
