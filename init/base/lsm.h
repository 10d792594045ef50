/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of AppArmor and SELinux for the program, its keyring and its mounts. */
#ifndef INIT_BASE_LSM_H
#define INIT_BASE_LSM_H

#include "init/base/run.h"
#include "state/base/str.h"

#include <stdbool.h>

/* Steps: open what takes the labels, of /proc as it was before anything of the container's; write them. */
must_check int lsm_open(struct init *in, struct err *e);
must_check int lsm_apply(struct init *in, struct err *e);

/*
 * Open thread-self/attr/NAME for writing below a descriptor of /proc. -1 and an error when that is
 * not a file of a proc file system, or something is mounted on it.
 */
must_check int lsm_open_attr(int proc_fd, const char *name, struct err *e);
/* With one write(2), as the kernel wants it. */
must_check int lsm_write_attr(int fd, const char *name, const char *text, struct err *e);

/* SELinux: keys made from now on have the label of the process, or (on == false) the usual one. */
must_check int lsm_label_keys(const struct init *in, bool on, struct err *e);

/*
 * The data of a new file system with linux.mountLabel as its context, where it takes one: data
 * itself, or what is built in buf.
 */
const char *lsm_mount_data(const struct init *in, const char *type, const char *data,
			   struct str *buf);

#endif
