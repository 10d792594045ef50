/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSEXEC_PROCESS_SELFEXE_H
#define NSEXEC_PROCESS_SELFEXE_H

#include "state/base/err.h"

/*
 * A descriptor of hull's own binary through which nobody can write to it (CVE-2019-5736): a
 * container's process can open /proc/PID/exe of the stages that enter its namespaces. A detached
 * read-only mount of the file, or a sealed copy in memory where the kernel refuses that. To be closed
 * when it has been executed, before anything of the container runs: see nsexec_start().
 */
must_check int selfexe_open(struct err *e);
/*
 * The same of another program, which fd is open at; path is for the error. An ordinary user's containers
 * are nobody who could write to a file of root's: theirs is fd itself.
 */
must_check int selfexe_protect(int fd, const char *path, struct err *e);

#endif
