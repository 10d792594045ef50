/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NSEXEC_SELFEXE_H
#define NSEXEC_SELFEXE_H

#include "state/err.h"

/*
 * A descriptor of hull's own binary through which nobody can write to it (CVE-2019-5736): a
 * container's process can open /proc/PID/exe of the stages that enter its namespaces. A detached
 * read-only mount of the file, or a sealed copy in memory where the kernel refuses that. To be closed
 * when it has been executed, before anything of the container runs: see nsexec_start().
 */
must_check int selfexe_open(struct err *e);

#endif
