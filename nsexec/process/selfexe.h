/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSEXEC_PROCESS_SELFEXE_H
#define NSEXEC_PROCESS_SELFEXE_H

#include "state/base/err.h"

/*
 * A descriptor of hull's own binary through which nobody can write to it (CVE-2019-5736): a
 * container's process can open /proc/PID/exe of the stages that enter its namespaces. A detached
 * read-only mount of the file, or a sealed copy in memory where the kernel refuses that; the file itself
 * where no container could write to it: on a file system that nobody can, or of root's for an ordinary
 * user's. To be closed when it has been executed, before anything of the container runs: see
 * nsexec_start().
 */
must_check int selfexe_open(struct err *e);
/*
 * In the process that is about to execute fd, of selfexe_open(), and has a table of descriptors of its own:
 * what to execute instead. fd is closed, so that the mount is dissolved where hull closes its own: the kernel
 * waits there for a grace period, and not in execve(2), which closes this one. fd where it cannot be.
 */
must_check int selfexe_of_stage(int fd);
/*
 * For a process that starts many: what selfexe_open() gives from here on, to its children too, is a
 * copy of one descriptor, which this returns: of the file, whose mount is dissolved already. -1 where
 * that is not the way it is protected, and all is as before.
 */
int selfexe_keep(void);
/*
 * The same of another program, which fd is open at; path is for the error. An ordinary user's containers
 * are nobody who could write to a file of root's: theirs is fd itself.
 */
must_check int selfexe_protect(int fd, const char *path, struct err *e);

#endif
