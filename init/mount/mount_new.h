/* SPDX-License-Identifier: Apache-2.0 */
/* A new file system as a detached mount, wherever it will be attached. */
#ifndef INIT_MOUNT_MOUNT_NEW_H
#define INIT_MOUNT_MOUNT_NEW_H

#include "state/base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define MOUNT_VALUE_MAX 255 /* bytes of the value of one option (fs/fsopen.c) */

/* source may be NULL. attrs: MOUNT_ATTR_*. data is "a=b,c". Before Linux 5.2 by mount(2), in a tree of its own. */
must_check int mount_new_fs(const char *type, const char *source, uint64_t attrs, const char *data,
			    struct err *e);
/* The same with flags of the superblock (MS_*), by fsopen(2) alone: ENOSYS. */
must_check int mount_new_super(const char *type, const char *source, unsigned long ms,
			       uint64_t attrs, const char *data, struct err *e);
/* Can a new proc be that of another PID namespace than the caller's (pidns=, Linux 6.18)? fd is one, or -1. */
bool mount_takes_pid_ns(int fd);
/* The next option of data, which is cut there, or NULL; escapes: "\\," is a comma in a name (overlay). */
char *mount_next_option(char **data, bool escapes);

#endif
